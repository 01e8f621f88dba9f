"""Deleted users, guests, drives, and what runbooks only look at, against the double."""

from __future__ import annotations

import pytest
from graph_double import applied, context, done, left, planned, tenant, undone

from runbook_exec.action import find, make_args
from runbook_exec.change import Ref
from runbook_exec.errors import Refused
from runbook_exec.sandbox.graph_devices import Devices
from runbook_exec.sandbox.graph_drives import Drives
from runbook_exec.sandbox.graph_mailboxes import Mailboxes
from runbook_exec.sandbox.graph_methods import Methods
from runbook_exec.sandbox.graph_sync import SyncInbox
from runbook_exec.sandbox.graph_users import Users

ANNA, OTTO = "anna.weiss@kranich.example", "otto.alt@kranich.example"
GUEST = {"mail": "Yuki.Tanaka@kunde.example", "display_name": "Yuki Tanaka", "sponsor": OTTO}


@pytest.fixture
def graph(tmp_path):
    with tenant(tmp_path) as running:
        running.users = Users(running.cloud, running.licensing)
        yield running


def read(session, kind, key):
    ref = Ref(kind, key)
    return session.read([ref])[ref]


def test_a_successor_reads_a_leavers_files_until_a_day_and_no_longer(graph):
    anna, otto = graph.person(displayName="Anna Weiß"), graph.person("otto.alt")
    drive = Drives(graph.users).add(anna)
    values = {"user": ANNA, "to": OTTO, "until": "2027-01-31T18:00:00+01:00"}
    with graph.session() as session:
        change, evidence = done(session, "graph.drive_access", **values)
        grants = read(session, "graph.drive_grants", drive["id"])
        assert {who: (g["role"], g["until"]) for who, g in grants.items()} == {
            otto["id"]: ("read", "2027-01-31T17:00:00Z")
        }
        more, told = done(session, "graph.drive_access", user=ANNA, to=OTTO, role="write")
        undone(session, "graph.drive_access", more, told)
        undone(session, "graph.drive_access", change, evidence)
        assert read(session, "graph.drive_grants", drive["id"]) == {}


def test_access_to_files_is_given_once_though_its_answer_was_lost(graph):
    anna, _ = graph.person(), graph.person("otto.alt")
    drive = Drives(graph.users).add(anna)
    graph.faults.on("graph-lost-answer", times=1)
    with graph.session() as session:
        done(session, "graph.drive_access", user=ANNA, to=OTTO)
    kept = graph.rehearsal.shelf.get("graph_drives", drive["id"])["_permissions"]
    assert len(kept) == 2


def test_who_has_no_drive_has_nothing_to_give(graph):
    graph.person(), graph.person("otto.alt")
    with graph.session() as session, pytest.raises(Refused, match="has no OneDrive"):
        planned(session, "graph.drive_access", user=ANNA, to=OTTO)


def test_somebody_who_is_rehired_comes_back_by_the_employee_number(graph):
    user = graph.person(employeeId="0987", displayName="Anna Weiß")
    graph.cloud.soft_delete(user["id"])
    with graph.session() as session:
        change, evidence = done(session, "graph.deleted_user", user="0987", state="restored")
        assert graph.cloud.user(ANNA)["id"] == user["id"] == change.outputs["id"]
        undone(session, "graph.deleted_user", change, evidence)
        assert graph.cloud.user(ANNA) is None
        done(session, "graph.deleted_user", user=user["id"], state="purged")
    assert list(graph.cloud.deleted("user")) == []


def test_a_name_that_is_taken_by_now_is_told_and_another_one_helps(graph):
    user = graph.person(employeeId="0987")
    graph.cloud.soft_delete(user["id"])
    graph.person(displayName="Anna Weiss, eine andere")
    with graph.session() as session:
        values = {"user": "0987", "state": "restored"}
        with pytest.raises(Refused, match="Another object with the same value"):
            applied(session, "graph.deleted_user", planned(session, "graph.deleted_user", **values), **values)
        done(session, "graph.deleted_user", **values, upn="anna.weiss2@kranich.example")
    assert graph.cloud.user("anna.weiss2@kranich.example")["id"] == user["id"]


