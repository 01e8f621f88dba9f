"""One suite for every directory: OpenLDAP, a Samba domain controller, and the rehearsal's double."""

from __future__ import annotations

import itertools

import pytest
from servers import samba, slapd
from servers.directory import Desk

from runbook_exec.secret import Secret

SERVERS = ["slapd", "samba"]
PASSWORD = "Rund-um-die-Uhr-2031!"
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=SERVERS)
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ldap")
    shared = (
        tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in __import__("os").environ else folder
    )
    started = {
        "slapd": lambda: slapd.running(folder / "slapd"),
        "samba": lambda: samba.running(folder / "samba", shared / "samba-golden"),
    }
    with started[request.param]() as running:
        yield running


@pytest.fixture
def desk(server):
    return Desk(server)


@pytest.fixture
def joiner(desk):
    """The arguments of a person nobody else has."""
    number = next(_numbers)

    def make(**more):
        return {
            "ou": desk.server.people,
            "cn": f"Anna Weiß {number}",
            "employee_id": f"E{number}",
            "sam": f"a.weiss{number}",
            "upn": f"a.weiss{number}@corp.example",
            "mail": f"anna.weiss{number}@corp.example",
            "given_name": "Anna",
            "surname": "Weiß",
            "display_name": f"Anna Weiß {number}",
            **more,
        }

    return make


@pytest.fixture
def person(desk, joiner):
    """An account that exists, and its name."""
    return desk.run("ldap.user", **joiner()).change.target


def test_an_account_is_created_disabled_with_all_its_attributes(desk, joiner):
    args = joiner(attributes={"title": "Disponentin", "telephoneNumber": ["+49 202 1", "+49 202 2"][:1]})
    done = desk.run("ldap.user", **args)
    entry = desk.entry(done.change.target)
    assert entry["enabled"] is False
    assert entry["mail"] == args["mail"]
    assert entry["title"] == "Disponentin"
    assert done.evidence.outputs["id"] == entry["id"]
    assert not desk.server.can_log_in(done.change.target, PASSWORD)


def test_a_second_run_changes_nothing(desk, joiner):
    args = joiner()
    desk.run("ldap.user", **args)
    assert desk.plan("ldap.user", **args).is_empty


def test_creating_an_account_is_undone_by_deleting_it(desk, joiner):
    args = joiner()
    done = desk.run("ldap.user", **args)
    desk.undo("ldap.user", done, **args)
    assert desk.entry(done.change.target) is None


def test_only_the_attribute_that_differs_is_written_and_undone(desk, joiner):
    args = joiner()
    dn = desk.run("ldap.user", **args).change.target
    done = desk.run("ldap.user", **args | {"display_name": "Anna Weiß-Kranz"})
    assert set(done.change.after) == {"displayName"}
    with desk.server.raw() as raw:
        assert raw.modify(dn, {"title": [("MODIFY_REPLACE", ["Leiterin"])]})
    desk.undo("ldap.user", done, **args)
    assert desk.entry(dn)["displayName"] == args["display_name"]
    assert desk.entry(dn)["title"] == "Leiterin"


def test_a_password_is_set_and_proven_while_the_account_stays_disabled(desk, person):
    done = desk.run("ldap.password", dn=person, password=Secret(PASSWORD))
    assert done.missing == ""
    assert desk.entry(person)["enabled"] is False
    assert not desk.server.can_log_in(person, PASSWORD)


def test_an_account_is_enabled_and_then_lets_its_owner_in(desk, person):
    desk.run("ldap.password", dn=person, password=Secret(PASSWORD))
    done = desk.run("ldap.enabled", dn=person, enabled=True)
    assert desk.server.can_log_in(person, PASSWORD)
    desk.undo("ldap.enabled", done, dn=person, enabled=True)
    assert not desk.server.can_log_in(person, PASSWORD)


def test_memberships_are_added_one_by_one_and_a_colleagues_survives(desk, person):
    colleague = (
        desk.server.connection["user"]
        if "=" in desk.server.connection["user"]
        else f"CN=reader,CN=Users,{desk.server.base}"
    )
    one, two = desk.group(f"g{next(_numbers)}"), desk.group(f"g{next(_numbers)}")
    change = desk.plan("ldap.group_members", member=person, add=[one, two])
    with desk.server.raw() as raw:
        assert raw.modify(one, {"member": [("MODIFY_ADD", [colleague])]})
    desk.apply("ldap.group_members", change, member=person, add=[one, two])
    assert {person.lower(), colleague.lower()} <= {m.lower() for m in desk.entry(one)["member"]}
    done = desk.run("ldap.group_members", member=person, remove=[one])
    assert person.lower() not in {m.lower() for m in desk.entry(one)["member"]}
    assert colleague.lower() in {m.lower() for m in desk.entry(one)["member"]}
    desk.undo("ldap.group_members", done, member=person, remove=[one])
    assert person.lower() in {m.lower() for m in desk.entry(one)["member"]}
