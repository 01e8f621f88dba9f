"""The doubles hold the company as the data says, and the edge cases can be met in them."""

from __future__ import annotations

import base64
import uuid

import pytest

from runbook_exec.sandbox import directory, graph, look_access, population
from runbook_exec.sandbox.company import edge, load
from runbook_exec.sandbox.directory import Directory
from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.graph import Cloud, Licensing
from runbook_exec.sandbox.graph_licensing import SKUS
from runbook_exec.sandbox.graph_roles import ROLES
from runbook_exec.sandbox.rehearsal import open_rehearsal
from runbook_exec.sandbox.sync import Sync

COMPANY = load()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    rehearsal = open_rehearsal(tmp_path_factory.mktemp("company"))
    for double in (directory, graph, population):
        double.seed(rehearsal)
    yield World(rehearsal.shelf)
    rehearsal.shelf.close()


class World:
    def __init__(self, shelf):
        faults = Faults(shelf)
        self.shelf = shelf
        self.directory, self.cloud = Directory(shelf, faults), Cloud(shelf, faults)
        self.licensing = Licensing(self.cloud)

    def entry(self, person):
        found = self.directory.get(person.dn)
        assert found is not None, person.name
        return found

    def user(self, person):
        found = self.cloud.user(person.upn)
        assert found is not None, person.name
        return found

    def parts(self, person):
        return {
            self.licensing.sku(sku_id)["skuPartNumber"] for sku_id in self.licensing.held(self.user(person))
        }


def test_everybody_stands_in_the_directory(world):
    for person in COMPANY.humans:
        entry = world.entry(person)
        assert entry.one("sAMAccountName") == person.sam
        assert entry.one("employeeID") == person.id
        assert entry.enabled == (person.kind != "leaver")


def test_everybody_in_scope_is_in_the_cloud_and_nobody_else(world):
    for person in COMPANY.people + COMPANY.externals:
        user = world.user(person)
        guid = uuid.UUID(world.entry(person).guid)
        assert user["onPremisesSyncEnabled"] is True
        assert base64.b64decode(user["onPremisesImmutableId"]) == guid.bytes_le
        assert (user["displayName"], user["employeeId"]) == (person.name, person.id)
    archived = next(p for p in COMPANY.leavers if "OU=Archiv" in p.ou)
    assert world.cloud.user(archived.upn) is None
    assert world.cloud.user("svc-backup@kranich.example") is None


def test_nobody_had_a_collision_when_the_company_was_synced(world):
    assert [
        u["userPrincipalName"] for u in world.cloud.users() if u.get("onPremisesProvisioningErrors")
    ] == []


def test_managers_are_the_same_on_both_sides(world):
    for person in COMPANY.people:
        here = world.entry(person).one("manager")
        there = world.shelf.get("graph_users", str(world.user(person).get("_manager")))
        if not person.manager:
            assert here is None
            assert there is None
            continue
        boss = COMPANY.person(person.manager)
        assert here == boss.dn
        assert there["userPrincipalName"] == boss.upn


def test_all_groups_are_there_with_their_members(world):
    for group in COMPANY.groups:
        known = world.cloud.group(group.name)
        people = {world.user(COMPANY.person(p))["id"] for p in group.people}
        nested = {world.cloud.group(name)["id"] for name in group.groups}
        if group.kind == "dynamic":
            assert known["membershipRule"] == group.rule
            continue
        assert set(known["_members"]) == people | nested
        if group.home == "ad":
            wanted = {COMPANY.person(p).dn for p in group.people} | {
                COMPANY.group(n).dn for n in group.groups
            }
            assert set(world.directory.get(group.dn).attributes.get("member", ())) == wanted
        else:
            assert not known.get("onPremisesSyncEnabled")


@pytest.mark.parametrize("sku", COMPANY.skus, ids=lambda sku: sku.part)
def test_seats_are_taken_by_people_who_exist(world, sku):
    found = world.shelf.get(SKUS, sku.id)
    assert world.licensing.consumed(found) == sku.consumed
    assert found["_others"] == 0
    assert world.licensing.free(found) == sku.seats - sku.consumed
    assert found["capabilityStatus"] == sku.state


