"""`ldap.snapshot`: an entry and its groups as they are now, kept as evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import target
from runbook_exec.change import Change, Deferred, Evidence, Facts, Nature, Ref
from runbook_exec.errors import Refused
from runbook_exec.values import THIS


class SnapshotArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="name (DN) of the entry")]


@register
class Snapshot(Action[SnapshotArgs]):
    """Reads an entry with all its attributes and direct groups into the run's evidence.

    Nothing is written. Passwords, their hashes and recovery keys are never read into it. Taken
    before anything else is done to a leaver, it says what there was.
    """

    name = "ldap.snapshot"
    nature = Nature.COMPUTES
    undoable = False
    rights = Rights(read=("read users", "read groups"))
    Args = SnapshotArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "entry": "the attributes as they were",
        "groups": "names (DN) of the groups it was a direct member of",
    }

    def reads(self, args: SnapshotArgs, facts: Facts) -> Sequence[Ref]:
        return [target.SERVER, target.entry(args.dn)]

    def plan(self, args: SnapshotArgs, facts: Facts) -> Change:
        state = target.existing(facts, args.dn)
        who = target.called(state, args.dn)
        return Change(
            action=self.name,
            target=str(state["dn"]),
            identity=target.identity(state),
            before=None,
            after={"snapshot": "attributes and groups"},
            says={
                "en": f"{who}'s entry and groups are recorded as they are",
                "de": f"Eintrag und Gruppen von {who} werden festgehalten, wie sie sind",
            },
            # Known only when it is taken: steps before it may change what it shows.
            outputs={"entry": Deferred(THIS, "entry"), "groups": Deferred(THIS, "groups")},
        )

    def apply(self, session: Any, args: SnapshotArgs, change: Change, ctx: Context) -> Evidence:
        whole, groups = target.entry(change.target), target.groups_of(change.target)
        found = session.read([whole, groups])
        if found[whole] is None:
            raise Refused(f"{change.target} is gone", next_move="somebody deleted or moved it: plan again")
        taken = {"entry": dict(found[whole]), "groups": found[groups]["direct"]}
        return Evidence(answer=taken, outputs=taken)
