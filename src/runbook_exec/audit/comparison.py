"""What was planned against what was done, line by line, from the journal alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runbook_exec.change import Json
from runbook_exec.journal import Event, Kind
from runbook_exec.run import Run, StepRecord, StepStatus
from runbook_exec.values import fits


class Outcome(StrEnum):
    """How a line came out, measured by its plan."""

    AS_PLANNED = "as planned"
    ALREADY = "already so"
    NOT_NEEDED = "not needed"
    BY_WORD = "by a person's word"
    LEFT = "left as it was"
    OTHERWISE = "other than planned"
    NOT_DONE = "not done"
    TAKEN_BACK = "taken back"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One line of the plan and what became of it."""

    run: str
    step: str
    uses: str
    title: Mapping[str, str]
    planned: Mapping[str, str]
    """The sentence of the plan, by language; empty where it was to be decided later."""
    certainty: str
    done: Mapping[str, str]
    """The sentence of what was begun, by language."""
    outcome: Outcome
    at: str = ""
    attempts: int = 0
    confirmed_by: tuple[str, ...] = ()
    evidence: Mapping[str, Json] | None = None
    """What the far side answered when it was read back."""
    note: str = ""


def compared(run: Run, events: Sequence[Event]) -> Iterator[Compared]:
    """Every line of the newest plan in which it stood, in order; gates are told as approvals."""
    lines: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event.kind == Kind.PLANNED:
            planned: Any = event.body.get("lines") or ()
            lines.update({str(line["step"]): line for line in planned if line.get("status") != "gate"})
    words = {
        str(e.body.get("step")) for e in events if e.kind == Kind.RESOLVED and e.body.get("how") == "done"
    }
    labels = list(dict.fromkeys([*lines, *run.steps]))
    for label in labels:
        line = lines.get(label) or lines.get(label.partition("[")[0])
        if line is None or (label not in run.steps and any(each.startswith(f"{label}[") for each in labels)):
            continue
        yield _compared(run, label, line, run.record(label), by_word=label in words)


def _compared(
    run: Run, label: str, line: Mapping[str, Any], record: StepRecord, *, by_word: bool
) -> Compared:
    began: Mapping[str, Any] = record.change or {}
    error = record.error or {}
    return Compared(
        run=run.id,
        step=label,
        uses=str(line.get("uses", "")),
        title=line.get("title") or {},
        planned=line.get("says") or {},
        certainty=str(line.get("certainty", "")),
        done=began.get("says") or {},
        outcome=_outcome(line, record, by_word=by_word),
        at=record.ended_at,
        attempts=record.attempts,
        confirmed_by=record.confirmed_by,
        evidence=record.evidence or None,
        note=record.note or str(error.get("what", "")),
    )


def _outcome(line: Mapping[str, Any], record: StepRecord, *, by_word: bool) -> Outcome:
    match record.status:
        case StepStatus.UNDONE:
            return Outcome.TAKEN_BACK
        case StepStatus.SKIPPED:
            return Outcome.NOT_NEEDED
        case StepStatus.LEFT:
            return Outcome.LEFT
        case StepStatus.DONE if by_word:
            return Outcome.BY_WORD
        case StepStatus.DONE:
            if record.change and line.get("status") == "change" and not _inside(line, record.change):
                return Outcome.OTHERWISE
            return Outcome.AS_PLANNED if record.changed or record.change else Outcome.ALREADY
    return Outcome.NOT_DONE


def _inside(line: Mapping[str, Any], began: Mapping[str, Any]) -> bool:
    """Whether what was begun is what the line showed: same target, and no value that it did not name."""
    what: Mapping[str, Any] = line.get("what") or {}
    wanted, after = what.get("after"), began.get("after")
    if not fits(what.get("target"), began.get("target")):
        return False
    if isinstance(wanted, Mapping) and isinstance(after, Mapping):
        return all(name in wanted and fits(wanted[name], value) for name, value in after.items())
    return fits(wanted, after)
