"""A run as its events tell it: the values that `replay` folds them into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from runbook_exec.change import Json
from runbook_exec.decision import Decision
from runbook_exec.journal import FIRST


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
    DEFERRED = "deferred"
    """Put off until a day, with an owner."""
    NEVER = "never"
    """Was deferred, and somebody with the right to say so said: never."""

    @property
    def is_over(self) -> bool:
        return self in {
            StepStatus.DONE,
            StepStatus.SKIPPED,
            StepStatus.LEFT,
            StepStatus.UNDONE,
            StepStatus.NEVER,
        }


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
class Deferral:
    """A step that was put off: why, whose it is, until when, and who allowed it."""

    reason: str
    owner: str
    """Id of the human who sees to it."""
    until: date
    """Its last day."""
    letter: str
    """Its class: A, B, C or D."""
    by: str
    """Id of the human who allowed it."""
    since: datetime
    """When it was put off first; an extension begins no new time."""


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
    answer: Json = None
    """What the last of them answered, where that was asked for."""
    error: Mapping[str, Json] | None = None
    begun_at: str = ""
    ended_at: str = ""
    drifted: bool = False
    """True once it was found to be no longer as planned."""
    doubted: bool = False
    """True once nobody knew whether it had happened."""
    by_hand: bool = False
    """True once a person's word settled it."""
    since: str = ""
    """When the run came to it, and has not been through with it since."""
    deferral: Deferral | None = None
    """Also once it is being done; open as long as the step is not over."""
    due: str = ""
    """While it waits: when looking again makes sense; empty where somebody has to come."""
    until: str = ""
    """While it waits: when waiting ends and the step fails; empty: never."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """One thing that one person is told about a gate, under one plan."""

    gate: str
    digest: str
    key: str
    person: str
    failed: bool
    """It did not reach them, though it was said before that they are told."""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Since when a gate has waited under the present plan, by which rule, and when it opened."""

    since: str = ""
    opened: str = ""
    rule: Mapping[str, Json] = field(default_factory=dict)
    """As `plan_line.gate_body` gives it, every name in it known."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """What somebody remarked about the run."""

    at: str
    who: str
    text: str


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
    due: str = ""
    """Of a run that waits: when something about it changes by itself; empty: nothing does."""
    undone_by: str = ""
    """The newest run that takes this one back."""
    seq: int = 0
    head: str = FIRST
    at: str = ""
    """When its newest event was."""
    ended_at: str = ""
    decisions: tuple[Decision, ...] = ()
    """Every word on a gate, those for older plans and those taken back included."""
    told: tuple[Telling, ...] = ()
    """What people were told about its gates by mail."""
    waits: Mapping[str, Wait] = field(default_factory=dict)
    """By gate; a new plan begins anew."""
    shown: Mapping[str, Json] = field(default_factory=dict)
    """Body of the first plan: what was agreed to when the run began."""
    fidelity: Mapping[str, Json] = field(default_factory=dict)
    """Planned against done, as it was when the run ended; see `fidelity.measure`."""
    ending: str = ""
    """Who wants it to end, and why; empty: nobody."""
    taken_by: str = ""
    """The account of whoever took it over last; empty: nobody did."""
    notes: tuple[Note, ...] = ()
    erased: str = ""
    """Since when what it says about its subject can be read no more; empty: it can."""

    @property
    def is_over(self) -> bool:
        return self.status.is_over

    @property
    def holder(self) -> str:
        """The account of whoever has the run in hand: who took it last, or who asked for it."""
        return self.taken_by or str(self.started.get("requester", ""))

    @property
    def ends(self) -> bool:
        """True where somebody wants it to end, and nothing is half done."""
        return bool(self.ending) and not any(r.status is StepStatus.BEGUN for r in self.steps.values())

    @property
    def deferrals(self) -> dict[str, Deferral]:
        """What is put off and not settled, by step."""
        return {
            label: record.deferral
            for label, record in self.steps.items()
            if record.deferral is not None and not record.status.is_over
        }

    def record(self, step: str) -> StepRecord:
        return self.steps.get(step, StepRecord())

    def records_of(self, step_id: str) -> dict[str, StepRecord]:
        """The records of a step: its own, or those of its elements once there are any."""
        found = {label: record for label, record in self.steps.items() if label.partition("[")[0] == step_id}
        return {label: record for label, record in found.items() if label != step_id} or found
