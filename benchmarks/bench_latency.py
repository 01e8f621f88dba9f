"""How many round trips to a slow cloud a plan waits for, told by the clock and by the cloud's own log."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness import Ratio

from runbook_exec import document
from runbook_exec.app import App
from runbook_exec.desk import Desk
from runbook_exec.sandbox import process
from runbook_exec.sandbox.graph_log import LOG
from runbook_exec.sandbox.shelf import Shelf
from runbook_exec.seed import seed
from runbook_exec.settings import find_project

LATENCY = 0.5
"""Seconds. Five times what a far tenant takes, so that the clock's noise does not hide a round trip."""
AT_MOST = 4
RUNS = 5


def measure() -> Iterator[Ratio]:
    with _company() as (folder, app):
        runbook, values = app.load("onboard-employee"), _joiner(folder)

        def planned(*, seconds: float) -> float:
            process.fault(_sandbox(folder), "graph-latency", off=not seconds, figures={"seconds": seconds})
            began = time.perf_counter()
            plan = app.plan(runbook, values)
            assert plan.changes
            return time.perf_counter() - began

        planned(seconds=0)
        before = len(_answered(folder))
        planned(seconds=LATENCY)
        seen = bursts(_answered(folder)[before:], gap=LATENCY / 2)
        pairs = [(planned(seconds=LATENCY), planned(seconds=0)) for _ in range(RUNS)]
        yield waits(pairs, steps=sum(1 for _ in runbook.steps()), seen=seen)


def waits(pairs: list[tuple[float, float]], *, steps: int, seen: int) -> Ratio:
    """Round trips waited for: the time that latency adds, in units of one latency.

    Judged by the cloud's log too: the clock misses a wait that other work hides.
    """
    trips = [(slow - quick) / LATENCY for slow, quick in pairs]
    middle = statistics.median(trips)
    return Ratio(
        name=f"planning `onboard-employee` ({steps} steps), {LATENCY * 1000:.0f} ms to Graph",
        against="the same without latency",
        budget=f"≤ {AT_MOST} round trips of waiting",
        ours=statistics.median(slow for slow, _ in pairs),
        theirs=statistics.median(quick for _, quick in pairs),
        ratio=middle,
        low=min(trips),
        high=max(trips),
        runs=len(pairs),
        within=max(middle, seen) <= AT_MOST,
        unit="round trips",
        note=f"the cloud's log shows {seen} bursts of requests; the token is one more, which the double does not delay",
    )


def bursts(times: list[float], *, gap: float) -> int:
    """How often requests came together: two that are `gap` seconds apart are of different bursts."""
    ordered = sorted(times)
    return bool(ordered) + sum(late - early >= gap for early, late in pairwise(ordered))


def _answered(folder: Path) -> list[float]:
    """When the cloud answered each request so far, by its own log."""
    with closing(Shelf(_sandbox(folder) / process.COMPANY)) as shelf:
        return [entry["at"] for _, entry in shelf.items(LOG)]


@contextmanager
def _company() -> Iterator[tuple[Path, App]]:
    """A rehearsal company of its own, with a project beside it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        seed(folder)
        process.start(_sandbox(folder))
        try:
            yield (
                folder,
                App(find_project(folder), environment="sandbox", desk=Desk(who="bench", language="en")),
            )
        finally:
            process.stop(_sandbox(folder))


def _sandbox(folder: Path) -> Path:
    return folder / ".runbook" / "sandbox"


def _joiner(folder: Path) -> Any:
    file = folder / "runbooks" / "examples" / "anna-berg.yaml"
    return document.parse(file.read_bytes(), file=file.name).data
