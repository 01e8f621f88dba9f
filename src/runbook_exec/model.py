"""What a runbook says: frozen values, made by `load`, read by everything after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runbook_exec.change import Json, Words

LANGUAGES = ("en", "de")
"""Every title must be written in these."""


Path = tuple[str | int, ...]
"""The way into a document: keys and indices."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Mode(StrEnum):
    """Who does a step, and how it is confirmed."""

    AUTO = "auto"
    READ_DO = "read-do"
    """A person reads the item, does it, and confirms it."""
    DO_CONFIRM = "do-confirm"
    """Done from memory; the section's list is confirmed together."""
    CHALLENGE = "challenge"
    """One person asks, another answers."""


class Duty(StrEnum):
    """What an auditor tests: a control that runs are evidence for."""

    JOINER = "joiner"
    LEAVER = "leaver"
    ACCESS = "access"
    EMERGENCY = "emergency"


class OnFailure(StrEnum):
    """What a failed step means for the run."""

    STOP = "stop"
    CONTINUE = "continue"
    UNDO = "undo"
    """What the run did so far is taken back."""


LETTERS = ("A", "B", "C", "D")
"""Classes of deferrals, as in a minimum-equipment list: A by the step's own time, then ever longer."""


@dataclass(frozen=True, kw_only=True)
class Deferrable:
    """A step that may be put off: its class, and its own limit in seconds where it has one."""

    letter: str
    within: float | None = None


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often a step that met a passing trouble is tried, and the first pause in seconds."""

    attempts: int = 1
    backoff: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Later:
    """A rule that counts only after some time, in seconds."""

    after: float
    to: Mapping[str, Json]


@dataclass(frozen=True, kw_only=True)
class GateRule:
    """Who must agree before the steps after it, as written; deciding belongs to `gate`."""

    rule: Mapping[str, Json]
    """One of all, any, person, manager_of, group, role; `count` beside any, group or role."""
    expires: float | None = None
    """Seconds from the moment the run begins to wait; a gate that expires stays shut."""
    holds: float | None = None
    """Seconds that it stays open after it opened; where left out, until it expires."""
    fallback: Later | None = None
    """Who may open it too, once it has waited so long."""
    remind: tuple[float, ...] | None = None
    """Seconds after which those who may open it are reminded; None: as the environment says."""
    escalate: Later | None = None
    """Who is told too, once it has waited so long; they cannot open it."""

    def later(self) -> tuple[tuple[str, Later | None], ...]:
        """The rules that count only after some time, by their names."""
        return ("fallback", self.fallback), ("escalate", self.escalate)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One checklist item: an action, a person's item, or a gate."""

    id: str
    title: Words
    place: Place
    uses: str = ""
    args: Mapping[str, Json] = field(default_factory=dict)
    when: str = ""
    within: Mapping[str, Json] = field(default_factory=dict)
    """Limits that hold whatever its values turn out to be; texts or expressions."""
    for_each: str = ""
    item: str = "item"
    """The name under which `for_each` hands each element to the step."""
    mode: Mode = Mode.AUTO
    retry: Retry = Retry()
    timeout: float = 600.0
    deadline: float | None = None
    """Seconds from when the run comes to it until it should be over; None: what the project says."""
    on_failure: OnFailure = OnFailure.STOP
    irreversible: str = ""
    """Why it cannot be taken back: in English, or as it was written."""
    irreversible_in: Words = field(default_factory=dict)
    """The same by language, where it was written so."""
    deferrable: Deferrable | None = None
    """None: it cannot be put off."""
    gate: GateRule | None = None
    parallel: str = ""
    """Steps with the same non-empty mark run side by side."""
    not_before: tuple[str, ...] = ()
    """Days or times before which it is not done, its section's first; texts or expressions."""
    beside: bool = False
    """Done beside other runs about the subject, as its section says."""
    path: Path = field(default=(), compare=False)
    """Where it stands in the document."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A titled part of the checklist."""

    title: Words
    steps: tuple[Step, ...]
    not_before: str = ""
    """A day or time before which nothing in it is done."""
    beside: bool = False
    """Once it waits here, the run leaves its subject to other runs, and goes on beside them."""


@dataclass(frozen=True, kw_only=True)
class Guards:
    """Limits that are checked before anything is written."""

    max_changes: int = 40
    protected: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Control:
    """Which controls the runs of a runbook are evidence for, and how punctual they have to be."""

    duties: tuple[Duty, ...] = ()
    due: str = ""
    """Expression over the inputs: the first day, the last working day, the day of the grant."""
    until: str = ""
    """Expression over the inputs: the last day on which what was granted may be held."""
    within: float | None = None
    """Seconds after the due moment, by the calendar."""
    within_working_time: float | None = None
    """The same, counting working time alone."""


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """A parsed runbook with the text it came from."""

    name: str
    title: Words
    file: str
    digest: str
    """SHA-256 over the canonical document, schemas included; comments do not count."""
    source: str
    """The file's text; stored with each run, so that editing the file changes no run under way."""
    schemas: Mapping[str, Any]
    """The files that `$ref` named, by the path written there."""
    inputs: Mapping[str, Any]
    """JSON Schema of the inputs, references resolved."""
    subject: str = ""
    ticket: str = "optional"
    asked_by: str = ""
    """`phone`: whoever asks may be anybody, so they are verified before anything is handed out."""
    guards: Guards = Guards()
    control: Control = Control()
    description: Words = field(default_factory=dict)
    """What it is for, in a sentence or two."""
    sections: tuple[Section, ...] = ()
    triggers: tuple[Mapping[str, Json], ...] = ()
    places: Mapping[Path, Place] = field(default_factory=dict, repr=False, compare=False)
    """Where each part of the document stands."""

    def place(self, path: Path) -> Place:
        """Where a part stands, or the nearest part around it that stands somewhere."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(self.file, 1, 1))

    def steps(self) -> Iterator[Step]:
        """All steps in written order."""
        for section in self.sections:
            yield from section.steps

    def step(self, step_id: str) -> Step:
        """The step of this id; KeyError if there is none."""
        for step in self.steps():
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def batches(self) -> Iterator[tuple[Step, ...]]:
        """Steps in written order; those that run side by side come as one tuple."""
        gathered: list[Step] = []
        for step in self.steps():
            if gathered and (not step.parallel or step.parallel != gathered[0].parallel):
                yield tuple(gathered)
                gathered = []
            gathered.append(step)
            if not step.parallel:
                yield tuple(gathered)
                gathered = []
        if gathered:
            yield tuple(gathered)
