"""YAML is scanned before it is built: what is dangerous or ambiguous is refused with its place."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.document import MAX_BYTES, parse
from runbook_exec.errors import Invalid, Problems


def refusals(text) -> list[Invalid]:
    with pytest.raises(Invalid) as caught:
        parse(text, file="x.yaml")
    found = caught.value
    return list(found.problems) if isinstance(found, Problems) else [found]


def data(text):
    return parse(text, file="x.yaml").data


def tried(text):
    try:
        return data(text)
    except Invalid as error:
        return error


# Dangers


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000,
        "[" * 30_000 + "]" * 30_000,
        "[" * 200_000,
        "{a: " * 60_000,
        "a:\n" + "".join(" " * n + "- \n" for n in range(1, 600)),
        "".join("  " * n + "a:\n" for n in range(300)),
        "- " * 50_000,
        "? " * 50_000,
    ],
    ids=lambda text: f"{text[:4]!r} x {len(text)}",
)
def test_deep_nesting_is_a_clean_error_at_once(text):
    began = time.monotonic()
    (problem,) = refusals(text)
    assert "deeper" in problem.what or "plain word" in problem.what or "no YAML" in problem.what
    assert problem.where.startswith("x.yaml:")
    assert time.monotonic() - began < 5


def test_fifty_levels_are_allowed():
    value = data("[" * 50 + "1" + "]" * 50)
    for _ in range(50):
        (value,) = value
    assert value == 1
    assert "deeper than 50" in refusals("[" * 51 + "]" * 51)[0].what


BOMB = "a: &a [x,x]\n" + "\n".join(f"k{n}: &k{n} {{<<: [*a,*a]}}" for n in range(20))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "anchors"),
        ("a: &x 1\nb: 2", "anchors (&x)"),
        ("a: 1\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system [id]", "tags"),
        ("a: !!binary aGk=", "tags"),
        ("a: !x 1", "tags (!x)"),
        ("<<: {a: 1}", "merging (<<)"),
        ("a: 1\na: 2", "'a' stands here twice"),
        ("a: 1\n'a': 2", "'a' stands here twice"),
        ("{a: {b: 1, b: 1}}", "'b' stands here twice"),
        ("a: 1\n---\nb: 2", "a second document"),
        ("? [a]\n: 1", "plain word"),
        ("{[a]: 1}", "plain word"),
        ("a: x\u202eb", "U+202E"),
        ('a: "\\u2066x"', "U+2066"),
        ("b: [\n", "no YAML"),
        ("a: 'x", "no YAML"),
        ("a: b: c", "no YAML"),
        ("%YAML 9.9\n---\na: 1", "no YAML"),
        ("\ud800: 1", "no UTF-8"),
    ],
)
def test_what_is_dangerous_or_means_two_things_is_refused(text, said):
    found = refusals(text)
    assert any(said in problem.what for problem in found), [str(p) for p in found]
    assert all(problem.where.startswith("x.yaml:") and problem.next_move for problem in found)


def test_a_file_that_is_too_large_is_refused_unread():
    (problem,) = refusals("a: " + "x" * MAX_BYTES)
    assert "262144 bytes" in problem.what


# Places


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"a: 1\nb: \xff", "x.yaml:2:4"),
        (b"a: 1\nb\x00: 2", "x.yaml:2:2"),
        (b"a: 1\nb: '\x07'", "x.yaml:2:5"),
        (b"a:\n\tb: 1", "x.yaml:2:1"),
        (b"a: 1\na: 2", "x.yaml:2:1"),
        (b"\xef\xbb\xbfa: 1\na: 2", "x.yaml:2:1"),
        ("ä: 1\nb: [1, *x]".encode(), "x.yaml:2:8"),
    ],
)
def test_the_place_is_line_and_column(text, where):
    assert refusals(text)[0].where == where


def test_a_tab_is_answered_with_spaces():
    assert "spaces" in refusals("a:\n\tb: 1")[0].next_move


def test_all_that_is_wrong_is_told_at_once_up_to_the_first_syntax_error():
    found = refusals("a: &x 1\na: 2\nb: !t 3\nc: [1\nd: 4")
    assert [problem.where for problem in found] == [
        "x.yaml:1:4", "x.yaml:2:1", "x.yaml:3:4", "x.yaml:5:2",
    ]  # fmt: skip


def test_each_part_has_its_place_and_an_unknown_part_that_of_the_nearest():
    doc = parse("a:\n  - b: 1\n  - c\n", file="x.yaml")
    assert str(doc.place(("a",))) == "x.yaml:1:1"
    assert str(doc.place(("a", 0, "b"))) == "x.yaml:2:5"
    assert str(doc.place(("a", 1))) == "x.yaml:3:5"
    assert str(doc.place(("a", 1, "nope", 3))) == "x.yaml:3:5"
    assert str(doc.place(("z",))) == "x.yaml:1:1"


# Scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("no", "no"), ("on", "on"), ("yes", "yes"), ("y", "y"), ("1:30", "1:30"), ("012", "012"),
        ("0x1f", "0x1f"), ("0o17", "0o17"), ("1_000", "1_000"), ("1e5", "1e5"), (".5", ".5"), (".inf", ".inf"),
        ("2026-03-02", "2026-03-02"), ("=", "="), ("+49 151", "+49 151"), ("9" * 30, "9" * 30),
        ("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("", None), ("Null", None),
        ("12", 12), ("-3", -3), ("+4", 4), ("0", 0), ("1.5", 1.5), ("-0.25", -0.25), ("1.5e3", 1500.0),
        ("'12'", "12"), ('"true"', "true"), ("''", ""), ("|\n  12\n", "12\n"),
    ],
)  # fmt: skip
def test_plain_scalars_are_what_they_look_like(text, value):
    found = data(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_always_text():
    assert data("on: 1\n12: 2\ntrue: 3\nnull: 4") == {"on": 1, "12": 2, "true": 3, "null": 4}


def test_the_written_text_of_numbers_and_truths_is_kept():
    doc = parse("a: 007\nb: 12\nc: [True, null, 'x']", file="x.yaml")
    assert doc.plain == {("b",): "12", ("c", 0): "True"}


def test_an_empty_file_and_a_byte_order_mark_are_fine():
    assert data("") is None
    assert data("# nothing\n") is None
    assert data(b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_json_is_yaml():
    assert data('{"a": [1, 2.5, true, null, "x\\u00e9"]}') == {"a": [1, 2.5, True, None, "xé"]}


@given(st.recursive(st.none() | st.booleans() | st.integers(-10**17, 10**17) | st.text(st.characters(codec="utf-8")),
                    lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=5), v, max_size=4)))  # fmt: skip
def test_whatever_a_dumper_quotes_comes_back_or_is_refused_cleanly(value):
    text = yaml.safe_dump(value, allow_unicode=False)
    found = tried(text)
    assert isinstance(found, Invalid) or found == value


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_input_whatever_makes_it_crash(text):
    found = tried(text)
    assert not isinstance(found, Invalid) or "x.yaml:" in str(found)


@pytest.mark.parametrize(
    ("text", "place"), [('{"a": ', "f.yaml:1:7"), ("a: [1,\n", "f.yaml:2:1"), ("[", "f.yaml:1:2")]
)
def test_a_file_that_is_cut_off_is_told_at_its_end(text, place):
    with pytest.raises(Invalid) as caught:
        parse(text, file="f.yaml")
    assert caught.value.where == place
