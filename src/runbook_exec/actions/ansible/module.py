"""`ansible.module`: one module on hosts of the inventory, without writing a playbook for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from runbook_exec.action import Action, Args, Context, register
from runbook_exec.actions.ansible import state
from runbook_exec.actions.ansible.playbook import RIGHTS, applied
from runbook_exec.actions.ansible.request import Request, request
from runbook_exec.actions.ansible.session import Session
from runbook_exec.change import Change, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.secret import Secret


class InverseModule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The module that takes a module back."""

    args: Annotated[dict[str, Json], Meta(description="its arguments")]
    module: Annotated[str | None, Meta(description="its name; without one, that of the step")] = None


class ModuleArgs(Args, frozen=True, kw_only=True):
    module: Annotated[
        str,
        Meta(description="a module of ansible.builtin: file, copy, lineinfile, user, service and a few more"),
    ]
    hosts: Annotated[
        str | list[str],
        Meta(description="name of a host or group of the inventory, or a list of names; no patterns"),
    ]
    args: Annotated[
        dict[str, Json], Meta(description="the module's arguments; values are data and never templates")
    ] = msgspec.field(default_factory=dict)
    secrets: Annotated[
        dict[str, Secret], Meta(description="arguments that hold a secret; the whole task is then hidden")
    ] = msgspec.field(default_factory=dict)
    undo: Annotated[InverseModule | None, Meta(description="the module that takes this one back")] = None


@register
class Module(Action[ModuleArgs]):
    """Runs one module of ansible.builtin on hosts or groups of the inventory.

    Only modules whose check mode is honest are allowed, and none that runs a command of the
    caller's: `command`, `shell`, `raw` and `script` are refused. Everything else about it is as
    for `ansible.playbook`.
    """

    name = "ansible.module"
    rights = RIGHTS
    Args = ModuleArgs
    outputs: ClassVar[Mapping[str, str]] = {"hosts": "the hosts that it works on"}

    def can_undo(self, values: Mapping[str, Json]) -> bool:
        return bool(values.get("undo"))

    def reads(self, args: ModuleArgs, facts: Facts) -> tuple[Ref, ...]:
        return (_request(args).ref,)

    def plan(self, args: ModuleArgs, facts: Facts) -> Change:
        return state.change(self.name, _request(args), facts)

    def apply(self, session: Session, args: ModuleArgs, change: Change, ctx: Context) -> Evidence:
        # A way back has no arguments: it holds no secret.
        return applied(session, change, args.secrets if args else {}, ctx)

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return state.back(self.name, change, evidence)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> tuple[Ref, ...]:
        return state.back_reads(back)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return state.back_remaining(back, facts)


def _request(args: ModuleArgs) -> Request:
    back = None
    if args.undo is not None:
        back = request(
            hosts=args.hosts, module=args.undo.module or args.module, values=args.undo.args, secrets={}
        ).plain()
        del back["hosts"]
    return request(
        hosts=args.hosts,
        module=args.module,
        values=args.args,
        secrets={name: secret.rule for name, secret in args.secrets.items()},
        back=back,
    )
