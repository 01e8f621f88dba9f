"""Inputs are hostile until they have passed the schema; then they are typed and their secrets shut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec import inputs
from runbook_exec.errors import Invalid, Problems
from runbook_exec.secret import Secret

SCHEMA = {
    "type": "object",
    "required": ["person"],
    "additionalProperties": False,
    "properties": {
        "person": {
            "type": "object",
            "required": ["name", "id"],
            "properties": {
                "name": {"type": "string", "maxLength": 64},
                "id": {"type": "string"},
                "age": {"type": "integer"},
                "share": {"type": "number"},
                "new": {"type": "boolean"},
                "groups": {"type": "array", "items": {"type": "string"}},
                "floors": {"type": "array", "items": {"type": "integer"}},
                "nick": {"type": ["string", "null"]},
            },
        },
        "password": {"type": "string", "secret": True, "minLength": 12},
        "language": {"type": "string", "default": "de"},
        "tags": {"type": "array", "default": []},
        "keys": {
            "type": "array",
            "items": {"type": "object", "properties": {"pin": {"type": "string", "secret": True}}},
        },
    },
}
ANNA = {"person": {"name": "Anna Weiß", "id": "0012"}}


def refused(values) -> list[str]:
    with pytest.raises(Invalid) as caught:
        inputs.checked(values, SCHEMA)
    found = caught.value.problems if isinstance(caught.value, Problems) else [caught.value]
    assert all(problem.next_move and problem.where for problem in found)
    return [f"{problem.where}: {problem.what}" for problem in found]


# From the command line


def test_pairs_are_typed_by_the_schema():
    pairs = ("person.name=Anna=Weiß", "person.id=0012", "person.age=30", "person.share=0.5", "person.new=ja",
             "person.groups=a, b,", "person.floors=1,2")  # fmt: skip
    assert inputs.from_pairs(pairs, SCHEMA) == {
        "person": {"name": "Anna=Weiß", "id": "0012", "age": 30, "share": 0.5, "new": True, "groups": ["a", "b"],
                   "floors": [1, 2]}
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["1_000", "٣", " 1", "1e5", "0x1f", "nan", "inf", "1.", "9" * 5000, "", "true"]
)
def test_what_only_looks_like_a_number_stays_text_and_is_refused(text):
    values = {"person": {**ANNA["person"], "age": inputs.typed(text, {"type": "integer"})}}
    assert values["person"]["age"] == text
    assert refused(values)


@pytest.mark.parametrize(
    "pairs",
    [("name",), ("=x",), (".name=x",), ("a..b=x",), ("a.=x",), ("a=1", "a=2"), ("a=1", "a.b=2"), ("a.b=1", "a=2"),
     (".".join("a" * 60) + "=1",)],
)  # fmt: skip
def test_pairs_that_mean_nothing_or_two_things_are_refused(pairs):
    with pytest.raises(Invalid) as caught:
        inputs.from_pairs(pairs, SCHEMA)
    assert caught.value.next_move


# From a file


def test_a_file_gives_text_where_the_schema_wants_text():
    text = b"person: {name: 007, id: 12, age: 12, nick: null}\nlanguage: true\n"
    assert inputs.from_file(text, file="x.yaml", schema=SCHEMA) == {
        "person": {"name": "007", "id": "12", "age": 12, "nick": None},
        "language": "true",
    }


def test_nothing_written_is_not_a_text():
    values = inputs.from_file(b"person: {name: , id: null}", file="x.yaml", schema=SCHEMA)
    assert values == {"person": {"name": None, "id": None}}
    assert refused(values) == [
        "input person.id: nothing is not a text",
        "input person.name: nothing is not a text",
    ]


@pytest.mark.parametrize(
    "text", [b"[1]", b"", b"x", b"a: &x 1", b"a: 1\na: 2", b"\xff", b'{"a": 1, "a": 2}', b"[" * 90_000]
)
def test_a_file_that_is_no_inputs_is_refused(text):
    with pytest.raises(Invalid):
        inputs.from_file(text, file="x.yaml", schema=SCHEMA)


@given(
    st.dictionaries(
        st.sampled_from(["name", "id"]), st.text(st.characters(max_codepoint=0xFFFF, codec="utf-8"))
    )
)
def test_a_json_file_arrives_as_it_is(person):
    text = json.dumps({"person": person}).encode()
    try:
        found = inputs.from_file(text, file="x.json", schema=SCHEMA)
    except Invalid:
        return  # turning characters are refused already in the file
    assert found == {"person": person}


# Checking


def test_good_inputs_come_back_with_defaults_and_secrets_shut():
    given_ = {**ANNA, "password": "hunter2-hunter2", "keys": [{"pin": "1234"}, {}]}
    found = inputs.checked(given_, SCHEMA)
    assert found["language"] == "de"
    assert isinstance(found["password"], Secret)
    assert isinstance(found["keys"][0]["pin"], Secret)
    assert "hunter2" not in repr(found)
    assert found["person"] == ANNA["person"]
    assert given_["password"] == "hunter2-hunter2"


def test_a_default_is_a_fresh_value_each_time():
    inputs.checked(ANNA, SCHEMA)["tags"].append("x")
    assert inputs.checked(ANNA, SCHEMA)["tags"] == []


def test_everything_wrong_is_told_at_once():
    assert refused({"person": {"name": "x" * 65, "age": "y"}, "pasword": "x"}) == [
        "input pasword: 'pasword' is not known here",
        "input person: 'id' is missing in 'person'",
        "input person.age: 'y' is not a whole number",
        f"input person.name: '{'x' * 58}… is too long: at most 64 characters",
    ]


def test_a_secret_that_does_not_fit_is_not_repeated():
    (said,) = refused({**ANNA, "password": "hunter2"})
    assert said == "input password: the secret is too short: at least 12 characters"


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x07", "\x1b", "\r", "\x7f", "\u00ad", "\u200b", "\u200e", "\u202e", "\u2028", "\u2066", "\ufeff", "\ufff9",
     "\ud800", "\ue000", "\u3164", "\u115f", "\uffff", "\U000e0041"],
)  # fmt: skip
def test_what_cannot_be_seen_is_refused_by_its_number(character):
    (said,) = refused({"person": {"name": f"An{character}na", "id": "1"}})
    assert f"U+{ord(character):04X}" in said
    assert character not in said
    assert f"U+{ord(character):04X}" in refused({"person": {"name": "x", "id": "1", f"k{character}": 1}})[0]


@pytest.mark.parametrize(
    "name", ["{{ 7*7 }}", "O'Neill", "Nguyễn", "İpek", "Đorđe", "a\nb", "Müller-Lüdenscheidt", "'; DROP"]
)
def test_a_name_that_can_be_seen_is_taken_as_it_is(name):
    assert inputs.checked({"person": {"name": name, "id": "1"}}, SCHEMA)["person"]["name"] == name


def test_a_name_that_looks_like_our_own_marks_is_refused():
    (said,) = refused({"person": {**ANNA["person"], "$secret": "x"}})
    assert "begins with $" in said


def test_deep_values_are_refused_without_a_crash():
    deep: dict = {}
    for _ in range(100_000):
        deep = {"a": deep}
    (said,) = refused({"person": deep})
    assert "nested deeper" in said
    while deep:  # taking it apart at once would recurse
        deep = deep.pop("a")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
                    lambda v: st.lists(v) | st.dictionaries(st.text(), v)))  # fmt: skip
def test_no_value_whatever_crashes_the_check(value):
    with pytest.raises(Invalid):
        inputs.checked({"person": value, "more": value}, SCHEMA)


# Merging and asking


def test_later_values_are_laid_over_earlier_ones_part_by_part():
    assert inputs.merged({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}, "d": {"e": 1}}) == {
        "a": {"b": 1, "c": [2]}, "d": {"e": 1},
    }  # fmt: skip


def test_what_is_missing_is_asked_for_part_by_part():
    assert [path for path, _ in inputs.missing({}, SCHEMA)] == [("person", "name"), ("person", "id")]
    assert [path for path, _ in inputs.missing({"person": {"name": "x"}}, SCHEMA)] == [("person", "id")]
    assert list(inputs.missing(ANNA, SCHEMA)) == []
