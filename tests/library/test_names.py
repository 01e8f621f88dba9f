"""Every name of the corpus goes through planning: it gets names that every far side takes, or is refused with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from rehearsal_desk import company

from runbook_exec import load
from runbook_exec.app import App
from runbook_exec.desk import Desk
from runbook_exec.errors import Invalid
from runbook_exec.library import runbook_path
from runbook_exec.sandbox.company import load as load_company
from runbook_exec.settings import find_project

NAMES = yaml.safe_load((Path(__file__).parent / "names.yaml").read_text(encoding="utf-8"))
FORBIDDEN_IN_A_LOGIN = set('"/\\[]:;|=,+*?<>@ ')


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with company(tmp_path_factory.mktemp("names")) as desk:
        # A dry run of Ansible takes seconds, and a login says all that it would see of a name.
        desk.runbook("without-home", without={"home"})
        yield App(find_project(desk.folder), environment="sandbox", desk=Desk(who="test", language="en"))


def planned(app, given, surname):
    person = load_company().joiner("anna-berg").inputs()["person"]
    inputs = {"person": {**person, "employee_id": "7001", "given_name": given, "surname": surname}}
    return app.plan(load.load(runbook_path(app.project, "without-home")), inputs)


def test_the_corpus_is_large_enough():
    assert len(NAMES["taken"]) + len(NAMES["refused"]) >= 150


@pytest.mark.parametrize(("given", "surname"), NAMES["taken"], ids=lambda text: ascii(text)[:40])
def test_a_name_from_a_passport_gets_a_login_and_an_address(app, given, surname):
    plan = planned(app, given, surname)
    identity = next(line for line in plan.lines if line.step == "identity").change
    assert not identity.blocked
    sam, upn, mail = (identity.outputs[name] for name in ("sam", "upn", "mail"))
    assert 1 <= len(sam) <= 20
    assert not set(sam) & FORBIDDEN_IN_A_LOGIN
    assert sam.isascii()
    assert not sam.endswith(".")
    for address in (upn, mail):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.'_-]{0,62}[a-z0-9])?@kranich\.example", address), address
        assert ".." not in address
    assert not plan.refusals


@pytest.mark.parametrize(("given", "surname"), NAMES["refused"], ids=lambda text: ascii(text)[:40])
def test_what_no_passport_holds_is_refused_before_anything_is_asked(app, given, surname):
    with pytest.raises(Invalid) as refused:
        planned(app, given, surname)
    told = " ".join(str(refused.value).split())
    assert "given_name" in told or "surname" in told
    assert "next:" in told


@pytest.mark.parametrize(("given", "surname"), NAMES["refused"], ids=lambda text: ascii(text)[:40])
def test_a_refusal_shows_no_hidden_character(app, given, surname):
    with pytest.raises(Invalid) as refused:
        planned(app, given, surname)
    shown = str(refused.value).replace("\n", "")
    assert all(character.isprintable() for character in shown)
