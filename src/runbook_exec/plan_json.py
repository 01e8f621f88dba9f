"""A plan as JSON for programs: one stable shape, described by `schema()`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from runbook_exec.change import Json
from runbook_exec.diff import Difference
from runbook_exec.plan import Line, Plan, gate_body
from runbook_exec.plan_view import line_differences
from runbook_exec.values import plain

FORMAT = 1
"""Goes up when a field goes away or changes its meaning; new fields do not count."""


class DifferenceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute, before and after."""

    sign: Annotated[
        str, Meta(description="+ added, - removed, ~ changed, > sent, = given to later steps, · asked for")
    ]
    name: Annotated[str, Meta(description="the attribute; a dot leads into a mapping")]
    before: Json = None
    after: Json = None


class LineDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One step, or one element of its `for_each`."""

    step: Annotated[str, Meta(description="the step's id, with [0] and so on for elements of a for_each")]
    title: Annotated[dict[str, str], Meta(description="the checklist item, by language")]
    section: Annotated[int, Meta(description="index into `sections`")]
    status: Annotated[str, Meta(description="change, same, later, skip, lost (cannot come back) or gate")]
    certainty: Annotated[str, Meta(description="exact, reported, deferred, blind or human")]
    counts: Annotated[bool, Meta(description="true where it stands for an effect outside the process")]
    uses: Annotated[str, Meta(description="the action; empty for a gate")]
    nature: Annotated[str, Meta(description="writes, blind, human, waits or computes")]
    says: Annotated[dict[str, str] | None, Meta(description="one plain sentence, by language")]
    target: Annotated[str | None, Meta(description="the far side's name for the thing")]
    identity: Annotated[Json, Meta(description="the target's immutable id where it exists")]
    before: Annotated[Json, Meta(description="only what is read or set; null: does not exist")]
    after: Annotated[Json, Meta(description="only what is set; null: gone")]
    request: Annotated[Json, Meta(description="the exact request where nothing can be read back")]
    differences: Annotated[list[DifferenceDocument], Meta(description="before and after by attribute")]
    outputs: Annotated[Json, Meta(description="values for later steps, as far as known")]
    envelope: Annotated[
        Json,
        Meta(
            description="action, arguments ({$deferred: …} is still to come) and the limits `within` which it stays"
        ),
    ]
    awaits: Annotated[str | None, Meta(description="for later: value, whether or how-often")]
    needs: Annotated[str, Meta(description="for later: the value that decides it")]
    may_skip: Annotated[bool, Meta(description="true where its `when:` is not known yet")]
    reason: Annotated[str, Meta(description="why it is later, skipped, lost, or partly left alone")]
    gate: Annotated[
        Json,
        Meta(description="rule, and in seconds: expires, holds; fallback and escalate where it has them"),
    ]
    not_before: Annotated[
        Json, Meta(description="the moment before which it is not done (RFC 9557); empty: at any time")
    ]
    notes: Annotated[list[str], Meta(description="what a reader must know")]
    irreversible: Annotated[str, Meta(description="why it cannot be taken back; empty: it can")]
    destructive: bool
    blocked: Annotated[str, Meta(description="why it cannot be done; empty: it can")]
    conflicts: Annotated[
        Json, Meta(description="of an undo: values that somebody changed since, by name; they stay")
    ]


class PlanDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A plan: what a run would change, made without writing. Secrets are {"$secret": their rule}."""

    format: Annotated[int, Meta(description="version of this shape")] = FORMAT
    digest: Annotated[str, Meta(description="SHA-256 that approvals and runs refer to")]
    client: str
    environment: str
    runbook: Annotated[str, Meta(description="its name")]
    runbook_digest: Annotated[str, Meta(description="SHA-256 of the runbook and its schemas")]
    title: dict[str, str]
    subject: Annotated[str, Meta(description="who or what it is about")]
    undoes: Annotated[str, Meta(description="the run that it takes back; empty for any other plan")]
    inputs: Annotated[Json, Meta(description="the checked inputs")]
    changes: Annotated[int, Meta(description="effects outside the process")]
    empty: Annotated[bool, Meta(description="true where nothing is left to do")]
    refusals: Annotated[list[str], Meta(description="why it may not be started; empty: it may")]
    sections: Annotated[list[dict[str, str]], Meta(description="titles by language")]
    lines: list[LineDocument]


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain JSON of the shape that `schema` describes."""
    found: dict[str, Any] = msgspec.to_builtins(document(plan))
    return found


def schema() -> dict[str, Any]:
    """JSON Schema of what `plan_json` gives."""
    return msgspec.json.schema(PlanDocument)


def document(plan: Plan) -> PlanDocument:
    """The plan as a typed record."""
    return PlanDocument(
        digest=plan.digest,
        client=plan.client,
        environment=plan.environment,
        runbook=plan.runbook.name,
        runbook_digest=plan.runbook.digest,
        title=dict(plan.runbook.title),
        subject=plan.subject,
        undoes=plan.undoes,
        inputs=plain(plan.inputs),
        changes=plan.changes,
        empty=plan.is_empty,
        refusals=list(plan.refusals),
        sections=[dict(section.title) for section in plan.runbook.sections],
        lines=[_line(line) for line in plan.lines],
    )


def _line(line: Line) -> LineDocument:
    change = line.change
    return LineDocument(
        step=line.step,
        title=dict(line.title),
        section=line.section,
        status=line.status.value,
        certainty=line.certainty.value,
        counts=line.counts,
        uses=line.uses,
        nature=line.nature.value,
        says=dict(change.says) if change else None,
        target=change.target if change else None,
        identity=plain(change.identity) if change else None,
        before=plain(change.before) if change else None,
        after=plain(change.after) if change else None,
        request=plain(change.request) if change else None,
        differences=[_difference(each) for each in line_differences(line)],
        outputs=plain(change.outputs) if change else None,
        envelope=plain(line.envelope),
        awaits=line.awaits.value if line.awaits else None,
        needs=line.needs,
        may_skip=line.may_skip,
        reason=line.reason,
        gate=gate_body(line.gate) if line.gate else None,
        not_before=line.not_before,
        notes=[note if isinstance(note, str) else note["en"] for note in change.notes] if change else [],
        irreversible=line.irreversible,
        destructive=bool(change and change.destructive),
        blocked=change.blocked if change else "",
        conflicts=plain(change.conflicts) if change else {},
    )


def _difference(each: Difference) -> DifferenceDocument:
    return DifferenceDocument(
        sign=each.sign.value, name=each.name, before=plain(each.before), after=plain(each.after)
    )
