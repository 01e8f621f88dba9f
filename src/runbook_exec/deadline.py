"""Steps that take too long: since when the run is at them, and how loud that is to be said. Pure.

What works on a far side ends by itself when its time is over, and fails. What waits for a
person does not: it is overdue, and everybody can see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from runbook_exec.model import Runbook
from runbook_exec.run import Run, StepStatus

SOON = 0.75
"""The part of the time after which it is said that it runs out."""


class Level(StrEnum):
    """How loud."""

    ADVISORY = "advisory"
    """Most of the time is gone."""
    CAUTION = "caution"
    """Overdue."""


@dataclass(frozen=True, kw_only=True)
class Late:
    """A step that should be over, or soon."""

    label: str
    since: datetime
    until: datetime
    level: Level


def late(run: Run, runbook: Runbook, default: float, now: datetime) -> Iterator[Late]:
    """The steps at which a run has been for long; `default` is for those without a deadline, in seconds."""
    if run.is_over:
        return
    for step in runbook.steps():
        for label, record in run.records_of(step.id).items():
            if step.gate or not record.since or record.status.is_over:
                continue
            if record.status in {StepStatus.DEFERRED, StepStatus.PENDING}:
                continue
            since = datetime.fromisoformat(record.since)
            until = since + timedelta(seconds=default if step.deadline is None else step.deadline)
            if now >= since + (until - since) * SOON:
                level = Level.CAUTION if now >= until else Level.ADVISORY
                yield Late(label=label, since=since, until=until, level=level)
