"""A disk that fails: strace makes the journal's own system calls report it, once or from then on."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from conftest import missing_server
from crash.person import STATE, Person, environment
from crash.trial import Trial

from runbook_exec.journal import Kind


@dataclass(frozen=True, kw_only=True)
class Fault:
    """From its n-th call on, `call` on the journal's log reports `error`."""

    call: str
    error: str
    first: int

    @property
    def rule(self) -> str:
        return f"inject={self.call}:error={self.error}:when={self.first}+"


def on_a_failing_disk(
    person: Person, trial: Trial, key: str, fault: Fault
) -> subprocess.CompletedProcess[str]:
    """Begin the run with the fault in place."""
    strace = shutil.which("strace") or missing_server("strace")
    journal = person.project / STATE / "journal.sqlite"
    watched = [part for name in (f"{journal}-wal", str(journal)) for part in ("-P", name)]
    command = [str(strace), "-f", "-qq", "-o", str(person.project / "strace.txt"), *watched]
    command += ["-e", f"trace={fault.call}", "-e", fault.rule, *person.begin(*trial.command(key))]
    return subprocess.run(
        command,
        cwd=person.project,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def intended(person: Person) -> set[str]:
    """Steps whose intent was acknowledged before the disk failed: these alone may have had an effect."""
    noted = person.noted()
    if not noted:
        return set()
    run_id = noted[0][0]
    known = {seq for _, seq, _ in noted}
    return {
        event.body["step"]
        for event in person.events(run_id)
        if event.kind == Kind.INTENT and event.seq in known
    }
