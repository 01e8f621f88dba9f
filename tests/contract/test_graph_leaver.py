"""A leaver's cloud: sign-in methods, mail, teams, roles, applications, devices and files, against the double."""

from __future__ import annotations

import pytest
from graph_double import applied, done, left, planned, tenant, undone

from runbook_exec.action import Rights, find, find_provider, make_args
from runbook_exec.change import Irreversible, Ref
from runbook_exec.errors import NotAllowed, Refused
from runbook_exec.overlay import Overlay
from runbook_exec.plan import gather
from runbook_exec.sandbox.graph_consents import Consents
from runbook_exec.sandbox.graph_devices import Devices
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


def team(graph, *, owners, members=()):
    body = {"displayName": "Team Messe 2027", "groupTypes": ["Unified"], "mailEnabled": True}
    body["resourceProvisioningOptions"] = ["Team"]
    return graph.cloud.add_group(body, members=[*owners, *members], owners=owners)


def test_a_team_is_handed_over_and_back(graph):
    anna, otto = graph.person(displayName="Anna Weiß"), graph.person("otto.alt")
    made = team(graph, owners=[anna["id"]])
    values = {"team": "Team Messe 2027", "owners": [OTTO], "remove": [ANNA]}
    with graph.session() as session:
        change, evidence = done(session, "graph.team_members", **values)
        now = graph.cloud.group(made["id"])
        assert (now["_owners"], now["_members"]) == ([otto["id"]], [otto["id"]])
        undone(session, "graph.team_members", change, evidence, **values)
        now = graph.cloud.group(made["id"])
        assert (now["_owners"], now["_members"]) == ([anna["id"]], [anna["id"]])
    assert [entry["method"] for entry in graph.writes()[:2]] == ["POST", "DELETE"]


def test_a_member_of_a_team_becomes_its_owner_and_a_lost_answer_does_no_harm(graph):
    anna, otto, ilse = graph.person(), graph.person("otto.alt"), graph.person("ilse.neu")
    made = team(graph, owners=[anna["id"]], members=[otto["id"]])
    with graph.session() as session:
        done(session, "graph.team_members", team=made["id"], owners=[OTTO])
        graph.faults.on("graph-lost-answer", times=1)
        done(session, "graph.team_members", team=made["id"], add=["ilse.neu@kranich.example"])
    now = graph.cloud.group(made["id"])
    assert now["_owners"] == [anna["id"], otto["id"]]
    assert now["_members"].count(ilse["id"]) == 1


def test_the_last_owner_of_a_team_stays(graph):
    anna = graph.person(displayName="Anna Weiß")
    made = team(graph, owners=[anna["id"]])
    with graph.session() as session:
        assert (
            "without an owner"
            in planned(session, "graph.team_members", team=made["id"], remove=[ANNA]).blocked
        )


def test_a_group_is_handed_over_and_back(graph):
    anna, otto = graph.person(), graph.person("otto.alt")
    group = graph.cloud.add_group({"displayName": "Projekt"}, owners=[anna["id"]])
    values = {"group": "Projekt", "add": [OTTO], "remove": [ANNA]}
    with graph.session() as session:
        assert read(session, "graph.owned", ANNA) == {
            "groups": {group["id"]: "Projekt"},
            "teams": {},
        }
        change, evidence = done(session, "graph.group_owners", **values)
        assert graph.cloud.group("Projekt")["_owners"] == [otto["id"]]
        undone(session, "graph.group_owners", change, evidence, **values)
        assert graph.cloud.group("Projekt")["_owners"] == [anna["id"]]
        assert (
            "without an owner"
            in planned(session, "graph.group_owners", group="Projekt", remove=[ANNA]).blocked
        )


def roles(graph, **held):
    names = {"admin": "Global Administrator", "user": "User Administrator"}
    for name, people in held.items():
        graph.rehearsal.shelf.put("graph_roles", names[name], {"members": [who["id"] for who in people]})


