"""A checkpoint: a signed statement of how far every run's journal goes. Pure: no key, no clock, no storage.

Checkpoints are numbered and chained. Each names the heads of the runs that changed since
the one before, so it stays small, and all of them together name every head.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from runbook_exec.change import Json
from runbook_exec.errors import JournalError
from runbook_exec.journal import FIRST, WORDS, Kind

VERSION = 1
PERIOD = 60
"""Seconds for which events may stay without a checkpoint while a process works."""

LATEST = 300
"""An event whose time lies more seconds than this before the newest checkpoint is dated anew, not written."""

CLOSING = WORDS | {
    *(Kind.STOPPED, Kind.DONE, Kind.CANCELLED, Kind.UNDOING, Kind.UNDONE),
    *(Kind.HELD, Kind.RELEASED, Kind.ERASED),
}
"""Kinds that no moment passes after: their checkpoint is written in the same transaction."""

SIGNED = b"runbook checkpoint, version 1\n"
"""Stands before the bytes that are signed, so that a signature fits a checkpoint and nothing else."""


class Signer(Protocol):
    """Whoever holds the key of the black box."""

    public: str
    """The public key: 32 bytes of Ed25519 in base64."""

    def sign(self, text: bytes) -> str:
        """An Ed25519 signature in base64."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What is stated."""

    client: str
    log: str
    """The id of this project's journal; a checkpoint of another one is told apart by it."""
    number: int
    at: str
    """UTC; no event that it covers is later, and no checkpoint before it."""
    events: int
    """How many events there are in all."""
    before: str = FIRST
    """Hash of the checkpoint before it."""
    key: str = ""
    """The public key that signs it."""
    heads: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Run → sequence number and hash of its newest event, of the runs that changed since the one before."""
    anchored: int = 0
    """The highest checkpoint that is known to have been copied out of our reach; 0: none."""
    rotation: Mapping[str, Json] | None = None
    """Of a key rotation: the key `from` which, and where that one was `lost`, the reason."""

    def body(self) -> bytes:
        """The very bytes that are kept, hashed and signed."""
        stated = {
            "version": VERSION,
            "checkpoint": self.number,
            "client": self.client,
            "log": self.log,
            "at": self.at,
            "events": self.events,
            "before": self.before,
            "key": self.key,
            "heads": self.heads,
            "anchored": self.anchored,
            **({"rotation": self.rotation} if self.rotation else {}),
        }
        return msgspec.json.encode(stated, order="sorted")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A checkpoint as it is stored."""

    number: int
    at: str
    events: int
    hash: str
    body: bytes
    signatures: Mapping[str, str]
    """Public key → signature; two of a rotation that the old key agreed to."""

    @property
    def key(self) -> str:
        """The key that signs from here on."""
        return str(msgspec.json.decode(self.body)["key"])


def signed(checkpoint: Checkpoint, *signers: Signer) -> Kept:
    """The checkpoint with its signatures."""
    body = checkpoint.body()
    return Kept(
        number=checkpoint.number,
        at=checkpoint.at,
        events=checkpoint.events,
        hash=digest(body),
        body=body,
        signatures={signer.public: signer.sign(SIGNED + body) for signer in signers},
    )


def digest(body: bytes) -> str:
    """SHA-256 of a checkpoint's bytes: what the next one names, and what an anchor copies."""
    return hashlib.sha256(body).hexdigest()


def is_due(kind: str, at: str, newest: Kept | None) -> bool:
    """Whether an event takes a checkpoint with it."""
    return newest is None or kind in CLOSING or apart(newest.at, at) >= PERIOD


def apart(earlier: str, later: str) -> float:
    """Seconds between two times as they are stored."""
    return (moment(later) - moment(earlier)).total_seconds()


def moment(at: str) -> datetime:
    """A stored time; one without a zone is UTC."""
    try:
        found = datetime.fromisoformat(at)
    except ValueError as error:
        raise JournalError(f"{at!r} is no time", next_move="`runbook blackbox verify` checks all") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
