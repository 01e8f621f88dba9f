"""Sentences of the program in German: each entry fits a sentence that stands in the code, and values stay as they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.catalogue import LONGEST, messages, said_in

SOURCE = Path(__file__).parents[2] / "src" / "runbook_exec"
PLACE = re.compile(r"\{\w+\}")
ENTRIES = sorted(messages("de").items())


def shapes() -> set[str]:
    """Every text in the code with {} for each value, joined where texts are added."""

    def shape(node: ast.expr) -> str:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=parts):
                return "".join(shape(part) for part in parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return shape(left) + shape(right)
        return "{}"

    found = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
                found.add(shape(node))
    return found


SHAPES = shapes()
GO_ON = "`runbook resume {}`"


@pytest.mark.parametrize("english", [english for english, _ in ENTRIES])
def test_every_entry_is_a_sentence_of_the_code(english):
    shape = PLACE.sub("{}", english)
    # whoever raises an error and knows of no run writes GO_ON, which the run's id is put into
    assert shape in SHAPES or shape.replace(GO_ON, "{}") in SHAPES


@pytest.mark.parametrize(("english", "german"), ENTRIES)
def test_every_value_of_a_sentence_is_in_its_translation(english, german):
    assert set(PLACE.findall(english)) == set(PLACE.findall(german))


@pytest.mark.parametrize(
    ("english", "german"),
    [
        (
            "step 'mailbox' waits: not before Thu 2026-12-31 17:00 (Europe/Berlin)",
            "Punkt 'mailbox' wartet: nicht vor Thu 2026-12-31 17:00 (Europe/Berlin)",
        ),
        ("step 'a': time is over: it is not there", "Punkt 'a': die Zeit ist um: it is not there"),
        ("step 'a': the target is another one", "Punkt 'a': das Ziel ist ein anderes"),
        (
            "this plan may not be started: step 'a' cannot be done: there is no entry x; that is the date already",
            "dieser Plan darf nicht begonnen werden: Punkt 'a' ist nicht möglich: es gibt keinen Eintrag x; das ist das Datum schon",
        ),
        (
            "run r1 is about anna too and is not over",
            "auch Lauf r1 betrifft anna und ist nicht zu Ende",
        ),
        (
            "step 'a' cannot be done: x is taken: there is already an entry of this name",
            "Punkt 'a' ist nicht möglich: x ist vergeben: Es gibt schon einen Eintrag dieses Namens",
        ),
        (
            "waits for one of role hr lead (Sabine Hartwig) and Thomas Klein (the manager of 1012)",
            "wartet auf eine Person mit der Rolle hr lead (Sabine Hartwig) und Thomas Klein (die Führungskraft von 1012)",
        ),
        (
            "`runbook approve r1 ok`, typed by whoever is missing; then `runbook resume r1`",
            "`runbook approve r1 ok`, eingegeben von denen, die fehlen; dann `runbook resume r1`",
        ),
        ("nobody ever said this", "nobody ever said this"),
    ],
)
def test_a_sentence_is_said_in_german_with_its_values_as_they_are(english, german):
    assert said_in(english, "de") == german
    assert said_in(english, "en") == english


def test_what_a_person_said_is_not_turned():
    assert (
        said_in("Kim rejected it: the target is another one", "de")
        == "Kim hat abgelehnt: the target is another one"
    )


@given(st.text(max_size=300))
def test_anything_can_be_shown(text):
    said_in(text, "de")
    said_in(f"step 'a': {text}", "de")


def test_a_long_text_is_no_sentence_of_ours():
    text = "step 'a': " + "; " * LONGEST
    assert said_in(text, "de") == text
