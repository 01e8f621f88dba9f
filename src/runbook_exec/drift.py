"""Is what would be done now what was planned and shown? Pure comparison of two plan lines.

The run's own earlier steps never count as drift: an approved line's `before` is what the
overlay predicted. A line approved as an envelope must hold the concrete one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook_exec.change import Json, Nature
from runbook_exec.envelope import outside
from runbook_exec.plan_line import Awaits, Line, Status, gate_body, line_identity
from runbook_exec.step_plan import NOTHING
from runbook_exec.values import fits, plain


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What is different, in words, with the two sides."""

    what: str
    planned: Json
    found: Json


def line_body(line: Line) -> dict[str, Json]:
    """A line as the journal keeps it: enough to compare, to show and to undo."""
    change = line.change
    return {
        "step": line.step,
        "title": dict(line.title),
        "section": line.section,
        "status": line.status.value,
        "uses": line.uses,
        "nature": line.nature.value,
        "certainty": line.certainty.value,
        "what": line_identity(line),
        "says": dict(change.says) if change else None,
        "notes": [note if isinstance(note, str) else dict(note) for note in change.notes] if change else [],
        "envelope": plain(line.envelope),
        "gate": gate_body(line.gate) if line.gate else None,
        **({"not_before": line.not_before} if line.not_before else {}),
        "irreversible": line.irreversible,
        "destructive": bool(change and change.destructive),
        "reason": line.reason,
        "awaits": line.awaits.value if line.awaits else None,
        "needs": line.needs,
        "may_skip": line.may_skip,
    }


def drift(approved: Mapping[str, Any] | None, now: Line, *, begun: bool = False) -> Drift | None:
    """How a freshly planned line leaves the approved one, or None.

    `begun` allows for the step's own unfinished work: each value may still be as it was
    before, or already as it was to become.
    """
    if approved is None:
        return Drift(what="the plan has no such step", planned=None, found=now.step)
    was = approved["status"]
    if now.status is Status.SKIP and was in {Status.LATER, Status.GATE}:
        return None if _may_be_left_out(approved, now) else _other_need(was, now)
    if beyond := _beyond_limits(approved.get("envelope"), now):
        return beyond
    if was == Status.LATER:
        return _outside(approved["envelope"], now)
    if Status(was).is_idle or now.status.is_idle:
        if was == now.status:
            return None
        return _other_need(was, now)
    if now.status is Status.LATER:
        return Drift(what="a value is missing that was known", planned=was, found=now.reason)
    planned, found = approved["what"], line_identity(now)
    if now.nature is Nature.COMPUTES and not fits(planned.get("outputs"), found.get("outputs")):
        return Drift(
            what="the result is another one", planned=planned.get("outputs"), found=found.get("outputs")
        )
    return _other_arguments(approved, now) or _differences(planned, found, now, begun=begun)


def _other_need(was: str, now: Line) -> Drift:
    return Drift(what="whether the step is needed has changed", planned=was, found=now.status.value)


def _may_be_left_out(approved: Mapping[str, Any], now: Line) -> bool:
    """Whether nobody knew, when it was planned, that there would be something to do."""
    if now.element is NOTHING:
        return bool(approved.get("awaits") == Awaits.HOW_OFTEN)
    return bool(approved.get("may_skip", approved.get("awaits") == Awaits.WHETHER))


def _beyond_limits(envelope: Mapping[str, Any] | None, now: Line) -> Drift | None:
    within = (envelope or {}).get("within")
    reason = outside(within, now.change) if within and now.change else ""
    if not reason:
        return None
    return Drift(what=f"it lies outside what was allowed: {reason}", planned=within, found=line_identity(now))


def _other_arguments(approved: Mapping[str, Any], now: Line) -> Drift | None:
    """A setting may have changed meanwhile: what is already so by it is not what was planned."""
    asked, asks = approved.get("envelope"), now.envelope
    if now.nature is not Nature.WRITES or not asked or not asks or fits(asked["with"], asks["with"]):
        return None
    return Drift(
        what="the step asks for something else than was planned", planned=asked["with"], found=asks["with"]
    )


def _outside(envelope: Mapping[str, Any], now: Line) -> Drift | None:
    concrete = now.envelope or {}
    if envelope["uses"] == concrete.get("uses") and fits(envelope["with"], concrete.get("with")):
        return None
    return Drift(
        what="the step lies outside what was planned for it",
        planned=envelope.get("with"),
        found=concrete.get("with"),
    )


def _differences(
    planned: Mapping[str, Any], found: Mapping[str, Any], now: Line, *, begun: bool
) -> Drift | None:
    if not fits(planned["target"], found["target"]):
        return Drift(what="the target is another one", planned=planned["target"], found=found["target"])
    known = planned["identity"]
    if known is not None and not fits(known, found["identity"]):
        return Drift(
            what="what stands at the target is another thing now", planned=known, found=found["identity"]
        )
    was, are = planned.get("involves") or {}, found.get("involves") or {}
    for name in sorted(was.keys() & are.keys()):
        if not fits(was[name], are[name]):
            return Drift(what=f"{name} is somebody or something else now", planned=was[name], found=are[name])
    if now.change is not None and now.change.is_empty:
        return None  # before = after already: nothing is left to do
    if now.nature is Nature.WAITS:
        return None  # it was seen as so with the plan laid over, and the far side is slower
    if not fits(planned["request"], found["request"]):
        return Drift(what="the request is another one", planned=planned["request"], found=found["request"])
    return _attribute_drift(planned, found, begun=begun)


def _attribute_drift(planned: Mapping[str, Any], found: Mapping[str, Any], *, begun: bool) -> Drift | None:
    before, after = planned["before"], planned["after"]
    before_now, after_now = found["before"], found["after"]
    if after is None or after_now is None:
        same = fits(after, after_now) and (begun or fits(before, before_now))
    elif before_now is None:
        same = fits(after, after_now) and (before is None or begun)
    elif before is None:
        # Something stands where nothing was: only our own unfinished work may explain it.
        same = begun and all(
            fits(after.get(name), value) and before_now.get(name) is None for name, value in after_now.items()
        )
    else:
        same = all(
            name in after and fits(after[name], value) and fits(before.get(name), before_now.get(name))
            for name, value in after_now.items()
        )
    if same:
        return None
    return Drift(
        what="the far side is no longer as it was planned on",
        planned={"before": before, "after": after},
        found={"before": before_now, "after": after_now},
    )
