"""A dry run writes nothing: said by the far sides' own logs, not by us."""

from __future__ import annotations

import textwrap

import pytest
from rehearsal_desk import company
from servers import slapd
from servers.directory import Desk

from runbook_exec import load
from runbook_exec.plan import Scope, make_plan
from runbook_exec.sessions import SessionPool

JOINER = """
runbook: joiner
title: {en: Joiner, de: Neu}
sections:
  - title: {en: All, de: Alles}
    steps:
      - id: identity
        title: {en: I, de: I}
        uses: identity.propose
        with: {employee_id: E77, given_name: Anna, surname: Weiß, domain: corp.example, ou: "{{ people }}", sources: [ldap]}
      - id: account
        title: {en: A, de: A}
        uses: ldap.user
        with:
          ou: "{{ people }}"
          cn: "{{ identity.cn }}"
          employee_id: E77
          sam: "{{ identity.sam }}"
          upn: "{{ identity.upn }}"
          mail: "{{ identity.mail }}"
          given_name: Anna
          surname: Weiß
          display_name: "{{ identity.display_name }}"
          enabled: false
      - {id: word, title: {en: W, de: W}, uses: secret.generate}
      - id: password
        title: {en: P, de: P}
        uses: ldap.password
        with: {dn: "{{ account.dn }}", password: "{{ word.value }}", must_change: true}
      - {id: groups, title: {en: G, de: G}, uses: ldap.group_members, with: {member: "{{ account.dn }}", add: ["{{ group }}"]}}
      - {id: open, title: {en: O, de: O}, uses: ldap.enabled, with: {dn: "{{ account.dn }}", enabled: true}}
      - {id: room, title: {en: R, de: R}, uses: ldap.attributes, with: {dn: "{{ present }}", set: {title: Leitung}}}
      - {id: key, title: {en: U, de: U}, uses: ldap.unlock, with: {dn: "{{ present }}"}}
      - {id: photo, title: {en: S, de: S}, uses: ldap.snapshot, with: {dn: "{{ present }}"}}
      - {id: away, title: {en: M, de: M}, uses: ldap.move, with: {dn: "{{ present }}", to: "{{ left }}"}}
"""


def test_openldaps_access_log_shows_no_write_of_a_dry_run(tmp_path):
    with slapd.running(tmp_path / "slapd") as server:
        desk = Desk(server)
        present = desk.run("ldap.user", **_colleague(server)).change.target
        group = desk.group("Finanzen")
        before = server.writes()
        assert before
        connection = dict(server.connection)  # of an identity that may write: our session has no pen
        pool = SessionPool(lambda provider, write: connection, write=False)
        inputs = {"people": server.people, "group": group, "present": present, "left": slapd.LEFT}
        plan = make_plan(
            load.parse(textwrap.dedent(JOINER), file="joiner.yaml", fetch=lambda name: ""),
            scope=Scope(inputs=inputs, site={}, run={"id": "r1"}),
            read=pool.read,
            client="c",
            environment="test",
            key=b"k" * 32,
        )
        pool.close()
        changed = {line.step for line in plan.lines if line.counts}
        assert changed >= {"account", "password", "groups", "open", "room", "away"}
        assert server.writes() == before


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        made.runbook("whole", without={"home"})
        yield made


@pytest.mark.parametrize("command", [("plan", "onboard-employee"), ("run", "whole", "--dry-run")])
def test_the_whole_onboarding_is_planned_without_a_write_at_any_far_side(desk, command):
    before = desk.everything()
    said = desk(*command, "--inputs", desk.inputs(), "--json")
    assert said.code == 0, said.all
    assert said.json["changes"] >= 10
    assert desk.everything() == before
    assert desk("status", "--json").json == []


def _colleague(server):
    return {
        "ou": server.people,
        "cn": "Bea Berg",
        "employee_id": "E1",
        "sam": "bberg",
        "upn": "bea.berg@corp.example",
        "mail": "bea.berg@corp.example",
        "given_name": "Bea",
        "surname": "Berg",
        "display_name": "Bea Berg",
    }
