"""What a directory remembers of changes: one suite for a Samba domain controller and the rehearsal's double."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from servers import directory_double, samba, slapd
from servers.directory import Desk

from runbook_exec.errors import Refused

_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["samba", "double"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    started = {
        "samba": lambda: samba.running(folder / "samba", samba.golden(tmp_path_factory)),
        "double": lambda: directory_double.running(folder / "double"),
    }
    with started[request.param]() as running:
        yield running


@pytest.fixture
def desk(server):
    return Desk(server)


@pytest.fixture
def person(desk):
    dn = f"CN=Anna {next(_numbers)},{desk.server.people}"
    desk.behind_our_back("add", dn, ["user"], {"sAMAccountName": f"anna{next(_numbers)}"})
    return dn


def remembered(desk, *, base="", only=None, since=None, until=None):
    now = datetime.now(UTC)
    begin, end = since or now - timedelta(minutes=5), until or now + timedelta(minutes=5)
    connection = getattr(desk.server, "reader", desk.server.connection)
    with desk.session(connection=connection) as session:
        return session.history(begin.isoformat(), end.isoformat(), base=base, only=only)


def about(log, dn):
    return {(c.what, c.how) for c in log.changes if c.object.lower() == dn.lower()}


def test_an_attribute_that_somebody_changed_is_told_with_its_time(desk, person):
    before = datetime.now(UTC).replace(microsecond=0)
    desk.behind_our_back("modify", person, {"department": [("MODIFY_REPLACE", ["IT"])]})
    log = remembered(desk, base=desk.server.people)
    (change,) = [c for c in log.changes if c.object == person and c.what == "department"]
    assert change.how == "changed"
    assert before <= datetime.fromisoformat(change.at) <= datetime.now(UTC)
    assert change.identity.count("-") == 4
    assert int(change.mark) > 0
    assert change.by == ""


def test_a_new_entry_is_one_change_and_not_one_for_each_attribute(desk, person):
    assert about(remembered(desk, base=desk.server.people), person) == {("entry", "created")}


def test_what_was_asked_for_by_id_alone_is_read(desk, person):
    other = f"CN=Bo {next(_numbers)},{desk.server.people}"
    desk.behind_our_back("add", other, ["user"], {"sAMAccountName": f"bo{next(_numbers)}"})
    identity = desk.entry(person)["id"]
    log = remembered(desk, only=[identity])
    assert {c.object for c in log.changes} == {person}
    assert {c.object for c in remembered(desk, only=[person]).changes} == {person}


def test_a_period_in_which_nothing_happened_is_empty(desk, person):
    then = datetime(2020, 1, 1, tzinfo=UTC)
    log = remembered(desk, base=desk.server.people, since=then, until=then + timedelta(days=30))
    assert log.changes == ()


def test_a_membership_is_told_or_that_it_cannot_be_is_said(desk, person):
    group = desk.group(f"GG_{next(_numbers)}")
    _a_second_later()
    desk.behind_our_back("modify", group, {"member": [("MODIFY_ADD", [person])]})
    log = remembered(desk, only=[group])
    (change,) = [c for c in log.changes if c.what == "member"]
    if desk.server.name == "samba":
        assert (change.how, change.value) == ("changed", "")
        assert any("Samba" in limit["en"] for limit in log.limits)
        return
    assert (change.how, change.value) == ("added", person)
    desk.behind_our_back("modify", group, {"member": [("MODIFY_DELETE", [person])]})
    (change,) = [c for c in remembered(desk, only=[group]).changes if c.what == "member"]
    assert (change.how, change.value) == ("removed", person)


def test_a_password_that_was_set_is_told_without_the_password(desk, person):
    _a_second_later()
    desk.behind_our_back(
        "modify", person, {"unicodePwd": [("MODIFY_REPLACE", ['"Fremdes-Pw-2031!"'.encode("utf-16-le")])]}
    )
    log = remembered(desk, only=[person])
    assert ("unicodePwd", "changed") in about(log, person)
    assert "Fremdes" not in repr(log)


def test_a_deleted_entry_is_told_by_whoever_may_see_it(desk, person):
    identity = desk.entry(person)["id"]
    desk.behind_our_back("delete", person)
    with desk.session(connection=desk.server.connection) as session:
        now = datetime.now(UTC)
        log = session.history(
            (now - timedelta(minutes=5)).isoformat(),
            (now + timedelta(minutes=5)).isoformat(),
            base="",
            only=[identity],
        )
    assert ("entry", "deleted or restored") in {(c.what, c.how) for c in log.changes}


def test_a_renamed_entry_is_told(desk, person):
    _a_second_later()
    desk.behind_our_back("modify_dn", person, f"CN=Anders {next(_numbers)}")
    log = remembered(desk, base=desk.server.people)
    assert any(c.what == "name" and "Anders" in c.object for c in log.changes)


def test_reading_the_history_takes_no_pen(desk, person):
    log = remembered(desk, only=[person])
    assert any("last change" in limit["en"] for limit in log.limits)


def test_a_directory_without_such_a_memory_says_so(tmp_path):
    with (
        slapd.running(tmp_path / "slapd") as server,
        Desk(server).session() as session,
        pytest.raises(Refused, match="keeps no changes"),
    ):
        session.history("2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00", base="", only=None)


def _a_second_later():
    """The marks count seconds: what happens in the second of a birth belongs to it."""
    import time

    time.sleep(1.05)
