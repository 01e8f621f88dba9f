"""A project with an in-memory far side, worked on through the application: runs begun, resumed, undone."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from running import Killed

from runbook_exec import conduct, decisions, undoing
from runbook_exec.action import Answer
from runbook_exec.app import App, new_run_id
from runbook_exec.desk import Desk
from runbook_exec.gate import Verdict
from runbook_exec.journal import Event, Kind
from runbook_exec.load import parse
from runbook_exec.model import Runbook
from runbook_exec.plan import Plan
from runbook_exec.proof import Word
from runbook_exec.run import Run
from runbook_exec.settings import find_project
from runbook_exec.testing import FarSide

SETTINGS = """\
client: kranich
environments:
  test:
    kind: real
    ask_before_writing: false
    connections: {memory: {}}
    people: people.yaml
    protected: {crown: []}
"""


PEOPLE = """\
people:
  mia@x.example: {name: Mia, accounts: [mia]}
  boss@x.example: {name: Boss, accounts: [boss]}
"""


class Estate:
    """One project, one far side; each call is a process of its own as far as the journal can tell."""

    def __init__(self, folder: Path, far: FarSide) -> None:
        (folder / "runbook.yaml").write_text(SETTINGS)
        (folder / "people.yaml").write_text(PEOPLE)
        self.folder, self.far, self.who = folder, far, "mia"
        self.said: list[tuple[str, str]] = []
        self.on_event: Callable[[Event, Run], None] = lambda event, run: None

    @property
    def app(self) -> App:
        desk = Desk(who=self.who, language="en", say=lambda step, text: self.said.append((step, text)))
        desk.ask = lambda question: Answer(who="mia")
        desk.watch = self._watch
        return App(find_project(self.folder), environment="test", desk=desk)

    def _watch(self, event: Event, run: Run) -> None:
        self.on_event(event, run)

    def runbook(self, steps: str, **head: Any) -> Runbook:
        text = "runbook: trial\ntitle: {en: Trial, de: Probe}\n"
        text += "".join(f"{name}: {value}\n" for name, value in head.items())
        text += "sections:\n  - title: {en: All, de: Alles}\n    steps:\n"
        text += textwrap.indent(textwrap.dedent(steps).strip("\n"), "      ") + "\n"
        return parse(text, file="trial.yaml", fetch=lambda name: "")

    def run(self, steps: str, *, inputs: str = "", guards: str = "{}", **values: Any) -> Run:
        head = {"subject": "anna", "guards": guards} | ({"inputs": inputs} if inputs else {})
        app = self.app
        plan = app.plan(self.runbook(steps, **head), values)
        return conduct.start(app, plan, run=new_run_id())

    def plan_undo(self, run: Run, *, start: str = "") -> Plan:
        return undoing.plan(self.app, run.id, start=start).plan

    def undo(self, run: Run, *, start: str = "") -> Run:
        app = self.app
        return undoing.begin(app, undoing.plan(app, run.id, start=start))

    def resume(self, run_id: str, *, replan: bool = False) -> Run:
        return conduct.resume(self.app, run_id, agree=(lambda plan: True) if replan else None)

    def approve(self, run_id: str) -> None:
        """The boss agrees at the gate at which the run waits."""
        self.who = "boss"
        app = self.app
        decisions.say(app, decisions.look(app, run_id), Word(verdict=Verdict.APPROVE, reason="fine"))
        self.who = "mia"

    def again(self, run: Run) -> Run:
        """The run as the journal tells it now."""
        return self.app.run(run.id)

    def newest(self) -> Run:
        return self.app.run(self.app.runs(limit=1)[0].run)

    def world(self) -> dict[str, dict[str, Any]]:
        """Everything at the far side, without the ids that it makes."""
        things = copy.deepcopy(self.far.things)
        for thing in things.values():
            thing.pop("id", None)
        return things

    def kinds(self, run: Run) -> list[tuple[str, str]]:
        return [(event.kind, event.body.get("step", "")) for event in self.app.store.events(run.id)]

    def kill_at(self, kind: Kind, step: str = "", *, undoing_only: bool = True) -> None:
        """The next process ends right after this event is durable; the one after it lives."""

        def die(event: Event, run: Run) -> None:
            if undoing_only and "undoes" not in run.started:
                return
            if event.kind == kind and event.body.get("step", "") == step:
                self.on_event = lambda event, run: None
                raise Killed

        self.on_event = die
