"""Runs that wait cost nothing, and a long run goes on at once."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness import Ratio

RUNS = 1_000
STEPS = 500
SETTINGS = "client: c\nenvironments:\n  test: {kind: real, people: people.yaml}\n"
PEOPLE = "people:\n  boss@x.example: {name: Boss, accounts: [boss]}\n"
GATED = "- {id: approve, gate: {all: [{person: boss@x.example}]}}\n- {id: s, title: {en: S, de: S}, uses: memory.thing, with: {key: k, set: {n: 1}}}"


def measure() -> Iterator[Ratio]:
    from runbook_exec.testing import FarSide, registered

    with tempfile.TemporaryDirectory() as folder, registered(FarSide()) as far:
        yield waiting(Path(folder), far)
        yield going_round(Path(folder))
        yield resuming(Path(folder), far)


def waiting(folder: Path, far: object) -> Ratio:
    """`runbook status` over a thousand runs at a gate; what they cost while nobody asks is no process at all."""
    from running import Bench

    state = folder / ".runbook"
    state.mkdir()
    (folder / "runbook.yaml").write_text(SETTINGS)
    (folder / "people.yaml").write_text(PEOPLE)
    bench = Bench(folder=state, far=far, started={"subject": "", "environment": "test", "requester": "mia"})
    book = bench.runbook(GATED)
    for number in range(RUNS):
        assert bench.start(book, run=f"r{number:04}").status == "waiting"
    bench.store.close()
    left = _children()
    ours, memory = _status(folder, RUNS)
    theirs, _ = _status(folder, 1)
    return Ratio(
        name=f"status over {RUNS} runs that wait at a gate",
        against="status of one",
        budget="no process, < 150 MB",
        ours=ours,
        theirs=theirs,
        ratio=ours / theirs,
        low=ours / theirs,
        high=ours / theirs,
        runs=1,
        within=memory < 150 and left == 0,
        note=f"{left} processes and threads while they wait; status takes {memory:.0f} MB",
    )


def going_round(folder: Path) -> Ratio:
    """A round from cron over the same runs: none of them is read as long as nothing about it changes."""
    ours, memory = _processor(folder, "resume", "--due")
    theirs, _ = _processor(folder, "status", "--limit", "1")
    return Ratio(
        name=f"resume --due over {RUNS} runs that wait at a gate, processor time",
        against="status of one run",
        budget="< 1 % of a core, once a minute",
        ours=ours,
        theirs=theirs,
        ratio=ours / theirs,
        low=ours / theirs,
        high=ours / theirs,
        runs=1,
        within=ours < 0.6,
        note=f"once a minute that is {ours / 0.6:.2f} % of a core, at most {memory:.0f} MB",
    )


def _processor(folder: Path, *words: str) -> tuple[float, float]:
    """Seconds of processor time, and MB at the most."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, memory = _command(folder, *words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, memory


def _children() -> int:
    """Processes that this one has begun, and its threads beyond the first."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return len(listed) + len(list(Path("/proc/self/task").iterdir())) - 1


def _status(folder: Path, limit: int) -> tuple[float, float]:
    return _command(folder, "status", "--limit", str(limit))


def _command(folder: Path, *words: str) -> tuple[float, float]:
    """Seconds, and MB at the most."""
    code = f"import sys; sys.argv = {['runbook', *words]!r}; from runbook_exec.cli import main; main()"
    source = str(Path(__file__).parents[1] / "src")
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    took = time.perf_counter() - began
    return took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def resuming(folder: Path, far: object) -> Ratio:
    """A run of many steps whose process was killed before its last: from the journal to its end."""
    from running import Bench, Killed

    steps = "\n".join(
        f"- {{id: s{n}, title: {{en: S, de: S}}, uses: memory.thing, with: {{key: k{n}, set: {{n: 1}}}}}}"
        for n in range(STEPS)
    )
    bench = Bench(folder=folder, far=far)
    book = bench.runbook(steps, guards=f"{{max_changes: {STEPS}}}")

    def killed(event: object, run: object) -> None:
        if event.kind == "step.intent" and event.body["step"] == f"s{STEPS - 1}":  # type: ignore[attr-defined]
            raise Killed

    bench.on_event = killed
    began = time.perf_counter()
    try:
        bench.start(book, run="long")
    except Killed:
        whole = time.perf_counter() - began
    bench.on_event = lambda event, run: None
    began = time.perf_counter()
    assert bench.resume(book, run="long").status == "done"
    ours = time.perf_counter() - began
    bench.store.close()
    return Ratio(
        name=f"resume of a run with {STEPS} steps, killed in its last",
        against="the run up to there",
        budget="≤ 5 s",
        ours=ours,
        theirs=whole,
        ratio=ours,
        low=ours,
        high=ours,
        runs=1,
        within=ours <= 5,
        unit="s",
    )
