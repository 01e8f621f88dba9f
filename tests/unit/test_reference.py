"""The pages of the actions say what the actions are, with examples that are tested."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from runbook_exec import load, reference
from runbook_exec.action import every_action
from runbook_exec.lint import lint
from runbook_exec.testing import Mail, Password, Thing

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "actions"
PAGES = ROOT / "docs" / "actions"
ACTIONS = {action.name: action for action in every_action() if not action.name.startswith("memory.")}


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_the_page_in_the_documents_is_current(name):
    assert (PAGES / f"{name}.md").read_text(encoding="utf-8") == reference.page(ACTIONS[name], CASES), (
        "run `make docs`"
    )


def test_the_list_of_actions_is_current_and_no_page_is_left_over():
    assert (PAGES / "README.md").read_text(encoding="utf-8") == reference.index(ACTIONS.values()), (
        "run `make docs`"
    )
    assert {page.stem for page in PAGES.glob("*.md")} == {*ACTIONS, "README"}


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_the_example_on_a_page_is_a_step_that_passes_lint(name):
    for block in re.findall(r"```yaml\n(.*?)```", reference.page(ACTIONS[name], CASES), re.DOTALL):
        steps = yaml.safe_load(block)
        earlier = [{"id": "password", "title": {"en": "x", "de": "y"}, "uses": "secret.generate"}]
        title = {"en": "x", "de": "y"}
        body = {"runbook": "x", "title": title, "sections": [{"title": title, "steps": earlier + steps}]}
        if steps[0]["id"] == "password":
            steps[0]["id"] = "password_set"
        book = load.parse(json.dumps(body), file="x.yaml", fetch=lambda name: "")
        assert [str(problem) for problem in lint(book)] == []


def test_without_cases_the_page_has_no_example(tmp_path):
    page = reference.page(Thing(), tmp_path)
    assert "## Example" not in page
    assert "| `key` | text | required | which thing |" in page


def test_a_page_says_how_the_action_is_undone_and_how_it_is_proven(tmp_path):
    assert "Can be taken back, value by value" in reference.page(Thing(), tmp_path)
    assert "needs `irreversible:`" in reference.page(Password(), tmp_path)
    assert "proven in another way" in reference.page(Password(), tmp_path)
    assert "cannot be read back" in reference.page(Mail(), tmp_path)
    assert "| `password` | secret | required |" in reference.page(Password(), tmp_path)
