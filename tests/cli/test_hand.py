"""People at one run: taking it over, leaving notes, and confirming from another terminal."""

from __future__ import annotations

import pytest
from gating import Office

HEAD = """\
runbook: wipe
title: {en: Wipe a laptop, de: Ein Notebook löschen}
sections:
  - title: {en: Room, de: Raum}
    steps:
"""
WIPE = """\
      - id: wiped
        title: {en: Wipe it, de: Es löschen}
        mode: challenge
        uses: ticket.open
        with: {key: "w-{{ run.id }}", title: "Wiped", text: "now"}
"""
LIST = """\
      - {id: desk, title: {en: Clear the desk, de: Tisch leeren}, mode: do-confirm}
      - id: told
        title: {en: Tell the desk, de: Dem Desk sagen}
        uses: ticket.open
        with: {key: "k-{{ run.id }}", title: "Told", text: "now"}
      - {id: chair, title: {en: Put the chair back, de: Stuhl zurückstellen}, mode: do-confirm}
"""


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    return Office(tmp_path, monkeypatch, capsys)


def begin(office: Office, steps: str, account: str = "mia"):
    office.write("runbooks/wipe.yaml", HEAD + steps)
    found = office(account, "run", "wipe", "--yes")
    office.run = office(account, "status", "--json").json[0]["run"]
    return found


def test_a_challenge_in_a_pipe_waits_and_says_how_it_goes_on(office):
    begun = begin(office, WIPE)
    assert begun.code == 10
    assert f"runbook confirm {office.run} wiped" in begun.out
    assert office.tickets() == []


def test_a_challenge_is_answered_by_a_second_human_from_another_terminal(office):
    begin(office, WIPE)
    first = office("mia", "confirm", office.run, "--yes")
    assert first.code == 10
    assert "another person" in first.out
    assert office.resume().code == 10
    second = office("boss", "confirm", office.run, "--yes")
    assert second.code == 0
    assert f"runbook resume {office.run}" in second.out
    assert office.resume().code == 0
    assert office.tickets() == ["Wiped"]


def test_one_human_with_two_accounts_answers_no_challenge(office):
    begin(office, WIPE)
    office("boss", "confirm", office.run, "--yes")
    again = office("adm-boss", "confirm", office.run, "--yes")
    assert again.code == 6
    assert "another human" in again.err
    assert office.resume("adm-boss").code == 10
    assert office.tickets() == []


def test_an_account_that_is_nobodys_answers_no_challenge(office):
    begin(office, WIPE)
    assert office("stranger", "confirm", office.run, "--yes").code == 6
    office("boss", "confirm", office.run, "--yes")
    assert office("stranger", "resume", office.run).code == 10
    assert office.tickets() == []


def test_somebody_who_left_the_people_file_counts_no_more_in_a_challenge(office):
    begin(office, WIPE)
    office("boss", "confirm", office.run, "--yes")
    office("mia", "confirm", office.run, "--yes")
    office.replace("people.yaml", "accounts: [mia]", "accounts: [mia2]")
    assert office.resume("boss").code == 10
    assert office.tickets() == []


def test_nothing_is_confirmed_blindly_in_a_pipe(office):
    begin(office, WIPE)
    found = office("boss", "confirm", office.run)
    assert found.code == 6
    assert "Wipe it" in found.out
    assert "nobody is at the terminal" in found.err


def test_a_new_plan_makes_a_confirmation_void(office):
    begin(office, WIPE)
    office("boss", "confirm", office.run, "--yes")
    office("mia", "resume", office.run, "--replan", "--yes")
    assert office("boss", "confirm", office.run, "--yes").code == 10


def test_what_was_done_from_memory_is_confirmed_when_the_section_ends(office):
    begun = begin(office, LIST)
    assert begun.code == 10
    assert office.tickets() == ["Told"]
    confirmed = office("noor", "confirm", office.run, "--yes")
    assert confirmed.out.index("Clear the desk") < confirmed.out.index("Put the chair back")
    assert office.resume().code == 0
    events = [(e["kind"], e["who"]) for e in office.events() if e["kind"] == "step.confirmed"]
    assert events == [("step.confirmed", "noor")] * 2


