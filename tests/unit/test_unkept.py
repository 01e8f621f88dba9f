"""A run that was cancelled between setting a password and handing it over owes it: no new run may forget that."""

from __future__ import annotations

import pytest
from running import Bench

from runbook_exec.action import Answer
from runbook_exec.past import runbook_of
from runbook_exec.replay import replay
from runbook_exec.run import RunStatus
from runbook_exec.testing import FarSide, registered
from runbook_exec.unkept import blocking, unkept

STEPS = """
- {id: account, title: {en: A, de: A}, uses: memory.thing, with: {key: a, set: {name: x}}}
- {id: first, title: {en: F, de: F}, when: "{{ site.shut }}", uses: memory.word, with: {text: x}}
- id: password
  title: {en: P, de: P}
  when: "{{ site.shut }}"
  uses: memory.password
  with: {key: a, password: "{{ first.secret }}"}
  irreversible: there was none
- {id: open, title: {en: O, de: O}, uses: memory.thing, with: {key: a, set: {open: true}}}
- id: hand_over
  title: {en: H, de: H}
  when: "{{ site.shut }}"
  mode: read-do
  with: {reveal: {Password: "{{ first.secret }}"}}
  irreversible: it is known
- {id: last, title: {en: L, de: L}, uses: memory.thing, with: {key: b, set: {name: y}}}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far, site={"shut": True})


@pytest.fixture
def runbook(bench):
    return bench.runbook(STEPS, subject='"p1"')


def refused(bench, runbook, *runs):
    """Why a new plan is refused, now that the account is open."""
    bench.site = {"shut": False}
    earlier = [replay(bench.store.events(run)) for run in runs]
    return list(
        blocking([(runbook_of(run), run) for run in earlier], bench.plan(runbook).lines, runbook.name)
    )


def test_what_a_cancelled_run_owes_is_named_with_the_way_out(bench, runbook):
    run = bench.start(runbook)
    assert run.status is RunStatus.WAITING
    assert [each.step for each in unkept(runbook, run)] == ["hand_over"]
    bench.cancel()
    (why,) = refused(bench, runbook, "r1")
    assert "'hand_over' was not done, and what 'first' made is lost: nobody has it" in why
    assert "`runbook undo r1`" in why
    assert "--seen-to r1" in why


def test_nothing_is_owed_once_it_was_handed_over(bench, runbook):
    bench.answer = lambda question: Answer(who="mia")
    run = bench.start(runbook)
    assert run.status is RunStatus.DONE
    assert unkept(runbook, run) == []
    assert refused(bench, runbook, "r1") == []


def test_nothing_is_owed_before_the_secret_was_set_anywhere(bench, runbook):
    def stop(event, run):
        bench.halt = event.body.get("step") == "first"

    bench.halt = False
    bench.on_event = stop
    bench._pause = lambda seconds: bench.halt
    run = bench.start(runbook)
    assert run.status is RunStatus.STOPPED
    assert unkept(runbook, run) == []


def test_a_plan_that_makes_the_secret_anew_is_not_refused(bench, runbook):
    bench.start(runbook)
    bench.cancel()
    again = bench.plan(runbook)
    run = replay(bench.store.events("r1"))
    assert list(blocking([(runbook, run)], again.lines, runbook.name)) == []


def test_a_later_run_that_was_done_pays_the_debt(bench, runbook):
    bench.start(runbook)
    bench.cancel()
    bench.answer = lambda question: Answer(who="mia")
    bench.start(runbook, run="r2")
    assert refused(bench, runbook, "r1", "r2") == []


def test_a_person_may_say_that_it_was_seen_to(bench, runbook):
    bench.start(runbook)
    bench.cancel()
    bench.started = {"seen_to": "r1"}
    bench.start(runbook, run="r2")
    bench.cancel(run="r2")
    assert ["r2" in why for why in refused(bench, runbook, "r1", "r2")] == [True]


def test_another_runbook_owes_nothing_here(bench, runbook):
    bench.start(runbook)
    bench.cancel()
    run = replay(bench.store.events("r1"))
    bench.site = {"shut": False}
    assert list(blocking([(runbook, run)], bench.plan(runbook).lines, "another")) == []
