"""The benchmarks can be run, and their arithmetic is right. No test judges a time."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """Import a benchmark's module as `run.py` does, and forget it afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("bench_*.py")))
def test_every_benchmark_can_be_run(load, name):
    assert callable(load(name).measure)


def test_a_journalled_run_is_measured_to_its_end(load, monkeypatch):
    journal = load("bench_journal")
    monkeypatch.setattr(journal, "STEPS", 2)
    assert [found.runs for found in journal.measure()] == [7]


def test_both_sides_run_in_turn_and_what_goes_between_is_not_timed(load):
    order = []
    found = load("harness").paired(
        "work",
        lambda: order.append("ours"),
        lambda: order.append("theirs"),
        against="it",
        at_most=1e9,
        runs=2,
        between=lambda: order.append("-"),
    )
    assert order == ["-", "ours", "-", "theirs"] * 3
    assert (found.runs, found.within) == (2, True)
    assert found.low <= found.ratio <= found.high


def ratio(load, **other):
    known = {"name": "n", "against": "a", "budget": "b", "ours": 2.0, "theirs": 8.0, "ratio": 0.25}
    return load("harness").Ratio(**{**known, "low": 0.2, "high": 0.3, "runs": 3, "within": True, **other})


def test_a_playbook_for_few_is_scaled_up_but_for_its_start(load):
    # 8 s for 4 people, of which 0.5 s are the start: 100 people take 0.5 + 7.5 × 25 s.
    found = load("bench_directory").faster(ratio(load), start=0.5, few=4, many=100)
    assert found.theirs == pytest.approx(188.0)
    assert found.ratio == pytest.approx(2 / 188)
    assert found.within
    assert found.note == "94 × faster"


def test_too_slow_a_run_is_told(load):
    found = load("bench_directory").faster(ratio(load, ours=8.0, ratio=1.0), start=0.5, few=4, many=100)
    assert found.note == "24 × faster"
    assert not found.within
    assert "**falls short**" in load("harness").table([found])


def test_waiting_is_counted_in_round_trips(load):
    latency = load("bench_latency")
    one = latency.LATENCY
    found = latency.waits([(1 + 3 * one, 1.0), (2 + 4 * one, 2.0), (1 + 3.1 * one, 1.0)], steps=20, seen=3)
    assert (found.ratio, found.low, found.high) == pytest.approx((3.1, 3, 4))
    assert "3.10 round trips" in load("harness").table([found])


def test_round_trips_that_other_work_hides_from_the_clock_count(load):
    assert not load("bench_latency").waits([(1.0, 1.0)], steps=20, seen=5).within


def test_requests_that_come_together_are_one_burst(load):
    bursts = load("bench_latency").bursts
    assert bursts([10.0, 12.5, 10.01, 12.51, 11.3], gap=0.5) == 3
    assert bursts([], gap=0.5) == 0


def test_a_record_is_verified_and_appended_to_in_small(load, monkeypatch):
    blackbox = load("bench_blackbox")
    monkeypatch.setattr(blackbox, "EVENTS", 65)
    monkeypatch.setattr(blackbox, "APPENDS", 120)
    assert len(list(blackbox.measure())) == 2


def test_waiting_runs_are_counted_and_a_long_one_resumed_in_small(load, monkeypatch):
    waiting = load("bench_waiting")
    monkeypatch.setattr(waiting, "RUNS", 3)
    monkeypatch.setattr(waiting, "STEPS", 4)
    assert len(list(waiting.measure())) == 3
