"""`runbook reschedule` through the real command."""

from __future__ import annotations

import pytest
from gating import Office

STEPS = """
      - id: later
        title: {en: Later, de: Später}
        not_before: "{{ day }}"
        uses: ticket.open
        with: {key: "m-{{ run.id }}", title: "Later for {{ who }}", text: x}
"""


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    made = Office(tmp_path, monkeypatch, capsys)
    made.replace(
        "runbooks/grant.yaml",
        "    who: {type: string}",
        "    who: {type: string}\n    day: {type: string, format: date}",
    )
    made.replace("runbooks/grant.yaml", "required: [who]", "required: [who, day]")
    made.replace("runbooks/grant.yaml", "expires: 5d}", "holds: 900d}")
    made.write("runbooks/grant.yaml", (tmp_path / "runbooks/grant.yaml").read_text() + STEPS.lstrip("\n"))
    return made


def test_a_date_is_moved_by_whoever_looked_at_the_new_plan(office):
    begun = office.begin("mia", "77", "-i", "day=2090-01-31")
    assert begun.code == 10, begun.err
    assert "not before Tue 2090-01-31 00:00 (UTC)" in begun.out
    blind = office("mia", "reschedule", office.run, "--to", "2090-02-28", "--reason", "asked for")
    assert blind.code == 6
    assert "nobody is at the terminal" in blind.err
    moved = office("mia", "reschedule", office.run, "--to", "2090-02-28", "--reason", "asked for", "--yes")
    assert moved.code == 10, moved.err
    assert "not before Tue 2090-02-28 00:00 (UTC)" in moved.out
    assert "run.rescheduled" in office("mia", "log", office.run).out
    assert "approve" in office("boss", "approvals").out


def test_a_wrong_date_changes_nothing(office):
    office.begin("mia", "77", "-i", "day=2090-01-31")
    before = office.events()
    for words in (("--to", "soon"), ("--to", "2090-02-30"), ("--to", "2090-03-01", "--input", "who")):
        assert office("mia", "reschedule", office.run, *words, "--reason", "x", "--yes").code == 3
    assert office("mia", "reschedule", office.run, "--to", "2090-01-31", "--reason", "x", "--yes").code == 6
    assert office.events() == before


def test_after_a_move_no_item_waits_for_the_old_date(office):
    office.begin("mia", "77", "-i", "day=2090-01-31")
    office.decide("boss")
    office.decide("noor")
    assert "not before Tue 2090-01-31" in office.resume().out
    assert "2090-01-31" in office("mia", "status", office.run).out
    office("mia", "reschedule", office.run, "--to", "2090-02-28", "--reason", "asked for", "--yes")
    told = office("mia", "status", office.run).out
    assert "waits for Boss" in told
    assert "2090-01-31" not in told
    office.decide("boss")
    office.decide("noor")
    assert "not before Tue 2090-02-28" in office.resume().out
