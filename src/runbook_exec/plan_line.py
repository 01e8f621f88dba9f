"""One line of a plan: a step, or one element of its `for_each`, and what it is known to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runbook_exec.action import Action
from runbook_exec.change import Certainty, Change, Deferred, Json, Nature, Words
from runbook_exec.model import GateRule, Later
from runbook_exec.values import plain


class Status(StrEnum):
    """What a line of the plan says about its step."""

    CHANGE = "change"
    SAME = "same"
    """Already so: nothing is left to do."""
    LATER = "later"
    """Planned exactly when an earlier step has supplied a value; approved as an envelope."""
    SKIP = "skip"
    """Its `when:` is false."""
    LOST = "lost"
    """Of an undo: it cannot be taken back, and `reason` says why."""
    GATE = "gate"

    @property
    def is_idle(self) -> bool:
        """True where nothing is done, whatever the world is like."""
        return self in {Status.SKIP, Status.LOST}


class Awaits(StrEnum):
    """What about a LATER line an earlier step decides."""

    VALUE = "value"
    WHETHER = "whether"
    """Its `when:`."""
    HOW_OFTEN = "how-often"
    """Its `for_each`."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One step (or one element of its `for_each`) in the plan."""

    step: str
    """The step's id, with `[0]` and so on for the elements of a `for_each`."""
    title: Words
    section: int
    status: Status
    uses: str = ""
    nature: Nature = Nature.WRITES
    change: Change | None = None
    envelope: Mapping[str, Json] | None = None
    """Action, arguments (`$deferred` where a value is still to come) and limits: what a LATER line may become."""
    gate: GateRule | None = None
    irreversible: str = ""
    reason: str = ""
    awaits: Awaits | None = None
    """For LATER: what is not known yet, and by `needs` from where."""
    needs: str = ""
    may_skip: bool = False
    """Its `when:` is not known yet."""
    not_before: Json = ""
    """The moment before which it is not done, as `almanac.written` writes it; one to come is marked so."""
    args: Any = field(default=None, repr=False, compare=False)
    """The action's typed arguments, for whoever applies the line; may hold secrets."""
    element: Any = field(default=None, repr=False, compare=False)
    """The element of `for_each` that the line stands for, so that it can be planned again alone."""

    @property
    def certainty(self) -> Certainty:
        if self.change is None:
            return Certainty.DEFERRED if self.status is Status.LATER else Certainty.EXACT
        return self.change.certainty

    @property
    def counts(self) -> bool:
        """True where the line stands for an effect outside this process."""
        return self.status in {Status.CHANGE, Status.LATER} and self.nature not in {
            Nature.COMPUTES,
            Nature.WAITS,
        }


def gate_body(gate: GateRule) -> dict[str, Json]:
    """A gate's rule as it is stored and hashed; what it does not use is left out."""
    body: dict[str, Json] = {"rule": plain(gate.rule), "expires": gate.expires}
    if gate.holds is not None:
        body["holds"] = gate.holds
    if gate.remind is not None:
        body["remind"] = list(gate.remind)
    for name, later in (("fallback", gate.fallback), ("escalate", gate.escalate)):
        if later is not None:
            body[name] = {"after": later.after, "to": plain(later.to)}
    return body


def gate_of(body: Mapping[str, Any]) -> GateRule:
    """The rule that `gate_body` stored."""

    def later(name: str) -> Later | None:
        return Later(after=body[name]["after"], to=body[name]["to"]) if body.get(name) else None

    return GateRule(
        rule=body["rule"],
        expires=body.get("expires"),
        holds=body.get("holds"),
        remind=tuple(body["remind"]) if "remind" in body else None,
        fallback=later("fallback"),
        escalate=later("escalate"),
    )


def line_identity(line: Line) -> dict[str, Json]:
    """What must be the same at execution: target, identity, before, after, or the envelope."""
    if line.change is None:
        return {"envelope": line.envelope}
    change = line.change
    kept: dict[str, Json] = {
        "action": change.action,
        "target": change.target,
        "identity": plain(change.identity),
        "before": plain(change.before),
        "after": plain(change.after),
        "request": plain(change.request),
    }
    if change.involves:
        kept["involves"] = plain(change.involves)
    if change.conflicts:
        kept["conflicts"] = plain(change.conflicts)
    if line.nature is Nature.COMPUTES:
        kept["outputs"] = plain(change.outputs)
    return kept


def outputs_of(line: Line, action: Action[Any] | None) -> Any:
    """What later steps may read of a planned step; what is not known yet is `Deferred`."""
    base = line.step.partition("[")[0]
    if line.status is Status.SKIP:
        return {"skipped": True, "changed": False}
    if line.status is Status.LATER:
        return Deferred(base)
    known = dict(line.change.outputs) if line.change else {}
    declared = action.outputs if action else {}
    unknown = {name: Deferred(base, name) for name in declared if name not in known}
    return {**unknown, **known, "changed": line.status is Status.CHANGE, "skipped": False}


def gathered_outputs(parts: list[Any], step: str = "each") -> Any:
    """The outputs of a `for_each`: each element's, and whether any changed."""
    changed = [part["changed"] for part in parts if isinstance(part, Mapping)]
    known = len(changed) == len(parts) or any(changed)
    return {
        "each": parts,
        "changed": any(changed) if known else Deferred(step, "changed"),
        "skipped": False,
    }
