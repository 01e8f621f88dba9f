"""`runbook reschedule`: another date for a run under way, planned anew, agreed to and recorded, or nothing is."""

from __future__ import annotations

import pytest

from runbook_exec import conduct, load
from runbook_exec.app import App
from runbook_exec.desk import Desk
from runbook_exec.errors import Busy, Invalid, Refused
from runbook_exec.gatehouse import waiting_gates
from runbook_exec.journal import Kind
from runbook_exec.replay import replay
from runbook_exec.reschedule import hangs_on, reschedule
from runbook_exec.run import RunStatus
from runbook_exec.settings import find_project
from runbook_exec.testing import FarSide, registered

SETTINGS = """
client: kranich
timezone: Europe/Berlin
people: people.yaml
environments: {test: {kind: real, connections: {memory: {}, ticket: {system: local}}}}
"""
PEOPLE = """
people:
  mia@x.example: {name: Mia, accounts: [mia]}
  boss@x.example: {name: Boss, accounts: [boss], roles: [boss]}
"""
RUNBOOK = """
runbook: leave
title: {en: Leave, de: Gehen}
subject: "{{ person.id }}"
inputs:
  type: object
  required: [person, last_day, until]
  properties:
    person: {type: object, required: [id], properties: {id: {type: string}}}
    last_day: {type: string, format: date}
    until: {type: string, format: date}
sections:
  - title: {en: Now, de: Jetzt}
    steps:
      - id: right
        title: {en: R, de: R}
        uses: assert.that
        with: {that: "{{ until >= last_day }}", says: "the contract ends before the last day"}
      - {id: note, title: {en: N, de: N}, uses: memory.thing, with: {key: "note-{{ last_day }}", set: {n: 1}}}
      - {id: ticket, title: {en: T, de: T}, uses: ticket.open, with: {key: "k-{{ last_day }}", title: Leave, text: x}}
      - {id: account, title: {en: A, de: A}, uses: memory.thing, with: {key: a, set: {expires: "{{ until }}"}}}
      - {id: told, title: {en: M, de: M}, uses: memory.mail, with: {to: anna, text: "{{ last_day }}"}, irreversible: m}
  - title: {en: Then, de: Dann}
    not_before: "{{ last_day | at('17:00') }}"
    steps:
      - {id: lock, title: {en: L, de: S}, uses: memory.thing, with: {key: a, set: {open: false}}}
"""
VALUES = {"person": {"id": "anna"}, "last_day": "2090-01-31", "until": "2090-02-28"}


@pytest.fixture
def far():
    with registered(FarSide()) as far:
        yield far


@pytest.fixture
def app(tmp_path, far):
    (tmp_path / "runbook.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    return App(find_project(tmp_path), environment=None, desk=Desk(who="mia", language="en", hold=0))


def begin(app, text=RUNBOOK):
    book = load.parse(text, file="leave.yaml", fetch=lambda name: "")
    run = conduct.start(app, app.plan(book, VALUES), run="r1")
    assert run.status is RunStatus.WAITING
    return book


def move(app, moves, *, agree=lambda plan: True):
    return reschedule(app, "r1", moves, reason="extended", agree=agree)


def test_the_run_waits_for_the_new_date_and_the_record_says_why(app):
    begin(app)
    run = move(app, {"last_day": "2090-02-20"})
    assert run.status is RunStatus.WAITING
    assert run.due == "2090-02-20T16:00:00.000000+00:00"
    (event,) = [e for e in app.store.events("r1") if e.kind == Kind.RESCHEDULED]
    assert event.body["was"] == {"last_day": "2090-01-31"}
    assert event.body["reason"] == "extended"
    assert replay(app.store.events("r1")) == run
    assert run.started["inputs"]["last_day"] == "2090-02-20"


def test_what_is_done_is_not_done_again(app, far):
    begin(app)
    move(app, {"last_day": "2090-02-20"})
    assert far.writes == ["note-2090-01-31", "a"]
    assert [mail["text"] for mail in far.mails] == ["2090-01-31"]


def test_a_value_that_was_set_from_the_date_is_set_anew_on_the_same_thing(app, far):
    begin(app)
    shown = []
    move(
        app,
        {"last_day": "2090-02-20", "until": "2090-04-30"},
        agree=lambda plan: shown.append([line.step for line in plan.lines]) or True,
    )
    assert shown == [["right", "account", "lock"]]
    assert far.things["a"]["expires"] == "2090-04-30"
    assert far.writes == ["note-2090-01-31", "a", "a"]


def test_what_made_a_thing_of_its_own_makes_no_second_one(app):
    begin(app)
    before = app.run("r1").steps["ticket"].outputs["id"]
    run = move(app, {"last_day": "2090-02-20"})
    assert run.steps["ticket"].outputs["id"] == before
    assert [e.body["step"] for e in app.store.events("r1") if e.kind == Kind.RESULT].count("ticket") == 1


def test_what_was_asserted_is_asserted_again(app):
    begin(app)
    before = app.run("r1")
    with pytest.raises(Refused, match="contract ends before"):
        move(app, {"last_day": "2090-03-31"})
    assert app.run("r1") == before


def test_without_a_yes_nothing_is_recorded(app):
    begin(app)
    before = app.run("r1")
    assert move(app, {"last_day": "2090-02-20"}, agree=lambda plan: False) == before
    assert app.run("r1") == before


def test_a_date_that_has_passed_goes_on_at_once(app, far):
    begin(app)
    assert move(app, {"last_day": "2020-02-20"}).status is RunStatus.DONE
    assert far.things["a"]["open"] is False


def test_a_gate_has_to_open_again(app):
    gate = "- {id: ok, gate: {role: boss, holds: 900d}}\n      "
    begin(app, RUNBOOK.replace("- {id: lock", gate + "- {id: lock"))
    run = move(app, {"last_day": "2020-02-20"})
    assert waiting_gates(run) == ["ok"]
    before = run.plan["digest"]
    again = move(app, {"last_day": "2020-02-21"})
    assert again.plan["digest"] != before
    assert again.waits["ok"].since > run.waits["ok"].since


def test_only_dates_of_the_run_move_and_only_to_days(app):
    begin(app)
    for moves in (
        {"person.id": "eve"},
        {"nobody": "2090-01-01"},
        {"last_day": "soon"},
        {"last_day": "2090-02-30"},
    ):
        with pytest.raises(Invalid):
            move(app, moves)
    with pytest.raises(Refused, match="already"):
        move(app, {"last_day": "2090-01-31"})


def test_the_dates_that_something_left_hangs_on_are_named(app):
    book = begin(app)
    assert hangs_on(book, app.run("r1")) == ["last_day"]
    assert hangs_on(book, move(app, {"last_day": "2020-02-20"})) == []


def test_a_run_that_is_over_or_in_other_hands_is_not_moved(app):
    begin(app)
    app.store.acquire("r1", owner="process 1 on elsewhere", now=0, until=4e9)
    with pytest.raises(Busy):
        move(app, {"last_day": "2090-02-20"})


def test_a_crash_between_the_date_and_its_plan_is_found_before_anything_is_written(app, far):
    begin(app)
    real, stopped = app.store.append, []

    def killed(event, lease, **how):
        if event.kind == Kind.PLANNED and not stopped:
            stopped.append(event)
            raise KeyboardInterrupt
        return real(event, lease, **how)

    app.store.append = killed
    with pytest.raises(KeyboardInterrupt):
        move(app, {"last_day": "2020-02-20"})
    run = conduct.resume(app, "r1", agree=None)
    assert run.status is RunStatus.DRIFTED
    assert "open" not in far.things["a"]
