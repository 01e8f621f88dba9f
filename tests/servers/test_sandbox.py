"""The sandbox's process as people use it: started, looked at, troubled, stopped, started again, reset."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from ssl import create_default_context

import pytest

from runbook_exec.errors import Failed, Invalid, Unreachable
from runbook_exec.sandbox import process
from runbook_exec.sandbox.company import load

COMPANY = load()
UPN = "anna.berg@kranich.example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("project") / "sandbox"
    process.start(path)
    yield path
    process.stop(path)


@pytest.fixture
def own(tmp_path):
    """A folder of the test's own; whatever it starts is stopped."""
    path = tmp_path / "sandbox"
    yield path
    process.stop(path)


def ldap(folder):
    from ldap3 import Connection, Server, Tls

    found = process.connections(folder)["ldap"]
    server = Server(found["url"], tls=Tls(ca_certs_file=found["ca"], validate=2), get_info="NO_INFO")
    password = Path(found["password"].removeprefix("file:")).read_text()
    return Connection(server, user=found["user"], password=password, raise_exceptions=True)


def hire(folder, name="Anna Berg", sam="aberg", upn=UPN):
    dn = f"CN={name},{COMPANY.unit('wuppertal-people').dn}"
    values = {"sAMAccountName": sam, "userPrincipalName": upn, "displayName": name, "sn": "Berg", "mail": upn}
    with ldap(folder) as connection:
        connection.add(dn, "user", values)
    return dn


def until(so, seconds=10.0):
    end = time.monotonic() + seconds
    while not (found := so()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return found


def in_cloud(folder, who):
    try:
        found = process.look_person(folder, who)["cloud"]
    except Invalid:
        return None
    return found if found and found["state"] == "live" else None


def test_it_tells_where_it_listens(folder):
    told = process.status(folder)
    assert told["running"] is True
    assert set(told["listens"]) >= {"ldap", "graph", "mail"}
    assert told["trouble"] == ""
    assert json.dumps(told)


def test_a_second_start_finds_the_first(folder):
    first, second = process.status(folder)["pid"], process.start(folder)
    assert (second.pid, second.already) == (first, True)


def test_connections_hold_no_secret_in_clear(folder):
    found = process.connections(folder)
    assert found["ldap"]["password"].startswith("file:")
    assert found["graph"]["client_secret"].startswith("file:")
    for reference in (found["ldap"]["password"], found["graph"]["client_secret"]):
        file = Path(reference.removeprefix("file:"))
        assert file.read_text() not in json.dumps(found)
        assert file.stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_the_cloud_answers_over_https(folder):
    found = process.connections(folder)["graph"]
    request = urllib.request.Request(found["url"] + "/users")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, context=create_default_context(cafile=found["ca"]), timeout=10)
    with refused.value:
        assert refused.value.code == 401


def test_a_new_account_reaches_the_cloud_and_vanishes_with_its_deletion(folder):
    dn = hire(folder)
    user = until(lambda: in_cloud(folder, UPN))
    assert (user["synced"], user["accountEnabled"]) == (True, False)
    with ldap(folder) as connection:
        connection.delete(dn)
    until(lambda: in_cloud(folder, UPN) is None)
    seen = process.look_person(folder, UPN)
    assert (seen["directory"]["state"], seen["cloud"]["state"]) == ("deleted", "deleted")


def test_the_sync_can_be_stopped_and_goes_on(folder):
    process.fault(folder, "sync-stopped")
    assert process.active_faults(folder) == {"sync-stopped": {"times": None, "figures": {}}}
    dn = hire(folder, "Bea Berg", "bberg", "bea.berg@kranich.example")
    time.sleep(2.6)  # longer than a cycle
    assert in_cloud(folder, "bberg") is None
    process.fault(folder, "sync-stopped", off=True)
    until(lambda: in_cloud(folder, "bberg"))
    with ldap(folder) as connection:
        connection.delete(dn)


def test_a_fault_that_nobody_knows_is_refused(folder):
    for off in (True, False):
        with pytest.raises(Invalid, match="there is no fault 'graph-on-fire'"):
            process.fault(folder, "graph-on-fire", off=off)


def test_a_fault_keeps_its_figures(folder):
    process.fault(folder, "graph-throttled", times=3, figures={"seconds": 2})
    assert process.active_faults(folder)["graph-throttled"] == {"times": 3, "figures": {"seconds": 2}}
    process.fault(folder, "graph-throttled", off=True)
    assert process.active_faults(folder) == {}


@pytest.mark.parametrize(
    "who", ["lhoffmann", "laura.hoffmann", "LAURA.HOFFMANN@kranich.example", "1012", "Laura Hoffmann"]
)
def test_a_person_is_found_by_any_name(folder, who):
    found = process.look_person(folder, who)
    assert found["directory"]["sAMAccountName"] == "lhoffmann"
    assert "GG_Rolle_Vertrieb" in found["directory"]["groups"]
    assert found["cloud"]["mailbox"]["language"] == "de-DE"
    assert {"licence": "SPB", "from": "direct, GG_Lizenz_SPB"} in found["licences"]
    assert json.dumps(found)


