"""Gates through the real command: who may decide, what they see, and every way round that others found."""

from __future__ import annotations

import grp
import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from gating import PEOPLE, Office, make_key

from runbook_exec.journal import encoded
from runbook_exec.sealing import NONCE, sealed
from runbook_exec.store.sqlite import SqliteStore

BOTH = ["Access for 77", "More for 77"]


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    return Office(tmp_path, monkeypatch, capsys)


def test_a_run_waits_says_who_may_open_it_and_goes_on_when_they_did(office):
    begun = office.begin()
    assert begun.code == 10
    assert "waits for Boss (boss@x.example) and one of group owners (Boss, Noor, Kim)" in begun.out.replace(
        "Noor, Kim, Boss", "Boss, Noor, Kim"
    )
    assert f"runbook approve {office.run} approve" in begun.out
    assert office.decide("boss").code == 0
    half = office.resume()
    assert half.code == 10
    assert office.tickets() == []
    told = office.decide("noor")
    assert f"next: runbook resume {office.run}" in told.out
    assert office.resume().code == 0
    assert office.tickets() == BOTH


def test_approvals_list_what_waits_and_decide_nothing(office):
    office.begin()
    before = len(office.events())
    mine = office("boss", "approvals")
    assert f"you may decide: runbook approve {office.run} approve" in mine.out
    assert "you may decide" not in office("mia", "approvals").out
    assert office("mia", "approvals", "--mine").out == "Nothing waits for you.\n"
    (gate,) = office("noor", "approvals", "--json").json["gates"]
    assert gate["your_places"] == ["noor@x.example"]
    assert sorted(gate["may"]) == ["boss@x.example", "kim@x.example", "noor@x.example"]
    assert len(office.events()) == before


def test_the_approver_sees_every_line_behind_the_gate_in_full(office):
    note = "x" * 300
    office.begin("mia", "77", "-i", f"note={note}")
    shown = office.decide("boss").out
    assert note in shown
    assert "Open a ticket: Access for 77" in shown
    assert "asked for by mia" in shown
    assert "nobody knows who edited this runbook last" in shown


def test_nothing_is_approved_blindly(office):
    office.begin()
    blind = office("boss", "approve", office.run, "--reason", "whatever")
    assert blind.code == 6
    assert "nobody is at the terminal to look at the plan" in blind.err
    assert office.decide("boss", digest="0" * 64).code == 6
    assert office("boss", "approve", office.run, "--digest", office.digest()[:12], "--reason", "x").code == 6
    assert office.decide("boss", "approve", "--reason", " ").code == 3
    assert len([e for e in office.events() if e["kind"] == "gate.decided"]) == 0


def test_a_rejection_keeps_the_gate_shut_until_it_is_taken_back(office):
    office.begin()
    office.decide("boss")
    office.decide("noor")
    assert office.decide("kim", "reject").code == 0
    refused = office.resume()
    assert refused.code == 6
    assert "Kim rejected it: because" in refused.out
    assert office.tickets() == []
    assert office("noor", "withdraw", office.run, "--reason", "no idea").code == 0
    assert office("kim", "withdraw", office.run, "--reason", "was wrong").code == 0
    assert office.decide("noor").code == 0
    assert office.resume().code == 0


def test_a_word_taken_back_counts_no_more(office):
    office.begin()
    office.decide("boss")
    office.decide("noor")
    assert office("noor", "withdraw", office.run, "--reason", "too early").code == 0
    assert office("mia", "withdraw", office.run, "--reason", "not mine").code == 6
    assert office.resume().code == 10
    assert office.tickets() == []


def test_the_requester_the_subject_and_strangers_decide_nothing(office):
    office.begin("boss", who="2")
    for account, why in (
        ("boss", "asked for it"),
        ("noor", "is who this is about"),
        ("mia", "may not decide at this gate"),
        ("ghost", "is nobody's"),
        ("root", "is nobody's"),
    ):
        for word in ("approve", "reject"):
            found = office.decide(account, word)
            assert found.code == 6
            assert why in found.err
    assert [e for e in office.events() if e["kind"] == "gate.decided"] == []


