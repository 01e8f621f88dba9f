"""`on_failure: undo`: a failed step takes the whole run back, by the same path as a person would."""

from __future__ import annotations

import pytest
from estate import Estate

from runbook_exec.errors import Failed, Unreachable
from runbook_exec.journal import Kind
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.testing import FarSide, MemorySession, registered

STEPS = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- id: mail
  title: {en: Tell Anna, de: Anna Bescheid geben}
  uses: memory.mail
  with: {to: anna, text: hello}
  irreversible: a mail cannot be called back
- id: two
  title: {en: Two, de: Zwei}
  uses: memory.thing
  with: {key: b, set: {n: 1}}
  on_failure: undo
- {id: three, title: {en: Three, de: Drei}, uses: memory.thing, with: {key: c, set: {n: 1}}}
"""


@pytest.fixture
def estate(tmp_path):
    with registered(FarSide(a={"id": "a-1", "colour": "blue"})) as far:
        yield Estate(tmp_path, far)


def trouble_for(estate, step, error):
    """The next write after this step's intent meets this error."""

    def watch(event, run):
        if event.kind == Kind.INTENT and event.body["step"] == step and "undoes" not in run.started:
            estate.far.trouble = [("before", error)]

    estate.on_event = watch


def test_a_failed_step_takes_back_what_was_done_and_the_run_is_over(estate):
    before = estate.world()
    trouble_for(estate, "two", Failed("the disk is full"))
    run = estate.run(STEPS)
    assert run.status is RunStatus.UNDONE
    assert estate.world() == before
    assert run.steps["one"].status is StepStatus.UNDONE
    assert "three" not in run.steps
    assert run.why.startswith("step 'two': the disk is full; taken back by run ")
    assert run.why.endswith("but for mail")
    back = estate.app.run(run.undone_by)
    assert back.started["undoes"] == run.id
    assert back.steps["mail"].note == "a mail cannot be called back"
    assert ("two", "step 'two': the disk is full; taking back what this run did") in estate.said


def test_the_subject_is_free_for_another_try(estate):
    trouble_for(estate, "two", Failed("no"))
    estate.run(STEPS)
    estate.on_event = lambda event, run: None
    assert estate.run(STEPS).status is RunStatus.DONE


def test_other_failed_steps_only_stop(estate):
    trouble_for(estate, "one", Failed("no"))
    run = estate.run(STEPS)
    assert run.status is RunStatus.FAILED
    assert run.undone_by == ""


def test_drift_is_no_failure_and_takes_nothing_back(estate):
    def meddle(event, run):
        if event.kind == Kind.RESULT and event.body["step"] == "mail":
            estate.far.things["b"] = {"id": "b", "n": 7}

    estate.on_event = meddle
    run = estate.run(STEPS)
    assert run.status is RunStatus.DRIFTED
    assert estate.far.things["a"]["colour"] == "red"


def test_an_undo_that_cannot_even_be_planned_says_so_and_is_left_to_a_person(estate, monkeypatch):
    trouble_for(estate, "two", Failed("no"))
    real = FarSide.read

    def down(far, refs):
        if far.trouble == [] and "b" in [ref.key for ref in refs] and not far.opened[-1]:
            raise Unreachable("no answer")
        return real(far, refs)

    monkeypatch.setattr(FarSide, "read", down)
    monkeypatch.setattr(MemorySession, "read", lambda self, refs: self.far.read(refs))
    first = estate.runbook(STEPS, subject="anna")
    app = estate.app
    monkeypatch.setattr(FarSide, "read", real)
    plan = app.plan(first, {})
    monkeypatch.setattr(FarSide, "read", down)
    from runbook_exec import conduct

    run = conduct.start(app, plan, run="r1")
    assert run.status is RunStatus.FAILED
    assert "taking it back was not begun: no answer" in run.why
    assert run.next_move == "`runbook undo r1` tries again"
    monkeypatch.setattr(FarSide, "read", real)
    estate.on_event = lambda event, run: None
    assert estate.undo(run).status is RunStatus.DONE
    assert estate.far.things["a"]["colour"] == "blue"


def test_an_undo_that_stops_on_the_way_is_gone_on_with(estate):
    def watch(event, run):
        if (
            event.kind == Kind.INTENT
            and event.body["step"] in {"two", "one"}
            and ("undoes" in run.started or event.body["step"] == "two")
        ):
            estate.far.trouble = [("before", Failed("no"))]

    estate.on_event = watch
    run = estate.run(STEPS)
    assert run.status is RunStatus.UNDOING
    assert run.undone_by in run.next_move
    estate.on_event = lambda event, run: None
    assert estate.resume(run.undone_by).status is RunStatus.DONE
    assert estate.again(run).status is RunStatus.UNDONE
    assert estate.far.things["a"]["colour"] == "blue"


def test_where_nothing_was_done_there_is_nothing_to_take_back(estate):
    steps = "\n".join(STEPS.strip("\n").splitlines()[6:])
    trouble_for(estate, "two", Failed("no"))
    run = estate.run(steps)
    assert run.status is RunStatus.UNDONE
