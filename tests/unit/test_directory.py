"""The directory's own face: how the rehearsal fills it and looks into it."""

from __future__ import annotations

import pytest

from runbook_exec.errors import Invalid
from runbook_exec.sandbox import directory as double
from runbook_exec.sandbox.directory import Directory
from runbook_exec.sandbox.rehearsal import open_rehearsal

STAFF = f"OU=Benutzer,OU=Wuppertal,OU=Standorte,{double.BASE}"
GROUPS = f"OU=Gruppen,{double.BASE}"


@pytest.fixture
def directory(tmp_path):
    rehearsal = open_rehearsal(tmp_path / "company")
    double.seed(rehearsal)
    yield Directory(rehearsal.shelf, rehearsal.faults)
    rehearsal.shelf.close()


def add_person(directory, name, login, **more):
    return directory.add(f"CN={name},{STAFF}", {"objectClass": ["user"], "sAMAccountName": [login], **more})


def add_group(directory, name, *members):
    attributes = {"objectClass": ["group"], "sAMAccountName": [name], "member": list(members)}
    return directory.add(f"CN={name},{GROUPS}", attributes)


def test_a_person_is_found_again_by_login_whatever_the_accents(directory):
    guid = add_person(directory, "Jürgen Müller", "jmüller")
    assert [found.guid for found in directory.find("sAMAccountName", "JMULLER")] == [guid]


def test_a_person_without_a_password_is_disabled_and_one_with_is_enabled(directory):
    without = directory.get(add_person(directory, "Ohne", "ohne"))
    guid = directory.add(f"CN=Mit,{STAFF}", {"objectClass": ["user"], "sAMAccountName": ["mit"]}, "kurz")
    assert not without.enabled
    assert directory.get(guid).enabled
    assert directory.knows_password(guid, "kurz")
    assert not directory.knows_password(guid, "falsch")


def test_members_follow_a_person_who_moves_and_are_gone_with_one_who_leaves(directory):
    anna = add_person(directory, "Anna Weiß", "aweiss")
    group = add_group(directory, "GG_Finanzen", f"CN=Anna Weiss,{STAFF}")
    directory.move(anna, f"CN=Anna Schwarz,OU=Archiv,{directory.base}")
    assert directory.get(group).attributes["member"] == [f"CN=Anna Schwarz,OU=Archiv,{directory.base}"]
    assert directory.get(anna).attributes["memberOf"] == [f"CN=GG_Finanzen,{GROUPS}"]
    directory.remove(anna)
    assert "member" not in directory.get(group).attributes


def test_a_whole_unit_moves_with_everybody_in_it(directory):
    anna = add_person(directory, "Anna", "anna")
    directory.move(f"OU=Wuppertal,OU=Standorte,{directory.base}", f"OU=W,OU=Archiv,{directory.base}")
    assert directory.get(anna).dn == f"CN=Anna,OU=Benutzer,OU=W,OU=Archiv,{directory.base}"


def test_a_removed_person_lies_in_the_recycle_bin_with_all_attributes_until_purged(directory):
    anna = add_person(directory, "Anna", "anna", employeeID=["10042"])
    directory.remove(anna)
    assert directory.find("employeeID", "10042") == []
    (found,) = directory.find("employeeID", "10042", deleted=True)
    assert found.deleted
    assert found.dn == f"CN=Anna\\0ADEL:{anna},CN=Deleted Objects,{directory.base}"
    assert found.one("lastKnownParent") == STAFF
    directory.purge(anna)
    assert directory.get(anna) is None


def test_two_directories_on_one_shelf_see_each_others_writes(directory):
    other = Directory(directory.shelf, directory.faults)
    before = len(other.everything())
    guid = add_person(directory, "Anna", "anna")
    assert len(other.everything()) == before + 1
    other.change(guid, {"title": ["Leiterin"]})
    assert directory.get(guid).one("title") == "Leiterin"


def test_everything_keeps_the_order_in_which_it_came(directory):
    for name in ("Zoe", "Anna", "Mia"):
        add_person(directory, name, name.lower())
    directory.change(f"CN=Zoe,{STAFF}", {"title": ["x"]})
    fresh = Directory(directory.shelf, directory.faults)
    people = [found.one("cn") for found in fresh.everything() if found.dn.endswith(STAFF)]
    assert people[-3:] == ["Zoe", "Anna", "Mia"]


def test_a_broken_rule_is_said_in_words(directory):
    add_person(directory, "Anna", "anna")
    with pytest.raises(Invalid, match="entry_already_exists"):
        add_person(directory, "Änna", "anna2")


def test_history_can_be_made(directory):
    guid = add_person(directory, "Alt", "alt", whenCreated=["20010101000000.0Z"], adminCount=["1"])
    assert directory.get(guid).one("whenCreated") == "20010101000000.0Z"


def test_service_accounts_have_passwords_that_only_the_owner_may_read(directory, tmp_path):
    file = tmp_path / "company" / "secrets" / "directory-svc-runbook"
    assert file.stat().st_mode & 0o777 == 0o600
    assert directory.knows_password(f"CN=svc-runbook,OU=Dienstkonten,{directory.base}", file.read_text())
