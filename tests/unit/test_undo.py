"""A run is taken back value by value, and nothing of anybody else's with it."""

from __future__ import annotations

import pytest
from estate import Estate
from running import Killed

from runbook_exec.errors import Busy, Failed, Invalid, Refused
from runbook_exec.journal import Kind
from runbook_exec.plan import Status
from runbook_exec.plan_json import plan_json
from runbook_exec.plan_text import plan_text
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.testing import FarSide, registered

TWO = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red, size: 2}}}
- {id: two, title: {en: Two, de: Zwei}, uses: memory.thing, with: {key: b, set: {of: "{{ one.id }}"}}}
"""
MAIL = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- id: mail
  title: {en: Tell Anna, de: Anna Bescheid geben}
  uses: memory.mail
  with: {to: anna, text: hello}
  irreversible: a mail cannot be called back
- {id: paper, title: {en: Hand over the key, de: Den Schlüssel übergeben}, mode: read-do, irreversible: a person did it}
"""
EACH = """
- id: each
  title: {en: E, de: E}
  uses: memory.thing
  for_each: "{{ names }}"
  as: name
  with: {key: "{{ name }}", set: {n: 1}}
"""
NAMES = "{type: object, properties: {names: {type: array}}}"


@pytest.fixture
def estate(tmp_path):
    with registered(FarSide(a={"id": "a-1", "colour": "blue", "owner": "otto"})) as far:
        yield Estate(tmp_path, far)


def lines(plan):
    return [(line.step, line.status) for line in plan.lines]


def test_what_a_run_changed_and_made_is_as_before(estate):
    before = estate.world()
    run = estate.run(TWO)
    assert estate.world() != before
    back = estate.undo(run)
    assert (back.status, estate.again(run).status) == (RunStatus.DONE, RunStatus.UNDONE)
    assert estate.world() == before


def test_the_last_step_is_taken_back_first(estate):
    plan = estate.plan_undo(estate.run(TWO))
    assert lines(plan) == [("two", Status.CHANGE), ("one", Status.CHANGE)]


def test_planning_an_undo_writes_nothing(estate):
    run = estate.run(TWO)
    world, writes, seq = estate.world(), list(estate.far.writes), estate.again(run).seq
    estate.far.opened.clear()
    estate.plan_undo(run)
    assert (estate.world(), estate.far.writes, estate.again(run).seq) == (world, writes, seq)
    assert not any(estate.far.opened)


def test_a_value_that_somebody_changed_since_stays_and_is_shown(estate):
    run = estate.run(TWO)
    estate.far.things["a"]["colour"] = "green"
    plan = estate.plan_undo(run)
    text = plan_text(plan, language="en", colour=False)
    assert "colour: it is green, the run left red" in text
    assert "1 changed by somebody since" in text
    assert "bleibt, da es jemand nach dem Lauf geändert hat" in plan_text(plan, language="de", colour=False)
    back = estate.undo(run)
    assert back.status is RunStatus.DONE
    assert estate.far.things["a"] == {"id": "a-1", "colour": "green", "owner": "otto"}
    assert "but for one" in estate.again(run).why


def test_a_line_on_which_everything_was_changed_does_nothing(estate):
    run = estate.run(TWO)
    estate.far.things["a"] |= {"colour": "green", "size": 3}
    writes = len(estate.far.writes)
    back = estate.undo(run)
    assert back.steps["one"].status is StepStatus.LEFT
    assert "colour is green, this run left red" in back.steps["one"].note
    assert estate.far.writes[writes:] == ["b"]


def test_an_edit_of_another_attribute_is_no_conflict(estate):
    run = estate.run(TWO)
    estate.far.things["a"]["owner"] = "paula"
    estate.undo(run)
    assert estate.far.things["a"] == {"id": "a-1", "colour": "blue", "owner": "paula"}


def test_a_thing_that_the_run_made_stays_if_somebody_added_to_it(estate):
    run = estate.run(TWO)
    estate.far.things["b"]["note"] = "mine"
    plan = estate.plan_undo(run)
    assert lines(plan)[0] == ("two", Status.SAME)
    assert plan.lines[0].change.conflicts == {"note": {"left": None, "found": "mine"}}
    estate.undo(run)
    assert estate.far.things["b"]["note"] == "mine"


