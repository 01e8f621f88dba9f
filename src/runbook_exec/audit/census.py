"""Which runs and which events belong together: the items that a control is tested on. Pure.

A run belongs to the event of its person that names the same day, else to the nearest one. What a
run is evidence for stands in its own copy of the runbook, so that renaming a runbook hides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from runbook_exec import load, render
from runbook_exec.audit.population import Happening
from runbook_exec.change import Deferred, NeedsValue
from runbook_exec.errors import RunbookError
from runbook_exec.journal import Event, folded
from runbook_exec.model import Control, Duty
from runbook_exec.sealing import ERASED

NEAR = 180
"""Days: a run and an event further apart than this are not about the same thing."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A run by its first event alone, without a replay."""

    run: str
    at: datetime
    subject: str
    runbook: str
    requester: str
    ticket: str
    environment: str
    control: Control
    due: date | None = None
    until: date | None = None
    undoes: str = ""
    erased: bool = False

    @property
    def about(self) -> str:
        return folded(self.subject)


def begun(first: Event) -> Begun:
    """A run from its first event; what an erasure took away is empty."""
    body: Mapping[str, Any] = first.body
    inputs, control = body.get("inputs"), _control(body)
    return Begun(
        run=first.run,
        at=datetime.fromisoformat(first.at),
        subject=str(body.get("subject", "")),
        runbook=str(body.get("runbook", "")),
        requester=str(body.get("requester", "")),
        ticket=str(body.get("ticket", "")),
        environment=str(body.get("environment", "")),
        control=control,
        due=_day(control.due, inputs),
        until=_day(control.until, inputs),
        undoes=str(body.get("undoes", "")),
        erased=ERASED in body or "inputs" not in body,
    )


def _control(body: Mapping[str, Any]) -> Control:
    if not body.get("source"):
        return Control()
    schemas = json.dumps(body.get("schemas") or {}, sort_keys=True)
    return _control_of(str(body.get("runbook_digest", "")), str(body["source"]), schemas)


@lru_cache(maxsize=512)
def _control_of(digest: str, source: str, schemas: str) -> Control:
    """Of each version of a runbook once, however often it ran. One that cannot be read is of no control."""
    known = json.loads(schemas)
    try:
        return load.parse(source, file=digest[:12], fetch=lambda name: json.dumps(known[name])).control
    except (RunbookError, KeyError):
        return Control()


def _day(expression: str, inputs: Any) -> date | None:
    """What an expression over the inputs says, where it says a day."""
    if not expression or not isinstance(inputs, Mapping):
        return None
    try:
        found = render.render(expression, {"site": {}, "run": {}, **inputs})
        return None if isinstance(found, Deferred) else date.fromisoformat(str(found)[:10])
    except (RunbookError, NeedsValue, ValueError):
        return None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to be tested: an event with its runs, a run without an event, or a broken glass."""

    key: str
    event: Happening | None = None
    runs: tuple[Begun, ...] = ()
    """In the order in which they began; several where the first was cancelled."""
    glass: int = 0
    """Of an emergency: the sequence number of the word that broke the glass."""

    @property
    def person(self) -> str:
        return self.event.person if self.event else next((r.subject for r in self.runs), "")

    @property
    def due(self) -> date | None:
        return self.event.day if self.event else next((r.due for r in reversed(self.runs) if r.due), None)


@dataclass(frozen=True, kw_only=True)
class Census:
    """All items of one control in one period, and what was seen but belongs elsewhere."""

    items: tuple[Item, ...]
    elsewhere: tuple[str, ...] = ()
    """Runs that began in the period and belong to an event outside of it."""
    uncontrolled: Mapping[str, int] = field(default_factory=dict)
    """Runs of runbooks that declare no control, by runbook."""


def census(
    duty: Duty,
    since: date,
    until: date,
    *,
    happenings: Sequence[Happening],
    runs: Iterable[Begun],
    inside: frozenset[str],
) -> Census:
    """The items of a control. `runs` are those that began in the period (`inside`) and those of its people."""
    everything = {run.run: run for run in runs}
    uncontrolled: dict[str, int] = {}
    for run in everything.values():
        if run.run in inside and not run.control.duties and not run.undoes:
            uncontrolled[run.runbook] = uncontrolled.get(run.runbook, 0) + 1
    of_duty = [run for run in everything.values() if duty in run.control.duties and not run.undoes]
    events = [event for event in happenings if event.duty is duty]
    taken: dict[str, list[Begun]] = {}
    alone: list[Begun] = []
    by_person: dict[str, list[Happening]] = {}
    for event in events:
        by_person.setdefault(event.about, []).append(event)
    for run in sorted(of_duty, key=lambda run: (run.at, run.run)):
        found = _event_of(run, by_person.get(run.about, ()))
        if found is not None:
            taken.setdefault(found.id, []).append(run)
        elif run.run in inside:
            alone.append(run)
    within = [event for event in events if since <= event.day <= until]
    known = {event.id for event in within}
    items = [
        *(Item(key=f"event:{e.id}", event=e, runs=tuple(taken.get(e.id, ()))) for e in within),
        *(Item(key=f"run:{run.run}", runs=(run,)) for run in alone),
    ]
    elsewhere = [r.run for key, some in taken.items() if key not in known for r in some if r.run in inside]
    return Census(
        items=tuple(sorted(items, key=lambda item: item.key)),
        elsewhere=tuple(sorted(elsewhere)),
        uncontrolled=uncontrolled,
    )


def _event_of(run: Begun, events: Sequence[Happening]) -> Happening | None:
    """The event that a run is about: the same day, else the nearest one."""
    day = run.due or run.at.date()
    near = [event for event in events if abs((event.day - day).days) <= NEAR]
    return min(near, key=lambda event: (abs((event.day - day).days), event.id), default=None)
