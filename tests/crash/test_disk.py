"""When the journal cannot be written the process stops, has no further effect, says so, and is resumed later."""

from __future__ import annotations

from collections import Counter

import pytest
from crash.disk import Fault, intended, on_a_failing_disk
from crash.person import Person
from crash.point import Blow, Outcome, judged, to_the_end, undisturbed
from crash.trials import far_sides

from runbook_exec.errors import JournalError

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

EFFECTS = {"account": 1, "groups": 2, "phone": 1, "move": 1}
"""Writes of each step in the directory."""


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    with far_sides(tmp_path_factory.mktemp("disk") / "far") as trials:
        yield trials["directory"]


@pytest.fixture(scope="module")
def reference(trial, tmp_path_factory):
    return undisturbed(trial, tmp_path_factory.mktemp("undisturbed") / "project")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(call="fdatasync", error="EIO", first=6),
        Fault(call="fdatasync", error="EIO", first=9),
        Fault(call="pwrite64", error="ENOSPC", first=60),
        Fault(call="pwrite64", error="ENOSPC", first=75),
        Fault(call="pwrite64", error="EIO", first=69),
    ],
    ids=lambda fault: f"{fault.call}-{fault.error}-{fault.first}",
)
def test_a_failing_disk_stops_everything(fault, trial, reference, tmp_path):
    key = f"disk-{fault.call}-{fault.error}-{fault.first}"
    person = Person(trial.project(tmp_path / "project"))
    ended = on_a_failing_disk(person, trial, key, fault)
    assert ended.returncode == JournalError.exit_code, ended.stdout + ended.stderr
    assert "the journal cannot be" in ended.stderr
    assert "disk" in ended.stderr.split("next:")[1]
    assert "Traceback" not in ended.stderr
    effects = trial.effects(key)
    assert sum(effects.values()) <= sum(EFFECTS[step] for step in intended(person))

    outcome = Outcome(trial=trial.name, key=key, blow=Blow(at=0, how=str(fault)))
    to_the_end(trial, person, outcome)
    assert judged(trial, person, outcome, reference).troubles == [], str(outcome)
    assert Counter(trial.effects(key)) == reference.effects
