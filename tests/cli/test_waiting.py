"""A run that waits costs no process, by the real command: it is left, and a round from cron goes on with it."""

from __future__ import annotations

import signal

import pytest
from rehearsal_desk import company, until

from runbook_exec.errors import EXIT_WAITING, Failed


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        made.buy("SPB", 200)
        keep = {"identity", "ticket", "account", "cloud", "close"}
        made.runbook("short", keep=keep, deadline="60s")
        made.runbook("hurried", keep=keep, deadline="1s")
        yield made


@pytest.fixture
def stopped(desk):
    """Nobody comes to the cloud until the sync is let go on."""
    desk.fault("sync-stopped")
    yield
    desk.fault("sync-stopped", off=True)


def test_in_a_pipe_a_wait_is_left_and_a_round_goes_on_with_it(desk, stopped):
    joiner = desk.joiner()
    said = desk("run", "short", "--inputs", joiner.file, "--rehearse", "--hold", "100ms")
    assert said.code == EXIT_WAITING, said.all
    assert "resume --due" in said.out
    run = desk.run_of(joiner.id)
    told = desk("status", run, "--json").json
    assert told["interrupted"] is False
    assert told["due"].startswith("20")

    desk.fault("sync-stopped", off=True)
    until(lambda: joiner.user)
    said = desk("resume", "--due")
    assert said.code == 0, said.all
    assert said.out.startswith(run)
    assert desk("status", run, "--json").json["status"] == "done"
    assert desk("resume", "--due").out == ""


def test_a_wait_whose_time_is_over_is_trouble_in_a_round(desk, stopped):
    joiner = desk.joiner()
    assert (
        desk("run", "hurried", "--inputs", joiner.file, "--rehearse", "--hold", "10ms").code == EXIT_WAITING
    )
    run = desk.run_of(joiner.id)

    def told():
        found = desk("resume", "--due", "--json")
        return found if "failed" in found.out else None

    said = until(told)
    assert said.code == Failed.exit_code
    assert [(each["run"], each["status"]) for each in said.json] == [(run, "failed")]
    assert "time is over" in said.json[0]["says"]
    desk("cancel", run, "--reason", "x")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_leaving_it_leaves_a_run_that_waits(desk, stopped, number):
    joiner = desk.joiner()
    child = desk.begun("run", "short", "--inputs", joiner.file, "--rehearse", "--hold", "1h")
    run = until(lambda: desk.waits_at(joiner.id, "account"))
    until(lambda: any(event["kind"] == "step.waiting" for event in desk.events(run)))
    child.send_signal(number)
    assert child.wait(30) == EXIT_WAITING
    child.communicate()
    told = desk("status", run, "--json").json
    assert (told["status"], told["interrupted"]) == ("waiting", False)
    desk("cancel", run, "--reason", "x")


def test_a_round_and_a_run_are_not_asked_for_together(desk):
    assert desk("resume").code == 2
    assert desk("resume", "r1", "--due").code == 2
    assert desk("resume", "--due", "--replan").code == 2
