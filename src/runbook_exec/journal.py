"""The append-only record of a run, and the run as its replay. Pure: no storage, no clock.

Every event carries the SHA-256 of the event before it, so a changed, removed or inserted
event breaks the chain from there on. A run has no other state than its events.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import msgspec

from runbook_exec.change import Json
from runbook_exec.decision import Decision, Verdict
from runbook_exec.errors import JournalError

SCHEMA_VERSION = 1
"""Of the event bodies. A newer one is refused; an older one stays readable."""

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
    REOPENED = "step.reopened"
    """Done once, to be done again: what it made was held in memory only and is lost."""


def folded(subject: str) -> str:
    """A subject as it is compared: case, width and spaces around it make no other person."""
    return unicodedata.normalize("NFKC", subject).casefold().strip()


WORDS = frozenset({Kind.DECIDED, Kind.WITHDRAWN, Kind.BROKEN_GLASS, Kind.REVIEWED, Kind.ALERTED})
"""What people say beside the process that works on the run, without taking it over."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One entry as stored."""

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

    def sealed(self) -> Event:
        """The event with its hash."""
        return replace(self, hash=event_hash(self))


def encoded(body: Mapping[str, Json]) -> bytes:
    """The bytes of a body, which are what is stored and hashed."""
    return msgspec.json.encode(body, order="deterministic")


def event_hash(event: Event) -> str:
    """SHA-256 over every field, each with its length before it, so that no two events look alike."""
    digest = hashlib.sha256()
    fields = (event.client, event.run, str(event.seq), event.at, event.who, event.kind)
    for part in (*(text.encode() for text in fields), encoded(event.body), event.before.encode()):
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


def check_next(run: Run, event: Event) -> None:
    """Raise `JournalError` where an event does not follow from what the run knows."""
    if (event.seq, event.before, event.hash) != (run.seq + 1, run.head, event_hash(event)):
        raise JournalError(
            "this event does not follow from the one before it",
            where=f"run {event.run}, event {event.seq}",
            next_move="treat the run as tampered with; restore the journal from its copy",
        )


class Word(StrEnum):
    """What a person may say about a step in doubt."""

    DONE = "done"
    REDO = "redo"


class StepStatus(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    BEGUN = "begun"
    """An intent without a result: the world must be read before anything else."""
    WAITING = "waiting"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    DRIFTED = "drifted"
    LEFT = "left"
    UNDONE = "undone"

    @property
    def is_over(self) -> bool:
        return self in {StepStatus.DONE, StepStatus.SKIPPED, StepStatus.LEFT, StepStatus.UNDONE}


class RunStatus(StrEnum):
    """Where a run stands, derived from its events alone."""

    RUNNING = "running"
    WAITING = "waiting"
    STOPPED = "stopped"
    """By a person, between two steps or while one waited."""
    FAILED = "failed"
    DRIFTED = "drifted"
    REFUSED = "refused"
    """A gate was rejected or has expired; a new plan may be asked for."""
    IN_DOUBT = "in doubt"
    DONE = "done"
    CANCELLED = "cancelled"
    UNDOING = "being undone"
    UNDONE = "undone"

    @property
    def is_over(self) -> bool:
        return self in {RunStatus.DONE, RunStatus.CANCELLED, RunStatus.UNDOING, RunStatus.UNDONE}


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """What the journal knows of one step (or one element of its `for_each`)."""

    status: StepStatus = StepStatus.PENDING
    changed: bool = False
    change: Mapping[str, Json] | None = None
    """As planned when it was begun; holds the before-image for undo."""
    images: tuple[Mapping[str, Json] | None, ...] = ()
    """Every change that it was begun with, in order; None where a new plan was made in between."""
    happened: bool = False
    """True once an effect of it was seen."""
    nature: str = ""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    evidence: Mapping[str, Json] = field(default_factory=dict)
    undo: Mapping[str, Json] = field(default_factory=dict)
    note: str = ""
    attempts: int = 0
    confirmed_by: tuple[str, ...] = ()
    error: Mapping[str, Json] | None = None
    begun_at: str = ""
    ended_at: str = ""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Since when a gate has waited under the present plan, by which rule, and when it opened."""

    since: str = ""
    opened: str = ""
    rule: Mapping[str, Json] = field(default_factory=dict)
    """As `plan_line.gate_body` gives it, every name in it known."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as its events tell it."""

    id: str
    client: str
    started: Mapping[str, Json]
    """Body of the first event: runbook text and digest, inputs, environment, requester, ticket."""
    started_at: str
    plan: Mapping[str, Json]
    """Body of the newest plan: digest and lines."""
    steps: Mapping[str, StepRecord]
    status: RunStatus
    why: str = ""
    next_move: str = ""
    undone_by: str = ""
    """The newest run that takes this one back."""
    seq: int = 0
    head: str = FIRST
    ended_at: str = ""
    decisions: tuple[Decision, ...] = ()
    """Every word on a gate, those for older plans and those taken back included."""
    waits: Mapping[str, Wait] = field(default_factory=dict)
    """By gate; a new plan begins anew."""

    @property
    def is_over(self) -> bool:
        return self.status.is_over

    def record(self, step: str) -> StepRecord:
        return self.steps.get(step, StepRecord())

    def records_of(self, step_id: str) -> dict[str, StepRecord]:
        """The records of a step: its own, or those of its elements once there are any."""
        found = {label: record for label, record in self.steps.items() if label.partition("[")[0] == step_id}
        return {label: record for label, record in found.items() if label != step_id} or found


def replay(events: Iterable[Event]) -> Run:
    """Fold events into a run; checks the chain on the way. Raises `JournalError` where it breaks."""
    listed = list(events)
    if not listed:
        raise JournalError("the run has no events", next_move="`runbook status` lists the runs")
    check_chain(listed)
    first = listed[0]
    version = first.body.get("schema", 0)
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"the run was written in schema {version}, this program knows {SCHEMA_VERSION}",
            where=f"run {first.run}",
            next_move="use the newer program",
        )
    run = Run(
        id=first.run,
        client=first.client,
        started=first.body,
        started_at=first.at,
        plan={},
        steps={},
        status=RunStatus.RUNNING,
    )
    for event in listed:
        run = after(run, event)
    return run


