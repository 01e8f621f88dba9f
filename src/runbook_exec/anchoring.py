"""Leaving copies of checkpoints at the project's anchors when they are due, and fetching what lies there.

It never fails a run, and never makes one wait: it is done after all else, every anchor at the same
time. A try that failed is kept beside the journal, shown by doctor, and made again later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

from runbook_exec import duration
from runbook_exec.action import Finding
from runbook_exec.anchors import SECONDS, Anchor, Fetched, Place, Receipt, Signed, open_anchor
from runbook_exec.app import App
from runbook_exec.change import Json
from runbook_exec.checkpoint import Kept, moment
from runbook_exec.errors import Failed, Invalid, JournalError, RunbookError
from runbook_exec.references import looked_up

EVERY = "1h"
AGAIN = timedelta(minutes=10)
"""After a try that failed the next one is not made sooner."""

FILE = "anchors.json"


@dataclass(frozen=True, kw_only=True)
class Try:
    """How the last tries of one anchor went. What counts as proof are the receipts, not this."""

    anchor: str
    checkpoint: int = 0
    """The newest one that was left there; 0: none."""
    done_at: str = ""
    tried_at: str = ""
    failed: str = ""
    """Why the last try failed; empty where it did not."""
    next_move: str = ""


def configured(app: App) -> list[tuple[str, Mapping[str, Json]]]:
    """Kind and settings of each anchor that `runbook.yaml` names."""
    return [next(iter(entry.items())) for entry in app.project.blackbox.get("anchors", ())]


def opened(app: App, kind: str, settings: Mapping[str, Json]) -> Anchor:
    """One anchor, its references looked up."""
    found = looked_up(kind, settings or {}, f"blackbox.anchors, {kind}")
    ticket = _ticket_system(app, found.pop("environment", None)) if kind == "ticket" else None
    return open_anchor(
        kind, found, Place(client=app.project.client, folder=app.project.folder, ticket=ticket)
    )


def leave(app: App, *, at: datetime, only_due: bool = False) -> list[Try]:
    """Leave a copy of the newest checkpoint at every anchor, or at those that are due; how each try went.

    Raises nothing for an anchor that fails. Where there is no checkpoint yet, there is nothing to leave.
    """
    newest = app.store.ledger.newest(app.project.client)
    if newest is None:
        return []
    before = tries(app)
    every = timedelta(seconds=duration.seconds(app.project.blackbox.get("every", EVERY)))
    chosen = [
        (number, entry)
        for number, entry in enumerate(configured(app))
        if not only_due or is_due(before.get(_key(number, entry[0])), newest.number, every=every, at=at)
    ]
    if not chosen:
        return []
    signed = copy_of(app.project.client, newest)
    made = _at_once(
        [partial(_tried, app, entry, signed, before.get(_key(n, entry[0])), at) for n, entry in chosen],
        [partial(_silent, entry, before.get(_key(n, entry[0])), at) for n, entry in chosen],
    )
    for receipt, _ in made:
        if receipt is not None:
            app.store.ledger.keep_anchor(
                app.project.client,
                checkpoint=newest.number,
                at=receipt["at"],
                kind=receipt["kind"],
                receipt=json.dumps(receipt, ensure_ascii=False).encode(),
            )
    told = {_key(number, entry[0]): how for (number, entry), (_, how) in zip(chosen, made, strict=True)}
    _keep(app, {**before, **told})
    return list(told.values())


def is_due(last: Try | None, newest: int, *, every: timedelta, at: datetime) -> bool:
    """Whether a copy of the newest checkpoint should be left by now."""
    if last is None:
        return True
    if last.failed:
        return _passed(last.tried_at, at, min(AGAIN, every))
    return newest > last.checkpoint and _passed(last.done_at, at, every)


def _passed(since: str, at: datetime, length: timedelta) -> bool:
    """Whether so much time is over; also where that time makes no sense, or lies ahead of a clock set back."""
    try:
        return not timedelta(0) <= at - moment(since) < length
    except JournalError:
        return True


def when_due(app: App, at: Callable[[], datetime]) -> None:
    """At the end of a command that wrote: leave what is due. Whatever goes wrong stays in here."""
    with suppress(Exception):
        if app.project.blackbox.get("anchors") and app.has_written:
            leave(app, at=at(), only_due=True)


def fetch(app: App) -> Iterator[tuple[str, Fetched | RunbookError]]:
    """(anchor, what lies there) for each anchor; the receipts of those that keep nothing, from the journal."""
    kept = [json.loads(receipt) for *_, receipt in app.store.ledger.anchors(app.project.client)]
    for kind, settings in configured(app):
        try:
            anchor = opened(app, kind, settings)
            if anchor.keeps:
                yield anchor.name, anchor.fetch()
            else:
                ours = (one for one in kept if one.get("anchor") == anchor.name)
                yield anchor.name, Fetched(receipts=tuple(ours))
        except RunbookError as error:
            yield kind, error


def certificates(app: App) -> bytes:
    """The certificates (PEM) of the authorities that `runbook.yaml` names; those that cannot be read are left out."""
    found = b""
    for kind, settings in configured(app):
        if kind == "rfc3161":
            with suppress(OSError, KeyError):
                found += (
                    app.project.folder / Path(str(settings["certificate"])).expanduser()
                ).read_bytes() + b"\n"
    return found


def save(folder: Path, found: Sequence[Receipt]) -> list[Path]:
    """Each receipt as a JSON file of its own, for an auditor; a file that is there is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for one in found:
        text = json.dumps(one, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        stem = f"{one['kind']}-{int(one['checkpoint']):012d}-{str(one['hash'])[:16]}"
        for number in range(1000):
            path = folder / (f"{stem}.json" if not number else f"{stem}-{number}.json")
            with suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
                file.write(text)
                written.append(path)
                break
            if path.read_text(encoding="utf-8") == text:
                break
        else:
            raise Failed("there are too many copies of one checkpoint", where=str(folder))
    return written


def examine(app: App, at: datetime) -> Iterator[tuple[str, Finding]]:
    """(anchor, finding) for doctor: whether each answers, what it can and cannot keep, and the last try."""
    before = tries(app)
    for number, (kind, settings) in enumerate(configured(app)):
        last = before.get(_key(number, kind))
        name = last.anchor if last else kind
        try:
            anchor = opened(app, kind, settings)
            name = anchor.name
            findings = anchor.check()
        except RunbookError as error:
            findings = [Finding.of(error)]
        for finding in findings:
            yield f"anchor, {name}", finding
        if last is not None and last.failed:
            what = f"no copy could be left at {last.tried_at[:16].replace('T', ' ')} UTC: {last.failed}"
            move = last.next_move or "`runbook blackbox anchor` tries again"
            yield f"anchor, {name}", Finding(ok=False, what=what, next_move=move)


def tries(app: App) -> dict[str, Try]:
    """How the last tries went, by place and kind. A file that cannot be read counts as none."""
    try:
        found = json.loads((app.project.state / FILE).read_bytes())
        return {key: Try(**body) for key, body in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def failed(app: App) -> list[Try]:
    """The anchors that are still named and whose last try failed."""
    before = tries(app)
    named = (before.get(_key(number, kind)) for number, (kind, _) in enumerate(configured(app)))
    return [one for one in named if one is not None and one.failed]


def copy_of(client: str, kept: Kept) -> Signed:
    """A stored checkpoint as it is copied."""
    body = kept.body.decode()
    return Signed(client=client, number=kept.number, hash=kept.hash, body=body, signatures=kept.signatures)


Tried = tuple[Receipt | None, Try]


def _at_once(works: Sequence[Callable[[], Tried]], late: Sequence[Callable[[], Tried]]) -> list[Tried]:
    """All of it at the same time. What takes longer than `SECONDS` is given up.

    The process may end without it; a copy that arrives all the same is found by the next try.
    """
    found: list[Tried | None] = [None] * len(works)

    def work(number: int) -> None:
        found[number] = works[number]()

    threads = [Thread(target=work, args=(number,), daemon=True) for number in range(len(works))]
    until = monotonic() + SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - monotonic()))
    return [one or late[number]() for number, one in enumerate(found)]