@pytest.mark.parametrize("who", ["2", "noor@x.example", "NOOR@X.EXAMPLE", " 2 "])
def test_the_subject_is_recognised_by_any_of_their_names(office, who):
    office.begin("mia", who=who)
    assert "is who this is about" in office.decide("noor").err


# The ways in which others were bypassed


def test_another_door_resume_does_not_open_a_gate(office):
    office.begin()
    for more in ((), ("--replan", "--yes")):
        assert office.resume("boss", *more).code == 10
    assert office.tickets() == []


def test_another_door_a_gate_is_not_resolved(office):
    office.begin()
    for how in ("done", "redo"):
        found = office("boss", "resolve", office.run, "approve", how, "--reason", "trust me")
        assert found.code == 6
        assert "is a gate" in found.err
    assert office.resume().code == 10


def test_another_door_rehearsing_is_for_the_sandbox(office):
    office.begin()
    assert office.resume("mia", "--rehearse").code == 3
    found = office("mia", "sandbox", "decide", office.run, "--as", "boss@x.example")
    assert found.code == 6
    assert "everybody decides for themselves" in found.err


def test_another_door_a_sandbox_with_real_connections_rehearses_no_decision(office):
    office.replace("runbook.yaml", "kind: real", "kind: sandbox")
    office.monkeypatch.setattr("runbook_exec.sandbox.process.connections", lambda folder: {})
    office.begin()
    assert office("mia", "sandbox", "decide", office.run, "--as", "boss@x.example").code == 6


def test_a_rehearsed_decision_counts_in_the_sandbox_alone(office):
    office.replace("runbook.yaml", "    connections: {ticket: {system: local}}\n", "")
    office.replace("runbook.yaml", "kind: real", "kind: sandbox")
    office.monkeypatch.setattr(
        "runbook_exec.sandbox.process.connections", lambda folder: {"ticket": {"system": "local"}}
    )
    office.begin()
    for person in ("boss@x.example", "noor@x.example"):
        assert office("mia", "sandbox", "decide", office.run, "--as", person).code == 0
    office.replace("runbook.yaml", "kind: sandbox", "kind: real\n    connections: {ticket: {system: local}}")
    assert office.resume().code == 10
    assert office.tickets() == []


@pytest.mark.parametrize("name", ["USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER", "RUNBOOK_USER"])
def test_identity_is_taken_from_no_environment_variable(office, name):
    office.begin()
    office.monkeypatch.setenv(name, "boss")
    assert office.decide("mia").code == 6
    from runbook_exec import desk

    office.monkeypatch.undo()
    office.monkeypatch.setenv(name, "boss")
    import pwd

    assert desk.person() == pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize("option", ["--as", "--user", "--who", "--person", "--account"])
def test_identity_is_taken_from_no_parameter(office, option):
    office.begin()
    for command in ("approve", "reject", "withdraw", "break-glass", "after-review", "resume", "run"):
        assert office("mia", command, office.run, option, "boss@x.example").code == 2


def test_acting_for_somebody_needs_their_delegation(office):
    office.begin("kim")
    assert (
        "may not decide at this gate for boss@x.example"
        in office.decide("mia", "approve", "--for", "boss@x.example").err
    )
    day = "2020-01-01"
    office.write("people.yaml", PEOPLE + f"delegations: [{{from: '1', to: '3', until: '{day}'}}]\n")
    assert office.decide("mia", "approve", "--for", "1").code == 6
    office.replace("people.yaml", day, "2999-12-31")
    assert "say for whom: --for boss@x.example" in office.decide("mia").err
    assert office.decide("mia", "approve", "--for", "1").code == 0
    office.decide("noor")
    office.replace("people.yaml", "2999-12-31", day)
    assert office.resume("kim").code == 10
    office.replace("people.yaml", day, "2999-12-31")
    assert office.resume("kim").code == 0


