"""`ansible.playbook`: a playbook of the project on hosts of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ansible import state, trouble
from runbook_exec.actions.ansible.request import Request, parsed, request
from runbook_exec.actions.ansible.results import Outcome, Result
from runbook_exec.actions.ansible.session import Listener, Session
from runbook_exec.change import Change, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.secret import Secret

RIGHTS = Rights(
    read=("SSH login on the hosts (an account that can only read will do)",),
    apply=("SSH login on the hosts", "sudo for what the tasks need, where `become` is set"),
)


class Inverse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The playbook that takes a playbook back."""

    playbook: Annotated[str, Meta(description="its path inside the folder playbooks/")]
    vars: Annotated[
        dict[str, Json] | None, Meta(description="its variables; without them, those of the step")
    ] = None


class PlaybookArgs(Args, frozen=True, kw_only=True):
    playbook: Annotated[
        str, Meta(description="path inside the folder playbooks/, for example home_drive.yml")
    ]
    hosts: Annotated[
        str | list[str],
        Meta(description="name of a host or group of the inventory, or a list of names; no patterns"),
    ]
    vars: Annotated[
        dict[str, Json],
        Meta(description="variables for the playbook; values are data and never templates"),
    ] = msgspec.field(default_factory=dict)
    secrets: Annotated[
        dict[str, Secret],
        Meta(description="variables that hold a secret; the tasks that read them say `no_log: true`"),
    ] = msgspec.field(default_factory=dict)
    undo: Annotated[Inverse | None, Meta(description="the playbook that takes this one back")] = None


@register
class Playbook(Action[PlaybookArgs]):
    """Runs a playbook of the project on hosts or groups of the inventory.

    The plan is what Ansible's own check mode reports, with the difference of each task; tasks
    that were skipped are listed, and a task that check mode cannot look at blocks the plan. Done
    means that check mode, run again, finds nothing left to change. Values reach the hosts as
    data: `{{ … }}` in a person's name stays text.

    A secret is never part of a dry run, so a task that takes one must not depend on its value to
    be idempotent: use `update_password: on_create`, `creates:` or `force: false`.
    """

    name = "ansible.playbook"
    rights = RIGHTS
    Args = PlaybookArgs
    outputs: ClassVar[Mapping[str, str]] = {"hosts": "the hosts that it works on"}

    def can_undo(self, values: Mapping[str, Json]) -> bool:
        return bool(values.get("undo"))

    def reads(self, args: PlaybookArgs, facts: Facts) -> tuple[Ref, ...]:
        return (_request(args).ref,)

    def plan(self, args: PlaybookArgs, facts: Facts) -> Change:
        return state.change(self.name, _request(args), facts)

    def apply(self, session: Session, args: PlaybookArgs, change: Change, ctx: Context) -> Evidence:
        # A way back has no arguments: it holds no secret.
        return applied(session, change, args.secrets if args else {}, ctx)

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return state.back(self.name, change, evidence)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> tuple[Ref, ...]:
        return state.back_reads(back)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return state.back_remaining(back, facts)


def _request(args: PlaybookArgs) -> Request:
    back = None
    if args.undo is not None:
        values = args.vars if args.undo.vars is None else args.undo.vars
        # checked now: an undo that could not run must not be promised
        back = request(hosts=args.hosts, playbook=args.undo.playbook, values=values, secrets={}).plain()
        del back["hosts"]
    return request(
        hosts=args.hosts,
        playbook=args.playbook,
        values=args.vars,
        secrets={name: secret.rule for name, secret in args.secrets.items()},
        back=back,
    )


def applied(session: Session, change: Change, secrets: Mapping[str, Secret], ctx: Context) -> Evidence:
    """Run what a change says, telling and recording each task as it ends."""
    asked = parsed(change.request if change.request is not None else change.effects[0].ref.key)

    def on_result(result: Result) -> None:
        ctx.say(f"{result.host}: {result.task}: {result.outcome}")
        ctx.record(_kept(result))

    def seconds_left() -> float:
        return (ctx.deadline - ctx.now()).total_seconds()

    heard = Listener(on_task=lambda name: ctx.say(f"{name} …"), on_result=on_result)
    report = session.apply(asked, secrets=secrets, seconds_left=seconds_left, listener=heard)
    # each task's own result is recorded already
    answer: dict[str, Any] = {
        "hosts": list(report.hosts),
        "changed": len(report.of(Outcome.CHANGED)),
        "ok": len(report.of(Outcome.OK)),
        "skipped": len(report.of(Outcome.SKIPPED)),
    }
    return Evidence(
        answer=answer,
        outputs={"hosts": list(change.writes)},
        undo={"back": asked.back, "hosts": list(change.writes)} if asked.back else {},
    )


def _kept(result: Result) -> dict[str, Json]:
    kept: dict[str, Json] = {
        "host": result.host,
        "task": result.task,
        "module": result.module,
        "outcome": str(result.outcome),
        "changed": result.outcome is Outcome.CHANGED,
        "seconds": result.seconds,
    }
    return (
        {**kept, "message": result.message[: trouble.LONGEST]} if result.outcome is Outcome.FAILED else kept
    )
