"""A step that waits costs no process: its times stand in the journal, and whoever goes on looks again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from running import Bench

from runbook_exec.errors import Unreachable
from runbook_exec.journal import Kind
from runbook_exec.replay import replay
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.testing import FarSide, registered

WAIT = "- {id: w, title: {en: W, de: W}, uses: memory.wait, with: {key: a}, timeout: 10m}\n"
AFTER = "- {id: t, title: {en: T, de: T}, uses: memory.thing, with: {key: b, set: {of: '{{ w.id }}'}}}\n"
BESIDE = """
- parallel:
    - {id: w, title: {en: W, de: W}, uses: memory.wait, with: {key: a}, timeout: 10m}
    - {id: t, title: {en: T, de: T}, uses: memory.thing, with: {key: b, set: {n: 1}}}
    - {id: v, title: {en: V, de: V}, uses: memory.wait, with: {key: c}, timeout: 5m}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far, hold=0)


def unreachable(bench: Bench) -> None:
    def read(refs):
        raise Unreachable("no answer from memory")

    bench.far.read = read


def test_a_wait_is_left_at_once_where_nobody_stays_and_says_when_to_look_again(bench):
    began = bench.clock()
    run = bench.start(bench.runbook(WAIT + AFTER))
    assert run.status is RunStatus.WAITING
    assert datetime.fromisoformat(run.due) == began + timedelta(seconds=20)
    assert "resume --due" in run.next_move
    assert bench.clock() == began


def test_a_wait_that_was_left_goes_on_from_the_journal(bench):
    runbook = bench.runbook(WAIT + AFTER)
    bench.start(runbook)
    bench.far.things["a"] = {"id": "7"}
    run = bench.resume(runbook)
    assert run.status is RunStatus.DONE
    assert bench.far.things["b"]["of"] == "7"


def test_the_deadline_counts_from_the_first_look_over_every_restart(bench):
    runbook = bench.runbook(WAIT)
    bench.start(runbook)
    for _ in range(3):
        bench.clock.forward(190)
        assert bench.resume(runbook).status is RunStatus.WAITING
    bench.clock.forward(31)
    run = bench.resume(runbook)
    assert run.status is RunStatus.FAILED
    assert "time is over" in run.why


def test_what_is_so_after_the_deadline_is_good_enough(bench):
    runbook = bench.runbook(WAIT)
    bench.start(runbook)
    bench.clock.forward(3600)
    bench.far.things["a"] = {"id": "7"}
    assert bench.resume(runbook).status is RunStatus.DONE


def test_going_on_after_the_deadline_waits_anew(bench):
    runbook = bench.runbook(WAIT)
    bench.start(runbook)
    bench.clock.forward(601)
    assert bench.resume(runbook).status is RunStatus.FAILED
    run = bench.resume(runbook)
    assert run.status is RunStatus.WAITING
    assert datetime.fromisoformat(run.steps["w"].until) == bench.clock() + timedelta(minutes=10)


def test_a_new_plan_begins_the_time_anew(bench):
    runbook = bench.runbook(WAIT)
    bench.start(runbook)
    bench.clock.forward(590)
    run = bench.resume(runbook, replan=True)
    assert datetime.fromisoformat(run.steps["w"].until) == bench.clock() + timedelta(minutes=10)


def test_a_look_that_gets_no_answer_is_one_more_wait(bench):
    runbook = bench.runbook(WAIT)
    bench.start(runbook)
    unreachable(bench)
    run = bench.resume(runbook)
    assert run.status is RunStatus.WAITING
    assert "no answer" in run.why
    assert datetime.fromisoformat(run.due) > bench.clock()


def test_a_far_side_that_never_answers_ends_at_the_deadline(bench):
    runbook = bench.runbook(WAIT)
    bench.start(runbook)
    unreachable(bench)
    bench.clock.forward(601)
    assert bench.resume(runbook).status is RunStatus.FAILED


def test_whoever_watches_stays_and_the_journal_tells_the_wait_once(bench):
    bench.hold = 60
    began = bench.clock()
    run = bench.start(bench.runbook(WAIT))
    assert run.status is RunStatus.WAITING
    assert timedelta() < bench.clock() - began <= timedelta(seconds=60)
    told = [event for event in bench.store.events("r1") if event.kind == Kind.WAITING]
    assert len(told) == 2  # when it began, and when it was left with a new time


def test_stopping_while_it_waits_leaves_a_run_that_waits(bench):
    bench.hold = 3600
    bench._pause = lambda seconds: seconds > 0
    run = bench.start(bench.runbook(WAIT))
    assert run.status is RunStatus.WAITING
    assert run.steps["w"].status is StepStatus.WAITING


def test_of_waits_side_by_side_the_earliest_time_counts_and_the_others_are_done(bench):
    run = bench.start(bench.runbook(BESIDE))
    assert run.status is RunStatus.WAITING
    assert run.steps["t"].status is StepStatus.DONE
    assert run.due == min(run.steps["w"].due, run.steps["v"].due)


def test_the_run_read_from_the_store_knows_its_times(bench):
    run = bench.start(bench.runbook(WAIT))
    assert replay(bench.store.events("r1")) == run
    assert run.steps["w"].until > run.due > ""


def test_a_wait_whose_time_is_over_says_that_the_far_side_could_not_be_asked(bench):
    bench.hold = 3600
    looks = bench.far.read

    def gone_after_the_first_looks(refs):
        if bench.said:
            raise Unreachable("no answer from memory")
        return looks(refs)

    bench.far.read = gone_after_the_first_looks
    run = bench.start(bench.runbook(WAIT))
    assert run.status is RunStatus.FAILED
    assert "time is over" in run.why
    assert "no answer from memory" in run.why
