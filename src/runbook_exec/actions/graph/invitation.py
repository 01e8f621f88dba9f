"""A guest who is invited, and who answers for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.guest import GUEST, SPONSORS, sponsored
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.session import LAG, Session, awaited
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Json, Ref, State
from runbook_exec.errors import Failed, Invalid
from runbook_exec.values import THIS
from runbook_exec.way_back import remaining

SPONSOR, MAIL, NAME = "sponsor", "mail", "displayName"
_MAIL = re.compile(r"[A-Za-z0-9._%'+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class InvitationArgs(Args, frozen=True, kw_only=True):
    mail: Annotated[
        str, msgspec.Meta(description="the guest's own mail address", min_length=3, max_length=254)
    ]
    display_name: Annotated[
        str, msgspec.Meta(description="how they are shown here", min_length=1, max_length=256)
    ]
    sponsor: Annotated[str, msgspec.Meta(description="who answers for them: UPN or id", min_length=1)]
    redirect_url: Annotated[
        str, msgspec.Meta(description="where they land after accepting", pattern="^https://")
    ] = "https://myapplications.microsoft.com"
    send: Annotated[bool, msgspec.Meta(description="Graph mails the invitation; else hand the link over")] = (
        True
    )
    message: Annotated[
        str, msgspec.Meta(description="a few words of yours in that mail", max_length=2000)
    ] = ""
    language: Annotated[
        Literal["de-DE", "en-US", "cs-CZ"], msgspec.Meta(description="language of that mail")
    ] = "en-US"


@register
class Invitation(Action[InvitationArgs]):
    """Invite somebody from outside as a guest, with a sponsor from inside.

    A guest who is there already is not invited again; a missing sponsor is set. Somebody with this address who
    is a member here stops the plan: they need no guest account. The guest can do nothing until groups or
    applications are given. Book the end of the stay in the runbook: a guest has none by himself.
    """

    name = "graph.invitation"
    Args = InvitationArgs
    rights = Rights(read=("User.Read.All",), apply=("User.Invite.All", "User.ReadWrite.All"))
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "the guest's id",
        "link": "where the invitation is accepted, if this step made one",
    }

    def reads(self, args: InvitationArgs, facts: Facts) -> Sequence[Ref]:
        guest = facts.get(_ref(args))
        known = (
            [Ref(SPONSORS, str(guest["id"]))]
            if guest is not None and isinstance(guest.get("id"), str)
            else []
        )
        return (_ref(args), person.ref(args.sponsor), *known)

    def plan(self, args: InvitationArgs, facts: Facts) -> Change:
        ref, key = _ref(args), person.ref(args.sponsor).key
        if not _MAIL.fullmatch(ref.key):
            raise Invalid(f"{args.mail!r} is no mail address that can be invited", next_move="correct it")
        sponsor = person.existing(facts.get(person.ref(key)), key)
        guest = facts.get(ref)
        if guest is None:
            return self._invited(args, ref, sponsor, key)
        known = (
            guest["id"] if isinstance(guest.get("id"), str) else ""
        )  # one who is yet to come has a sponsor
        held = facts.get(Ref(SPONSORS, known))
        lacks = held is not None and sponsor.get("id") not in held["ids"]
        shown = {"ids": sorted([*(held or {"ids": []})["ids"], str(sponsor.get("id"))])}
        member = guest.get("userType") != "Guest"
        who = person.called(guest, ref.key)
        return Change(
            action=self.name,
            target=ref.key,
            before={SPONSOR: None} if lacks else {},
            after={SPONSOR: key} if lacks else {},
            says=_says(who, person.called(sponsor, key), new=False, lacks=lacks),
            identity=guest.get("id"),
            involves={key: sponsor.get("id")},
            effects=(Effect(Ref(SPONSORS, known), shown, whole=True),) if lacks else (),
            writes=person.names(guest, ref.key),
            outputs={"id": guest.get("id"), "link": None},
            blocked=f"{who} ({guest.get('userPrincipalName')}) is a member here and needs no guest account"
            if member
            else "",
        )

    def _invited(self, args: InvitationArgs, ref: Ref, sponsor: Any, key: str) -> Change:
        made = {"id": Deferred(THIS, "id"), NAME: args.display_name, "mail": ref.key, "userType": "Guest"}
        return Change(
            action=self.name,
            target=ref.key,
            before=None,
            after={MAIL: ref.key, NAME: args.display_name, SPONSOR: key},
            says=_says(args.display_name, person.called(sponsor, key), new=True, lacks=True),
            involves={key: sponsor.get("id")},
            effects=(Effect(ref, made, whole=True),),
            writes=(ref.key,),
            outputs={"id": Deferred(THIS, "id"), "link": Deferred(THIS, "link")},
            notes=({"en": "Graph mails the invitation", "de": "Graph verschickt die Einladung"},)
            if args.send
            else (),
        )

    def apply(self, session: Session, args: InvitationArgs, change: Change, ctx: Context) -> Evidence:
        if change.after is None:
            session.send(Message(method="DELETE", path=path("users", str(change.identity))), ctx)
            return Evidence(answer={"deleted": change.identity})
        sponsor = next((str(who) for who in change.involves.values() if who), "")
        if SPONSOR in change.after and change.before is not None:
            sponsored(session, ctx, str(change.identity), sponsor, wanted=change.after[SPONSOR] is not None)
            return Evidence(answer={"id": change.identity, "sponsor": change.after[SPONSOR]})
        ref = Ref(GUEST, change.target)
        body = _body(args, change.target)

        def found() -> Json:
            guest = session.read([ref])[ref]
            return None if guest is None else {"invitedUser": {"id": guest["id"]}}

        made = session.create(Message(method="POST", path=path("invitations"), body=body), ctx, found)
        guest = str(made["invitedUser"]["id"])
        if awaited(lambda: session.read([person.ref(guest)])[person.ref(guest)], LAG) is None:
            raise Failed(
                f"{change.target} was invited, and nobody sees the guest yet", next_move="`runbook resume`"
            )
        with session.permit((*change.writes, guest)):  # nobody could name it before this step made it
            sponsored(session, ctx, guest, sponsor, wanted=True)
        link = made.get("inviteRedeemUrl")
        return Evidence(answer={"id": guest}, outputs={"id": guest, "link": link}, undo={"id": guest})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        new = change.before is None
        identity = evidence.undo.get("id") if new else change.identity
        return Change(
            action=self.name,
            target=change.target,
            before=change.after,
            after=change.before,
            says=_says_back(change.target, new=new),
            identity=None if identity is None else str(identity),
            involves=change.involves,
            writes=(change.target, *([str(identity)] if identity else [])),
            destructive=True,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back) if back.identity else Ref(GUEST, back.target)
        return (user, *([Ref(SPONSORS, str(back.identity))] if back.identity else []))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        user = facts.get(person.ref_back(back) if back.identity else Ref(GUEST, back.target))
        held = (facts.get(Ref(SPONSORS, str(back.identity))) or {"ids": []})["ids"]
        was = (back.before or {}).get(SPONSOR)
        now: State = None
        if user is not None:
            mine = was if back.involves.get(str(was)) in held or not back.identity else None
            now = {MAIL: user.get("mail"), NAME: user.get(NAME), SPONSOR: mine}
            now = {name: value for name, value in now.items() if name in (back.before or {})}
        left = remaining(back, now)
        if left.is_empty:
            return left
        gone = [
            Effect(Ref(GUEST, back.target), None),
            *(Effect(ref, None) for ref in person.refs_of(user, back.target)),
        ]
        rest = {"ids": [who for who in held if who != back.involves.get(str(was))]}
        return replace(
            left,
            identity=str((user or {}).get("id")),
            effects=tuple(gone)
            if back.after is None
            else (Effect(Ref(SPONSORS, str(back.identity)), rest, whole=True),),
            writes=person.names(user, back.target),
        )


def _ref(args: InvitationArgs) -> Ref:
    return Ref(GUEST, args.mail.strip().lower())


def _body(args: InvitationArgs, mail: str) -> dict[str, Json]:
    body: dict[str, Json] = {
        "invitedUserEmailAddress": mail,
        "invitedUserDisplayName": args.display_name,
        "inviteRedirectUrl": args.redirect_url,
        "sendInvitationMessage": args.send,
    }
    if args.send:
        words = {"customizedMessageBody": args.message} if args.message else {}
        body["invitedUserMessageInfo"] = {"messageLanguage": args.language, **words}
    return body


def _says(who: str, sponsor: str, *, new: bool, lacks: bool) -> dict[str, str]:
    if new:
        return {"en": f"{who} is invited as a guest, and {sponsor} answers for them",
                "de": f"{who} wird als Gast eingeladen, {sponsor} steht dafür ein"}  # fmt: skip
    if lacks:
        return {
            "en": f"{sponsor} answers for the guest {who}",
            "de": f"{sponsor} steht für den Gast {who} ein",
        }
    return {"en": f"{who} is a guest already", "de": f"{who} ist schon Gast"}


def _says_back(who: str, *, new: bool) -> dict[str, str]:
    if new:
        return {
            "en": f"The guest {who} goes to the deleted items",
            "de": f"Der Gast {who} kommt zu den gelöschten Objekten",
        }
    return {
        "en": f"The guest {who} has the sponsor no more",
        "de": f"Der Gast {who} hat diese Bürgschaft nicht mehr",
    }
