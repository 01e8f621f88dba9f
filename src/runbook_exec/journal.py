"""The append-only record of a run: its events and their chain. Pure: no storage, no clock.

Every event carries the SHA-256 of the event before it, so a changed, removed or inserted
event breaks the chain from there on. A run has no other state than its events (`replay`).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from runbook_exec.change import Json
from runbook_exec.errors import JournalError

SCHEMA_VERSION = 2
"""Of the event bodies and the store. A newer one is refused; an older one stays readable.

1: bodies in clear. 2: what is about the subject is sealed (`sealing`).
"""

FIRST = "0" * 64
"""What the first event of a run names as the event before it."""


class Kind(StrEnum):
    """What an event says. The names are stored; never rename one."""

    STARTED = "run.started"
    PLANNED = "run.planned"
    RESUMED = "run.resumed"
    STOPPED = "run.stopped"
    DONE = "run.done"
    CANCELLED = "run.cancelled"
    """A person ended it; what was done stays done."""
    ENDING = "run.ending"
    """A person wants it to end, while somebody else works on it: it ends once the step in flight is settled."""
    TAKEN = "run.taken"
    """Somebody else has the run from here on: whom to ask, and who goes on."""
    NOTED = "run.noted"
    """A remark for whoever comes next."""
    RESCHEDULED = "run.rescheduled"
    """Dates among the inputs are others now; a new plan follows."""
    UNDOING = "run.undoing"
    """Another run has begun to take this one back; it goes on no more."""
    UNDONE = "run.undone"
    GATE = "gate.waiting"
    """Somebody's word is missing; the first one under a plan begins the time until it expires."""
    DECIDED = "gate.decided"
    WITHDRAWN = "gate.withdrawn"
    """A decision taken back by whoever made it."""
    OPENED = "gate.opened"
    EXPIRED = "gate.expired"
    TURNED_AWAY = "gate.turned_away"
    """Rejected, or nobody can say who may open it."""
    BROKEN_GLASS = "gate.broken_glass"
    """Opened alone in an emergency, for an hour at most."""
    REVIEWED = "gate.reviewed"
    """Somebody else looked at broken glass afterwards."""
    ALERTED = "gate.alerted"
    """Who was told about broken glass, and how."""
    TOLD = "gate.told"
    """Who is told by mail that a gate waits, has waited long or has expired; or whom that did not reach."""
    SKIPPED = "step.skipped"
    ADOPTED = "step.adopted"
    """The world was already as planned; nothing was done."""
    INTENT = "step.intent"
    """Durable before the effect: from here on nobody may assume that nothing happened."""
    EVIDENCE = "step.evidence"
    RESULT = "step.result"
    """Read back and found as planned."""
    FAILED = "step.failed"
    WAITING = "step.waiting"
    DRIFTED = "step.drifted"
    RESOLVED = "step.resolved"
    """A person's word on a step that nobody could settle by reading."""
    CONFIRMED = "step.confirmed"
    """A person agreed to the step; a challenge takes two."""
    LEFT = "step.left"
    """Of an undo: it cannot come back, or somebody else changed it since; nothing was done."""
    DEFERRED = "step.deferred"
    """Put off until a day; the run does not end before it is settled."""
    DUE = "step.due"
    """A deferred step is to be done now."""
    NEVER = "step.never"
    """A deferred step is never to be done, by whoever may say so."""
    REOPENED = "step.reopened"
    """Done once, to be done again: what it made was held in memory only and is lost."""
    HELD = "subject.held"
    """Of the project's own chain, like those that follow: a subject may not be erased until released."""
    RELEASED = "subject.released"
    ERASED = "subject.erased"
    """From here on the keys that it names are gone, and what was sealed under them with them."""


def folded(subject: str) -> str:
    """A subject as it is compared: case, width and spaces around it make no other person."""
    return unicodedata.normalize("NFKC", subject).casefold().strip()


def project_chain(client: str) -> str:
    """The name of the chain that tells what concerns no single run of a client."""
    return f"project-{client}"


WORDS = frozenset(
    {
        Kind.DECIDED,
        Kind.WITHDRAWN,
        Kind.BROKEN_GLASS,
        Kind.REVIEWED,
        Kind.ALERTED,
        Kind.TOLD,
        Kind.ENDING,
        Kind.TAKEN,
        Kind.NOTED,
        Kind.DEFERRED,
        Kind.NEVER,
    }
)
"""What people say beside the process that works on the run, without taking it over."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One entry. `body` is what it says, opened; the chain covers the bytes that are kept (`stored`)."""

    client: str
    run: str
    seq: int
    """Counts from 1 within the run, without gaps."""
    at: str
    """UTC, ISO 8601 with microseconds."""
    who: str
    kind: str
    body: Mapping[str, Json]
    before: str
    """Hash of the event before this one in the run."""
    hash: str = ""
    stored: bytes = b""
    """The very bytes of the body as they are kept and hashed, sealed or not; empty: `encoded(body)`."""

    @property
    def kept(self) -> bytes:
        """The bytes that the store keeps as the body and that the chain covers."""
        return self.stored or encoded(self.body)

    def hashed(self) -> Event:
        """The event with the bytes of its body settled, and its hash over them."""
        settled = replace(self, stored=self.kept)
        return replace(settled, hash=event_hash(settled))


def encoded(body: Mapping[str, Json]) -> bytes:
    """The bytes of a body in clear."""
    return msgspec.json.encode(body, order="deterministic")


def event_hash(event: Event) -> str:
    """SHA-256 over every field, each with its length before it, so that no two events look alike."""
    digest = hashlib.sha256()
    fields = (event.client, event.run, str(event.seq), event.at, event.who, event.kind)
    for part in (*(text.encode() for text in fields), event.kept, event.before.encode()):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def check_chain(events: Iterable[Event]) -> None:
    """Raise `JournalError` at the first event that does not follow from the one before it."""
    before = FIRST
    for number, event in enumerate(events, 1):
        where = f"run {event.run}, event {event.seq}"
        if event.seq != number:
            raise JournalError(
                f"event {number} is missing", where=where, next_move="restore the journal from its copy"
            )
        if event.before != before or event.hash != event_hash(event):
            raise JournalError(
                "this event was changed after it was written",
                where=where,
                next_move="treat the run as tampered with; restore the journal from its copy",
            )
        before = event.hash
