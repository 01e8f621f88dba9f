"""The run's story on its ticket: each result once, whatever became of the desk or the process meanwhile."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
from gating import SETTINGS, Office

from runbook_exec import outbox
from runbook_exec.tickets import open_desk

HEAD = """\
runbook: small
title: {en: A small one, de: Eine kleine}
subject: '77'
inputs:
  type: object
  additionalProperties: false
  properties:
    word: {type: string, secret: true}
sections:
  - title: {en: All, de: Alles}
    steps:
      - {id: begins, title: {en: It begins, de: Es beginnt}, uses: ticket.open, with: {title: Another}}
"""
WAITS = """\
      - {id: pause, title: {en: Somebody agrees, de: Jemand stimmt zu}, gate: {all: [{person: boss@x.example}]}}
"""
ENDS = """\
      - {id: ends, title: {en: It <b>ends</b>, de: Es <b>endet</b>}, uses: secret.generate}
"""
CLOSES = """\
      - {id: close, title: {en: Close it, de: Schließen}, uses: ticket.close, with: {ticket: "{{ run.ticket }}"}}
"""


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    made = Office(tmp_path, monkeypatch, capsys)
    with desk_of(made, write=True) as desk:
        assert desk.open(key="a person", title="Please", text="") == "1"
    return made


def desk_of(office, *, write=False):
    return open_desk({"project": str(office.folder), "client": "c"}, write=write)


def ticket(office):
    with desk_of(office) as desk:
        return desk.read("1")


def paper(office, name):
    with desk_of(office) as desk:
        return desk.content("1", f"{office.run}/{name}").decode()


def begin(office, steps, *more):
    office.write("runbooks/small.yaml", HEAD + steps)
    said = office("mia", "run", "small", "--yes", "--ticket", "1", *more)
    assert said.code in {0, 10}, said.err
    office.run = office("mia", "status", "--json").json[0]["run"]
    return said


def away(office):
    """From here on the desk does not answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    office.write("token", "1-2-3")
    connection = (
        f"{{system: rt, url: 'http://127.0.0.1:{port}', token: 'file:{office.folder}/token', queue: q}}"
    )
    office.write("runbook.yaml", SETTINGS.replace("{system: local}", connection))


def back(office):
    office.write("runbook.yaml", SETTINGS)


def test_each_result_is_told_once_in_the_language_of_the_desk(office):
    office.write("runbook.yaml", SETTINGS.replace("client: c", "client: c\nlanguage: de"))
    assert begin(office, WAITS + ENDS).code == 10
    (first,) = ticket(office)["comments"]
    assert first["text"].startswith(f"Eine kleine (Lauf {office.run})")
    assert "✓ Es beginnt" in first["text"]
    assert "Stand: wartet" in first["text"]
    assert "Es <b>endet" not in first["text"]
    office.decide("boss")
    assert office.resume().code == 0
    _, second = ticket(office)["comments"]
    assert "Es beginnt" not in second["text"]
    assert "✓ Es <b>endet</b>" in second["text"]
    assert second["text"].endswith("Stand: erledigt")


def test_a_run_that_is_over_leaves_its_papers_and_none_of_them_says_that_it_runs(office):
    assert begin(office, ENDS + CLOSES).code == 0
    found = ticket(office)
    assert found["status"] == "closed"
    assert [a["name"].split("-")[0] for a in found["attachments"]] == ["checklist", "plan", "review"]
    checklist = paper(office, "checklist")
    assert "- Status: done" in checklist
    assert "under way" not in checklist
    assert "running" not in checklist
    assert "✓ Close it" in checklist
    assert paper(office, "plan").startswith("<!doctype html>")


def test_no_secret_is_told(office):
    office.write("inputs.json", '{"word": "hunter2-and-more"}')
    begin(office, ENDS + CLOSES, "--inputs", "inputs.json")
    everything = [c["text"] for c in ticket(office)["comments"]]
    everything += [paper(office, name) for name in ("checklist", "plan", "review")]
    assert len(everything) == 4
    assert not any("hunter2" in text for text in everything)


def test_a_rejected_gate_is_told_and_leaves_no_papers_yet(office):
    begin(office, WAITS + ENDS)
    office.decide("boss", "reject")
    office.resume()
    told = ticket(office)["comments"][-1]["text"]
    assert "✗ Somebody agrees" in told
    assert "Status: refused" in told
    assert ticket(office)["attachments"] == []


def test_a_desk_that_is_away_blocks_nothing_and_is_told_later(office, monkeypatch):
    assert begin(office, WAITS + ENDS).code == 10
    away(office)
    office.decide("boss")
    assert office.resume().code == 0
    said = office("mia", "doctor").out
    assert f"run {office.run}" in said
    assert "does not answer" in said
    back(office)
    office("mia", "resume", "--due")
    assert len(ticket(office)["comments"]) == 1, "the last try was just now"
    monkeypatch.setattr(outbox, "AGAIN", timedelta(0))
    for _ in range(2):
        office("mia", "resume", "--due")
    _, told = ticket(office)["comments"]
    assert "✓ It <b>ends</b>" in told["text"]
    assert told["text"].endswith("Status: done")
    assert len(ticket(office)["attachments"]) == 3
    assert f"run {office.run}" not in office("mia", "doctor").out


def test_what_was_told_but_not_kept_is_not_told_again(office):
    begin(office, WAITS + ENDS)
    (office.folder / ".runbook" / outbox.FILE).unlink()
    outbox.expect(office_app(office), office.run)  # as a process leaves it that dies after the comment
    office.decide("boss")
    office.resume()
    first, second = ticket(office)["comments"]
    assert "It begins" in first["text"]
    assert "It begins" not in second["text"]


def office_app(office):
    from runbook_exec.app import App
    from runbook_exec.desk import Desk
    from runbook_exec.settings import find_project

    return App(find_project(office.folder), environment=None, desk=Desk(who="mia", language="en"))


def test_nothing_new_is_nothing_told(office, monkeypatch):
    begin(office, WAITS + ENDS)
    monkeypatch.setattr(outbox, "AGAIN", timedelta(0))
    for _ in range(3):
        office("mia", "resume", "--due")
    assert len(ticket(office)["comments"]) == 1


def test_a_plan_tells_nothing(office):
    office.write("runbooks/small.yaml", HEAD + ENDS)
    assert office("mia", "plan", "small", "--ticket", "1").code == 0
    assert ticket(office)["comments"] == []
    assert not (office.folder / ".runbook" / outbox.FILE).exists()


def test_a_run_without_a_ticket_owes_nothing(office):
    office.write("runbooks/small.yaml", HEAD + ENDS)
    assert office("mia", "run", "small", "--yes").code == 0
    assert outbox.owed(office_app(office)) == []


def test_a_run_that_was_refused_owes_nothing_for_long(office, monkeypatch):
    begin(office, ENDS)
    app = office_app(office)
    outbox.expect(app, "261125-never")
    monkeypatch.setattr(outbox, "AGAIN", timedelta(0))
    for _ in range(2):
        office("mia", "resume", "--due")
    assert outbox.owed(app) == []


def test_a_ticket_that_is_not_there_is_said_by_doctor_and_stops_no_run(office):
    office.write("runbooks/small.yaml", HEAD + ENDS)
    assert office("mia", "run", "small", "--yes", "--ticket", "77").code == 0
    assert "there is no ticket '77'" in office("mia", "doctor").out
