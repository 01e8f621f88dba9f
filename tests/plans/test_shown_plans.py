"""How one fixed plan is shown, word for word; RUNBOOK_REWRITE_PLANS=1 writes the files anew."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import jsonschema_rs
import pytest
from sample_plan import INPUTS, sample

from runbook_exec import plan_json
from runbook_exec.plan_html import plan_html
from runbook_exec.plan_text import plan_text

FOLDER = Path(__file__).parent
SHOWN = {
    "sample.en.txt": lambda plan: plan_text(plan, language="en", colour=False) + "\n",
    "sample.de.txt": lambda plan: plan_text(plan, language="de", colour=False) + "\n",
    "sample.brief.de.txt": lambda plan: (
        plan_text(plan, language="de", colour=False, brief=True, width=72) + "\n"
    ),
    "sample.json": lambda plan: json.dumps(plan_json.plan_json(plan), ensure_ascii=False, indent=1) + "\n",
    "sample.en.html": lambda plan: plan_html(plan, language="en"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_sample_plan_is_shown_as_it_was_agreed(name):
    text, file = SHOWN[name](sample()), FOLDER / name
    if os.environ.get("RUNBOOK_REWRITE_PLANS") == "1":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "de", "cs"])
@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("brief", [True, False])
def test_colour_changes_no_word(language, colour, brief):
    text = plan_text(sample(), language=language, colour=colour, brief=brief)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert ("\x1b" in text) is colour
    assert plain == plan_text(sample(), language=language, colour=False, brief=brief)


def test_hostile_values_stay_text_in_a_terminal():
    text = plan_text(sample(), language="en", colour=True)
    assert "robo[red]" in text
    assert "</td><script>‹U+202E›{{ 7*7 }}" in text
    assert "│ Yours, IT" in text
    assert "\u202e" not in text


def test_lines_fit_the_width():
    for width in (60, 80, 120):
        lines = plan_text(sample(), language="de", colour=False, width=width).splitlines()
        assert [line for line in lines if len(line) > width and "2c26" not in line and " (" not in line] == []


def test_no_secret_is_shown_anywhere():
    for name, show in SHOWN.items():
        assert "s3cret" not in show(sample()), name


def test_no_line_that_is_not_sure_wears_the_mark_of_one_that_is():
    text = plan_text(sample(), language="en", colour=False)
    marks = {match[2].strip(): match[1] for match in re.finditer(r"^ *\d+ (\S) (.*)$", text, re.MULTILINE)}
    assert marks["lorry is awaited"] == marks["Print its badge"] == "○"
    assert marks["all@example.org gets a mail"] == "?"
    assert marks["A person confirms: Say hello"] == "☐"
    assert marks["old is removed"] == "✗"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in {"meta", "br", "col"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_has_no_script_and_reaches_for_nothing():
    page = _Page()
    page.feed(plan_html(sample(), language="de"))
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "a", "form"} & set(page.tags)
    assert not [
        name for name, _ in page.attributes if name.startswith("on") or name in {"src", "href", "style"}
    ]


def test_the_page_escapes_every_value_and_says_its_language():
    text = plan_html(sample(), language="de")
    assert "<script" not in text
    assert "&lt;/td&gt;&lt;script&gt;‹U+202E›{{ 7*7 }}" in text
    assert '<html lang="de">' in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_the_json_has_the_shape_that_its_schema_says():
    found = json.loads(json.dumps(plan_json.plan_json(sample())))
    jsonschema_rs.Draft202012Validator(plan_json.schema()).validate(found)
    assert found["inputs"] == INPUTS
    assert found["lines"][0]["outputs"]["secret"] == {"$secret": "20 characters"}
    assert found["refusals"]
