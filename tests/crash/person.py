"""A person at a project: calls the real command, and keeps what was acknowledged to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from crash.trial import REPOSITORY

from runbook_exec.blackbox_verify import PinnedKey, Trust, Verdict, verify
from runbook_exec.journal import Event, Kind
from runbook_exec.replay import replay
from runbook_exec.run import Run
from runbook_exec.signing import Keys
from runbook_exec.store.sqlite import SqliteStore

HERE = Path(__file__).parent
STATE = ".runbook"
CLIENT = "kranich"
"""Of every trial's project."""


class Person:
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

    def black_box(self) -> Verdict:
        """What the verifier says of the journal, by the key at hand, as the command would on this machine."""
        state = self.project / STATE
        store = SqliteStore(state / "journal.sqlite")
        try:
            key = PinnedKey(public=Keys(state).public())
            return verify(store.readout(CLIENT).records(made="", program=""), Trust(keys=(key,)))
        finally:
            store.close()

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