def test_everybody_has_the_licences_of_the_data(world):
    for person in COMPANY.people:
        wanted = set(COMPANY.direct(person.id) + COMPANY.from_groups(person.id))
        assert world.parts(person) == wanted
        assert world.licensing.mailbox_ready(world.user(person))


def test_shared_mailboxes_are_shared_and_nobody_signs_in_with_them(world):
    for box in COMPANY.mailboxes:
        user = world.cloud.user(box.upn)
        assert user["_mailbox"]["userPurpose"] == "shared"
        assert user["accountEnabled"] is False
        assert world.licensing.mailbox_ready(user)


def test_syncing_again_changes_nothing(world):
    engine = Sync(world.directory, world.cloud)
    assert engine.cycle() == 0


def test_every_person_of_a_case_is_where_the_case_is_seen(world):
    for case in COMPANY.edges:
        for person in case.people:
            if "directory" in case.seen:
                assert world.entry(person)
            if "cloud" in case.seen:
                assert world.user(person)


def test_1c_the_login_of_both_joiners_is_taken(world):
    assert [e.one("employeeID") for e in world.directory.find("sAMAccountName", "jmueller")] == ["1007"]


def in_bin(world, person):
    return [e for e in world.directory.find("employeeID", person.id, deleted=True) if e.deleted]


def in_cloud_bin(world, person):
    return [u for u in world.cloud.deleted("user") if u.get("employeeId") == person.id]


def test_2a_a_rehire_lies_in_both_bins(world):
    person = edge("2a").accounts[0]
    assert len(in_bin(world, person)) == 1
    gone = in_cloud_bin(world, person)
    assert len(gone) == 1
    assert gone[0]["deletedDateTime"] < gone[0]["onPremisesLastSyncDateTime"]
    assert world.cloud.user(person.upn) is None


def test_2b_a_rehire_was_purged_in_the_cloud(world):
    person = edge("2b").accounts[0]
    assert len(in_bin(world, person)) == 1
    assert in_cloud_bin(world, person) == []


def test_3a_a_deleted_user_holds_the_address(world):
    person = edge("3a").accounts[0]
    assert f"SMTP:{person.upn}" in in_bin(world, person)[0].attributes["proxyAddresses"]
    assert f"SMTP:{person.upn}" in in_cloud_bin(world, person)[0]["proxyAddresses"]


def test_3b_a_contact_holds_the_address(world):
    contact = edge("3b").contacts[0]
    (found,) = world.directory.find("proxyAddresses", f"smtp:{contact.proxy}")
    assert found.attributes["objectClass"][-1] == "contact"
    assert any(f"smtp:{contact.proxy}" in known["proxyAddresses"] for known in world.cloud.contacts())


def test_3c_a_cloud_account_holds_the_sign_in_name(world):
    found = world.cloud.user(edge("3c").accounts[0].upn)
    assert not found.get("onPremisesSyncEnabled")


def test_4a_a_team_has_one_owner(world):
    team = world.cloud.group(edge("4a").groups[0].name)
    assert team["_owners"] == [world.user(edge("4a").people[0])["id"]]


def test_4c_one_global_administrator_is_left_besides_break_glass(world):
    holders = world.shelf.get(ROLES, "Global Administrator")["members"]
    names = [world.shelf.get("graph_users", holder)["userPrincipalName"] for holder in holders]
    assert sorted(n for n in names if not n.startswith("notfall-")) == ["adm-mkeller@kranich.onmicrosoft.com"]
    assert len(names) == 3


def test_5a_the_owner_of_a_group_has_left(world):
    owner = world.directory.get(world.directory.get(edge("5a").groups[0].dn).one("managedBy"))
    assert owner.dn.endswith("OU=Ausgeschieden,DC=corp,DC=kranich,DC=example")
    assert not owner.enabled


def test_6a_one_sku_comes_twice_and_takes_one_seat(world):
    user = world.user(edge("6a").people[0])
    spb = world.licensing.sku("SPB")["skuId"]
    assert world.licensing.held(user)[spb] == ["direct", world.cloud.group("GG_Lizenz_SPB")["id"]]


