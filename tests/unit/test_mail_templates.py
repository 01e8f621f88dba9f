"""The mail templates that ship: every one in every language, with and without what is optional."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook_exec.actions.mail.letter import written
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret

FOLDER = Path(__file__).parents[2] / "templates" / "mail"
LANGUAGES = ("en", "de", "cs")
NEEDED = {
    "company": "Kranich & Söhne",
    "given_name": "Anna",
    "person": "Anna Weiß",
    "login": "aweiss",
    "address": "anna.weiss@kranich.example",
    "manager": "Petra Lang",
    "valid_for": "1 h",
    "desk_phone": "+49 202 555-100",
    "desk_address": "it-service@kranich.example",
    "run": "261124-k7f3m",
    "gate": "approve",
    "reason": "Anna is locked out",
    "name": "Anna Weiß",
    "title": "Manager and owners agree",
    "runbook": "Grant access",
    "subject": "1012",
    "requester": "lvogt",
    "since": "Mon 2026-03-02 09:00 (Europe/Berlin)",
    "until": "Wed 2026-03-04 09:00 (Europe/Berlin)",
    "access": "Payroll data",
    "granted": True,
    "state": "waits for the manager",
}
ACCESS = {"access-changed", "access-ends"}
DATED = {"welcome", "access-pass-for-manager"} | ACCESS
TEMPLATES = sorted(path.name for path in FOLDER.iterdir())


def letter(name, language, /, **values):
    text = (FOLDER / name / f"{language}.txt").read_text()
    html = FOLDER / name / f"{language}.html"
    template = {"text": text, "html": html.read_text() if html.exists() else None}
    return written(template, values, language=language, where=f"{name}/{language}")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_is_there_in_every_language(name, language):
    dates = {"first_day": "2026-03-01"} | ({"until": "2026-03-01"} if name in ACCESS else {})
    found = letter(name, language, **NEEDED | dates)
    assert found.subject
    assert "Anna" in found.text
    assert (
        name not in DATED
        or {"en": "1 March 2026", "de": "1. März 2026", "cs": "1. března 2026"}[language] in found.text
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_optional_leaves_no_gap_in_the_welcome(language):
    needed = {key: value for key, value in NEEDED.items() if key != "manager"}
    found = letter("welcome", language, **needed)
    assert "\n\n\n" not in found.text
    assert "  ." not in found.text
    assert "Kranich &amp; Söhne" in found.html


def test_the_mail_to_the_manager_holds_no_pass():
    for language in LANGUAGES:
        assert "pass }}" not in (FOLDER / "access-pass-for-manager" / f"{language}.txt").read_text()


@pytest.mark.parametrize("part", ["pin.reveal()", "pin.rule", "pin['reveal']()"])
def test_a_template_cannot_open_a_secret(part):
    template = {"text": "Subject: PIN\n\n{{ " + part + " }}"}
    with pytest.raises(Invalid):
        written(template, {"pin": Secret("hunter2")}, language="en", where="trial/en")
