"""A project folder with a rehearsal company of its own, and the real command called in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from far_sides import FarSides

from runbook_exec.sandbox import process
from runbook_exec.sandbox.company import load
from runbook_exec.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[1]
PARTS = ("runbook.yaml", "runbooks", "playbooks", "templates", "inventory")
_NUMBERS = count(2001)
WITHIN = 60.0
"""Seconds that any command may take on a busy machine."""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def errors(self) -> list[dict[str, str]]:
        return json.loads(self.err)["errors"]


@dataclass
class Desk(FarSides):
    """A service desk's project with its sandbox."""

    within: float = WITHIN

    # The command

    def __call__(self, *args: str, stdin: str | bytes = "", **env: str) -> Said:
        with self.begun(*args, stdin=subprocess.PIPE, **env) as child:
            given = stdin.encode() if isinstance(stdin, str) else stdin
            out, err = child.communicate(given, timeout=self.within)
        assert b"Traceback" not in err or "--debug" in args, err.decode()
        return Said(child.returncode, out.decode(), err.decode())

    def begun(self, *args: str, stdin: int = subprocess.DEVNULL, **env: str) -> subprocess.Popen[bytes]:
        """The command, running; in a session of its own, so that a Ctrl-C is ours alone."""
        full = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "RUNBOOK_LANG": "en",
            **env,
        }
        return subprocess.Popen(
            [sys.executable, "-c", "from runbook_exec.cli import main; main()", *args],
            cwd=self.folder,
            env=full,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_hears_the_terminal_close,  # noqa: PLW1509 - sets one signal, starts nothing
        )

    def inputs(self, joiner: str | None = None, **changes: Any) -> str:
        """An inputs file for a joiner of the company, with some values changed; returns its name."""
        known = load().joiner(joiner or "anna-berg")
        person = {
            name: value
            for name, value in msgspec.to_builtins(known).items()
            if name not in {"key", "booked"} and value != ""
        }
        file = self.folder / f"{joiner or 'joiner'}-{len(list(self.folder.glob('*.json')))}.json"
        file.write_text(json.dumps({"person": {**person, **changes}}, ensure_ascii=False))
        return file.name

    def runbook(
        self,
        name: str,
        *,
        keep: Collection[str] = (),
        without: Collection[str] = (),
        deadline: str = "6s",
        edit: Callable[[list[dict[str, Any]]], None] = lambda steps: None,
    ) -> str:
        """A copy of onboard-employee with some of its steps, and with waits of seconds."""
        from runbook_exec import document

        text = (ROOT / "runbooks" / "onboard-employee.yaml").read_text()
        body = document.parse(text, file="onboard-employee.yaml").data
        body["runbook"] = name
        for section in body["sections"]:
            listed = [one for step in section["steps"] for one in step.get("parallel", [step])]
            section["steps"] = [
                step for step in listed if step["id"] not in without and (not keep or step["id"] in keep)
            ]
            for step in section["steps"]:
                if step.get("uses") == "wait.until":
                    step["with"] |= {"every": "300ms", "deadline": deadline}
            edit(section["steps"])
        body["sections"] = [section for section in body["sections"] if section["steps"]]
        (self.folder / "runbooks" / f"{name}.yaml").write_text(json.dumps(body, ensure_ascii=False, indent=1))
        return name

    def joiner(self, **changes: Any) -> Joiner:
        """Somebody whom nobody has met yet, of a name that nobody else has."""
        return Joiner(self, next(_NUMBERS), changes)

    # Runs

    def run_of(self, subject: str) -> str:
        """The newest run about a subject."""
        return next(row["run"] for row in self("status", "--json").json if row["subject"] == subject)

    def waits_at(self, subject: str, step: str) -> str:
        """The run about a subject, once this step of it is recorded as done; empty before."""
        store = SqliteStore(self.folder / ".runbook" / "journal.sqlite")
        with closing(store):
            runs = store.vault.runs_of("kranich", store.vault.name("kranich", subject))
        return next((entry.run for entry in runs if self.times_done(entry.run, step)), "")

    def times_done(self, run: str, step: str) -> int:
        """How often a step of a run is recorded as done; not asked of the command, which takes a while."""
        return len(
            self._journal("kind = 'step.result' AND run = ? AND json_extract(body, '$.step') = ?", run, step)
        )

    def _journal(self, where: str, *values: str) -> list[str]:
        file = self.folder / ".runbook" / "journal.sqlite"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            return [run for (run,) in db.execute(f"SELECT run FROM events WHERE {where}", values)]

    def newest(self) -> str:
        return self("status", "--json", "--limit", "1").json[0]["run"]

    def events(self, run: str) -> list[dict[str, Any]]:
        said = self("log", run, "--json")
        assert said.code == 0, said.all
        return [json.loads(line) for line in said.out.splitlines()]


class Joiner:
    """Somebody who is to come, and what the far sides know about them."""

    def __init__(self, desk: Desk, number: int, changes: Mapping[str, Any]) -> None:
        word = "".join("abcdefghij"[int(digit)] for digit in str(number))
        self.desk, self.id = desk, str(number)
        self.name = f"Tom{word} Test{word}"
        self.login = f"ttest{word}"
        self.upn = f"tom{word}.test{word}@kranich.example"
        self.file = desk.inputs(
            **{"employee_id": self.id, "given_name": f"Tom{word}", "surname": f"Test{word}", **changes}
        )

    def run(self, runbook: str, *more: str) -> Said:
        return self.desk("run", runbook, "--inputs", self.file, "--rehearse", "--json", *more)

    @property
    def entry(self) -> dict[str, Any] | None:
        return self.desk.entry(self.id)

    @property
    def user(self) -> dict[str, Any] | None:
        return self.desk.graph(f"/users/{self.upn}?$select=accountEnabled,assignedLicenses,usageLocation")

    @property
    def mails(self) -> list[dict[str, Any]]:
        return [mail for mail in self.desk.mails() if self.upn in mail["receivers"]]


def _hears_the_terminal_close() -> None:
    """Whoever started the tests may have told them to ignore it (`nohup`), and a child takes that over."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def project(folder: Path) -> Desk:
    """A project like this repository's in a folder of its own; nothing is started."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    return Desk(folder)


@contextmanager
def company(folder: Path) -> Iterator[Desk]:
    """A project whose rehearsal company is up."""
    desk = project(folder)
    process.start(desk.sandbox)
    try:
        yield desk
    finally:
        process.stop(desk.sandbox)


def until(so: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for a fact of the world, at most so long; its value."""
    end = time.monotonic() + seconds
    while not (found := so()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.03)
    return found


def kill(child: subprocess.Popen[bytes]) -> None:
    """End a process as a power cut does."""
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=10)
