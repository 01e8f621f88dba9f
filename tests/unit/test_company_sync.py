"""The hybrid sync does to the cloud what the real one does, no more and no less."""

from __future__ import annotations

import re
import shutil
from types import SimpleNamespace

import pytest

from runbook_exec.sandbox import directory, graph, population
from runbook_exec.sandbox.company import load
from runbook_exec.sandbox.directory import Directory
from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.graph import Cloud, Licensing
from runbook_exec.sandbox.rehearsal import open_rehearsal
from runbook_exec.sandbox.shelf import Shelf
from runbook_exec.sandbox.sync import Sync

COMPANY = load()
PEOPLE = COMPANY.unit("wuppertal-people").dn
ANNA = "anna.berg@kranich.example"


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    rehearsal = open_rehearsal(tmp_path_factory.mktemp("seeded"))
    for double in (directory, graph, population):
        double.seed(rehearsal)
    rehearsal.shelf.close()
    return rehearsal.folder / "company.sqlite"


@pytest.fixture
def world(seeded, tmp_path):
    shelf = Shelf(shutil.copy(seeded, tmp_path / "company.sqlite"))
    faults = Faults(shelf)
    ad, cloud = Directory(shelf, faults), Cloud(shelf, faults)
    yield SimpleNamespace(shelf=shelf, ad=ad, cloud=cloud, sync=Sync(ad, cloud), licensing=Licensing(cloud))
    shelf.close()


def add(world, name="Anna Berg", sam="aberg", upn=ANNA, ou=PEOPLE, **more):
    given, _, surname = name.partition(" ")
    values = {
        "objectClass": ["user"],
        "sAMAccountName": [sam],
        "userPrincipalName": [upn],
        "givenName": [given],
        "sn": [surname],
        "displayName": [name],
    }
    return world.ad.add(f"CN={name},{ou}", values | {key: [value] for key, value in more.items()})


def person(number):
    return COMPANY.person(number)


def test_a_new_account_arrives_disabled_as_it_is(world):
    add(world, mail=ANNA, employeeID="1051", department="Vertrieb", manager=person("1011").dn)
    assert world.cloud.user(ANNA) is None
    world.sync.cycle()
    user = world.cloud.user(ANNA)
    assert user["accountEnabled"] is False
    assert user["onPremisesSyncEnabled"] is True
    assert (user["employeeId"], user["department"], user["givenName"]) == ("1051", "Vertrieb", "Anna")
    assert user["proxyAddresses"] == [f"SMTP:{ANNA}"]
    assert user["_manager"] == world.cloud.user(person("1011").upn)["id"]
    assert world.sync.cycle() == 0


def test_enabling_travels(world):
    guid = add(world)
    world.sync.cycle()
    world.ad.change(guid, {"userAccountControl": ["512"]}, password="Sommer-2026-x")
    world.sync.cycle()
    assert world.cloud.user(ANNA)["accountEnabled"] is True


def test_a_cloud_side_disable_is_undone(world):
    user = world.cloud.user(person("1012").upn)
    world.cloud.change_user(user["id"], {"accountEnabled": False})
    world.sync.cycle()
    assert world.cloud.user(user["id"])["accountEnabled"] is True


def test_what_belongs_to_the_cloud_is_left_alone(world):
    user = world.cloud.user(person("1012").upn)
    world.cloud.change_user(user["id"], {"usageLocation": "AT", "otherMails": ["laura@home.example"]})
    world.ad.change(person("1012").dn, {"title": ["Teamleiterin"]})
    world.sync.cycle()
    after = world.cloud.user(user["id"])
    assert (after["usageLocation"], after["otherMails"]) == ("AT", ["laura@home.example"])
    assert after["jobTitle"] == "Teamleiterin"


def test_an_attribute_that_is_gone_is_gone_in_the_cloud(world):
    world.ad.change(person("1012").dn, {"title": [], "manager": []})
    world.sync.cycle()
    after = world.cloud.user(person("1012").upn)
    assert after["jobTitle"] is None
    assert after["_manager"] is None


def test_an_address_made_by_the_mailbox_is_kept_where_the_directory_names_none(world):
    guid = add(world)
    world.sync.cycle()
    user = world.cloud.user(ANNA)
    world.licensing.give_mailbox(user["id"])
    world.ad.change(guid, {"title": ["Vertrieb"]})
    world.sync.cycle()
    assert world.cloud.user(ANNA)["proxyAddresses"] == [f"SMTP:{ANNA}"]


def test_a_taken_sign_in_name_becomes_a_placeholder_and_stays_so(world):
    upn = "marta.kowalski@kranich.example"
    add(world, "Marta Kowalski", "mkowalski", upn, mail=upn)
    world.sync.cycle()
    (made,) = [u for u in world.cloud.users() if u.get("onPremisesSamAccountName") == "mkowalski"]
    assert re.fullmatch(r"marta\.kowalski\d{4}@kranich\.onmicrosoft\.com", made["userPrincipalName"])
    assert world.sync.cycle() == 0
    assert not world.cloud.user(upn).get("onPremisesSyncEnabled")


