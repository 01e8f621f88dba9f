"""One freeze: the process stands still past its lease, another one ends the run, then the first wakes up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from crash.person import Person, environment
from crash.point import Blow, Outcome, Reference, judged, to_the_end
from crash.trial import Trial

from runbook_exec.errors import Busy

LEASE = 1.5
"""Seconds; the frozen process cannot renew it."""


def freezable(reference: Reference) -> list[int]:
    """Points on sockets once the plan is recorded and before the run is over: its process holds no lock there."""
    most = max(call["begun"] for call in reference.calls)
    return [call["n"] for call in reference.calls if call["on"] == "socket" and 2 <= call["begun"] < most]


def frozen(
    trial: Trial, folder: Path, key: str, reference: Reference, at: int, *, on: str = "socket"
) -> Outcome:
    """Freeze at a point, let another process end the run, wake the first up, and check that it wrote nothing.

    One that stands still within a transaction holds the journal; whoever is told so ends it.
    """
    person = Person(trial.project(folder, lease=f"{LEASE}s"))
    outcome = Outcome(trial=trial.name, key=key, blow=Blow(at=at, how="freeze"))
    with standing_still(person, trial, key, at, on=on) as (process, pid):
        if pid is None:
            outcome.moves.append("ended before")
            return judged(trial, person, outcome, reference)
        point = person.points()[-1]
        outcome.where = f"{point['call']} {point['on']}"
        time.sleep(LEASE + 0.2)
        to_the_end(trial, person, outcome, on_held=lambda: os.kill(pid, signal.SIGKILL))
        if process.poll() is not None:
            return judged(trial, person, outcome, reference)
        run_id = person.run_id()
        before = person.run(run_id)
        os.kill(pid, signal.SIGCONT)
        _, said = process.communicate(timeout=60)
        outcome.moves.append(f"woken up: {process.returncode}")
        if person.run(run_id) != before:
            outcome.doubled.append("events by the process that was frozen")
        if process.returncode != Busy.exit_code or "taken over" not in said:
            outcome.stuck = f"the frozen process said: {said}"
    trouble = outcome.stuck
    judged(trial, person, outcome, reference)
    outcome.stuck = outcome.stuck or trouble
    return outcome


class standing_still:  # noqa: N801 - reads as a context
    """The run's process under the tracer, frozen at a point; (process, its id) or (process, None) where it ended."""

    def __init__(self, person: Person, trial: Trial, key: str, at: int, *, on: str = "socket") -> None:
        self.person, self.pid = person, None
        self.process = subprocess.Popen(
            person.traced(trial.command(key), "--freeze", str(at), "--on", on),
            cwd=person.project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> tuple[subprocess.Popen[str], int | None]:
        until = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < until:
            self.pid = next((line["frozen"] for line in self.person.traces() if "frozen" in line), None)
            if self.pid is not None and _stands(self.pid):
                return self.process, self.pid
            time.sleep(0.02)
        return self.process, None

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()  # the tracer takes the traced process with it
        if not self.process.stdout.closed:
            self.process.communicate(timeout=60)


def _stands(pid: int) -> bool:
    """Whether every thread has stopped: under a tracer a stopped one shows as `t`."""
    states = [
        stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return bool(states) and set(states) <= {"t", "T"}
