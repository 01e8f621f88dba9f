from __future__ import annotations

import json
from dataclasses import replace

import pytest
from running import Bench, Killed

from runbook_exec.action import Answer
from runbook_exec.errors import Busy, Failed, JournalError, Transient, Unreachable
from runbook_exec.journal import Kind
from runbook_exec.replay import replay
from runbook_exec.run import RunStatus, StepStatus, Word
from runbook_exec.testing import FarSide, registered

TWO = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- {id: two, title: {en: Two, de: Zwei}, uses: memory.thing, with: {key: b, set: {of: "{{ one.id }}"}}}
"""
MAIL = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- {id: mail, title: {en: M, de: M}, uses: memory.mail, with: {to: anna, text: hello}, irreversible: a mail}
"""
SECRET = """
- {id: word, title: {en: W, de: W}, uses: memory.word, with: {text: x}}
- {id: thing, title: {en: T, de: T}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- id: pass
  title: {en: P, de: P}
  uses: memory.password
  with: {key: a, password: "{{ word.secret }}"}
  irreversible: the old one is gone
- {id: paper, title: {en: H, de: H}, mode: read-do, with: {reveal: {Password: "{{ word.secret }}"}}}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far)


def kill_at(bench: Bench, kind: Kind, step: str) -> None:
    def die(event, run):
        if event.kind == kind and event.body.get("step") == step:
            raise Killed

    bench.on_event = die


def test_a_run_does_what_was_planned_and_is_done(bench):
    run = bench.start(bench.runbook(TWO))
    assert run.status is RunStatus.DONE
    assert bench.far.things["b"]["of"] == bench.far.things["a"]["id"]


def test_every_effect_stands_between_its_intent_and_its_result(bench):
    bench.start(bench.runbook(TWO))
    assert [kind for kind, step in bench.kinds() if step == "one"] == [Kind.INTENT, Kind.RESULT]


def test_the_run_read_from_the_store_is_the_run_that_was_seen(bench):
    run = bench.start(bench.runbook(TWO))
    assert replay(bench.store.events("r1")) == run


@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.INTENT])
@pytest.mark.parametrize("step", ["one", "two"])
def test_a_killed_run_goes_on_and_repeats_nothing(bench, kind, step):
    runbook = bench.runbook(TWO)
    kill_at(bench, kind, step)
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None
    run = bench.resume(runbook)
    assert run.status is RunStatus.DONE
    assert bench.far.writes == ["a", "b"]


def test_an_effect_that_happened_before_the_kill_is_adopted(bench):
    runbook = bench.runbook(TWO)
    kill_at(bench, Kind.INTENT, "one")
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None
    bench.far.things["a"] = {"id": "id-1", "colour": "red"}  # our write arrived, its record did not
    run = bench.resume(runbook)
    assert run.status is RunStatus.DONE
    assert run.steps["one"].changed
    assert bench.far.writes == ["b"]


def test_a_conflict_after_a_kill_stops_for_a_person(bench):
    runbook = bench.runbook(TWO)
    kill_at(bench, Kind.INTENT, "one")
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None
    bench.far.things["a"] = {"id": "other", "colour": "blue"}
    run = bench.resume(runbook)
    assert run.status is RunStatus.DRIFTED
    assert bench.far.things["a"]["colour"] == "blue"


def test_a_mail_that_was_begun_is_never_repeated_by_itself(bench):
    runbook = bench.runbook(MAIL)
    kill_at(bench, Kind.INTENT, "mail")
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None
    run = bench.resume(runbook)
    assert run.status is RunStatus.IN_DOUBT
    assert bench.resume(runbook).status is RunStatus.IN_DOUBT
    assert bench.far.mails == []


@pytest.mark.parametrize(("how", "mails"), [(Word.DONE, 0), (Word.REDO, 1)])
def test_a_persons_word_settles_what_reading_cannot(bench, how, mails):
    runbook = bench.runbook(MAIL)
    kill_at(bench, Kind.INTENT, "mail")
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None
    bench.say("mail", how)
    assert bench.resume(runbook).status is RunStatus.DONE
    assert len(bench.far.mails) == mails


def test_a_world_that_changed_since_planning_stops_the_run(bench):
    runbook = bench.runbook(TWO)

    def meddle(event, run):
        if event.kind == Kind.PLANNED:
            bench.far.things["a"] = {"id": "x", "colour": "green"}

    bench.on_event = meddle
    run = bench.start(runbook)
    assert run.status is RunStatus.DRIFTED
    assert run.steps["one"].error["found"]["before"] == {"colour": "green"}
    assert bench.far.writes == []


def test_what_somebody_else_did_meanwhile_is_adopted(bench):
    runbook = bench.runbook(TWO)

    def help_out(event, run):
        if event.kind == Kind.PLANNED:
            bench.far.things["a"] = {"id": "x", "colour": "red"}

    bench.on_event = help_out
    run = bench.start(runbook)
    assert run.status is RunStatus.DONE
    assert not run.steps["one"].changed


def test_a_write_whose_answer_was_lost_is_settled_by_reading(bench):
    bench.far.trouble = [("after", Unreachable("no answer", sent=True))]
    run = bench.start(bench.runbook(TWO))
    assert run.status is RunStatus.DONE
    assert bench.far.writes == ["a", "b"]


def test_passing_trouble_is_tried_again_after_the_asked_pause(bench):
    steps = TWO.replace("colour: red}}}", "colour: red}}, retry: {attempts: 3, backoff: 1s}}", 1)
    bench.far.trouble = [("before", Transient("busy", after=7)), ("before", Transient("busy"))]
    began = bench.clock()
    assert bench.start(bench.runbook(steps)).status is RunStatus.DONE
    assert (bench.clock() - began).total_seconds() == 7 + 2


def test_a_failed_step_stops_and_resume_tries_it_again(bench):
    bench.far.trouble = [("before", Failed("no", next_move="mend it"))]
    runbook = bench.runbook(TWO)
    run = bench.start(runbook)
    assert (run.status, run.steps["one"].status) == (RunStatus.FAILED, StepStatus.FAILED)
    assert run.next_move == "mend it"
    assert bench.resume(runbook).status is RunStatus.DONE


def test_a_step_that_may_fail_does_not_hold_up_the_others(bench):
    steps = TWO.replace("colour: red}}}", "colour: red}}, on_failure: continue}", 1).replace(
        "{{ one.id }}", "x"
    )
    bench.far.trouble = [("before", Failed("no"))]
    run = bench.start(bench.runbook(steps))
    assert run.status is RunStatus.FAILED
    assert run.steps["two"].status is StepStatus.DONE


def test_success_is_believed_only_when_read_back(bench, monkeypatch):
    from runbook_exec.testing import MemorySession

    monkeypatch.setattr(MemorySession, "put", lambda self, key, state: None)
    run = bench.start(bench.runbook(TWO))
    assert run.status is RunStatus.FAILED
    assert "reading back does not show it" in run.why


def test_a_gate_stops_and_waits(bench):
    steps = "- {id: ok, gate: {person: boss}}\n" + TWO.strip("\n")
    run = bench.start(bench.runbook(steps))
    assert run.status is RunStatus.WAITING
    assert "boss" in run.why
    assert bench.far.writes == []


def test_a_lost_secret_is_made_anew_and_set_wherever_it_was(bench):
    runbook = bench.runbook(SECRET)
    assert bench.start(runbook).status is RunStatus.WAITING
    bench.answer = lambda question: Answer(who="mia")
    shown = []

    def answer(question):
        shown.extend(secret.reveal() for secret in question.reveal.values())
        return Answer(who="mia")

    bench.answer = answer
    run = bench.resume(runbook)
    assert run.status is RunStatus.DONE
    assert shown == [bench.far.passwords["a"]]
    assert [kind for kind, step in bench.kinds() if step == "pass"].count(Kind.RESULT) == 2


def test_no_secret_reaches_the_store(bench):
    bench.answer = lambda question: Answer(who="mia")
    bench.start(bench.runbook(SECRET))
    told = json.dumps([dict(event.body) for event in bench.store.events("r1")])
    assert "s3cret" not in told
    assert b"s3cret" not in b"".join(p.read_bytes() for p in bench.folder.iterdir())


def test_a_challenge_takes_two_different_people(bench):
    runbook = bench.runbook("- {id: wipe, title: {en: W, de: W}, mode: challenge}")
    bench.answer = lambda question: Answer(who="whoever they say")
    assert bench.start(runbook).status is RunStatus.WAITING
    assert bench.resume(runbook).status is RunStatus.WAITING
    bench.who = "noor"
    assert bench.resume(runbook).status is RunStatus.DONE


def test_waiting_polls_until_it_is_so(bench):
    steps = "- {id: w, title: {en: W, de: W}, uses: memory.wait, with: {key: a}}"

    def appear(seconds):
        bench.clock.forward(seconds)
        if seconds:
            bench.far.things["a"] = {"id": "7"}
        return False

    bench._pause = appear
    run = bench.start(bench.runbook(steps))
    assert run.status is RunStatus.DONE
    assert run.steps["w"].outputs["id"] == "7"


def test_waiting_ends_at_the_deadline(bench):
    steps = "- {id: w, title: {en: W, de: W}, uses: memory.wait, with: {key: a}, timeout: 1m}"
    run = bench.start(bench.runbook(steps))
    assert run.status is RunStatus.FAILED
    assert "time is over" in run.why


def test_steps_side_by_side_are_all_done(bench):
    steps = "- parallel:\n" + "\n".join(
        f"    - {{id: s{n}, title: {{en: S, de: S}}, uses: memory.thing, with: {{key: k{n}, set: {{n: {n}}}}}}}"
        for n in range(4)
    )
    run = bench.start(bench.runbook(steps))
    assert run.status is RunStatus.DONE
    assert sorted(bench.far.writes) == ["k0", "k1", "k2", "k3"]


EACH = """
- id: each
  title: {en: E, de: E}
  uses: memory.thing
  for_each: "{{ names }}"
  as: name
  with: {key: "{{ name }}", set: {n: 1}}
