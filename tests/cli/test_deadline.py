"""Steps that take too long, through the real command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from gating import Office

from runbook_exec import app as apps
from runbook_exec import watch

RUNBOOK = """\
runbook: room
title: {en: Room, de: Raum}
sections:
  - title: {en: All, de: Alles}
    steps:
      - {id: desk, title: {en: Desk, de: Tisch}, mode: read-do, deadline: 4h}
"""


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    made = Office(tmp_path, monkeypatch, capsys)
    made.write("runbooks/room.yaml", RUNBOOK)
    made("mia", "run", "room", "--yes")
    made.run = made("mia", "status", "--json").json[0]["run"]
    return made


def later(monkeypatch, **length: int) -> None:
    at = datetime.now(UTC) + timedelta(**length)
    monkeypatch.setattr(apps, "now", lambda: at)
    monkeypatch.setattr(watch, "now", lambda: at)


def test_in_time_nothing_is_said(office):
    assert "OVERDUE" not in office("mia", "status").out
    assert office("mia", "status", office.run, "--json").json["late"] == []
    assert office("mia", "doctor").code == 0


def test_time_that_runs_out_is_an_advisory(office, monkeypatch):
    later(monkeypatch, hours=3, minutes=5)
    assert "desk: should be over by" in office("mia", "status", office.run).out
    assert "OVERDUE" not in office("mia", "status").out
    doctor = office("mia", "doctor")
    assert doctor.code == 0
    assert f"advisory: run {office.run} is at desk since" in doctor.out


def test_an_overdue_step_is_loud_everywhere(office, monkeypatch):
    later(monkeypatch, hours=5)
    for words in (("status",), ("status", office.run)):
        assert "! desk: OVERDUE, should be over by" in office("mia", *words).out
    assert [one["level"] for one in office("mia", "status", "--json").json[0]["late"]] == ["caution"]
    doctor = office("mia", "doctor")
    assert doctor.code == 4
    assert f"caution: run {office.run} is at desk since" in doctor.out


def test_whoever_takes_a_run_over_sees_what_is_overdue(office, monkeypatch):
    taken = office("noor", "take", office.run)
    assert "OVERDUE" not in taken.out
    later(monkeypatch, hours=5)
    from runbook_exec import handover

    monkeypatch.setattr(handover, "now", apps.now)
    assert "! desk: OVERDUE" in office("noor", "take", office.run).out


def test_a_step_without_a_deadline_has_the_projects(office, monkeypatch):
    office.write("runbooks/hall.yaml", RUNBOOK.replace(", deadline: 4h", "").replace("room", "hall"))
    office.replace("runbook.yaml", "client: c", "client: c\ndeadline: 30d")
    office("mia", "run", "hall", "--yes")
    later(monkeypatch, days=4)
    hall, room = office("mia", "status", "--json").json
    assert (len(hall["late"]), len(room["late"])) == (0, 1)
    later(monkeypatch, days=31)
    assert len(office("mia", "status", "--json").json[0]["late"]) == 1