def after(run: Run, event: Event) -> Run:
    """The run with one more event."""
    body = event.body
    run = replace(run, seq=event.seq, head=event.hash)
    match event.kind:
        case Kind.PLANNED:
            return replace(run, plan=body, waits={}, steps=_gates_shut(_measured_anew(run.steps), body))
        case Kind.DECIDED | Kind.WITHDRAWN | Kind.BROKEN_GLASS | Kind.REVIEWED:
            return replace(run, decisions=(*run.decisions, _decision(event)))
        case Kind.GATE | Kind.OPENED:
            run = replace(run, waits={**run.waits, body["step"]: _waited(run, event)})
        case Kind.RESUMED:
            return replace(run, status=RunStatus.RUNNING, why="", next_move="")
        case Kind.STOPPED:
            return replace(
                run, status=RunStatus(body["status"]), why=body["why"], next_move=body.get("next_move", "")
            )
        case Kind.DONE:
            return replace(run, status=RunStatus.DONE, why=body.get("why", ""), ended_at=event.at)
        case Kind.CANCELLED:
            return replace(
                run, status=RunStatus.CANCELLED, why=body["reason"], next_move="", ended_at=event.at
            )
        case Kind.UNDOING | Kind.UNDONE:
            return _taken_back(run, event)
    if "step" not in body:
        return run
    label = str(body["step"])
    steps = {**run.steps, label: _step_after(run.record(label), event)}
    return replace(run, steps=steps)


def _measured_anew(steps: Mapping[str, StepRecord]) -> dict[str, StepRecord]:
    """Under a new plan, what did not come off counts by that plan, not by its first intent any more."""
    left = {StepStatus.FAILED, StepStatus.DRIFTED}
    return {
        label: _planned_anew(replace(record, change=None) if record.status in left else record)
        for label, record in steps.items()
    }


def _gates_shut(steps: Mapping[str, StepRecord], plan: Mapping[str, Any]) -> dict[str, StepRecord]:
    """Under a new plan every gate in it has to open again. Its lines are those without an action."""
    gates = {line["step"] for line in plan.get("lines", ()) if not line.get("uses", "-")}
    return {label: record for label, record in steps.items() if label not in gates}


