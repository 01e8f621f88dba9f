"""Planned against done, line by line: how far the dry run could be believed. Pure.

Measured is the plan that was shown when the run began, not a later one that was made to fit.
An EXACT line that came out otherwise, though nobody changed the world meanwhile, is a defect of
this program and is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runbook_exec.change import Certainty, Json, Nature
from runbook_exec.plan_line import Status
from runbook_exec.run import Run, StepRecord, StepStatus
from runbook_exec.values import fits


class Outcome(StrEnum):
    """How a line of the plan came out."""

    AS_PLANNED = "as planned"
    ADOPTED = "adopted"
    """Somebody or something else had done it by then."""
    REPLANNED = "re-planned"
    """The world had changed, so it was planned anew."""
    IN_DOUBT = "in doubt"
    """For a time nobody knew whether it had happened."""
    BY_HAND = "by hand"
    """A person's word settled it, or said never."""
    NOT_DONE = "not done"
    OTHERWISE = "otherwise"
    """Done, and not what was planned."""


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """The figure of a run."""

    lines: Mapping[str, Mapping[str, int]]
    """How many lines of a certainty came out how: `{"exact": {"as planned": 12}}`."""
    defects: tuple[str, ...] = ()
    """EXACT lines that came out otherwise."""

    @property
    def total(self) -> int:
        return sum(sum(counts.values()) for counts in self.lines.values())

    def count(self, outcome: Outcome) -> int:
        """Lines of any certainty that came out so."""
        return sum(counts.get(outcome.value, 0) for counts in self.lines.values())

    def body(self) -> dict[str, Json]:
        """As the journal keeps it."""
        return {"lines": {name: dict(c) for name, c in self.lines.items()}, "defects": list(self.defects)}


def measure(run: Run) -> Fidelity:
    """How each line that was shown when the run began came out; gates are no promise and do not count."""
    if run.erased:  # what was planned is gone; the figure that was kept when it ended is not
        return kept(run.fidelity) if run.fidelity else Fidelity(lines={})
    counted: dict[str, Counter[str]] = {}
    defects = []
    for line, outcome in outcomes(run):
        counted.setdefault(line["certainty"], Counter())[outcome.value] += 1
        if outcome is Outcome.OTHERWISE and line["certainty"] == Certainty.EXACT:
            defects.append(line["step"])
    return Fidelity(
        lines={name: dict(sorted(counts.items())) for name, counts in sorted(counted.items())},
        defects=tuple(defects),
    )


def kept(body: Mapping[str, Any]) -> Fidelity:
    """The figure that `Fidelity.body` gave."""
    return Fidelity(lines=body["lines"], defects=tuple(body["defects"]))


def outcomes(run: Run) -> Iterator[tuple[Mapping[str, Any], Outcome]]:
    """Each line of the first plan, and how it came out."""
    lines: Any = run.shown.get("lines", ())
    newer: Any = run.plan.get("lines", ())
    now = {line["step"]: line for line in newer}
    for line in lines:
        if line["status"] == Status.GATE:
            continue
        yield line, _outcome(line, now.get(line["step"]), list(run.records_of(line["step"]).values()))


def _outcome(line: Mapping[str, Any], now: Mapping[str, Any] | None, records: list[StepRecord]) -> Outcome:
    if any(r.by_hand or r.status is StepStatus.NEVER for r in records):
        return Outcome.BY_HAND
    if any(r.doubted or r.status is StepStatus.BEGUN for r in records):
        return Outcome.IN_DOUBT
    if any(r.drifted for r in records) or (now is not None and now["what"] != line["what"]):
        return Outcome.REPLANNED
    if not records or not all(r.status.is_over for r in records):
        return Outcome.NOT_DONE
    if not all(_is_as_planned(line, r) for r in records):
        return Outcome.OTHERWISE
    idle = line["status"] == Status.CHANGE and line["nature"] in {Nature.WRITES, Nature.BLIND}
    return Outcome.ADOPTED if idle and not any(r.changed for r in records) else Outcome.AS_PLANNED


def _is_as_planned(line: Mapping[str, Any], record: StepRecord) -> bool:
    status, skipped = line["status"], record.status is StepStatus.SKIPPED
    if status == Status.LATER:
        return True  # each concrete line was held against the envelope before it was done
    if status == Status.SKIP:
        return skipped
    if status == Status.LOST:
        return record.status is StepStatus.LEFT
    if skipped or (status == Status.SAME and record.change is not None):
        return False
    if line["nature"] == Nature.COMPUTES and not fits(line["what"].get("outputs"), record.outputs):
        return False
    return record.change is None or _lies_inside(line["what"], record.change)


def _lies_inside(planned: Mapping[str, Any], done: Mapping[str, Any]) -> bool:
    """Whether what was begun is what was planned, or the part of it that was left to do."""
    if not fits(planned["target"], done["target"]) or not fits(planned["request"], done["request"]):
        return False
    wanted, made = planned["after"], done["after"]
    if wanted is None or made is None:
        return wanted is None and made is None
    return all(name in wanted and fits(wanted[name], value) for name, value in made.items())
