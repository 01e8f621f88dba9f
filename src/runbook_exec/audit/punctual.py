"""How punctual a run was: from the due moment to the lock, the end of a run, the end of a grant. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from runbook_exec import almanac
from runbook_exec.audit.departure import Departure, Sort
from runbook_exec.audit.working_time import WorkingTime
from runbook_exec.change import same
from runbook_exec.journal import Kind
from runbook_exec.model import Control, Duty
from runbook_exec.run import Run, RunStatus, StepStatus

if TYPE_CHECKING:
    from runbook_exec.audit.census import Item
    from runbook_exec.audit.exam import Journalled

LOCKS = (("enabled", False), ("accountEnabled", False))
"""What shuts an account, as our actions write it."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When it was due, when it was so, and the time between."""

    due: datetime
    at: str = ""
    """When it was so; empty: not yet, as far as the journal knows."""
    calendar: timedelta
    working: timedelta
    """Up to the time of the report where it is not so yet."""
    late: bool
    why: str = ""
    missing: str = ""
    """Why there is no such moment."""

    @property
    def tells(self) -> bool:
        """The time between says something: it is so, or it should be by now."""
        return bool(self.at) or self.calendar > timedelta()


def punctuality(
    duty: Duty, item: Item, main: Journalled, hours: WorkingTime, as_of: datetime
) -> Timing | None:
    """The timing of an item; None where no day is known.

    A leaver is due at the end of working time on the last working day, a joiner at its
    beginning on the first; access at the end of its day, where the control names a limit.
    """
    day = item.due
    if day is None or duty is Duty.EMERGENCY:
        return None
    due = hours.start(day) if duty is Duty.JOINER else hours.end(day)
    if duty is Duty.LEAVER:
        at, missing = locked(main)
    else:
        at, missing = (main.run.ended_at if main.run.status is RunStatus.DONE else ""), ""
    limits = _limits(main.begun.control, duty)
    moment = datetime.fromisoformat(at) if at else as_of
    calendar = timedelta(seconds=moment.timestamp() - due.timestamp())
    working = hours.between(due, moment)
    passed = {"within": calendar.total_seconds(), "within_working_time": working.total_seconds()}
    why = next((name for name, limit in limits.items() if passed[name] > limit), "")
    return Timing(
        due=due,
        at=at,
        calendar=calendar,
        working=working,
        late=bool(why) and not missing,
        why=why,
        missing=missing if calendar > timedelta() or at else "",
    )


def _limits(control: Control, duty: Duty) -> dict[str, float]:
    """What the control names; a joiner or leaver for whom it names nothing may not be late at all."""
    named = {"within": control.within, "within_working_time": control.within_working_time}
    given = {name: limit for name, limit in named.items() if limit is not None}
    return given if given or duty is Duty.ACCESS else {"within": 0.0}


def locked(main: Journalled) -> tuple[str, str]:
    """(when the last account was shut, why there is no such moment)."""
    lines: Any = main.run.plan.get("lines") or ()
    wanted = [str(line["step"]) for line in lines if _locks(line)]
    begun = {str(e.body.get("step")) for e in main.events if e.kind == Kind.INTENT and _shuts(_after(e.body))}
    labels = list(dict.fromkeys([*wanted, *begun]))
    if not labels:
        return "", "no step shuts an account"
    records = {label: main.run.record(label) for label in labels}
    held = {
        label: record
        for label, record in records.items()
        if record.status in {StepStatus.DONE, StepStatus.UNDONE}
    }
    still = [
        label for label, r in records.items() if label not in held and r.status is not StepStatus.SKIPPED
    ]
    if still or not held:
        return "", ", ".join(still) or "no step shut an account"
    return max(record.ended_at for record in held.values()), ""


def _locks(line: Mapping[str, Any]) -> bool:
    what, envelope = line.get("what") or {}, line.get("envelope") or {}
    return _shuts(what.get("after")) or (
        str(line.get("uses", "")).endswith(".enabled") and _shuts(envelope.get("with"))
    )


def _after(body: Mapping[str, Any]) -> Any:
    return (body.get("change") or {}).get("after")


def _shuts(after: Any) -> bool:
    return isinstance(after, Mapping) and any(after.get(name, True) is value for name, value in LOCKS)


GRACE = timedelta(hours=1)
"""After an end in which it may be taken back: rounds are made every few minutes, and begin at midnight."""


def grants_overrun(
    main: Journalled, later: Sequence[Run], hours: WorkingTime, as_of: datetime
) -> Iterator[Departure]:
    """Grants with an end that were taken back after it, or not at all as far as the journal knows."""
    until: date | None = main.begun.until
    if until is None:
        return
    end = datetime.combine(until + timedelta(days=1), datetime.min.time(), hours.zone)
    for prolonging in _prolonged(main.run, later):
        end = max(
            [
                end,
                *(
                    almanac.read(str(at))
                    for line in prolonging.plan.get("lines", ())
                    if (at := line.get("not_before"))
                ),
            ]
        )
    for label, record in main.run.steps.items():
        change: Mapping[str, Any] = record.change or {}
        if record.status not in {StepStatus.DONE, StepStatus.UNDONE} or not _grants(change):
            continue
        back = min(filter(None, (_taken_back(change, run) for run in later)), default="")
        moment = datetime.fromisoformat(back) if back else as_of
        if moment > end + GRACE:
            yield Departure(sort=Sort.OVERRUN, run=main.run.id, step=label, at=back, what=until.isoformat())


def _prolonged(run: Run, later: Sequence[Run]) -> Iterator[Run]:
    """The runs that prolonged, one after the other, what a run granted; each is examined by itself, too."""
    known, seen = {each.id: each for each in later}, {run.id}
    at: Run | None = run
    while at is not None:
        named = next(
            (
                str(record.outputs["run"])
                for record in at.steps.values()
                if (record.change or {}).get("action") == "access.prolonged" and record.outputs.get("found")
            ),
            "",
        )
        at = None if named in seen else known.get(named)
        if at is not None:
            seen.add(named)
            yield at


def _grants(change: Mapping[str, Any]) -> bool:
    after = change.get("after")
    return isinstance(after, Mapping) and any(value is True for value in after.values())


def _taken_back(grant: Mapping[str, Any], run: Run) -> str:
    """When another run set every value of a grant back; empty where it did not."""
    before, after = grant.get("before") or {}, grant.get("after") or {}
    for record in run.steps.values():
        change: Mapping[str, Any] = record.change or {}
        if record.status is not StepStatus.DONE or change.get("action") != grant.get("action"):
            continue
        who = "identity" if grant.get("identity") and change.get("identity") else "target"
        now = change.get("after") or {}
        if grant.get(who) == change.get(who) and all(
            name in now and same(now[name], before.get(name)) for name in after
        ):
            return record.ended_at
    return ""
