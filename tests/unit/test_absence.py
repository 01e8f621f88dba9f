"""Whose absence keeps a gate shut, found beforehand."""

from __future__ import annotations

from datetime import UTC, date, datetime

from runbook_exec.absence import Shut, shut
from runbook_exec.model import GateRule, Later
from runbook_exec.people import Delegation, People, Person

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def desk(*names, delegations=(), **groups):
    humans = {
        n: Person(id=n, name=n.title(), roles=frozenset({"deputy"} if n == "dee" else ())) for n in names
    }
    return People(
        humans=humans,
        groups={k: frozenset(v) for k, v in groups.items()},
        delegations=tuple(Delegation(giver=a, to=b, until=date(2027, 1, 1)) for a, b in delegations),
    )


def away(rule, people, **gate):
    return [(found.away, found.fallback) for found in shut(GateRule(rule=rule, **gate), people, NOW)]


def test_a_gate_of_one_person_stands_and_falls_with_them():
    assert away({"person": "ann"}, desk("ann", "bob")) == [(("Ann",), None)]


def test_a_group_of_three_opens_with_any_two_away():
    assert away({"group": "g"}, desk("ann", "bob", "cid", g=["ann", "bob", "cid"])) == []


def test_a_group_of_two_is_shut_only_with_both_away():
    assert away({"group": "g"}, desk("ann", "bob", g=["ann", "bob"])) == [(("Ann", "Bob"), None)]


def test_a_gate_that_nobody_can_open_is_named_once():
    assert shut(GateRule(rule={"group": "gone"}), desk("ann"), NOW) == [Shut(away=())]


def test_one_human_does_not_stand_for_two_places():
    rule = {"all": [{"person": "ann"}, {"group": "g"}]}
    assert away(rule, desk("ann", g=["ann"])) == [((), None)]


def test_a_fallback_helps_and_says_when():
    later = Later(after=7200.0, to={"role": "deputy"})
    found = away({"person": "ann"}, desk("ann", "dee"), fallback=later)
    assert found == [(("Ann",), 7200.0), (("Ann", "Dee"), None)]


def test_a_delegation_helps():
    people = desk("ann", "bob", delegations=[("ann", "bob")])
    assert away({"person": "ann"}, people) == [(("Ann", "Bob"), None)]


def test_whom_only_the_inputs_name_may_be_away_too():
    rule = {"all": [{"person": "{{ boss }}"}, {"group": "{{ owners }}"}]}
    assert away(rule, desk("ann")) == [(("⟨boss⟩",), None)]
