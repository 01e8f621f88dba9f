"""What was acknowledged is there after a power cut, and the run goes on."""

from __future__ import annotations

import random
from contextlib import ExitStack

import pytest
from crash import tracer
from crash.point import undisturbed
from crash.power import NoPower, cut, disk, moments
from crash.trials import far_sides

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(tracer.why_not()), reason=tracer.why_not() or "can be traced"),
]
CUTS = 4


def test_nothing_that_was_acknowledged_is_lost_when_the_power_goes(tmp_path):
    with ExitStack() as open_:
        try:
            there = open_.enter_context(disk(tmp_path / "power"))
        except NoPower as reason:
            pytest.skip(str(reason))
        trial = open_.enter_context(far_sides(tmp_path / "far"))["directory"]
        reference = undisturbed(trial, tmp_path / "undisturbed")
        for at in moments(reference, random.Random(3), CUTS):
            outcome = cut(trial, there, f"directory-cut-{at}", reference, at)
            assert outcome.troubles == [], str(outcome)
