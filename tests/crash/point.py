"""One crash: the real command is killed at a point, a person goes on with it, and all that was promised is checked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crash.trial import REPOSITORY, Trial, anonymous

from runbook_exec.errors import EXIT_IN_DOUBT, JournalError
from runbook_exec.journal import Event, Kind, Run, replay
from runbook_exec.store.sqlite import SqliteStore

HERE = Path(__file__).parent
STATE = ".runbook"
MOST_MOVES = 8
"""After so many commands a run that has not ended counts as stuck."""
COUNT = ("--kill", "0")
"""Flags of the tracer that only counts."""
_RESOLVE = re.compile(r"runbook resolve (\S+) (\S+) done")


@dataclass(frozen=True, kw_only=True)
class Blow:
    """Where a process is hit: at which point, and how (`kill`, `kill-after`, `freeze`)."""

    at: int
    how: str = "kill"

    @property
    def flags(self) -> list[str]:
        return [f"--{self.how}", str(self.at)]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The trial as it goes undisturbed."""

    calls: list[dict[str, Any]]
    """Its points in order: `n`, `call`, `on`, and `begun`, the number of events acknowledged before."""
    effects: Counter[str]
    state: Any

    @property
    def points(self) -> int:
        return len(self.calls)


@dataclass(kw_only=True)
class Outcome:
    """What came of one crash."""

    trial: str
    key: str
    blow: Blow
    where: str = ""
    """The call that it was hit at; empty where the process had ended before."""
    moves: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: str = ""
    different: str = ""
    settled: list[float] = field(default_factory=list)
    """Seconds from calling `runbook resume` until it had settled what was open: the first event after `resumed`."""
    whole: list[float] = field(default_factory=list)
    """Seconds that `runbook resume` took to the run's end, or to a question for a person."""

    @property
    def troubles(self) -> list[str]:
        found = [f"lost: {one}" for one in self.lost] + [f"doubled: {one}" for one in self.doubled]
        found += [f"stuck: {self.stuck}"] if self.stuck else []
        return found + ([f"different: {self.different}"] if self.different else [])

    def __str__(self) -> str:
        told = f"{self.trial} {self.key} {self.blow.how} {self.blow.at} ({self.where or 'not reached'})"
        return f"{told}: {'; '.join(self.troubles) or 'as promised'} [{' → '.join(self.moves)}]"


