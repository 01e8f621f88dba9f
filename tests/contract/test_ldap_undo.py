"""A whole run against a real directory, taken back: every entry is as before, but for what servers count up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from estate import PEOPLE, Estate
from servers import directory_double, samba, slapd
from servers.directory import Desk

from runbook_exec.load import parse
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.testing import FarSide

COUNTED = {
    "usnchanged", "whenchanged", "modifytimestamp", "modifiersname", "entrycsn", "contextcsn",
    "lastlogon", "lastlogontimestamp", "logoncount", "badpwdcount", "badpasswordtime", "authtimestamp",
    "ridnextrid",
}  # fmt: skip
"""What servers write by themselves whenever an entry is written or somebody logs in."""


@pytest.fixture(scope="module", params=["slapd", "samba", "double"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undo")
    started = {
        "slapd": lambda: slapd.running(folder / "slapd"),
        "samba": lambda: samba.running(folder / "samba", samba.golden(tmp_path_factory)),
        "double": lambda: directory_double.running(folder / "double"),
    }
    with started[request.param]() as running:
        yield running


@pytest.fixture
def desk(server):
    return Desk(server)


@pytest.fixture
def estate(tmp_path, server):
    return DirectoryEstate(tmp_path, server)


class DirectoryEstate(Estate):
    """A project whose far side is a directory."""

    def __init__(self, folder: Path, server) -> None:
        super().__init__(folder, FarSide())
        found = dict(server.connection)
        (folder / "password").write_text(found["password"].reveal())
        found["password"] = f"file:{folder / 'password'}"
        environment = {"kind": "real", "people": "people.yaml", "connections": {"ldap": found}}
        settings = {"client": "kranich", "environments": {"test": environment}}
        (folder / "runbook.yaml").write_text(yaml.safe_dump(settings))
        (folder / "people.yaml").write_text(PEOPLE)

    def runbook(self, steps, **head):
        body = {"runbook": "trial", "title": {"en": "Trial", "de": "Probe"}, "subject": "anna"}
        body["sections"] = [{"title": {"en": "All", "de": "Alles"}, "steps": steps}]
        return parse(json.dumps(body), file="trial.yaml", fetch=lambda name: "")


def step(name, uses, **args):
    return {"id": name, "title": {"en": name, "de": name}, "uses": uses, "with": args}


def snapshot(desk):
    """Everything below the base, as an administrator sees it."""
    with desk.raw() as raw:
        raw.search(desk.server.base, "(objectClass=*)", attributes=["*", "memberOf"])
        return {
            entry["dn"]: {
                name: sorted(values)
                for name, values in entry["raw_attributes"].items()
                if name.lower() not in COUNTED and values
            }
            for entry in raw.response
            if entry["type"] == "searchResEntry"
        }


def steps_for(desk, number, colleague, groups):
    """A new person, a new contact, and a colleague who is changed, moved and shut."""
    one, two = groups
    account = {
        "ou": desk.server.people,
        "cn": f"Neu {number}",
        "employee_id": f"U{number}",
        "sam": f"neu{number}",
    }
    classes = ["organizationalUnit"]
    unit = f"OU=Team {number},{desk.server.people}"
    moved = {"dn": colleague, "to": desk.server.left}
    return [
        step(
            "account", "ldap.user", **account, given_name="Ney", surname="Neu", attributes={"title": "Azubi"}
        ),
        step("groups", "ldap.group_members", member="{{ account.dn }}", add=[one, two]),
        step("unit", "ldap.entry", dn=unit, classes=classes, attributes={"description": "Das Team"}),
        step("title", "ldap.attributes", dn=colleague, set={"title": "Leiterin", "description": None}),
        step(
            "phones",
            "ldap.attributes",
            dn=colleague,
            add={"otherTelephone" if desk.server.name != "slapd" else "telephoneNumber": ["+49 1"]},
        ),
        step("leaves", "ldap.group_members", member=colleague, remove=[one]),
        step("shut", "ldap.enabled", dn=colleague, enabled=False),
        step("move", "ldap.move", **moved),
    ]


@pytest.fixture
def company(desk):
    """Two groups, and a colleague with a title who is in the first and may log in."""
    number = len(snapshot(desk))
    args = {
        "ou": desk.server.people,
        "cn": f"Alt {number}",
        "employee_id": f"A{number}",
        "sam": f"alt{number}",
    }
    more = {"surname": "Alt", "attributes": {"title": "Referentin", "description": "seit 2009"}}
    colleague = desk.run("ldap.user", **args, **more).change.target
    from runbook_exec.secret import Secret

    desk.run("ldap.password", dn=colleague, password=Secret("Rund-um-die-Uhr-2031!"))
    desk.run("ldap.enabled", dn=colleague, enabled=True)
    groups = (desk.group(f"eins{number}", colleague), desk.group(f"zwei{number}"))
    return number, colleague, groups


def test_a_run_and_its_undo_leave_every_entry_as_it_was(desk, estate, company):
    number, colleague, groups = company
    before = snapshot(desk)
    run = estate.run(steps_for(desk, number, colleague, groups))
    assert run.status is RunStatus.DONE, run.why
    assert snapshot(desk) != before
    back = estate.undo(run)
    assert back.status is RunStatus.DONE, back.why
    assert {record.status for record in back.steps.values()} == {StepStatus.DONE}
    assert snapshot(desk) == before


def test_what_a_colleague_did_meanwhile_is_kept(desk, estate, company):
    number, colleague, groups = company
    run = estate.run(steps_for(desk, number, colleague, groups))
    assert run.status is RunStatus.DONE, run.why
    moved = run.steps["move"].outputs["dn"]
    desk.behind_our_back("modify", moved, {"title": [("MODIFY_REPLACE", ["Chefin"])]})
    desk.behind_our_back("modify", groups[1], {"description": [("MODIFY_ADD", ["neu"])]})
    before_undo = desk.entry(moved)
    back = estate.undo(run)
    assert back.status is RunStatus.DONE, back.why
    now = desk.entry(colleague)
    assert now["id"] == before_undo["id"]
    assert (now["title"], now["description"], now["enabled"]) == ("Chefin", "seit 2009", True)
    assert desk.entry(groups[1])["description"] == "neu"
    assert "but for title" in estate.again(run).why


def test_an_account_that_a_colleague_put_into_a_group_stays(desk, estate, company):
    number, colleague, groups = company
    run = estate.run(steps_for(desk, number, colleague, groups)[:1])
    account = run.steps["account"].outputs["dn"]
    desk.behind_our_back("modify", groups[1], {"member": [("MODIFY_ADD", [account])]})
    plan = estate.plan_undo(run)
    assert set(plan.lines[0].change.conflicts) == {"memberOf"}
    assert estate.undo(run).steps["account"].status is StepStatus.LEFT
    assert desk.entry(account) is not None


def test_a_group_that_was_renamed_is_found_by_its_id(desk, estate, company):
    number, colleague, groups = company
    run = estate.run(steps_for(desk, number, colleague, groups)[:2])
    assert run.status is RunStatus.DONE, run.why
    kind = groups[0].partition("=")[0]
    desk.behind_our_back("modify_dn", groups[0], f"{kind}=umbenannt{number}")
    back = estate.undo(run)
    assert back.status is RunStatus.DONE, back.why
    assert desk.entry(run.steps["account"].outputs["dn"]) is None
    renamed = f"{kind}=umbenannt{number},{groups[0].partition(',')[2]}"
    assert run.steps["account"].outputs["dn"].lower() not in desk.members(renamed)
