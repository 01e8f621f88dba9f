"""Somebody leaves by every action that there is, and comes back: all is as it was, byte for byte, but for declared losses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from estate import PEOPLE, Estate
from graph_double import tenant
from servers import directory_double, samba, slapd
from servers.directory import Desk

from runbook_exec.action import every_action
from runbook_exec.actions.graph.snapshot import PARTS
from runbook_exec.change import Ref
from runbook_exec.load import parse
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.sandbox.graph_consents import Consents
from runbook_exec.sandbox.graph_devices import Devices
from runbook_exec.sandbox.graph_drives import Drives
from runbook_exec.sandbox.graph_mailboxes import Mailboxes
from runbook_exec.sandbox.graph_methods import Methods
from runbook_exec.sandbox.graph_users import Users
from runbook_exec.secret import Secret
from runbook_exec.testing import FarSide
from runbook_exec.values import canonical

ANNA, OTTO = "anna.weiss@kranich.example", "otto.alt@kranich.example"
NOT_OF_A_LEAVER = {
    "ldap.user": "makes an account",
    "ldap.entry": "makes other entries",
    "ldap.unlock": "lets somebody in",
    "graph.access_pass": "lets somebody in",
    "graph.invitation": "invites a guest",
    "graph.deleted_user": "of an account that is deleted",
    "graph.managed_device": "a wipe has no way back, and says so before",
    **dict.fromkeys(
        ("exchange.mailbox", "exchange.mailbox_permission", "exchange.forwarding", "exchange.hold"),
        "taken back in test_exchange",
    ),
    "graph.request": "what it does is the runbook's to say",
}
"""Actions that an offboarding does not use; their undo has tests of its own."""
LOST = {
    "password": "nobody knows the old one",
    "revoke": "an ended session stays ended",
    "methods": "a method is registered by its owner",
}
"""Steps that declare that they cannot be taken back."""
COUNTED = {
    "usnchanged", "whenchanged", "modifytimestamp", "modifiersname", "entrycsn", "contextcsn",
    "lastlogon", "lastlogontimestamp", "logoncount", "badpwdcount", "badpasswordtime", "authtimestamp",
}  # fmt: skip
"""What servers write by themselves."""
BY_THE_PASSWORD = {"pwdlastset", "userpassword", "unicodepwd", "pwdchangedtime", "pwdhistory", "ntpwdhistory"}
BY_THE_METHODS = {"authentication_methods"}
BY_THE_SESSIONS = {"signInSessionsValidFromDateTime", "licenseAssignmentStates"}
"""Ended sessions, and when a licence was last assigned: which there are is compared as `licences`."""
NEW_IDS = {"app_roles", "grants"}
"""Read by an id that the far side makes anew; what they say is compared."""


@pytest.fixture(scope="module", params=["slapd", "samba", "double"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("leaver")
    started = {
        "slapd": lambda: slapd.running(folder / "slapd"),
        "samba": lambda: samba.running(folder / "samba", samba.golden(tmp_path_factory)),
        "double": lambda: directory_double.running(folder / "double"),
    }
    with started[request.param]() as running:
        yield running


class Company(Estate):
    """A project with a directory and a cloud."""

    def __init__(self, folder: Path, server, graph) -> None:
        super().__init__(folder, FarSide())
        found = dict(server.connection)
        (folder / "password").write_text(found["password"].reveal())
        found["password"] = f"file:{folder / 'password'}"
        connections = {"ldap": found, "graph": dict(graph.settings)}
        environment = {"kind": "real", "people": "people.yaml", "connections": connections}
        (folder / "runbook.yaml").write_text(
            yaml.safe_dump({"client": "kranich", "environments": {"test": environment}})
        )
        (folder / "people.yaml").write_text(PEOPLE)

    def runbook(self, steps, **head):
        body = {"runbook": "leaver", "title": {"en": "Leaver", "de": "Austritt"}, "subject": "anna"}
        body["sections"] = [{"title": {"en": "All", "de": "Alles"}, "steps": steps}]
        return parse(json.dumps(body), file="leaver.yaml", fetch=lambda name: "")


def in_the_directory(desk, dn):
    with desk.raw() as raw:
        raw.search(desk.server.base, "(objectClass=*)", attributes=["*", "memberOf"])
        return {
            entry["dn"]: {
                name: sorted(values)
                for name, values in entry["raw_attributes"].items()
                if values
                and name.lower() not in COUNTED
                and not (entry["dn"] == dn and name.lower() in BY_THE_PASSWORD)
            }
            for entry in raw.response
            if entry["type"] == "searchResEntry"
        }


def in_the_cloud(graph):
    """What the cloud says of a person part by part, and the groups and roles as they lie in it."""
    refs = {part: Ref(f"graph.{part}", ANNA) for part in ("user", *PARTS) if part not in BY_THE_METHODS}
    with graph.session(write=False) as session:
        read = {part: session.read([ref])[ref] for part, ref in refs.items()}
    for part in NEW_IDS:
        read[part] = sorted((read[part] or {}).values(), key=canonical)
    shelf = graph.rehearsal.shelf
    for table in ("graph_groups", "graph_roles"):
        rows = dict(shelf.items(table)).items()
        read[table] = {
            key: {
                name: sorted(value) if name in MEMBERS else value
                for name, value in row.items()
                if name != "_version"
            }
            for key, row in rows
        }
    for name, value in read.pop("user").items():
        if name not in BY_THE_SESSIONS:
            read[f"user.{name}"] = sorted(value, key=canonical) if isinstance(value, list) else value
    return {part: canonical(value) for part, value in read.items()}


MEMBERS = ("_members", "_owners", "members")
"""Sets; the order in which people joined means nothing."""


@pytest.fixture
def anna_in_the_directory(server):
    desk = Desk(server)
    more = {"surname": "Weiß", "attributes": {"title": "Referentin", "description": "seit 2009"}}
    account = {"ou": server.people, "cn": "Anna Weiß", "employee_id": "4711", "sam": "aweiss"}
    dn = desk.run("ldap.user", **account, **more).change.target
    desk.run("ldap.password", dn=dn, password=Secret("Rund-um-die-Uhr-2031!"))
    desk.run("ldap.enabled", dn=dn, enabled=True)
    other = desk.run(
        "ldap.user", ou=server.people, cn="Otto", employee_id="1", sam="otto", surname="O"
    ).change
    return desk, dn, [desk.group("finanzen", dn, other.target), desk.group("messe", dn, other.target)]


@pytest.fixture
def cloud(tmp_path):
    with tenant(tmp_path / "cloud") as graph:
        users = Users(graph.cloud, graph.licensing)
        anna, otto = graph.person(usageLocation="DE", department="Einkauf"), graph.person("otto.alt")
        graph.cloud.change_user(anna["id"], {"_manager": otto["id"]})
        skus = [{"skuId": graph.licensing.sku(part)["skuId"]} for part in ("SPB", "POWER_BI_PRO")]
        graph.licensing.assign(anna["id"], skus, [])
        graph.licensing.give_mailbox(ANNA)
        forward = {"forwardTo": [{"emailAddress": {"name": "x", "address": "anna@webmail.example"}}]}
        Mailboxes(users).add_rule(anna["id"], "Weiter", actions=forward)
        Methods(users).add(anna["id"], "phone", default=True, phoneNumber="+49 202 5550112")
        Devices(users).add("NB-0107", [anna["id"]], key=True)
        Drives(users).add(anna)
        consents = Consents(users)
        crm, notes = consents.add_application("CRM"), consents.add_application("Notizen-App")
        consents.give(anna["id"], crm, role="55555555-5555-4555-8555-555555555555")
        consents.consent(anna["id"], notes["id"], crm["id"], "User.Read Files.Read")
        graph.cloud.add_group({"displayName": "Finanzen"}, members=[anna["id"], otto["id"]])
        graph.cloud.add_group({"displayName": "Projekt"}, owners=[anna["id"]])
        team = {"displayName": "Team Messe", "groupTypes": ["Unified"], "mailEnabled": True}
        team["resourceProvisioningOptions"] = ["Team"]
        graph.cloud.add_group(team, members=[anna["id"]], owners=[anna["id"]])
        graph.rehearsal.shelf.put("graph_roles", "User Administrator", {"members": [anna["id"]]})
        yield graph


def step(name, uses, **args):
    made = {"id": name, "title": {"en": name, "de": name}, "uses": uses, "with": args}
    return {**made, "irreversible": LOST[name]} if name in LOST else made


def leaver(server, dn, groups):
    active_directory = server.name != "slapd"
    return [
        step("as_it_was", "ldap.snapshot", dn=dn),
        step("cloud_as_it_was", "graph.snapshot", user=ANNA),
        step("roles", "graph.directory_role", user=ANNA, remove_all=True),
        step("shut", "ldap.enabled", dn=dn, enabled=False),
        *([step("ends", "ldap.expiry", dn=dn, last_day="2026-12-31")] if active_directory else []),
        step("secret", "secret.generate", length=20),
        step("password", "ldap.password", dn=dn, password="{{ secret.value }}"),
        step("cloud_shut", "graph.user", upn=ANNA, enabled=False, department="-"),
        step("revoke", "graph.revoke_sessions", user=ANNA),
        step("methods", "graph.authentication_methods", user=ANNA),
        step("groups", "ldap.group_members", member=dn, remove=groups),
        step("attributes", "ldap.attributes", dn=dn, set={"title": None, "description": "ausgeschieden"}),
        step("cloud_group", "graph.group_members", group="Finanzen", remove=[ANNA]),
        step("owned", "graph.group_owners", group="Projekt", add=[OTTO], remove=[ANNA]),
        step("team", "graph.team_members", team="Team Messe", owners=[OTTO], remove=[ANNA]),
        step("apps", "graph.app_roles", user=ANNA),
        step("device", "graph.device", user=ANNA, state="disabled"),
        step("rules", "graph.inbox_rules", user=ANNA),
        step("reply", "graph.auto_reply", user=ANNA, internal={"de": "Weg"}, external={"de": "Weg"}),
        step("box", "graph.mailbox_settings", user=ANNA, language="cs-CZ"),
        step("files", "graph.drive_access", user=ANNA, to=OTTO),
        step("manager", "graph.manager", user=ANNA, manager=""),
        step("licence", "graph.licence", user=ANNA, remove=["POWER_BI_PRO"]),
        step("move", "ldap.move", dn=dn, to=server.left),
    ]


def test_every_action_that_an_offboarding_may_use_is_in_it():
    class ActiveDirectory:
        name, left = "samba", "OU=x"

    used = {each["uses"] for each in leaver(ActiveDirectory, "CN=a", [])} - {"secret.generate"}
    present = {action.name for action in every_action() if action.provider in {"ldap", "graph"}}
    assert used == present - NOT_OF_A_LEAVER.keys()


def test_somebody_who_left_and_came_back_is_as_before_but_for_what_was_declared_lost(
    tmp_path, server, anna_in_the_directory, cloud
):
    desk, dn, groups = anna_in_the_directory
    company = Company(tmp_path, server, cloud)
    directory, online = in_the_directory(desk, dn), in_the_cloud(cloud)
    run = company.run(leaver(server, dn, groups))
    assert run.status is RunStatus.DONE, run.why
    assert in_the_directory(desk, dn) != directory
    changed = {part for part, value in in_the_cloud(cloud).items() if value != online[part]}
    assert {
        "user.department",
        "licences",
        "inbox_rules",
        "manager",
        "devices",
        "graph_groups",
        "graph_roles",
    } <= changed
    lost = {line.step for line in company.plan_undo(run).lines if line.status == "lost"}
    assert lost == set(LOST)
    back = company.undo(run)
    assert back.status is RunStatus.DONE, back.why
    assert {label for label, r in back.steps.items() if r.status is not StepStatus.DONE} <= set(LOST)
    assert in_the_directory(desk, dn) == directory
    now = in_the_cloud(cloud)
    assert {part: (online[part], now[part]) for part in now if now[part] != online[part]} == {}
