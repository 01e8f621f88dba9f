"""Access until a day, and what must be kept apart, on real directories: Samba AD, OpenLDAP and the double."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from servers import directory_double, samba, slapd
from servers.directory import Desk

from runbook_exec import conduct, decisions, document
from runbook_exec.app import App, new_run_id
from runbook_exec.change import Ref
from runbook_exec.decision import Verdict
from runbook_exec.desk import Desk as Person
from runbook_exec.dn import canonical
from runbook_exec.load import parse
from runbook_exec.proof import Word
from runbook_exec.rounds import round_of
from runbook_exec.run import RunStatus
from runbook_exec.settings import find_project

PROJECT = Path(__file__).parents[2]
PEOPLE = """\
people:
  mia@x.example: {name: Mia, accounts: [mia]}
  boss@x.example: {name: Boss, accounts: [boss]}
  anna@x.example: {name: Anna, employee_id: '4711', manager: boss@x.example}
  olaf@x.example: {name: Olaf, accounts: [olaf]}
groups: {owners: [olaf@x.example]}
"""
LEFT_OUT = {"ticket", "tell", "remind", "close"}
"""Steps of far sides that are no directory."""


@pytest.fixture(scope="module", params=["samba", "slapd", "double"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("access")
    started = {
        "samba": lambda: samba.running(folder / "samba", samba.golden(tmp_path_factory)),
        "slapd": lambda: slapd.running(folder / "slapd"),
        "double": lambda: directory_double.running(folder / "double"),
    }
    with started[request.param]() as running:
        yield running


@pytest.fixture(scope="module")
def estate(server, tmp_path_factory):
    """The real runbook's steps at a directory of its own, and Anna, who is in no group."""
    folder, desk = tmp_path_factory.mktemp("project"), Desk(server)
    domain = "kranich.example" if server.name == "double" else "corp.example"
    person = desk.run(
        "ldap.user",
        ou=server.people,
        cn="Anna Weiß",
        employee_id="4711",
        sam="aweiss",
        upn=f"aweiss@{domain}",
        given_name="Anna",
        surname="Weiß",
        display_name="Anna Weiß",
    ).change.target
    keeper = desk.run(
        "ldap.user",
        ou=server.people,
        cn="Hüter",
        employee_id="4712",
        sam="hueter",
        upn=f"hueter@{domain}",
        given_name="Otto",
        surname="Hüter",
        display_name="Otto Hüter",
    ).change.target  # a groupOfNames is never empty
    share = desk.group("Projekte", keeper)
    inner = desk.group("Team Lohn", keeper)
    pay = desk.group("Lohn", inner)
    access = {
        "projects": {
            "title": {"en": "P", "de": "P"},
            "group": share,
            "owners": "owners",
            "confidential": False,
        },
        "pay": {"title": {"en": "L", "de": "L"}, "group": pay, "owners": "owners", "confidential": False},
    }
    access["pay"]["apart"] = {"projects": "whoever pays must not order"}
    shutil.copytree(PROJECT / "runbooks", folder / "runbooks")
    found = dict(server.connection)
    (folder / "password").write_text(found["password"].reveal())
    found["password"] = f"file:{folder / 'password'}"
    environment = {
        "kind": "real",
        "people": "people.yaml",
        "connections": {"ldap": found},
        "protected": {"break-glass": [], "service-accounts": []},
    }
    settings = {
        "client": "kranich",
        "site": {"access": access, "desk": {"mail": "it@x.example", "phone": "1"}},
        "environments": {"test": environment},
    }
    (folder / "runbook.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    (folder / "people.yaml").write_text(PEOPLE)
    return folder, desk, {"person": person, "share": share, "inner": inner, "keeper": keeper}


class Later(App):
    """The application at a later time."""

    at = datetime.min.replace(tzinfo=UTC)

    def clock(self):
        return max(super().clock(), self.at)


def application(folder, who="mia", days=0):
    made = Later(find_project(folder), environment="test", desk=Person(who=who, language="en"))
    made.at = made.clock() + timedelta(days=days)
    return made


def the_runbook(app):
    """change-access with its steps at the directory alone."""
    book = document.parse((PROJECT / "runbooks" / "change-access.yaml").read_text(), file="x").data
    del book["ticket"]
    for section in book["sections"]:
        section["steps"] = [step for step in section["steps"] if step["id"] not in LEFT_OUT]
    book["sections"] = [section for section in book["sections"] if section["steps"]]
    return parse(json.dumps(book), file="change-access.yaml", fetch=lambda name: "")


def asked(app, run, **more):
    values = {"person": "4711", "access": "projects", "change": "grant", "reason": "she prepares the offers"}
    return app.plan(the_runbook(app), {**values, **more}, run=run)


def test_access_until_a_day_is_granted_and_ends_on_a_real_directory(estate):
    folder, desk, at = estate
    app, run = application(folder), new_run_id()
    until = (app.clock() + timedelta(days=20)).date().isoformat()
    plan = asked(app, run, until=until)
    assert plan.refusals == ()
    conduct.start(app, plan, run=run)
    for who in ("boss", "olaf"):
        other = application(folder, who)
        decisions.say(other, decisions.look(other, run), Word(verdict=Verdict.APPROVE, reason="agreed"))
    waits = conduct.resume(app, run, agree=None)
    assert waits.status is RunStatus.WAITING, waits.why
    assert at["person"].lower() in desk.members(at["share"])
    after = application(folder, days=22)
    list(round_of(after, lambda name: after, clock=after.clock))
    assert app.run(run).status is RunStatus.DONE, app.run(run).why
    assert at["person"].lower() not in desk.members(at["share"])


def test_a_membership_by_a_nested_group_is_refused_while_planning(estate):
    folder, desk, at = estate
    desk.run("ldap.group_members", member=at["person"], add=[at["inner"]])
    (why,) = asked(application(folder), new_run_id()).refusals
    assert "Lohn, by Team Lohn" in why
    desk.run("ldap.group_members", member=at["person"], remove=[at["inner"]])


def test_a_circle_of_groups_is_gone_round_once(estate):
    _, desk, at = estate
    first = desk.group("Kreis A", at["person"])
    second = desk.group("Kreis B", first)
    desk.run("ldap.group_members", member=second, add=[first])
    ref = Ref("ldap.all_groups", canonical(at["person"]))
    with desk.session() as session:
        groups = session.read([ref])[ref]["groups"]
    assert {canonical(name): canonical(by) if by else "" for name, by in groups.items()} == {
        canonical(first): "",
        canonical(second): canonical(first),
    }
