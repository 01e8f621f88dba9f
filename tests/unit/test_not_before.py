"""`not_before`: the run stops there until the time has come, and what is done then is what was planned."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from running import Bench

from runbook_exec import load
from runbook_exec.journal import Kind
from runbook_exec.lint import lint
from runbook_exec.plan_html import plan_html
from runbook_exec.plan_json import plan_json
from runbook_exec.plan_text import plan_text
from runbook_exec.run import RunStatus
from runbook_exec.testing import FarSide, registered

DAY = "2026-03-31"
TWO = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {n: 1}}}
- id: two
  title: {en: Two, de: Zwei}
  not_before: "{{ last_day | plus_days(30) | at('08:00') }}"
  uses: memory.thing
  with: {key: b, set: {n: 2}}
"""
SECTIONS = """
runbook: trial
title: {en: Trial, de: Probe}
inputs: {type: object, required: [last_day], properties: {last_day: {type: string, format: date}}}
sections:
  - title: {en: Now, de: Jetzt}
    steps:
      - {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {n: 1}}}
  - title: {en: The last day, de: Der letzte Tag}
    not_before: "{{ last_day | at('17:00') }}"
    steps:
      - {id: two, title: {en: Two, de: Zwei}, uses: memory.thing, with: {key: b, set: {n: 2}}}
      - id: three
        title: {en: Three, de: Drei}
        not_before: "{{ last_day | plus_days(90) }}"
        uses: memory.thing
        with: {key: c, set: {n: 3}}
"""


@pytest.fixture
def bench(tmp_path):
    with registered(FarSide()) as far:
        yield Bench(folder=tmp_path, far=far, hold=0)


def sections(text: str = SECTIONS) -> load.Runbook:
    return load.parse(text, file="trial.yaml", fetch=lambda name: "")


def at(bench: Bench, text: str) -> None:
    bench.clock.time = datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_what_has_no_time_is_done_and_the_run_stops_before_what_has(bench):
    run = bench.start(bench.runbook(TWO), last_day=DAY)
    assert run.status is RunStatus.WAITING
    assert bench.far.writes == ["a"]
    assert run.why == "step 'two' waits: not before Thu 2026-04-30 08:00 (Europe/Berlin)"
    assert run.due == "2026-04-30T06:00:00.000000+00:00"


def test_a_minute_early_is_early_and_the_minute_itself_is_not(bench):
    runbook = bench.runbook(TWO)
    bench.start(runbook, last_day=DAY)
    at(bench, "2026-04-30T05:59")
    assert bench.resume(runbook).status is RunStatus.WAITING
    assert [kind for kind, step in bench.kinds() if step == "two"] == [Kind.WAITING]
    at(bench, "2026-04-30T06:00")
    assert bench.resume(runbook).status is RunStatus.DONE
    assert bench.far.writes == ["a", "b"]


def test_a_time_that_has_passed_holds_nothing_back(bench):
    assert bench.start(bench.runbook(TWO), last_day="2025-01-01").status is RunStatus.DONE


def test_what_changed_until_then_is_drift(bench):
    runbook = bench.runbook(TWO)
    bench.start(runbook, last_day=DAY)
    bench.far.things["b"] = {"id": "x", "n": 7}
    at(bench, "2026-05-01T06:00")
    run = bench.resume(runbook)
    assert run.status is RunStatus.DRIFTED
    assert bench.far.things["b"]["n"] == 7


def test_another_time_than_planned_is_drift_before_it_has_come(bench):
    steps = TWO.replace("last_day |", "site.day |")
    bench.site = {"day": DAY}
    runbook = bench.runbook(steps)
    bench.start(runbook)
    bench.site = {"day": "2026-03-01"}
    at(bench, "2026-04-01T06:00")
    run = bench.resume(runbook)
    assert run.status is RunStatus.DRIFTED
    assert "another one" in run.why
    assert bench.far.writes == ["a"]


def test_of_the_sections_time_and_the_steps_own_the_later_counts(bench):
    runbook = sections()
    bench.start(runbook, last_day=DAY)
    at(bench, "2026-03-31T15:00")
    run = bench.resume(runbook)
    assert bench.far.writes == ["a", "b"]
    assert run.due == "2026-06-28T22:00:00.000000+00:00"
    at(bench, "2026-06-28T22:00")
    assert bench.resume(runbook).status is RunStatus.DONE


def test_a_step_that_is_not_needed_holds_nothing_back(bench):
    steps = TWO.replace("  uses: memory.thing\n", "  when: '{{ false }}'\n  uses: memory.thing\n")
    assert bench.start(bench.runbook(steps), last_day=DAY).status is RunStatus.DONE


