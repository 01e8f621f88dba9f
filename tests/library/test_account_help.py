"""Callers who cannot sign in, in the rehearsal company: verified first, then a password or an unlocking."""

from __future__ import annotations

import json

import pytest
from rehearsal_desk import company

from runbook_exec.errors import EXIT_WAITING
from runbook_exec.sandbox.company import load

COMPANY = load()


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        yield made


def asked(desk, name, *more, **inputs):
    file = desk.folder / "in.json"
    file.write_text(json.dumps(inputs))
    return desk("run", name, "--inputs", "in.json", "--yes", *more)


def lock_out(desk, person):
    dn = COMPANY.person(person).dn
    for _ in range(20):
        if locked(desk, person):
            return dn
        desk.logs_in(dn, "Not-the-password-1")
    raise AssertionError("it is not locked out")


def locked(desk, person):
    return desk.entry(person).get("lockoutTime", ["0"]) not in ([], ["0"])


def kinds(desk, run, kind="step.result"):
    return [e["body"]["step"] for e in desk.events(run) if e["kind"] == kind]


def test_a_verified_caller_gets_a_password_that_is_proven_and_shown_once(desk):
    before = desk.entry("1007")["pwdLastSet"]
    said = asked(desk, "reset-password", "--rehearse", person="1007", reason="forgotten")
    assert said.code == 0, said.all
    run = desk.newest()
    done = kinds(desk, run)
    assert done.index("known") < done.index("word") < done.index("password") < done.index("told")
    after = desk.entry("1007")["pwdLastSet"]
    assert after != before
    assert after != ["0"], "a synced account in use is not made to change it: the cloud keeps the old one"
    events = {e["body"].get("step"): e["body"] for e in desk.events(run) if e["kind"] == "step.result"}
    assert events["password"]["evidence"]["password"] == "set"
    assert "sessions" not in done


def test_a_caller_who_is_not_verified_gets_nothing(desk):
    before = desk.entry("1009")["pwdLastSet"]
    assert asked(desk, "reset-password", person="1009", reason="forgotten").code == EXIT_WAITING
    run = desk.newest()
    assert desk("confirm", run, "--answer", "not verified", "--yes").code == 0
    refused = desk("resume", run, "--yes")
    assert refused.code == 5, refused.all
    assert desk.entry("1009")["pwdLastSet"] == before
    assert "password" not in kinds(desk, run)
    desk("cancel", run, "--reason", "nobody we know")


def test_where_somebody_else_may_know_the_password_the_sessions_end_too(desk):
    said = asked(desk, "reset-password", "--rehearse", person="1011", reason="exposed")
    assert said.code == 0, said.all
    done = kinds(desk, desk.newest())
    assert done.index("password") < done.index("sessions")


def test_a_shut_account_is_not_opened_by_a_password(desk):
    with desk.ldap() as connection:
        change = {"userAccountControl": [("MODIFY_REPLACE", ["514"])]}
        connection.modify(COMPANY.person("1020").dn, change)
    said = asked(desk, "reset-password", "--rehearse", person="1020", reason="forgotten")
    assert said.code not in {0, EXIT_WAITING}
    assert "a password does not open it" in said.all


def test_a_locked_account_is_unlocked_once_the_source_is_known_and_stopped(desk):
    lock_out(desk, "1007")
    said = asked(desk, "account-lockout", "--rehearse", person="1007")
    assert said.code == 0, said.all
    assert not locked(desk, "1007")
    run = desk.newest()
    done = kinds(desk, run)
    (told,) = [
        e["body"]["outputs"]
        for e in desk.events(run)
        if e["body"].get("step") == "figures" and e["kind"] == "step.result"
    ]
    assert int(told["state"]["badPwdCount"]) > 0
    assert done.index("known") < done.index("figures") < done.index("source") < done.index("unlock")

    again = asked(desk, "account-lockout", "--rehearse", person="1007")
    assert "Nothing to change" in again.out, again.all


def test_where_a_stranger_guesses_the_account_stays_locked(desk):
    lock_out(desk, "1012")
    assert asked(desk, "account-lockout", person="1012").code == EXIT_WAITING
    run = desk.newest()
    assert desk("confirm", run, "--answer", "call back", "--yes").code == 0
    assert desk("resume", run, "--yes").code == EXIT_WAITING
    assert desk("confirm", run, "--answer", "stranger", "--yes").code == 0
    stopped = desk("resume", run, "--yes")
    assert stopped.code == EXIT_WAITING, stopped.all
    assert "security takes over" in stopped.all
    assert locked(desk, "1012")
    desk("cancel", run, "--reason", "security has it")
    assert locked(desk, "1012")


def test_a_directory_that_is_down_leaves_nothing_half_done(desk):
    before = desk.entry("1006")["pwdLastSet"]
    desk.fault("directory-down")
    try:
        said = asked(desk, "reset-password", "--rehearse", person="1006", reason="forgotten")
    finally:
        desk.fault("directory-down", off=True)
    assert said.code not in {0, EXIT_WAITING}
    assert desk.entry("1006")["pwdLastSet"] == before
    assert asked(desk, "reset-password", "--rehearse", person="1006", reason="forgotten").code == 0