class Desk:
    """A person at a project: calls the real command and keeps what was acknowledged to it."""

    def __init__(self, project: Path, *, notes: Path | None = None) -> None:
        self.project = project
        self.acknowledged = (notes or project) / "acknowledged.txt"
        self.log = (notes or project) / "points.jsonl"

    def begin(self, *arguments: str) -> list[str]:
        return [sys.executable, str(HERE / "witness.py"), str(self.acknowledged), *arguments]

    def traced(self, arguments: Sequence[str], *flags: str) -> list[str]:
        store = str(self.project / STATE)
        tracer = [sys.executable, str(HERE / "tracer.py"), "--log", str(self.log), "--store", store, *flags]
        return [*tracer, "--", *self.begin(*arguments)]

    def runbook(
        self, *arguments: str, flags: Sequence[str] = (), seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, under the tracer where flags are given."""
        command = self.traced(arguments, *flags) if flags else self.begin(*arguments)
        return subprocess.run(
            command,
            cwd=self.project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def points(self) -> list[dict[str, Any]]:
        """The points of the newest traced command, each with the events that were acknowledged before it."""
        found, begun = [], 0
        for line in self.traces():
            begun += "acknowledged" in line
            if "n" in line:
                found.append({**line, "begun": begun})
        return found

    def traces(self) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines(keepends=True) if self.log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def run_id(self) -> str:
        """The newest run, by what was acknowledged or else by asking; empty where there is none."""
        noted = self.noted()
        if noted:
            return noted[-1][0]
        told = self.runbook("status", "--json")
        runs = json.loads(told.stdout) if told.returncode == 0 else []
        return runs[0]["run"] if runs else ""

    def noted(self) -> list[tuple[str, int, str]]:
        """(run, number, hash) of every acknowledged event."""
        lines = self.acknowledged.read_text().splitlines() if self.acknowledged.exists() else []
        return [(run, int(seq), digest) for run, seq, digest in map(str.split, lines)]

    def events(self, run_id: str) -> list[Event]:
        """All events of the run, as the store has them."""
        store = SqliteStore(self.project / STATE / "journal.sqlite")
        try:
            return store.events(run_id)
        finally:
            store.close()

    def settled_after(self, run_id: str, began: datetime) -> list[float]:
        """Seconds from `began` to the event that follows the newest `run.resumed`."""
        events = self.events(run_id)
        resumed = max((event.seq for event in events if event.kind == Kind.RESUMED), default=0)
        following = [event for event in events if resumed and event.seq == resumed + 1]
        return [(datetime.fromisoformat(event.at) - began).total_seconds() for event in following]

    def run(self, run_id: str) -> tuple[Run, dict[int, str]]:
        """The run from its journal, its chain checked, and the hash of each event."""
        events = self.events(run_id)
        return replay(events), {event.seq: event.hash for event in events}


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "RUNBOOK_LANG": "en",
    }


def undisturbed(trial: Trial, folder: Path) -> Reference:
    """Run the trial to its end, counting its points."""
    key = f"{trial.name}-undisturbed"
    desk = Desk(trial.project(folder))
    ended = desk.runbook(*trial.command(key), flags=COUNT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Reference(calls=desk.points(), effects=trial.effects(key), state=_state(trial, key))


def crashed(trial: Trial, folder: Path, key: str, reference: Reference, *blows: Blow) -> Outcome:
    """Hit the run with the first blow, each resume with the next; go on to the end; check what was promised."""
    desk = Desk(trial.project(folder))
    outcome = Outcome(trial=trial.name, key=key, blow=blows[0])
    for number, blow in enumerate(blows):
        run_id = desk.run_id() if number else ""
        arguments = ["resume", run_id, *trial.resume] if run_id else trial.command(key)
        hit = desk.runbook(*arguments, flags=blow.flags)
        points = desk.points()
        if number == 0 and len(points) == blow.at:
            outcome.where = f"{points[-1]['call']} {points[-1]['on']}"
        outcome.moves.append(f"{arguments[0]}: {'killed' if hit.returncode > 128 else hit.returncode}")
        _answer_doubt(trial, desk, outcome, run_id, hit)
    to_the_end(trial, desk, outcome)
    return judged(trial, desk, outcome, reference)


def to_the_end(
    trial: Trial, desk: Desk, outcome: Outcome, *, on_held: Callable[[], None] = lambda: None
) -> None:
    """Do what a person does who reads what the command says; `on_held`: end the process that holds the journal."""
    last = ""
    for _ in range(MOST_MOVES):
        run_id = desk.run_id()
        arguments = ["resume", run_id, *trial.resume] if run_id else trial.command(outcome.key)
        if "--replan" in last:
            arguments += ["--replan", "--yes"]
        began, clock = time.monotonic(), datetime.now(UTC)
        ended = desk.runbook(*arguments)
        if run_id and ended.returncode in {0, EXIT_IN_DOUBT}:
            outcome.whole.append(time.monotonic() - began)
            outcome.settled += desk.settled_after(run_id, clock)
        outcome.moves.append(f"{arguments[0]}: {ended.returncode}")
        last = ended.stdout + ended.stderr
        if ended.returncode == 0 or f"run {run_id} is done" in last:
            return
        if ended.returncode == JournalError.exit_code and "another process holds the journal" in last:
            on_held()
        _answer_doubt(trial, desk, outcome, run_id, ended)
    outcome.stuck = last


def _answer_doubt(trial: Trial, desk: Desk, outcome: Outcome, run_id: str, ended: Any) -> None:
    """Look at the far side, and say what happened to the step in doubt."""
    if ended.returncode != EXIT_IN_DOUBT:
        return
    found = _RESOLVE.search(ended.stdout)
    assert found, ended.stdout
    word = "done" if trial.happened(outcome.key, found[2]) else "redo"
    said = desk.runbook("resolve", run_id or found[1], found[2], word, "--reason", "looked")
    assert said.returncode == 0, said.stderr
    outcome.moves.append(f"resolve {found[2]} {word}")


def judged(trial: Trial, desk: Desk, outcome: Outcome, reference: Reference) -> Outcome:
    """Hold the journal and the far sides against what was promised."""
    outcome.lost = _lost(desk)
    effects = trial.effects(outcome.key)
    outcome.doubled = [
        f"{count} instead of {reference.effects[effect]}: {effect}"
        for effect, count in effects.items()
        if count > reference.effects[effect] and not any(word in effect for word in trial.renewed)
    ]
    state = _state(trial, outcome.key)
    if state != reference.state:
        outcome.different = f"{state} instead of {reference.state}"
    elif missing := reference.effects.keys() - effects.keys():
        outcome.different = f"never done: {missing}"
    if not outcome.stuck:
        run, _ = desk.run(desk.run_id())
        outcome.stuck = "" if run.is_over else f"the run is {run.status.value}"
    return outcome


def _lost(desk: Desk) -> list[str]:
    """Acknowledged events that the journal does not hold, or holds otherwise."""
    found = []
    for run_id in {run for run, _, _ in desk.noted()}:
        try:
            _, hashes = desk.run(run_id)
        except JournalError as error:
            found.append(str(error))
            continue
        found += [
            f"{run} {seq}" for run, seq, digest in desk.noted() if run == run_id and hashes.get(seq) != digest
        ]
    return found


def _state(trial: Trial, key: str) -> Any:
    return anonymous(trial.state(key), key)