@pytest.mark.parametrize("broken", ["people: {", "people: {a: {}}", "", "groups: {owners: []}"])
def test_a_lookup_that_fails_opens_nothing(office, broken):
    office.begin()
    office.decide("boss")
    office.decide("noor")
    office.write("people.yaml", broken)
    assert office.resume().code in {5, 6}
    assert office.decide("kim").code in {3, 6}
    assert office.tickets() == []


def test_an_environment_without_people_opens_nothing(office):
    office.replace("runbook.yaml", "    people: people.yaml\n", "")
    assert office.begin().code == 6
    assert office.decide("boss").code == 6
    assert office.tickets() == []


def test_switching_the_rule_off_and_on_again_changes_no_run_under_way(office):
    office.begin()
    text = (office.folder / "runbooks/grant.yaml").read_text()
    gate = next(line for line in text.splitlines() if "gate:" in line)
    office.replace("runbooks/grant.yaml", gate, "        gate: {person: mia@x.example}")
    assert office.decide("mia").code == 6
    assert office.resume().code == 10
    assert office.resume("mia", "--replan", "--yes").code == 10
    (office.folder / "runbooks/grant.yaml").unlink()
    assert office.resume().code == 10
    assert office.tickets() == []


def test_an_approver_removed_between_decision_and_execution_does_not_count(office):
    office.begin()
    office.decide("boss")
    office.decide("noor")
    office.replace(
        "people.yaml", "owners: [noor@x.example, kim@x.example, boss@x.example]", "owners: [kim@x.example]"
    )
    assert office.resume().code == 10
    assert office.tickets() == []


