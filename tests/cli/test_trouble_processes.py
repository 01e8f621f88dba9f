"""Trouble with our own process: killed, interrupted, started twice. What was done is not done again."""

from __future__ import annotations

import signal

import pytest
from rehearsal_desk import company, kill, until

from runbook_exec.cli.words import say
from runbook_exec.run import RunStatus


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        made.buy("SPB", 200)
        made.runbook("whole", without={"home"}, deadline="60s")
        yield made


@pytest.fixture
def waiting(desk):
    """A run of the real command that waits for the cloud, which nothing brings until the sync is let go on."""
    desk.fault("sync-stopped")
    joiner = desk.joiner()
    child = desk.begun("run", "whole", "--inputs", joiner.file, "--rehearse")
    until(lambda: (joiner.entry or {}).get("memberOf") or child.poll() is not None)
    yield joiner, child, until(lambda: desk.waits_at(joiner.id, "groups"))
    desk.fault("sync-stopped", off=True)
    if child.poll() is None:
        kill(child)


def settled(desk, joiner, run):
    """The run is done; each thing was written once, by the witness of each far side."""
    assert desk("status", run, "--json").json["status"] == "done"
    kinds = [kind for kind, _ in desk.directory_writes(joiner.name)]
    assert kinds.count("add") == 1
    user = desk.graph(f"/users/{joiner.upn}?$select=id,accountEnabled,assignedLicenses")
    assigned = [path for _, path, _ in desk.graph_writes() if path.endswith("/assignLicense")]
    assert len([path for path in assigned if user["id"] in path or joiner.upn in path]) == 1
    assert (user["accountEnabled"], len(user["assignedLicenses"]), len(joiner.mails)) == (True, 1, 1)
    (ticket,) = [ticket for ticket in desk.tickets() if joiner.id in ticket["title"]]
    assert (ticket["status"], len(desk.attachments(ticket["id"]))) == ("closed", 3)


def test_a_killed_run_is_told_as_one_and_goes_on_at_once(desk, waiting):
    joiner, child, run = waiting
    kill(child)
    listed = desk("status")
    assert "interrupted" in listed.out
    assert f"`runbook resume {run}`" in listed.out
    assert "unterbrochen" in desk("status", run, "--lang", "de").out
    assert desk("status", run, "--json").json["interrupted"] is True
    again = desk.begun("resume", run, "--rehearse")
    until(lambda: desk.times_done(run, "password") == 2)
    assert desk("status", run, "--json").json["interrupted"] is False
    kill(again)  # in the wait once more, after the lost secret was made anew
    desk.fault("sync-stopped", off=True)
    said = desk("resume", run, "--rehearse")
    assert said.code == 0, said.all
    assert said.out.index("↻ Make a first password") < said.out.index("↻ Set the first password")
    settled(desk, joiner, run)


def test_of_two_that_go_on_with_one_run_one_works_and_the_other_is_told_who_does(desk, waiting):
    joiner, child, run = waiting
    said = desk(
        "resume", run, "--rehearse"
    )  # to cancel it is another matter: that may be asked for from outside
    assert said.code == 7
    assert f"process {child.pid} on " in said.err
    assert "next: wait for it to end" in said.err
    third = desk("run", "whole", "--inputs", joiner.file, "--rehearse")
    assert (third.code, f"runbook resume {run}" in third.err) == (7, True)
    desk.fault("sync-stopped", off=True)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0, out.decode()
    settled(desk, joiner, run)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_settles_what_is_in_flight_and_says_what_goes_on(desk, waiting, number):
    joiner, child, run = waiting
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 10, out.decode()
    assert "stopping after the step in flight" in err.decode()
    assert f"Run {run}: waiting. the synced account of " in out.decode()
    assert f"`runbook resume {run}` looks again" in out.decode()
    desk.fault("sync-stopped", off=True)
    assert desk("resume", run, "--rehearse").code == 0
    settled(desk, joiner, run)


def test_a_second_ctrl_c_stops_at_once_and_names_the_run(desk, waiting):
    joiner, child, run = waiting
    child.send_signal(signal.SIGSTOP)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGCONT)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 130, (out, err)
    assert f"run {run} stopped at once" in err.decode()
    assert f"`runbook resume {run}`" in err.decode()
    desk.fault("sync-stopped", off=True)
    assert desk("resume", run, "--rehearse").code == 0
    settled(desk, joiner, run)


@pytest.mark.parametrize("status", [*RunStatus, "interrupted"])
def test_every_standing_of_a_run_has_a_word_in_both_languages(status):
    assert say("de", f"status {status}")
    assert say("en", f"status {status}")
