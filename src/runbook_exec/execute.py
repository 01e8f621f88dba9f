"""The loop: plan again, compare, intend, apply, read back, record – step by step until done or stopped.

`advance` is one call that goes on from wherever the journal says the run stands. What
is recorded as over is never touched again.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Protocol

from runbook_exec import almanac, render
from runbook_exec.agree import together
from runbook_exec.change import Deferred, Json, Nature, holds_deferred
from runbook_exec.decision import Verdict
from runbook_exec.errors import Busy, JournalError, RunbookError
from runbook_exec.fidelity import measure
from runbook_exec.journal import Kind
from runbook_exec.model import OnFailure, Runbook, Step
from runbook_exec.opening import opening
from runbook_exec.order import carried_out, is_list
from runbook_exec.patience import is_waiting, still_waiting, wait_until
from runbook_exec.perform import perform
from runbook_exec.plan import Line, Read, Scope, gathered_outputs, plan_again, plan_step
from runbook_exec.plan_line import Status
from runbook_exec.run import Run, RunStatus, StepRecord, StepStatus
from runbook_exec.scribe import Scribe
from runbook_exec.stop import Stop, all_but, drifted, ended_body, error_body, stamp
from runbook_exec.surroundings import Surroundings
from runbook_exec.threshold import pass_gate
from runbook_exec.values import fits, kept

AGAIN = timedelta(minutes=5)
"""After which a round tries again what failed in a section that is done beside other runs."""


class Planning(Protocol):
    """Where the lines come from: a runbook's steps, or the ways back of a run."""

    def lines(self, step: Step, but: Container[str]) -> Iterator[Line]:
        """The lines of a step, each planned from a fresh read when it is asked for."""

    def again(self, line: Line, step: Step) -> Line:
        """A line planned anew."""


def advance(
    runbook: Runbook, scribe: Scribe, scope: Scope, around: Surroundings, planning: Planning | None = None
) -> Run:
    """Go on with a run until it is done or has to stop; the reason is in the journal."""
    walk = _Walk(runbook, scribe, scope, around, planning)
    try:
        walk.steps()
    except Stop as stop:
        scribe.add(Kind.STOPPED, {**_with_due(stop, scribe.run).body(), **walk.beside(stop)})
        return _ended_where_wanted(scribe)
    except (JournalError, Busy):
        raise
    except RunbookError as error:
        return scribe.add(Kind.STOPPED, Stop.of(error, run=scribe.run.id).body())
    except Exception as error:
        scribe.add(Kind.STOPPED, Stop.defect(error).body())
        raise
    return scribe.add(Kind.DONE, {"fidelity": measure(scribe.run).body()})


def _ended_where_wanted(scribe: Scribe) -> Run:
    """The run that stopped; ended for good where somebody wanted that meanwhile, and nothing is half done."""
    scribe.listen()
    run = scribe.run
    return scribe.add(Kind.CANCELLED, ended_body(run, run.ending)) if run.ends else run


def _with_due(stop: Stop, run: Run) -> Stop:
    """Of several steps that wait side by side, the earliest time counts."""
    if stop.status is RunStatus.WAITING:
        ids = {label.partition("[")[0] for label in run.steps}
        records = [record for step in ids for record in run.records_of(step).values()]
        dues = [datetime.fromisoformat(record.due) for record in records if is_waiting(record) and record.due]
        stop.due = min([*dues, *([stop.due] if stop.due else [])], default=None)
    return stop


class _Forward:
    """The lines of a runbook's steps."""

    def __init__(self, runbook: Runbook, scope: Scope, read: Read) -> None:
        self.scope, self.read = scope, read
        self.sections = {
            step.id: number for number, section in enumerate(runbook.sections) for step in section.steps
        }

    def lines(self, step: Step, but: Container[str]) -> Iterator[Line]:
        return plan_step(step, self.sections[step.id], self.scope, self.read, but=but)

    def again(self, line: Line, step: Step) -> Line:
        return plan_again(line, step, self.scope, self.read)