def test_roles_are_taken_away_by_the_application_that_may_and_given_back(graph):
    anna, otto = graph.person(displayName="Anna Weiß"), graph.person("otto.alt")
    roles(graph, admin=[anna, otto], user=[anna])
    with graph.session() as session:
        change, evidence = done(session, "graph.directory_role", user=ANNA, remove_all=True)
        assert read(session, "graph.admin_roles", ANNA) == {"roles": []}
        undone(session, "graph.directory_role", change, evidence)
        assert read(session, "graph.admin_roles", ANNA)["roles"] == [
            "Global Administrator",
            "User Administrator",
        ]
    assert {entry["app"] for entry in graph.writes()} == {"roles"}


def test_a_role_is_given_once_though_its_answer_was_lost(graph):
    anna = graph.person()
    graph.faults.on("graph-lost-answer", times=1)
    with graph.session() as session:
        change, evidence = done(session, "graph.directory_role", user=ANNA, add=["User Administrator"])
        undone(session, "graph.directory_role", change, evidence)
    assert graph.rehearsal.shelf.get("graph_roles", "User Administrator") == {"members": []}
    assert anna["id"]


def test_the_last_global_administrator_stays(graph):
    anna, spare = graph.person(displayName="Anna Weiß"), graph.person("notfall-1")
    gone = graph.person("otto.alt", accountEnabled=False)
    roles(graph, admin=[anna, spare, gone])
    with graph.session() as session:
        values = {"user": ANNA, "remove": ["Global Administrator"]}
        assert planned(session, "graph.directory_role", **values).blocked == ""
        values["not_counting"] = ["notfall-1@kranich.example"]
        assert (
            "is the last Global Administrator" in planned(session, "graph.directory_role", **values).blocked
        )


def test_an_administrator_is_left_alone_by_the_everyday_application(graph):
    anna = graph.person(displayName="Anna Weiß")
    Methods(graph.users).add(anna["id"], "phone", phoneNumber="+49 202 5550112")
    helpdesk = graph.cloud.add_group({"displayName": "Rolle Helpdesk", "isAssignableToRole": True})
    graph.cloud.change_group(helpdesk["id"], {"_members": [anna["id"]]})
    graph.rehearsal.shelf.put("graph_roles", "Helpdesk Administrator", {"members": [helpdesk["id"]]})
    with graph.session() as session:
        blocked = planned(session, "graph.authentication_methods", user=ANNA).blocked
    assert blocked.startswith("Anna Weiß is an administrator (Helpdesk Administrator)")


def test_doctor_looks_at_the_applications_of_their_own(graph):
    rights = Rights(apply=("RoleManagement.ReadWrite.Directory",))
    told = {f.what: f for f in find_provider("graph").check(graph.connection(), rights)}
    assert told["the application for roles has RoleManagement.ReadWrite.Directory"].ok
    without = find_provider("graph").check(graph.connection(roles=None), rights)
    assert any("no application of its own is named for roles" in finding.what for finding in without)


def test_access_to_applications_ends_and_comes_back(graph):
    anna, consents = graph.person(displayName="Anna Weiß"), Consents(graph.users)
    crm, notes = consents.add_application("CRM"), consents.add_application("Notizen-App")
    consents.give(anna["id"], crm, role="55555555-5555-4555-8555-555555555555")
    consents.give(anna["id"], consents.add_application("Wiki"), group="99999999-9999-4999-8999-999999999999")
    consents.consent(anna["id"], notes["id"], crm["id"], "User.Read Files.Read")
    with graph.session() as session:
        change, evidence = done(session, "graph.app_roles", user=ANNA)
        assert "consent to Notizen-App" in change.says["en"]
        assert [entry["application"] for entry in read(session, "graph.app_roles", ANNA).values()] == ["Wiki"]
        assert read(session, "graph.grants", ANNA) == {}
        undone(session, "graph.app_roles", change, evidence)
        found = {entry["application"] for entry in read(session, "graph.app_roles", ANNA).values()}
        assert found == {"CRM", "Wiki"}
        assert [e["scope"] for e in read(session, "graph.grants", ANNA).values()] == ["Files.Read User.Read"]


