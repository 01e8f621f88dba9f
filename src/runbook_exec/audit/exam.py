"""One item examined: what was asked for, who agreed, what was done, how punctual, and every departure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from runbook_exec.audit.census import Begun, Item
from runbook_exec.audit.comparison import Compared, Outcome, compared
from runbook_exec.audit.departure import Departure, Sort, departures
from runbook_exec.audit.punctual import Timing, grants_overrun, punctuality
from runbook_exec.audit.working_time import WorkingTime
from runbook_exec.booked import ends
from runbook_exec.decision import Decision, Verdict
from runbook_exec.journal import Event, Kind
from runbook_exec.model import Duty
from runbook_exec.run import Run, RunStatus
from runbook_exec.sealing import GONE

Verify = Callable[[Run, Decision], str]
"""Why a decision is not proven at this moment; empty where it is."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """One word at a gate, verified again."""

    run: str
    gate: str
    decision: Decision
    name: str
    unproven: str
    """Why nobody has to believe it now; empty where it is proven."""
    for_executed: bool
    """It was about the plan under which the gate opened."""


@dataclass(frozen=True, kw_only=True)
class Journalled:
    """A run with everything that the journal says about it."""

    begun: Begun
    run: Run
    events: Sequence[Event]


@dataclass(frozen=True, kw_only=True)
class Glass:
    """A broken glass and what came after it."""

    decision: Decision
    name: str
    alerted: tuple[str, ...]
    review: Decision | None
    reviewer: str = ""
    covered: tuple[str, ...] = ()
    """Steps that were begun while only the broken glass held the gate open."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What an auditor gets to see of one item."""

    item: Item
    runs: tuple[Journalled, ...] = ()
    tickets: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    lines: tuple[Compared, ...] = ()
    timing: Timing | None = None
    glass: Glass | None = None
    departures: tuple[Departure, ...] = ()

    @property
    def main(self) -> Journalled | None:
        """The run that counts: the last one that was not given up, else the last one."""
        kept = [each for each in self.runs if each.run.status.value != "cancelled"]
        return next(reversed(kept or self.runs), None)


@dataclass(frozen=True, kw_only=True)
class Examiner:
    """How items of one control are examined."""

    duty: Duty
    hours: WorkingTime
    as_of: datetime
    verify: Verify
    name_of: Callable[[str], str]
    with_source: bool
    """A population was given, so that a run without an event is a departure."""
    later: Callable[[str], Sequence[Run]] = lambda about: ()
    """Every run about a person, to see whether a grant was taken back."""

    def examine(self, item: Item, runs: Sequence[Journalled]) -> Examined:
        shown = Examined(
            item=item,
            runs=tuple(runs),
            tickets=tuple(dict.fromkeys(filter(None, (ticket_of(each.run) for each in runs)))),
            approvals=tuple(a for each in runs for a in self._approvals(each)),
            lines=tuple(line for each in runs for line in compared(each.run, each.events)),
            glass=self._glass(item, runs),
        )
        main = shown.main
        timing = punctuality(self.duty, item, main, self.hours, self.as_of) if main else None
        shown = replace(shown, timing=timing)
        found = sorted(self._departures(shown), key=lambda each: (each.at, each.sort))
        return replace(shown, departures=tuple(found))

    def _departures(self, shown: Examined) -> Iterator[Departure]:
        item, main = shown.item, shown.main
        if not shown.runs:
            yield Departure(sort=Sort.CHAIN if item.runs else Sort.NO_RUN)
        if self.with_source and item.event is None and not item.glass:
            yield Departure(sort=Sort.NO_EVENT, run=main.run.id if main else "")
        for each in shown.runs:
            if each.begun.erased:
                yield Departure(sort=Sort.ERASED, run=each.run.id)
            yield from departures(each.run.id, each.events)
        for line in shown.lines:
            if line.outcome is Outcome.OTHERWISE:
                yield Departure(sort=Sort.OTHERWISE, run=line.run, step=line.step, at=line.at)
        yield from _unproven(shown)
        if main is not None:
            yield from self._of_run(shown, main)

    def _of_run(self, shown: Examined, main: Journalled) -> Iterator[Departure]:
        item, run = shown.item, main.run
        waits_for_its_end = self.duty is Duty.ACCESS and run.status is RunStatus.WAITING and ends(run)
        if not run.is_over and not waits_for_its_end:
            yield Departure(sort=Sort.NOT_OVER, run=run.id, what=run.why)
        if item.event and main.begun.due and main.begun.due != item.event.day:
            what = f"{item.event.day} / {main.begun.due}"
            yield Departure(sort=Sort.OTHER_DAY, run=run.id, what=what)
        timing = shown.timing
        if timing and timing.late:
            yield Departure(sort=Sort.LATE, run=run.id, at=timing.at, what=timing.why)
        if timing and timing.missing:
            yield Departure(sort=Sort.NOT_LOCKED, run=run.id, what=timing.missing)
        happened = any(record.happened for record in run.steps.values())
        if self.duty is Duty.ACCESS and happened and not main.begun.erased:
            if not shown.tickets and item.event is None:
                yield Departure(sort=Sort.UNREQUESTED, run=run.id)
            if not any(line.get("status") == "gate" for line in run.plan.get("lines", ())):
                yield Departure(sort=Sort.UNASKED, run=run.id)
            yield from grants_overrun(main, self.later(item.person), self.hours, self.as_of)
        if shown.glass:
            yield from _reviewed(shown.glass, main.begun)

    def _approvals(self, each: Journalled) -> Iterator[Approval]:
        counted = _digests_opened(each.events)
        for decision in each.run.decisions:
            if decision.verdict is Verdict.REVIEW:
                continue
            yield Approval(
                run=each.run.id,
                gate=decision.gate,
                decision=decision,
                name=self.name_of(decision.person),
                unproven=self.verify(each.run, decision),
                for_executed=(decision.gate, decision.digest) in counted,
            )

    def _glass(self, item: Item, runs: Sequence[Journalled]) -> Glass | None:
        found = [(each, d) for each in runs for d in each.run.decisions if item.glass and d.seq == item.glass]
        if not found:
            return None
        each, broken = found[0]
        reviews = [
            d
            for d in each.run.decisions
            if d.verdict is Verdict.REVIEW
            and d.about == broken.seq
            and d.person != broken.person
            and not self.verify(each.run, d)
        ]
        review = reviews[0] if reviews else None
        return Glass(
            decision=broken,
            name=self.name_of(broken.person),
            alerted=tuple(_alerted(each.events, broken.seq)),
            review=review,
            reviewer=self.name_of(review.person) if review else "",
            covered=tuple(_covered(each.events, broken)),
        )