def test_6b_and_6c_usage_locations_are_missing_and_synced(world):
    assert not world.user(edge("6b").people[0]).get("usageLocation")
    synced = world.user(edge("6c").people[0])
    assert (synced["usageLocation"], synced["_usage_location_synced"]) == ("DE", True)


def test_7a_a_left_over_admin_count_is_there(world):
    entry = world.entry(edge("7a").people[0])
    assert entry.one("adminCount") == "1"
    assert not any("Admins" in dn for dn in entry.attributes.get("memberOf", ()))


def test_10a_the_two_sides_disagree_and_the_sync_does_not_mend_it(world):
    person = edge("10a").people[0]
    assert world.entry(person).enabled
    Sync(world.directory, world.cloud).cycle()
    assert world.user(person)["accountEnabled"] is False


def test_10b_an_expired_account_lives_on_in_the_cloud(world):
    person = edge("10b").people[0]
    assert world.entry(person).one("accountExpires") == "133748928000000000"  # 2024-11-01T00:00Z
    assert world.user(person)["accountEnabled"] is True


def test_12j_a_look_alike_is_no_admin(world):
    (found,) = world.directory.find("sAMAccountName", "\u0430dmin")
    assert world.directory.find("sAMAccountName", "admin") == []
    assert found.dn.endswith("OU=Extern,DC=corp,DC=kranich,DC=example")


def test_13c_a_computer_has_the_stem_of_a_login(world):
    assert [e.dn for e in world.directory.find("sAMAccountName", "akrueger$")] == [
        "CN=AKRUEGER,OU=Computer,OU=Wuppertal,OU=Standorte,DC=corp,DC=kranich,DC=example"
    ]


def test_14a_a_guest_and_a_member_have_one_mail(world):
    member, guest = edge("14a").accounts
    assert world.user(member)["otherMails"] == [guest.mail]
    found = [u for u in world.cloud.users() if u.get("userType") == "Guest" and u["mail"] == guest.mail]
    assert len(found) == 1


def test_14b_and_14c_externals_stay_longer_than_their_contract_and_their_sponsor(world):
    assert world.entry(edge("14b").accounts[0]).enabled
    external, sponsor = edge("14c").accounts
    assert world.entry(external).one("manager") == sponsor.dn


def access(world, person):
    return look_access.access(world.user(person), world.cloud)


def test_somebody_who_is_to_leave_has_one_of_everything(world):
    found = access(world, COMPANY.person("1019"))
    assert found["signs in with"] == [
        "password",
        "microsoftAuthenticator: Telefon von Marco",
        "phone: +49 202 5550018",
    ]
    assert found["applications"] == ["Zeiterfassung (through DYN_Alle_Mitarbeitenden)", "CRM Vertrieb"]
    assert found["devices"] == [
        "NB-0119, enabled, managed, recovery key kept",
        "iPhone von Marco, enabled, managed",
    ]
    assert found["inbox rules"] == ["Termine nach Hause (on) → marco.rossi@webmail.example"]
    assert found["consents"][0].startswith("Notizen überall: ")
    assert found["OneDrive"].endswith(" GB")


def test_some_have_registered_no_second_factor(world):
    without = [p for p in COMPANY.people if access(world, p)["signs in with"] == ["password"]]
    assert len(without) == 5


def test_roles_come_through_groups_and_guests_have_sponsors(world):
    assert access(world, COMPANY.person("1046"))["administrator roles"] == ["Helpdesk Administrator"]
    (guest,) = [u for u in world.cloud.users() if u.get("mail") == "yuki.tanaka@kunde.example"]
    assert look_access.access(guest, world.cloud)["sponsors"] == ["Siobhán O'Neill"]


def test_15a_a_drive_is_there_without_a_licence(world):
    assert access(world, edge("15a").accounts[0])["OneDrive"] == "7.3 GB"


def test_15b_a_laptop_has_no_recovery_key(world):
    assert access(world, edge("15b").people[0])["devices"] == ["NB-0112, enabled, managed"]


def test_15c_a_laptop_has_two_owners(world):
    for person in edge("15c").people:
        (device,) = access(world, person)["devices"]
        assert device.endswith("owners: Tomáš Svoboda and Lucie Černá")
