"""Items and their examination: who belongs to which event, how punctual, and which way was left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

import pytest
from running import Bench

from runbook_exec.audit import working_time
from runbook_exec.audit.census import Item, begun, census
from runbook_exec.audit.comparison import Outcome
from runbook_exec.audit.csv_file import safe
from runbook_exec.audit.departure import Sort
from runbook_exec.audit.exam import Examiner, Journalled
from runbook_exec.audit.population import Happening
from runbook_exec.audit.sample import draw
from runbook_exec.audit.working_time import WorkingTime
from runbook_exec.errors import Failed, Invalid
from runbook_exec.model import Duty
from runbook_exec.replay import after, replay
from runbook_exec.run import Word
from runbook_exec.testing import FarSide, registered

BERLIN = WorkingTime(zone=ZoneInfo("Europe/Berlin"))
INPUTS = "{type: object, properties: {last: {type: string}, until: {type: string}}}"
LOCK = "- {id: lock, title: {en: L, de: L}, uses: memory.thing, with: {key: anna, set: {enabled: false}}}"
GRANT = "- {id: join, title: {en: J, de: J}, uses: memory.thing, with: {key: anna, set: {payroll: true}}}"
LATER = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide(anna={"enabled": True})) as far:
        made = Bench(folder=tmp_path, far=far)
        made.started = {"subject": "anna", "requester": "mia", "environment": "test", "runbook": "trial"}
        yield made


def leaver(bench, steps=LOCK, *, last="2026-03-02", control="leaver", run="r1", more=""):
    due = '"{{ last }}"'
    book = bench.runbook(steps, subject="anna", inputs=INPUTS, control=f"{{is: {control}, due: {due}{more}}}")
    bench.start(book, run=run, last=last)
    return book


def examined(bench, duty=Duty.LEAVER, *, run="r1", event=None, later=(), as_of=LATER, source=True):
    first = begun(bench.store.events(run)[0])
    found = census(
        duty, date(2026, 1, 1), date(2026, 12, 31), happenings=[event] if event else [], runs=[first],
        inside=frozenset({run}),
    )  # fmt: skip
    exam = Examiner(
        duty=duty, hours=BERLIN, as_of=as_of, verify=lambda run, d: "", name_of=str, with_source=source,
        later=lambda about: [replay(bench.store.events(each)) for each in later],
    )  # fmt: skip
    (item,) = found.items
    events = bench.store.events(run)
    return exam.examine(item, [Journalled(begun=first, run=replay(events), events=events)])


def sorts(found):
    return [each.sort for each in found.departures]


def left(day, person="anna", key="e1"):
    return Happening(id=key, duty=Duty.LEAVER, person=person, day=day)


# Which belongs to which


def test_a_run_belongs_to_the_event_of_its_person_and_day(bench):
    leaver(bench)
    first = begun(bench.store.events("r1")[0])
    events = [
        left(date(2026, 3, 2), "ANNA "),
        left(date(2026, 5, 2), key="e2"),
        left(date(2026, 3, 2), "bo", "e3"),
    ]
    found = census(
        Duty.LEAVER,
        date(2026, 1, 1),
        date(2026, 12, 31),
        happenings=events,
        runs=[first],
        inside=frozenset({"r1"}),
    )
    assert {item.key: [run.run for run in item.runs] for item in found.items} == {
        "event:e1": ["r1"],
        "event:e2": [],
        "event:e3": [],
    }


def test_a_run_of_the_period_about_an_event_outside_of_it_is_counted_elsewhere(bench):
    leaver(bench, last="2026-04-02")
    first = begun(bench.store.events("r1")[0])
    found = census(
        Duty.LEAVER, date(2026, 3, 1), date(2026, 3, 31), happenings=[left(date(2026, 4, 2))], runs=[first],
        inside=frozenset({"r1"}),
    )  # fmt: skip
    assert (found.items, found.elsewhere) == ((), ("r1",))


def test_the_control_stands_in_the_runs_own_copy_of_its_runbook(bench):
    leaver(bench, control="[leaver, emergency]")
    assert begun(bench.store.events("r1")[0]).control.duties == (Duty.LEAVER, Duty.EMERGENCY)


# Leavers


def test_the_time_to_the_lock_is_told_by_the_calendar_and_in_working_time(bench):
    bench.clock.time = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)  # Monday, 9:00 in Berlin
    leaver(bench, last="2026-03-06")  # Friday, until 17:00
    found = examined(bench, event=left(date(2026, 3, 6)))
    assert found.timing.calendar == timedelta(days=2, hours=16)
    assert found.timing.working == timedelta(hours=1)
    assert sorts(found) == [Sort.LATE]


@pytest.mark.parametrize(
    ("more", "late"), [(", within: 3d", False), (", within: 1d", True), (", within_working_time: 1h", False)]
)
def test_the_control_names_how_late_is_too_late(bench, more, late):
    bench.clock.time = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    leaver(bench, last="2026-03-06", more=more)
    assert examined(bench, event=left(date(2026, 3, 6))).timing.late is late


def test_an_account_that_was_shut_before_its_last_day_is_not_late(bench):
    leaver(bench, last="2026-03-31")
    found = examined(bench, event=left(date(2026, 3, 31)))
    assert found.timing.calendar < timedelta()
    assert sorts(found) == []


def test_a_leaver_whose_account_nobody_shut_is_told(bench):
    leaver(bench, GRANT)
    assert sorts(examined(bench, event=left(date(2026, 3, 2)))) == [Sort.NOT_LOCKED]


def test_another_day_than_hr_says_is_a_departure(bench):
    leaver(bench, last="2026-03-31")
    assert Sort.OTHER_DAY in sorts(examined(bench, event=left(date(2026, 3, 30))))


# What the events show


def test_drift_is_a_departure(bench):
    book = bench.runbook(LOCK, subject="anna", control="leaver")
    plan = bench.plan(book)
    bench.far.things["anna"] = {"enabled": "odd"}
    bench.start(book, plan=plan)
    found = examined(bench)
    assert Sort.DRIFT in sorts(found)
    assert Sort.NOT_OVER in sorts(found)
    assert [line.outcome for line in found.lines] == [Outcome.NOT_DONE]


def test_a_persons_word_on_a_step_is_a_departure_and_an_outcome_of_its_own(bench):
    leaver(bench)
    bench.say("lock", Word.DONE)
    found = examined(bench)
    assert Sort.BY_HAND in sorts(found)
    assert [line.outcome for line in found.lines] == [Outcome.BY_WORD]


def test_a_run_without_an_event_is_a_departure_only_where_a_population_was_given(bench):
    leaver(bench)
    assert Sort.NO_EVENT in sorts(examined(bench))
    assert Sort.NO_EVENT not in sorts(examined(bench, source=False))


# Access


def access(bench, until, run="r1"):
    book = bench.runbook(
        GRANT, subject="anna", inputs=INPUTS, control='{is: access, until: "{{ until }}"}', ticket="optional"
    )
    bench.start(book, run=run, until=until)


def test_a_grant_that_nobody_asked_for_and_nobody_agreed_to_is_told(bench):
    access(bench, "2026-12-31")
    assert sorts(examined(bench, Duty.ACCESS, source=False)) == [Sort.UNASKED, Sort.UNREQUESTED]


def test_a_grant_with_a_ticket_was_asked_for(bench):
    bench.started = {**bench.started, "ticket": "17"}
    access(bench, "2026-12-31")
    found = examined(bench, Duty.ACCESS, source=False)
    assert (found.tickets, sorts(found)) == (("17",), [Sort.UNASKED])


def test_a_grant_that_was_never_taken_back_is_held_beyond_its_end(bench):
    access(bench, "2026-03-05")
    assert Sort.OVERRUN in sorts(examined(bench, Duty.ACCESS, later=["r1"]))


@pytest.mark.parametrize(("days", "overrun"), [(2, False), (9, True)])
def test_a_grant_that_another_run_took_back_ended_then(bench, days, overrun):
    access(bench, "2026-03-05")
    bench.clock.forward(days * 86400)
    back = GRANT.replace("payroll: true", "payroll: null")
    bench.start(bench.runbook(back, subject="anna"), run="r2")
    found = examined(bench, Duty.ACCESS, later=["r1", "r2"])
    assert (Sort.OVERRUN in sorts(found)) is overrun


# Erasure


def test_an_erased_run_is_told_as_erased_and_breaks_nothing(bench):
    leaver(bench)
    first, *_ = bench.store.events("r1")
    kept = {name: value for name, value in first.body.items() if name not in {"inputs", "source", "subject"}}
    found = begun(type(first)(**{**vars(first), "body": kept}))
    assert (found.erased, found.due, found.control.duties) == (True, None, ())


def test_what_is_left_of_an_erased_run_is_examined_without_a_stumble(bench):
    leaver(bench)
    bare = {
        "run.started": ("inputs", "subject"),
        "run.planned": (),
        "step.intent": ("change",),
        "step.result": (),
    }
    events = [replace(e, body=_erased(e, bare.get(e.kind, ()))) for e in bench.store.events("r1")]
    first = begun(events[0])
    folded = reduce(after, events, replace(replay(bench.store.events("r1")), steps={}, plan={}, decisions=()))
    exam = Examiner(
        duty=Duty.LEAVER, hours=BERLIN, as_of=LATER, verify=lambda run, d: "", name_of=str, with_source=True
    )
    item = Item(key="run:r1", runs=(first,))
    found = exam.examine(item, [Journalled(begun=first, run=folded, events=events)])
    assert Sort.ERASED in sorts(found)
    assert [line.step for line in found.lines] == ["lock"]


def _erased(event, gone):
    """Its open fields, as an erasure leaves them."""
    body = {name: value for name, value in event.body.items() if name not in gone}
    body |= {"change": None, "$erased": "2026-06-01"}
    if "lines" in body:
        body["lines"] = [
            {"step": line["step"], "status": line["status"], "uses": line["uses"]} for line in body["lines"]
        ]
    return body


# Hours, samples, cells


def test_working_time_is_counted_over_the_clock_change():
    begin = datetime(2026, 3, 27, 16, 0, tzinfo=BERLIN.zone)  # Friday before the change
    end = datetime(2026, 3, 30, 9, 0, tzinfo=BERLIN.zone)
    assert BERLIN.between(begin, end) == timedelta(hours=2)
    assert BERLIN.between(end, begin) == -timedelta(hours=2)


def test_no_work_is_done_on_a_holiday():
    hours = WorkingTime(zone=ZoneInfo("UTC"), holidays=frozenset({date(2026, 12, 25)}), opens=time(9))
    assert hours.between(
        datetime(2026, 12, 24, 16, tzinfo=UTC), datetime(2026, 12, 28, 10, tzinfo=UTC)
    ) == timedelta(hours=2)


@pytest.mark.parametrize(
    "body",
    [{"from": "17:00", "to": "08:00"}, {"holidays": ["Christmas"]}, {"from": "29:00"}],
)
def test_working_time_that_cannot_be_is_refused(body):
    with pytest.raises(Invalid):
        working_time.read(body, zone=BERLIN.zone, where="runbook.yaml")


def test_another_population_gives_another_sample():
    about = {"client": "c", "control": "joiner", "since": date(2026, 1, 1), "until": date(2026, 3, 31)}
    keys = [f"event:{n}" for n in range(200)]
    first, again = draw(keys, 10, **about), draw(keys, 10, **about)
    assert first == again
    assert len(first.chosen) == 10
    assert draw([*keys, "event:more"], 10, **about).chosen != first.chosen
    assert draw(keys, 500, **about).whole


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", " =1", "|calc"])
def test_no_cell_begins_like_a_formula(cell):
    assert safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Anna", "1051", "a=b", "'x"])
def test_other_cells_stay_as_they_are(cell):
    assert safe(cell) == cell


def test_a_step_that_failed_first_and_then_came_off_is_told_as_both(bench):
    bench.far.trouble = [("before", Failed("no"))]
    book = leaver(bench)
    bench.resume(book, last="2026-03-02")
    found = examined(bench, event=left(date(2026, 3, 2)))
    assert sorts(found) == [Sort.FAILED]
    assert [line.outcome for line in found.lines] == [Outcome.AS_PLANNED]
