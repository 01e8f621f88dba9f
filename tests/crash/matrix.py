"""`make crash`: every point of the small runbooks and a sample of the onboarding, and what came of them.

    python tests/crash/matrix.py [--seed S] [--points N] [--joiner N] [--freezes N] [--cuts N]
                                 [--only NAME]… [--workers W] [--minutes M]

Half of the points are hit right before the call, the others right after it. Then processes are frozen past
their lease, and the power is cut. Each worker has far sides of its own. Ends with 1 if anything was
lost, doubled, stuck or different.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE.parent)]

from crash import tracer  # noqa: E402
from crash.freeze import freezable, frozen  # noqa: E402
from crash.joiner import joiner  # noqa: E402
from crash.point import Blow, Outcome, Reference, crashed, undisturbed  # noqa: E402
from crash.power import NoPower, cut, disk, moments  # noqa: E402
from crash.trial import Trial  # noqa: E402
from crash.trials import far_sides  # noqa: E402

WAYS = ("kill", "kill-after")
AIM = 5.0
"""Seconds within which a resume shall have settled what was open."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a worker is asked to do."""

    folder: Path
    seed: int
    points: int
    """Of each small runbook; 0: all of them."""
    only: tuple[str, ...]
    """Small runbooks by name; empty: all."""
    joiners: int
    freezes: int
    """Of each small runbook."""
    cuts: int
    workers: int
    until: float


def work(order: Order, number: int, results: Any) -> None:
    """Take every `workers`-th point, and put each outcome on the queue; None at the end."""
    try:
        with far_sides(order.folder / f"far{number}") as trials:
            for trial in (trials[name] for name in order.only or trials):
                reference = _tried(trial, order, number, order.points, results)
                _frozen(trial, reference, order, number, results)
                if trial.name == "directory":  # its far side is not on the disk that fails
                    _cut(trial, reference, order, number, results)
        if order.joiners:
            with joiner(order.folder / f"joiner{number}") as trial:
                _tried(trial, order, number, order.joiners, results)
    finally:
        results.put(None)


def _tried(trial: Trial, order: Order, number: int, most: int, results: Any) -> Reference:
    base = order.folder / f"{trial.name}{number}"
    reference = undisturbed(trial, base / "undisturbed")
    chosen = blows(reference.points, random.Random(f"{order.seed} {trial.name}"), most)
    results.put((trial.name, reference.points))
    for blow in chosen[number :: order.workers]:
        if time.monotonic() > order.until:
            break
        key = f"{trial.name}-{blow.at:04}-{'before' if blow.how == 'kill' else 'after'}"
        results.put(crashed(trial, base / key, key, reference, blow))
    return reference


def _frozen(trial: Trial, reference: Reference, order: Order, number: int, results: Any) -> None:
    dice = random.Random(f"{order.seed} frozen {trial.name}")
    for at in dice.sample(freezable(reference), order.freezes)[number :: order.workers]:
        if time.monotonic() > order.until:
            return
        key = f"{trial.name}-{at:04}-frozen"
        results.put(frozen(trial, order.folder / f"{trial.name}{number}" / key, key, reference, at))


def _cut(trial: Trial, reference: Reference, order: Order, number: int, results: Any) -> None:
    """The power goes. Where this machine does not let us cut it, say so and leave it."""
    try:
        with disk(order.folder / f"power{number}") as there:
            chosen = moments(reference, random.Random(order.seed), order.cuts)
            for at in chosen[number :: order.workers]:
                if time.monotonic() < order.until:
                    results.put(cut(trial, there, f"{trial.name}-{at:04}-cut", reference, at))
    except NoPower as reason:
        say(f"no power cuts: {reason}")


def blows(points: int, dice: random.Random, most: int) -> list[Blow]:
    """Points in a random order, spread over the whole run where not all are taken."""
    if not most or most >= points:
        taken = list(range(1, points + 1))
    else:
        width = points / most
        taken = sorted({1 + int(width * (part + dice.random())) for part in range(most)})
    dice.shuffle(taken)
    return [Blow(at=at, how=WAYS[index % 2]) for index, at in enumerate(taken)]


def gathered(order: Order) -> Iterator[Any]:
    """What the workers put on the queue, as it comes."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=work, args=(order, number, results)) for number in range(order.workers)]
    for worker in workers:
        worker.start()
    ended = 0
    while ended < len(workers):
        found = results.get()
        ended += found is None
        if found is not None:
            yield found
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise SystemExit(f"a worker ended with {worker.exitcode}")


def summary(outcomes: list[Outcome], counted: dict[str, int]) -> list[str]:
    """The figures, one line for each runbook and one for all."""
    lines = [
        f"{'runbook':<18}{'points':>8}{'tried':>8}{'lost':>6}{'doubled':>9}{'stuck':>7}{'different':>11}{'settled':>16}{'whole':>16}"
    ]
    for name in [*counted, "all"]:
        some = [one for one in outcomes if name in {one.trial, "all"}]
        points = counted.get(name, sum(counted.values()))
        settled = [seconds for one in some for seconds in one.settled]
        whole = [seconds for one in some for seconds in one.whole]
        figures = [
            sum(map(bool, (getattr(one, what) for one in some)))
            for what in ("lost", "doubled", "stuck", "different")
        ]
        lines.append(
            f"{name:<18}{points:>8}{len(some):>8}{figures[0]:>6}{figures[1]:>9}{figures[2]:>7}{figures[3]:>11}"
            f"{_figures(settled):>16}{_figures(whole):>16}"
        )
    return lines


def _figures(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f} / {max(seconds):.1f} s" if seconds else "–"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        yield Path(folder)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", type=int, default=0, help="of each small runbook; 0: all")
    parser.add_argument(
        "--only", action="append", default=[], help="a small runbook; all where none is named"
    )
    parser.add_argument("--joiner", type=int, default=40, help="points of onboard-employee")
    parser.add_argument("--freezes", type=int, default=10, help="of each small runbook")
    parser.add_argument("--cuts", type=int, default=20, help="of the power")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60)
    given = parser.parse_args()
    if reason := tracer.why_not():
        say(reason)
        return 1
    outcomes: list[Outcome] = []
    counted: dict[str, int] = {}
    with _folder() as folder:
        order = Order(
            folder=folder,
            seed=given.seed,
            points=given.points,
            only=tuple(given.only),
            joiners=given.joiner,
            freezes=given.freezes,
            cuts=given.cuts,
            workers=given.workers,
            until=time.monotonic() + given.minutes * 60,
        )
        for found in gathered(order):
            if isinstance(found, tuple):
                counted[found[0]] = max(found[1], counted.get(found[0], 0))
                continue
            outcomes.append(found)
            if found.troubles:
                say(str(found))
            if any(seconds > AIM for seconds in found.settled):
                say(f"slow at a load of {os.getloadavg()[0]:.1f}: {found}")
            if len(outcomes) % 50 == 0:
                say(f"{len(outcomes)} points tried")
    hows = Counter(one.blow.how for one in outcomes)
    calls = Counter(one.where.partition(" ")[0] or "(ended before)" for one in outcomes)
    say(f"seed {given.seed}; settled and whole: median / longest resume")
    say("\n".join(summary(outcomes, counted)))
    say("by: " + ", ".join(f"{how} {count}" for how, count in hows.most_common()))
    say("hit at: " + ", ".join(f"{call} {count}" for call, count in calls.most_common()))
    return 1 if any(one.troubles for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
