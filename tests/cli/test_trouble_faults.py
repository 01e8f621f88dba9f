"""Trouble at each far side, through the real command: what is said and recorded, and that `resume` goes through."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from rehearsal_desk import Said, company, until


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        made.buy("SPB", 200)
        made.runbook("whole", without={"home"})
        made.runbook("directory", keep={"identity", "ticket", "account", "groups", "close"})
        cloud = {"identity", "ticket", "account", "cloud", "licence", "mailbox", "mailbox_settings"}
        made.runbook("cloud", keep=cloud)
        made.runbook("hasty", keep=cloud, deadline="500ms")
        made.runbook("short", keep=cloud, edit=lambda steps: short(steps, "mailbox"))
        yield made


@pytest.fixture(autouse=True)
def _no_fault_is_left_on(desk):
    yield
    for name in desk.faults():
        desk.fault(name, off=True)


def short(steps, step_id):
    for step in steps:
        if step["id"] == step_id:
            step["with"]["deadline"] = "1s"


def stopped(said, step, *words):
    """The run failed at a step; its record says why, and the command that goes on."""
    assert said.code == 5, said.all
    run = said.json
    assert run["status"] == "failed"
    for word in (f"'{step}'", *words):
        assert word in run["why"], run["why"]
    assert f"runbook resume {run['run']}" in run["next"] or "runbook" not in run["next"]
    assert run["next"]
    return run


def goes_on(desk, run):
    """`resume` ends the run; no step is done again but for a lost secret."""
    said = desk("resume", run["run"], "--rehearse", "--json")
    assert said.code == 0, said.all
    assert said.json["status"] == "done"
    events = desk.events(run["run"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    again = {event["body"]["step"] for event in events if event["kind"] == "step.reopened"}
    ends = {"step.result", "step.adopted", "step.skipped"}
    over = [event["body"]["step"] for event in events if event["kind"] in ends]
    assert {step for step in over if over.count(step) > 1} == again
    return events


def nothing_was_begun(desk, joiner):
    rows = desk("status", "--json").json
    assert joiner.id not in {row["subject"] for row in rows}
    assert joiner.entry is None


@contextmanager
def under_way(desk, joiner, runbook):
    """A run that has made the account and waits for the cloud; then trouble begins, then the run ends."""
    desk.fault("sync-stopped")
    with desk.begun("run", runbook, "--inputs", joiner.file, "--rehearse", "--json") as child:
        until(lambda: joiner.entry or child.poll() is not None)
        told = []
        yield told
        desk.fault("sync-stopped", off=True)
        out, err = child.communicate(timeout=60)
    told.append(Said(child.returncode, out.decode(), err.decode()))


def test_a_directory_that_is_down_is_met_before_anything_is_begun(desk):
    joiner = desk.joiner()
    desk.fault("directory-down")
    said = joiner.run("directory")
    desk.fault("directory-down", off=True)
    (error,) = said.errors
    assert (said.code, error["kind"]) == (4, "unreachable")
    assert "directory 127.0.0.1" in error["where"]
    assert "is the server up" in error["next"]
    nothing_was_begun(desk, joiner)


def test_a_directory_that_goes_down_stops_the_run_and_resume_makes_lost_secrets_anew(desk):
    joiner = desk.joiner()
    with under_way(desk, joiner, "whole") as told:
        until(lambda: desk.waits_at(joiner.id, "groups"))
        desk.fault("directory-down")
    desk.fault("directory-down", off=True)
    run = stopped(told[0], "open", "directory 127.0.0.1", "no answer")
    events = goes_on(desk, run)
    again = {event["body"]["step"] for event in events if event["kind"] == "step.reopened"}
    assert again == {"first_password", "password"}
    assert (joiner.entry["userAccountControl"], len(joiner.mails)) == (["512"], 1)


def test_a_busy_directory_stops_the_run_and_nothing_is_half_written(desk):
    joiner = desk.joiner()
    desk.fault("directory-busy")
    run = stopped(joiner.run("directory"), "account", "busy")
    assert joiner.entry is None
    desk.fault("directory-busy", off=True)
    goes_on(desk, run)
    assert len(joiner.entry["memberOf"]) == 2


def test_a_lost_answer_of_the_directory_is_looked_for_and_nothing_is_written_twice(desk):
    joiner = desk.joiner()
    desk.fault("directory-lost-answer", times=2)
    # The account is one write, and was done; the groups are two, of which one was done and the other is done now.
    said = joiner.run("directory")
    assert said.code == 0, said.all
    events = desk.events(said.json["run"])
    notes = {
        event["body"]["step"]: event["body"]["note"] for event in events if event["kind"] == "step.adopted"
    }
    assert notes["account"] == "there was no answer, but it was done"
    assert len(joiner.entry["memberOf"]) == 2
    assert [kind for kind, _ in desk.directory_writes(joiner.name)] == ["add"]


def test_a_throttled_cloud_is_borne_with(desk):
    joiner = desk.joiner()
    desk.fault("graph-throttled", times=4, figures={"seconds": 0.2})
    assert joiner.run("cloud").code == 0
    assert len(joiner.user["assignedLicenses"]) == 1


@pytest.mark.parametrize("fault", ["graph-throttled", "graph-unavailable"])
def test_a_cloud_that_asks_for_too_much_patience_is_met_before_anything_is_begun(desk, fault):
    joiner = desk.joiner()
    desk.fault(fault, figures={"seconds": 300})
    said = joiner.run("cloud")
    (error,) = said.errors
    assert (said.code, error["kind"]) == (5, "transient")
    assert "patience" in error["what"]
    assert error["next"] == "the same command goes on later"
    nothing_was_begun(desk, joiner)


@pytest.mark.parametrize("fault", ["graph-throttled", "graph-unavailable"])
def test_a_cloud_that_goes_away_stops_the_run(desk, fault):
    joiner = desk.joiner()
    with under_way(desk, joiner, "cloud") as told:
        desk.fault(fault, figures={"seconds": 300})
    desk.fault(fault, off=True)
    run = stopped(told[0], "cloud", "patience")
    goes_on(desk, run)
    assert len(joiner.user["assignedLicenses"]) == 1


def test_a_lost_answer_of_the_cloud_is_looked_for_and_nothing_is_written_twice(desk):
    joiner, before = desk.joiner(), len(desk.graph_writes())
    desk.fault("graph-lost-answer", times=2)
    said = joiner.run("cloud")
    assert said.code == 0, said.all
    assert len(joiner.user["assignedLicenses"]) == 1
    written = [(method, path.rpartition("/")[2]) for method, path, _ in desk.graph_writes()[before:]]
    assert len(written) == len(set(written)) == 3, written


def test_a_cloud_that_shows_new_things_late_is_waited_for(desk):
    joiner = desk.joiner()
    desk.fault("graph-lag", figures={"seconds": 1.5})
    assert joiner.run("cloud").code == 0
    assert len(joiner.user["assignedLicenses"]) == 1


def test_licences_that_are_used_up_are_noticed_before_anything_is_written(desk):
    joiner = desk.joiner()
    desk.fault("licences-exhausted")
    said = joiner.run("cloud")
    (error,) = said.errors
    assert (said.code, error["kind"]) == (6, "refused")
    assert "no seat of SPB is free: 200 consumed of 200" in error["what"]
    assert error["next"]
    nothing_was_begun(desk, joiner)


def test_a_seat_that_somebody_else_took_meanwhile_stops_the_run(desk):
    joiner = desk.joiner()
    with under_way(desk, joiner, "cloud") as told:
        desk.fault("licences-exhausted")
    desk.fault("licences-exhausted", off=True)
    run = stopped(told[0], "licence", "no seat of SPB is free")
    assert joiner.user["assignedLicenses"] == []
    goes_on(desk, run)
    assert len(joiner.user["assignedLicenses"]) == 1


def test_a_mailbox_that_comes_late_ends_the_wait_and_resume_waits_anew(desk):
    joiner = desk.joiner()
    desk.fault("mailbox-late", figures={"seconds": 3600})
    run = stopped(joiner.run("short"), "mailbox", "time is over", "is not there yet")
    desk.fault("mailbox-late", off=True)
    goes_on(desk, run)


def test_a_sync_that_does_not_run_ends_the_wait(desk):
    joiner = desk.joiner()
    desk.fault("sync-stopped")
    run = stopped(joiner.run("hasty"), "cloud", "time is over", "the cloud account of", "is not there yet")
    desk.fault("sync-stopped", off=True)
    until(lambda: joiner.user)
    said = desk("resume", run["run"], "--rehearse", "--json")
    assert "'mailbox'" in said.json["why"]  # which is made too late for the hasty, and is there the next time
    until(lambda: desk.graph(f"/users/{joiner.upn}/mailboxSettings"))
    goes_on(desk, run)


def test_a_refused_mail_is_sent_once_the_server_takes_it(desk):
    joiner = desk.joiner()
    desk.fault("mail-refused")
    run = stopped(joiner.run("whole"), "welcome", "mail server 127.0.0.1", "451")
    assert joiner.mails == []
    desk.fault("mail-refused", off=True)
    goes_on(desk, run)
    assert len(joiner.mails) == 1
