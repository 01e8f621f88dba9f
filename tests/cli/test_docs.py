"""What the documents tell people to type is there, and the YAML in them loads."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from runbook_exec.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TYPED = [
    (page, line.strip().removeprefix("$ ").partition("    #")[0].partition(" | ")[0].rstrip())
    for page in PAGES
    for line in page.read_text(encoding="utf-8").splitlines()
    if line.strip().startswith("$ runbook ")
]


@pytest.mark.parametrize(("page", "line"), TYPED, ids=[f"{p.name}: {line}" for p, line in TYPED])
def test_a_command_in_the_documents_is_one(page, line):
    command: click.Command = cli
    words = shlex.split(line)[1:]
    context = click.Context(cli, info_name="runbook")
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None, line
        command = found
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_inside_the_documents_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = [t.partition("#")[0] for t in re.findall(r"\]\(([^)]+)\)", text) if "://" not in t]
    assert [t for t in targets if t and not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_yaml_in_the_documents_is_yaml(page):
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        yaml.safe_load(block)


def test_every_decision_record_has_a_number_of_its_own_and_says_it():
    said = {}
    for page in sorted((ROOT / "docs" / "adr").glob("*.md")):
        number = int(page.name.partition("-")[0])
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. "), page.name
        assert said.setdefault(number, page.name) == page.name
    assert sorted(said) == list(range(1, len(said) + 1))


def test_the_changelog_says_each_thing_once():
    lines = [
        line
        for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("- ")
    ]
    assert sorted(set(lines)) == sorted(lines)
