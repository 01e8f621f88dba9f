"""`ldap.enabled`: whether an account may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import target
from runbook_exec.actions.ldap.editing import back_reads, undo_entry_plan
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Ref
from runbook_exec.dn import parse
from runbook_exec.errors import Refused


class EnabledArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="name (DN) of the account")]
    enabled: Annotated[bool, Meta(description="true: may log in; false: may not")]


@register
class Enabled(Action[EnabledArgs]):
    """Opens or shuts an account, and nothing else about it.

    On Active Directory one bit of userAccountControl is changed, against the value that was
    read: somebody else's change of another bit is never overwritten. On OpenLDAP the ppolicy
    overlay's lock for good is set or removed. Sessions that are open stay open.
    """

    name = "ldap.enabled"
    rights = Rights(read=("read users",), apply=("write userAccountControl",))
    Args = EnabledArgs

    def reads(self, args: EnabledArgs, facts: Facts) -> Sequence[Ref]:
        return [target.SERVER, target.entry(args.dn)]

    def plan(self, args: EnabledArgs, facts: Facts) -> Change:
        spoken = target.spoken_dialect(facts)
        target.inside(facts, args.dn)
        state = target.existing(facts, args.dn)
        dn, now = str(state["dn"]), state.get("enabled")
        who = target.called(state, dn)
        if now is None:
            raise Refused(f"{dn} is no account", next_move="correct the name")
        opens = args.enabled
        return Change(
            action=self.name,
            target=dn,
            identity=target.identity(state),
            before={"enabled": now},
            after={"enabled": opens},
            says={
                "en": f"{who}'s account is {'open' if opens else 'disabled'} already",
                "de": f"Das Konto von {who} ist schon {'frei' if opens else 'gesperrt'}",
            }
            if now is opens
            else {
                "en": f"{who}'s account is {'opened' if opens else 'disabled'}",
                "de": f"Das Konto von {who} wird {'freigegeben' if opens else 'gesperrt'}",
            },
            effects=(Effect(target.entry(dn), {"enabled": opens}),),
            writes=(dn,),
            blocked="" if now == opens else target.shielded(spoken, state, who),
        )

    def apply(self, session: Any, args: EnabledArgs, change: Change, ctx: Context) -> Evidence:
        dn, raw = session.pinned(change.target, change.identity)
        opens = bool((change.after or {})["enabled"])
        session.modify(dn, session.dialect.switch(raw, enabled=opens))
        return Evidence(answer={"enabled": opens, "id": session.id_of(raw)})

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        opens, name = bool((change.before or {})["enabled"]), parse(change.target).name
        return replace(
            change,
            before=change.after,
            after=change.before,
            says={
                "en": f"The account {name} is {'opened' if opens else 'disabled'} again",
                "de": f"Das Konto {name} wird wieder {'freigegeben' if opens else 'gesperrt'}",
            },
            effects=(),
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return back_reads(back, facts)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return undo_entry_plan(back, evidence, facts)
