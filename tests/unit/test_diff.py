"""A change as lines: only what differs, nothing invisible, no secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.change import Assumed, Change, Deferred
from runbook_exec.diff import asked, cut, differences, shown
from runbook_exec.secret import Secret
from runbook_exec.values import plain


def lines(before, after, **more):
    change = Change(action="t", target="t", before=before, after=after, says={}, **more)
    return [(d.sign.value, d.name, d.before, d.after) for d in differences(change)]


def test_only_what_differs_is_a_line():
    assert lines({"a": 1, "b": 2}, {"a": 1, "b": 3}) == [("~", "b", 2, 3)]


def test_what_appears_or_goes_away_is_added_or_removed():
    assert lines({"a": None, "b": 2}, {"a": 1, "b": None}) == [("+", "a", None, 1), ("-", "b", 2, None)]
    assert lines(None, {"a": 1, "b": None}) == [("+", "a", None, 1)]
    assert lines({"a": 1}, None) == [("-", "a", 1, None)]


def test_a_list_is_told_element_by_element():
    assert lines({"m": ["x", "y", "y"]}, {"m": ["y", "z"]}) == [
        ("-", "m", "x", None), ("-", "m", "y", None), ("+", "m", None, "z"),
    ]  # fmt: skip
    assert lines({"m": ["x", "y"]}, {"m": ["y", "x"]}) == [("~", "m", ["x", "y"], ["y", "x"])]


def test_a_mapping_is_told_by_its_parts():
    assert lines({"a": {"b": {"c": 1}, "d": 1}}, {"a": {"b": {"c": 2}, "d": 1}}) == [("~", "a.b.c", 1, 2)]
    assert lines(None, {"a": {"b": [1, 2], "c": {}}}) == [
        ("+", "a.b", None, 1), ("+", "a.b", None, 2), ("+", "a.c", None, {}),
    ]  # fmt: skip


def test_a_value_to_come_differs_from_everything_and_an_assumed_state_invents_nothing():
    later = Deferred("make", "id")
    ((sign, name, before, after),) = lines({"a": later}, {"a": 1})
    assert (sign, name, after) == ("~", "a", 1)
    assert before is later
    assert lines(Assumed({}, step="make"), {"a": 1}) == [("+", "a", None, 1)]


def test_a_request_and_what_a_step_gives_are_shown_as_such():
    assert lines(None, None, request={"to": "x"}) == [(">", "to", None, "x")]
    change = Change(action="t", target="t", before={}, after={}, says={}, outputs={"v": 1})
    assert [d.sign.value for d in differences(change, computes=True)] == ["="]
    assert differences(change) == ()


def test_what_is_asked_for_names_what_is_still_to_come():
    envelope = {
        "uses": "x.y",
        "with": plain({"a": Deferred("make", "id"), "s": Secret("hunter2", rule="r"), "b": [1]}),
    }
    assert [(d.name, shown(d.after)) for d in asked(envelope)] == [
        ("a", "⟨make.id⟩"),
        ("s", "••• (r)"),
        ("b", "1"),
    ]


@given(st.recursive(st.none() | st.text() | st.integers() | st.booleans(),
                    lambda v: st.lists(v) | st.dictionaries(st.text(), v)))  # fmt: skip
def test_what_is_shown_is_one_visible_line(value):
    text = shown(value)
    assert text
    assert text.isprintable() or all(c.isprintable() or c.isspace() for c in text)
    assert not set(text) & set("\n\t\r\x00\x1b\u202e\u200b\u2028")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "“”"),
        (" a", "“ a”"),
        ("–", "“–”"),
        (True, "true"),
        ("true", "true"),
        ("a\nb", "a⏎b"),
        ("\u202eabc\x00", "‹U+202E›abc‹U+0000›"),
        (Secret("hunter2", rule="20 characters"), "••• (20 characters)"),
        ({"a": [1, None]}, "{a: [1, –]}"),
    ],
)
def test_each_kind_of_value_has_its_look(value, text):
    assert shown(value) == text


def test_what_is_cut_says_so():
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcde…"
