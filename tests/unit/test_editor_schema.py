"""The schema for editors: it takes good runbooks, rejects bad ones, and explains what it offers."""

from __future__ import annotations

import copy
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from runbook_exec.action import args_schema, every_action
from runbook_exec.editor_schema import editor_schema, templated

ROOT = Path(__file__).parents[2]
ACTIONS = [action for action in every_action() if not action.name.startswith("memory.")]
SCHEMA = editor_schema({a.name: args_schema(a) for a in ACTIONS}, {a.name: a.__doc__ or "" for a in ACTIONS})
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)
TITLE = {"en": "Do it", "de": "Tu es"}
STEP = {
    "id": "account",
    "title": TITLE,
    "uses": "ldap.password",
    "with": {"dn": "cn=a", "password": "{{ made.value }}", "must_change": True},
}
HUMAN = {"id": "laptop", "title": TITLE, "mode": "read-do", "with": {"items": [TITLE, "b"]}}


def book(*steps):
    return {"runbook": "x", "title": TITLE, "sections": [{"title": TITLE, "steps": list(steps)}]}


def wrong(*steps) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(book(*steps))]


def changed(step, **parts):
    step = copy.deepcopy(step)
    step.update(parts)
    return step


@pytest.mark.parametrize("path", sorted(ROOT.glob("runbooks/*.yaml")), ids=lambda path: path.stem)
def test_the_runbooks_of_the_library_are_good(path):
    assert list(VALIDATOR.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "step",
    [
        STEP,
        HUMAN,
        {"id": "ok", "gate": {"all": [{"person": "mia"}, {"group": "leads", "count": 2}], "expires": "48h"}},
        {"parallel": [STEP, HUMAN]},
        changed(
            STEP, when="{{ x }}", for_each="{{ y }}", retry={"attempts": 3, "backoff": "2s"}, timeout="5m"
        ),
        changed(STEP, **{"with": {"dn": "{{ a.dn }}", "password": "{{ b }}", "must_change": "{{ c }}"}}),
    ],
)
def test_good_steps_are_good(step):
    assert wrong(step) == []


@pytest.mark.parametrize(
    "step",
    [
        changed(STEP, uses="ldap.passwort"),
        changed(STEP, **{"with": {"dn": "x"}}),
        changed(STEP, **{"with": {"dn": 5, "password": "{{ x }}"}}),
        changed(STEP, **{"with": {"dn": "x", "password": "in clear"}}),
        changed(STEP, **{"with": {"dn": "x", "password": "{{ x }}", "must_chnge": True}}),
        changed(STEP, **{"with": {"dn": "x", "password": "{{ x }}", "must_change": "yes"}}),
        {key: value for key, value in STEP.items() if key != "with"},
        {key: value for key, value in STEP.items() if key != "title"},
        changed(STEP, on_failure="perhaps"),
        changed(STEP, timeout="5 minutes"),
        changed(STEP, nosuch=1),
        changed(HUMAN, mode="auto "),
        changed(HUMAN, **{"with": {"itmes": []}}),
        {"id": "ok", "gate": {"person": "a", "group": "b"}},
        {"id": "ok", "gate": {"expires": "48h"}},
        {"id": "ok", "gate": {"all": [{"person": "a", "expires": "1h"}]}},
        {"parallel": [STEP]},
        {"parallel": [STEP, {"id": "ok", "gate": {"person": "a"}}]},
    ],
)
def test_bad_steps_are_bad(step):
    assert wrong(step)


def test_an_error_speaks_of_the_form_that_was_meant():
    (said,) = wrong(changed(STEP, **{"with": {"dn": "x", "password": "{{ x }}", "must_chnge": True}}))
    assert "must_chnge" in said


def test_every_action_and_argument_is_explained_where_it_is_offered():
    offered = SCHEMA["$defs"]["action"]["properties"]["uses"]["anyOf"]
    assert [each["const"] for each in offered] == sorted(action.name for action in ACTIONS)
    assert all(each["description"] for each in offered)
    for action in ACTIONS:
        schema = args_schema(action)
        key = f"{action.name.replace('.', '_')}_{schema['$ref'].rpartition('/')[2]}"
        for name, body in SCHEMA["$defs"][key]["properties"].items():
            assert body.get("description"), f"{action.name}: {name}"


def test_every_key_of_a_step_is_explained():
    undescribed = [name for name, body in SCHEMA["$defs"]["action"]["properties"].items()
                   if name != "uses" and not body.get("description")]  # fmt: skip
    assert undescribed == []


def test_any_value_may_be_an_expression_and_keeps_its_explanation():
    found = templated({"properties": {"n": {"type": "integer", "description": "how many"}}})["properties"][
        "n"
    ]
    assert found["description"] == "how many"
    validator = jsonschema_rs.Draft202012Validator(found)
    assert [validator.is_valid(value) for value in (5, "{{ x }}", "x")] == [True, True, False]