def test_home_folders_are_seen(folder):
    home = folder / "hosts" / "fs-brno" / "homes" / "mrossi"
    home.mkdir()
    assert process.look_person(folder, "mrossi")["home"] == [str(home)]


def test_tickets_about_a_person_are_seen(folder):
    from runbook_exec.tickets.local import open_desk

    with open_desk({**process.connections(folder)["ticket"], "client": "kranich"}, write=True) as desk:
        mine = desk.open(key="onboard-1019", title="Onboarding (1019)", text="")
        desk.comment(mine, key="1", text="account made", author="runbook")
        desk.open(key="onboard-21019", title="Onboarding Marco Rossini", text="")
    (seen,) = process.look_person(folder, "1019")["tickets"]
    assert (seen["number"], seen["status"], seen["comments"]) == (int(mine), "open", ["account made"])


def test_an_account_of_the_cloud_alone_is_found(folder):
    found = process.look_person(folder, "marta.kowalski@kranich.example")
    assert found["directory"] is None
    assert found["cloud"]["synced"] is False


def test_nobody_of_that_name_is_said_so(folder):
    with pytest.raises(Invalid, match="neither the directory nor the cloud knows 'nobody'"):
        process.look_person(folder, "nobody")


def test_state_survives_a_restart(own):
    process.start(own)
    hire(own)
    before = until(lambda: in_cloud(own, UPN))
    process.fault(own, "mailbox-late", figures={"seconds": 5})
    assert process.stop(own) is True
    assert process.status(own)["running"] is False
    process.start(own)
    assert in_cloud(own, UPN)["id"] == before["id"]
    assert list(process.active_faults(own)) == ["mailbox-late"]


def test_a_reset_forgets_and_comes_up_again(own):
    first = process.start(own)
    hire(own)
    (own / "hosts" / "fs-brno" / "homes" / "aberg").mkdir()
    process.fault(own, "sync-stopped")
    again = process.reset(own)
    assert again is not None
    assert again.pid != first.pid
    with pytest.raises(Invalid):
        process.look_person(own, UPN)
    assert process.active_faults(own) == {}
    assert not (own / "hosts" / "fs-brno" / "homes" / "aberg").exists()
    with ldap(own) as connection:
        assert connection.bound


def test_a_reset_of_a_stopped_company_leaves_it_stopped(own):
    process.start(own)
    process.stop(own)
    assert process.reset(own) is None
    assert not process.is_running(own)


def test_stopping_what_does_not_run_is_no_error(own):
    assert process.stop(own) is False


def test_what_does_not_run_has_no_connections(own):
    with pytest.raises(Unreachable, match="not up") as refused:
        process.connections(own)
    assert "runbook sandbox start" in refused.value.next_move


def test_looking_before_the_first_start_says_what_to_do(own):
    with pytest.raises(Invalid, match="there is no rehearsal company yet"):
        process.look_person(own, "lhoffmann")


def test_a_fault_can_be_set_before_the_first_start(own):
    process.fault(own, "sync-stopped")
    process.start(own)
    assert list(process.active_faults(own)) == ["sync-stopped"]


def test_a_killed_process_is_no_obstacle(own):
    first = process.start(own)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not process.is_running(own))
    assert (own / "running.json").exists()
    second = process.start(own)
    assert second.pid != first.pid
    assert second.already is False


def test_a_process_whose_folder_was_deleted_ends(own):
    first = process.start(own)
    shutil.rmtree(own)
    until(lambda: os.waitpid(first.pid, os.WNOHANG)[0] == first.pid)


def test_a_reused_process_id_is_not_taken_for_the_sandbox(own):
    own.mkdir()
    (own / "running.json").write_text(json.dumps({"pid": os.getpid(), "connections": {}}))
    assert process.stop(own) is False
    assert process.start(own).pid != os.getpid()


def test_two_who_start_at_once_get_one_company(own):
    code = "import sys, pathlib; from runbook_exec.sandbox import process; print(process.start(pathlib.Path(sys.argv[1])).pid)"
    two = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(own)], stdout=subprocess.PIPE, text=True, env=_with_source()
        )
        for _ in range(2)
    ]
    pids = {child.communicate(timeout=60)[0].strip() for child in two}
    assert pids == {str(process.status(own)["pid"])}
    assert [child.returncode for child in two] == [0, 0]


def _with_source():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_a_company_that_cannot_come_up_says_why(own, monkeypatch):
    own.mkdir()
    (own / "company.sqlite").write_bytes(
        b"this is no database, and it is long enough to be taken for one" * 20
    )
    with pytest.raises(Failed, match="file is not a database") as refused:
        process.start(own)
    assert "runbook sandbox reset" in refused.value.next_move
    process.reset(own)
    assert process.start(own).pid


def test_starting_is_quick(own):
    began = time.monotonic()
    process.start(own)
    first = time.monotonic() - began
    process.stop(own)
    began = time.monotonic()
    process.start(own)
    assert time.monotonic() - began < 10
    assert first < 15  # 0.6 s on an idle machine, with all of the company moved in
