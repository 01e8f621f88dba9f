"""One cloud user: made, or changed where the cloud is the master."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import administrator, person
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.session import Session
from runbook_exec.actions.graph.user_sentence import says
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Json, Ref, State, narrow, same
from runbook_exec.errors import Invalid, Refused
from runbook_exec.secret import Secret
from runbook_exec.values import THIS
from runbook_exec.way_back import remaining

_NAMES = {
    "display_name": "displayName",
    "given_name": "givenName",
    "surname": "surname",
    "mail_nickname": "mailNickname",
    "job_title": "jobTitle",
    "department": "department",
    "company": "companyName",
    "office": "officeLocation",
    "mobile_phone": "mobilePhone",
    "employee_id": "employeeId",
    "employee_type": "employeeType",
    "preferred_language": "preferredLanguage",
    "usage_location": "usageLocation",
    "enabled": "accountEnabled",
}
IN_THE_CLOUD = frozenset({"accountEnabled", "usageLocation", "preferredLanguage"})
"""What may be changed here even for a user who is mastered on-premises."""
PASSWORD = "password"  # noqa: S105 - a name
CLEAR = "empty text: clear it; not given: leave it"


class UserArgs(Args, frozen=True, kw_only=True):
    upn: Annotated[
        str, msgspec.Meta(description="the user principal name: anna.weiss@kranich.example", min_length=3)
    ]
    display_name: Annotated[str | None, msgspec.Meta(description="needed for a new user")] = None
    password: Annotated[
        Secret | None,
        msgspec.Meta(description="the first password of a new user, changed at first sign-in; no use later"),
    ] = None
    given_name: Annotated[str | None, msgspec.Meta(description="given name; " + CLEAR)] = None
    surname: Annotated[str | None, msgspec.Meta(description="surname; " + CLEAR)] = None
    mail_nickname: Annotated[
        str | None, msgspec.Meta(description="mail alias; a new user's is the UPN's part before the @")
    ] = None
    job_title: Annotated[str | None, msgspec.Meta(description="job title; " + CLEAR)] = None
    department: Annotated[str | None, msgspec.Meta(description="department; " + CLEAR)] = None
    company: Annotated[str | None, msgspec.Meta(description="company name; " + CLEAR)] = None
    office: Annotated[str | None, msgspec.Meta(description="office location; " + CLEAR)] = None
    mobile_phone: Annotated[str | None, msgspec.Meta(description="mobile phone; " + CLEAR)] = None
    employee_id: Annotated[str | None, msgspec.Meta(description="employee number; " + CLEAR)] = None
    employee_type: Annotated[str | None, msgspec.Meta(description="kind of employment; " + CLEAR)] = None
    preferred_language: Annotated[str | None, msgspec.Meta(description="language: de-DE; " + CLEAR)] = None
    usage_location: Annotated[str | None, msgspec.Meta(description="country, ISO 3166: DE; " + CLEAR)] = None
    enabled: Annotated[bool | None, msgspec.Meta(description="may sign in; a new user may unless false")] = (
        None
    )


@register
class User(Action[UserArgs]):
    """Make a cloud user, or set attributes of one.

    Only the attributes given are read and set. A name that somebody else holds, live or as an
    address, stops the plan. Attributes of a synced user belong to Active Directory: the
    plan is refused and names them and the way there. Of an administrator nothing is set here: the everyday
    application must not touch them, and the plan says so. A new user must change the password
    at the first sign-in.
    """

    name = "graph.user"
    Args = UserArgs
    rights = Rights(
        read=("User.Read.All", "GroupMember.Read.All", "OrgContact.Read.All", administrator.RIGHT),
        apply=("User.ReadWrite.All",),
    )
    outputs: ClassVar[Mapping[str, str]] = {"id": "the user's id", "upn": "the user principal name"}

    def reads(self, args: UserArgs, facts: Facts) -> Sequence[Ref]:
        ref = person.ref(args.upn)
        if ref in facts and facts[ref] is None:
            return (ref, Ref("graph.holder", ref.key))
        return (ref, administrator.ref(ref.key))

    def plan(self, args: UserArgs, facts: Facts) -> Change:
        ref = person.ref(args.upn)
        user = facts.get(ref)
        return self._new(args, ref, facts) if user is None else self._changed(args, ref, user, facts)

    def _new(self, args: UserArgs, ref: Ref, facts: Facts) -> Change:
        key = ref.key
        if not args.display_name or args.password is None:
            raise Invalid(
                f"{key} does not exist, and a new user needs display_name and password",
                next_move='give both; password: "{{ secret.value }}" from a step that uses secret.generate',
            )
        wanted = {name: value for name, value in _given(args).items() if value is not None}
        wanted.setdefault("mailNickname", key.partition("@")[0])
        wanted.setdefault("accountEnabled", True)
        holder = facts.get(Ref("graph.holder", key)) or {"live": [], "deleted": [], "deleted_visible": True}
        after = {"userPrincipalName": key, **wanted, PASSWORD: args.password}
        return Change(
            action=self.name,
            target=key,
            before=None,
            after=after,
            says={
                "en": f"A cloud account is made for {args.display_name} ({key})",
                "de": f"Für {args.display_name} wird ein Cloud-Konto angelegt ({key})",
            },
            effects=(Effect(ref, _overlaid(key, wanted), whole=True),),
            writes=(key,),
            outputs={"id": Deferred(THIS, "id"), "upn": key},
            notes=tuple(_about_holders(holder)),
            blocked=f"{key} is held by another object: {', '.join(holder['live'])}" if holder["live"] else "",
        )

    def _changed(self, args: UserArgs, ref: Ref, user: Any, facts: Facts) -> Change:
        key = ref.key
        before, after = narrow(user, _given(args))
        who = person.called(user, key)
        theirs = sorted(set(after) - IN_THE_CLOUD) if after and person.synced(user) else []
        return Change(
            action=self.name,
            target=key,
            before=before,
            after=after,
            says=says(who, after),
            identity=user.get("id"),
            effects=tuple(Effect(other, after) for other in person.refs_of(user, key) if after),
            writes=person.names(user, key),
            outputs={"id": user.get("id"), "upn": key},
            notes=(
                "a disabled synced account is enabled again by the next sync unless it is disabled there too",
            )
            if after.get("accountEnabled") is False and person.synced(user)
            else (),
            blocked=_why_not_changed(facts, key, who, theirs) if after else "",
        )

    def apply(self, session: Session, args: UserArgs, change: Change, ctx: Context) -> Evidence:
        if change.after is None:
            session.send(Message(method="DELETE", path=path("users", str(change.identity))), ctx)
            return Evidence(answer={"deleted": change.identity}, undo={"id": change.identity})
        if change.before is None:
            return self._create(session, args, change, ctx)
        asked = Message(method="PATCH", path=path("users", str(change.identity)), body=dict(change.after))
        session.send(
            asked, ctx, holds=lambda: person.still(session, str(change.identity), change.before or {})
        )
        return Evidence(answer={"id": change.identity, "changed": sorted(change.after)})

    def _create(self, session: Session, args: UserArgs, change: Change, ctx: Context) -> Evidence:
        body = {name: value for name, value in (change.after or {}).items() if name != PASSWORD}
        if args.password is None:
            raise Refused("the first password is not given any more", next_move="give password: to this step")
        profile = {PASSWORD: args.password.reveal(), "forceChangePasswordNextSignIn": True}
        ref = person.ref(change.target)

        def found() -> Json:
            user = session.read([ref])[ref]
            # Nobody else's account may pass for ours: every value must be the one we sent.
            ours = (
                user is not None
                and not narrow(user, body | {"userPrincipalName": user["userPrincipalName"]})[1]
            )
            return user if ours else None

        asked = Message(method="POST", path=path("users"), body={**body, "passwordProfile": profile})
        made = session.create(asked, ctx, found)
        return Evidence(answer={"id": made["id"]}, outputs={"id": made["id"]}, undo={"id": made["id"]})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        if change.before is None:
            identity = evidence.undo.get("id") or evidence.outputs.get("id")
            return Change(
                action=self.name,
                target=change.target,
                before=change.after,
                after=None,
                says={
                    "en": f"The cloud account {change.target} goes to the deleted items for 30 days",
                    "de": f"Das Cloud-Konto {change.target} kommt für 30 Tage in die gelöschten Objekte",
                },
                identity=identity,
                writes=(change.target, *([str(identity)] if identity else [])),
                destructive=True,
            )
        return Change(
            action=self.name,
            target=change.target,
            before=change.after,
            after=change.before,
            says=says(change.target, dict(change.before)),
            identity=change.identity,
            writes=change.writes,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back)
        return (user, *([Ref("graph.licences", user.key)] if back.after is None else []))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = person.ref_back(back)
        user = facts.get(ref)
        now = None if user is None else {name: user.get(name) for name in back.after or ()}
        if back.after is None and user is not None:
            now = _had_by_now(back, user, facts.get(Ref("graph.licences", ref.key)))
        left = remaining(back, now, equal=_equal)
        theirs = sorted(set(left.after or ()) - IN_THE_CLOUD) if user and person.synced(user) else []
        return replace(
            left,
            says=says(person.called(user, back.target), left.after) if left.after else back.says,
            effects=tuple(Effect(each, left.after) for each in person.refs_of(user, ref.key))
            if not left.is_empty
            else (),
            writes=person.names(user, ref.key),
            blocked=f"Active Directory masters {', '.join(theirs)} by now: {person.SYNCED_MOVE}"
            if theirs
            else "",
        )


def _had_by_now(back: Change, user: Any, licences: State) -> dict[str, Json]:
    """What the account was made with, as it is now, and what it has from others."""
    made = back.before or {}
    now = {name: made[name] if name == PASSWORD else user.get(name) for name in made}
    given = {name: user.get(name) for name in _NAMES.values() if name not in made}
    now |= {name: value for name, value in given.items() if value is not None}
    return now | ({"licences": dict(licences)} if licences else {})


def _equal(name: str, one: Json, other: Json) -> bool:
    if name == "userPrincipalName" and isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return same(one, other)


def _why_not_changed(facts: Facts, key: str, who: str, theirs: list[str]) -> str:
    """Why nothing of this user is set: an administrator, or somebody whom another side masters."""
    if theirs:
        return (
            f"{who} is synced from Active Directory, which masters {', '.join(theirs)}: {person.SYNCED_MOVE}"
        )
    return administrator.why_not(facts, key, who)


def _given(args: UserArgs) -> dict[str, Json]:
    """The attributes that the step names, by Graph's names; an empty text means: absent."""
    values = {name: getattr(args, field) for field, name in _NAMES.items()}
    return {name: value if value != "" else None for name, value in values.items() if value is not None}


def _overlaid(key: str, wanted: Mapping[str, Json]) -> dict[str, Json]:
    return {"id": Deferred(THIS, "id"), "userPrincipalName": key, "onPremisesSyncEnabled": None, **wanted}


def _about_holders(holder: Any) -> Iterator[str]:
    if holder["deleted"]:
        yield f"a deleted object held this name ({', '.join(holder['deleted'])}); restoring it is not creating one"
    if not holder["deleted_visible"]:
        yield "deleted items cannot be seen: whether one of them held this name is unknown"
