"""Lint of sections that are done beside other runs about the subject."""

from __future__ import annotations

from runbook_exec.lint import lint
from runbook_exec.load import parse

HEAD = "runbook: trial\ntitle: {en: Trial, de: Probe}\nsubject: '7'\nsections:\n"
STEP = "      - {id: %s, title: {en: A, de: A}, uses: assert.that, with: {that: true, says: x}}\n"
GATE = "      - {id: yes_, title: {en: G, de: G}, gate: {role: it lead}}\n"
PLAIN = "  - title: {en: S, de: S}\n    steps:\n"
BESIDE = "  - title: {en: S, de: S}\n    beside: true\n    not_before: '2030-01-01'\n    steps:\n"


def problems(text: str) -> list[str]:
    return [each.what for each in lint(parse(HEAD + text, file="t.yaml", fetch=lambda name: ""))]


def test_a_section_that_needs_the_subject_cannot_come_after_one_that_left_it():
    (what,) = problems(BESIDE + STEP % "a" + PLAIN + STEP % "b")
    assert "comes after a section that is done beside other runs" in what


def test_what_must_end_waits_for_no_gate():
    (what,) = problems(BESIDE + GATE + STEP % "a")
    assert "waits for nobody's word" in what
