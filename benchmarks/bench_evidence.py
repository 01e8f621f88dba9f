"""An auditor's sample out of many runs, against reading every run of the journal."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from harness import Ratio, paired

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

RUNS, STEPS, SAMPLE = 300, 8, 25


def measure() -> Iterator[Ratio]:
    from running import Bench

    from runbook_exec.app import App
    from runbook_exec.audit.evidence import gather
    from runbook_exec.audit.population import NoSource
    from runbook_exec.desk import Desk
    from runbook_exec.model import Duty
    from runbook_exec.replay import replay
    from runbook_exec.settings import find_project
    from runbook_exec.testing import FarSide, registered

    with tempfile.TemporaryDirectory() as name, registered(FarSide()) as far:
        folder = Path(name)
        (folder / "runbook.yaml").write_text("client: c\nenvironments: {test: {kind: real}}\n")
        bench = Bench(folder=folder / ".runbook", far=far)
        steps = "\n".join(
            f"- {{id: s{n}, title: {{en: S, de: S}}, uses: memory.thing, with: {{key: k{n}, set: {{n: 1}}}}}}"
            for n in range(STEPS)
        )
        inputs = "{type: object, properties: {who: {type: string}}}"
        book = bench.runbook(steps, subject='"{{ who }}"', inputs=inputs, control="joiner")
        ids = [f"r{n:05}" for n in range(RUNS)]
        for number, run in enumerate(ids):
            far.things.clear()
            bench.started = {"subject": str(number), "runbook": "trial", "environment": "test"}
            bench.start(book, run=run, who=f"p{number}")
        app = App(find_project(folder), environment="test", desk=Desk(who="mia", language="en"))

        def ours() -> None:
            report = gather(
                app, Duty.JOINER, date(2026, 1, 1), date(2026, 12, 31), source=NoSource(), size=SAMPLE,
                as_of=datetime.now(UTC),
            )  # fmt: skip
            assert (len(report.census.items), len(report.examined)) == (RUNS, SAMPLE)

        def theirs() -> None:
            assert all(replay(app.store.events(run)).is_over for run in ids)

        yield paired(
            f"evidence: {SAMPLE} of {RUNS} runs, population and departures of all",
            ours,
            theirs,
            against="a replay of every run",
            at_most=0.5,
            runs=5,
        )
