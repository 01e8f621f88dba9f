"""`ansible.look`: what a playbook that changes nothing finds on hosts, for the steps after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ansible.looking import LOOK
from runbook_exec.actions.ansible.request import Request, request
from runbook_exec.change import Certainty, Change, Deferred, Evidence, Facts, Json, Nature, Ref
from runbook_exec.errors import Failed
from runbook_exec.values import THIS


class LookArgs(Args, frozen=True, kw_only=True):
    playbook: Annotated[
        str, Meta(description="path inside the folder playbooks/, for example service_look.yml")
    ]
    hosts: Annotated[
        str | list[str],
        Meta(description="name of a host or group of the inventory, or a list of names; no patterns"),
    ]
    vars: Annotated[
        dict[str, Json],
        Meta(description="variables for the playbook; values are data and never templates"),
    ] = msgspec.field(default_factory=dict)
    late: Annotated[
        bool,
        Meta(
            description="true: what it finds changes by itself or by the steps before, so it is looked at when "
            "its step comes, and unknown in the plan"
        ),
    ] = False


@register
class Look(Action[LookArgs]):
    """Looks at hosts by a playbook of the project that changes nothing.

    It runs in check mode only, while planning and when its step comes. What its
    `ansible.builtin.debug` tasks say, as a mapping in `msg:`, is what later steps read, and what
    the plan is made with. A playbook that would change something is refused; so is one that check
    mode cannot look through. Findings that come out otherwise when the step comes are drift: say
    what matters (`full: true`), not what is another number every second, or look `late`.
    """

    name = "ansible.look"
    nature = Nature.COMPUTES
    undoable = False
    rereads = False
    rights = Rights(read=("SSH login on the hosts (an account that can only read will do)",))
    Args = LookArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "hosts": "by host: what the playbook says of it",
        "found": "the same of the one host; empty where there are several",
    }

    def reads(self, args: LookArgs, facts: Facts) -> tuple[Ref, ...]:
        asked = _request(args)
        return () if args.late else (_ref(asked),)

    def plan(self, args: LookArgs, facts: Facts) -> Change:
        asked = _request(args)
        if args.late:
            return _later(asked)
        state = facts[_ref(asked)]
        if state is None:
            raise Failed("the hosts were not looked at", where=asked.target, next_move="plan again")
        hosts: Mapping[str, Json] = state["hosts"]
        where = ", ".join(hosts)
        return Change(
            action=self.name,
            target=asked.target,
            before={"looked": False},
            after={"looked": True},
            says={"en": f"{asked.title} looks at {where}", "de": f"{asked.title} sieht {where} an"},
            certainty=Certainty.REPORTED,
            outputs=_outputs(hosts),
        )

    def apply(self, session: Any, args: LookArgs, change: Change, ctx: Context) -> Evidence:
        if not args.late:
            return Evidence(answer={"hosts": list(change.outputs["hosts"])}, outputs=dict(change.outputs))
        ref = _ref(_request(args))
        hosts: Mapping[str, Json] = session.read([ref])[ref]["hosts"]
        return Evidence(answer={"hosts": list(hosts)}, outputs=_outputs(hosts))


def _later(asked: Request) -> Change:
    """A look of which nothing is known before its step comes."""
    where = ", ".join(asked.hosts)
    return Change(
        action=Look.name,
        target=asked.target,
        before={"looked": False},
        after={"looked": True},
        says={
            "en": f"{asked.title} looks at {where} when it comes to it",
            "de": f"{asked.title} sieht {where} an, wenn es so weit ist",
        },
        certainty=Certainty.DEFERRED,
        outputs={name: Deferred(THIS, name) for name in Look.outputs},
    )


def _outputs(hosts: Mapping[str, Json]) -> dict[str, Json]:
    return {"hosts": dict(hosts), "found": next(iter(hosts.values())) if len(hosts) == 1 else {}}


def _request(args: LookArgs) -> Request:
    return request(hosts=args.hosts, playbook=args.playbook, values=args.vars, secrets={})


def _ref(asked: Request) -> Ref:
    return Ref(LOOK, asked.ref.key)
