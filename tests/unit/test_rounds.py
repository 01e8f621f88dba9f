"""One round over the runs that wait (`runbook resume --due`): real project and journal, far sides in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runbook_exec import conduct, load, rounds
from runbook_exec.app import App
from runbook_exec.desk import Desk
from runbook_exec.rounds import Outcome
from runbook_exec.run import RunStatus
from runbook_exec.settings import find_project
from runbook_exec.testing import FarSide, registered

SETTINGS = """
client: kranich
environments:
  test:
    kind: real
    connections: {memory: {}}
"""
HEAD = """
runbook: trial
title: {en: Trial, de: Probe}
sections:
  - title: {en: All, de: Alles}
    steps:
"""
WAIT = """
      - {id: w, title: {en: W, de: W}, uses: memory.wait, with: {key: a}, timeout: 10m}
      - {id: t, title: {en: T, de: T}, uses: memory.thing, with: {key: b, set: {n: 1}}}
"""
PERSON = """
      - {id: paper, title: {en: P, de: P}, mode: read-do}
"""
SECRET = """
      - {id: word, title: {en: W, de: W}, uses: memory.word, with: {text: x}}
      - {id: thing, title: {en: T, de: T}, uses: memory.thing, with: {key: k, set: {n: 1}}}
      - id: pass
        title: {en: P, de: P}
        uses: memory.password
        with: {key: k, password: "{{ word.secret }}"}
        irreversible: the old one is gone
      - parallel:
          - {id: w, title: {en: W, de: W}, uses: memory.wait, with: {key: a}, timeout: 10m}
          - {id: paper, title: {en: H, de: H}, mode: read-do, with: {reveal: {P: "{{ word.secret }}"}}}
"""


@pytest.fixture
def far():
    with registered(FarSide()) as far:
        yield far


@pytest.fixture
def app(tmp_path, far):
    (tmp_path / "runbook.yaml").write_text(SETTINGS, encoding="utf-8")
    return opened(tmp_path)


def opened(folder) -> App:
    return App(find_project(folder), environment=None, desk=Desk(who="mia", language="en", hold=0))


def begin(app, steps=WAIT, *, run="r1"):
    book = load.parse(HEAD + steps, file="trial.yaml", fetch=lambda name: "")
    assert conduct.start(app, app.plan(book, {}), run=run).status is RunStatus.WAITING


def made(app, **later):
    """What a round tells that is made so much later."""
    clock = datetime.now(UTC) + timedelta(**later)
    return list(rounds.round_of(app, lambda name: app, clock=lambda: clock))


def test_a_run_whose_time_has_not_come_is_left_alone(app):
    begin(app)
    before = app.run("r1").seq
    assert made(app) == []
    assert app.run("r1").seq == before


def test_a_run_whose_time_has_come_is_looked_at_and_goes_on(app, far):
    begin(app)
    far.things["a"] = {"id": "7"}
    (told,) = made(app, minutes=1)
    assert (told.run, told.outcome, told.status) == ("r1", Outcome.ADVANCED, "done")
    assert made(app, minutes=2) == []


def test_a_run_that_still_waits_says_when_it_is_looked_at_next(app):
    begin(app)
    (told,) = made(app, minutes=1)
    assert told.status == "waiting"
    assert told.due == app.run("r1").due > ""


def test_a_run_that_waits_for_a_person_is_left_alone_whatever_the_time(app):
    begin(app, PERSON)
    assert made(app, days=400) == []


def test_one_run_in_trouble_keeps_no_other_from_going_on(app, far):
    begin(app, WAIT.replace("10m", "1ms"), run="r1")
    begin(app, WAIT.replace("key: a", "key: c"), run="r2")
    far.things["c"] = {"id": "8"}
    told = {each.run: each for each in made(app, minutes=1)}
    assert told["r1"].outcome is Outcome.TROUBLE
    assert told["r1"].status == "failed"
    assert told["r2"].status == "done"


def test_a_run_in_the_hands_of_somebody_else_is_theirs(app, tmp_path, far):
    begin(app)
    other = opened(tmp_path)
    other.store.acquire("r1", owner="process 1 on elsewhere", now=0, until=4e9)
    (told,) = made(app, minutes=1)
    assert told.outcome is Outcome.BUSY
    assert "elsewhere" in told.says


def test_a_secret_that_may_be_in_somebodys_hands_is_not_made_anew_by_a_clock(app, far):
    begin(app, SECRET)
    far.things["a"] = {"id": "7"}
    known = dict(far.passwords)
    (told,) = made(app, minutes=1)
    assert told.outcome is Outcome.LEFT
    assert far.passwords == known


def test_a_thousand_waiting_runs_are_told_apart_without_reading_them(app, monkeypatch):
    begin(app)
    monkeypatch.setattr(app, "run", lambda run_id: pytest.fail("it was read"))
    assert made(app) == []
