"""Who gets in, when: the directory double's lockout, expiry and password age, with a clock in hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runbook_exec.sandbox import directory as double
from runbook_exec.sandbox.directory import Directory
from runbook_exec.sandbox.directory_accounts import windows_time
from runbook_exec.sandbox.directory_logon import log_on
from runbook_exec.sandbox.directory_refusal import Refusal
from runbook_exec.sandbox.rehearsal import open_rehearsal

START = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
GOOD = "Rehearsal-1x"


class Clock:
    now = START

    def __call__(self):
        return self.now

    def wait(self, **time):
        self.now += timedelta(**time)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def directory(tmp_path, clock):
    rehearsal = open_rehearsal(tmp_path / "company")
    double.seed(rehearsal)
    yield Directory(rehearsal.shelf, rehearsal.faults, clock=clock)
    rehearsal.shelf.close()


@pytest.fixture
def anna(directory):
    attributes = {
        "objectClass": ["user"],
        "sAMAccountName": ["anna"],
        "userPrincipalName": ["anna@kranich.example"],
    }
    return directory.add(f"CN=Anna,OU=Extern,{directory.base}", attributes, GOOD)


def tried(directory, password=GOOD, name="anna@kranich.example"):
    """The sub-code of the refusal, or "" where it lets in."""
    directory.tree.refresh()
    try:
        log_on(directory.writes, name, password)
    except Refusal as refusal:
        return refusal.message.partition("data ")[2].partition(",")[0]
    return ""


def lock(directory):
    for _ in range(5):
        tried(directory, "falsch")


def test_a_lockout_ends_by_itself_after_half_an_hour(directory, anna, clock):
    lock(directory)
    assert tried(directory) == "775"
    clock.wait(minutes=29)
    assert tried(directory) == "775"
    clock.wait(minutes=2)
    assert tried(directory) == ""
    assert directory.get(anna).one("lockoutTime") == "0"


def test_a_lockout_without_duration_waits_for_somebody(directory, anna, clock):
    directory.change(directory.base, {"lockoutDuration": ["0"]})
    lock(directory)
    clock.wait(days=30)
    assert tried(directory) == "775"
    directory.change(anna, {"lockoutTime": ["0"]})
    assert tried(directory) == ""


def test_wrong_passwords_long_ago_do_not_count(directory, anna, clock):
    for _ in range(4):
        assert tried(directory, "falsch") == "52e"
    clock.wait(minutes=31)
    assert tried(directory, "falsch") == "52e"
    assert directory.get(anna).one("badPwdCount") == "1"


def test_without_a_threshold_nobody_is_locked(directory, anna):
    directory.change(directory.base, {"lockoutThreshold": ["0"]})
    for _ in range(20):
        assert tried(directory, "falsch") == "52e"


def test_an_account_expires_at_its_moment(directory, anna, clock):
    end = START + timedelta(days=1)
    directory.change(anna, {"accountExpires": [str(windows_time(end))]})
    assert tried(directory) == ""
    clock.wait(days=1)
    assert tried(directory) == "701"


def test_a_password_grows_too_old_unless_it_may_stay(directory, anna, clock):
    clock.wait(days=366)
    assert tried(directory) == "532"
    directory.change(anna, {"userAccountControl": [str(512 | 0x10000)]})
    assert tried(directory) == ""


def test_a_logon_is_counted_and_dated(directory, anna, clock):
    assert tried(directory) == ""
    assert tried(directory) == ""
    found = directory.get(anna)
    assert found.one("logonCount") == "2"
    assert found.one("lastLogon") == str(windows_time(START))


@pytest.mark.parametrize(
    "name", ["anna@kranich.example", "anna@corp.kranich.example", "anna@corp", "CORP\\anna"]
)
def test_one_account_has_several_names(directory, anna, name):
    assert tried(directory, name=name) == ""


@pytest.mark.parametrize(
    "name", ["anna", "OTHER\\anna", "anna@other.example", "CN=Anna", "\\anna", "@", "a=b=c"]
)
def test_other_names_are_nobody(directory, anna, name):
    assert tried(directory, name=name) == "52e"


def test_a_deleted_account_is_nobody(directory, anna):
    directory.remove(anna)
    assert tried(directory) == "52e"


def test_a_group_cannot_log_in(directory):
    directory.add(
        f"CN=G,OU=Gruppen,{directory.base}", {"objectClass": ["group"], "sAMAccountName": ["gruppe"]}
    )
    assert tried(directory, name="CORP\\gruppe") == "52e"
