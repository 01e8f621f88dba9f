"""Who is told about a gate that waits, and when: each once, however often it is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.gate import Facts, decide
from runbook_exec.model import GateRule, Later
from runbook_exec.notice import MOST_TRIES, About, next_time, notices
from runbook_exec.people import People, Person
from runbook_exec.run import Run, RunStatus, Telling

SINCE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, DAY = 3600.0, 86400.0
PEOPLE = People(
    humans={
        name: Person(id=name, name=name.title(), accounts=frozenset({name}), roles=frozenset(roles))
        for name, roles in {
            "boss": [],
            "noor": ["hr lead"],
            "kim": ["it lead"],
            "mia": [],
            "anna": ["it lead"],
        }.items()
    }
)
RULE = GateRule(
    rule={"person": "boss"},
    remind=(DAY, 2 * DAY),
    fallback=Later(after=3 * DAY, to={"role": "hr lead"}),
    escalate=Later(after=1.5 * DAY, to={"role": "it lead"}),
    expires=5 * DAY,
)
FACTS = Facts(requester="mia", subject="anna", digest="d", since=SINCE)


def run(*told: Telling) -> Run:
    return Run(
        id="r1",
        client="c",
        started={},
        started_at="",
        plan={"digest": "d"},
        steps={},
        status=RunStatus.WAITING,
        told=told,
    )


def asked(known: Run, now: datetime, rule: GateRule = RULE, usual=(), people: People = PEOPLE):
    state = decide(rule, [], people, FACTS, now)
    return list(notices(known, "ok", rule, state, facts=FACTS, people=people, usual=usual, now=now))


def heard(known: Run, found, *, failed: bool = False) -> Run:
    new = [
        Telling(gate="ok", digest="d", key=key, person=person.id, failed=failed)
        for notice in found
        for person in notice.to
        for key in notice.keys
    ]
    return replace(known, told=(*known.told, *new))


def told(found) -> list[tuple[About, list[str]]]:
    return [(notice.about, [person.id for person in notice.to]) for notice in found]


def after(seconds: float) -> datetime:
    return SINCE + timedelta(seconds=seconds)


def test_nobody_is_told_before_the_time():
    assert asked(run(), after(DAY - 1)) == []


def test_whoever_may_open_it_is_reminded_at_each_time_once():
    known = run()
    for hours, expected in (
        (24, [(About.DECIDE, ["boss"])]),
        (30, []),
        (48, [(About.DECIDE, ["boss"])]),
        (50, []),
    ):
        found = [n for n in asked(known, after(hours * HOUR)) if n.about is About.DECIDE]
        assert told(found) == expected, hours
        known = heard(known, found)


def test_of_reminders_that_were_missed_one_is_sent():
    (found,) = [n for n in asked(run(), after(2.5 * DAY)) if n.about is About.DECIDE]
    assert found.keys == ("remind 1d", "remind 2d")
    assert [n for n in asked(heard(run(), [found]), after(2.6 * DAY)) if n.about is About.DECIDE] == []


def test_it_is_escalated_to_those_who_cannot_open_it_but_never_to_whom_it_is_about():
    assert (About.ESCALATED, ["kim"]) in told(asked(run(), after(1.5 * DAY)))


def test_who_may_decide_only_by_now_is_told_that_instead_of_being_reminded():
    found = told(asked(run(), after(3 * DAY)))
    assert (About.FALLBACK, ["noor"]) in found
    assert (About.DECIDE, ["boss"]) in found


def test_expiry_is_told_to_whoever_asked_and_ends_everything_else():
    assert told(asked(run(), after(5 * DAY))) == [(About.EXPIRED, ["mia"])]


def test_the_environments_reminders_count_where_the_rule_says_none_and_an_empty_list_is_none():
    bare = GateRule(rule={"person": "boss"})
    assert told(asked(run(), after(HOUR), bare, usual=(HOUR,))) == [(About.DECIDE, ["boss"])]
    assert asked(run(), after(HOUR), replace(bare, remind=()), usual=(HOUR,)) == []


def test_another_plan_is_told_anew():
    known = heard(run(), asked(run(), after(DAY)))
    assert told(asked(replace(known, plan={"digest": "e"}), after(DAY))) == [(About.DECIDE, ["boss"])]


def test_what_did_not_go_out_is_tried_again_and_not_for_ever():
    known = run()
    for _ in range(MOST_TRIES):
        found = asked(known, after(DAY))
        assert told(found) == [(About.DECIDE, ["boss"])]
        known = heard(heard(known, found), found, failed=True)
    assert asked(known, after(DAY)) == []


def test_nobody_is_told_that_a_gate_waits_for_nobody_known():
    assert asked(run(), after(DAY), people=People(services=frozenset({"mia"}))) == []


def test_the_next_time_is_the_first_at_which_anything_changes():
    times, now = [], SINCE
    while (found := next_time(RULE, FACTS, (), now)) is not None:
        times.append((found - SINCE).total_seconds() / DAY)
        now = found
    assert times == [1, 1.5, 2, 3, 5]


@given(st.lists(st.floats(0, 6 * DAY), min_size=1, max_size=12))
def test_whenever_it_is_asked_nobody_hears_the_same_thing_twice(moments):
    known, sent = run(), []
    for moment in sorted(moments):
        found = asked(known, after(moment))
        sent += [(person.id, notice.about, notice.keys[-1]) for notice in found for person in notice.to]
        known = heard(known, found)
    assert len(sent) == len(set(sent))


@given(st.floats(0, 6 * DAY))
def test_between_two_next_times_there_is_nothing_new_to_tell(moment):
    known = heard(run(), asked(run(), after(moment)))
    following = next_time(RULE, FACTS, (), after(moment))
    if following is not None and following - after(moment) > timedelta(seconds=1):
        assert asked(known, following - timedelta(seconds=1)) == []