def test_another_thing_of_the_same_name_is_not_ours(estate):
    run = estate.run(TWO)
    estate.far.things["b"] = {"id": "somebody-elses", "of": estate.far.things["b"]["of"]}
    estate.undo(run)
    assert estate.far.things["b"]["id"] == "somebody-elses"


def test_what_is_as_before_already_is_adopted(estate):
    run = estate.run(TWO)
    estate.far.things["a"] = {"id": "a-1", "colour": "blue", "owner": "otto"}
    writes = len(estate.far.writes)
    back = estate.undo(run)
    assert (back.steps["one"].status, back.steps["one"].changed) == (StepStatus.DONE, False)
    assert estate.far.writes[writes:] == ["b"]


def test_only_the_end_of_a_run_is_taken_back(estate):
    run = estate.run(TWO)
    back = estate.undo(run, start="two")
    assert "b" not in estate.far.things
    assert estate.far.things["a"]["colour"] == "red"
    assert "from step 'two' on" in estate.again(run).why
    estate.undo(estate.again(run))
    assert estate.far.things["a"]["colour"] == "blue"
    assert back.id != estate.again(run).undone_by


def test_a_step_that_is_undone_is_not_undone_again(estate):
    run = estate.run(TWO)
    estate.undo(run, start="two")
    estate.far.things["b"] = {"id": "again", "of": "a-1"}
    assert lines(estate.plan_undo(estate.again(run))) == [("one", Status.CHANGE)]


def test_a_step_that_does_not_exist_is_named_with_those_that_do(estate):
    run = estate.run(TWO)
    with pytest.raises(Invalid, match="three") as refused:
        estate.plan_undo(run, start="three")
    assert "one, two" in refused.value.next_move


def test_what_cannot_come_back_is_said_beforehand(estate):
    run = estate.run(MAIL)
    plan = estate.plan_undo(run)
    assert lines(plan) == [("paper", Status.LOST), ("mail", Status.LOST), ("one", Status.CHANGE)]
    text = plan_text(plan, language="en", colour=False)
    assert "∅ Tell Anna" in text
    assert "cannot come back: a mail cannot be called back" in text
    assert "2 cannot come back" in text
    document = plan_json(plan)
    assert document["undoes"] == run.id
    assert [line["status"] for line in document["lines"]] == ["lost", "lost", "change"]
    back = estate.undo(run)
    assert back.status is RunStatus.DONE
    assert back.steps["mail"].note == "a mail cannot be called back"
    assert len(estate.far.mails) == 1


def test_steps_that_changed_nothing_have_no_line(estate):
    estate.run(TWO)
    again = estate.run(TWO)
    assert estate.plan_undo(again).lines == ()


def test_each_element_of_a_list_is_taken_back_the_last_first(estate):
    before = estate.world()
    run = estate.run(EACH, inputs=NAMES, names=["x", "y", "z"])
    plan = estate.plan_undo(run)
    assert [line.step for line in plan.lines] == ["each[2]", "each[1]", "each[0]"]
    estate.undo(run)
    assert estate.world() == before


def test_an_undo_is_a_run_of_its_own_that_names_the_other(estate):
    run = estate.run(TWO)
    back = estate.undo(run)
    assert back.id != run.id
    assert (back.started["undoes"], back.started["subject"]) == (run.id, "anna")
    assert [kind for kind, step in estate.kinds(back) if step == "one"] == [Kind.INTENT, Kind.RESULT]
    assert estate.kinds(run)[-2:] == [(Kind.UNDOING, ""), (Kind.UNDONE, "")]


def test_plans_to_undo_different_runs_have_different_digests(estate):
    one = estate.run(TWO)
    first = estate.plan_undo(one)
    estate.undo(one)
    again = estate.run(TWO)
    assert estate.plan_undo(again).digest != first.digest


def test_an_undone_run_and_its_undo_are_refused(estate):
    run = estate.run(TWO)
    back = estate.undo(run)
    with pytest.raises(Refused, match="undone already"):
        estate.plan_undo(estate.again(run))
    with pytest.raises(Refused, match="itself the undo") as refused:
        estate.plan_undo(back)
    assert "run the runbook again" in refused.value.next_move
    with pytest.raises(Refused, match="undone"):
        estate.resume(run.id)


def test_the_runbook_can_be_run_again_afterwards(estate):
    estate.undo(estate.run(TWO))
    run = estate.run(TWO)
    assert run.status is RunStatus.DONE
    assert estate.far.things["a"]["colour"] == "red"


