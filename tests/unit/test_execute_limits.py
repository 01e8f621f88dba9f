"""What no run does, whatever became of the world, the settings or the process since it was planned."""

from __future__ import annotations

import pytest
from running import Bench, Killed

from runbook_exec.action import Answer
from runbook_exec.errors import Failed, Transient
from runbook_exec.journal import Kind
from runbook_exec.run import RunStatus, StepStatus, Word
from runbook_exec.testing import FarSide, Mail, registered

LATER = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- {id: two, title: {en: Two, de: Zwei}, uses: memory.thing, with: {key: "{{ one.id }}", set: {of: x}}}
"""
MAIL = """
- {id: mail, title: {en: M, de: M}, uses: memory.mail, with: {to: anna, text: hello}, irreversible: a mail}
"""
EACH = """
- id: things
  title: {en: T, de: T}
  for_each: "{{ site.keys }}"
  uses: memory.thing
  with: {key: "{{ item }}", set: {colour: red}}
"""
COLOUR = """
- {id: one, title: {en: O, de: E}, uses: memory.thing, with: {key: a, set: {colour: "{{ site.colour }}"}}}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far)


def killed_at(bench: Bench, kind: Kind, step: str, runbook) -> None:
    def die(event, run):
        if event.kind == kind and event.body.get("step") == step:
            raise Killed

    bench.on_event = die
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None


def test_a_target_known_later_only_is_protected_too(bench):
    bench.protected = {"break-glass": ("ID-1",)}
    run = bench.start(bench.runbook(LATER, guards="{protected: [break-glass]}"))
    assert run.status is RunStatus.FAILED
    assert "protected as break-glass" in run.why
    assert bench.far.writes == ["a"]


def test_a_list_known_later_only_makes_no_more_changes_than_allowed(bench):
    bench.far.things["list"] = {"id": "x"}
    steps = """
    - {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
    - id: each
      title: {en: E, de: E}
      for_each: "{{ [one.id, one.id ~ 'b', one.id ~ 'c'] }}"
      uses: memory.thing
      with: {key: "{{ item }}", set: {colour: red}}
    """
    run = bench.start(bench.runbook(steps, guards="{max_changes: 2}"))
    assert run.status is RunStatus.FAILED
    assert "max_changes" in run.why
    assert len(bench.far.writes) == 2


def test_a_blocked_change_is_not_made_at_the_second_attempt(bench, monkeypatch):
    from runbook_exec.testing import Thing

    planned = Thing.plan
    plans = []

    def plan(self, args, facts):
        from dataclasses import replace

        plans.append(1)
        change = planned(self, args, facts)
        return replace(change, blocked="no licence left") if len(plans) > 2 else change

    monkeypatch.setattr(Thing, "plan", plan)
    bench.far.trouble = [("before", Transient("busy"))]
    steps = """
    - id: one
      title: {en: One, de: Eins}
      uses: memory.thing
      with: {key: a, set: {colour: red}}
      retry: {attempts: 3}
    """
    run = bench.start(bench.runbook(steps))
    assert run.status is RunStatus.FAILED
    assert "no licence left" in run.why
    assert bench.far.writes == []


def test_a_mail_that_was_begun_stays_in_doubt_when_it_cannot_even_be_planned(bench, monkeypatch):
    runbook = bench.runbook(MAIL)
    killed_at(bench, Kind.INTENT, "mail", runbook)
    with monkeypatch.context() as patch:
        patch.setattr(Mail, "plan", _refuses)
        assert bench.resume(runbook).steps["mail"].status is StepStatus.BEGUN
    assert bench.resume(runbook).status is RunStatus.IN_DOUBT
    assert bench.far.mails == []


def test_a_list_that_could_not_be_planned_once_is_whole_afterwards(bench, monkeypatch):
    bench.site = {"keys": ["a", "b"]}
    runbook = bench.runbook(EACH)
    with monkeypatch.context() as patch:
        plan = bench.plan(runbook)
        patch.setattr(FarSide, "read", _refuses)
        run = bench.start(runbook, plan=plan)
    assert run.status is RunStatus.FAILED
    run = bench.resume(runbook)
    assert run.status is RunStatus.DONE
    assert set(run.records_of("things")) == {"things[0]", "things[1]"}


def test_a_planned_element_that_is_no_longer_in_the_list_is_drift(bench):
    bench.site = {"keys": ["a", "b"]}
    runbook = bench.runbook(EACH)
    killed_at(bench, Kind.INTENT, "things[0]", runbook)
    bench.site = {"keys": ["a"]}
    run = bench.resume(runbook)
    assert run.status is RunStatus.DRIFTED
    assert "things[1]" in run.why