def test_nobody_is_restored_beside_a_live_account_of_the_same_number(graph):
    graph.cloud.soft_delete(graph.person(employeeId="0987")["id"])
    graph.person(employeeId="0987")
    with graph.session() as session:
        change = planned(session, "graph.deleted_user", user="0987", state="restored")
    assert "two of one person" in change.blocked


def test_a_restore_without_an_answer_is_looked_for(graph):
    graph.cloud.soft_delete(graph.person(employeeId="0987")["id"])
    graph.faults.on("graph-gateway", times=1, status=504, done=True)
    with graph.session() as session:
        done(session, "graph.deleted_user", user="0987", state="restored")
    assert graph.cloud.user(ANNA) is not None


def test_a_guest_is_invited_with_a_sponsor_and_goes_again(graph):
    otto = graph.person("otto.alt", displayName="Otto Alt")
    with graph.session() as session:
        change, evidence = done(session, "graph.invitation", **GUEST)
        guest = read(session, "graph.guest", "yuki.tanaka@kunde.example")
        assert guest["userType"] == "Guest"
        assert read(session, "graph.sponsors", guest["id"]) == {"ids": [otto["id"]]}
        assert planned(session, "graph.invitation", **GUEST).is_empty
        undone(session, "graph.invitation", change, evidence)
        assert read(session, "graph.guest", "yuki.tanaka@kunde.example") is None


def test_a_guest_whom_nobody_sees_yet_is_waited_for_and_invited_once(graph):
    graph.person("otto.alt")
    with graph.session() as session:
        change = planned(session, "graph.invitation", **GUEST)
        graph.faults.on("graph-lag", seconds=0.4)
        graph.faults.on("graph-gateway", times=1, status=502, done=True)
        applied(session, "graph.invitation", change, **GUEST)
    assert [user["userType"] for user in graph.cloud.users()].count("Guest") == 1


def test_a_guest_to_whom_somebody_else_gave_a_name_since_stays(graph):
    graph.person("otto.alt")
    with graph.session() as session:
        change, evidence = done(session, "graph.invitation", **GUEST)
        graph.cloud.change_user(evidence.outputs["id"], {"displayName": "Y. Tanaka, Kunde"})
        assert set(left(session, "graph.invitation", change, evidence).conflicts) == {"displayName"}


def test_a_sponsor_is_set_for_a_guest_who_is_there_and_taken_away_again(graph):
    otto = graph.person("otto.alt")
    made = {"userType": "Guest", "mail": "yuki.tanaka@kunde.example"}
    guest = graph.person("yuki", **made)
    with graph.session() as session:
        change, evidence = done(session, "graph.invitation", **GUEST)
        assert graph.cloud.user(guest["id"])["_sponsors"] == [otto["id"]]
        undone(session, "graph.invitation", change, evidence)
    assert graph.cloud.user(guest["id"])["_sponsors"] == []


def test_stock_is_what_is_enabled_and_in_warning_less_what_is_consumed(graph):
    graph.licensing.add_sku("OLD", sku_id="11111111-2222-4333-8444-555555555555", enabled=0, suspended=50)
    with graph.session(write=False) as session:
        assert read(session, "graph.licence_stock", "spb")["free"] == 1
        assert read(session, "graph.licence_stock", "power_bi_pro")["free"] == 1
        assert read(session, "graph.licence_stock", "OLD")["free"] == 0
        assert read(session, "graph.licence_stock", "nothing") is None


def test_a_licence_from_a_group_is_settled_or_names_its_error(graph):
    graph.person(usageLocation="DE"), graph.person("otto.alt", usageLocation="DE")
    for part, who in (("SPB", ANNA), ("SPE_F1", OTTO)):
        graph.cloud.add_group({"displayName": f"LG_{part}"}, members=[graph.cloud.user(who)["id"]])
        graph.licensing.license_group(f"LG_{part}", [part])
    with graph.session(write=False) as session:
        settled = {"active": ["SPB"], "errors": {}, "settled": True}
        assert read(session, "graph.licence_state", ANNA) == settled
        failed = {"active": [], "errors": {"SPE_F1": "CountViolation"}, "settled": False}
        assert read(session, "graph.licence_state", OTTO) == failed