def test_a_taken_address_is_left_out_and_noted(world):
    add(world, mail=ANNA, proxyAddresses=f"smtp:{person('1012').upn}")
    world.sync.cycle()
    user = world.cloud.user(ANNA)
    assert user["proxyAddresses"] == []
    assert user["onPremisesProvisioningErrors"][0]["propertyCausingError"] == "proxyAddresses"


def test_a_taken_mail_does_not_stop_the_sync(world):
    add(world, mail=person("1012").upn)
    add(world, "Bea Berg", "bberg", "bea.berg@kranich.example")
    world.sync.cycle()
    assert world.cloud.user(ANNA)["mail"] is None
    assert world.cloud.user("bea.berg@kranich.example")
    assert world.sync.cycle() == 0


def test_leaving_the_scope_is_a_soft_delete_and_coming_back_restores(world):
    mover = person("1012")
    before = world.cloud.user(mover.upn)
    archived = f"CN={mover.name},{COMPANY.unit('archive').dn}"
    world.ad.move(mover.dn, archived)
    world.sync.cycle()
    assert world.cloud.user(mover.upn) is None
    assert before["id"] in [gone["id"] for gone in world.cloud.deleted("user")]
    world.ad.move(archived, mover.dn)
    world.sync.cycle()
    after = world.cloud.user(mover.upn)
    assert after["id"] == before["id"]
    assert world.licensing.held(after) == world.licensing.held(before)


def test_a_leavers_unit_keeps_the_cloud_account(world):
    mover = person("1012")
    world.ad.move(mover.dn, f"CN={mover.name},{COMPANY.unit('leavers').dn}")
    world.ad.change(f"CN={mover.name},{COMPANY.unit('leavers').dn}", {"userAccountControl": ["514"]})
    world.sync.cycle()
    assert world.cloud.user(mover.upn)["accountEnabled"] is False


def test_a_deleted_account_vanishes_and_a_new_one_of_that_name_is_somebody_else(world):
    guid = add(world)
    world.sync.cycle()
    first = world.cloud.user(ANNA)["id"]
    world.ad.remove(guid)
    world.sync.cycle()
    assert world.cloud.user(ANNA) is None
    add(world)
    world.sync.cycle()
    assert world.cloud.user(ANNA)["id"] != first


def test_a_restored_account_whose_name_was_taken_meanwhile_gets_a_placeholder(world):
    guid = add(world)
    world.sync.cycle()
    first = world.cloud.user(ANNA)["id"]
    world.ad.move(guid, f"CN=Anna Berg,{COMPANY.unit('archive').dn}")
    world.sync.cycle()
    world.cloud.add_user({"displayName": "Other", "userPrincipalName": ANNA, "mailNickname": "x"})
    world.ad.move(guid, f"CN=Anna Berg,{PEOPLE}")
    world.sync.cycle()
    back = world.cloud.user(first)
    assert re.fullmatch(r"anna\.berg\d{4}@kranich\.onmicrosoft\.com", back["userPrincipalName"])


def test_a_new_member_gets_the_groups_licence(world):
    guid = add(world)
    group = COMPANY.group("GG_Lizenz_SPB").dn
    members = world.ad.get(group).attributes["member"]
    world.ad.change(group, {"member": [*members, world.ad.get(guid).dn]})
    world.sync.cycle()
    user = world.cloud.user(ANNA)
    assert user["id"] in world.cloud.group("GG_Lizenz_SPB")["_members"]
    assert world.licensing.sku("SPB")["skuId"] in world.licensing.held(user)
    world.ad.change(group, {"member": members})
    world.sync.cycle()
    assert world.licensing.held(world.cloud.user(ANNA)) == {}


def test_a_group_that_is_deleted_is_gone_for_good(world):
    world.ad.remove(COMPANY.group("GG_Projekt_Falke").dn)
    world.sync.cycle()
    assert world.cloud.group("GG_Projekt_Falke") is None
    assert list(world.cloud.deleted("group")) == []


def test_a_rehire_restored_in_the_directory_is_restored_in_the_cloud(world):
    back = COMPANY.person("0987")
    (entry,) = [e for e in world.ad.find("employeeID", back.id, deleted=True) if e.deleted]
    (gone,) = [u for u in world.cloud.deleted("user") if u.get("employeeId") == back.id]
    restore(world, entry, back.dn)
    world.sync.cycle()
    assert world.cloud.user(back.upn)["id"] == gone["id"]


def restore(world, entry, dn):
    from runbook_exec.sandbox.directory_rights import REHEARSAL

    world.ad.tree.refresh()
    kept = world.ad.tree.get(entry.guid)
    world.ad.writes.restore(kept, dn, kept.draft(), REHEARSAL)


def test_nothing_is_read_while_nobody_writes(world, monkeypatch):
    world.sync.cycle()
    monkeypatch.setattr(world.ad, "everything", None)
    assert world.sync.cycle() == 0
