"""The black box: verifying a million events, and what signing costs each append."""

from __future__ import annotations

import base64
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from harness import Ratio

EVENTS = 1_000_000
IN_A_RUN = 30
APPENDS = 2_000
BODY = {
    "step": "account",
    "changed": True,
    "outputs": {"dn": "CN=Anna Weiß,OU=x"},
    "evidence": {"read": "é" * 120},
}


def measure() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        yield verifying(Path(folder))
        yield appending(Path(folder))


def verifying(folder: Path) -> Ratio:
    """The one file, as an auditor runs it, on an export of long history."""
    export, key = folder / "export.jsonl", _written(folder / "export.jsonl")
    verifier = Path(__file__).parents[1] / "src" / "runbook_exec" / "blackbox_verify.py"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", verifier, export, "--key", key, "--json"], capture_output=True, check=True
    )
    ours = (time.perf_counter() - began) * 1_000_000 / EVENTS
    assert json.loads(done.stdout)["events"] == EVENTS
    memory = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
    began = time.perf_counter()
    with export.open("rb") as file:
        for line in file:
            json.loads(line)
    theirs = (time.perf_counter() - began) * 1_000_000 / EVENTS
    return Ratio(
        name="1,000,000 events verified, with a signed checkpoint for every 15",
        against="reading the same lines as JSON",
        budget="≤ 30 s",
        ours=ours,
        theirs=theirs,
        ratio=ours,
        low=ours,
        high=ours,
        runs=1,
        within=ours <= 30,
        unit="s",
        note=f"{memory:.0f} MB at most",
    )


def _written(file: Path) -> str:
    """A sound export of runs that stop once and end; gives its public key."""
    from runbook_exec.checkpoint import SIGNED, Checkpoint, signed
    from runbook_exec.journal import FIRST, Event, encoded
    from runbook_exec.signing import made

    assert SIGNED
    key, before, number, body = made(), FIRST, 0, encoded(BODY)
    with file.open("wb") as out:
        out.write(_line({"type": "runbook-blackbox", "version": 1, "client": "c", "log": "l"}))
        for nth in range(EVENTS):
            run, seq = f"r{nth // IN_A_RUN}", nth % IN_A_RUN + 1
            head = head if seq > 1 else FIRST  # noqa: F821 - of the event before
            at = f"2026-03-{nth // 50_000 + 1:02}T{nth // 2500 % 20:02}:{nth // 50 % 50:02}:{nth % 50:02}.000000+00:00"
            kind = "run.done" if seq in {IN_A_RUN, IN_A_RUN // 2} or nth == EVENTS - 1 else "step.result"
            event = Event(
                client="c", run=run, seq=seq, at=at, who="mia", kind=kind, body={}, before=head, stored=body
            ).hashed()
            head = event.hash
            parts = {name: getattr(event, name) for name in ("client", "run", "seq", "at", "who", "kind")}
            out.write(
                _line({"type": "event", **parts, "body": body.decode(), "before": event.before, "hash": head})
            )
            if kind == "run.done":
                number += 1
                stated = Checkpoint(
                    client="c",
                    log="l",
                    number=number,
                    at=at,
                    events=nth + 1,
                    before=before,
                    key=key.public,
                    heads={run: (seq, head)},
                )
                kept = signed(stated, key)
                before = kept.hash
                out.write(
                    _line(
                        {
                            "type": "checkpoint",
                            "body": kept.body.decode(),
                            "signatures": dict(kept.signatures),
                        }
                    )
                )
        out.write(_line({"type": "end", "events": EVENTS, "checkpoints": number}))
    assert len(base64.b64decode(key.public)) == 32
    return key.public


def _line(record: dict[str, object]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def appending(folder: Path) -> Ratio:
    """One durable event, every tenth with a checkpoint, against one bare commit: the slowest of a hundred."""
    from runbook_exec.journal import FIRST, Event
    from runbook_exec.signing import Keys
    from runbook_exec.store.sqlite import SqliteStore

    store = SqliteStore(folder / "journal.sqlite", signers=Keys(folder).signer)
    db = sqlite3.connect(folder / "plain.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
    at = "2026-03-02T07:00:00.000000+00:00"
    base = Event(client="c", run="r", seq=1, at=at, who="mia", kind="run.started", body=BODY, before=FIRST)
    lease = store.create(base, subject="s", runbook="b", owner="p", until=0)
    last, ours, theirs = store.events("r")[0], [], []
    for nth in range(APPENDS):
        kind = "step.result" if nth % 10 else "run.stopped"
        event = Event(
            client="c", run="r", seq=last.seq + 1, at=at, who="mia", kind=kind, body=BODY, before=last.hash
        )
        began = time.perf_counter()
        last = store.append(event, lease)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO t (b) VALUES (?)", (b"x" * 600,))
        db.execute("COMMIT")
        theirs.append(time.perf_counter() - began)
    store.close()
    db.close()
    slow, bare = quantiles(ours, n=100)[98], quantiles(theirs, n=100)[98]
    return Ratio(
        name=f"append of an event, p99 of {APPENDS}, every tenth with a signed checkpoint",
        against="one durable SQLite commit, p99",
        budget="–",
        ours=slow,
        theirs=bare,
        ratio=slow / bare,
        low=median(ours) / median(theirs),
        high=slow / bare,
        runs=1,
        within=None,
        note=f"medians {median(ours) * 1000:.2f} and {median(theirs) * 1000:.2f} ms",
    )
