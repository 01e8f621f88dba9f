"""A process that stands still past its lease writes nothing more when it wakes up, and says so."""

from __future__ import annotations

import random

import pytest
from crash import tracer
from crash.freeze import freezable, frozen
from crash.point import Reference, undisturbed
from crash.trials import far_sides

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(tracer.why_not()), reason=tracer.why_not() or "can be traced"),
]


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    with far_sides(tmp_path_factory.mktemp("freeze") / "far") as found:
        yield found


@pytest.fixture(scope="module")
def reference(trials, tmp_path_factory):
    known: dict[str, Reference] = {}

    def of(name):
        if name not in known:
            known[name] = undisturbed(trials[name], tmp_path_factory.mktemp("undisturbed") / name)
        return known[name]

    return of


@pytest.mark.parametrize("name", ["directory", "desk", "cloud"])
def test_a_frozen_process_wakes_up_to_a_finished_run(name, trials, reference, tmp_path):
    at = random.Random(name).choice(freezable(reference(name)))
    outcome = frozen(trials[name], tmp_path / name, f"{name}-frozen", reference(name), at)
    assert outcome.troubles == [], str(outcome)


def test_a_process_that_stands_still_with_the_journal_in_its_hands_is_named(trials, reference, tmp_path):
    name = "directory"
    at = freezable(reference(name))[40]
    outcome = frozen(
        trials[name], tmp_path / name, f"{name}-held", reference(name), at, on="journal.sqlite-wal"
    )
    assert outcome.troubles == [], str(outcome)
    assert "resume: 8" in outcome.moves