def _decision(event: Event) -> Decision:
    body: Mapping[str, Any] = event.body
    return Decision(
        seq=event.seq,
        gate=body["gate"],
        verdict=Verdict(body["verdict"]),
        person=body["person"],
        account=event.who,
        digest=body["digest"],
        shown=body["shown"],
        reason=body["reason"],
        at=body["at"],
        way=body["way"],
        text=body["text"],
        signature=body["signature"],
        delegated_for=body["delegated_for"],
        about=body["about"],
        after=body["after"],
        bound=body["at"] == event.at and body["after"] == event.before,
    )


def _waited(run: Run, event: Event) -> Wait:
    body: Mapping[str, Any] = event.body
    known = run.waits.get(str(body["step"]), Wait(since=event.at, rule=body.get("rule") or {}))
    return replace(known, opened=known.opened or event.at) if event.kind == Kind.OPENED else known


def _taken_back(run: Run, event: Event) -> Run:
    body: Mapping[str, Any] = event.body
    run = replace(run, undone_by=body["by"], why=body["why"], ended_at=run.ended_at or event.at)
    if event.kind == Kind.UNDOING:
        return replace(run, status=RunStatus.UNDOING, next_move=body["next_move"])
    back = {label: replace(run.record(label), status=StepStatus.UNDONE) for label in body["steps"]}
    return replace(run, status=RunStatus.UNDONE, next_move="", steps={**run.steps, **back})


def _planned_anew(record: StepRecord) -> StepRecord:
    """Marks that what was begun so far was begun under an older plan."""
    return replace(record, images=(*record.images, None)) if record.images and not record.happened else record


def _step_after(record: StepRecord, event: Event) -> StepRecord:
    body: Mapping[str, Any] = event.body
    match event.kind:
        case Kind.INTENT:
            return replace(
                record,
                status=StepStatus.BEGUN,
                change=body["change"],
                images=(*record.images, body["change"]),
                nature=body["nature"],
                attempts=record.attempts + 1,
                begun_at=record.begun_at or event.at,
            )
        case Kind.FAILED | Kind.EXPIRED | Kind.TURNED_AWAY:
            status = StepStatus.BEGUN if body.get("in_doubt") else StepStatus.FAILED
            return replace(record, status=status, error=body["error"], ended_at=event.at)
        case Kind.WAITING | Kind.GATE:
            return replace(record, status=StepStatus.WAITING, note=body["reason"])
        case Kind.DRIFTED:
            return replace(record, status=StepStatus.DRIFTED, error=body["error"])
        case Kind.CONFIRMED:
            return replace(record, confirmed_by=(*record.confirmed_by, body["who"]))
        case Kind.REOPENED:
            return _pending(record, body["reason"])
        case Kind.RESOLVED if body["how"] == Word.REDO:
            return _pending(record, body["reason"])
        case Kind.SKIPPED | Kind.OPENED | Kind.ADOPTED | Kind.RESULT | Kind.RESOLVED:
            return _over(replace(record, ended_at=event.at, error=None), event)
        case Kind.LEFT:
            return replace(record, status=StepStatus.LEFT, note=body["reason"], ended_at=event.at, error=None)
    return record


def _pending(record: StepRecord, reason: str) -> StepRecord:
    """To be done again from the start; who confirmed it did so for what was then."""
    return replace(record, status=StepStatus.PENDING, note=reason, change=None, begun_at="", confirmed_by=())


def _over(record: StepRecord, event: Event) -> StepRecord:
    body: Mapping[str, Any] = event.body
    match event.kind:
        case Kind.SKIPPED:
            return replace(record, status=StepStatus.SKIPPED, note=body["reason"])
        case Kind.OPENED:
            return replace(record, status=StepStatus.DONE, note=body["reason"])
        case Kind.ADOPTED:
            changed, outputs, note = bool(body.get("changed", False)), body["outputs"], body.get("note", "")
        case Kind.RESOLVED:
            changed, outputs, note = True, (record.change or {}).get("outputs", {}), body["reason"]
        case _:
            changed, outputs, note = bool(body["changed"]), body["outputs"], ""
            record = replace(record, evidence=body["evidence"], undo=body.get("undo", {}))
    return replace(
        record,
        status=StepStatus.DONE,
        changed=changed,
        happened=record.happened or changed,
        outputs=outputs,
        note=note,
    )