def test_two_decisions_race_for_the_last_place(office):
    """Both are ready to write; one is recorded, and the other hears that nothing is missing."""
    from runbook_exec import decisions
    from runbook_exec.app import App
    from runbook_exec.decision import Verdict
    from runbook_exec.desk import Desk
    from runbook_exec.errors import Refused
    from runbook_exec.proof import Word
    from runbook_exec.settings import find_project

    office.begin()
    office.decide("boss")
    project = find_project(office.folder)
    start, ended = threading.Barrier(2), {}

    def decide(account):
        app = App(project, environment=None, desk=Desk(who=account, language="en"))
        seen = decisions.look(app, office.run)
        start.wait(timeout=30)
        try:
            decisions.say(app, seen, Word(verdict=Verdict.APPROVE, reason="because"))
            ended[account] = "recorded"
        except Refused as error:
            ended[account] = error.what
        finally:
            app.store.close()

    threads = [threading.Thread(target=decide, args=(account,)) for account in ("noor", "kim")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(ended.values()) == ["nothing is missing: the gate is open", "recorded"]
    assert (
        next(e["body"]["person"] for e in office.events() if e["kind"] == "gate.decided") == "boss@x.example"
    )
    assert office.resume().code == 0


def test_parameters_are_not_swapped_after_the_approval(office):
    office.begin()
    office.decide("boss")
    office.decide("noor")
    for swap in ("who=88", "note=other"):
        found = office.resume("mia", "-i", swap)
        assert found.code in {3, 6}
    office.write("swap.yaml", "who: '88'\n")
    assert office.resume("mia", "--inputs", "swap.yaml").code in {3, 6}
    assert office.tickets() == []
    assert office.resume().code == 0
    assert office.tickets() == BOTH


def test_only_secrets_are_given_again_on_resume(office):
    office.replace("runbooks/grant.yaml", 'text: "{{ note }}"', 'text: "{{ note }}"')
    office.begin("mia", "77", "-i", "word=hush")
    office.decide("boss")
    office.decide("noor")
    assert office.resume("mia", "-i", "word=hush").code == 0


def test_plan_and_inputs_swapped_in_the_journal_void_the_decisions(office):
    """Somebody who can write the file writes the chain anew; the word was about another page."""
    office.begin()
    office.decide("boss")
    office.decide("noor")
    rewrite(office, lambda kind, text: text.replace("Access for 77", "Access for 88"))
    found = office.resume()
    assert found.code == 10
    assert office.tickets() == []


def rewrite(office: Office, change) -> None:
    """Change stored events and seal the chain again, as only the owner of the file can."""
    file = office.folder / ".runbook" / "journal.sqlite"
    with closing(SqliteStore(file)) as store:
        events = store.events(office.run)
        key = store.vault.key(store.vault.name_of(office.run))
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        before = "0" * 64
        for event in events:
            body = msgspec.json.decode(change(event.kind, encoded(event.body).decode()))
            made = sealed(replace(event, body=body, before=before), key, os.urandom(NONCE))
            db.execute(
                "UPDATE events SET body = ?, before = ?, hash = ? WHERE run = ? AND seq = ?",
                (made.stored, before, made.hash, made.run, made.seq),
            )
            before = made.hash


def test_a_group_that_was_deleted_is_nobody(office):
    office.begin()
    office.decide("boss")
    office.decide("noor")
    text = (office.folder / "people.yaml").read_text()
    line = next(line for line in text.splitlines() if "owners:" in line)
    office.replace("people.yaml", f"groups:\n{line}\n", "")
    assert office.resume().code == 10
    assert office.decide("kim").code == 6
    assert office.tickets() == []


def test_what_looks_alike_is_spelled_out_and_is_somebody_else(office):
    office.begin("mia", who="\u0430dmin")
    shown = office.decide("boss").out
    assert "\u0430‹U+0430›dmin" in shown
    assert "Access for \u0430dmin" not in shown
    assert office("mia", "run", "grant", "-i", "who=ad\u202emin", "--yes").code == 3
    office.write("people.yaml", PEOPLE.replace("boss@x", "b\u043ess@x", 1))
    assert office.resume().code == 5


def test_an_expired_gate_opens_for_nobody_and_leaves_no_timer(office):
    office.replace("runbooks/grant.yaml", "expires: 5d", "expires: 1ms")
    office.begin()
    for found in (office.decide("boss"), office.resume("boss")):
        assert found.code == 6
        assert "expired" in found.err + found.out
    assert [e["kind"] for e in office.events()].count("gate.expired") == 1
    assert office.tickets() == []
    again = office.resume("mia", "--replan", "--yes")
    assert again.code == 10
    assert "waits for Boss" in again.out


def test_one_human_with_two_accounts_fills_one_place(office):
    office.begin()
    assert office.decide("boss").code == 0
    second = office.decide("adm-boss")
    assert second.code == 6
    assert "you have said so already" in second.err
    assert office.resume().code == 10
    assert office.tickets() == []


def test_the_account_that_asked_and_the_admin_account_are_one_requester(office):
    office.begin("adm-boss")
    assert "asked for it" in office.decide("boss").err


# A new plan


def test_a_new_plan_asks_anew_and_shows_what_became_of_the_old_words(office):
    office.begin()
    office.decide("boss")
    office.decide("noor")
    subprocess.run(  # somebody opened the first ticket by hand meanwhile
        [sys.executable, "-c", _OPEN.format(key=f"k-{office.run}", folder=office.folder)], check=True
    )
    found = office.resume("mia", "--replan", "--yes")
    assert found.code == 10
    shown = office.decide("boss")
    assert shown.code == 0
    assert "void: it was given for another plan" in shown.out
    assert "told: was change, is same" in shown.out
    office.decide("kim")
    assert office.resume().code == 0


_OPEN = """
from runbook_exec.tickets import open_desk
with open_desk({{"project": "{folder}", "client": "c"}}, write=True) as desk:
    desk.open(key="{key}", title="Access for 77", text="none")
"""


# Broken glass


def test_broken_glass_opens_alone_is_told_and_is_looked_at_by_somebody_else(office):
    office.begin("mia")
    found = office.decide("mia", "break-glass")
    assert found.code == 0
    assert "tell your team now" in found.err
    assert office.resume().code == 0
    assert office.tickets() == BOTH
    assert "glass broken at approve by mia@x.example" in office("noor", "approvals").out
    office.begin("mia", who="78")
    for account in ("mia", "kim"):
        blocked = office.decide(account, "break-glass")
        assert blocked.code == 6
        assert "was not looked at yet" in blocked.err
    first = next(row["run"] for row in office("mia", "status", "--json").json if row["status"] == "done")
    assert office("mia", "after-review", first, "--reason", "fine").code == 6
    assert office("ghost", "after-review", first, "--reason", "fine").code == 6
    assert office("noor", "after-review", first, "--reason", "was needed").code == 0
    assert office.decide("mia", "break-glass").code == 0


def test_breaking_glass_takes_the_permission_and_is_not_for_oneself(office):
    office.begin("mia", who="4")
    assert "may not break glass" in office.decide("noor", "break-glass").err
    assert "about themselves" in office.decide("kim", "break-glass").err
    assert office.resume().code == 10


def test_broken_glass_comments_on_the_ticket(office):
    office("mia", "run", "grant", "-i", "who=70", "--yes")
    office.run = office("mia", "status", "--json").json[0]["run"]
    office.decide("mia", "break-glass")
    office.resume()
    office("noor", "after-review", office.run, "--reason", "fine")
    office.begin("mia", "77", "--ticket", "1")
    told = office.decide("mia", "break-glass")
    assert "told: ticket.comment 1" in told.err
    (alert,) = [e for e in office.events() if e["kind"] == "gate.alerted"]
    assert alert["body"]["ways"] == [{"how": "ticket.comment", "ok": True, "what": "1"}]


# Signatures


def signed_office(office: Office) -> dict[str, Path]:
    keys = {name: make_key(office.folder, name) for name in ("boss", "noor", "mia")}
    for name in ("boss", "noor"):
        office.replace(
            "people.yaml", f"{{name: {name.title()},", f'{{name: {name.title()}, keys: ["{keys[name][1]}"],'
        )
    office.replace("runbook.yaml", "people: people.yaml", "people: people.yaml\n    decisions: signed")
    return {name: file for name, (file, _) in keys.items()}


def test_where_signatures_are_demanded_each_word_is_signed_and_verified(office):
    keys = signed_office(office)
    office.begin()
    unsigned = office.decide("boss")
    assert unsigned.code == 6
    assert "no key of yours is at hand" in unsigned.err
    assert office.decide("boss", "approve", "--key", str(keys["mia"])).code == 6
    assert office.decide("boss", "approve", "--key", str(keys["noor"])).code == 6
    for name in ("boss", "noor"):
        assert office.decide(name, "approve", "--key", str(keys[name])).code == 0
    (first, _) = [e["body"] for e in office.events() if e["kind"] == "gate.decided"]
    assert first["way"].startswith("ssh SHA256:")
    assert f'plan: "{office.digest()}"' in first["text"]
    assert office.resume().code == 0
    by_openssh_alone(office, keys["boss"], first)


def by_openssh_alone(office, key, decision):
    """As docs/gates.md tells a later verifier."""
    (office.folder / "text.sig").write_text(decision["signature"])
    public = key.with_suffix(".pub").read_text()
    (office.folder / "allowed").write_text(f'decider namespaces="runbook-decision@runbook-exec" {public}')
    command = "ssh-keygen -Y verify -f allowed -I decider -n runbook-decision@runbook-exec -s text.sig"
    for text, code in ((decision["text"], 0), (decision["text"].replace("approve", "reject"), 255)):
        done = subprocess.run(
            command.split(), cwd=office.folder, input=text.encode(), check=False, capture_output=True
        )
        assert done.returncode == code


def test_the_agents_key_signs_where_none_is_named(office):
    keys = signed_office(office)
    socket = Path(tempfile.mkdtemp(prefix="agent-")) / "s"  # a socket's path has to be short
    agent = subprocess.Popen(["/usr/bin/ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        office.monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        while not socket.exists():
            assert agent.poll() is None
            time.sleep(0.02)
        subprocess.run(["/usr/bin/ssh-add", "-q", str(keys["boss"])], check=True)
        office.begin()
        assert office.decide("boss").code == 0
        assert "no key of yours is at hand" in office.decide("noor").err
    finally:
        agent.terminate()
        agent.wait(timeout=10)
        shutil.rmtree(socket.parent)


def test_a_key_taken_away_makes_its_signatures_count_no_more(office):
    keys = signed_office(office)
    office.begin()
    for name in ("boss", "noor"):
        office.decide(name, "approve", "--key", str(keys[name]))
    text = (office.folder / "people.yaml").read_text()
    office.write("people.yaml", text.replace(keys["noor"].with_suffix(".pub").read_text().strip(), ""))
    office.replace("people.yaml", 'keys: [""], ', "")
    assert office.resume().code == 10
    assert office.tickets() == []


@pytest.mark.parametrize(
    "swap",
    [
        ('"verdict":"reject"', '"verdict":"approve"'),
        ('"reason":"because"', '"reason":"of course"'),
        ('"person":"noor@x.example"', '"person":"kim@x.example"'),
        ("Access for 77", "Access for 88"),
    ],
)
def test_a_signed_word_that_was_altered_in_the_journal_opens_nothing(office, swap):
    keys = signed_office(office)
    office.begin()
    office.decide("boss", "approve", "--key", str(keys["boss"]))
    word = "reject" if "verdict" in swap[0] else "approve"
    office.decide("noor", word, "--key", str(keys["noor"]))
    rewrite(office, lambda kind, text: text.replace(*swap))
    assert office.resume().code in {6, 10}
    assert office.tickets() == []


def test_demanding_signatures_is_not_switched_off_for_a_run_under_way(office):
    signed_office(office)
    office.begin()
    office.replace("runbook.yaml", "decisions: signed", "decisions: any")
    assert office.decide("boss").code == 6
    assert office.resume().code == 10


def test_a_signature_made_for_something_else_is_none(office):
    keys = signed_office(office)
    office.begin()
    office.decide("boss", "approve", "--key", str(keys["boss"]))
    office.decide("noor", "approve", "--key", str(keys["noor"]))
    body = [e["body"] for e in office.events() if e["kind"] == "gate.decided"][1]
    told = office.folder / "told"
    told.write_text(body["text"])
    command = ["/usr/bin/ssh-keygen", "-q", "-Y", "sign", "-f", str(keys["noor"]), "-n", "git", str(told)]
    subprocess.run(command, check=True, capture_output=True)
    other = told.with_suffix(".sig").read_text()
    rewrite(
        office,
        lambda kind, text: text.replace(
            msgspec.json.encode(body["signature"]).decode(), msgspec.json.encode(other).decode()
        ),
    )
    assert office.resume().code == 10


# The last editor


def test_the_last_editor_of_the_runbook_does_not_decide(office):
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    identity = ["-c", "user.name=Noor", "-c", "user.email=noor@x.example"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "x"]):
        subprocess.run([git, *words], cwd=office.folder, check=True)
    office.begin()
    assert "edited this runbook last" in office.decide("noor").err
    assert office.decide("kim").code == 0
    office.replace("runbooks/grant.yaml", "title: {en: Grant", "title: {en: Give")
    office.begin(who="78")
    assert "was changed since its last commit" in office.decide("kim").out


# Real accounts


AS_SOMEBODY = """
import importlib, os, pkgutil, pwd, sys
import runbook_exec.actions, runbook_exec.cli, runbook_exec.store, runbook_exec.tickets
for package in (runbook_exec, runbook_exec.actions, runbook_exec.cli, runbook_exec.store, runbook_exec.tickets):
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if found.name.rpartition(".")[2] not in {"graph", "ansible", "sandbox"}:
            importlib.import_module(found.name)
import encodings.ascii, importlib.readers, jinja2.sandbox, jsonschema_rs  # what only root may read is read before
account, group, *words = sys.argv[1:]
os.umask(0o007)
os.setgroups([int(group)])
os.setgid(int(group))
os.setuid(pwd.getpwnam(account).pw_uid)
sys.argv = ["runbook", *words]
runbook_exec.cli.main()
"""
FLOOR = """
runbook: tidy
title: {en: Tidy, de: Putzen}
subject: room
sections:
  - title: {en: A, de: A}
    steps:
      - {id: ok, gate: {person: b@x.example}}
      - {id: floor, title: {en: Floor, de: Boden}, mode: read-do}
"""


@pytest.fixture
def shared_desk():
    """A project folder of root's, with a state folder for a group of accounts."""
    folder = Path(tempfile.mkdtemp(prefix="desk-"))
    folder.chmod(0o755)
    (folder / "runbooks").mkdir()
    (folder / "runbook.yaml").write_text(
        "client: c\nenvironments: {office: {kind: real, people: people.yaml}}\n"
    )
    (folder / "people.yaml").write_text(
        "people:\n  a@x.example: {name: A, accounts: [games]}\n  b@x.example: {name: B, accounts: [daemon]}\n"
    )
    (folder / "runbooks" / "tidy.yaml").write_text(FLOOR)
    state = folder / ".runbook"
    state.mkdir()
    os.chown(state, 0, grp.getgrnam("users").gr_gid)
    state.chmod(0o2770)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="takes root, to be several people")
def test_real_accounts_share_a_desk_and_each_is_who_they_are(shared_desk):
    """Other processes of other users: nothing here tells the program who they are."""

    def as_(account: str, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", AS_SOMEBODY, account, str(grp.getgrnam("users").gr_gid), *words],
            cwd=shared_desk,
            env={
                **os.environ,
                "RUNBOOK_LANG": "en",
                "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
                **env,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    begun = as_("games", "run", "tidy", "--yes", "--json")
    assert begun.returncode == 10, begun.stderr
    told = msgspec.json.decode(begun.stdout)
    word = ("approve", told["run"], "--digest", told["plan"], "--reason", "fine")
    pretended = as_("games", *word, USER="daemon", LOGNAME="daemon")
    assert pretended.returncode == 6
    assert "asked for it" in pretended.stderr
    stranger = as_("bin", *word, USER="daemon")
    assert stranger.returncode == 6
    assert "the account 'bin' is nobody's" in stranger.stderr
    assert as_("daemon", *word).returncode == 0
    assert as_("games", "resume", told["run"]).returncode == 10  # at the item behind the gate now
    assert "opened by b@x.example" in as_("games", "status", told["run"]).stdout


def test_doctor_names_the_gates_that_stand_and_fall_with_one_person(office):
    found = office("mia", "doctor", "--gates")
    assert found.code == 6
    assert "grant, gate approve: boss@x.example and 1 of group owners" in found.out
    assert "with Boss away it cannot open" in found.out
    office.replace(
        "runbooks/grant.yaml",
        "expires: 5d",
        "expires: 5d, fallback: {after: 1d, to: {group: owners, count: 2}}",
    )
    again = office("mia", "doctor", "--gates", "--json")
    assert again.code == 0
    assert {"away": ["Boss"], "fallback_seconds": 86400.0} in again.json[0]["shut"]


def test_what_has_waited_long_is_told_to_others_who_still_cannot_open_it(office):
    office.replace(
        "runbooks/grant.yaml",
        "expires: 5d",
        "expires: 5d, escalate: {after: 1ms, to: {person: kim@x.example}}",
    )
    office.begin()
    assert "has waited long: kim@x.example is to know" in office("kim", "approvals").out
    office.replace(
        "people.yaml", "owners: [noor@x.example, kim@x.example, boss@x.example]", "owners: [noor@x.example]"
    )
    assert office.decide("kim").code == 6


def test_the_log_tells_who_decided_what_and_how(office):
    office.begin()
    office.decide("boss")
    assert "approve by boss@x.example (unsigned): because" in office("mia", "log", office.run).out


def test_a_decision_is_asked_for_at_a_terminal(office):
    office.monkeypatch.setattr("runbook_exec.cli.options.in_terminal", lambda: True)
    office.begin()
    for answer, code in (("because\nn\n", 130), ("because\ny\n", 0)):
        office.monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        found = office("boss", "approve", office.run)
        assert found.code == code, found.err
        assert found.out.index("Access for 77") < found.out.index("Agree to exactly this?")
    assert len([e for e in office.events() if e["kind"] == "gate.decided"]) == 1


def test_a_gate_is_told_in_german_where_german_is_spoken(office):
    office.begin()
    listed = office("boss", "approvals", "--lang", "de").out
    assert "betrifft 77, beantragt von mia" in listed
    assert "wartet auf Boss (boss@x.example) und eine Person der Gruppe owners" in listed
    assert f"Sie dürfen entscheiden: runbook approve {office.run} approve" in listed
    told = office.decide("boss", "approve", "--lang", "de").out
    assert f"Freigabe approve des Laufs {office.run}" in told
    assert "nobody knows" not in told
    assert "öffnet durch: boss@x.example und eine Person der Gruppe owners" in told
    assert "eingetragen: Sie: zugestimmt; die Freigabe approve ist jetzt: wartet auf" in told
    assert "Auf Sie wartet nichts." in office("mia", "approvals", "--mine", "--lang", "de").out


@pytest.mark.parametrize("command", ["status", "take"])
def test_a_gate_stands_as_the_words_since_then_leave_it(office, command):
    office.begin()
    assert "waits for Boss" in office("mia", command, office.run).out
    office.decide("noor")
    told = office("mia", command, office.run).out.partition("last events")[0]
    assert "waits for Boss" in told
    assert "Noor" not in told
    office.decide("boss")
    told = office("mia", command, office.run).out.partition("last events")[0]
    assert "waits for" not in told
    assert "open; the run has not gone on yet" in told
    assert f"`runbook resume {office.run}` goes on" in office("mia", command, office.run).out
    assert (
        f"`runbook resume {office.run}` macht weiter" in office("mia", command, office.run, "--lang=de").out
    )
    office.resume()
    assert "geöffnet von" in office("mia", "status", office.run, "--lang=de").out


def test_a_people_file_that_cannot_be_read_hides_no_run(office):
    office.begin()
    office.write("people.yaml", "people: [")
    assert "waits for Boss" in office("mia", "status", office.run).out


def test_errors_are_told_in_german_where_german_is_spoken(office):
    office.begin()
    told = office("boss", "approve", office.run, "--reason", "x", "--lang", "de").err
    assert "Fehler: niemand sitzt am Terminal und sieht den Plan an" in told
    assert "als Nächstes: " in told
    assert (
        f"kein Lauf beginnt mit '{office.run}x'" in office("mia", "status", f"{office.run}x", "--lang=de").err
    )
    office.decide("kim", "reject")
    ended = office("mia", "resume", office.run, "--lang", "de").out
    assert "Kim hat abgelehnt: because" in ended
    assert "bleibt geschlossen" in office("mia", "status", office.run, "--lang", "de").out
    assert '"error: ' not in office("mia", "status", "nobody", "--json").err
