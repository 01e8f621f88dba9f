"""Two things in turn, A B A B …, so that a machine's mood strikes both; ratios with medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How we compare with the alternative in one run."""

    name: str
    against: str
    budget: str
    ours: float
    """Median seconds."""
    theirs: float
    ratio: float
    """Median of the pairwise ratios ours / theirs."""
    low: float
    high: float
    runs: int
    within: bool | None
    """None where there is no budget."""
    note: str = ""
    unit: str = "×"


def paired(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    against: str,
    at_most: float | None,
    budget: str = "",
    runs: int = 7,
    note: str = "",
    between: Callable[[], object] = lambda: None,
) -> Ratio:
    """Time both, alternating, after one warm-up of each; `between` goes before each and is not timed."""

    def timed(what: Callable[[], object]) -> float:
        between()
        return _seconds(what)

    timed(ours)
    timed(theirs)
    pairs = [(timed(ours), timed(theirs)) for _ in range(runs)]
    ratios = [a / b for a, b in pairs]
    middle = statistics.median(ratios)
    return Ratio(
        name=name,
        against=against,
        budget=budget or ("–" if at_most is None else f"≤ {at_most:g} ×"),
        ours=statistics.median(a for a, _ in pairs),
        theirs=statistics.median(b for _, b in pairs),
        ratio=middle,
        low=min(ratios),
        high=max(ratios),
        runs=runs,
        within=None if at_most is None else middle <= at_most,
        note=note,
    )


def _seconds(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def table(found: list[Ratio]) -> str:
    """Markdown, one row a measurement."""
    rows = [
        "| what | against | budget | measured (median, range) | ours | theirs | |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in found:
        measured = f"{_figure(r.ratio)} {r.unit} ({_figure(r.low)} to {_figure(r.high)}, {r.runs} pairs)"
        mark = {True: "✓", False: "**falls short**", None: ""}[r.within]
        said = " ".join(filter(None, (mark, r.note)))
        rows.append(
            f"| {r.name} | {r.against} | {r.budget} | {measured} | {_shown(r.ours)} | {_shown(r.theirs)} | {said} |"
        )
    return "\n".join(rows)


def _figure(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def _shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
