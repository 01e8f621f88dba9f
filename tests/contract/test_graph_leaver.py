"""A leaver's cloud: sign-in methods, mail, teams, roles, applications, devices and files, against the double."""

from __future__ import annotations

import pytest
from graph_double import applied, done, left, planned, tenant, undone

from runbook_exec.change import Irreversible, Ref
from runbook_exec.errors import Refused
from runbook_exec.sandbox.graph_mailboxes import Mailboxes
from runbook_exec.sandbox.graph_methods import Methods
from runbook_exec.sandbox.graph_users import Users

ANNA, OTTO = "anna.weiss@kranich.example", "otto.alt@kranich.example"


@pytest.fixture
def graph(tmp_path):
    with tenant(tmp_path) as running:
        running.users = Users(running.cloud, running.licensing)
        yield running


def read(session, kind, key):
    ref = Ref(kind, key)
    return session.read([ref])[ref]


def test_every_way_to_sign_in_goes_and_the_default_one_last(graph):
    anna, methods = graph.person(), Methods(graph.users)
    methods.add(anna["id"], "phone", default=True, phoneNumber="+49 202 5550112", phoneType="mobile")
    methods.add(anna["id"], "fido2", displayName="YubiKey", model="YubiKey 5")
    methods.add(anna["id"], "microsoftAuthenticator", displayName="Annas Telefon")
    with graph.session() as session:
        assert read(session, "graph.authentication_methods", ANNA)["mfa_registered"] is True
        change, evidence = done(session, "graph.authentication_methods", user=ANNA)
        assert "5550112" not in str((change.says, change.before))
        now = read(session, "graph.authentication_methods", ANNA)
        assert now == {"methods": {}, "other": [], "mfa_registered": False}
    assert methods.of(anna["id"]) == []
    assert [entry["status"] for entry in graph.writes()] == [400, 204, 204, 204]
    from runbook_exec.action import find

    assert isinstance(find("graph.authentication_methods").undo(change, evidence), Irreversible)


def test_a_method_that_stays_by_wish_keeps_a_refused_one_and_says_so(graph):
    anna, methods = graph.person(), Methods(graph.users)
    methods.add(anna["id"], "phone", default=True, phoneNumber="+49 202 5550112")
    methods.add(anna["id"], "fido2", displayName="YubiKey")
    with graph.session() as session:
        values = {"user": ANNA, "only": ["phone"]}
        change = planned(session, "graph.authentication_methods", **values)
        with pytest.raises(Exception, match="Cannot delete the default"):
            applied(session, "graph.authentication_methods", change, **values)


def test_an_automatic_reply_is_set_read_as_exchange_gives_it_back_and_taken_back(graph):
    graph.person()
    graph.licensing.give_mailbox(ANNA)
    values = {"user": ANNA, "internal": {"de": "Weg & fort <3", "en": "Gone"}, "external": {"de": "Weg"}}
    values |= {"valid_from": "2026-12-11T17:00:00+01:00", "valid_until": "2027-03-11T17:00:00+01:00"}
    with graph.session() as session:
        change, evidence = done(session, "graph.auto_reply", **values)
        box = read(session, "graph.mailbox", ANNA)["automaticRepliesSetting"]
        assert box["internalReplyMessage"].startswith("<html>")
        assert "Weg &amp; fort &lt;3" in box["internalReplyMessage"]
        undone(session, "graph.auto_reply", change, evidence, **values)
        assert read(session, "graph.mailbox", ANNA)["automaticRepliesSetting"]["status"] == "disabled"
        done(session, "graph.auto_reply", user=ANNA, internal={"de": "Weg"})
        done(session, "graph.auto_reply", user=ANNA, switch_off=True)


def test_a_reply_that_somebody_rewrote_since_is_left_alone(graph):
    graph.person()
    graph.licensing.give_mailbox(ANNA)
    with graph.session() as session:
        change, evidence = done(session, "graph.auto_reply", user=ANNA, internal={"de": "Weg"})
        done(session, "graph.auto_reply", user=ANNA, internal={"de": "Bin wieder da"})
        back = left(session, "graph.auto_reply", change, evidence)
    assert set(back.conflicts) == {"internalReplyMessage"}


def forward_to(address):
    return {"actions": {"forwardTo": [{"emailAddress": {"name": "x", "address": address}}], "delete": True}}


def test_forwarding_rules_are_switched_off_and_on_again(graph):
    anna, mailboxes = graph.person(), Mailboxes(graph.users)
    graph.licensing.give_mailbox(ANNA)
    mailboxes.add_rule(anna["id"], ".", **forward_to("anna@webmail.example"))
    mailboxes.add_rule(anna["id"], "Newsletter", actions={"moveToFolder": "archive"})
    mailboxes.add_rule(anna["id"], "versteckt", hidden=True, **forward_to("x@webmail.example"))
    with graph.session() as session:
        change, evidence = done(session, "graph.inbox_rules", user=ANNA)
        assert change.outputs["forwarded_to"] == ["anna@webmail.example"]
        assert [rule["isEnabled"] for rule in mailboxes.rules_of(anna["id"])] == [False, True, True]
        undone(session, "graph.inbox_rules", change, evidence)
    assert [rule["isEnabled"] for rule in mailboxes.rules_of(anna["id"])] == [True, True, True]


def test_without_a_mailbox_there_are_no_rules(graph):
    graph.person()
    with graph.session() as session, pytest.raises(Refused, match="has no mailbox"):
        planned(session, "graph.inbox_rules", user=ANNA)
