"""What of a way back is left: pure, value by value."""

from __future__ import annotations

import pytest

from runbook_exec.action import find, make_args
from runbook_exec.actions.ansible.request import request
from runbook_exec.change import Change, Evidence
from runbook_exec.way_back import remaining


def back(before, after):
    return Change(action="a", target="t", before=before, after=after, says={"en": "x", "de": "y"})


def test_each_value_is_one_of_three():
    left = remaining(
        back({"a": 2, "b": 2, "c": 2}, {"a": 1, "b": 1, "c": 1}), {"a": 2, "b": 1, "c": 3, "d": 4}
    )
    assert (left.before, left.after) == ({"a": 2}, {"a": 1})
    assert left.conflicts == {"c": {"left": 2, "found": 3}}


def test_single_values_of_an_attribute_are_decided_one_by_one():
    wanted = back({"mails": {"x": True, "y": True}}, {"mails": {"x": False, "y": False}})
    left = remaining(wanted, {"mails": {"x": True, "y": False}})
    assert left.after == {"mails": {"x": False}}
    assert left.conflicts == {}


@pytest.mark.parametrize("now", [{"a": 1, "theirs": 5}, {"a": 2}, {}])
def test_what_was_made_stays_if_it_is_not_as_it_was_left(now):
    left = remaining(back({"a": 1}, None), now)
    assert left.is_empty
    assert left.conflicts


def test_what_was_made_and_is_gone_needs_nothing():
    left = remaining(back({"a": 1}, None), None)
    assert (left.is_empty, left.conflicts) == (True, {})


def test_what_was_removed_returns_only_where_nothing_stands():
    wanted = back(None, {"a": 1})
    assert not remaining(wanted, None).is_empty
    assert remaining(wanted, {"a": 1}).conflicts == {}
    assert remaining(wanted, {"a": 2}).conflicts == {"a": {"left": None, "found": 2}}


def test_a_thing_that_is_gone_loses_only_what_would_have_to_be_set():
    left = remaining(back({"a": 2, "b": 2}, {"a": None, "b": 1}), None)
    assert left.is_empty
    assert set(left.conflicts) == {"b"}


# Ansible: check mode of the request tells whether a host is still as the run left it


def playbook(pending, inverse):
    """What is left of a home folder's way back, where check mode reports these tasks."""
    action = find("ansible.playbook")
    given = {
        "playbook": "home.yml",
        "hosts": "fs",
        "vars": {"login": "anna"},
        "undo": {"playbook": "archive.yml"},
    }
    args = make_args(action, given)
    (ref,) = action.reads(args, {})
    folder = {"fs: Home": {"module": "file", "before": {"state": "absent"}, "after": {"state": "directory"}}}
    change = action.plan(args, {ref: {"hosts": ["fs"], "pending": folder, "skipped": []}})
    done = Evidence(
        answer={}, undo={"back": {"playbook": "archive.yml", "values": {"login": "anna"}}, "hosts": ["fs"]}
    )
    way = action.undo(change, done)
    other = request(hosts=["fs"], playbook="archive.yml", values={"login": "anna"}, secrets={}).ref
    facts = {
        ref: {"hosts": ["fs"], "pending": pending(folder), "skipped": []},
        other: {"hosts": ["fs"], "pending": inverse, "skipped": []},
    }
    assert set(action.undo_reads(way, done, {})) == set(facts)
    return action.undo_plan(way, done, facts)


MOVES = {"fs: Archive": {"module": "command", "before": None, "after": "changed"}}


def test_a_playbook_is_taken_back_where_the_host_is_as_it_left_it():
    left = playbook(lambda folder: {}, MOVES)
    assert left.after == {"fs: Archive": "changed"}
    assert left.conflicts == {}


def test_a_playbook_whose_work_somebody_changed_is_left_alone():
    opened = {"fs: Home": {"module": "file", "before": {"mode": "0755"}, "after": {"mode": "0700"}}}
    left = playbook(lambda folder: opened, MOVES)
    assert left.is_empty
    assert left.conflicts == {"fs: Home": {"left": {"mode": "0700"}, "found": {"mode": "0755"}}}


def test_a_task_that_the_playbook_never_came_to_is_nobodys_change():
    left = playbook(lambda folder: folder, MOVES)
    assert left.conflicts == {}
    assert left.after == {"fs: Archive": "changed"}


def test_a_playbook_that_is_taken_back_already_needs_nothing():
    left = playbook(lambda folder: folder, {})
    assert (left.is_empty, left.conflicts) == (True, {})
