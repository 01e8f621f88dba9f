"""Each Exchange action's life against the double, called as PowerShell is: planned, done, read back, taken back."""

from __future__ import annotations

import time

import pytest
from graph_double import applied, done, planned, tenant, undone

from runbook_exec.action import Rights, find_provider
from runbook_exec.actions.exchange.shell import SCRIPTS
from runbook_exec.change import Ref
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed, Refused, Transient, Unreachable
from runbook_exec.sandbox import exchange
from runbook_exec.sandbox.graph_mailboxes import Mailboxes
from runbook_exec.sandbox.graph_users import Users
from runbook_exec.secret import Secret

ANNA, BERT = "anna.weiss@kranich.example", "bert.braun@kranich.example"


class Exchange:
    """A tenant with two mailboxes."""

    def __init__(self, graph) -> None:
        self.graph, self.faults = graph, graph.faults
        self.anna, self.bert = graph.person(displayName="Anna Weiß"), graph.person("bert.braun")
        for user in (self.anna, self.bert):
            graph.licensing.give_mailbox(user["id"])
        self.connection = exchange.connection(graph.rehearsal)["exchange"]

    def session(self, *, write=True, **other):
        return find_provider("exchange").open({**self.connection, **other}, write=write)

    def body(self, user=None):
        return self.graph.rehearsal.shelf.get(exchange.TABLE, (user or self.anna)["id"])

    def set(self, **values):
        self.graph.rehearsal.shelf.put(exchange.TABLE, self.anna["id"], {**exchange.fresh(), **values})


@pytest.fixture
def box(tmp_path):
    with tenant(tmp_path) as graph:
        yield Exchange(graph)


def test_a_mailbox_is_converted_seen_in_graph_and_converted_back(box):
    with box.session() as session, box.graph.session() as graph:
        change, evidence = done(session, "exchange.mailbox", mailbox=ANNA)
        ref = Ref("graph.mailbox", ANNA)
        assert graph.read([ref])[ref]["userPurpose"] == "shared"
        undone(session, "exchange.mailbox", change, evidence, mailbox=ANNA)
        assert graph.read([ref])[ref]["userPurpose"] == "user"


def test_a_mailbox_that_would_be_lost_is_not_converted(box):
    box.set(bytes=61 * exchange.GB, archive=True, hold=True)
    with box.session() as session:
        blocked = planned(session, "exchange.mailbox", mailbox=ANNA).blocked
    assert all(word in blocked for word in ("61.0 GB", "archive", "litigation hold"))


def test_the_successor_gets_a_mailbox_and_loses_it_again(box):
    values = {"mailbox": ANNA, "to": BERT, "full_access": True, "send_as": True}
    with box.session() as session:
        change, evidence = done(session, "exchange.mailbox_permission", **values)
        assert box.body()["permissions"][box.bert["id"]] == ["full_access", "send_as"]
        undone(session, "exchange.mailbox_permission", change, evidence, **values)
    assert box.body()["permissions"][box.bert["id"]] == []


def test_a_forwarding_of_the_mailbox_and_a_hidden_rule_end_and_come_back(box):
    box.set(forwards_outside="anna@webmail.example", keeps_copy=True)
    rules = Mailboxes(Users(box.graph.cloud, box.graph.licensing))
    to = [{"emailAddress": {"address": "anna@webmail.example"}}]
    rules.add_rule(box.anna["id"], ".", hidden=True, actions={"forwardTo": to})
    with box.session() as session:
        change, evidence = done(session, "exchange.forwarding", mailbox=ANNA)
        assert change.outputs["forwarded_to"] == ["anna@webmail.example"]
        assert box.body()["forwards_outside"] is None
        assert [rule["isEnabled"] for rule in rules.rules_of(box.anna["id"])] == [False]
        undone(session, "exchange.forwarding", change, evidence, mailbox=ANNA)
    assert box.body()["forwards_outside"] == "anna@webmail.example"
    assert box.body()["keeps_copy"] is True
    assert [rule["isEnabled"] for rule in rules.rules_of(box.anna["id"])] == [True]


def test_a_hold_is_set_and_taken_back(box):
    with box.session() as session:
        change, evidence = done(session, "exchange.hold", mailbox=ANNA)
        assert planned(session, "exchange.mailbox", mailbox=ANNA).blocked
        undone(session, "exchange.hold", change, evidence, mailbox=ANNA)
    assert box.body()["hold"] is False


