"""A run at its gates: it passes, waits or is turned away; and it is asked again before each effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_exec.change import Json
from runbook_exec.gate import Open, Refused, State, Waiting, missing_words
from runbook_exec.journal import Kind
from runbook_exec.model import GateRule
from runbook_exec.plan import Awaits, Line, Status, gate_body
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.scribe import Scribe
from runbook_exec.stop import Stop
from runbook_exec.surroundings import Gates
from runbook_exec.values import fits, plain


def pass_gate(line: Line, planned: Mapping[str, Any] | None, scribe: Scribe, gates: Gates) -> int:
    """Return where the gate is open, with how many words were heard; else record why not and raise `Stop`.

    The rule is the run's own: where what it names is no longer what was planned, that is drift.
    """
    label = line.step
    if _is_not_needed(line, planned):
        if scribe.run.record(label).status is not StepStatus.SKIPPED:
            scribe.add(Kind.SKIPPED, {"step": label, "reason": line.reason})
        return scribe.listen()
    rule = _as_planned(line, planned, scribe)
    heard = scribe.listen()
    state = gates.state(scribe.run, label, rule)
    if isinstance(state, Open):
        _opened(label, rule, state, scribe)
        return heard
    if isinstance(state, Refused):
        raise _turned_away(label, state, scribe)
    raise _kept_waiting(label, rule, state, scribe, gates)


def _is_not_needed(line: Line, planned: Mapping[str, Any] | None) -> bool:
    """Whether its `when:` is false now, as the plan said or left open."""
    open_then = planned is not None and planned.get("awaits") == Awaits.WHETHER
    said_so = planned is not None and planned.get("status") == Status.SKIP
    return line.status is Status.SKIP and (open_then or said_so)


def _as_planned(line: Line, planned: Mapping[str, Any] | None, scribe: Scribe) -> GateRule:
    if line.status is Status.GATE and line.gate is not None:
        now = gate_body(line.gate)
        if planned is not None and planned.get("gate") and fits(planned["gate"], now):
            return line.gate
        found: Json = now
    else:
        found = line.status.value
    error = {
        "kind": "drift",
        "what": "the gate's rule is no longer as it was planned",
        "planned": plain((planned or {}).get("gate")),
        "found": plain(found),
    }
    scribe.add(Kind.DRIFTED, {"step": line.step, "error": error})
    raise Stop(
        RunStatus.DRIFTED,
        f"step {line.step!r}: {error['what']}",
        next_move=f"`runbook resume {scribe.run.id} --replan` plans what is left and asks again",
        kind="drift",
    )


def _opened(label: str, rule: GateRule, state: Open, scribe: Scribe) -> None:
    if scribe.run.record(label).status is StepStatus.DONE:
        return
    names = ", ".join(d.person for d in state.by)
    body = {
        "step": label,
        "reason": f"glass broken by {names}" if state.glass else f"opened by {names}",
        "by": [d.seq for d in state.by],
        "digest": scribe.run.plan.get("digest"),
        "rule": gate_body(rule),
    }
    scribe.add(Kind.OPENED, body)


def _kept_waiting(label: str, rule: GateRule, state: Waiting, scribe: Scribe, gates: Gates) -> Stop:
    record = scribe.run.record(label)
    again = "is open no longer and " if record.status is StepStatus.DONE else ""
    missing = " and ".join(state.missing)
    reason = f"{again}waits for {missing}"
    if label not in scribe.run.waits or record.status is not StepStatus.WAITING or record.note != reason:
        body = {
            "step": label,
            "reason": reason,
            "rule": gate_body(rule),
            "digest": scribe.run.plan.get("digest"),
        }
        scribe.add(Kind.GATE, body)
    command = f"`runbook approve {scribe.run.id} {label}`"
    told = (
        f"{command}, typed by whoever is missing"
        if state.may
        else "nobody who may open it is known: see people.yaml"
    )
    return Stop(
        RunStatus.WAITING,
        f"the gate {label!r} {reason}",
        next_move=f"{told}; then `runbook resume {scribe.run.id}`",
        kind="gate",
        due=gates.due(scribe.run, label, rule),
    )


def _turned_away(label: str, state: Refused, scribe: Scribe) -> Stop:
    error = {"kind": "expired" if state.expired else "rejected", "what": state.why}
    if scribe.run.record(label).error != error:
        scribe.add(Kind.EXPIRED if state.expired else Kind.TURNED_AWAY, {"step": label, "error": error})
    return Stop(
        RunStatus.REFUSED,
        f"the gate {label!r} stays shut: {state.why}",
        next_move=f"`runbook resume {scribe.run.id} --replan` plans what is left and asks anew; "
        f"`runbook cancel {scribe.run.id}` ends the run",
        kind=error["kind"],
    )


def words_of(state: State, language: str = "en") -> str:
    """A state in a few words."""
    if language == "de":
        return _german(state)
    match state:
        case Open(glass=True):
            return "open, glass broken"
        case Open():
            return "open"
        case Waiting():
            return "waits for " + " and ".join(state.missing)
    return state.why


def _german(state: State) -> str:
    match state:
        case Open(glass=True):
            return "offen durch Notfallöffnung"
        case Open():
            return "offen"
        case Waiting(slots=slots):
            missing = [missing_words(slot, may, "de") for slot, may in slots] or list(state.missing)
            return "wartet auf " + " und ".join(missing)
        case Refused(at=at) if at is not None:
            return f"abgelaufen am {at:%d.%m.%Y %H:%M} UTC"
        case Refused(by=by) if by:
            return f"{by} hat abgelehnt: {state.said}"
    return state.why
