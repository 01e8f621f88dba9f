"""A step of several writes whose answers get lost goes on by reading, as one with a single write does."""

from __future__ import annotations

import pytest
from running import Bench

from runbook_exec.change import Evidence
from runbook_exec.errors import Unreachable
from runbook_exec.run import RunStatus
from runbook_exec.testing import FarSide, Thing, registered

STEP = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {x: 1, y: 2, z: 3}}}
"""


@pytest.fixture
def bench(tmp_path, monkeypatch):
    def one_by_one(self, session, args, change, ctx):
        for name, value in change.after.items():
            session.put("a", {**session.far.things["a"], name: value})
        return Evidence(answer={})

    monkeypatch.setattr(Thing, "apply", one_by_one)
    with registered(FarSide(a={"id": "id-0", "other": 9})) as far:
        yield Bench(folder=tmp_path, far=far)


def lost(when="after"):
    return (when, Unreachable("no answer", sent=True))


WELL = ("", None)


@pytest.mark.parametrize("at", range(3))
def test_the_writes_after_a_lost_answer_are_done_and_none_is_done_twice(bench, at):
    bench.far.trouble = [*[WELL] * at, lost()]
    run = bench.start(bench.runbook(STEP))
    assert run.status is RunStatus.DONE
    assert bench.far.things["a"] == {"id": "id-0", "other": 9, "x": 1, "y": 2, "z": 3}
    assert len(bench.far.writes) == 3


def test_every_answer_may_get_lost(bench):
    bench.far.trouble = [lost(), lost(), lost()]
    assert bench.start(bench.runbook(STEP)).status is RunStatus.DONE
    assert len(bench.far.writes) == 3


def test_a_write_that_did_not_happen_is_made_once_the_ones_before_it_are_seen(bench):
    bench.far.trouble = [WELL, lost("before")]
    assert bench.start(bench.runbook(STEP)).status is RunStatus.DONE
    assert len(bench.far.writes) == 3


def test_where_nothing_happened_only_a_retry_of_the_runbook_tries_again(bench):
    bench.far.trouble = [lost("before")]
    run = bench.start(bench.runbook(STEP))
    assert run.status is RunStatus.FAILED
    assert bench.far.writes == []


def test_what_somebody_changed_meanwhile_stops_it(bench):
    far, put = bench.far, bench.far.things
    far.trouble = [lost()]
    read = far.read

    def changed_by_another(refs):
        if far.writes:
            put["a"]["y"] = "theirs"
        return read(refs)

    far.read = changed_by_another
    run = bench.start(bench.runbook(STEP))
    assert run.status is RunStatus.DRIFTED
    assert put["a"] == {"id": "id-0", "other": 9, "x": 1, "y": "theirs"}
