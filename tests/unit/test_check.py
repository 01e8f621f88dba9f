"""Findings of a schema as sentences: what, where, next; and never a secret."""

from __future__ import annotations

import pytest

from runbook_exec import check


def told(data, schema) -> list[str]:
    return [f"{p.where}: {p.what} → {p.next_move}" for p in check.problems(data, schema, repr)]


@pytest.mark.parametrize(
    ("data", "schema", "said"),
    [
        (5, {"type": "string"}, "(): 5 is not a text → put it in quotes"),
        (True, {"type": "string"}, "(): true is not a text → put it in quotes"),
        (1, {"type": ["null", "array"]}, "(): 1 is not nothing or a list → correct it"),
        ("x", {"type": "integer", "description": "how many"}, "(): 'x' is not a whole number → wanted: how many"),
        (None, {"type": "object"}, "(): nothing is not a mapping → correct it"),
        ("b", {"enum": ["bee", "ant"]}, "(): 'b' is none of the allowed values → allowed: bee, ant"),
        ("bea", {"enum": ["bee", "ant"]}, "(): 'bea' is none of the allowed values → did you mean 'bee'?"),
        (1, {"const": 2}, "(): 1 is not 2 → correct it"),
        ("x", {"pattern": "^y{1}$"}, "(): 'x' does not have the form ^y{1}$ → correct it"),
        ("x", {"format": "date"}, "(): 'x' is no date → correct it"),
        ("x", {"minLength": 2}, "(): 'x' is too short: at least 2 characters → correct it"),
        ("x" * 99, {"maxLength": 2}, "(): '" + "x" * 58 + "… is too long: at most 2 characters → correct it"),
        ([], {"minItems": 1}, "(): this list has too few parts: at least 1 → correct it"),
        ([1, 1], {"uniqueItems": True}, "(): this list holds the same element twice → correct it"),
        (1, {"minimum": 2}, "(): 1 is too small: at least 2 → correct it"),
        (3, {"exclusiveMaximum": 3}, "(): 3 is too large: less than 3 → correct it"),
        (3, {"multipleOf": 2}, "(): 3 is no multiple of 2 → correct it"),
        (3, False, "(): 3 is not allowed here → correct it"),
        (3, {"not": {}}, "(): 3 is not allowed (not) → correct it"),
        ({"abc": 1}, {"propertyNames": {"maxLength": 2}}, "(): a name in here is not allowed → correct it"),
        ({"a": 1}, {"required": ["b"], "properties": {"b": {"description": "a bee"}}},
         "(): 'b' is missing → add b: … (wanted: a bee)"),
        ({"x": {"a": 1}}, {"properties": {"x": {"required": ["b"]}}}, "('x',): 'b' is missing in 'x' → add b: …"),
        ({"naem": 1}, {"properties": {"name": {}}, "additionalProperties": False},
         "('naem',): 'naem' is not known here → did you mean 'name'?"),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "array"}]}, "(): 'x' is not a whole number or a list → correct it"),
        (["x"], {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]},
         "(0,): 'x' is not a whole number → correct it"),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "y"}]},
         "(): 'x' does not have the form y → correct it"),
        ({}, {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
         "(): exactly one of a, b is wanted here → write a: …"),
        ({"a": 1, "b": 1}, {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
         "(): more than one of the allowed forms fits → give one of them"),
    ],
)  # fmt: skip
def test_each_keyword_has_its_sentence(data, schema, said):
    assert told(data, {"x-": 1, **schema} if isinstance(schema, dict) else {"allOf": [schema]}) == [said]


def test_parts_are_told_in_their_order():
    schema = {"items": {"type": "string"}}
    assert [line.partition(":")[0] for line in told([1] * 12, schema)] == [f"({n},)" for n in range(12)]


SECRET = "hunter2"
SECRET_SCHEMA = {"type": "string", "secret": True}


@pytest.mark.parametrize(
    "more",
    [{"minLength": 20}, {"pattern": "^x$"}, {"maxLength": 2}, {"format": "date"}, {"not": {}}, {"type": "integer"},
     {"enum": ["x"]}, {"const": "x"}],
)  # fmt: skip
def test_a_secret_that_does_not_fit_is_not_repeated(more):
    schema = {"properties": {"p": {**SECRET_SCHEMA, **more}}}
    (said,) = told({"p": SECRET}, schema)
    assert SECRET not in said
    assert "secret" in said


@pytest.mark.parametrize(
    "more",
    [{"maxProperties": 0}, {"not": {}}, {"anyOf": [{"required": ["zz"]}, {"type": "string"}]}, {"enum": [1]}, {"type": "array"},
     {"const": {}}, {"propertyNames": {"maxLength": 0}}, {"dependentRequired": {"p": ["zz"]}}],
)  # fmt: skip
def test_nothing_around_a_secret_repeats_it(more):
    for said in told({"p": SECRET}, {"properties": {"p": SECRET_SCHEMA}, **more}):
        assert SECRET not in said
    for said in told(
        [{"p": SECRET}], {"items": {"properties": {"p": SECRET_SCHEMA}, **more}, "uniqueItems": True}
    ):
        assert SECRET not in said


def test_a_schema_that_names_an_address_is_not_fetched():
    with pytest.raises(ValueError, match="not present"):
        list(check.problems({}, {"$ref": "http://127.0.0.1:9/x"}, str))