def test_a_failed_run_is_taken_back_as_far_as_it_came_and_ends(estate):
    before = estate.world()

    def fail_at_two(event, run):
        if event.kind == Kind.RESULT and event.body["step"] == "one":
            estate.far.trouble = [("before", Failed("no"))]

    estate.on_event = fail_at_two
    run = estate.run(TWO)
    assert run.status is RunStatus.FAILED
    estate.on_event = lambda event, run: None
    plan = estate.plan_undo(run)
    assert lines(plan) == [("two", Status.SAME), ("one", Status.CHANGE)]
    estate.undo(run)
    assert estate.world() == before
    assert estate.run(TWO).status is RunStatus.DONE  # the subject is free again


def test_a_write_whose_end_nobody_saw_is_measured_and_taken_back(estate):
    before = estate.world()
    estate.kill_at(Kind.INTENT, "two", undoing_only=False)
    with pytest.raises(Killed):
        estate.run(TWO)
    run = estate.newest()
    estate.far.things["b"] = {"id": "id-9", "of": "a-1"}  # our write arrived, its record did not
    estate.undo(run)
    assert estate.world() == before


def test_a_mail_in_doubt_is_said_to_be(estate):
    estate.kill_at(Kind.INTENT, "mail", undoing_only=False)
    with pytest.raises(Killed):
        estate.run(MAIL)
    plan = estate.plan_undo(estate.newest())
    assert "nobody knows whether it happened" in plan.line("mail").reason


def test_all_that_several_attempts_did_is_taken_back(estate):
    steps = TWO.replace("size: 2}}}", "size: 2}}, retry: {attempts: 2, backoff: 1s}}", 1)
    before = estate.world()

    def half(event, run):
        if event.kind == Kind.INTENT and event.body["step"] == "one":
            estate.far.things["a"]["colour"] = "red"  # the first half of our write arrived
            estate.far.trouble = [("before", Failed("no"))]
            estate.on_event = lambda event, run: None

    estate.on_event = half
    run = estate.run(steps)
    assert run.status is RunStatus.FAILED
    run = estate.resume(run.id)
    assert run.status is RunStatus.DONE
    estate.undo(run)
    assert estate.world() == before


@pytest.mark.parametrize("kind", [Kind.STARTED, Kind.PLANNED])
def test_a_kill_before_anything_is_taken_back_is_gone_on_from(estate, kind):
    before = estate.world()
    run = estate.run(TWO)
    estate.kill_at(kind)
    with pytest.raises(Killed):
        estate.undo(run)
    back = estate.newest()
    assert back.started["undoes"] == run.id
    assert estate.again(run).status is RunStatus.UNDOING
    with pytest.raises(Busy, match=back.id):
        estate.plan_undo(estate.again(run))
    assert estate.resume(back.id, replan=kind is Kind.STARTED).status is RunStatus.DONE
    assert estate.world() == before
    assert estate.again(run).status is RunStatus.UNDONE


@pytest.mark.parametrize("kind", [Kind.INTENT, Kind.RESULT])
@pytest.mark.parametrize("step", ["one", "two"])
def test_a_killed_undo_goes_on_and_repeats_nothing(estate, kind, step):
    before = estate.world()
    run = estate.run(TWO)
    writes = len(estate.far.writes)
    estate.kill_at(kind, step)
    with pytest.raises(Killed):
        estate.undo(run)
    back = estate.resume(estate.newest().id)
    assert back.status is RunStatus.DONE
    assert estate.world() == before
    assert estate.far.writes[writes:] == ["b", "a"]
    assert estate.again(run).status is RunStatus.UNDONE


def test_an_undo_whose_write_arrived_before_the_kill_is_adopted(estate):
    run = estate.run(TWO)
    estate.kill_at(Kind.INTENT, "two")
    with pytest.raises(Killed):
        estate.undo(run)
    del estate.far.things["b"]
    back = estate.resume(estate.newest().id)
    assert back.status is RunStatus.DONE
    assert back.steps["two"].changed


def test_a_kill_between_the_two_journals_is_healed_by_looking(estate):
    run = estate.run(TWO)
    estate.kill_at(Kind.DONE)
    with pytest.raises(Killed):
        estate.undo(run)
    assert estate.again(run).status is RunStatus.UNDOING
    with pytest.raises(Refused, match="is done"):
        estate.resume(estate.newest().id)
    assert estate.again(run).status is RunStatus.UNDONE


