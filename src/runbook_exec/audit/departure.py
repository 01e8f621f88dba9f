"""Where a run left the straight way: every departure that its events show. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runbook_exec.journal import Event, Kind


class Sort(StrEnum):
    """What kind of departure."""

    NO_RUN = "no run"
    NO_EVENT = "no event"
    OTHER_DAY = "other day"
    LATE = "late"
    NOT_OVER = "not over"
    NOT_LOCKED = "not locked"
    UNAPPROVED = "without approval"
    UNPROVEN = "approval not proven"
    UNASKED = "nobody was asked"
    UNREQUESTED = "without a request"
    OVERRUN = "end date overrun"
    BREAK_GLASS = "break-glass"
    UNREVIEWED = "not reviewed"
    DRIFT = "drift"
    IN_DOUBT = "in doubt"
    BY_HAND = "resolved by hand"
    FAILED = "failed"
    REFUSED = "refused at a gate"
    UNDONE = "undone"
    CANCELLED = "cancelled"
    DEFERRED = "deferred"
    NEVER = "never done"
    OTHERWISE = "other than planned"
    ERASED = "erased"
    CHAIN = "chain broken"


@dataclass(frozen=True, kw_only=True)
class Departure:
    """One departure: what, in which run and step, when."""

    sort: Sort
    run: str = ""
    step: str = ""
    at: str = ""
    what: str = ""


_BY_KIND = {
    Kind.BROKEN_GLASS: Sort.BREAK_GLASS,
    Kind.DRIFTED: Sort.DRIFT,
    Kind.RESOLVED: Sort.BY_HAND,
    Kind.EXPIRED: Sort.REFUSED,
    Kind.TURNED_AWAY: Sort.REFUSED,
    Kind.UNDOING: Sort.UNDONE,
    Kind.CANCELLED: Sort.CANCELLED,
    Kind.DEFERRED: Sort.DEFERRED,
    Kind.NEVER: Sort.NEVER,
}
KINDS = (*_BY_KIND, Kind.FAILED)
"""Event kinds that tell of a departure even of a run that is not replayed."""


def departures(run: str, events: Sequence[Event]) -> Iterator[Departure]:
    """What the events themselves show, in order."""
    for event in events:
        sort = sort_of(event.kind, in_doubt=bool(event.body.get("in_doubt")))
        if sort is not None:
            step = str(event.body.get("step") or event.body.get("gate") or "")
            yield Departure(sort=sort, run=run, step=step, at=event.at, what=_said(event.body))
    yield from _past_gates(run, events)


def sort_of(kind: str, *, in_doubt: bool = False) -> Sort | None:
    """The departure that an event of this kind is; None for the straight way."""
    if kind == Kind.FAILED:
        return Sort.IN_DOUBT if in_doubt else Sort.FAILED
    return next((sort for known, sort in _BY_KIND.items() if known == kind), None)


def _said(body: Mapping[str, Any]) -> str:
    error = body.get("error")
    if isinstance(error, Mapping):
        return str(error.get("what", ""))
    return str(body.get("reason") or body.get("why") or "")


def _past_gates(run: str, events: Sequence[Event]) -> Iterator[Departure]:
    """Effects that were begun though a gate before them had not opened under their plan."""
    gates: dict[str, int] = {}
    places: dict[str, int] = {}
    passed: set[str] = set()
    for event in events:
        step = str(event.body.get("step", ""))
        if event.kind == Kind.PLANNED:
            lines: Any = event.body.get("lines") or ()
            places = {str(line.get("step")): number for number, line in enumerate(lines)}
            gates = {str(line.get("step")): n for n, line in enumerate(lines) if line.get("status") == "gate"}
            passed = set()
        elif event.kind in {Kind.OPENED, Kind.SKIPPED}:
            passed.add(step)
        elif event.kind == Kind.INTENT:
            here = places.get(step, places.get(step.partition("[")[0], len(places)))
            shut = [gate for gate, number in gates.items() if number < here and gate not in passed]
            if shut:
                what = ", ".join(shut)
                yield Departure(sort=Sort.UNAPPROVED, run=run, step=step, at=event.at, what=what)
