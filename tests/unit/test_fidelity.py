"""Planned against done: the figure of a run, and what counts as a defect."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import Bench

from runbook_exec.action import Answer
from runbook_exec.change import Certainty
from runbook_exec.errors import Failed, Unreachable
from runbook_exec.fidelity import Outcome, kept, measure
from runbook_exec.report import fidelity_words, story
from runbook_exec.run import Run, RunStatus, StepRecord, StepStatus, Word
from runbook_exec.testing import FarSide, registered

STEPS = """
- {id: word, title: {en: W, de: W}, uses: memory.word, with: {text: red}}
- {id: one, title: {en: O, de: E}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- {id: two, title: {en: T, de: Z}, uses: memory.thing, with: {key: b, set: {of: "{{ one.id }}"}}}
- {id: mail, title: {en: M, de: M}, uses: memory.mail, with: {to: anna, text: hi}, irreversible: mail}
- {id: paper, title: {en: P, de: P}, mode: read-do}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far, answer=lambda question: Answer(who="mia"))


def test_a_run_that_goes_as_planned_says_so_in_its_record(bench):
    run = bench.start(bench.runbook(STEPS))
    assert run.status is RunStatus.DONE
    assert run.fidelity == {
        "lines": {
            "blind": {"as planned": 1},
            "deferred": {"as planned": 1},
            "exact": {"as planned": 2},
            "human": {"as planned": 1},
        },
        "defects": [],
    }
    assert fidelity_words(kept(run.fidelity), "en") == ["5 of 5 lines came out exactly as planned"]


def test_what_somebody_else_had_done_by_then_is_told(bench):
    runbook = bench.runbook(STEPS)
    bench.far.things["a"] = {"id": "7", "colour": "blue"}
    plan = bench.plan(runbook)
    bench.far.things["a"] = {"id": "7", "colour": "red"}
    figure = measure(bench.start(runbook, plan=plan))
    assert figure.lines["exact"] == {"adopted": 1, "as planned": 2}


def test_what_drifted_and_was_planned_anew_is_told(bench):
    runbook = bench.runbook(STEPS)
    bench.far.things["a"] = {"id": "7", "colour": "blue"}
    plan = bench.plan(runbook)
    bench.far.things["a"] = {"id": "7", "colour": "green"}
    assert bench.start(runbook, plan=plan).status is RunStatus.DRIFTED
    figure = measure(bench.replan(runbook))
    assert figure.lines["exact"]["re-planned"] == 1
    assert figure.defects == ()


def test_what_was_in_doubt_and_settled_by_a_persons_word_is_told(bench):
    runbook = bench.runbook(STEPS)
    bench.far.trouble = [("after", Unreachable("no answer", sent=True))] * 3
    bench.start(runbook)
    while bench.far.trouble:
        bench.resume(runbook)
    bench.say("mail", Word.DONE)
    run = bench.resume(runbook)
    assert run.status is RunStatus.DONE
    assert measure(run).lines["blind"] == {"by hand": 1}


def test_what_was_not_done_is_told(bench):
    runbook = bench.runbook(STEPS)
    bench.far.trouble = [("before", Failed("no"))]
    figure = measure(bench.start(runbook))
    assert figure.count(Outcome.NOT_DONE) == 4


def test_a_certain_line_that_came_out_otherwise_is_a_defect_and_loud(bench):
    runbook = bench.runbook(STEPS)
    run = bench.start(runbook)
    record = run.steps["one"]
    wrong = replace(record, change={**record.change, "after": {"colour": "blue"}})
    run = replace(run, steps={**run.steps, "one": wrong})
    assert measure(run).defects == ("one",)
    assert "DEFECT: planned for certain, and came out otherwise: one" in story(run, runbook, "en")
    assert "FEHLER: als sicher geplant und anders gekommen: one" in story(run, runbook, "de")


_RECORDS = st.builds(
    StepRecord,
    status=st.sampled_from(list(StepStatus)),
    changed=st.booleans(),
    drifted=st.booleans(),
    doubted=st.booleans(),
    by_hand=st.booleans(),
)
_LINES = st.builds(
    lambda n, status, certainty, nature: {
        "step": f"s{n}",
        "status": status,
        "certainty": certainty,
        "nature": nature,
        "what": {"target": "t", "request": None, "after": {"a": n}, "outputs": {}},
    },
    n=st.integers(0, 9),
    status=st.sampled_from(["change", "same", "later", "skip", "gate", "lost"]),
    certainty=st.sampled_from([c.value for c in Certainty]),
    nature=st.sampled_from(["writes", "blind", "human", "waits", "computes"]),
)


@given(
    lines=st.lists(_LINES, unique_by=lambda line: line["step"]),
    records=st.dictionaries(st.sampled_from([f"s{n}" for n in range(10)]), _RECORDS),
)
def test_every_line_counts_once_and_a_defect_is_always_a_certain_line(lines, records):
    run = Run(
        id="r",
        client="c",
        started={},
        started_at="",
        plan={"lines": lines},
        shown={"lines": lines},
        steps=records,
        status=RunStatus.DONE,
    )
    figure = measure(run)
    counted = [line for line in lines if line["status"] != "gate"]
    assert figure.total == len(counted)
    assert kept(figure.body()) == figure
    exact = {line["step"] for line in counted if line["certainty"] == "exact"}
    assert set(figure.defects) <= exact
    assert len(figure.defects) == figure.lines.get("exact", {}).get("otherwise", 0)