def test_a_setting_that_asks_for_something_else_than_was_planned_is_drift(bench):
    bench.far.things["a"] = {"id": "1", "colour": "white"}
    bench.site = {"colour": "red"}
    runbook = bench.runbook(COLOUR)
    plan = bench.plan(runbook)
    bench.site = {"colour": "white"}
    run = bench.start(runbook, plan=plan)
    assert run.status is RunStatus.DRIFTED
    assert bench.far.writes == []


def test_a_conflict_taken_as_it_is_gives_later_steps_what_is_there(bench):
    runbook = bench.runbook(
        LATER.replace('key: "{{ one.id }}", set: {of: x}', 'key: b, set: {of: "{{ one.id }}"}')
    )
    killed_at(bench, Kind.INTENT, "one", runbook)
    bench.far.things["a"] = {"id": "other", "colour": "blue"}
    assert bench.resume(runbook).status is RunStatus.DRIFTED
    bench.say("one", Word.DONE)
    assert bench.resume(runbook).status is RunStatus.DONE
    assert bench.far.things["b"]["of"] == "other"


def test_a_value_that_nobody_ever_got_is_said_to_be_missing(bench, monkeypatch):
    monkeypatch.setattr(Mail, "outputs", {"id": "its id"})
    steps = (
        MAIL
        + """
- {id: two, title: {en: Two, de: Zwei}, uses: memory.thing, with: {key: b, set: {of: "{{ mail.id }}"}}}
"""
    )
    runbook = bench.runbook(steps)
    killed_at(bench, Kind.INTENT, "mail", runbook)
    bench.say("mail", Word.DONE)
    run = bench.resume(runbook)
    assert run.status is RunStatus.FAILED
    assert "mail.id" in run.why
    assert "b" not in bench.far.things


def test_a_confirmation_does_not_outlive_the_attempt_that_it_was_given_for(bench):
    steps = MAIL.replace("irreversible", "mode: challenge, irreversible")
    runbook = bench.runbook(steps)
    asked = []
    bench.answer = lambda question: asked.append(question) or Answer(who="x")
    assert bench.start(runbook).status is RunStatus.WAITING
    bench.who = "otto"
    killed = Killed
    bench.on_event = lambda event, run: (_ for _ in ()).throw(killed) if event.kind == Kind.INTENT else None
    with pytest.raises(Killed):
        bench.resume(runbook)
    bench.on_event = lambda event, run: None
    bench.say("mail", Word.REDO)
    assert bench.resume(runbook).status is RunStatus.WAITING
    assert len(asked) == 3
    assert bench.far.mails == []


def _refuses(*_):
    raise Failed("cannot be read today")


def test_a_plan_agreed_to_after_a_conflict_is_what_counts(bench):
    bench.far.things["a"] = {"id": "1", "colour": "white"}
    bench.site = {"colour": "red"}
    runbook = bench.runbook(COLOUR)
    bench.far.trouble = [("before", Failed("no"))]
    assert bench.start(runbook).status is RunStatus.FAILED
    bench.far.things["a"]["colour"] = "blue"
    assert bench.resume(runbook).status is RunStatus.DRIFTED
    run = bench.resume(runbook, replan=True)
    assert run.status is RunStatus.DONE
    assert bench.far.things["a"]["colour"] == "red"


def test_a_name_that_went_to_somebody_else_meanwhile_is_drift(bench, monkeypatch):
    from dataclasses import replace

    from runbook_exec.testing import Thing

    planned = Thing.plan
    meant = {"anna@x": "id-of-anna"}

    def plan(self, args, facts):
        return replace(planned(self, args, facts), involves=dict(meant))

    monkeypatch.setattr(Thing, "plan", plan)
    bench.site = {"colour": "red"}
    runbook = bench.runbook(COLOUR)
    made = bench.plan(runbook)
    meant["anna@x"] = "id-of-another"
    run = bench.start(runbook, plan=made)
    assert run.status is RunStatus.DRIFTED
    assert "anna@x is somebody" in run.why
    assert bench.far.writes == []


def test_a_deadline_ends_a_step_that_goes_on_for_too_long(bench):
    steps = "- {id: w, title: {en: W, de: W}, uses: memory.wait, with: {key: a}, timeout: 1h, deadline: 1m}"
    began = bench.clock()
    run = bench.start(bench.runbook(steps))
    assert run.status is RunStatus.FAILED
    assert "time is over" in run.why
    assert 60 <= (bench.clock() - began).total_seconds() < 120
