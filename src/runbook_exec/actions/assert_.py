"""A condition that must hold before the run goes on."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from runbook_exec.action import Action, Args, Context, register
from runbook_exec.change import Change, Evidence, Facts, Nature
from runbook_exec.errors import Refused


class ThatArgs(Args, frozen=True, kw_only=True):
    that: Annotated[bool, msgspec.Meta(description="the condition, as an expression that is true or false")]
    says: Annotated[
        str | dict[str, str],
        msgspec.Meta(description="what is wrong where it does not hold, as a sentence; or one by language"),
    ]


@register
class That(Action[ThatArgs]):
    """Go on only if a condition holds.

    Where it does not hold at plan time the plan says why and refuses to start. A condition
    on a value that is not known yet is checked when the run reaches the step, and stops it.
    """

    name = "assert.that"
    nature = Nature.COMPUTES
    undoable = False
    rereads = False
    Args = ThatArgs

    def plan(self, args: ThatArgs, facts: Facts) -> Change:
        says = args.says if isinstance(args.says, dict) else {"en": args.says, "de": args.says}
        english = says.get("en") or next(iter(says.values()), "the condition does not hold")
        if args.that:
            return Change(
                action=self.name,
                target="the condition",
                before={"holds": True},
                after={"holds": True},
                says={
                    "en": f"Holds, so this is no obstacle: {english}",
                    "de": f"Trifft nicht zu, also kein Hindernis: {says.get('de', english)}",
                },
            )
        return Change(
            action=self.name,
            target="the condition",
            before={"holds": False},
            after={"holds": True},
            says={"en": f"Stop: {english}", "de": f"Halt: {says.get('de', english)}"},
            blocked=english,
        )

    def apply(self, session: Any, args: ThatArgs, change: Change, ctx: Context) -> Evidence:
        if args.that:
            return Evidence(answer={"holds": True})
        raise Refused(
            change.blocked,
            where=f'step "{ctx.step}"',
            next_move="put that right, then `runbook resume`; or cancel the run",
        )
