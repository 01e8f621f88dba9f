"""A journalled step of a run, durable, against two durable commits of the same size."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from harness import Ratio, paired

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

STEPS = 50


def measure() -> Iterator[Ratio]:
    from running import Bench

    from runbook_exec.signing import Keys
    from runbook_exec.testing import FarSide, registered

    with tempfile.TemporaryDirectory() as folder, registered(FarSide()) as far:
        # As the program opens it: with signed checkpoints.
        bench = Bench(folder=Path(folder), far=far, signers=Keys(Path(folder)).signer)
        book = bench.runbook(
            "\n".join(
                f"- {{id: s{n}, title: {{en: S, de: S}}, uses: memory.thing, with: {{key: k{n}, set: {{n: 1}}}}}}"
                for n in range(STEPS)
            ),
            guards=f"{{max_changes: {STEPS}}}",
        )
        numbers = count()

        def ours() -> None:
            far.things.clear()
            run = bench.start(book, run=f"r{next(numbers)}")
            assert run.status == "done", run.why
            size = sum(len(event.body) for event in bench.store.events(run.id))
            assert size

        db = sqlite3.connect(Path(folder) / "plain.sqlite", isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")

        def theirs() -> None:
            for _ in range(2 * STEPS):
                db.execute("BEGIN IMMEDIATE")
                db.execute("INSERT INTO t (b) VALUES (?)", (b"x" * 600,))
                db.execute("COMMIT")

        yield paired(
            f"a journalled step ({STEPS} in a run, with plan, compare and read-back)",
            ours,
            theirs,
            against="two durable SQLite commits",
            at_most=3.0,
        )
        db.close()
