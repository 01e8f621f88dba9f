"""The run as the replay of its events. Pure: the same events give the same run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from runbook_exec.change import Json
from runbook_exec.decision import Decision, Verdict
from runbook_exec.errors import JournalError, Refused
from runbook_exec.journal import SCHEMA_VERSION, Event, Kind, check_chain, event_hash
from runbook_exec.run import Deferral, Note, Run, RunStatus, StepRecord, StepStatus, Telling, Wait, Word
from runbook_exec.sealing import ERASED


def replay(events: Iterable[Event]) -> Run:
    """Fold events into a run; checks the chain on the way. Raises `JournalError` where it breaks."""
    listed = list(events)
    if not listed:
        raise JournalError("the run has no events", next_move="`runbook status` lists the runs")
    check_chain(listed)
    first = listed[0]
    version = first.body.get("schema", 0)
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"the run was written in schema {version}, this program knows {SCHEMA_VERSION}",
            where=f"run {first.run}",
            next_move="use the newer program",
        )
    run = Run(
        id=first.run,
        client=first.client,
        started=first.body,
        started_at=first.at,
        plan={},
        steps={},
        status=RunStatus.RUNNING,
        erased=next((str(event.body[ERASED]) for event in listed if ERASED in event.body), ""),
    )
    for event in listed:
        run = after(run, event)
    return run


def refuse_erased(run: Run) -> None:
    """Raise `Refused` where what the run knew of its subject was erased: nobody can go on from it."""
    if run.erased:
        raise Refused(
            f"what run {run.id} knew of its subject was erased on {run.erased[:10]}; nobody can go on with it",
            next_move=f"`runbook log {run.id}` shows what is left; a new run begins anew",
        )


def check_next(run: Run, event: Event) -> None:
    """Raise `JournalError` where an event does not follow from what the run knows."""
    if (event.seq, event.before, event.hash) != (run.seq + 1, run.head, event_hash(event)):
        raise JournalError(
            "this event does not follow from the one before it",
            where=f"run {event.run}, event {event.seq}",
            next_move="treat the run as tampered with; restore the journal from its copy",
        )


def after(run: Run, event: Event) -> Run:
    """The run with one more event."""
    body = event.body
    run = replace(run, seq=event.seq, head=event.hash, at=event.at)
    match event.kind:
        case Kind.PLANNED:
            run = replace(run, shown=run.shown or body)
            return replace(run, plan=body, waits={}, steps=_gates_shut(_measured_anew(run.steps), body))
        case Kind.DECIDED | Kind.WITHDRAWN | Kind.BROKEN_GLASS | Kind.REVIEWED:
            return replace(run, decisions=(*run.decisions, _decision(event)))
        case Kind.DEFERRED | Kind.NEVER:
            return _put_off(replace(run, decisions=(*run.decisions, _decision(event))), event)
        case Kind.GATE | Kind.OPENED:
            run = replace(run, waits={**run.waits, body["step"]: _waited(run, event)})
        case Kind.RESUMED | Kind.STOPPED | Kind.DONE | Kind.CANCELLED:
            return _gone_on(run, event)
        case Kind.UNDOING | Kind.UNDONE:
            return _taken_back(run, event)
        case Kind.TAKEN | Kind.NOTED | Kind.ENDING | Kind.TOLD | Kind.RESCHEDULED:
            return _handed_on(run, event)
    if "step" not in body:
        return run
    label = str(body["step"])
    steps = {**run.steps, label: _met(_step_after(run.record(label), event), event)}
    return replace(run, steps=steps)


_MEETS = {Kind.INTENT, Kind.WAITING, Kind.GATE, Kind.CONFIRMED, Kind.FAILED, Kind.DRIFTED}


def _met(record: StepRecord, event: Event) -> StepRecord:
    """What has ever happened to the step, and since when the run is at it."""
    too_early = event.kind == Kind.WAITING and "due" in event.body and "until" not in event.body
    since = (record.since or event.at) if event.kind in _MEETS and not too_early else record.since
    return replace(
        record,
        since="" if event.kind in {Kind.REOPENED, Kind.DUE} else since,
        drifted=record.drifted or event.kind == Kind.DRIFTED,
        doubted=record.doubted or bool(event.body.get("in_doubt")),
        by_hand=record.by_hand or event.kind == Kind.RESOLVED,
    )


def _gone_on(run: Run, event: Event) -> Run:
    body: Mapping[str, Any] = event.body
    match event.kind:
        case Kind.RESUMED:
            return replace(run, status=RunStatus.RUNNING, why="", next_move="", due="")
        case Kind.STOPPED:
            status = RunStatus(body["status"])
            due = body.get("due", "")
            return replace(run, status=status, why=body["why"], next_move=body.get("next_move", ""), due=due)
    run = replace(run, fidelity=body.get("fidelity") or {})
    if event.kind == Kind.DONE:
        return replace(run, status=RunStatus.DONE, why=body.get("why", ""), ended_at=event.at)
    return replace(run, status=RunStatus.CANCELLED, why=body["reason"], next_move="", ended_at=event.at)


def moved(run: Run, moves: Mapping[str, Json], steps: Iterable[str]) -> Run:
    """The run with other dates among its inputs, by dotted name, and with these steps to be done again."""
    given = run.started["inputs"]
    for name, value in moves.items():
        given = _with(given, name.split("."), value)
    again = {label: _pending(run.record(label), "its date was moved") for label in steps}
    return replace(run, started={**run.started, "inputs": given}, steps={**run.steps, **again})


def _with(values: Any, path: Sequence[str], value: Json) -> Json:
    first, *rest = path
    return {**values, first: _with(values.get(first) or {}, rest, value) if rest else value}


def _told(body: Mapping[str, Any]) -> Iterator[Telling]:
    for person in body["to"]:
        for key in body["keys"]:
            yield Telling(
                gate=body["gate"],
                digest=body["digest"],
                key=key,
                person=person,
                failed=bool(body.get("failed")),
            )


def _handed_on(run: Run, event: Event) -> Run:
    body: Mapping[str, Any] = event.body
    match event.kind:
        case Kind.TAKEN:
            return replace(run, taken_by=event.who)
        case Kind.ENDING:
            return replace(run, ending=f"{event.who}: {body['reason']}")
        case Kind.TOLD:
            return replace(run, told=(*run.told, *_told(body)))
        case Kind.RESCHEDULED:
            return moved(run, body["moves"], body["steps"])
    note = Note(at=event.at, who=event.who, text=str(body["text"]))
    return replace(run, notes=(*run.notes, note))


def _measured_anew(steps: Mapping[str, StepRecord]) -> dict[str, StepRecord]:
    """Under a new plan, what is left counts by that plan, not by its first intent any more."""
    return {label: _planned_anew(_unsaid(record)) for label, record in steps.items()}


def _unsaid(record: StepRecord) -> StepRecord:
    """Without what was begun and did not come off, and without who confirmed it: that was for the old plan."""
    if record.status.is_over:
        return record
    failed = record.status in {StepStatus.FAILED, StepStatus.DRIFTED}
    return replace(record, confirmed_by=(), change=None if failed else record.change)


def _gates_shut(steps: Mapping[str, StepRecord], plan: Mapping[str, Any]) -> dict[str, StepRecord]:
    """Under a new plan every gate in it has to open again. Its lines are those without an action."""
    gates = {line["step"] for line in plan.get("lines", ()) if not line.get("uses", "-")}
    return {label: record for label, record in steps.items() if label not in gates}


def _decision(event: Event) -> Decision:
    body: Mapping[str, Any] = event.body
    return Decision(
        seq=event.seq,
        gate=body["gate"],
        verdict=Verdict(body["verdict"]),
        person=body["person"],
        account=event.who,
        digest=body["digest"],
        shown=body["shown"],
        reason=body["reason"],
        at=body["at"],
        way=body["way"],
        text=body["text"],
        signature=body["signature"],
        delegated_for=body["delegated_for"],
        about=body["about"],
        after=body["after"],
        bound=body["at"] == event.at and body["after"] == event.before,
    )


def _waited(run: Run, event: Event) -> Wait:
    body: Mapping[str, Any] = event.body
    known = run.waits.get(str(body["step"]), Wait(since=event.at, rule=body.get("rule") or {}))
    return replace(known, opened=known.opened or event.at) if event.kind == Kind.OPENED else known


def _taken_back(run: Run, event: Event) -> Run:
    body: Mapping[str, Any] = event.body
    run = replace(run, undone_by=body["by"], why=body["why"], ended_at=run.ended_at or event.at)
    if event.kind == Kind.UNDOING:
        return replace(run, status=RunStatus.UNDOING, next_move=body["next_move"])
    back = {label: replace(run.record(label), status=StepStatus.UNDONE) for label in body["steps"]}
    return replace(run, status=RunStatus.UNDONE, next_move="", steps={**run.steps, **back})


def _planned_anew(record: StepRecord) -> StepRecord:
    """Marks that what was begun so far was begun under an older plan."""
    if record.status is StepStatus.WAITING:
        too_early = record.due and not record.until and not record.images
        record = replace(record, due="", until="")  # the time for waiting begins anew
        if too_early:  # nothing but its old time was in the way
            return replace(record, status=StepStatus.PENDING, note="", begun_at="")
    return replace(record, images=(*record.images, None)) if record.images and not record.happened else record


def _step_after(record: StepRecord, event: Event) -> StepRecord:
    body: Mapping[str, Any] = event.body
    match event.kind:
        case Kind.INTENT:
            return replace(
                record,
                status=StepStatus.BEGUN,
                change=body["change"],
                images=(*record.images, body["change"]),
                nature=body["nature"],
                attempts=record.attempts + 1,
                begun_at=record.begun_at or event.at,
            )
        case Kind.FAILED | Kind.EXPIRED | Kind.TURNED_AWAY:
            status = StepStatus.BEGUN if body.get("in_doubt") else StepStatus.FAILED
            return replace(record, status=status, error=body["error"], ended_at=event.at)
        case Kind.WAITING | Kind.GATE:
            return replace(
                record,
                status=StepStatus.WAITING,
                note=body["reason"],
                begun_at=record.begun_at or event.at,
                due=body.get("due", ""),
                until=body.get("until", ""),
            )
        case Kind.DRIFTED:
            return replace(record, status=StepStatus.DRIFTED, error=body["error"])
        case Kind.CONFIRMED:
            return replace(
                record, confirmed_by=(*record.confirmed_by, body["who"]), answer=body.get("answer")
            )
        case Kind.REOPENED | Kind.DUE:
            return _pending(record, body["reason"])
        case Kind.RESOLVED if body["how"] == Word.REDO:
            return _pending(record, body["reason"])
        case Kind.SKIPPED | Kind.OPENED | Kind.ADOPTED | Kind.RESULT | Kind.RESOLVED:
            return _over(replace(record, ended_at=event.at, error=None), event)
        case Kind.LEFT:
            return replace(record, status=StepStatus.LEFT, note=body["reason"], ended_at=event.at, error=None)
    return record


def _put_off(run: Run, event: Event) -> Run:
    """A step put off, or given up; what is over or was begun meanwhile stays so."""
    body: Mapping[str, Any] = event.body
    label = str(body["step"])
    record = run.record(label)
    if record.status.is_over or record.status is StepStatus.BEGUN:
        return run
    if event.kind == Kind.NEVER:
        record = replace(record, status=StepStatus.NEVER, note=body["why"], ended_at=event.at, error=None)
        return replace(run, steps={**run.steps, label: record})
    deferral = Deferral(
        reason=body["why"],
        owner=body["owner"],
        until=date.fromisoformat(body["until"]),
        letter=body["letter"],
        by=body["person"],
        since=record.deferral.since if record.deferral else datetime.fromisoformat(event.at),
    )
    put_off = replace(record, status=StepStatus.DEFERRED, deferral=deferral, note=body["why"], error=None)
    return replace(run, steps={**run.steps, label: put_off})


def _pending(record: StepRecord, reason: str) -> StepRecord:
    """To be done again from the start; who confirmed it did so for what was then."""
    return replace(record, status=StepStatus.PENDING, note=reason, change=None, begun_at="", confirmed_by=())


def _over(record: StepRecord, event: Event) -> StepRecord:
    body: Mapping[str, Any] = event.body
    match event.kind:
        case Kind.SKIPPED:
            return replace(record, status=StepStatus.SKIPPED, note=body["reason"])
        case Kind.OPENED:
            return replace(record, status=StepStatus.DONE, note=body["reason"])
        case Kind.ADOPTED:
            changed, outputs, note = bool(body.get("changed", False)), body["outputs"], body.get("note", "")
        case Kind.RESOLVED:
            changed, outputs, note = True, (record.change or {}).get("outputs", {}), body["reason"]
        case _:
            changed, outputs, note = bool(body["changed"]), body["outputs"], ""
            record = replace(record, evidence=body["evidence"], undo=body.get("undo", {}))
    return replace(
        record,
        status=StepStatus.DONE,
        changed=changed,
        happened=record.happened or changed,
        outputs=outputs,
        note=note,
    )
