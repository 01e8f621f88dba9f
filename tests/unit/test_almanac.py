"""Days and times of runbooks: what they mean where clocks change, years leap and nobody works on Sundays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec import almanac, render
from runbook_exec.errors import Invalid

BERLIN = almanac.zone("Europe/Berlin")


def utc(text: str, where=BERLIN) -> str:
    return f"{almanac.instant(text, where).astimezone(UTC):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-12-31", "2026-12-30 23:00"),
        ("2026-12-31T17:00", "2026-12-31 16:00"),
        ("2026-07-31T17:00", "2026-07-31 15:00"),
        ("2026-12-31T17:00:00", "2026-12-31 16:00"),
        ("2026-12-31 17:00", "2026-12-31 16:00"),
        ("2026-12-31T17:00Z", "2026-12-31 17:00"),
        ("2026-12-31T17:00-05:00", "2026-12-31 22:00"),
        ("2028-02-29", "2028-02-28 23:00"),
    ],
)
def test_a_day_is_its_first_moment_and_a_time_is_local_unless_an_offset_stands_there(text, means):
    assert utc(text) == means


def test_a_time_that_the_clocks_skip_counts_as_if_they_had_not_been_changed_yet():
    assert utc("2027-03-28T02:30") == utc("2027-03-28T03:30") == "2027-03-28 01:30"


def test_a_time_that_comes_twice_is_the_first_of_the_two():
    assert utc("2026-10-25T02:30") == "2026-10-25 00:30"


def test_a_day_whose_midnight_is_skipped_begins_an_hour_later():
    beirut = almanac.zone("Asia/Beirut")
    assert almanac.written(almanac.instant("2022-03-27", beirut), beirut).startswith("2022-03-27T01:00")


@pytest.mark.parametrize(
    "text",
    ["31.12.2026", "2026-02-29", "2026-13-01", "20261231", "2026-W53-1", "2026-12-31T25:00", "", 5, None],
)
def test_what_is_neither_a_day_nor_a_time_is_refused(text):
    with pytest.raises(ValueError, match="neither a day"):
        almanac.instant(text, BERLIN)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "", "europe/Berlin\n"])
def test_a_zone_that_nobody_knows_is_refused(name):
    with pytest.raises(ValueError, match="time zone"):
        almanac.zone(name)


@given(st.integers(631_152_000, 3_786_912_000))
def test_what_was_written_is_read_as_the_same_moment(seconds):
    known = datetime.fromtimestamp(seconds, UTC)
    assert almanac.read(almanac.written(known, BERLIN)) == known


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(-400, 400))
def test_days_are_those_of_the_calendar(day, days):
    assert almanac.plus_days(day.isoformat(), days) == (day + timedelta(days=days)).isoformat()


@given(
    st.dates(date(1990, 1, 1), date(2090, 1, 1)),
    st.integers(-60, 60),
    st.lists(st.integers(1, 90), max_size=9),
)
def test_between_a_day_and_a_working_day_lie_as_many_working_days_as_were_asked_for(day, days, free):
    holidays = {day + timedelta(days=n) for n in (*free, *(-n for n in free))}
    found = date.fromisoformat(
        almanac.plus_workdays(day.isoformat(), days, [d.isoformat() for d in holidays])
    )
    step = 1 if days >= 0 else -1
    passed = [day + timedelta(days=n) for n in range(step, (found - day).days + step, step)]
    works = [each for each in passed if each.weekday() < 5 and each not in holidays]
    assert found.weekday() < 5 or (days and found == day)
    assert found not in holidays
    assert len(works) == abs(days) or (days == 0 and len(works) <= 1)


def test_expressions_compute_with_days():
    names = {"last_day": "2027-12-31", "site": {"holidays": ["2027-12-24"]}}
    for text, value in {
        "{{ last_day | plus_days(60) }}": "2028-02-29",
        "{{ last_day | plus_days(-5) | at('07:30') }}": "2027-12-26T07:30",
        "{{ last_day | plus_workdays(-5, site.holidays) }}": "2027-12-23",
        "{{ last_day | at('17:00') | plus_days(1) }}": "2028-01-01T17:00",
    }.items():
        assert render.render(text, names) == value


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'soon' | plus_days(1) }}",
        "{{ '2026-12-31' | plus_days(99999) }}",
        "{{ '2026-12-31' | plus_days(1.5) }}",
        "{{ '2026-12-31' | plus_days(true) }}",
        "{{ '9999-12-31' | plus_days(1) }}",
        "{{ '2026-12-31' | at('24:00') }}",
        "{{ '2026-12-31' | plus_workdays(1, 'x') }}",
    ],
)
def test_wrong_days_are_told_as_such(text):
    with pytest.raises(Invalid):
        render.render(text, {})


def test_people_read_the_weekday_and_the_zone():
    text = almanac.written(almanac.instant("2026-12-31T17:00", BERLIN), BERLIN)
    assert text == "2026-12-31T17:00:00+01:00[Europe/Berlin]"
    assert almanac.said(text, "en") == "Thu 2026-12-31 17:00 (Europe/Berlin)"
    assert almanac.said(text, "de") == "Do 31.12.2026 17:00 (Europe/Berlin)"