def test_devices_are_disabled_enabled_and_deleted_and_shared_ones_left(graph):
    anna, otto, devices = graph.person(), graph.person("otto.alt"), Devices(graph.users)
    mine = devices.add("NB-0107", [anna["id"]], key=True)
    devices.add("NB-0131", [anna["id"], otto["id"]], key=True)
    with graph.session() as session:
        change, evidence = done(session, "graph.device", user=ANNA, state="disabled")
        assert [body["accountEnabled"] for body in devices.of(anna["id"])] == [False, True]
        undone(session, "graph.device", change, evidence)
        assert [body["accountEnabled"] for body in devices.of(anna["id"])] == [True, True]
        change, evidence = done(session, "graph.device", user=ANNA, state="deleted")
        assert isinstance(find("graph.device").undo(change, evidence), Irreversible)
    assert mine["id"] not in {body["id"] for body in devices.of(anna["id"])}
    assert len(devices.of(otto["id"])) == 1


def test_a_laptop_is_wiped_by_the_application_that_may_and_only_with_its_key(graph):
    anna, devices = graph.person(displayName="Anna Weiß"), Devices(graph.users)
    devices.add("NB-0107", [anna["id"]], key=True)
    devices.add("NB-0112", [anna["id"]], key=False)
    with graph.session() as session:
        values = {"user": ANNA, "device": "NB-0112", "how": "wipe"}
        assert "no recovery key of NB-0112" in planned(session, "graph.managed_device", **values).blocked
        graph.faults.on("graph-lost-answer", times=1)
        done(session, "graph.managed_device", user=ANNA, device="NB-0107", how="wipe")
        done(session, "graph.managed_device", user=ANNA, device="NB-0112", how="retire")
    assert [entry["app"] for entry in graph.writes()] == ["wipe", "wipe"]


def test_the_everyday_application_cannot_wipe(graph):
    anna, devices = graph.person(), Devices(graph.users)
    devices.add("NB-0107", [anna["id"]], key=True)
    values = {"user": ANNA, "device": "NB-0107", "how": "wipe"}
    connection = graph.connection()
    everyday = {name: connection[name] for name in ("client_id", "client_secret")}
    with find_provider("graph").open(connection | {"wipe": everyday}, write=True) as session:
        change = planned(session, "graph.managed_device", **values)
        with pytest.raises(NotAllowed):
            applied(session, "graph.managed_device", change, **values)


def test_an_administrator_is_disabled_once_the_roles_are_gone(graph):
    anna, otto = graph.person(displayName="Anna Weiß"), graph.person("otto.alt")
    roles(graph, admin=[anna, otto], user=[anna])
    values = {"upn": ANNA, "enabled": False}
    with graph.session() as session:
        assert "is an administrator" in planned(session, "graph.user", **values).blocked
        change = planned(session, "graph.directory_role", user=ANNA, remove_all=True)
        overlay = Overlay()
        overlay.lay(change)
        action = find("graph.user")
        args = make_args(action, values)
        ahead = action.plan(args, gather(action, args, lambda refs: overlay.over(session.read(refs))))
        assert (ahead.blocked, ahead.after) == ("", {"accountEnabled": False})
        done(session, "graph.directory_role", user=ANNA, remove_all=True)
        done(session, "graph.user", **values)
    assert graph.cloud.user(ANNA)["accountEnabled"] is False


def test_graph_itself_lets_the_everyday_application_disable_no_administrator(graph):
    anna = graph.person()
    values = {"upn": ANNA, "enabled": False}
    with graph.session() as session:
        change = planned(session, "graph.user", **values)
        roles(graph, admin=[anna])
        with pytest.raises(NotAllowed):
            applied(session, "graph.user", change, **values)
