"""Working time: the hours of the week in which a desk works, and how much of it lies between two moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from runbook_exec.errors import Invalid

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True)
class WorkingTime:
    """Which hours count. Days and hours are those of the clock on the wall in `zone`."""

    zone: ZoneInfo
    days: frozenset[int] = frozenset(range(5))
    """Monday is 0."""
    opens: time = time(8)
    closes: time = time(17)
    holidays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        return day.weekday() in self.days and day not in self.holidays

    def start(self, day: date) -> datetime:
        return datetime.combine(day, self.opens, self.zone)

    def end(self, day: date) -> datetime:
        return datetime.combine(day, self.closes, self.zone)

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """Working time from one moment to a later one; negative where the second comes first."""
        if end < begin:
            return -self.between(end, begin)
        return sum((self._shared(day, begin, end) for day in self._days(begin, end)), timedelta())

    def _days(self, begin: datetime, end: datetime) -> Iterator[date]:
        day, last = begin.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        while day <= last:
            if self.works(day):
                yield day
            day += timedelta(days=1)

    def _shared(self, day: date, begin: datetime, end: datetime) -> timedelta:
        # By timestamps: two moments of one zone subtract by the wall clock, which is wrong over DST.
        first = max(self.start(day).timestamp(), begin.timestamp())
        last = min(self.end(day).timestamp(), end.timestamp())
        return timedelta(seconds=max(0.0, last - first))


def of_project(settings: Mapping[str, Any], *, where: str) -> WorkingTime:
    """The project's `working_time`, in its `timezone`."""
    return read(settings.get("working_time", {}), zone=ZoneInfo(settings.get("timezone", "UTC")), where=where)


def read(body: Mapping[str, Any], *, zone: ZoneInfo, where: str) -> WorkingTime:
    """Working time as `runbook.yaml` has it; its shape is checked already."""
    try:
        opens, closes = (time.fromisoformat(body.get(*each)) for each in (("from", "08:00"), ("to", "17:00")))
        holidays = frozenset(date.fromisoformat(day) for day in body.get("holidays", ()))
    except ValueError as error:
        raise Invalid(
            f"working_time: {error}",
            where=where,
            next_move="write from: '08:00', to: '17:00', holidays: ['2026-12-25']",
        ) from error
    if closes <= opens:
        raise Invalid(
            "working_time ends before it begins", where=where, next_move="write from: '08:00', to: '17:00'"
        )
    days = frozenset(DAYS.index(day) for day in body.get("days", DAYS[:5]))
    return WorkingTime(zone=zone, days=days, opens=opens, closes=closes, holidays=holidays)