def test_each_element_of_a_list_waits_for_the_same_time(bench):
    steps = TWO.replace("with: {key: b,", "for_each: \"{{ ['b', 'c'] }}\"\n  with: {key: '{{ item }}',")
    runbook = bench.runbook(steps)
    assert bench.start(runbook, last_day=DAY).status is RunStatus.WAITING
    at(bench, "2026-04-30T06:00")
    run = bench.resume(runbook)
    assert run.status is RunStatus.DONE
    assert bench.far.writes == ["a", "b", "c"]


def test_a_time_that_an_earlier_step_gives_is_shown_as_one_to_come(bench):
    steps = TWO.replace("{{ last_day |", "{{ one.id | replace('id-1', '2026-03-31') |")
    runbook = bench.runbook(steps)
    plan = bench.plan(runbook)
    assert "not before ⟨one.id⟩" in plan_text(plan, language="en", colour=False)
    run = bench.start(runbook, plan=plan)
    assert run.due == "2026-04-30T06:00:00.000000+00:00"


def test_no_time_is_refused_while_planning(bench):
    from runbook_exec.errors import Invalid

    with pytest.raises(Invalid, match="neither a day"):
        bench.plan(bench.runbook(TWO), last_day="soon")


def test_the_plan_shows_every_time_in_both_languages(bench):
    plan = bench.plan(sections(), last_day=DAY)
    english = plan_text(plan, language="en", colour=False)
    assert "The last day\n" in english
    assert "· not before Tue 2026-03-31 17:00 (Europe/Berlin)" in english
    assert "· nicht vor Mo 29.06.2026 00:00 (Europe/Berlin)" in plan_text(plan, language="de", colour=False)
    assert "not before Tue 2026-03-31 17:00 (Europe/Berlin)" in plan_html(plan, language="en")
    assert [line["not_before"] for line in plan_json(plan)["lines"]] == [
        "",
        "2026-03-31T17:00:00+02:00[Europe/Berlin]",
        "2026-06-29T00:00:00+02:00[Europe/Berlin]",
    ]


def test_a_section_whose_items_share_their_time_shows_it_once(bench):
    shared = SECTIONS.replace('        not_before: "{{ last_day | plus_days(90) }}"\n', "")
    text = plan_text(bench.plan(sections(shared), last_day=DAY), language="de", colour=False)
    assert text.count("nicht vor") == 1
    assert "Der letzte Tag – nicht vor Di 31.03.2026 17:00 (Europe/Berlin)" in text


def test_the_digest_covers_the_times(bench):
    runbook = bench.runbook(TWO)
    assert bench.plan(runbook, last_day=DAY).digest != bench.plan(runbook, last_day="2026-04-01").digest
    bench.site = {"day": DAY}
    other = bench.runbook(TWO.replace("last_day |", "site.day |"))
    first = bench.plan(other).digest
    bench.site = {"day": "2026-04-01"}
    assert bench.plan(other).digest != first


def test_a_gate_behind_which_somebody_waits_says_how_long_it_stays_open(bench):
    gate = "- {id: ok, gate: {role: boss, expires: 2d}}\n"
    head = {
        "subject": "anna",
        "inputs": "{type: object, required: [last_day], properties: {last_day: {type: string}}}",
    }
    (found,) = lint(bench.runbook(gate + TWO.lstrip(), **head))
    assert "holds: 120d" in found.next_move
    assert lint(bench.runbook(gate.replace("2d", "2d, holds: 120d") + TWO.lstrip(), **head)) == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("tomorrow", "neither a day"),
        ("{{ nobody | plus_days(1) }}", "no input and no step"),
        ("{{ '2026-02-30' | plus_days(1) }}", "neither a day"),
        ("{{ two.id }}", "the step itself"),
    ],
)
def test_lint_finds_a_time_that_can_never_be_one(bench, written, told):
    steps = TWO.replace("{{ last_day | plus_days(30) | at('08:00') }}", written)
    problems = lint(bench.runbook(steps, inputs="{type: object}"))
    assert any(told in problem.what for problem in problems), problems


def test_a_step_whose_time_has_not_come_is_not_late(bench):
    from runbook_exec.deadline import late

    runbook = bench.runbook(TWO)
    run = bench.start(runbook, last_day=DAY)
    assert list(late(run, runbook, 3600.0, datetime(2026, 4, 29, tzinfo=UTC))) == []


def test_a_written_out_day_needs_no_expression(bench):
    runbook = bench.runbook(TWO.replace("\"{{ last_day | plus_days(30) | at('08:00') }}\"", "2026-04-30"))
    assert lint(runbook) == []
    assert bench.start(runbook).due == "2026-04-29T22:00:00.000000+00:00"


def test_an_undo_waits_for_nothing(bench):
    from runbook_exec.past import taken_back

    back = taken_back(replace(sections()), ["one", "two"])
    assert all(not step.not_before for step in back.steps())


def test_an_input_that_is_no_date_is_refused(bench):
    from runbook_exec import inputs
    from runbook_exec.errors import Problems

    with pytest.raises(Problems, match="date"):
        inputs.checked({"last_day": "2026-02-29"}, sections().inputs)
