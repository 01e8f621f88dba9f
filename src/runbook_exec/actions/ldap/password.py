"""`ldap.password`: set a password, and prove by a login that it is the one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import target
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Ref
from runbook_exec.errors import Invalid, Refused
from runbook_exec.secret import Secret

UNKNOWN = "the present one, which nobody can read"

RIGHT_BUT = {"533": "disabled", "773": "must change it", "701": "expired account", "532": "expired password"}
"""Sub-codes of a refused bind that AD gives for the right password only ([MS-ERREF], Win32 codes)."""


_LATE_IN_THE_CLOUD = (
    "an account in use: a synced cloud account keeps its old password until the change is made, unless "
    "the tenant takes over temporary passwords; for a leaver or in an emergency leave must_change out"
)


class PasswordArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="name (DN) of the account")]
    password: Annotated[Secret, Meta(description="the new password: an output of secret.generate")]
    must_change: Annotated[
        bool, Meta(description="true for new people: the first login asks for another; never for leavers")
    ] = False


@register
class Password(Action[PasswordArgs]):
    """Sets a password, and proves it by logging in with it once.

    A disabled account can prove it too: Active Directory answers "disabled" only to the right
    password. An account that was disabled stays disabled, also on OpenLDAP, which opens an
    account when its password is set: there it is shut again in the next operation, and a note
    in the plan says so. The former password is unknown, so there is no way back.
    """

    name = "ldap.password"
    hands_out = True
    undoable = False
    rereads = False
    rights = Rights(read=("read users",), apply=("Reset Password", "write pwdLastSet"))
    Args = PasswordArgs

    def reads(self, args: PasswordArgs, facts: Facts) -> Sequence[Ref]:
        return [target.SERVER, target.entry(args.dn)]

    def plan(self, args: PasswordArgs, facts: Facts) -> Change:
        spoken = target.spoken_dialect(facts)
        target.inside(facts, args.dn)
        state = target.existing(facts, args.dn)
        dn, now = str(state["dn"]), state.get("enabled")
        who = target.called(state, dn)
        if now is None:
            raise Refused(f"{dn} is no account", next_move="correct the name")
        notes: tuple[str, ...] = ()
        if spoken.password_opens and now is False:
            notes = ("the server opens an account when its password is set; it is shut again at once",)
        if args.must_change and now is True:
            notes = (*notes, _LATE_IN_THE_CLOUD)
        then = {
            "en": "; the first login asks for another",
            "de": "; bei der ersten Anmeldung ist es zu ändern",
        }
        return Change(
            action=self.name,
            target=dn,
            identity=target.identity(state),
            before={"password": UNKNOWN},
            after={"password": args.password, "must_change": args.must_change},
            says={
                "en": f"{who} gets a new password" + (then["en"] if args.must_change else ""),
                "de": f"{who} erhält ein neues Kennwort" + (then["de"] if args.must_change else ""),
            },
            effects=(Effect(target.entry(dn), {"locked": False} if spoken.password_opens else {}),),
            writes=(dn,),
            notes=notes,
            blocked=target.shielded(spoken, state, who),
        )

    def apply(self, session: Any, args: PasswordArgs, change: Change, ctx: Context) -> Evidence:
        value = args.password.reveal()
        if not value:
            raise Invalid("an empty password is never set", next_move="use secret.generate")
        dn, raw = session.pinned(change.target, change.identity)
        disabled = session.dialect.enabled(raw) is False
        must_change = bool((change.after or {})["must_change"])
        session.set_password(dn, value, must_change=must_change, disabled=disabled)
        _, now = session.pinned(dn, change.identity)
        changed = session.dialect.password_mark(raw) != session.dialect.password_mark(now)
        return Evidence(
            answer={
                "password": "set",
                "must_change": must_change,
                "seen_changed": changed,
                "stays_disabled": disabled,
                "id": session.id_of(now),
            }
        )

    def verify(self, session: Any, args: PasswordArgs, change: Change, evidence: Evidence) -> str:
        state = session.read([target.entry(change.target)])[target.entry(change.target)]
        if state is None:
            return f"{change.target} is gone"
        if (state.get("enabled") is False) != evidence.answer["stays_disabled"]:
            return f"{change.target} is {'open' if state['enabled'] else 'disabled'}, which was not planned"
        let_in, code = session.proves(str(state["dn"]), args.password.reveal())
        if let_in or code in RIGHT_BUT:
            return ""
        shut = state.get("enabled") is False or state.get("locked") is True
        if shut and evidence.answer.get("seen_changed") and code in {"", "775"}:
            return ""  # shut for every password alike: the server's own record of the change is the proof
        return f"a login of {change.target} with the new password fails"

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return Irreversible(reason="the former password is known to nobody; a new one can be set")
