"""A sample of what `make crash` does in full: the process is killed, and nothing is lost, doubled or stuck."""

from __future__ import annotations

import random

import pytest
from crash import tracer
from crash.joiner import joiner
from crash.matrix import blows
from crash.point import Blow, crashed, undisturbed
from crash.trials import far_sides

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(tracer.why_not()), reason=tracer.why_not() or "can be traced"),
]
SMALL = ("directory", "desk", "cloud", "everything")
SAMPLE = 5
"""Points of each small runbook in the normal suite."""


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    with far_sides(tmp_path_factory.mktemp("crash") / "far") as found:
        yield found


@pytest.fixture(scope="module")
def references(trials, tmp_path_factory):
    """Each trial as it goes undisturbed, found out when first asked for."""
    known = {}

    def reference(name):
        if name not in known:
            known[name] = undisturbed(trials[name], tmp_path_factory.mktemp("undisturbed") / name)
        return known[name]

    return reference


@pytest.mark.parametrize("number", range(SAMPLE))
@pytest.mark.parametrize("name", SMALL)
def test_a_killed_run_goes_on_and_nothing_is_lost_or_doubled(name, number, trials, references, tmp_path):
    reference = references(name)
    blow = sorted(blows(reference.points, random.Random(name), SAMPLE), key=lambda one: one.at)[number]
    outcome = crashed(trials[name], tmp_path / name, f"{name}-{number}", reference, blow)
    assert outcome.troubles == [], str(outcome)


@pytest.mark.parametrize("name", SMALL)
def test_a_recovery_that_is_killed_three_times_still_ends_well(name, trials, references, tmp_path):
    reference = references(name)
    dice = random.Random(name)
    # The first blow falls when something is begun; the later ones early in a resume, or wherever it has got to.
    deep = [Blow(at=dice.randint(reference.points // 3, reference.points * 2 // 3))]
    deep += [Blow(at=dice.randint(10, 60), how=dice.choice(["kill", "kill-after"])) for _ in range(3)]
    outcome = crashed(trials[name], tmp_path / name, f"{name}-deep", reference, *deep)
    assert outcome.troubles == [], str(outcome)
    assert sum("killed" in move for move in outcome.moves) >= 2, outcome.moves


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_killed_onboarding_goes_on_to_the_closed_ticket(seed, tmp_path):
    with joiner(tmp_path / "company") as trial:
        reference = undisturbed(trial, tmp_path / "undisturbed")
        at = random.Random(seed).randint(1, reference.points)
        outcome = crashed(trial, tmp_path / "again", "crashed", reference, Blow(at=at))
    assert outcome.troubles == [], str(outcome)
