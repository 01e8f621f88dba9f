"""Whether access that ends now was prolonged meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, register
from runbook_exec.actions.access.session import AccessSession
from runbook_exec.change import Change, Deferred, Evidence, Facts, Nature
from runbook_exec.values import THIS


class ProlongedArgs(Args, frozen=True, kw_only=True):
    person: Annotated[str, msgspec.Meta(description="the subject of the runs: the employee id", min_length=1)]
    group: Annotated[str, msgspec.Meta(description="name (DN) of the group", min_length=1)]


@register
class Prolonged(Action[ProlongedArgs]):
    """Look whether another run takes the same access back at a later time.

    Asked when the step comes, never while planning: whether somebody prolongs the access is
    decided in between. A run that is still to be agreed to prolongs nothing.
    """

    name = "access.prolonged"
    nature = Nature.COMPUTES
    undoable = False
    rereads = False
    Args = ProlongedArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "found": "whether another run takes it back later",
        "run": "that run; empty where there is none",
    }

    def plan(self, args: ProlongedArgs, facts: Facts) -> Change:
        return Change(
            action=self.name,
            target=f"{args.group} of {args.person}",
            before={"looked": False},
            after={"looked": True},
            says={
                "en": "At that time, look whether the access was prolonged",
                "de": "Zu dieser Zeit nachsehen, ob der Zugriff verlängert wurde",
            },
            outputs={"found": Deferred(THIS, "found"), "run": Deferred(THIS, "run")},
        )

    def apply(self, session: AccessSession, args: ProlongedArgs, change: Change, ctx: Context) -> Evidence:
        later = session.booked_end(args.person, args.group, ctx.run)
        found = {"found": later is not None, "run": str((later or {}).get("run", ""))}
        return Evidence(answer=found, outputs=found)
