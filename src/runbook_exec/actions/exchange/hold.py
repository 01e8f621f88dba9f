"""Litigation hold: nothing in the mailbox is lost, whoever deletes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.exchange import box
from runbook_exec.actions.exchange.session import MAILBOX, Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Ref, State
from runbook_exec.way_back import remaining


class HoldArgs(Args, frozen=True, kw_only=True):
    mailbox: Annotated[str, msgspec.Meta(description="which mailbox: address or id", min_length=1)]
    hold: Annotated[bool, msgspec.Meta(description="true: nothing may be lost; false: the hold ends")] = True


@register
class Hold(Action[HoldArgs]):
    """Put a mailbox on litigation hold, or end the hold.

    For an emergency departure, before anything is deleted. The mailbox keeps its licence as long as the hold
    lasts (Exchange Online Plan 2, or the archiving add-on), and exchange.mailbox refuses to convert it. To end
    a hold is legal's decision: put a gate before. Through the same scripts as exchange.mailbox, **which
    were not run against the real service by the authors**.
    """

    name = "exchange.hold"
    Args = HoldArgs
    rights = Rights(read=("View-Only Recipients",), apply=("Legal Hold",))

    def reads(self, args: HoldArgs, facts: Facts) -> Sequence[Ref]:
        return (box.ref(args.mailbox),)

    def plan(self, args: HoldArgs, facts: Facts) -> Change:
        ref = box.ref(args.mailbox)
        now = box.existing(facts.get(ref), ref.key)
        changes = now["hold"] != args.hold
        return Change(
            action=self.name,
            target=ref.key,
            before={"hold": now["hold"]} if changes else {},
            after={"hold": args.hold} if changes else {},
            says=_says(box.called(now, ref.key), on=args.hold),
            identity=now["id"],
            effects=_effects(now, ref.key, on=args.hold) if changes else (),
            writes=box.names(now, ref.key),
            destructive=changes and not args.hold,
        )

    def apply(self, session: Session, args: HoldArgs, change: Change, ctx: Context) -> Evidence:
        on = (change.after or {})["hold"]
        session.send({"do": "hold", "of": change.identity, "on": on}, ctx)
        return Evidence(answer={"hold": on})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        on = bool((change.before or {})["hold"])
        return box.opposite(change, _says(change.target, on=on), destructive=not on)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (box.ref_back(back),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        now = facts.get(box.ref_back(back))
        on = bool((back.after or {})["hold"])
        left = remaining(back, {"hold": now["hold"]} if now else None)
        if left.is_empty:
            return left
        return replace(
            left,
            says=_says(box.called(now, back.target), on=on),
            effects=_effects(now, back.target, on=on),
            writes=box.names(now, back.target),
        )


def _effects(now: State, key: str, *, on: bool) -> tuple[Effect, ...]:
    return tuple(Effect(Ref(MAILBOX, name), {"hold": on}) for name in box.names(now, key))


def _says(who: str, *, on: bool) -> dict[str, str]:
    if on:
        return {
            "en": f"The mailbox of {who} is on litigation hold: nothing in it is lost",
            "de": f"Das Postfach von {who} wird rechtlich aufbewahrt: nichts darin geht verloren",
        }
    return {
        "en": f"The litigation hold on the mailbox of {who} ends",
        "de": f"Die rechtliche Aufbewahrung des Postfachs von {who} endet",
    }
