"""The black box for whoever asks: exported as plain lines, verified in place, its key told and changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from runbook_exec import __version__
from runbook_exec.app import App, now
from runbook_exec.blackbox_verify import PinnedKey, Trust, Verdict, verify
from runbook_exec.checkpoint import Kept
from runbook_exec.errors import Invalid, JournalError, Refused, RunbookError
from runbook_exec.signing import Keys

Watch = Callable[[int], None]
"""Told how many events were read so far."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export holds."""

    file: Path
    events: int
    checkpoint: int
    """The newest that it reaches to; 0: none."""
    hash: str


def export(app: App, to: Path, *, since: str = "", with_decisions: bool = False, watch: Watch) -> Exported:
    """Write the record into a new file, complete or not at all. Holds no secret and no key of a subject.

    What no checkpoint covers yet gets one first. `with_decisions` adds what is sealed of decisions, in
    clear: reasons, and the texts that people signed.
    """
    newest = covered(app)
    client = app.project.client
    file = to / f"blackbox-{client}-{now():%Y%m%d-%H%M%S}.jsonl" if to.is_dir() else to
    if file.exists():
        raise Invalid("this file is there already", where=str(file), next_move="name a new one")
    readout = app.store.readout(client, opening=_opening(app) if with_decisions else lambda run, seq: None)
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("wb") as out:
            part.chmod(0o600)
            for record in readout.records(made=_time(app), program=__version__, since=since):
                out.write(_line(record))
                if record["type"] == "event" and not readout.events % 10_000:
                    watch(readout.events)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except OSError as error:
        raise Invalid(
            f"the export cannot be written: {error.strerror}", where=str(file), next_move="name another place"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return Exported(
        file=file,
        events=readout.events,
        checkpoint=newest.number if newest else 0,
        hash=newest.hash if newest else "",
    )


def covered(app: App, *, always: bool = False) -> Kept | None:
    """The newest checkpoint, written now where events wait for one; None where nothing is recorded."""
    written = app.store.ledger.write(app.project.client, at=_time(app), always=always)
    return written or app.store.ledger.newest(app.project.client)


def verify_live(app: App, trust: Trust, *, watch: Watch) -> Verdict:
    """Check the store itself, signatures under decisions included. By our own key, if none is named."""
    if not trust.keys:
        trust = replace(trust, keys=_own_keys(app))
    readout = app.store.readout(app.project.client, opening=_opening(app))
    return verify(readout.records(made=_time(app), program=__version__), trust, watch)


def anchor_age(app: App) -> timedelta:
    """How old the newest anchor may be by the project's settings."""
    return timedelta(seconds=app.project.anchor_age)


def signers(app: App) -> Mapping[str, frozenset[str]]:
    """Who signs decisions with which keys, by the people files of all environments."""
    found: dict[str, frozenset[str]] = {}
    for name in app.project.settings["environments"]:
        people = app.gatehouse(name).people()
        for person in people.humans.values():
            found[person.id] = found.get(person.id, frozenset()) | frozenset(person.keys)
    return found


# The key


def told_key(app: App) -> str:
    """The public key as an auditor is given it; the first checkpoint is written before it is told."""
    newest = app.store.ledger.newest(app.project.client) or covered(app, always=True)
    if newest is None:
        raise JournalError("the first checkpoint was not written", next_move="try again")
    # Whoever asks sees the key that will sign next, so the one at hand has to be it.
    public = app.keys.signer(newest.key).public
    return (
        f"runbook-blackbox ed25519 {public} {app.project.client}/{app.store.ledger.log(app.project.client)}"
    )


def rotate(app: App, *, reason: str, lost: bool, new: Keys | None = None) -> Kept:
    """Let a new key sign from here on. `lost`: without the old key's word, which the verifier will tell.

    `new` names the new key where the program does not keep it itself.
    """
    if not reason.strip():
        raise Invalid("a change of keys needs a reason", next_move="say why: --reason TEXT")
    newest = app.store.ledger.newest(app.project.client)
    if newest is None:
        raise Refused("nothing was signed yet", next_move="`runbook blackbox key` makes the first key")
    if not app.keys.is_ours and new is None:
        raise Invalid(
            "runbook.yaml names where the key is",
            where="blackbox.key",
            next_move="name the new one: --new file:/path/of/the/new.key; then write it into runbook.yaml",
        )
    old = None
    if not lost:
        old = app.keys.signer(newest.key)
    elif _is_at_hand(app, newest.key):
        raise Refused("the old key is not lost: it is at hand", next_move="leave --lost out")
    fresh = new.signer(None) if new else app.keys.prepare()
    kept = app.store.ledger.rotate(app.project.client, fresh, at=_time(app), old=old, reason=reason)
    if new is None:
        app.keys.take_over(kept.key)
    return kept


def _is_at_hand(app: App, public: str) -> bool:
    with suppress(RunbookError):
        return bool(app.keys.signer(public))
    return False


def _own_keys(app: App) -> tuple[PinnedKey, ...]:
    """The public half of the key at hand; none where nobody may read it here."""
    newest = app.store.ledger.newest(app.project.client)
    if newest is None:
        return ()
    with suppress(JournalError):
        log = app.store.ledger.log(app.project.client)
        return (PinnedKey(public=app.keys.public(), log=f"{app.project.client}/{log}"),)
    return ()


# Lines


def _line(record: Mapping[str, Any]) -> bytes:
    body = record.get("body")
    if isinstance(body, bytes):
        with suppress(UnicodeDecodeError):  # nobody wrote that: it becomes base64, and does not verify
            record = {**record, "body": body.decode()}
    return msgspec.json.encode(record) + b"\n"


def _opening(app: App) -> Callable[[str, int], Mapping[str, Any] | None]:
    """What is sealed of a decision, in clear; None where it was erased, or stands in clear anyway."""

    def opened(run: str, seq: int) -> Mapping[str, Any] | None:
        with suppress(JournalError):  # what does not open stays sealed, and the verifier says so
            event = next(iter(app.store.events(run, after=seq - 1)), None)
            if event is not None and event.body.get("text"):
                return {name: event.body.get(name) for name in ("reason", "text", "signature")}
        return None

    return opened


def _time(app: App) -> str:
    return app.clock().isoformat(timespec="microseconds")
