"""`ldap.unlock`: end a lockout after wrong passwords."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import target
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Ref
from runbook_exec.errors import Refused


class UnlockArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="name (DN) of the account")]


@register
class Unlock(Action[UnlockArgs]):
    """Ends the lockout of an account that was shut by too many wrong passwords.

    A disabled account stays disabled, and the password stays as it is. Whatever sent the wrong
    passwords (a phone, a service, an old session) goes on sending them: find it, or the account
    is locked again in minutes.
    """

    name = "ldap.unlock"
    undoable = False
    rights = Rights(read=("read users",), apply=("write lockoutTime",))
    Args = UnlockArgs

    def reads(self, args: UnlockArgs, facts: Facts) -> Sequence[Ref]:
        return [target.SERVER, target.entry(args.dn)]

    def plan(self, args: UnlockArgs, facts: Facts) -> Change:
        spoken = target.spoken_dialect(facts)
        target.inside(facts, args.dn)
        state = target.existing(facts, args.dn)
        dn, locked = str(state["dn"]), state.get("locked")
        who = target.called(state, dn)
        if locked is None:
            raise Refused(f"{dn} is no account", next_move="correct the name")
        return Change(
            action=self.name,
            target=dn,
            identity=target.identity(state),
            before={"locked": locked},
            after={"locked": False},
            says={"en": f"{who}'s account is unlocked", "de": f"Das Konto von {who} wird entsperrt"}
            if locked
            else {"en": f"{who}'s account is not locked", "de": f"Das Konto von {who} ist nicht ausgesperrt"},
            effects=(Effect(target.entry(dn), {"locked": False}),),
            writes=(dn,),
            blocked=target.shielded(spoken, state, who) if locked else "",
        )

    def apply(self, session: Any, args: UnlockArgs, change: Change, ctx: Context) -> Evidence:
        dn, raw = session.pinned(change.target, change.identity)
        session.modify(dn, session.dialect.unlock(raw))
        return Evidence(answer={"locked": False, "id": session.id_of(raw)})

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return Irreversible(
            reason="a lockout comes from wrong passwords and is not set by hand; disable the account"
        )
