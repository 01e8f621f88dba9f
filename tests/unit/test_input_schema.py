"""The schema of inputs is one schema without references; a secret in it is always found."""

from __future__ import annotations

import json

import pytest

from runbook_exec.document import parse
from runbook_exec.input_schema import InputSchema


def read(inputs, **files):
    text = inputs if isinstance(inputs, str) else json.dumps({"inputs": inputs})

    def fetch(name):
        found = files[name.replace("/", "__").removesuffix(".yaml")]
        return found if isinstance(found, str | bytes) else json.dumps(found)

    doc = parse(text, file="runbooks/x.yaml")
    schema = InputSchema(doc, "runbooks/x.yaml", fetch)
    return schema.read(doc.data["inputs"]), schema


def wrong(inputs, **files) -> list[str]:
    return [problem.what for problem in read(inputs, **files)[1].problems]


def test_references_into_files_and_within_them_are_replaced():
    person = {"type": "object", "properties": {"name": {"$ref": "#/$defs/name"}, "home": {"$ref": "home.yaml"}},
              "$defs": {"name": {"type": "string", "secret": True}}}  # fmt: skip
    inputs = {"type": "object", "properties": {"p": {"$ref": "s/person.yaml", "description": "who"}}}
    schema, reader = read(inputs, s__person=person, s__home={"type": "string"})
    assert reader.problems == []
    assert schema["properties"]["p"] == {
        "type": "object",
        "description": "who",
        "properties": {"name": {"type": "string", "secret": True}, "home": {"type": "string"}},
    }
    assert reader.raw == {"s/person.yaml": person, "s/home.yaml": {"type": "string"}}


def test_references_within_the_runbook_are_replaced():
    schema, reader = read({"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}})
    assert reader.problems == []
    assert schema["properties"]["a"] == {"type": "string"}
    assert "$defs" not in schema


def test_an_unknown_input_is_not_taken_unless_the_schema_says_so():
    assert read({"properties": {"a": {}}})[0]["additionalProperties"] is False
    assert read({"properties": {"a": {}}, "additionalProperties": True})[0]["additionalProperties"] is True


@pytest.mark.parametrize(
    "ref",
    ["http://169.254.169.254/latest", "https://example.org/x.json", "file:///etc/passwd", "/etc/passwd", "../x.yaml",
     "s/../../x.yaml", "..\\x.yaml"],
)  # fmt: skip
def test_nothing_outside_the_folder_is_ever_fetched(ref):
    fetched = []
    doc = parse(json.dumps({"inputs": {"properties": {"a": {"$ref": ref}}}}), file="x.yaml")
    schema = InputSchema(doc, "x.yaml", lambda name: fetched.append(name) or "{}")
    schema.read(doc.data["inputs"])
    assert fetched == []
    assert "leaves the folder" in schema.problems[0].what


@pytest.mark.parametrize(
    ("inputs", "files", "said"),
    [
        ({"properties": {"a": {"$ref": "nope.yaml"}}}, {}, "'nope.yaml' does not exist"),
        ({"properties": {"a": {"$ref": "x.yaml#/nope"}}}, {"x": {}}, "leads nowhere"),
        ({"properties": {"a": {"$ref": "x.yaml"}}}, {"x": "[1]"}, "holds no mapping"),
        ({"properties": {"a": {"$ref": "x.yaml"}}}, {"x": "a: [\n"}, "no YAML"),
        ({"properties": {"a": {"$ref": "x.yaml"}}}, {"x": b"\xff"}, "no UTF-8"),
        ({"properties": {"a": {"$ref": "x.yaml"}}}, {"x": "[" * 60 + "]" * 60}, "nested deeper"),
        ({"properties": {"a": {"$ref": "x.yaml"}}}, {"x": {"items": {"$ref": "x.yaml"}}}, "leads to itself"),
        ({"properties": {"a": {"$ref": "#"}}}, {}, "leads to itself"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, {}, "leads to itself"),
        ({"properties": {"a": {"$ref": 5}}}, {}, "$ref is the path"),
        (
            {"properties": {"a": {"$ref": "x.yaml", "type": "string"}}},
            {"x": {"type": "object"}},
            "stands here and in",
        ),
        ({"type": "array"}, {}, "their type is object"),
        ({"type": "objekt"}, {}, "no JSON Schema"),
        ({"properties": {"a": {"pattern": "("}}}, {}, "no JSON Schema"),
        ({"properties": {"a": {"requird": []}}}, {}, "'requird' is no keyword"),
        ({"properties": {"a": {"secert": True}}}, {}, "'secert' is no keyword"),
        ({"properties": {"a": 5}}, {}, "a schema is a mapping"),
        ({"properties": {"first-name": {}}}, {}, "named 'first-name'"),
        ({"properties": {"self": {}}}, {}, "named 'self'"),
        ({"properties": {"site": {}}}, {}, "named 'site'"),
        ({"properties": {"a": {"secret": True}}}, {}, "a secret is a text"),
        ({"properties": {"a": {"secret": True, "type": "integer"}}}, {}, "a secret is a text"),
        ({"properties": {"a": {"secret": "yes", "type": "string"}}}, {}, "secret is true or false"),
        (
            {"properties": {"a": {"secret": True, "type": "string", "default": "x"}}},
            {},
            "not written down as its default",
        ),
        (
            {"properties": {"a": {"secret": True, "type": "string", "enum": ["x"]}}},
            {},
            "not written down as its enum",
        ),
        ({"properties": {"a": {"anyOf": [{"type": "string", "secret": True}]}}}, {}, "would not be found"),
        (
            {"properties": {"a": {"additionalProperties": {"type": "string", "secret": True}}}},
            {},
            "would not be found",
        ),
        ({"if": {"properties": {"a": {"type": "string", "secret": True}}}}, {}, "would not be found"),
    ],
)
def test_what_is_wrong_with_a_schema_is_told(inputs, files, said):
    assert any(said in what for what in wrong(inputs, **files)), wrong(inputs, **files)


def test_a_problem_in_a_schema_file_has_its_place_there():
    (problem,) = read({"properties": {"a": {"$ref": "s/x.yaml"}}}, s__x="type: string\nsecert: true\n")[
        1
    ].problems
    assert problem.where == "runbooks/s/x.yaml:2:1"
    assert problem.next_move == "did you mean 'secret'?"


def test_references_that_double_again_and_again_are_stopped():
    defs = {f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}}
            for n in range(40)}  # fmt: skip
    found = wrong({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**defs, "d40": {"type": "string"}}})
    assert "the inputs have more than 5000 parts" in found
