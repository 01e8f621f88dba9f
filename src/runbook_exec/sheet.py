"""What an approver is shown: the plan's lines behind a gate, as the journal keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runbook_exec.change import Certainty, Change, Json, Nature
from runbook_exec.diff import shown
from runbook_exec.model import Runbook
from runbook_exec.plan import Awaits, Line, Plan, Status, gate_of
from runbook_exec.run import Run
from runbook_exec.values import lost_secrets


def kept_plan(run: Run, runbook: Runbook, lines: Sequence[Mapping[str, Any]]) -> Plan:
    """A plan to look at, from its lines in the journal."""
    return Plan(
        client=run.client,
        environment=str(run.started.get("environment", "")),
        runbook=runbook,
        inputs=run.started.get("inputs", {}),
        subject=str(run.started.get("subject", "")),
        lines=tuple(map(kept_line, lines)),
        undoes=str(run.started.get("undoes", "")),
        digest=str(run.plan.get("digest", "")),
    )


def kept_line(body: Mapping[str, Any]) -> Line:
    """A line to look at. Marks of secrets and of values to come are shown as such."""
    return Line(
        step=body["step"],
        title=body["title"],
        section=body["section"],
        status=Status(body["status"]),
        uses=body["uses"],
        nature=Nature(body["nature"]),
        change=_change(body),
        envelope=body["envelope"],
        gate=gate_of(body["gate"]) if body.get("gate") else None,
        not_before=body.get("not_before", ""),
        irreversible=body["irreversible"],
        reason=body["reason"],
        awaits=Awaits(body["awaits"]) if body.get("awaits") else None,
        needs=body.get("needs", ""),
        may_skip=body.get("may_skip", False),
    )


def _change(body: Mapping[str, Any]) -> Change | None:
    what = body["what"]
    if "target" not in what:
        return None
    return Change(
        action=what["action"],
        target=_text(what["target"]),
        identity=what["identity"],
        involves=lost_secrets(what.get("involves") or {}),
        before=lost_secrets(what["before"]),
        after=lost_secrets(what["after"]),
        request=lost_secrets(what["request"]),
        outputs=lost_secrets(what.get("outputs") or {}),
        says=body["says"] or {},
        notes=tuple(body["notes"]),
        certainty=Certainty(body["certainty"]),
        destructive=body.get("destructive", False),
        conflicts=lost_secrets(what.get("conflicts") or {}),
    )


def _text(value: Json) -> str:
    return value if isinstance(value, str) else shown(lost_secrets(value))


def differences(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How the lines behind a gate differ between two plans, one sentence each."""
    before = {line["step"]: line for line in old}
    after = {line["step"]: line for line in new}
    for step in [*before, *(step for step in after if step not in before)]:
        if step not in after:
            yield f"{step}: is no longer in the plan (done meanwhile, or not needed)"
        elif step not in before:
            yield f"{step}: is new"
        else:
            yield from _line_differences(step, before[step], after[step])


def _line_differences(step: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["status"] != new["status"]:
        yield f"{step}: was {old['status']}, is {new['status']}"
    for name in dict.fromkeys([*old["what"], *new["what"]]):
        was, now = old["what"].get(name), new["what"].get(name)
        if was != now:
            yield f"{step}: {name} was {shown(lost_secrets(was))}, is {shown(lost_secrets(now))}"
    if old.get("not_before") != new.get("not_before"):
        was, now = old.get("not_before") or "any time", new.get("not_before") or "any time"
        yield f"{step}: not before was {shown(lost_secrets(was))}, is {shown(lost_secrets(now))}"
    if old.get("gate") != new.get("gate"):
        yield f"{step}: its rule was {shown(old.get('gate'))}, is {shown(new.get('gate'))}"