def test_a_run_waits_in_the_language_of_who_began_it(office):
    office.write("runbooks/wipe.yaml", HEAD + WIPE)
    found = office("mia", "run", "wipe", "--yes", "--lang", "de")
    assert "wartet auf die Bestätigung durch einen Menschen" in found.out


def test_a_run_is_handed_over_with_what_waits_and_what_is_next(office):
    begin(office, WIPE)
    assert office("mia", "note", office.run, "the", "owner calls back at ten").code == 0
    taken = office("noor", "take", office.run)
    assert "in the hands of noor (before: mia)" in taken.out
    assert "Wipe it (wiped) – waits for a person to confirm" in taken.out
    assert "mia: the owner calls back at ten" in taken.out
    assert f"runbook confirm {office.run} wiped" in taken.out
    assert office("noor", "take", office.run, "--json").json["holder"] == "noor"
    assert [e["who"] for e in office.events() if e["kind"] == "run.taken"] == ["noor"]
    assert "has it from here on, after mia" in office("mia", "log", office.run).out


def test_a_run_that_is_over_has_no_next_move_but_its_story(office):
    begin(office, WIPE)
    office("mia", "cancel", office.run, "--reason", "no")
    told = office("mia", "take", office.run).out
    assert "runbook resume" not in told
    assert f"runbook log {office.run}" in told


def test_a_script_that_gives_no_reason_is_told_how(office):
    begin(office, WIPE)
    for words in (["cancel", office.run], ["resolve", office.run, "wiped", "abort"]):
        found = office("mia", *words)
        assert found.code == 6
        assert "--reason TEXT" in found.err
    assert office("mia", "status", office.run, "--json").json["status"] == "waiting"


def test_who_names_a_step_that_is_not_in_doubt_is_told_where_to_look(office):
    begin(office, WIPE)
    found = office("mia", "resolve", office.run, "nothing", "done", "--reason", "x")
    assert found.code == 6
    assert f"`runbook status {office.run}` shows how each step stands" in found.err


def test_mine_are_the_runs_that_i_have_in_hand(office):
    begin(office, WIPE)
    assert [r["run"] for r in office("mia", "status", "--mine", "--json").json] == [office.run]
    office("noor", "take", office.run)
    assert office("mia", "status", "--mine", "--json").json == []
    assert [r["holder"] for r in office("noor", "status", "--mine", "--json").json] == ["noor"]


def test_a_note_can_be_left_on_a_run_that_is_over(office):
    begin(office, WIPE)
    office("mia", "cancel", office.run, "--reason", "no")
    assert office("noor", "note", office.run, "found later").code == 0
    assert office("noor", "take", office.run).code == 6
    assert office("noor", "note", office.run, "  ").code == 3


def test_a_run_that_somebody_works_on_ends_once_the_step_in_flight_is_settled(office, monkeypatch):
    from runbook_exec import conduct
    from runbook_exec.errors import Busy

    begin(office, WIPE)

    def busy(*_, **__):
        raise Busy("process 7 works on it")

    with monkeypatch.context() as patched:
        patched.setattr(conduct, "taken_up", busy)
        told = office("noor", "cancel", office.run, "--reason", "wrong laptop")
    assert told.code == 0
    assert "process 7 works on it; it ends once the step in flight is settled" in told.out
    assert office.resume().code == 0
    assert office("mia", "status", office.run, "--json").json["status"] == "cancelled"
    assert "noor: wrong laptop" in office("mia", "log", office.run).out


def test_what_took_two_people_to_do_takes_two_to_undo(office):
    begin(office, WIPE)
    for account in ("mia", "boss"):
        office(account, "confirm", office.run, "--yes")
    assert office.resume().code == 0
    undone = office("mia", "undo", office.run, "--yes")
    assert undone.code == 10
    back = office("mia", "status", "--json").json[0]["run"]
    assert office("mia", "confirm", back, "--yes").code == 10
    assert office("mia", "resume", back).code == 10
    assert office("boss", "confirm", back, "--yes").code == 0
    assert office("mia", "resume", back).code == 0
    assert office("mia", "status", office.run, "--json").json["status"] == "undone"


def test_nobody_is_played_outside_of_the_rehearsal_company(office):
    begin(office, WIPE)
    played = office("mia", "confirm", office.run, "--yes", "--as", "boss@x.example")
    assert played.code == 6
    assert "everybody decides for themselves" in played.err
