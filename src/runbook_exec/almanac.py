"""Days and times as runbooks write them, and the instants that they mean in a time zone.

A day is `2026-12-31`; a time is `2026-12-31T17:00`, local unless an offset stands behind it. A day
means its first moment. A local time that the clocks skip counts as if they had not been changed yet
(02:30 becomes 03:30); one that comes twice is the first of the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_WRITTEN = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})(?P<rest>[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
MOST_DAYS = 3_660
"""Ten years: more is a slip of the pen."""

_DAYS = {"en": "Mon Tue Wed Thu Fri Sat Sun".split(), "de": "Mo Di Mi Do Fr Sa So".split()}  # noqa: SIM905


def plus_days(value: object, days: object) -> str:
    """A day or time so many calendar days later (or earlier, below zero); the time of day stays."""
    day, rest = _parts(value)
    return (day + timedelta(days=_number(days))).isoformat() + rest


def plus_workdays(value: object, days: object, holidays: object = ()) -> str:
    """So many working days later or earlier: Saturdays, Sundays and `holidays` do not count.

    With 0 it is the day itself, or the next working day after it.
    """
    day, rest = _parts(value)
    if not isinstance(holidays, list | tuple):
        raise ValueError("holidays are a list of days")  # noqa: TRY004 - told as a wrong value
    free = {_parts(each)[0] for each in holidays}
    left, step = abs(_number(days)), timedelta(days=-1 if _number(days) < 0 else 1)
    while left or not _works(day, free):
        day += step
        left -= left > 0 and _works(day, free)
    return day.isoformat() + rest


def at(value: object, clock: object) -> str:
    """A day at a time of day: `at('17:00')`; a time of day that was there goes."""
    day, _ = _parts(value)
    if not isinstance(clock, str) or not _CLOCK.fullmatch(clock):
        raise ValueError(f"{str(clock)[:20]!r} is no time of day; write hours and minutes: '07:30'")
    return f"{day.isoformat()}T{clock}"


def zone(name: str) -> ZoneInfo:
    """The time zone of this name; raises `ValueError` where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone that this machine knows") from error


def instant(value: object, where: ZoneInfo) -> datetime:
    """The moment that a day or time means; raises `ValueError` for what is neither."""
    day, rest = _parts(value)
    try:
        found = datetime.fromisoformat(day.isoformat() + (rest or "T00:00"))
        local = found if found.tzinfo else found.replace(tzinfo=where)
        return local.astimezone(UTC).astimezone(where)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{str(value)[:40]!r} is no time") from error


def written(moment: datetime, where: ZoneInfo) -> str:
    """`2026-12-31T17:00:00+01:00[Europe/Berlin]` (RFC 9557): local time, offset and zone in one text."""
    return f"{moment.astimezone(where).isoformat(timespec='seconds')}[{where.key}]"


def read(text: str) -> datetime:
    """The moment that `written` wrote."""
    return datetime.fromisoformat(text.partition("[")[0])


def said(text: str, language: str) -> str:
    """What `written` wrote, for people: `Thu 2026-12-31 17:00 (Europe/Berlin)`."""
    moment, name = read(text), text.partition("[")[2].rstrip("]")
    day = _DAYS.get(language, _DAYS["en"])[moment.weekday()]
    shown = f"{moment:%d.%m.%Y %H:%M}" if language == "de" else f"{moment:%Y-%m-%d %H:%M}"
    return f"{day} {shown} ({name})"


def _parts(value: object) -> tuple[date, str]:
    """The day, and what stands behind it."""
    found = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    day, rest = (found["day"], (found["rest"] or "").replace(" ", "T")) if found else ("", "")
    try:
        datetime.fromisoformat(day + rest)  # its time of day, too
        return date.fromisoformat(day), rest
    except ValueError:
        raise ValueError(
            f"{str(value)[:40]!r} is neither a day (2026-12-31) nor a time (2026-12-31T17:00)"
        ) from None


def _number(days: object) -> int:
    if isinstance(days, bool) or not isinstance(days, int) or abs(days) > MOST_DAYS:
        raise ValueError(f"{str(days)[:20]} is no number of days; at most {MOST_DAYS}, whole")
    return days


def _works(day: date, free: Iterable[date]) -> bool:
    return day.weekday() < 5 and day not in free