"""


def test_for_each_resumes_at_the_element_that_is_left(bench):
    runbook = bench.runbook(EACH, inputs="{type: object, properties: {names: {type: array}}}")
    kill_at(bench, Kind.RESULT, "each[0]")
    with pytest.raises(Killed):
        bench.start(runbook, names=["a", "b"])
    bench.on_event = lambda event, run: None
    assert bench.resume(runbook).status is RunStatus.DONE
    assert bench.far.writes == ["a", "b"]


def test_a_defect_leaves_the_run_stopped_and_says_so(bench, monkeypatch):
    from runbook_exec.testing import Thing

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(Thing, "apply", broken)
    with pytest.raises(ZeroDivisionError):
        bench.start(bench.runbook(TWO))
    run = replay(bench.store.events("r1"))
    assert run.status is RunStatus.FAILED
    assert run.steps["one"].status is StepStatus.BEGUN


def test_a_run_taken_over_by_somebody_else_writes_nothing_more(bench):
    def taken(event, run):
        if event.kind == Kind.PLANNED:
            bench.store.acquire("r1", owner="other", now=10**10, until=10**10)

    bench.on_event = taken
    with pytest.raises(Busy):
        bench.start(bench.runbook(TWO))
    assert bench.far.writes == []


def test_one_run_per_subject_at_a_time(bench):
    runbook = bench.runbook("- {id: ok, gate: {person: boss}}\n" + TWO.strip("\n"), subject="anna")
    bench.start(runbook)
    with pytest.raises(Busy, match="r1"):
        bench.start(runbook, run="r2")


def test_without_a_journal_there_is_no_effect(bench, monkeypatch):
    real = bench.store.append

    def full(event, lease, *, over=False):
        if event.kind == Kind.INTENT:
            raise JournalError("disk full")
        return real(event, lease, over=over)

    monkeypatch.setattr(bench.store, "append", full)
    with pytest.raises(JournalError):
        bench.start(bench.runbook(TWO))
    assert bench.far.writes == []


DO_CONFIRM = """
- {id: desk, title: {en: Desk, de: Tisch}, mode: do-confirm}
- {id: chair, title: {en: Chair, de: Stuhl}, mode: do-confirm}
- {id: plant, title: {en: Plant, de: Pflanze}, mode: do-confirm}
"""


def test_do_confirm_items_are_confirmed_together(bench):
    asked = []
    bench.answer = lambda question: asked.append(question) or Answer(who="mia")
    run = bench.start(bench.runbook(DO_CONFIRM))
    assert run.status is RunStatus.DONE
    assert [question.items for question in asked] == [("Desk", "Chair", "Plant")]
    assert {record.confirmed_by for record in run.steps.values()} == {("mia",)}


def test_do_confirm_items_that_nobody_confirms_wait(bench):
    runbook = bench.runbook(DO_CONFIRM)
    assert bench.start(runbook).status is RunStatus.WAITING
    bench.answer = lambda question: Answer(who="mia")
    assert bench.resume(runbook).status is RunStatus.DONE


def test_a_conflict_is_settled_by_a_new_plan_that_was_agreed_to(bench):
    runbook = bench.runbook(TWO)
    kill_at(bench, Kind.INTENT, "one")
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None
    bench.far.things["a"] = {"id": "other", "colour": "blue"}
    assert bench.resume(runbook).status is RunStatus.DRIFTED
    assert bench.replan(runbook).status is RunStatus.DONE
    assert bench.far.things["a"] == {"id": "other", "colour": "red"}


def test_a_step_taken_as_done_gives_no_value_that_nobody_knows(bench):
    runbook = bench.runbook(TWO)
    kill_at(bench, Kind.INTENT, "one")
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None
    bench.say("one", Word.DONE)
    run = bench.resume(runbook)
    assert run.status is RunStatus.FAILED
    assert "a value is missing" in run.why
    assert bench.far.writes == []


def test_a_mail_whose_answer_was_lost_waits_for_a_persons_word(bench):
    runbook = bench.runbook("- " + MAIL.strip().split("\n- ")[1])
    bench.far.trouble = [("after", Unreachable("no answer", sent=True))]
    assert bench.start(runbook).status is RunStatus.IN_DOUBT
    assert bench.resume(runbook).status is RunStatus.IN_DOUBT
    assert len(bench.far.mails) == 1


def test_whoever_wants_a_run_to_end_is_heard_between_two_steps(bench):
    """The word of somebody else, said while a step is in flight."""
    runbook = bench.runbook(TWO)

    def meanwhile(event, run):
        if (event.kind, event.body.get("step")) == (Kind.INTENT, "one"):
            word = replace(event, seq=run.seq + 1, who="noor", kind=Kind.ENDING, before=run.head, stored=b"")
            bench.store.say(replace(word, body={"reason": "wrong person"}, hash=""))

    bench.on_event = meanwhile
    run = bench.start(runbook)
    assert run.status is RunStatus.CANCELLED
    assert run.why == "noor: wrong person"
    assert bench.far.writes == ["a"]
    assert run.steps["one"].status is StepStatus.DONE
    assert [kind for kind, _ in bench.kinds()][-2:] == [Kind.STOPPED, Kind.CANCELLED]


def test_a_rehearsal_plays_the_second_person_of_a_challenge(bench, monkeypatch):
    steps = """
- {id: wipe, title: {en: W, de: W}, mode: challenge}
- {id: one, title: {en: O, de: E}, mode: challenge, uses: memory.thing, with: {key: a}}
"""
    bench.answer = lambda question: Answer(who="rehearsal")
    bench.rehearses = True
    assert bench.start(bench.runbook(steps)).status is RunStatus.DONE
