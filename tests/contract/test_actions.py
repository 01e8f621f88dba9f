"""What every action promises, over the whole registry and all its cases."""

from __future__ import annotations

import copy

import pytest
from cases import Case, differences, every_case, undone

from runbook_exec.action import every_action
from runbook_exec.change import Change, Evidence, Irreversible, Nature, same
from runbook_exec.errors import RunbookError
from runbook_exec.overlay import Overlay
from runbook_exec.plan import gather, gathered
from runbook_exec.values import plain

ACTIONS = {action.name: action for action in every_action()}
CASES = every_case()
GOOD = [case for case in CASES if "change" in case.body]
BAD = [case for case in CASES if "error" in case.body]


def by_id(case: Case) -> str:
    return case.id


@pytest.mark.parametrize("case", GOOD, ids=by_id)
def test_plans_exactly_the_change_that_the_case_says(case):
    assert differences(case, case.change()) == {}


@pytest.mark.parametrize("case", BAD, ids=by_id)
def test_refuses_what_the_case_says_it_refuses(case):
    with pytest.raises(RunbookError) as caught:
        case.change()
    assert caught.value.kind == case.body["error"]["kind"]
    assert case.body["error"]["what"] in caught.value.what


@pytest.mark.parametrize("case", GOOD, ids=by_id)
def test_planning_again_after_its_own_effects_finds_nothing_left(case):
    change, action = case.change(), case.action
    if action.nature is not Nature.WRITES or not action.rereads:
        pytest.skip(f"{action.name} does not promise it: {action.nature}, rereads={action.rereads}")
    overlay, args = Overlay(), case.args()
    overlay.lay(change)
    again = action.plan(args, gather(action, args, lambda refs: overlay.over(case.read(refs))))
    assert again.is_empty, (again.before, again.after)


@pytest.mark.parametrize("case", GOOD, ids=by_id)
def test_planning_is_pure(case):
    before = copy.deepcopy(case.body)
    first, second = case.change(), case.change()
    assert case.body == before
    assert same(plain(first.before), plain(second.before))
    assert first.target == second.target


@pytest.mark.parametrize("case", GOOD, ids=by_id)
def test_says_itself_in_both_languages(case):
    says = case.change().says
    assert says["en"].strip()
    assert says["de"].strip()
    assert says["en"] != says["de"]


@pytest.mark.parametrize("case", [c for c in GOOD if {"undo", "irreversible"} & set(c.body)], ids=by_id)
def test_undoes_as_the_case_says(case):
    back = undone(case, case.change())
    if "irreversible" in case.body:
        assert isinstance(back, Irreversible)
        assert case.body["irreversible"] in back.reason
    else:
        assert isinstance(back, Change)
        for name, wanted in case.body["undo"].items():
            assert getattr(back, name) == wanted


UNDOABLE = [case for case in GOOD if "undo" in case.body]


@pytest.mark.parametrize("case", UNDOABLE, ids=by_id)
def test_the_way_back_is_held_against_the_world_as_the_change_left_it(case):
    change = case.change()
    overlay = Overlay()
    overlay.lay(change)

    def read(refs):
        return overlay.over(case.read_by_id(refs)) | case.read_afterwards(refs)

    back = undone(case, change)
    evidence = Evidence(answer={}, undo=case.body.get("evidence", {}))
    facts = gathered(case.action.name, lambda facts: case.action.undo_reads(back, evidence, facts), read)
    left = case.action.undo_plan(back, evidence, facts)
    assert (left.conflicts, left.blocked) == ({}, "")
    assert not left.is_empty
    assert left.writes
    assert all(ref.provider == case.action.provider for ref in facts)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_action_has_an_example_for_its_page(name):
    assert any(case.body.get("example") for case in CASES if case.file.parent.name == name)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_action_and_argument_is_explained(name):
    from runbook_exec.action import args_schema

    schema = args_schema(ACTIONS[name])
    arguments = schema["$defs"][schema["$ref"].rpartition("/")[2]]["properties"]
    assert (ACTIONS[name].__doc__ or "").strip()
    assert [arg for arg, body in arguments.items() if not body.get("description")] == []


@pytest.mark.parametrize("name", sorted(n for n, a in ACTIONS.items() if a.nature is Nature.WRITES))
def test_every_writing_action_shows_in_a_case_how_it_is_undone_or_why_not(name):
    shown = [case for case in GOOD if case.file.parent.name == name]
    assert any({"undo", "irreversible"} & set(case.body) for case in shown)