def test_a_value_that_is_changed_between_agreeing_and_doing_stays(estate):
    run = estate.run(TWO)

    def meddle(event, seen):
        if event.kind == Kind.PLANNED and "undoes" in seen.started:
            estate.far.things["a"]["colour"] = "green"

    estate.on_event = meddle
    back = estate.undo(run)
    assert back.status is RunStatus.DONE
    assert estate.far.things["a"]["colour"] == "green"
    assert "size" not in estate.far.things["a"]


def test_more_than_was_agreed_to_is_never_taken_back(estate):
    run = estate.run(TWO)
    estate.far.things["a"]["colour"] = "green"

    def mend(event, seen):
        if event.kind == Kind.PLANNED and "undoes" in seen.started:
            estate.far.things["a"]["colour"] = "red"

    estate.on_event = mend
    back = estate.undo(run)
    assert back.status is RunStatus.DRIFTED
    estate.on_event = lambda event, run: None
    assert estate.resume(back.id, replan=True).status is RunStatus.DONE
    assert estate.far.things["a"]["colour"] == "blue"


def test_a_run_that_went_on_since_the_plan_is_planned_again(estate):
    from runbook_exec import undoing

    app = estate.app
    run = estate.run(TWO)
    made = undoing.plan(app, run.id)
    estate.undo(run, start="two")
    with pytest.raises(Refused, match="gone on"):
        undoing.begin(app, made)


def test_another_run_about_the_subject_goes_first(estate):
    run = estate.run(TWO)
    waiting = "- {id: ok, gate: {person: boss@x.example}}\n" + TWO.strip("\n")
    assert estate.run(waiting).status is RunStatus.WAITING
    with pytest.raises(Busy):
        estate.undo(run)
    assert estate.again(run).status is RunStatus.DONE


GATED = """
- {id: zero, title: {en: Z, de: Z}, uses: memory.thing, with: {key: z, set: {n: 1}}}
- {id: ok, when: "{{ zero.changed }}", gate: {person: boss@x.example}}
- {id: one, title: {en: O, de: O}, uses: memory.thing, with: {key: a, set: {colour: red}}}
"""


def test_a_gate_before_a_step_covers_taking_it_back(estate):
    before = estate.world()
    run = estate.run(GATED)
    estate.approve(run.id)
    run = estate.resume(run.id)
    assert run.status is RunStatus.DONE
    plan = estate.plan_undo(run)
    assert lines(plan) == [("ok", Status.GATE), ("one", Status.CHANGE), ("zero", Status.CHANGE)]
    back = estate.undo(run)
    assert back.status is RunStatus.WAITING
    assert estate.far.things["a"]["colour"] == "red"
    estate.approve(back.id)
    assert estate.resume(back.id).status is RunStatus.DONE
    assert estate.world() == before


def test_a_gate_after_a_step_does_not_cover_it(estate):
    run = estate.run(GATED)
    assert run.status is RunStatus.WAITING
    assert lines(estate.plan_undo(run)) == [("zero", Status.CHANGE)]


def test_protected_things_are_refused(estate):
    steps = "- {id: one, title: {en: O, de: O}, uses: memory.thing, with: {key: crown, set: {colour: red}}}"
    run = estate.run(steps, guards="{protected: [crown]}")
    settings = estate.folder / "runbook.yaml"
    settings.write_text(settings.read_text().replace("crown: []", "crown: [crown]"))
    assert "protected as crown" in estate.plan_undo(run).refusals[0]
    with pytest.raises(Refused, match="may not be started"):
        estate.undo(run)
    assert estate.again(run).status is RunStatus.DONE
    assert estate.far.things["crown"]["colour"] == "red"


def test_a_journal_from_before_undo_was_there_can_be_undone(estate):
    from dataclasses import replace

    from runbook_exec import undo

    run = estate.run(TWO)
    steps = {
        label: replace(
            record,
            images=tuple(
                {k: v for k, v in image.items() if k not in {"writes", "reads"}} for image in record.images
            ),
        )
        for label, record in run.steps.items()
    }
    old = undo.ways(estate.runbook(TWO), replace(run, steps=steps))
    assert [way.back.target for way in old] == ["b", "a"]
    assert all(way.back.target in way.back.writes for way in old)