def _unproven(shown: Examined) -> Iterator[Departure]:
    """Approvals by which a gate opened and that nobody has to believe now."""
    erased = {each.run.id for each in shown.runs if each.begun.erased}
    for word in shown.approvals:
        counted = word.for_executed and word.decision.verdict is Verdict.APPROVE
        # Of an erased run what was signed is gone with the rest; the approval itself says so.
        if counted and word.unproven and word.run not in erased:
            what = f"{word.decision.person}: {word.unproven}"
            yield Departure(sort=Sort.UNPROVEN, run=word.run, step=word.gate, at=word.decision.at, what=what)


def _reviewed(glass: Glass, begun: Begun) -> Iterator[Departure]:
    """Broken glass that nobody looked at, or later than the control allows."""
    broken, review = glass.decision, glass.review
    if review is None:
        yield Departure(sort=Sort.UNREVIEWED, run=begun.run, step=broken.gate)
        return
    limit = begun.control.within if Duty.EMERGENCY in begun.control.duties else None
    passed = datetime.fromisoformat(review.at) - datetime.fromisoformat(broken.at)
    if limit is not None and passed.total_seconds() > limit:
        yield Departure(sort=Sort.LATE, run=begun.run, step=broken.gate, at=review.at, what="within")


def ticket_of(run: Run) -> str:
    """The ticket that the run was started with, or that one of its steps opened."""
    if run.started.get("ticket"):
        return str(run.started["ticket"])
    opened = [
        r.outputs.get("id") for r in run.steps.values() if (r.change or {}).get("action") == "ticket.open"
    ]
    return str(opened[-1]) if opened and opened[-1] else ""


def _digests_opened(events: Sequence[Event]) -> set[tuple[str, str]]:
    """(gate, digest of the plan) of each opening."""
    digest, found = "", set()
    for event in events:
        if event.kind == Kind.PLANNED:
            digest = str(event.body.get("digest", ""))
        elif event.kind == Kind.OPENED:
            found.add((str(event.body.get("step", "")), digest))
    return found


def _alerted(events: Sequence[Event], broken: int) -> Iterator[str]:
    for event in events:
        if event.kind == Kind.ALERTED and event.body.get("broken") == broken:
            ways: Any = event.body.get("ways") or ()
            for way in ways:
                yield f"{way['how']}: {way.get('what', GONE)}" + ("" if way["ok"] else " (failed)")


def _covered(events: Sequence[Event], broken: Decision) -> Iterator[str]:
    """Steps that were begun after the glass was broken and before an hour was over."""
    begin = datetime.fromisoformat(broken.at)
    for event in events:
        if event.kind == Kind.INTENT and event.seq > broken.seq:
            passed = (datetime.fromisoformat(event.at) - begin).total_seconds()
            if passed <= 3600:
                yield str(event.body.get("step", ""))
