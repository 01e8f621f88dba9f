"""Somebody has to be out in minutes, in the rehearsal company, by the real command."""

from __future__ import annotations

import json

import pytest
from leaver_desk import CHIEF, HR, MARCO, agreed, order
from rehearsal_desk import company

from runbook_exec.sandbox import exchange

pytestmark = pytest.mark.timeout(400)  # a departure has sixty steps, and the machine may be busy


def at_once(desk, person="1019"):
    inputs = {
        "person": person,
        "asked_by_whom": "Sabine Hartwig",
        "role": "hr",
        "reason": "dismissal without notice",
    }
    (desk.folder / "now.json").write_text(json.dumps(inputs))
    said = desk("run", "offboard-employee-now", "--inputs", "now.json", "--rehearse", "--json")
    assert said.code == 10, said.all
    return said.json["run"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Where Marco Rossi was locked out, while removing his sign-in methods was refused for lack of an answer."""
    with company(tmp_path_factory.mktemp("now")) as made:
        made.out = at_once(made)
        made.said = agreed(made, made.out, HR)
        yield made


def test_the_account_is_shut_on_both_sides_and_the_password_was_set_twice(desk):
    assert desk.said.code == 0, desk.said.all
    assert desk.entry("1019")["userAccountControl"] == ["514"]
    assert desk.graph(f"/users/{MARCO}?$select=accountEnabled")["accountEnabled"] is False
    done = order(desk, desk.out)
    wanted = [
        "authority",
        "before",
        "shut",
        "password",
        "password_again",
        "sessions",
        "cloud_shut",
        "sessions_again",
    ]
    assert [step for step in done if step in wanted] == wanted


def test_the_mailbox_is_on_hold_and_no_mail_leaves_it(desk):
    user = desk.graph(f"/users/{MARCO}?$select=id")
    assert dict(desk.table(exchange.TABLE))[user["id"]]["hold"] is True
    rules = desk.graph(f"/users/{MARCO}/mailFolders/inbox/messageRules")["value"]
    assert [rule["isEnabled"] for rule in rules] == [False]


def test_the_ticket_says_what_is_still_open_and_the_run_names_what_comes_next(desk):
    log = desk("log", desk.out, "--json").out
    assert "Kerberos tickets live up to ten hours" in log
    assert "runbook run offboard-employee" in log


def test_what_cannot_be_cut_holds_up_nothing_else_and_is_said(tmp_path):
    with company(tmp_path) as desk:
        run = at_once(desk)
        pwsh = desk.sandbox / "pwsh"
        pwsh.write_text("#!/bin/sh\nexit 1\n")
        said = agreed(desk, run, HR)
        assert desk.entry("1019")["userAccountControl"] == ["514"]
        assert desk.graph(f"/users/{MARCO}?$select=accountEnabled")["accountEnabled"] is False
        status = {item["step"]: item["status"] for item in desk("status", run, "--json").json["steps"]}
        assert status["sessions"] == status["sessions_again"] == status["exposure"] == "done", status
        assert {status["hold"], status["forwarding"]} <= {"failed", "in-doubt", "drifted"}, status
        assert "hold" in said.all


def test_whoever_asks_does_not_open_the_gate_by_being_the_leavers_manager(desk):
    run = desk("run", "offboard-employee-now", "--inputs", "now.json", "--rehearse", "--json")
    assert run.code == 10, run.all
    assert desk("sandbox", "decide", run.json["run"], "--as", CHIEF).code == 6
