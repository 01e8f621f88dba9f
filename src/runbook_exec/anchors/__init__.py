"""Anchors: copies of signed checkpoints out of the writer's reach, behind one interface.

Whoever owns the journal and its key can rewrite both. They cannot rewrite a copy that lies elsewhere: a
copy that the journal no longer fits is the proof. One module a kind; each passes the contract suite.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from runbook_exec.action import Finding
from runbook_exec.change import Json
from runbook_exec.errors import Invalid

KINDS = ("ssh", "rfc3161", "s3", "ticket")

Receipt = dict[str, Json]
"""What is kept of a copy, as plain JSON: `checkpoint`, `hash`, `at` (our clock; the far side's
in what is fetched), `kind`, `anchor` (its name), `seen_at` (the far side's clock), and what its kind adds: `body` and `signatures` (the checkpoint as it
lies there), `token` (a time stamp, base64)."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signed checkpoint on its way to an anchor."""

    client: str
    number: int
    hash: str
    """SHA-256 of `body`, in hex."""
    body: str
    """The very text that is signed."""
    signatures: Mapping[str, str]
    """Public key → signature."""

    @property
    def name(self) -> str:
        """The name of its copy: two different checkpoints of one number lie side by side."""
        return f"checkpoint-{self.number:012d}-{self.hash[:16]}"

    def line(self) -> str:
        """The copy: one line of JSON."""
        return json.dumps(
            {
                "checkpoint": self.number,
                "hash": self.hash,
                "body": self.body,
                "signatures": dict(self.signatures),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a far side has."""

    receipts: tuple[Receipt, ...]
    unreadable: tuple[str, ...] = ()
    """Names of copies that are there and make no sense: torn in a power cut, or not ours."""


class Anchor(Protocol):
    """A place out of the writer's reach, opened.

    Raises `Unreachable`, `NotAllowed`, `Transient` or `Failed`, all of them within `SECONDS`.
    """

    @property
    def kind(self) -> str:
        """One of `KINDS`."""

    @property
    def name(self) -> str:
        """For people, and in receipts: `ssh anchor@witness.example`."""

    @property
    def keeps(self) -> bool:
        """Whether the far side keeps copies that can be fetched; a time stamp is kept by us alone."""

    def put(self, signed: Signed, now: datetime) -> Receipt:
        """Leave a copy there and read it back. Repeating it is harmless; another copy is never replaced."""

    def fetch(self) -> Fetched:
        """All copies that the far side has, whoever brought them."""

    def check(self) -> list[Finding]:
        """Whether it answers, whether copies can be left, and whether they can be taken away."""


SECONDS = 20.0
"""How long an anchor may take to answer; a run never waits longer for one."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What opening an anchor may need besides its own settings."""

    client: str
    folder: Path
    """The project folder, which paths in settings are relative to."""
    ticket: Mapping[str, Json] | None = None
    """The connection of the ticket system, with its secrets looked up."""

    def path(self, name: str, where: str) -> Path:
        """A file that settings name; raises `Invalid` where there is none."""
        found = self.folder / Path(name).expanduser()
        if not found.is_file():
            raise Invalid(f"{name} is no file", where=where, next_move="correct the path in runbook.yaml")
        return found


def open_anchor(kind: str, settings: Mapping[str, Json], place: Place) -> Anchor:
    """The anchor of an entry under `blackbox.anchors`, its settings checked."""
    if kind not in KINDS:
        raise Invalid(
            f"there is no anchor {kind!r}", where="blackbox.anchors", next_move="known: " + ", ".join(KINDS)
        )
    module: Any = importlib.import_module(f"{__name__}.{kind}")
    opened: Anchor = module.opened(settings, place)
    return opened


def receipt(anchor: Anchor, signed: Signed, now: datetime, **more: Json) -> Receipt:
    """The receipt of a copy that was just left."""
    return {
        "checkpoint": signed.number,
        "hash": signed.hash,
        "at": now.isoformat(timespec="seconds"),
        "kind": anchor.kind,
        "anchor": anchor.name,
        **({"body": signed.body, "signatures": dict(signed.signatures)} if anchor.keeps else {}),
        **more,
    }


def read_line(line: str) -> Receipt | None:
    """What a copy says; None where it is none of ours, torn, or altered without thought."""
    try:
        found = json.loads(line)
        number, digest, body, signatures = (found[k] for k in ("checkpoint", "hash", "body", "signatures"))
        fits = hashlib.sha256(body.encode()).hexdigest() == digest
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if type(number) is not int or not isinstance(signatures, dict) or not fits:
        return None
    return {"checkpoint": number, "hash": digest, "body": body, "signatures": signatures}


def checked(
    settings: Mapping[str, Json], where: str, *, needed: tuple[str, ...], known: tuple[str, ...]
) -> None:
    """Raise `Invalid` for a key that is missing or that nobody knows."""
    for name in needed:
        if not settings.get(name):
            raise Invalid(f"{name} is missing", where=where, next_move=f"write {name}: … in runbook.yaml")
    for name in settings:
        if name not in (*needed, *known):
            raise Invalid(
                f"{name!r} is no key of this anchor",
                where=where,
                next_move="known: " + ", ".join((*needed, *known)),
            )