def test_a_placeholder_name_is_found_by_the_immutable_id_with_its_cause(graph):
    graph.person()
    SyncInbox(graph.cloud).put_user("aBc=", {"userPrincipalName": ANNA, "displayName": "Anna Weiss"})
    with graph.session(write=False) as session:
        found = read(session, "graph.synced_user", "aBc=")
        assert found["conflicts"] == {"userPrincipalName": ANNA}
        assert (found["placeholder"], found["sound"]) == (True, False)
        assert read(session, "graph.synced_user", "other=") is None


def test_a_synced_user_is_found_by_the_object_id_as_the_directory_writes_it(graph):
    guid = (
        "1b4e28ba-2fa1-11d2-883f-0016d3cca427"  # its bytes, as Windows orders them: ba 28 4e 1b a1 2f d2 11 …
    )
    anchor = "uihOG6Ev0hGIPwAW08ykJw=="
    SyncInbox(graph.cloud).put_user(anchor, {"userPrincipalName": ANNA, "displayName": "Anna Weiss"})
    with graph.session(write=False) as session:
        assert read(session, "graph.synced_user", guid)["upn"] == ANNA
        assert read(session, "graph.synced_user", "2" + guid[1:]) is None


def test_the_last_sign_in_is_told_where_the_tenant_keeps_it(graph):
    graph.person(signInActivity={"lastSignInDateTime": "2026-11-20T08:00:00Z"})
    graph.person("otto.alt")
    with graph.session(write=False) as session:
        assert read(session, "graph.last_sign_in", ANNA)["at"] == "2026-11-20T08:00:00Z"
        assert read(session, "graph.last_sign_in", OTTO)["at"] is None


def test_a_snapshot_holds_what_a_leaver_has_and_no_telephone_number(graph):
    anna = graph.person(usageLocation="DE", displayName="Anna Weiß")
    graph.licensing.give_mailbox(ANNA)
    graph.cloud.add_group({"displayName": "Finanzen"}, members=[anna["id"]], owners=[anna["id"]])
    Methods(graph.users).add(anna["id"], "phone", phoneNumber="+49 202 5550112")
    Devices(graph.users).add("NB-0107", [anna["id"]], key=True)
    Drives(graph.users).add(anna)
    Mailboxes(graph.users).add_rule(anna["id"], "Newsletter", actions={"delete": True})
    with graph.session(write=False) as session:
        change = planned(session, "graph.snapshot", user=ANNA)
        action = find("graph.snapshot")
        evidence = action.apply(session, make_args(action, {"user": ANNA}), change, context())
    taken = evidence.outputs
    assert [group["name"] for group in taken["groups"]["groups"].values()] == ["Finanzen"]
    assert list(taken["owned"]["groups"].values()) == ["Finanzen"]
    assert [device["name"] for device in taken["devices"].values()] == ["NB-0107"]
    assert taken["mailbox"]["userPurpose"] == "user"
    assert taken["drive"]["address"].startswith("https://")
    assert "5550112" not in str(evidence)
    assert set(taken) == {"account", *change.after["snapshot"]}
    assert graph.writes() == []


def test_a_part_that_may_not_be_seen_is_unknown_and_not_empty(graph):
    graph.person()
    shelf = graph.rehearsal.shelf
    (client,) = [key for key, app in shelf.items("graph_apps") if app["name"] == "plan"]
    app = shelf.get("graph_apps", client)
    shelf.put("graph_apps", client, {**app, "roles": [r for r in app["roles"] if r != "Files.Read.All"]})
    with graph.session(write=False) as session:
        action, values = find("graph.snapshot"), {"user": ANNA, "only": ["drive", "devices"]}
        change = planned(session, "graph.snapshot", **values)
        evidence = action.apply(session, make_args(action, values), change, context())
    assert evidence.outputs["drive"] == "unknown"
    assert evidence.outputs["devices"] == {}
    assert "Insufficient privileges" in evidence.answer["may not be seen"]["drive"]
