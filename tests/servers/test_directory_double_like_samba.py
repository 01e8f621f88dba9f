"""What the directory double does exactly as a real Samba AD does, asked of both in the same words."""

from __future__ import annotations

import itertools
import os
import uuid

import ldap3
import pytest
from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE
from servers import directory_double, samba

from runbook_exec.sandbox import directory_names as names

GOOD, BETTER = "Rehearsal-1x", "Rehearsal-2y"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module", params=["double", pytest.param("samba", marks=pytest.mark.server)])
def side(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("directory")
    if request.param == "double":
        with directory_double.running(folder / "company") as running:
            policy = {"lockoutThreshold": ["3"]}
            running.face.change(running.base, policy)
            yield running
    else:
        # Workers of one session share the provisioned domain; a session on its own keeps it to itself.
        shared = tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else folder
        with samba.running(folder / "samba", shared / "samba-golden") as running:
            yield running


@pytest.fixture
def admin(side):
    with side.raw() as connection:
        yield connection


def quoted(password):
    return f'"{password}"'.encode("utf-16-le")


class Desk:
    """One side with a connection, and entries of its own for one test."""

    def __init__(self, side, admin):
        self.side, self.admin = side, admin
        self.number = f"{next(NUMBERS)}{uuid.uuid4().hex[:6]}"

    def user(self, name="u", **more):
        dn = f"CN={name}{self.number},{self.side.people}"
        login = more.pop("login", f"{name}{self.number}")
        values = {"sAMAccountName": login, "userPrincipalName": f"{login}@corp.example", **more}
        assert self.admin.add(dn, "user", values), self.admin.result
        return dn

    def group(self, name="g", **more):
        dn = f"CN={name}{self.number},{self.side.groups}"
        values = {"sAMAccountName": f"{name}{self.number}", **more}
        assert self.admin.add(dn, "group", values), self.admin.result
        return dn

    def account(self, name="a", **more):
        """A user who can log in."""
        return self.user(name, userAccountControl="512", unicodePwd=quoted(GOOD), **more)

    def read(self, dn, *names):
        self.admin.search(dn, "(objectClass=*)", ldap3.BASE, attributes=list(names))
        found = [e["raw_attributes"] for e in self.admin.response if e["type"] == "searchResEntry"]
        return {n: [v.decode(errors="replace") for v in vs] for n, vs in found[0].items()} if found else None

    def change(self, dn, **attributes):
        wanted = {name: [(MODIFY_REPLACE, values)] for name, values in attributes.items()}
        return self.admin.modify(dn, wanted)

    @property
    def code(self):
        return self.admin.result["description"]

    def bind_as(self, user, password):
        """The sub-code of a refused bind, "" for one that succeeds."""
        bound = ldap3.Connection(self.admin.server, user, password)
        try:
            return "" if bound.bind() else bound.result["message"].partition("data ")[2].partition(",")[0]
        finally:
            bound.unbind()


@pytest.fixture
def desk(side, admin):
    return Desk(side, admin)


def test_a_new_user_gets_what_the_account_manager_adds(desk):
    dn = desk.user()
    found = desk.read(dn, "userAccountControl", "primaryGroupID", "accountExpires", "pwdLastSet", "sAMAccountType",
                      "objectClass", "instanceType", "badPwdCount", "distinguishedName")  # fmt: skip
    assert found == {
        "userAccountControl": ["546"],
        "primaryGroupID": ["513"],
        "accountExpires": ["9223372036854775807"],
        "pwdLastSet": ["0"],
        "sAMAccountType": ["805306368"],
        "objectClass": ["top", "person", "organizationalPerson", "user"],
        "instanceType": ["4"],
        "badPwdCount": ["0"],
        "distinguishedName": [dn],
    }


REFUSED_ADDS = {
    "the name is taken, whatever its case": ("CN=TAKEN{n},{people}", "user", {}, "entryAlreadyExists"),
    "the login is taken": ("CN=x{n},{people}", "user", {"sAMAccountName": "TAKEN{n}"}, "entryAlreadyExists"),
    "the login is a group's": ("CN=x{n},{people}", "user", {"sAMAccountName": "TEAM{n}"}, "entryAlreadyExists"),
    "the UPN is taken": (
        "CN=x{n},{people}", "user", {"userPrincipalName": "Taken{n}@Corp.Example"}, "constraintViolation"),
    "there is nothing above": ("CN=x{n},OU=nix,{people}", "user", {}, "noSuchObject"),
    "it lies outside the domain": ("CN=x{n},DC=other,DC=org", "user", {}, "noSuchObject"),
    "a user holds no entries": ("CN=x{n},CN=taken{n},{people}", "user", {}, "namingViolation"),
    "a user is no OU": ("OU=x{n},{people}", "user", {}, "namingViolation"),
    "there is no such class": ("CN=x{n},{people}", "nonsense", {}, "noSuchAttribute"),
    "there is no such attribute": ("CN=x{n},{people}", "user", {"fooBar": "1"}, "noSuchAttribute"),
    "a group has no surname": ("CN=x{n},{groups}", "group", {"sn": "x"}, "objectClassViolation"),
    "a group has a scope": ("CN=x{n},{groups}", "group", {"groupType": "0"}, "unwillingToPerform"),
    "a value is empty": ("CN=x{n},{people}", "user", {"title": ""}, "invalidAttributeSyntax"),
    "one value is enough": ("CN=x{n},{people}", "user", {"title": ["a", "b"]}, "constraintViolation"),
    "the manager does not exist": (
        "CN=x{n},{people}", "user", {"manager": "CN=nix,{people}"}, "constraintViolation"),
    "the member does not exist": ("CN=x{n},{groups}", "group", {"member": "CN=nix,{people}"}, "noSuchObject"),
    "the id is the directory's": ("CN=x{n},{people}", "user", {"objectGUID": b"0" * 16}, "unwillingToPerform"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED_ADDS)
def test_an_entry_is_refused_because(desk, why):
    dn, kind, values, code = REFUSED_ADDS[why]
    desk.user("taken"), desk.group("team")
    words = {"n": desk.number, "people": desk.side.people, "groups": desk.side.groups}

    def filled(value):
        if isinstance(value, list):
            return [filled(one) for one in value]
        return value.format(**words) if isinstance(value, str) else value

    given = {"sAMAccountName": f"x{desk.number}", **{name: filled(value) for name, value in values.items()}}
    assert not desk.admin.add(dn.format(**words), kind, given)
    assert desk.code == code


REFUSED_CHANGES = {
    "a second value of one is given": ({"title": [(MODIFY_ADD, ["Chef"])]}, "attributeOrValueExists"),
    "the value to remove is another": ({"title": [(MODIFY_DELETE, ["nix"])]}, "noSuchAttribute"),
    "there is nothing to remove": ({"company": [(MODIFY_DELETE, [])]}, "noSuchAttribute"),
    "an empty value is given": ({"title": [(MODIFY_REPLACE, [""])]}, "invalidAttributeSyntax"),
    "there is no such attribute": ({"fooBar": [(MODIFY_REPLACE, ["a"])]}, "noSuchAttribute"),
    "a user has no members": ({"member": [(MODIFY_REPLACE, ["{self}"])]}, "objectClassViolation"),
    "the common name is changed by renaming": ({"cn": [(MODIFY_REPLACE, ["Neu"])]}, "notAllowedOnRDN"),
    "the name is changed by renaming": ({"name": [(MODIFY_REPLACE, ["Neu"])]}, "notAllowedOnRDN"),
    "the id is the directory's": ({"objectGUID": [(MODIFY_REPLACE, [b"0" * 16])]}, "constraintViolation"),
    "the date is the directory's": (
        {"whenCreated": [(MODIFY_REPLACE, ["20200101000000.0Z"])]}, "constraintViolation"),
    "the type is the account manager's": ({"sAMAccountType": [(MODIFY_REPLACE, ["1"])]}, "unwillingToPerform"),
    "an account has a login": ({"sAMAccountName": [(MODIFY_DELETE, [])]}, "unwillingToPerform"),
    "an account has its bits": ({"userAccountControl": [(MODIFY_DELETE, [])]}, "unwillingToPerform"),
    "the time of a password is made, not given": ({"pwdLastSet": [(MODIFY_REPLACE, ["5"])]}, "other"),
    "the time of a password stays": ({"pwdLastSet": [(MODIFY_DELETE, [])]}, "unwillingToPerform"),
    "an expiry is a number": ({"accountExpires": [(MODIFY_REPLACE, ["morgen"])]}, "invalidAttributeSyntax"),
    "a truth is TRUE or FALSE": (
        {"showInAdvancedViewOnly": [(MODIFY_REPLACE, ["yes"])]}, "invalidAttributeSyntax"),
    "the manager does not exist": (
        {"manager": [(MODIFY_REPLACE, ["CN=nix,{people}"])]}, "constraintViolation"),
    "the manager is no name": ({"manager": [(MODIFY_REPLACE, ["foo"])]}, "invalidDNSyntax"),
    "the password is weak": ({"unicodePwd": [(MODIFY_REPLACE, [quoted("abc")])]}, "constraintViolation"),
    "the password is not quoted": (
        {"unicodePwd": [(MODIFY_REPLACE, [GOOD.encode("utf-16-le")])]}, "unwillingToPerform"),
    "the password is not UTF-16": (
        {"unicodePwd": [(MODIFY_REPLACE, [f'"{GOOD}"'.encode()])]}, "unwillingToPerform"),
    "a password is replaced, not added": ({"unicodePwd": [(MODIFY_ADD, [quoted(GOOD)])]}, "unwillingToPerform"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED_CHANGES)
def test_a_change_is_refused_because(desk, why):
    changes, code = REFUSED_CHANGES[why]
    dn = desk.user(title="chef")
    before = desk.read(dn, "*")

    def filled(value):
        return value.format(self=dn, people=desk.side.people) if isinstance(value, str) else value

    wanted = {
        name: [(verb, [filled(value) for value in values]) for verb, values in edits]
        for name, edits in changes.items()
    }
    assert not desk.admin.modify(dn, wanted)
    assert desk.code == code
    assert desk.read(dn, "*") == before


def test_a_wrong_password_says_52e_and_nothing_else(desk):
    dn = desk.account()
    upn = desk.read(dn, "userPrincipalName")["userPrincipalName"][0]
    assert desk.bind_as(upn, "falsch") == "52e"
    assert desk.bind_as("nobody@corp.example", GOOD) == "52e"


def test_one_logs_in_by_dn_upn_and_old_name(desk):
    dn = desk.account()
    found = desk.read(dn, "userPrincipalName", "sAMAccountName")
    login = found["sAMAccountName"][0]
    for name in (dn, found["userPrincipalName"][0], f"CORP\\{login}"):
        assert desk.bind_as(name, GOOD) == ""
    assert desk.bind_as(login, GOOD) == "52e"


def test_a_disabled_account_is_told_so_only_with_the_right_password(desk):
    dn = desk.account()
    desk.change(dn, userAccountControl=["514"])
    assert desk.bind_as(dn, GOOD) == "533"
    assert desk.bind_as(dn, "falsch") == "52e"


def test_an_expired_account_is_told_so(desk):
    dn = desk.account()
    desk.change(dn, accountExpires=["131000000000000000"])
    assert desk.bind_as(dn, GOOD) == "701"


def test_one_who_must_change_the_password_is_told_so(desk):
    dn = desk.account()
    desk.change(dn, pwdLastSet=["0"])
    assert desk.bind_as(dn, GOOD) == "773"
    desk.change(dn, pwdLastSet=["-1"])
    assert desk.bind_as(dn, GOOD) == ""


def test_setting_a_password_and_must_change_in_one_go_wants_a_change(desk):
    dn = desk.account()
    desk.change(dn, unicodePwd=[quoted(BETTER)], pwdLastSet=["0"])
    assert desk.read(dn, "pwdLastSet") == {"pwdLastSet": ["0"]}
    assert desk.bind_as(dn, BETTER) == "773"


def test_wrong_passwords_lock_the_account_until_it_is_unlocked(desk):
    dn = desk.account()
    assert [desk.bind_as(dn, "falsch") for _ in range(4)] == ["52e", "52e", "52e", "775"]
    assert desk.bind_as(dn, GOOD) == "775"
    found = desk.read(dn, "badPwdCount", "lockoutTime", "msDS-User-Account-Control-Computed")
    assert found["badPwdCount"] == ["3"]
    assert found["msDS-User-Account-Control-Computed"] == ["16"]
    assert desk.change(dn, lockoutTime=["0"])
    assert desk.bind_as(dn, GOOD) == ""
    assert desk.read(dn, "badPwdCount", "lockoutTime") == {"badPwdCount": ["0"], "lockoutTime": ["0"]}


def test_a_good_login_forgets_the_bad_ones_before(desk):
    dn = desk.account()
    assert desk.bind_as(dn, "falsch") == "52e"
    assert desk.read(dn, "badPwdCount") == {"badPwdCount": ["1"]}
    assert desk.bind_as(dn, GOOD) == ""
    assert desk.read(dn, "badPwdCount") == {"badPwdCount": ["0"]}


def test_somebody_changes_their_own_password_only_knowing_the_old_one(desk):
    dn = desk.account()
    own = ldap3.Connection(desk.admin.server, dn, GOOD, auto_bind=True)
    old, new = quoted(GOOD), quoted(BETTER)
    assert not own.modify(dn, {"unicodePwd": [(MODIFY_DELETE, [quoted("Falsch-99x")]), (MODIFY_ADD, [new])]})
    assert own.result["message"].startswith("00000056")
    assert own.modify(dn, {"unicodePwd": [(MODIFY_DELETE, [old]), (MODIFY_ADD, [new])]})
    own.unbind()
    assert desk.bind_as(dn, BETTER) == ""


def test_somebody_without_rights_writes_nothing(desk):
    dn = desk.account()
    own = ldap3.Connection(desk.admin.server, dn, GOOD, auto_bind=True)
    assert not own.add(f"CN=neu{desk.number},{desk.side.people}", "user", {})
    assert own.result["description"] == "insufficientAccessRights"
    assert not own.modify(dn, {"displayName": [(MODIFY_REPLACE, ["Chef"])]})
    assert own.result["description"] == "insufficientAccessRights"
    assert not own.delete(dn)
    assert own.result["description"] == "insufficientAccessRights"
    assert not own.modify_dn(dn, "CN=anders")
    assert own.result["description"] == "insufficientAccessRights"
    own.unbind()


def test_the_account_bits_are_switched_by_naming_the_old_value(desk):
    dn = desk.account()
    edits = {"userAccountControl": [(MODIFY_DELETE, ["512"]), (MODIFY_ADD, ["514"])]}
    assert desk.admin.modify(dn, edits)
    assert desk.read(dn, "userAccountControl") == {"userAccountControl": ["514"]}


def test_bits_without_a_kind_of_account_become_a_normal_one(desk):
    dn = desk.account()
    assert desk.change(dn, userAccountControl=["2"])
    assert desk.read(dn, "userAccountControl") == {"userAccountControl": ["514"]}


def test_a_member_is_added_once_and_removed_once(desk):
    user, group = desk.user(), desk.group()
    add, drop = {"member": [(MODIFY_ADD, [user])]}, {"member": [(MODIFY_DELETE, [user])]}
    assert desk.admin.modify(group, add)
    assert desk.read(user, "memberOf") == {"memberOf": [group]}
    assert not desk.admin.modify(group, add)
    assert desk.code == "entryAlreadyExists"
    assert desk.admin.modify(group, drop)
    assert not desk.admin.modify(group, drop)
    assert desk.code == "unwillingToPerform"
    assert desk.read(user, "memberOf") == {"memberOf": []}


def test_nobody_becomes_a_member_who_does_not_exist(desk):
    group = desk.group()
    assert not desk.admin.modify(group, {"member": [(MODIFY_ADD, [f"CN=nix,{desk.side.people}"])]})
    assert desk.code == "noSuchObject"


def test_members_follow_who_is_renamed_and_moved_and_vanish_with_who_is_deleted(desk):
    user = desk.user()
    group = desk.group(member=user)
    assert desk.admin.modify_dn(user, f"CN=Neu{desk.number}", new_superior=desk.side.left)
    moved = f"CN=Neu{desk.number},{desk.side.left}"
    assert desk.read(group, "member") == {"member": [moved]}
    assert desk.admin.delete(moved)
    assert desk.read(group, "member") == {"member": []}


def test_a_renamed_entry_keeps_its_id(desk):
    user = desk.user()
    desk.admin.search(user, "(objectClass=*)", ldap3.BASE, attributes=["objectGUID"])
    before = desk.admin.response[0]["raw_attributes"]["objectGUID"]
    assert desk.admin.modify_dn(user, f"CN=Neu{desk.number}")
    renamed = f"CN=Neu{desk.number},{desk.side.people}"
    desk.admin.search(renamed, "(objectClass=*)", ldap3.BASE, attributes=["objectGUID", "cn", "name"])
    found = desk.admin.response[0]["raw_attributes"]
    assert found == {
        "objectGUID": before,
        "cn": [f"Neu{desk.number}".encode()],
        "name": [f"Neu{desk.number}".encode()],
    }


def test_a_change_of_case_alone_is_a_rename(desk):
    user = desk.user("anna")
    assert desk.admin.modify_dn(user, f"CN=ANNA{desk.number}")
    assert desk.read(user, "cn") == {"cn": [f"ANNA{desk.number}"]}


def test_nobody_moves_onto_a_taken_name(desk):
    one, other = desk.user("one"), desk.user("other")
    assert not desk.admin.modify_dn(one, other.partition(",")[0])
    assert desk.code == "entryAlreadyExists"


def test_the_old_name_cannot_stay_beside_the_new(desk):
    assert not desk.admin.modify_dn(desk.user(), f"CN=Neu{desk.number}", delete_old_dn=False)
    assert desk.code == "unwillingToPerform"


def test_what_holds_others_is_not_deleted(desk):
    desk.user()
    assert not desk.admin.delete(desk.side.people)
    assert desk.code == "notAllowedOnNonLeaf"


def test_a_deleted_user_lies_in_deleted_objects_under_a_name_with_its_id(desk):
    user = desk.user()
    desk.admin.search(user, "(objectClass=*)", ldap3.BASE, attributes=["objectGUID", "sAMAccountName"])
    found = desk.admin.response[0]["raw_attributes"]
    guid, login = uuid.UUID(bytes_le=found["objectGUID"][0]), found["sAMAccountName"][0].decode()
    assert desk.admin.delete(user)
    bin_ = f"CN=Deleted Objects,{desk.side.base}"
    desk.admin.search(
        bin_, f"(sAMAccountName={login})", attributes=["isDeleted", "lastKnownParent"],
        controls=[("1.2.840.113556.1.4.417", True, None)],
    )  # fmt: skip
    (entry,) = [e for e in desk.admin.response if e["type"] == "searchResEntry"]
    name = user.partition(",")[0]
    assert entry["dn"] == f"{name}\\0ADEL:{guid},{bin_}"
    assert entry["raw_attributes"] == {
        "isDeleted": [b"TRUE"],
        "lastKnownParent": [desk.side.people.encode()],
    }


def test_a_deleted_login_is_free_again(desk):
    login = f"wieder{desk.number}"
    assert desk.admin.delete(desk.user("a", login=login))
    desk.user("b", login=login)


def test_a_global_group_does_not_become_local_at_once(desk):
    group = desk.group()
    assert not desk.change(group, groupType=["-2147483644"])
    assert desk.code == "unwillingToPerform"
    assert desk.change(group, groupType=["-2147483640"])
    assert desk.change(group, groupType=["-2147483644"])


def test_nested_members_are_found_through_groups_even_in_a_circle(desk):
    user = desk.user()
    inner = desk.group("inner", member=user)
    outer = desk.group("outer", member=inner)
    desk.admin.modify(inner, {"member": [(MODIFY_ADD, [outer])]})
    desk.admin.search(
        desk.side.people, f"(memberOf:1.2.840.113556.1.4.1941:={outer})", attributes=["sAMAccountName"]
    )
    assert [entry["dn"] for entry in desk.admin.response] == [user]
    desk.admin.search(desk.side.groups, f"(member:1.2.840.113556.1.4.1941:={user})", attributes=["cn"])
    assert sorted(entry["dn"] for entry in desk.admin.response) == [inner, outer]


def test_bits_are_found_by_the_bitwise_rule(desk):
    off, on = desk.user("off"), desk.account("on")
    mine = f"(sAMAccountName=*{desk.number})"
    desk.admin.search(desk.side.people, f"(&{mine}(userAccountControl:1.2.840.113556.1.4.803:=2))")
    assert [entry["dn"] for entry in desk.admin.response] == [off]
    desk.admin.search(desk.side.people, f"(&{mine}(!(userAccountControl:1.2.840.113556.1.4.803:=2)))")
    assert [entry["dn"] for entry in desk.admin.response] == [on]


@pytest.mark.parametrize(
    "query",
    [
        "(sAMAccountName=ANNA{n})",
        "(sAMAccountName=an*a{n})",
        "(&(objectCategory=person)(objectClass=user)(displayName=*Weiß*{n}))",
        "(&(displayName=Anna*)(|(title=nix)(employeeID=e{n})))",
        "(&(employeeID=e{n})(!(title=nix)))",
        "(&(employeeID=e{n})(whenCreated>=20200101000000.0Z))",
        "(&(employeeID=e{n})(uSNCreated>=1))",
        "(anr=anna{n})",
        "(&(employeeID=e{n})(proxyAddresses=SMTP:ANNA{n}@x.example))",
        "(&(employeeID=e{n})(!(telephoneNumber=*)))",
    ],
)
def test_a_person_is_found_by(desk, query):
    dn = desk.user(
        "anna", displayName=f"Anna Weiß {desk.number}", employeeID=f"e{desk.number}",
        proxyAddresses=[f"smtp:anna{desk.number}@x.example"],
    )  # fmt: skip
    desk.admin.search(desk.side.base, query.format(n=desk.number))
    assert [entry["dn"] for entry in desk.admin.response if entry["type"] == "searchResEntry"] == [dn]


def test_a_search_over_the_domain_also_refers_to_the_configuration(desk):
    desk.admin.search(desk.side.base, "(sAMAccountName=nobody)")
    assert [entry["type"] for entry in desk.admin.response] == ["searchResRef"]


def test_a_search_below_nothing_says_so(desk):
    desk.admin.search(f"OU=nix,{desk.side.people}", "(objectClass=*)")
    assert desk.code == "noSuchObject"


def test_pages_give_every_entry_once(desk):
    wanted = {desk.user(f"p{n}x") for n in range(7)}
    query = f"(sAMAccountName=*x{desk.number})"
    found = desk.admin.extend.standard.paged_search(desk.side.people, query, paged_size=3, generator=True)
    found_names = [entry["dn"] for entry in found]
    assert sorted(found_names) == sorted(wanted)


def test_compare_knows_case_to_be_nothing(desk):
    dn = desk.user(title="Leiterin")
    assert desk.admin.compare(dn, "title", "LEITERIN")
    assert not desk.admin.compare(dn, "title", "Leiter")


@pytest.mark.parametrize(
    "name", ["O'Neill, Pat", 'Quo"te', "Plus+Eins", "Hash", "a<b>c;d", "Back\\slash", "Ünï Çødé", "Eins=Zwei"]
)
def test_a_hostile_name_comes_back_as_it_went_in(desk, name):
    escaped = "".join(f"\\{char}" if char in ',+"\\<>;=' else char for char in name)
    dn = f"CN={escaped} {desk.number},{desk.side.people}"
    assert desk.admin.add(dn, "user", {"sAMAccountName": f"h{desk.number}"}), desk.admin.result
    found = desk.read(dn, "cn", "distinguishedName")
    assert found["cn"] == [f"{name} {desk.number}"]
    # The two escape some characters differently; read as a name it is the same.
    assert names.parse(found["distinguishedName"][0]) == names.parse(dn)


def test_nobody_without_a_name_reads_more_than_the_root(desk):
    nobody = ldap3.Connection(desk.admin.server, auto_bind=True)
    assert nobody.search("", "(objectClass=*)", ldap3.BASE, attributes=["defaultNamingContext"])
    assert nobody.response[0]["raw_attributes"]["defaultNamingContext"] == [desk.side.base.encode()]
    nobody.search(desk.side.base, "(objectClass=*)")
    assert nobody.result["description"] == "operationsError"
    nobody.unbind()


def test_who_may_write_is_read_from_the_entry(desk):
    dn = desk.account()
    assert {"displayName", "unicodePwd", "userAccountControl"} <= set(
        desk.read(dn, "allowedAttributesEffective")["allowedAttributesEffective"]
    )
    assert (
        "user" in desk.read(desk.side.people, "allowedChildClassesEffective")["allowedChildClassesEffective"]
    )
    own = ldap3.Connection(desk.admin.server, dn, GOOD, auto_bind=True)
    own.search(desk.side.people, "(objectClass=*)", ldap3.BASE, attributes=["allowedChildClassesEffective"])
    assert own.response[0]["raw_attributes"].get("allowedChildClassesEffective", []) == []
    own.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["allowedAttributesEffective"])
    writable = own.response[0]["raw_attributes"].get("allowedAttributesEffective", [])
    assert b"displayName" not in writable
    own.unbind()
