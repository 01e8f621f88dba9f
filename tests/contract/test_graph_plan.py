"""A joiner's cloud steps, planned against the double before the sync has brought the account."""

from __future__ import annotations

import textwrap

import pytest
from graph_double import done, tenant

from runbook_exec import load
from runbook_exec.change import Certainty
from runbook_exec.plan import Scope, Status, make_plan

STEPS = """
runbook: cloud-joiner
title: {en: Cloud part of an onboarding, de: Cloud-Teil einer Einstellung}
sections:
  - title: {en: Cloud, de: Cloud}
    steps:
      - id: synced
        title: {en: Wait for the cloud account, de: Auf das Cloud-Konto warten}
        uses: wait.until
        with: {read: graph.user, of: "{{ upn }}", deadline: 45m}
      - id: licence
        title: {en: Licence, de: Lizenz}
        uses: graph.licence
        with: {user: "{{ upn }}", add: [SPB, "O365_w/o Teams Bundle_M3"], usage_location: DE}
      - id: team
        title: {en: Team, de: Team}
        uses: graph.group_members
        with: {group: Projekt Kranich, add: ["{{ upn }}"]}
      - id: manager
        title: {en: Manager, de: Führungskraft}
        uses: graph.manager
        with: {user: "{{ upn }}", manager: hans.chef@kranich.example}
      - id: mailbox
        title: {en: Wait for the mailbox, de: Auf das Postfach warten}
        uses: wait.until
        with: {read: graph.mailbox, of: "{{ upn }}", deadline: 30m}
      - id: settings
        title: {en: Mailbox settings, de: Postfacheinstellungen}
        uses: graph.mailbox_settings
        with: {user: "{{ upn }}", language: de-DE}
      - id: access
        title: {en: Access pass, de: Zugriffspass}
        uses: graph.access_pass
        with: {user: "{{ upn }}"}
      - id: sessions
        title: {en: Sessions, de: Sitzungen}
        uses: graph.revoke_sessions
        with: {user: "{{ upn }}"}
      - id: second
        title: {en: A second joiner, de: Noch eine Einstellung}
        uses: graph.licence
        with: {user: otto.alt@kranich.example, add: [SPB], usage_location: DE}
"""
NEW = "jana.mueller@kranich.example"


@pytest.fixture
def graph(tmp_path):
    with tenant(tmp_path) as running:
        running.person("hans.chef"), running.person("otto.alt")
        running.cloud.add_group({"displayName": "Projekt Kranich"})
        yield running


def plan_with(session, read=None):
    runbook = load.parse(textwrap.dedent(STEPS), file="cloud.yaml", fetch=lambda name: "")
    scope = Scope(inputs={"upn": NEW}, site={}, run={"id": "r1"})
    return make_plan(
        runbook, scope=scope, read=read or session.read, client="c", environment="sandbox", key=b"k" * 32
    )


def test_everything_is_planned_for_an_account_that_is_not_there_yet(graph):
    with graph.session(write=False) as session:
        plan = plan_with(session)
    lines = {line.step: line for line in plan.lines}
    assert {line.status for line in plan.lines} == {Status.CHANGE}
    waiting = ("licence", "team", "manager", "settings", "access")
    assert {name: lines[name].certainty for name in waiting} == dict.fromkeys(waiting, Certainty.DEFERRED)
    assert lines["licence"].change.after == {
        "SPB": "direct",
        "O365_w/o Teams Bundle_M3": "direct",
        "usageLocation": "DE",
    }
    assert graph.writes() == []


def test_the_seat_that_an_earlier_step_takes_is_missing_for_a_later_one(graph):
    with graph.session(write=False) as session:
        (refusal,) = plan_with(session).refusals
    assert refusal.startswith(
        "step 'second' cannot be done: no seat of SPB is free: 34 consumed of 34 enabled"
    )


def test_planning_takes_few_rounds_of_waiting(graph):
    rounds = []
    with graph.session(write=False) as session:

        def counted(refs):
            rounds.append(len(refs))
            return session.read(refs)

        plan_with(session, counted)
    assert len(rounds) <= 2, rounds  # everything known at once, then what depends on it


def test_once_the_account_is_there_the_same_steps_plan_exactly_and_then_find_nothing_left(graph):
    graph.person("jana.mueller", onPremisesSyncEnabled=True)
    graph.licensing.give_mailbox(NEW)
    with graph.session() as session:
        done(session, "graph.licence", user=NEW, add=["SPB"], usage_location="DE")
        done(session, "graph.group_members", group="Projekt Kranich", add=[NEW])
        done(session, "graph.mailbox_settings", user=NEW, language="de-DE")
        lines = {line.step: line for line in plan_with(session).lines}
    assert {name for name, line in lines.items() if line.status is Status.SAME} == {
        "synced", "team", "mailbox", "settings",
    }  # fmt: skip
    assert "ldap.attributes" in lines["manager"].change.blocked
