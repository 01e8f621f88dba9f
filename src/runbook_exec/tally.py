"""How runs of one runbook went: how often, how long, where they get stuck, how far plans held. Pure.

Counted per item and runbook, never per person.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from runbook_exec.fidelity import Outcome, measure
from runbook_exec.findings import Sort, findings
from runbook_exec.journal import Event
from runbook_exec.run import Run, RunStatus


@dataclass(frozen=True, kw_only=True)
class ItemTally:
    """How one item went."""

    done: int = 0
    """Runs in which it came to an end."""
    troubled: int = 0
    """Runs in which something about it went otherwise, even if it was settled later."""
    median: float | None = None
    """Seconds from begun to over."""
    sorts: Mapping[Sort, int] = field(default_factory=dict)
    """What went otherwise, and in how many runs."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How the runs of one runbook went."""

    runs: int = 0
    done: int = 0
    smooth: int = 0
    """Done without anything that went otherwise."""
    median: float | None = None
    """Seconds from start to end of the runs that are done."""
    lines: int = 0
    kept: int = 0
    """Lines of plans of ended runs, and how many came out as planned."""
    items: Mapping[str, ItemTally] = field(default_factory=dict)
    last: str = ""
    """When the newest run began."""


def tally(journeys: Iterable[tuple[Run, Sequence[Event]]]) -> Tally:
    """Count runs with their events; undo runs are runs of another kind and are to be left out."""
    runs = done = smooth = lines = kept = 0
    last, whole = "", []
    ended: Counter[str] = Counter()
    spans: dict[str, list[float]] = {}
    sorts: dict[str, Counter[Sort]] = {}
    troubled: Counter[str] = Counter()
    for run, events in journeys:
        found = findings(events)
        runs, last = runs + 1, max(last, run.started_at)
        if run.status is RunStatus.DONE:
            done += 1
            smooth += not found
            whole.append(_seconds(run.started_at, run.ended_at))
        if run.is_over:
            figure = measure(run)
            lines, kept = lines + figure.total, kept + figure.count(Outcome.AS_PLANNED)
        for label, record in run.steps.items():
            if record.status.is_over:
                step = _item(label)
                ended[step] += 1
                if record.begun_at and record.ended_at:
                    spans.setdefault(step, []).append(_seconds(record.begun_at, record.ended_at))
        troubled.update({_item(one.step) for one in found if one.step})
        for step, sort in {(_item(one.step), one.sort) for one in found if one.step}:
            sorts.setdefault(step, Counter())[sort] += 1
    items = {
        step: ItemTally(
            done=ended[step],
            troubled=troubled[step],
            median=statistics.median(spans[step]) if step in spans else None,
            sorts=dict(sorts.get(step, Counter()).most_common()),
        )
        for step in {*ended, *troubled}
    }
    return Tally(
        runs=runs,
        done=done,
        smooth=smooth,
        median=statistics.median(whole) if whole else None,
        lines=lines,
        kept=kept,
        items=items,
        last=last,
    )


def _item(label: str) -> str:
    """The item that a label belongs to: elements of a `for_each` count for their item."""
    return label.partition("[")[0]


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