def _silent(entry: tuple[str, Mapping[str, Json]], last: Try | None, at: datetime) -> Tried:
    what = f"no answer within {SECONDS:.0f} s"
    last = last or Try(anchor=entry[0])
    return None, replace(last, tried_at=at.isoformat(timespec="seconds"), failed=what, next_move="")


def _tried(
    app: App, entry: tuple[str, Mapping[str, Json]], signed: Signed, last: Try | None, at: datetime
) -> Tried:
    now = at.isoformat(timespec="seconds")
    last = last or Try(anchor=entry[0])
    try:
        anchor = opened(app, *entry)
        last = replace(last, anchor=anchor.name, tried_at=now)
        receipt = anchor.put(signed, at)
    except RunbookError as error:
        return None, replace(last, tried_at=now, failed=error.what, next_move=error.next_move)
    except Exception as error:  # noqa: BLE001 - a defect of one anchor is told like a failure, and holds up no run
        what = f"a defect in this program: {type(error).__name__}"
        return None, replace(last, tried_at=now, failed=what, next_move="report it")
    return receipt, replace(last, checkpoint=signed.number, done_at=now, failed="", next_move="")


def _key(number: int, kind: str) -> str:
    return f"{number} {kind}"


def _keep(app: App, told: Mapping[str, Try]) -> None:
    path = app.project.state / FILE
    draft = path.with_name(f"{FILE}.{os.getpid()}")
    draft.write_text(json.dumps({key: asdict(how) for key, how in told.items()}, indent=1))
    draft.replace(path)


def _ticket_system(app: App, environment: Any) -> Mapping[str, Json] | None:
    found = app.project.environment(environment)
    if found.is_sandbox:
        from runbook_exec.sandbox import process

        sandbox = process.connections(app.project.state / "sandbox")
        found = app.project.environment(environment, sandbox)
    if "ticket" not in found.connections:
        if environment:
            raise Invalid(f"the environment {environment!r} has no ticket system", where="blackbox.anchors")
        return None
    return found.connection("ticket", write=True)
