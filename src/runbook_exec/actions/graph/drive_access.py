"""Who may read or change what is in a user's OneDrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.kinds import below_user, kind
from runbook_exec.actions.graph.message import Message, path, trouble
from runbook_exec.actions.graph.moment import utc
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, State
from runbook_exec.errors import Invalid, Refused
from runbook_exec.way_back import remaining

DRIVE, GRANTS = "graph.drive", "graph.drive_grants"
ROOT = ("items", "root")


def _drive(key: str, body: Any) -> State:
    return {"id": body["id"], "address": body.get("webUrl"), "used": (body.get("quota") or {}).get("used")}


def _grants(key: str, body: Any) -> State:
    grants = {}
    for entry in body["value"]:
        user = ((entry.get("grantedToV2") or entry.get("grantedTo")) or {}).get("user") or {}
        roles = entry.get("roles") or ()
        if user.get("id") and "owner" not in roles:
            role = "write" if "write" in roles else "read"
            until = _moment("expirationDateTime", str(entry.get("expirationDateTime") or ""))
            grants[str(user["id"])] = {"role": role, "until": until, "permission": entry["id"]}
    return grants


kind("drive", below_user("drive"), _drive)
kind("drive_grants", lambda key: (Message(path=path("drives", key, *ROOT, "permissions")),), _grants)


class DriveAccessArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose OneDrive: UPN or id", min_length=1)]
    to: Annotated[str, msgspec.Meta(description="who gets access: UPN or id", min_length=1)]
    role: Annotated[
        Literal["read", "write", "none"],
        msgspec.Meta(description="what they may do; none: their access ends"),
    ] = "read"
    until: Annotated[
        str, msgspec.Meta(description="when it ends by itself, with time zone: 2027-01-31T18:00:00+01:00")
    ] = ""


@register
class DriveAccess(Action[DriveAccessArgs]):
    """Give somebody access to all of a person's OneDrive, until a day, or end it.

    For a leaver's successor: reading by default, with an end that SharePoint keeps by itself. Nobody is
    told by mail; the outputs name the address to hand over. The drive of a person without a licence is
    read-only from day 60 and gone or archived on day 93. For office-holders whose files are confidential,
    protect them in the runbook's guards.
    """

    name = "graph.drive_access"
    Args = DriveAccessArgs
    rights = Rights(read=("User.Read.All", "Files.Read.All"), apply=("Files.ReadWrite.All",))
    outputs: ClassVar[Mapping[str, str]] = {"address": "where the drive is found in a browser"}

    def reads(self, args: DriveAccessArgs, facts: Facts) -> Sequence[Ref]:
        user = person.ref(args.user)
        drive = facts.get(Ref(DRIVE, user.key))
        more = [Ref(GRANTS, str(drive["id"]))] if drive is not None else []
        return [user, person.ref(args.to), Ref(DRIVE, user.key), *more]

    def plan(self, args: DriveAccessArgs, facts: Facts) -> Change:
        key, to = person.ref(args.user).key, person.ref(args.to).key
        until = _moment("until", args.until)
        if until and args.role == "none":
            raise Invalid("an access that ends now has an end", next_move="leave until out")
        user = person.existing(facts.get(person.ref(key)), key)
        other = person.existing(facts.get(person.ref(to)), to)
        drive = facts.get(Ref(DRIVE, key))
        if drive is None:
            raise Refused(
                f"{person.called(user, key)} has no OneDrive",
                next_move="it exists only after a first visit; leave this step out with when:",
            )
        if user.get("id") == other.get("id"):
            raise Refused("nobody is given access to their own OneDrive", next_move="name the successor")
        ref = Ref(GRANTS, str(drive["id"]))
        now = _now(facts.get(ref), other)
        wanted: Json = None if args.role == "none" else {"role": args.role, "until": until}
        changes = now != wanted
        return Change(
            action=self.name,
            target=key,
            before={to: now} if changes else {},
            after={to: wanted} if changes else {},
            says=_says(person.called(user, key), person.called(other, to), wanted),
            identity=str(drive["id"]),
            involves={key: user.get("id"), to: other.get("id")},
            effects=_effects(ref, facts.get(ref), other, wanted) if changes else (),
            writes=(str(drive["id"]), *person.names(user, key)),
            outputs={"address": drive["address"]},
            destructive=changes and wanted is None,
        )

    def apply(self, session: Session, args: DriveAccessArgs, change: Change, ctx: Context) -> Evidence:
        drive = str(change.identity)
        for to, wanted in (change.after or {}).items():
            _set(session, ctx, drive, str(change.involves[to]), wanted)
        return Evidence(answer={"drive": drive, "access": dict(change.after or {})})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        to, back = next(iter((change.before or {}).items()))
        return opposite(change, _says(change.target, to, back), destructive=back is None)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        people = [person.ref(str(back.involves.get(to) or to)) for to in (back.target, *(back.after or {}))]
        return (*people, Ref(GRANTS, str(back.identity)))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = Ref(GRANTS, str(back.identity))
        to = next(iter(back.after or {}))
        user, other = (facts.get(person.ref(str(back.involves.get(k) or k))) for k in (back.target, to))
        if other is None or facts.get(ref) is None:
            return remaining(back, {to: (back.after or {})[to]})
        left = remaining(back, {to: _now(facts.get(ref), other)})
        if left.is_empty:
            return left
        wanted = (left.after or {})[to]
        return replace(
            left,
            says=_says(person.called(user, back.target), person.called(other, to), wanted),
            effects=_effects(ref, facts.get(ref), other, wanted),
            writes=(str(back.identity), *person.names(user, back.target)),
        )


def _moment(name: str, text: str) -> str | None:
    """The moment in UTC; None where there is none."""
    moment = utc(name, text, "2027-01-31T18:00:00+01:00")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _now(grants: State, other: Any) -> Json:
    entry = (grants or {}).get(str(other.get("id")))
    return None if entry is None else {"role": entry["role"], "until": entry["until"]}


def _effects(ref: Ref, grants: State, other: Any, wanted: Json) -> tuple[Effect, ...]:
    shown = {who: entry for who, entry in (grants or {}).items() if who != other.get("id")}
    if wanted is not None:
        shown[str(other.get("id"))] = dict(wanted)
    return (Effect(ref, shown, whole=True),)


def _set(session: Session, ctx: Context, drive: str, who: str, wanted: Json) -> None:
    """Give one person this access and no other; an old one with other terms goes first."""
    ref = Ref(GRANTS, drive)
    old = (session.read([ref])[ref] or {}).get(who)
    if old is not None:
        asked = Message(
            method="DELETE", path=path("drives", drive, *ROOT, "permissions", str(old["permission"]))
        )
        reply = session.attempt(asked, ctx)
        if not reply.ok and reply.status != 404:  # the read-back tells whether it is gone
            raise trouble(asked, reply)
    if wanted is None:
        return
    body: dict[str, Json] = {"recipients": [{"objectId": who}], "roles": [wanted["role"]]}
    body |= {"requireSignIn": True, "sendInvitation": False}
    if wanted["until"]:
        body["expirationDateTime"] = wanted["until"]
    session.create(
        Message(method="POST", path=path("drives", drive, *ROOT, "invite"), body=body),
        ctx,
        lambda: (session.read([ref])[ref] or {}).get(who),
    )


def _says(who: str, to: str, wanted: Json) -> dict[str, str]:
    if wanted is None:
        return {
            "en": f"{to} no longer has access to the OneDrive of {who}",
            "de": f"{to} hat keinen Zugriff mehr auf das OneDrive von {who}",
        }
    en, de = ("read", "lesen") if wanted["role"] == "read" else ("read and change", "lesen und ändern")
    until = str(wanted["until"] or "")[:16].replace("T", " ")
    end = (f" until {until} UTC", f" bis {until} UTC") if until else ("", "")
    return {
        "en": f"{to} may {en} the OneDrive of {who}{end[0]}",
        "de": f"{to} darf das OneDrive von {who}{end[1]} {de}",
    }
