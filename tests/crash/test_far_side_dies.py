"""A server that is killed in mid-request: the run says so, and is resumed when the server is back."""

from __future__ import annotations

import os
import random
import signal

import pytest
from crash import tracer
from crash.freeze import freezable, standing_still
from crash.person import Person
from crash.point import Blow, Outcome, judged, to_the_end, undisturbed
from crash.rehearsal import rehearsal
from crash.trials import far_sides

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(tracer.why_not()), reason=tracer.why_not() or "can be traced"),
]


def with_its_server_killed(trial, person, key, reference, at, *, kill, restart):
    """Freeze the run at a point, kill the server under it, let it go on, bring the server back, resume."""
    outcome = Outcome(trial=trial.name, key=key, blow=Blow(at=at, how="server killed"))
    with standing_still(person, trial, key, at) as (process, pid):
        kill()
        os.kill(pid, signal.SIGCONT)
        _, said = process.communicate(timeout=120)
    outcome.moves.append(f"run: {process.returncode}")
    restart()
    to_the_end(trial, person, outcome)
    return judged(trial, person, outcome, reference), said


@pytest.mark.parametrize("seed", range(2))
def test_a_directory_killed_in_mid_request(seed, tmp_path):
    with far_sides(tmp_path / "far") as trials:
        trial = trials["directory"]
        reference = undisturbed(trial, tmp_path / "undisturbed")
        server = trial.directory.server
        at = random.Random(seed).choice(freezable(reference)[20:-40])
        person = Person(trial.project(tmp_path / "project"))
        outcome, said = with_its_server_killed(
            trial,
            person,
            "directory-died",
            reference,
            at,
            kill=lambda: _killed(server),
            restart=server.restart,
        )
    assert outcome.troubles == [], str(outcome)
    assert "Traceback" not in said


def _killed(server):
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(10)


def test_a_rehearsal_company_killed_in_mid_request(tmp_path):
    with rehearsal(tmp_path / "company") as trial:
        reference = undisturbed(trial, tmp_path)
        at = random.Random(1).choice(freezable(reference)[10:-10])
        person = Person(trial.project(tmp_path))
        outcome, said = with_its_server_killed(
            trial, person, trial.name, reference, at, kill=trial.kill_company, restart=trial.start_company
        )
    assert outcome.troubles == [], str(outcome)
    assert "Traceback" not in said