class _Walk:
    def __init__(
        self,
        runbook: Runbook,
        scribe: Scribe,
        scope: Scope,
        around: Surroundings,
        planning: Planning | None,
    ) -> None:
        self.runbook, self.scribe, self.scope, self.around = runbook, scribe, scope, around
        self.planning = planning or _Forward(runbook, scope, around.sessions.read)
        self.planned = {line["step"]: line for line in scribe.run.plan["lines"]}
        self.sections = {
            step.id: number for number, section in enumerate(runbook.sections) for step in section.steps
        }
        self.failed: list[str] = []
        self.at: Step | None = None
        self.live: dict[tuple[str, int], Mapping[str, Any]] = {}

    def steps(self) -> None:
        for batch in carried_out(self.runbook):
            if self.around.pause(0):
                raise Stop(RunStatus.STOPPED, "a person stopped it between two steps")
            self.at = batch[0]
            self.scribe.listen()
            if self.scribe.run.ends:
                raise Stop(RunStatus.STOPPED, self.scribe.run.ending)
            if is_list(batch):
                self._list(batch)
            else:
                self._batch(batch)
        if self.failed:
            raise Stop(RunStatus.FAILED, "went on past failed steps: " + ", ".join(self.failed))
        if self.scribe.run.deferrals:
            raise all_but(self.scribe.run)

    def beside(self, stop: Stop) -> dict[str, Json]:
        """What the record says of a stop from which on other runs about the subject may begin.

        What cannot be done at its time for a passing reason is tried again by itself: it has to be done, late or not.
        """
        if self.at is None or not self.at.beside or self.scribe.run.deferrals:
            return {}
        if stop.status is RunStatus.FAILED:
            return {"beside": True, "due": stamp(self.around.clock() + AGAIN)}
        return {"beside": True} if stop.status is RunStatus.WAITING else {}

    def _list(self, items: tuple[Step, ...]) -> None:
        """What was done from memory is confirmed as one list; what nobody said no to stays done."""
        open_ones = [step for step in items if not self._is_said(step)]
        if len(open_ones) > 1:
            title = self.runbook.sections[self.sections[items[0].id]].title
            shown = title.get(self.around.language) or next(iter(title.values()))
            together(shown, open_ones, self.scribe, self.around)
        for step in items:
            self._step(step)

    def _is_said(self, step: Step) -> bool:
        record = self.scribe.run.record(step.id)
        put_off = record.status is StepStatus.DEFERRED
        return record.status.is_over or put_off or bool(record.confirmed_by)

    def _batch(self, batch: tuple[Step, ...]) -> None:
        if len(batch) == 1:
            self._step(batch[0])
            return
        with ThreadPoolExecutor(len(batch)) as pool:
            futures = [pool.submit(self._step, step) for step in batch]
        # All have ended; the first in written order that stopped says why the run does.
        for future in futures:
            future.result()

    def _step(self, step: Step) -> None:
        if self.scribe.run.record(step.id).status in {StepStatus.DEFERRED, StepStatus.NEVER}:
            self._refuse_unproven(step)
            self.scope.outputs[step.id] = Deferred(step.id)
            return
        try:
            self._perform(step)
        except (JournalError, Busy):
            raise
        except (Stop, RunbookError) as trouble:
            stop = trouble if isinstance(trouble, Stop) else self._unplannable(step, trouble)
            if step.on_failure is OnFailure.CONTINUE and stop.status is RunStatus.FAILED:
                self.failed.append(step.id)
                self.scope.outputs[step.id] = Deferred(step.id)
                return
            raise stop from trouble

    def _refuse_unproven(self, step: Step) -> None:
        """Raise where nobody has to believe that a step was put off, or given up, by whoever may."""
        run = self.scribe.run
        words = [
            d for d in run.decisions if d.gate == step.id and d.verdict in {Verdict.DEFER, Verdict.NEVER}
        ]
        why = self.around.unproven(run, words[-1]) if words else "nobody said so"
        if why:
            raise Stop(
                RunStatus.REFUSED,
                f"step {step.id!r} is put off, and that does not count: {why}",
                next_move=f"`runbook settle {run.id} {step.id}` does it; or somebody who may puts it off again",
                kind="deferred",
            )

    def _unplannable(self, step: Step, error: RunbookError) -> Stop:
        """An error before anything was begun: reading or planning did not work."""
        for label in self.scribe.run.records_of(step.id):
            if waits := still_waiting(label, error, self.scribe, self.around.clock()):
                return waits
        begun = self.scribe.run.record(step.id).status is StepStatus.BEGUN
        body: dict[str, Json] = {"step": step.id, "error": error_body(error)}
        # What was begun stays begun: that it cannot be planned says nothing about whether it happened.
        self.scribe.add(Kind.FAILED, {**body, "in_doubt": True} if begun else body)
        return Stop.of(error, run=self.scribe.run.id, step=step.id)

    def _perform(self, step: Step) -> None:
        records = self.scribe.run.records_of(step.id)
        if not step.for_each and step.id in records and records[step.id].status.is_over:
            self._give(step, [self._settled_outputs(step, records[step.id])])
            return
        self._wait_for_its_time(step)
        over = {label for label, record in records.items() if record.status.is_over}
        for line in self.planning.lines(step, over):
            self._line(step, line)
        ended = self.scribe.run.records_of(step.id)
        self._refuse_missing(step, ended)
        self._give(step, [_outputs_of(ended[label]) for label in sorted(ended, key=_index)])

    def _wait_for_its_time(self, step: Step) -> None:
        """Raise `Stop` before the moment from which the step may be done; that moment is as planned."""
        names, where = self.scope.names(), f'{step.place} step "{step.id}"'
        if not step.not_before or (step.when and render.condition(step.when, names, where=where) is False):
            return
        opens = opening(step, names, where=where)
        if isinstance(opens, Deferred):
            return  # planning the step says which value is missing
        labels = [step.id, *(label for label in self.planned if label.partition("[")[0] == step.id)]
        planned: Mapping[str, Any] = next(
            (self.planned[label] for label in labels if label in self.planned), {}
        )
        if planned.get("not_before") and not fits(planned["not_before"], opens):
            error = {
                "kind": "drift",
                "what": "the time before which it is not done is another one",
                "planned": planned["not_before"],
                "found": opens,
            }
            self.scribe.add(Kind.DRIFTED, {"step": step.id, "error": error})
            raise drifted(self.scribe.run.id, step.id, str(error["what"]))
        due = almanac.read(opens)
        if self.around.clock() < due:
            raise wait_until(step.id, due, opens, self.scribe, self.around.language)

    def _settled_outputs(self, step: Step, record: StepRecord) -> dict[str, Any]:
        """What a step that is over gave; what a person's word could not tell is read, where it can be."""
        given = _outputs_of(record)
        if not holds_deferred(given) or record.nature != Nature.WRITES:
            return given
        for line in plan_step(step, self.sections[step.id], self.scope, self.around.sessions.read):
            return {**given, **(line.change.outputs if line.change else {})}
        return given

    def _refuse_missing(self, step: Step, ended: Mapping[str, StepRecord]) -> None:
        """Raise where an element that was planned is no longer in the list: it would be forgotten."""
        missing = [label for label in self.planned if label.startswith(f"{step.id}[") and label not in ended]
        if not missing or (step.id in ended and ended[step.id].status is StepStatus.SKIPPED):
            return
        what = f"{', '.join(missing)} was planned and is no longer in the list that for_each gives"
        error = {"kind": "drift", "what": what, "planned": missing, "found": sorted(ended, key=_index)}
        self.scribe.add(Kind.DRIFTED, {"step": step.id, "error": error})
        raise drifted(self.scribe.run.id, step.id, what)

    def _give(self, step: Step, parts: list[Any]) -> None:
        """Let later steps read what this one gave; secrets made in this process stay as they are."""
        live = [self.live.get((step.id, number), part) for number, part in enumerate(parts)]
        self.scope.outputs[step.id] = joined(step, live)

    def _line(self, step: Step, line: Line) -> None:
        approved = self.planned.get(line.step) or self.planned.get(step.id)
        if approved is None and line.status is Status.SKIP:
            approved = self.planned.get(f"{step.id}[0]")  # the list was known, its `when:` was not
        if step.gate:
            pass_gate(line, approved, self.scribe, self.around.gates)
            return
        outputs = perform(
            step,
            line,
            approved,
            scribe=self.scribe,
            around=self.around,
            guards=self.runbook.guards,
            replan=lambda: self.planning.again(line, step),
            admitted=lambda: self._admitted(step),
        )
        self.live[step.id, _index(line.step)] = outputs

    def _admitted(self, step: Step) -> int:
        """Ask every gate before a step again; gives how many words of people were heard by then."""
        heard = self.scribe.listen()
        if step.beside:
            return heard  # agreed to when it was booked: what has to end ends, whoever has left meanwhile
        for gate in takewhile(lambda earlier: earlier.id != step.id, self.runbook.steps()):
            if gate.gate is None or self.scribe.run.record(gate.id).status is StepStatus.SKIPPED:
                continue
            for line in self.planning.lines(gate, ()):
                heard = min(heard, pass_gate(line, self.planned.get(gate.id), self.scribe, self.around.gates))
        return heard


def _outputs_of(record: StepRecord) -> dict[str, Any]:
    """What later steps read of a recorded step."""
    if record.status is StepStatus.SKIPPED:
        return {"skipped": True, "changed": False}
    return {**kept(record.outputs), "changed": record.changed, "skipped": False}


def _index(label: str) -> int:
    number = label.partition("[")[2].rstrip("]")
    return int(number) if number else 0


def outputs_so_far(runbook: Runbook, run: Run) -> dict[str, Any]:
    """What the steps that are over gave, by step id, as later steps read it."""
    given: dict[str, Any] = {}
    for step in runbook.steps():
        records = run.records_of(step.id)
        if not records or not all(record.status.is_over for record in records.values()):
            continue
        given[step.id] = joined(step, [_outputs_of(records[label]) for label in sorted(records, key=_index)])
    return given


def joined(step: Step, parts: list[Mapping[str, Any]]) -> Any:
    """The outputs of a step: its own, or those of all its elements."""
    if step.for_each:
        whole = len(parts) == 1 and parts[0].get("skipped")
        return {"each": [], **parts[0]} if whole else gathered_outputs(list(parts), step.id)
    return parts[0] if parts else {"changed": False, "skipped": True}
