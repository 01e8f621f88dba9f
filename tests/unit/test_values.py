"""Values as stored JSON, digests of them, and envelopes that hold what they promise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec import render
from runbook_exec.change import Assumed, Change, Deferred, Effect, Ref
from runbook_exec.secret import Secret
from runbook_exec.values import (
    THIS,
    canonical,
    commitment,
    digest,
    fits,
    lost_secrets,
    named,
    named_change,
    plain,
    sealed,
)

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
KEYS = st.text().filter(lambda key: not key.startswith("$"))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)
FIXED = st.text(alphabet="ab(-", max_size=3)


@given(VALUES)
def test_plain_json_stays_as_it_is_and_comes_back(value):
    assert plain(value) == value
    assert lost_secrets(json.loads(canonical(value))) == json.loads(json.dumps(value))


def test_what_is_no_json_becomes_a_marked_object_without_a_value():
    value = [Secret("hunter2", rule="r"), Deferred("make", "id"), b"\xff", {3, 1, 2}, float("nan"), (1,)]
    assert plain(value) == [
        {"$secret": "r"},
        {"$deferred": "make.id"},
        {"$bytes": "/w=="},
        [1, 2, 3],
        {"$number": "nan"},
        [1],
    ]
    assert b"hunter2" not in canonical(value)


def test_a_stored_secret_comes_back_without_a_value():
    back = lost_secrets(plain({"a": [Secret("hunter2", rule="r")]}))["a"][0]
    assert back.is_planned
    assert back.rule == "r"


@given(st.dictionaries(KEYS, VALUES, min_size=2))
def test_a_digest_does_not_depend_on_the_order_of_keys(value):
    assert digest(value) == digest(dict(reversed(value.items())))


@given(VALUES, VALUES)
def test_other_values_have_other_digests(a, b):
    assert (digest(a) == digest(b)) == (canonical(a) == canonical(b))
    assert (digest(a) == digest(b)) <= (json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True))


@pytest.mark.parametrize(
    ("a", "b"), [(1, True), (0, False), (1, 1.0), ("1", 1), (None, ""), ([], {}), ([1], 1)]
)
def test_values_of_other_types_are_other_values(a, b):
    assert digest(a) != digest(b)
    assert not fits(plain(a), b)


def test_a_commitment_needs_the_key_and_seals_secrets():
    assert commitment(b"a", "x") != commitment(b"b", "x")
    one, two = sealed(b"k", {"p": Secret("one")}), sealed(b"k", {"p": Secret("two")})
    assert commitment(b"k", one) != commitment(b"k", two)
    assert one == sealed(b"k", {"p": Secret("one")})
    assert "one" not in json.dumps(one)


# Envelopes


@given(VALUES)
def test_a_concrete_value_fits_itself(value):
    assert fits(plain(value), value)
    assert fits(json.loads(canonical(value)), plain(value))


@given(VALUES, VALUES)
def test_another_concrete_value_does_not_fit(a, b):
    assert fits(plain(a), b) == (canonical(a) == canonical(b))


TEMPLATES = st.lists(
    FIXED | st.sampled_from(["{{ a }}", "{{ b }}", "{{ known }}"]), min_size=1, max_size=6
).map("".join)


@given(TEMPLATES, st.text("ab(-", max_size=4), st.text("ab(-", max_size=4), st.text("ab(-", max_size=3))
def test_what_is_rendered_later_always_fits_its_own_envelope(template, a, b, known):
    later = {"a": Deferred("s", "a"), "b": Deferred("s", "b"), "known": known}
    shape = plain(render.render({"x": [template]}, later))
    assert fits(shape, render.render({"x": [template]}, {"a": a, "b": b, "known": known}))


@given(FIXED, FIXED, FIXED, st.text("ab", max_size=3), st.text("ab", max_size=3))
def test_other_fixed_parts_never_fit(start, middle, end, a, b):
    template = f"<{start}>{{{{ x.a }}}}<{middle}>{{{{ x.b }}}}<{end}>".replace("{-", "(-").replace(
        "<{>", "<(>"
    )
    shape = plain(render.render(template, {"x": Deferred("x")}))
    concrete = render.render(template, {"x": {"a": a, "b": b}})
    assert fits(shape, concrete)
    for wrong in ("!" + concrete, concrete + "!", concrete.replace("<", "[", 1), concrete[1:], concrete[:-1]):
        assert not fits(shape, wrong)


@pytest.mark.parametrize(
    ("parts", "value", "inside"),
    [
        (["a", None], "a", True),
        (["a", None, "a"], "a", False),
        (["ab", None, "ba"], "aba", False),
        ([None, "x", None], "axb", True),
        ([None, "x", None], "ab", False),
        (["a", None, "x", None, "b"], "axb", True),
        (["a", None, "x", None, "x", None, "b"], "axb", False),
        ([None], "anything", True),
        (["a"], "a", True),
        (["a"], "ab", False),
        (["a", None], 5, False),
        (["a", None], ["a"], False),
        (None, ["anything"], True),
    ],
)
def test_fixed_parts_stand_in_order_without_overlap(parts, value, inside):
    shape = {"$deferred": "x", "$parts": parts} if parts else {"$deferred": "x"}
    assert fits(shape, value) is inside


def test_a_secret_fits_a_secret_of_the_same_rule_and_a_text_around_one():
    assert fits(plain(Secret("a", rule="r")), Secret("b", rule="r"))
    assert not fits(plain(Secret("a", rule="r")), Secret("b", rule="other"))
    assert not fits(plain(Secret("a", rule="r")), "a")
    assert not fits("a", Secret("a"))
    around = plain(render.render("{{ s }}-{{ x }}", {"s": Secret("p"), "x": Deferred("x")}))
    assert fits(around, Secret("p-1"))


def test_a_list_or_mapping_of_another_size_does_not_fit():
    assert not fits([{"$deferred": "x"}], [1, 2])
    assert not fits({"a": {"$deferred": "x"}}, {"a": 1, "b": 2})
    assert not fits({"a": 1, "b": {"$deferred": "x"}}, {"a": 1})
    assert not fits([1], {"0": 1})


# Names of steps


def test_an_actions_own_values_are_named_after_its_step():
    joined = Deferred(THIS, "", ("x", None))
    joined.label = "x⟨this.id⟩ of this"
    value = named(
        {"a": [Deferred(THIS, "id"), Deferred("other", "id")], "j": joined, "w": Deferred(THIS)}, "make"
    )
    assert value["a"][0].label == "make.id"
    assert value["a"][1].label == "other.id"
    assert value["j"].label == "x⟨make.id⟩ of this"
    assert value["w"].label == "make"
    assert named(Assumed({"a": 1}, step=THIS), "make")["b"].label == "make.b"


def test_every_part_of_a_change_is_named():
    mine = Deferred(THIS, "id")
    effect = Effect(Ref("k", "x"), Assumed({}, step=THIS))
    change = Change(action="a", target="t", before={"x": mine}, after={"x": mine}, says={}, identity=mine,
                    request={"x": mine}, outputs={"x": mine}, effects=(effect,))  # fmt: skip
    renamed = named_change(change, "make")
    shown = plain([renamed.before, renamed.after, renamed.identity, renamed.request, renamed.outputs])
    assert "this" not in json.dumps(shown)
    assert renamed.effects[0].state["y"].label == "make.y"
