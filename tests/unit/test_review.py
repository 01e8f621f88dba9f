"""The blameless report: what is told of a run, and what is proposed."""

from __future__ import annotations

import pytest
from running import Bench, Killed

from runbook_exec import load
from runbook_exec.errors import Invalid, Unreachable
from runbook_exec.findings import Sort, findings
from runbook_exec.journal import Kind
from runbook_exec.replay import replay
from runbook_exec.review import draft, review
from runbook_exec.run import Word
from runbook_exec.testing import FarSide, registered

TWO = """
- id: one
  title: {en: "One *bold* <b>", de: Eins}
  uses: memory.thing
  with: {key: a, set: {colour: red}}
- id: two
  title: {en: Two, de: Zwei}
  uses: memory.thing
  with: {key: b, set: {of: "{{ one.id }}"}}
"""
MAIL = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- {id: mail, title: {en: M, de: M}, uses: memory.mail, with: {to: anna, text: hello}, irreversible: a mail}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far, who="mia")


def loads(text):
    try:
        load.parse(text, file="trial.yaml", fetch=lambda name: "")
    except Invalid:
        return False
    return True


def found(bench):
    return [(f.sort, f.step) for f in findings(bench.store.events("r1"))]


def report(bench, runbook, language="en"):
    events = bench.store.events("r1")
    return draft(review(replay(events), runbook, events, loads), language)


def unreachable_then_resumed(bench):
    runbook = bench.runbook(TWO)
    bench.far.trouble = [("before", Unreachable("no answer from dc1"))]
    bench.start(runbook)
    bench.resume(runbook)
    return runbook


def test_a_run_that_went_as_planned_has_nothing_to_tell(bench):
    runbook = bench.runbook(TWO)
    bench.start(runbook)
    assert found(bench) == []
    assert "None: the run went as planned." in report(bench, runbook)
    assert "2 items done as planned" in report(bench, runbook)


def test_a_far_side_that_was_away_was_caught_and_settled(bench):
    runbook = unreachable_then_resumed(bench)
    assert found(bench) == [(Sort.UNREACHABLE, "one")]
    assert "“no answer from dc1” Settled after 0 s." in report(bench, runbook)


def test_a_retry_is_proposed_where_going_on_was_all_it_took(bench):
    runbook = unreachable_then_resumed(bench)
    text = report(bench, runbook)
    assert "+        retry: {attempts: 3, backoff: 10s}\n" in text
    assert "--- a/trial.yaml" in text


def test_no_change_is_proposed_that_would_leave_no_runbook(bench):
    runbook = unreachable_then_resumed(bench)
    events = bench.store.events("r1")
    seen = review(replay(events), runbook, events, lambda text: False)
    assert seen.diff == ""
    assert [a.step for a in seen.unplaced] == ["one"]


def test_a_process_that_ended_in_the_middle_is_told_with_the_item_it_was_at(bench):
    runbook = bench.runbook(TWO)

    def die(event, run):
        if event.kind == Kind.INTENT and event.body["step"] == "two":
            raise Killed

    bench.on_event = die
    with pytest.raises(Killed):
        bench.start(runbook)
    bench.on_event = lambda event, run: None
    bench.resume(runbook)
    assert found(bench) == [(Sort.INTERRUPTED, "two")]


def test_a_stop_and_a_resume_by_plan_is_no_interruption(bench):
    runbook = unreachable_then_resumed(bench)
    assert (Sort.INTERRUPTED, "one") not in found(bench)
    assert "The program ended" not in report(bench, runbook)


def test_what_was_done_without_an_answer_is_told_as_done_once(bench):
    runbook = bench.runbook(TWO)
    bench.far.trouble = [("after", Unreachable("the line went dead", sent=True))]
    bench.start(runbook)
    assert (Sort.ADOPTED, "one") in found(bench)
    assert "so it was not done twice" in report(bench, runbook)


def test_a_persons_word_is_something_that_the_checklist_missed(bench):
    runbook = bench.runbook(MAIL)
    bench.far.trouble = [("after", Unreachable("the line went dead", sent=True))]
    plan = bench.plan(runbook)
    bench.far.things["a"] = {"colour": "red", "id": "id-a"}  # so that the trouble meets the mail
    bench.start(runbook, plan=plan)
    bench.say("mail", Word.DONE)
    assert [sort for sort, step in found(bench) if step == "mail"] == [Sort.DOUBT, Sort.RESOLVED]
    missed = report(bench, runbook).partition("## What it missed")[2]
    assert "A person had to say what happened" in missed


def test_a_second_plan_and_a_given_up_run_are_missed(bench):
    runbook = bench.runbook(TWO)
    bench.far.trouble = [("before", Unreachable("no answer"))]
    bench.start(runbook)
    bench.cancel()
    assert found(bench) == [(Sort.UNREACHABLE, "one"), (Sort.CANCELLED, "")]


@pytest.mark.parametrize("language", ["en", "de"])
def test_nobody_is_named(bench, language):
    runbook = unreachable_then_resumed(bench)
    assert "mia" not in report(bench, runbook, language)


@pytest.mark.parametrize("language", ["en", "de"])
def test_texts_from_outside_stay_text(bench, language):
    runbook = bench.runbook(TWO)
    bench.far.trouble = [("before", Unreachable("<script>alert(1)</script> [x](http://evil) ```"))]
    bench.start(runbook)
    text = report(bench, runbook, language).partition("````diff")[0]
    assert "<script>" not in text
    assert "[x](" not in text


def test_the_german_report_is_german(bench):
    text = report(bench, unreachable_then_resumed(bench), "de")
    assert text.startswith("# Nachbetrachtung: Probe")
    assert "Was die Checkliste abgefangen hat" in text
    assert "Warum?" in text


def test_both_languages_tell_every_sort_and_event():
    from runbook_exec.findings import CAUGHT
    from runbook_exec.review_words import CAUSES, SAID

    assert SAID["en"].keys() == SAID["de"].keys()
    assert {f"sort {sort.value}" for sort in Sort} <= SAID["en"].keys()
    told = {Sort.ADOPTED}  # done already: nothing to ask why about
    assert CAUSES["en"].keys() == CAUSES["de"].keys() == set(Sort) - told
    assert set(Sort) > CAUGHT
