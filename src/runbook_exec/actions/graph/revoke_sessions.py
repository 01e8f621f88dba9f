"""Ending every sign-in of a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.session import LAG, Session, awaited
from runbook_exec.change import Change, Deferred, Evidence, Facts, Irreversible, Ref
from runbook_exec.values import THIS

VALID_FROM = "signInSessionsValidFromDateTime"
CLOCKS = timedelta(seconds=2)
"""Graph writes the moment in whole seconds."""


class RevokeSessionsArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose sign-ins end: UPN or id", min_length=1)]


@register
class RevokeSessions(Action[RevokeSessionsArgs]):
    """End every sign-in of a user: refresh tokens and browser sessions from before now are void.

    Proven by reading the moment from which sign-ins count. It takes some minutes to
    reach every service, and an access token that is out already lives on for up to an hour where
    continuous access evaluation is not in use. Disable the account first, or the person
    signs in again.
    """

    name = "graph.revoke_sessions"
    rereads = False
    undoable = False
    Args = RevokeSessionsArgs
    rights = Rights(read=("User.Read.All",), apply=(("User.RevokeSessions.All", "User.ReadWrite.All"),))
    outputs: ClassVar[Mapping[str, str]] = {"valid_from": "the moment from which sign-ins count"}

    def reads(self, args: RevokeSessionsArgs, facts: Facts) -> Sequence[Ref]:
        return (person.ref(args.user),)

    def plan(self, args: RevokeSessionsArgs, facts: Facts) -> Change:
        key = args.user.strip().lower()
        user = person.existing(facts.get(person.ref(key)), key)
        who = person.called(user, key)
        notes = ["access tokens that are out already live on for up to an hour"]
        if user.get("accountEnabled") is True:
            notes.append("the account is enabled: the person can sign in again at once")
        return Change(
            action=self.name,
            target=key,
            before={"sessions": "valid"},
            after={"sessions": "ended"},
            says={"en": f"Every sign-in of {who} ends", "de": f"Alle Anmeldungen von {who} enden"},
            identity=user.get("id"),
            writes=person.names(user, key),
            outputs={"valid_from": Deferred(THIS, "valid_from")},
            notes=tuple(notes),
        )

    def apply(self, session: Session, args: RevokeSessionsArgs, change: Change, ctx: Context) -> Evidence:
        who = str(change.identity)
        asked = Message(method="POST", path=path("users", who, "revokeSignInSessions"))
        before = _valid_from(session, who)
        session.create(asked, ctx, lambda: _later(_valid_from(session, who), before))
        return Evidence(answer={"valid_from_before": before, "asked_at": ctx.now().isoformat()})

    def verify(self, session: Session, args: RevokeSessionsArgs, change: Change, evidence: Evidence) -> str:
        who, before = str(change.identity), evidence.answer.get("valid_from_before")
        asked = datetime.fromisoformat(str(evidence.answer["asked_at"])) - CLOCKS

        def ended() -> str | None:
            now = _valid_from(session, who)
            return now if _later(now, before) or (now and datetime.fromisoformat(now) >= asked) else None

        if awaited(ended, LAG):
            return ""
        return f"sign-ins still count from {_valid_from(session, who) or 'ever'}"

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="an ended sign-in does not come back; the person signs in again")


def _valid_from(session: Session, who: str) -> str:
    ref = Ref("graph.user", who)
    user = session.read([ref])[ref]
    return str((user or {}).get(VALID_FROM) or "")


def _later(now: str, before: object) -> str | None:
    return now if now and now > str(before or "") else None
