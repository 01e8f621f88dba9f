"""What went otherwise than the checklist foresaw in a run, found in its events. Pure.

A finding names an item and a cause, never a person: what a name adds to a cause is blame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from runbook_exec.change import Nature
from runbook_exec.journal import Event, Kind


class Sort(StrEnum):
    """What kind of thing happened."""

    DRIFT = "drift"
    """The world was no longer as planned; stopped before the effect."""
    REFUSED = "refused"
    """A guard or a far side's rule said no before anything was changed."""
    UNREACHABLE = "unreachable"
    """A far side did not answer, was busy, or refused our right."""
    FAILED = "failed"
    """Tried, and what was read back was not as planned."""
    LATE = "late"
    """Waited for longer than the item allows."""
    DOUBT = "in doubt"
    """Whether an effect happened could not be read."""
    TURNED_AWAY = "turned away"
    """A gate was rejected."""
    EXPIRED = "expired"
    """Nobody decided at a gate in time."""
    INTERRUPTED = "interrupted"
    """The process that worked on the run ended in the middle."""
    ADOPTED = "adopted"
    """The answer to an effect was lost; reading showed that it had happened."""
    RESOLVED = "resolved"
    """A person had to say what the program could not see."""
    REPLANNED = "replanned"
    """A new plan was needed for what was left."""
    BROKEN_GLASS = "broken glass"
    """A gate was opened by one person alone."""
    TAKEN_BACK = "taken back"
    """What was done had to be undone."""
    CANCELLED = "cancelled"
    """The run was given up before its end."""


CAUGHT = frozenset(
    {
        Sort.DRIFT,
        Sort.REFUSED,
        Sort.UNREACHABLE,
        Sort.FAILED,
        Sort.LATE,
        Sort.DOUBT,
        Sort.TURNED_AWAY,
        Sort.EXPIRED,
        Sort.INTERRUPTED,
        Sort.ADOPTED,
    }
)
"""The checklist, or the program behind it, noticed by itself. Everything else it missed: people had to."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that went otherwise."""

    sort: Sort
    step: str
    """Label of the item; empty where the whole run is meant."""
    at: str
    what: str = ""
    """As the journal has it; free text of people and far sides, to be escaped where shown."""
    settled: str = ""
    """When the item came to its end after all; empty: it did not."""

    @property
    def is_caught(self) -> bool:
        return self.sort in CAUGHT


def findings(events: Iterable[Event]) -> list[Finding]:
    """Everything that went otherwise, in order; the same trouble of an item is told once for each cause."""
    listed = list(events)
    ends = _ends(listed)
    found: list[Finding] = []
    for finding in _raw(listed):
        known = any(
            (f.sort, f.step, f.what) == (finding.sort, finding.step, finding.what) and finding.step
            for f in found
        )
        if not known:
            found.append(finding)
    return [_settled(finding, ends) for finding in found]


def _raw(events: list[Event]) -> Iterator[Finding]:
    plans, standing = 0, True
    for event in events:
        plans += event.kind == Kind.PLANNED
        if event.kind == Kind.PLANNED and plans > 1:
            yield Finding(sort=Sort.REPLANNED, step="", at=event.at)
        elif event.kind == Kind.RESUMED and not standing:
            yield Finding(sort=Sort.INTERRUPTED, step=_open_step(events, event.seq), at=event.at)
        elif event.kind != Kind.ADOPTED or _is_effect(event, events):
            yield from _told(event)
        standing = event.kind in _ENDS_WORK or (standing and event.kind not in _WORK)


def _told(event: Event) -> Iterator[Finding]:
    """What an event says by itself."""
    body: Mapping[str, Any] = event.body
    if event.kind == Kind.FAILED:
        yield Finding(sort=_sort(body), step=str(body["step"]), at=event.at, what=_what(body))
    if event.kind in _SORTS:
        sort, field = _SORTS[Kind(event.kind)]
        step = str(body.get("step", body.get("gate", "")))
        what = _what(body) if field == "error" else str(body.get(field, ""))
        yield Finding(sort=sort, step=step, at=event.at, what=what)


def _is_effect(adopted: Event, events: list[Event]) -> bool:
    """Whether what was found done is an effect of our own: a wait that came true is none, nor what others did."""
    step = adopted.body.get("step")
    begun = [e for e in events[: adopted.seq] if e.kind == Kind.INTENT and e.body.get("step") == step]
    return bool(adopted.body.get("changed") and begun and begun[-1].body.get("nature") != Nature.WAITS)


_SORTS: Mapping[Kind, tuple[Sort, str]] = {
    Kind.DRIFTED: (Sort.DRIFT, "error"),
    Kind.TURNED_AWAY: (Sort.TURNED_AWAY, "error"),
    Kind.EXPIRED: (Sort.EXPIRED, "error"),
    Kind.ADOPTED: (Sort.ADOPTED, "note"),
    Kind.RESOLVED: (Sort.RESOLVED, "reason"),
    Kind.BROKEN_GLASS: (Sort.BROKEN_GLASS, "reason"),
    Kind.UNDOING: (Sort.TAKEN_BACK, "why"),
    Kind.CANCELLED: (Sort.CANCELLED, "reason"),
}
"""What an event of a kind means, and the field of it that says more."""

_ENDS_WORK = frozenset({Kind.STOPPED, Kind.DONE, Kind.CANCELLED, Kind.UNDOING, Kind.UNDONE})
_WORK = frozenset(
    {Kind.STARTED, Kind.RESUMED, Kind.INTENT, Kind.RESULT, Kind.ADOPTED, Kind.SKIPPED, Kind.EVIDENCE}
)
_OVER = frozenset({Kind.RESULT, Kind.ADOPTED, Kind.SKIPPED, Kind.OPENED, Kind.RESOLVED})
_KINDS = {
    "drift": Sort.DRIFT,
    "refused": Sort.REFUSED,
    "no-pen": Sort.REFUSED,
    "invalid": Sort.REFUSED,
    "unreachable": Sort.UNREACHABLE,
    "transient": Sort.UNREACHABLE,
    "not-allowed": Sort.UNREACHABLE,
    "late": Sort.LATE,
}
_TIME_IS_OVER = "time is over"


def _sort(body: Mapping[str, Any]) -> Sort:
    if body.get("in_doubt"):
        return Sort.DOUBT
    if _what(body).startswith(_TIME_IS_OVER):
        return Sort.LATE
    return _KINDS.get(str(body.get("error", {}).get("kind", "")), Sort.FAILED)


def _what(body: Mapping[str, Any]) -> str:
    return str(body.get("error", {}).get("what", ""))


def _open_step(events: list[Event], before: int) -> str:
    """The item that was begun and not over when the process ended."""
    begun: list[str] = []
    for event in events:
        if event.seq >= before:
            break
        step = str(event.body.get("step", ""))
        if event.kind == Kind.INTENT:
            begun.append(step)
        elif event.kind in _OVER or event.kind == Kind.FAILED:
            begun = [label for label in begun if label != step]
    return begun[-1] if begun else ""


def _ends(events: list[Event]) -> dict[str, list[str]]:
    ends: dict[str, list[str]] = {}
    for event in events:
        if event.kind in _OVER:
            ends.setdefault(str(event.body.get("step", "")), []).append(event.at)
    return ends


def _settled(finding: Finding, ends: Mapping[str, list[str]]) -> Finding:
    later = [at for at in ends.get(finding.step, ()) if at >= finding.at]
    return replace(finding, settled=later[0] if later else "")