def test_a_session_that_only_reads_has_no_pen(box):
    with box.session(write=False) as session:
        change = planned(session, "exchange.mailbox", mailbox=ANNA)
        with pytest.raises(NoPen), session.permit(change.writes):
            pass
        with pytest.raises(NoPen):
            applied_without_permit(session, change)


def applied_without_permit(session, change):
    from graph_double import context

    session.send({"do": "type", "of": change.identity, "kind": "shared"}, context())


def test_a_mailbox_outside_of_the_plan_is_not_written(box):
    with box.session() as session:
        change = planned(session, "exchange.mailbox", mailbox=ANNA)
        with pytest.raises(Refused, match="not in the plan"):
            applied_without_permit(session, change)


def test_a_lost_answer_is_told_as_one_and_the_next_look_finds_it_done(box):
    with box.session() as session:
        change = planned(session, "exchange.mailbox", mailbox=ANNA)
        box.faults.on("exchange-lost-answer", times=1)
        with pytest.raises(Unreachable) as caught:
            applied(session, "exchange.mailbox", change, mailbox=ANNA)
        assert caught.value.sent
        assert planned(session, "exchange.mailbox", mailbox=ANNA).is_empty


def test_throttling_asks_for_patience(box):
    box.faults.on("exchange-busy", times=1)
    with box.session() as session, pytest.raises(Transient) as caught:
        planned(session, "exchange.mailbox", mailbox=ANNA)
    assert caught.value.after


def test_a_stranger_is_told_so_by_doctor(box):
    provider, rights = find_provider("exchange"), Rights(read=("View-Only Recipients",))
    assert all(one.ok for one in provider.check(box.connection, rights))
    (finding,) = provider.check({**box.connection, "app_id": "somebody"}, rights)
    assert not finding.ok
    with box.session(app_id="somebody") as session, pytest.raises(NotAllowed):
        planned(session, "exchange.mailbox", mailbox=ANNA)


def test_powershell_that_is_not_there_is_told_with_the_next_move(box):
    with box.session(pwsh="/nowhere/pwsh") as session, pytest.raises(Unreachable) as caught:
        planned(session, "exchange.mailbox", mailbox=ANNA)
    assert "PowerShell 7" in caught.value.next_move


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("sleep 60", Unreachable),
        ("echo nonsense", Unreachable),
        ("""echo '{"error":{"kind":"failed","text":"no"}}'""", Failed),
        ("exit 1", Unreachable),
    ],
)
def test_a_powershell_that_misbehaves_is_ended_in_time_and_told(box, tmp_path, program, error):
    bad = tmp_path / "bad"
    bad.write_text(f"#!/bin/sh\n{program}\n")
    bad.chmod(0o700)
    begun = time.monotonic()
    with box.session(pwsh=str(bad), timeout=1) as session, pytest.raises(error) as caught:
        session.read([Ref("exchange.mailbox", ANNA)])
    assert time.monotonic() - begun < 20
    assert not getattr(caught.value, "sent", False)


def test_the_command_line_and_the_environment_hold_no_value_of_a_run(box, tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    spy = tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\necho "$@" > {seen}\nenv >> {seen}\nexec {box.connection["pwsh"]} "$@"\n')
    spy.chmod(0o700)
    monkeypatch.setenv("SOME_TOKEN", "Kranich-2026")
    with box.session(pwsh=str(spy), certificate_password=Secret("Kranich-2026")) as session:
        done(session, "exchange.mailbox", mailbox=ANNA)
    told = seen.read_text()
    assert "Kranich-2026" not in told
    assert ANNA not in told
    assert box.anna["id"] not in told
    assert "-NoProfile -NonInteractive -File" in told


def test_the_read_script_names_no_command_that_writes():
    text = (SCRIPTS / "read.ps1").read_text() + (SCRIPTS / "connect.ps1").read_text()
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for verb in (
        "Set-Mailbox",
        "Add-",
        "Remove-",
        "New-",
        "Disable-",
        "Enable-",
        "Invoke-Expression",
        "iex ",
    ):
        assert verb not in code
    assert "Invoke-Expression" not in (SCRIPTS / "write.ps1").read_text()


@pytest.mark.parametrize("key", ["", "organization", "app_id", "certificate"])
def test_a_connection_that_says_too_little_is_refused(box, key):
    with pytest.raises(Invalid, match=key or "nonsense"), box.session(**{key or "nonsense": ""}):
        pass
