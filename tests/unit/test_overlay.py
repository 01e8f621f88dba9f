"""Planned effects over what was read: later steps see the world as earlier ones would leave it."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.change import Assumed, Change, Deferred, Effect, Ref, deferred_in, narrow, same
from runbook_exec.known import Known, merged
from runbook_exec.overlay import Overlay

A, B = Ref("k", "a"), Ref("k", "b")
STATES = st.none() | st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3))
EFFECTS = st.builds(Effect, st.sampled_from([A, B]), STATES, whole=st.booleans())


def change(*effects: Effect) -> Change:
    return Change(action="t", target="t", before={}, after={}, says={}, effects=effects)


def laid(*effects: Effect) -> Overlay:
    overlay = Overlay()
    for effect in effects:
        overlay.lay(change(effect))
    return overlay


@given(st.lists(EFFECTS), STATES, STATES)
def test_the_facts_themselves_never_change(effects, a, b):
    facts = {A: a, B: b}
    before = copy.deepcopy(facts)
    laid(*effects).over(facts)
    assert facts == before


@given(st.lists(EFFECTS), st.lists(EFFECTS), STATES)
def test_laying_in_two_goes_is_laying_in_one(first, second, a):
    step = laid(*second).over(laid(*first).over({A: a}))
    assert laid(*first, *second).over({A: a}) == step


@given(st.lists(EFFECTS), STATES)
def test_laying_the_same_effects_twice_changes_nothing_more(effects, a):
    once = laid(*effects).over({A: a})
    assert laid(*effects).over(once) == once


@given(st.lists(EFFECTS), STATES, STATES)
def test_what_an_effect_settles_does_not_depend_on_what_was_read(effects, a, other):
    overlay = laid(*effects)
    if overlay.settles(A):
        assert overlay.over({A: a}) == overlay.over({A: other})


@given(STATES, st.dictionaries(st.sampled_from("xyz"), st.none() | st.integers(0, 3)))
def test_planning_again_over_the_planned_effect_finds_nothing_left(now, want):
    before, after = narrow(now, want)
    seen = laid(Effect(A, after)).over({A: now})[A]
    assert narrow(seen, want) == ({}, {})
    assert set(before) == set(after) <= set(want)


def test_a_thing_that_would_be_made_has_values_that_only_the_far_side_knows():
    overlay = laid(Effect(A, Assumed({"x": 1}, step="make"), whole=True), Effect(A, {"y": 2}))
    state = overlay.over({A: None})[A]
    assert (state["x"], state["y"]) == (1, 2)
    assert isinstance(state["id"], Deferred)
    assert state["id"].label == "make.id"


def test_an_assumed_patch_on_nothing_stays_assumed():
    state = laid(Effect(A, Assumed({"x": 1}, step="make"))).over({A: None})[A]
    assert isinstance(state.get("id"), Deferred)


def test_a_value_to_come_equals_nothing_and_is_found_at_any_depth():
    later = Deferred("make", "id")
    assert not same(later, later)
    assert not same({"a": [later]}, {"a": [later]})
    assert [d.label for d in deferred_in({"a": [1, {"b": later}]})] == ["make.id"]


# Reading each attribute once


class World:
    def __init__(self, **states):
        self.states, self.asked = states, []

    def read(self, refs):
        self.asked.append([(ref.key, ref.select) for ref in refs])
        return {
            ref: None
            if (state := self.states.get(ref.key)) is None
            else {k: v for k, v in state.items() if k in (ref.select or ("usual",))}
            for ref in refs
        }


def test_other_attributes_of_a_known_thing_are_read_and_the_known_ones_are_not():
    world = World(a={"x": 1, "y": 2, "usual": 3})
    known = Known(world.read)
    known.fetch([Ref("k", "a", ("x",))])
    known.fetch([Ref("k", "a", ("x", "y"))])
    known.fetch([Ref("k", "a", ("x", "y"))])
    assert known.states[Ref("k", "a")] == {"x": 1, "y": 2}
    assert world.asked == [[("a", ("x",))], [("a", ("y",))]]


def test_two_wishes_for_one_thing_are_one_request():
    world = World(a={"x": 1, "y": 2})
    Known(world.read).fetch([Ref("k", "a", ("x",)), Ref("k", "b"), Ref("k", "a", ("y",))])
    assert world.asked == [[("a", ("x", "y")), ("b", ())]]


def test_the_usual_attributes_and_a_special_one_are_both_read():
    world = World(a={"x": 1, "usual": 3})
    known = Known(world.read)
    known.fetch([Ref("k", "a", ("x",)), Ref("k", "a")])
    assert known.states[Ref("k", "a")] == {"x": 1, "usual": 3}
    known.fetch([Ref("k", "a", ("usual",))])
    assert len(world.asked) == 2


def test_what_does_not_exist_is_not_asked_for_again():
    world = World()
    known = Known(world.read)
    known.fetch([Ref("k", "a", ("x",))])
    known.fetch([Ref("k", "a", ("y",)), Ref("k", "a")])
    assert len(world.asked) == 1


def test_merging_keeps_the_first_place_of_each_thing():
    assert merged([Ref("k", "a", ("x",)), Ref("k", "b"), Ref("k", "a", ("y",))]) == [
        Ref("k", "a"),
        Ref("k", "b"),
    ]
