"""`runbook undo` through the real command: the rehearsal company is as before, but for what was declared lost."""

from __future__ import annotations

import json

import pytest
from rehearsal_desk import company, until

from runbook_exec.sandbox.directory import Directory
from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.graph_licensing import Licensing

TOUCHED = {"uSNChanged", "whenChanged", "lastLogon", "lastLogonTimestamp", "logonCount"}
"""What the directory counts up whenever an entry is written, though as it was, or its owner logs in."""
SYNCED = {"_version", "onPremisesLastSyncDateTime"}
"""The same of the cloud, whenever the sync writes."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        made.buy("SPB", 200)
        made.runbook("directory", keep={"identity", "ticket", "account", "groups", "close"})
        made.runbook("careful", keep={"identity", "ticket", "account", "groups", "cloud"}, edit=careful)
        yield made


@pytest.fixture
def own_desk(tmp_path):
    """A company in which nobody else is hired meanwhile."""
    with company(tmp_path) as made:
        made.buy("SPB", 200)
        made.runbook("whole")
        yield made


def careful(steps):
    for step in steps:
        if step["id"] == "cloud":
            step["on_failure"] = "undo"
            step["with"]["deadline"] = "1s"


def directory(desk):
    """Every live entry with every attribute, as bytes that can be compared."""
    with desk.shelf() as shelf:
        found = {
            entry.dn: {k: v for k, v in entry.attributes.items() if k not in TOUCHED}
            for entry in Directory(shelf, Faults(shelf)).everything()
        }
    return json.dumps(found, sort_keys=True)


def cloud(desk):
    """Every live user and group, and the seats that are taken."""
    with desk.shelf() as shelf:
        made = Cloud(shelf, Faults(shelf))
        seats = {sku["skuPartNumber"]: Licensing(made).consumed(sku) for _, sku in shelf.items("graph_skus")}
        things = [*made.users(), *made.groups()]
    found = {thing["id"]: {k: v for k, v in thing.items() if k not in SYNCED} for thing in things}
    return json.dumps([found, seats], sort_keys=True)


def written(desk):
    """What anybody but the sync has written, at any far side."""
    return {
        name: what for name, what in desk.everything().items() if name not in {"graph_users", "graph_groups"}
    }


def undone(desk, joiner, *more):
    said = desk("undo", desk.run_of(joiner.id), "--yes", *more)
    assert said.code == 0, said.all
    return said


def test_a_whole_onboarding_is_taken_back_and_can_be_done_again(own_desk):
    desk = own_desk
    joiner = desk.joiner()
    before = directory(desk), cloud(desk), len(desk.mails())
    assert joiner.run("whole").code == 0
    run = desk.run_of(joiner.id)
    first = joiner.entry
    assert (directory(desk), cloud(desk)) != before[:2]
    said = undone(desk, joiner)
    for loss in ("welcome: a mail cannot be called back", "password: a new account had no password before"):
        assert loss in said.out
    until(lambda: not in_cloud(desk, joiner))
    assert directory(desk) == before[0]
    assert cloud(desk) == before[1]
    assert len(desk.mails()) == before[2] + 1  # said beforehand: it cannot come back
    assert joiner.login not in desk.homes()
    assert list((desk.sandbox / "hosts").glob(f"*/homes/.archive/{joiner.login}"))
    assert desk.tickets()[-1]["status"] == "closed"
    states = {row["run"]: row["status"] for row in desk("status", "--json").json}
    assert states[run] == "undone"
    assert joiner.run("whole").code == 0
    assert joiner.entry["objectGUID"] == first["objectGUID"]  # the recycle bin gave it back
    assert desk.tickets()[-1]["status"] == "closed"


def in_cloud(desk, joiner):
    return desk.graph(f"/users/{joiner.upn}")


def test_a_dry_run_shows_everything_and_writes_nothing(desk):
    joiner = desk.joiner()
    assert joiner.run("directory").code == 0
    run = desk.run_of(joiner.id)
    before, events = written(desk), desk.events(run)
    said = desk("undo", run, "--dry-run")
    assert said.code == 0
    assert "Takes back run " + run in said.out
    assert f"{joiner.name} is deleted again" in said.out
    assert (written(desk), desk.events(run)) == (before, events)
    german = desk("undo", run, "--dry-run", "--lang", "de").out
    assert f"{joiner.name} wird wieder gelöscht" in german
    document = desk("undo", run, "--dry-run", "--json").json
    assert document["undoes"] == run
    undone(desk, joiner)
    assert joiner.entry is None


def test_what_a_colleague_did_to_the_account_keeps_it_in_its_place(desk):
    joiner = desk.joiner()
    assert joiner.run("directory").code == 0
    dn = joiner.entry["dn"]
    with desk.ldap() as connection:
        connection.modify(dn, {"telephoneNumber": [("MODIFY_ADD", ["+49 202 555 17"])]})
    said = undone(desk, joiner)
    assert "stays, since somebody changed it after the run: telephoneNumber" in said.out
    assert (
        "account: changed by somebody else since, so it stays: telephoneNumber is +49 202 555 17" in said.out
    )
    assert joiner.entry["telephoneNumber"] == ["+49 202 555 17"]
    assert not joiner.entry["memberOf"]
    with desk.ldap() as connection:
        connection.modify(dn, {"telephoneNumber": [("MODIFY_DELETE", [])]})
    undone_run = next(row["run"] for row in desk("status", "--json").json if row["status"] == "undone")
    said = desk("undo", undone_run, "--yes")
    assert said.code == 0, said.all
    assert joiner.entry is None


def test_only_the_end_is_taken_back(desk):
    joiner = desk.joiner()
    assert joiner.run("directory").code == 0
    assert joiner.entry["memberOf"]
    undone(desk, joiner, "--from", "groups")
    assert joiner.entry is not None
    assert not joiner.entry["memberOf"]
    assert desk.tickets()[-1]["status"] == "open"


def test_an_account_that_was_moved_since_is_found_by_its_id(desk):
    joiner = desk.joiner()
    assert joiner.run("directory").code == 0
    dn = joiner.entry["dn"]
    elsewhere = dn.partition(",")[2].replace("Wuppertal", "Brno")
    with desk.ldap() as connection:
        connection.modify_dn(dn, dn.partition(",")[0], new_superior=elsewhere)
    said = undone(desk, joiner)
    assert "not taken back" not in said.out
    assert joiner.entry is None


def test_a_step_that_fails_takes_the_run_back_where_it_says_so(desk):
    joiner = desk.joiner()
    before = directory(desk)
    desk.fault("sync-stopped")
    try:
        said = joiner.run("careful")
    finally:
        desk.fault("sync-stopped", off=True)
    assert said.code == 5, said.all
    assert said.json["status"] == "undone"
    assert "taken back by run" in said.json["why"]
    assert directory(desk) == before
    assert joiner.entry is None


def test_nothing_is_taken_back_twice_and_an_undo_not_at_all(desk):
    joiner = desk.joiner()
    assert joiner.run("directory").code == 0
    run = desk.run_of(joiner.id)
    undone(desk, joiner)
    again = desk("undo", run, "--yes")
    assert again.code == 6
    assert "undone already" in again.err
    back = desk("undo", desk.newest(), "--yes")
    assert back.code == 6
    assert "run the runbook again" in back.err


def test_help_teaches(desk):
    said = desk("undo", "--help").out
    for word in ("what cannot come back", "stays as it is", "--from", "--dry-run"):
        assert word in said


def test_a_run_whose_undo_stopped_names_the_command_that_goes_on_with_it(desk):
    joiner = desk.joiner()
    assert joiner.run("directory").code == 0
    run = desk.run_of(joiner.id)
    desk.fault("directory-busy")
    assert desk("undo", run, "--yes").code == 5
    desk.fault("directory-busy", off=True)
    back = next(row["run"] for row in desk("status", "--json").json if row["status"] == "failed")
    listed = next(row for row in desk("status", "--json").json if row["run"] == run)
    assert (listed["status"], listed["interrupted"]) == ("being undone", False)
    assert f"`runbook resume {back}` goes on with taking it back" in desk("status", run).out
    assert desk("cancel", back, "--reason", "later").code == 0
    assert f"`runbook undo {run}` goes on with taking it back" in desk("status", run).out
    assert desk("undo", run, "--yes").code == 0
    assert joiner.entry is None
