"""What is read for later steps is what they are planned with, and held against at their time."""

from __future__ import annotations

import pytest
from running import Bench

from runbook_exec.run import RunStatus
from runbook_exec.testing import FarSide, registered

STEPS = """
- {id: seen, title: {en: Look, de: Sehen}, uses: read.state, with: {read: memory.thing, of: a, only: [colour]}}
- id: copy
  title: {en: Copy, de: Kopieren}
  uses: memory.thing
  with: {key: b, set: {colour: "{{ seen.state.colour }}"}}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide(a={"colour": "red", "shape": "round"})) as far:
        yield Bench(folder=tmp_path, far=far)


def test_what_was_read_is_known_while_planning(bench):
    plan = bench.plan(bench.runbook(STEPS))
    assert plan.lines[1].change.after["colour"] == "red"


def test_nothing_but_what_was_asked_for_is_kept(bench):
    run = bench.start(bench.runbook(STEPS))
    assert run.status is RunStatus.DONE
    assert "round" not in str([event.body for event in bench.store.events("r1")])


def test_what_has_changed_since_the_plan_stops_the_step_that_uses_it(bench):
    runbook = bench.runbook(STEPS)
    plan = bench.plan(runbook)
    bench.far.things["a"]["colour"] = "blue"
    run = bench.start(runbook, plan=plan)
    assert run.status is RunStatus.DRIFTED
    assert "b" not in bench.far.things


def test_what_is_not_there_blocks_the_plan_unless_it_may_be_missing(bench):
    gone = STEPS.replace("of: a,", "of: z,")
    assert bench.plan(bench.runbook(gone)).refusals
    may = gone.partition("- id: copy")[0].replace("of: z,", "of: z, must_exist: false,")
    assert not bench.plan(bench.runbook(may)).refusals


def test_a_mapping_is_read_in_the_order_in_which_the_journal_gives_it_back(bench):
    bench.far.things["a"] = {"z": 1, "b": {"y": 1, "c": 2}}
    look = STEPS.partition("- id: copy")[0].replace(", only: [colour]", "")
    (line,) = bench.plan(bench.runbook(look)).lines
    state = line.change.outputs["state"]
    assert list(state) == ["b", "z"]
    assert list(state["b"]) == ["c", "y"]
