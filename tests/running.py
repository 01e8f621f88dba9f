"""A run in a test: a runbook as text, an in-memory far side, a real store on disk."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from runbook_exec import load, recover, report
from runbook_exec.action import Answer, Question
from runbook_exec.drift import line_body
from runbook_exec.execute import advance, outputs_so_far
from runbook_exec.journal import FIRST, SCHEMA_VERSION, Event, Kind
from runbook_exec.plan import Plan, Scope, make_plan
from runbook_exec.replay import replay
from runbook_exec.run import Run, Word
from runbook_exec.scribe import Scribe
from runbook_exec.secret import Secret
from runbook_exec.store.sqlite import SqliteStore
from runbook_exec.surroundings import Gates, NobodyDecides, Surroundings
from runbook_exec.testing import Clock, FarSide
from runbook_exec.values import lost_secrets, plain

KEY = b"k" * 32


class Killed(BaseException):
    """The process ends here; what is not in the store is gone."""


@dataclass(kw_only=True)
class Bench:
    """One project's journal and one far side; runs are started and resumed on it."""

    folder: Path
    far: FarSide
    clock: Clock = field(default_factory=Clock)
    who: str = "mia"
    answer: Callable[[Question], Answer | None] = lambda question: None
    on_event: Callable[[Event, Run], None] = lambda event, run: None
    said: list[tuple[str, str]] = field(default_factory=list)
    gates: Gates = field(default_factory=NobodyDecides)
    started: dict[str, Any] = field(default_factory=dict)
    """What the first event holds beyond what every run needs."""
    site: dict[str, Any] = field(default_factory=dict)
    rehearses: bool = False
    protected: dict[str, tuple[str, ...]] = field(default_factory=dict)
    hold: float = math.inf
    """Seconds to stay with a step that waits."""

    signers: Any = None
    """Who signs checkpoints; None: nobody does."""

    def __post_init__(self) -> None:
        self.store = SqliteStore(self.folder / "journal.sqlite", signers=self.signers)

    def runbook(self, steps: str, **head: Any) -> load.Runbook:
        text = "runbook: trial\ntitle: {en: Trial, de: Probe}\n"
        text += "".join(f"{name}: {value}\n" for name, value in head.items())
        text += "sections:\n  - title: {en: All, de: Alles}\n    steps:\n"
        text += textwrap.indent(textwrap.dedent(steps).strip("\n"), "      ") + "\n"
        return load.parse(text, file="trial.yaml", fetch=lambda name: "")

    def plan(self, runbook: load.Runbook, **inputs: Any) -> Plan:
        return make_plan(
            runbook,
            scope=self._scope(inputs),
            read=self.far.read,
            client="c",
            environment="test",
            key=KEY,
            protected=self.protected,
        )

    def start(
        self, runbook: load.Runbook, *, run: str = "r1", plan: Plan | None = None, **inputs: Any
    ) -> Run:
        plan = plan or self.plan(runbook, **inputs)
        body = {
            "schema": SCHEMA_VERSION,
            "source": runbook.source,
            "schemas": {},
            "file": runbook.file,
            "inputs": plain(inputs),
            **self.started,
        }
        first = Event(
            client="c",
            run=run,
            seq=1,
            at=self.clock().isoformat(),
            who=self.who,
            kind=Kind.STARTED,
            body=body,
            before=FIRST,
        )
        lease = self.store.create(first, subject=plan.subject, runbook=runbook.name, owner="p", until=0)
        scribe = self._scribe(replay(self.store.events(run)), lease)
        scribe.add(Kind.PLANNED, _plan_body(plan))
        return self._advance(runbook, scribe, inputs)

    def resume(self, runbook: load.Runbook, *, run: str = "r1", replan: bool = False, **inputs: Any) -> Run:
        lease = self.store.acquire(run, owner="p2", now=1, until=0)
        found = replay(self.store.events(run))
        scribe = self._scribe(found, lease)
        self._take_up(runbook, scribe)
        if replan:
            scribe.add(Kind.PLANNED, _plan_body(self.plan(runbook, **inputs)))
        return self._advance(runbook, scribe, {**lost_secrets(found.started["inputs"]), **inputs})

    def _take_up(self, runbook: load.Runbook, scribe: Scribe) -> None:
        scribe.add(Kind.RESUMED, {})
        for label in recover.to_reopen(runbook, scribe.run):
            scribe.add(Kind.REOPENED, {"step": label, "reason": "lost"})

    def replan(self, runbook: load.Runbook, *, run: str = "r1", **inputs: Any) -> Run:
        """Go on with a new plan for what is left, agreed to as it is."""
        lease = self.store.acquire(run, owner="p4", now=1, until=0)
        scribe = self._scribe(replay(self.store.events(run)), lease)
        self._take_up(runbook, scribe)
        scope = Scope(inputs=inputs, site={}, run={"id": "r1"})
        scope.outputs.update(outputs_so_far(runbook, scribe.run))
        plan = make_plan(
            runbook,
            scope=scope,
            read=self.far.read,
            client="c",
            environment="test",
            key=KEY,
            skip=frozenset(scope.outputs),
        )
        over = [line for line in scribe.run.plan["lines"] if line["step"].partition("[")[0] in scope.outputs]
        lines = [*over, *map(line_body, plan.lines)]
        scribe.add(Kind.PLANNED, {"digest": plan.digest, "lines": lines})
        return self._advance(runbook, scribe, inputs)

    def say(self, step: str, how: Word, *, run: str = "r1") -> Run:
        """A person's word on a step in doubt."""
        lease = self.store.acquire(run, owner="p3", now=1, until=0)
        scribe = self._scribe(replay(self.store.events(run)), lease)
        return scribe.add(Kind.RESOLVED, {"step": step, "how": how.value, "reason": "looked"})

    def cancel(self, *, run: str = "r1") -> Run:
        """End a run for good."""
        lease = self.store.acquire(run, owner="p5", now=1, until=0)
        return self._scribe(replay(self.store.events(run)), lease).add(Kind.CANCELLED, {"reason": "enough"})

    def _scribe(self, run: Run, lease: Any) -> Scribe:
        self._lease = lease
        return Scribe(
            run,
            lambda event, over: self.store.append(event, lease, over=over),
            who=self.who,
            clock=self.clock,
            watch=self.on_event,
            since=lambda seq: self.store.events(run.id, after=seq),
        )

    def _advance(self, runbook: load.Runbook, scribe: Scribe, inputs: dict[str, Any]) -> Run:
        around = Surroundings(
            sessions=_Sessions(self.far),
            clock=self.clock,
            pause=self._pause,
            say=lambda step, text: self.said.append((step, text)),
            ask=self.answer,
            story=lambda run: report.story(run, runbook, "en"),
            still_ours=partial(self.store.check, self._lease),
            protected=self.protected,
            project=self.folder,
            language="en",
            gates=self.gates,
            rehearses=self.rehearses,
            hold=self.hold,
        )
        return advance(runbook, scribe, self._scope(inputs), around)

    def _scope(self, inputs: dict[str, Any]) -> Scope:
        return Scope(inputs=inputs, site=self.site, run={"id": "r1", "timezone": "Europe/Berlin"})

    def _pause(self, seconds: float) -> bool:
        self.clock.forward(seconds)
        return False

    def kinds(self, run: str = "r1") -> list[tuple[str, str]]:
        return [(e.kind, e.body.get("step", "")) for e in self.store.events(run)]


def _plan_body(plan: Plan) -> dict[str, Any]:
    return {"digest": plan.digest, "lines": [line_body(line) for line in plan.lines]}


class _Sessions:
    def __init__(self, far: FarSide) -> None:
        self.far = far

    @contextmanager
    def use(self, provider: str):
        if provider != "memory":
            yield None
            return
        with self.far.open({}, write=True) as session:
            yield session

    def read(self, refs):
        return self.far.read(refs)


def secrets_in(value: Any) -> list[Secret]:
    return recover._secrets(value)
