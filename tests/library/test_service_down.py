"""A service that really died, on a host over real SSH: logs first, one restart, seen from outside, then people."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from rehearsal_desk import until
from servers import sshd as server
from servers.far_host import FarHost, Service

from runbook_exec.errors import EXIT_WAITING

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with server.running(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def host(tmp_path):
    return FarHost(tmp_path)


@pytest.fixture
def service(host, sshd):
    made = Service(host)
    host.connect(sshd)
    subprocess.run(made.start, check=True)
    until(lambda: made.answers)
    yield made
    made.end()


def steps_of(host, run):
    return [e["body"]["step"] for e in host.desk.events(run) if e["kind"] == "step.result"]


def test_a_service_that_died_is_back_and_what_it_logged_is_kept_from_before_the_restart(host, service):
    service.die()
    said = host.run("service-down", service="intranet")
    assert said.code == 0, said.all
    run = host.desk.newest()
    assert service.answers
    assert service.starts == 2
    (kept,) = (host.far / "remediation" / "cases" / run).iterdir()
    assert kept.read_text() == "yesterday: all is well\nstarted\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    done = steps_of(host, run)
    assert done.index("logs") < done.index("restart") < done.index("seen") < done.index("close")
    (ticket,) = host.tickets()
    assert ticket["status"] == "closed"

    again = host.run("service-down", service="intranet")
    assert again.code == 0, again.all
    assert "Nothing to change" in again.out
    assert service.starts == 2


@pytest.mark.slow
def test_a_service_that_does_not_come_back_is_tried_once_and_then_a_persons(host, service):
    service.die()
    (service.place / "broken").touch()
    said = host.run("service-down", service="intranet")
    assert said.code == EXIT_WAITING, said.all
    run = host.desk.newest()
    assert service.starts == 2, "one attempt"
    done = steps_of(host, run)
    assert "stays_down" in done
    assert "flaps" not in done
    (ticket,) = host.tickets()
    assert ticket["status"] == "open"
    assert host.desk("resume", run, "--yes").code == EXIT_WAITING
    assert service.starts == 2


@pytest.mark.slow
def test_a_service_that_fell_again_within_its_quiet_time_is_not_restarted_but_escalated(host, service):
    service.die()
    assert host.run("service-down", service="intranet").code == 0
    service.die()
    said = host.run("service-down", service="intranet")
    assert said.code == EXIT_WAITING, said.all
    run = host.desk.newest()
    assert service.starts == 2
    assert not service.answers
    done = steps_of(host, run)
    assert "logs" in done
    assert "restart" not in done
    assert "flaps" in done

    past = time.time() - 31 * 60
    os.utime(host.far / "remediation" / "restarts" / "intranet", (past, past))
    assert host.desk("cancel", run, "--reason", "half an hour has gone by").code == 0
    assert host.run("service-down", service="intranet").code == 0
    assert service.starts == 3


def test_the_plan_of_a_restart_writes_nothing(host, service):
    service.die()
    said = host.desk("plan", "service-down", "--inputs", _inputs(host), "--brief")
    assert said.code in {0, 2}, said.all
    assert not (host.far / "remediation").exists()
    assert service.starts == 1


def test_a_unit_that_is_no_name_reaches_no_command(host, service, sshd):
    service.die()
    host.services["intranet"]["unit"] = "intranet; touch x"
    host.connect(sshd)
    said = host.run("service-down", service="intranet")
    assert said.code != 0
    assert "The unit may hold letters" in said.all


def _inputs(host):
    host.write("in.json", {"service": "intranet"})
    return "in.json"
