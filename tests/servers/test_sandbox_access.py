"""A share is granted in the rehearsal company once the manager and the owners agreed, and never before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runbook_exec import conduct, decisions, undoing
from runbook_exec.alarm import alarm
from runbook_exec.app import App, new_run_id
from runbook_exec.decision import Verdict
from runbook_exec.desk import Desk
from runbook_exec.errors import Refused
from runbook_exec.proof import Word
from runbook_exec.run import RunStatus
from runbook_exec.sandbox import process
from runbook_exec.settings import find_project

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def app(tmp_path):
    for name in ("runbooks", "inventory", "templates", "runbook.yaml"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, tmp_path / name)
    process.start(tmp_path / ".runbook" / "sandbox")
    yield App(find_project(tmp_path), environment="sandbox", desk=Desk(who="visitor", language="en"))
    process.stop(tmp_path / ".runbook" / "sandbox")


def agree(app, run, person):
    word = Word(verdict=Verdict.APPROVE, reason="rehearsed", played=person)
    return decisions.say(app, decisions.look(app, run), word)


def is_member(app):
    found = process.look_person(app.project.state / "sandbox", "laura.hoffmann")
    return "DL_Share_Projekte_RW" in str(found)


def test_access_waits_for_the_manager_and_an_owner_and_can_be_taken_back_with_their_word(app):
    values = {"person": "1012", "access": "projects", "reason": "she prepares the offers"}
    run = new_run_id()
    plan = app.plan(app.load("grant-access"), values, run=run)
    assert conduct.start(app, plan, run=run).status is RunStatus.WAITING
    agree(app, run, "thomas.klein@kranich.example")
    with pytest.raises(Refused, match="may not decide"):
        agree(app, run, "sabine.hartwig@kranich.example")
    assert conduct.resume(app, run, agree=None).status is RunStatus.WAITING
    assert not is_member(app)
    agree(app, run, "adm-mkeller")
    assert conduct.resume(app, run, agree=None).status is RunStatus.DONE
    assert is_member(app)

    back = undoing.begin(app, undoing.plan(app, run))
    assert back.status is RunStatus.WAITING  # taking it back is held by the same gate
    assert is_member(app)
    agree(app, back.id, "thomas.klein@kranich.example")
    agree(app, back.id, "ulrich.sommer@kranich.example")
    assert conduct.resume(app, back.id, agree=None).status is RunStatus.DONE
    assert not is_member(app)


def test_a_group_whose_only_owner_is_the_manager_takes_two_humans(app):
    values = {"person": "1009", "access": "payroll", "reason": "she runs the payroll"}
    run = new_run_id()
    plan = app.plan(app.load("grant-access"), values, run=run)
    assert conduct.start(app, plan, run=run).status in {RunStatus.WAITING, RunStatus.DONE}
    agree(app, run, "claudia.reuter@kranich.example")
    with pytest.raises(Refused, match="said so already"):
        agree(app, run, "claudia.reuter@kranich.example")
    assert conduct.resume(app, run, agree=None).status is RunStatus.WAITING


def test_broken_glass_is_told_on_the_ticket_and_by_mail_at_once(app):
    values = {"person": "1012", "access": "projects", "reason": "she prepares the offers"}
    run = new_run_id()
    plan = app.plan(app.load("grant-access"), values, run=run)
    conduct.start(app, plan, run=run)
    app.desk.who = "mkeller"
    word = Word(verdict=Verdict.BREAK_GLASS, reason="everybody is ill")
    after = decisions.say(app, decisions.look(app, run), word)
    told = list(alarm(app, after.run, after.run.decisions[-1], after.people))
    assert [(way["how"], way["ok"]) for way in told] == [("ticket.comment", True), ("mail.send", True)], told
    assert conduct.resume(app, run, agree=None).status is RunStatus.DONE
