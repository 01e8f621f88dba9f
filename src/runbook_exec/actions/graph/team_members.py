"""Who is in a team, and who owns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import group_of, person
from runbook_exec.actions.graph.kinds import kind
from runbook_exec.actions.graph.message import Message, path, trouble
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.sentence import listed, verb
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Json, Ref, State, same
from runbook_exec.errors import Invalid, Refused
from runbook_exec.way_back import remaining

KIND = "graph.team_members"
MEMBER = "#microsoft.graph.aadUserConversationMember"
User = Annotated[str, msgspec.Meta(min_length=1)]


def _state(key: str, body: Any) -> State:
    return {
        str(entry["userId"]): {
            "membership": entry["id"],
            "role": "owner" if "owner" in (entry.get("roles") or ()) else "member",
        }
        for entry in body["value"]
        if entry.get("userId")
    }


kind("team_members", lambda key: (Message(path=path("teams", key, "members")),), _state)


class TeamMembersArgs(Args, frozen=True, kw_only=True):
    team: Annotated[str, msgspec.Meta(description="the team's display name or id", min_length=1)]
    add: Annotated[
        list[User], msgspec.Meta(description="who shall be in it, as a member at least: UPNs or ids")
    ] = msgspec.field(default_factory=list)
    owners: Annotated[list[User], msgspec.Meta(description="who shall own it: UPNs or ids")] = msgspec.field(
        default_factory=list
    )
    remove: Annotated[list[User], msgspec.Meta(description="who shall not be in it: UPNs or ids")] = (
        msgspec.field(default_factory=list)
    )


@register
class TeamMembers(Action[TeamMembersArgs]):
    """Bring people into a team, make them its owners, or take them out.

    Owners are made before anybody leaves, so a team can be handed over in one step. A team's last
    owner does not leave: the plan is refused until a successor stands under `owners`. Only the
    memberships named here are changed. Guests and members count alike. The groups behind teams follow
    within a day.
    """

    name = "graph.team_members"
    Args = TeamMembersArgs
    rights = Rights(
        read=("User.Read.All", "GroupMember.Read.All", "TeamMember.Read.All"),
        apply=("TeamMember.ReadWrite.All",),
    )
    outputs: ClassVar[Mapping[str, str]] = {"team_id": "the team's id"}

    def reads(self, args: TeamMembersArgs, facts: Facts) -> Sequence[Ref]:
        people = [person.ref(key) for key in (*args.add, *args.owners, *args.remove)]
        refs = [group_of.ref(args.team), *people]
        group = facts.get(group_of.ref(args.team))
        return [*refs, Ref(KIND, str(group["id"]))] if group is not None and "id" in group else refs

    def plan(self, args: TeamMembersArgs, facts: Facts) -> Change:
        wanted = _wanted(args)
        group = group_of.existing(facts, args.team)
        title, ref = str(group["displayName"]), Ref(KIND, str(group["id"]))
        team = facts.get(ref)
        if team is None:
            raise Refused(f"the group {title} has no team", next_move="use graph.group_members for it")
        before: dict[str, Json] = {}
        after: dict[str, Json] = {}
        involves: dict[str, Json] = {}
        called, names, shown = {}, [str(group["id"]), title], dict(team)
        for key, role in wanted.items():
            user = person.existing(facts.get(person.ref(key)), key)
            now = _now(team, user)
            if same(now, role) or (role == "member" and same(now, "owner")):
                continue
            before[key], after[key], involves[key] = now, role, user.get("id")
            called[key] = person.called(user, key)
            names += person.names(user, key)
            if isinstance(user.get("id"), str):
                shown[user["id"]] = {"role": role}
        shown = {who: entry for who, entry in shown.items() if entry["role"] is not None}
        return Change(
            action=self.name,
            target=title,
            before=before,
            after=after,
            says=_says(called, after, before, title),
            identity=str(group["id"]),
            involves=involves,
            effects=(Effect(ref, shown, whole=True),) if after else (),
            groups=((title, str(group["id"])),) if after else (),
            writes=tuple(names),
            outputs={"team_id": group["id"]},
            destructive=None in after.values(),
            blocked=_why_not(team, shown, called, after, title),
        )

    def apply(self, session: Session, args: TeamMembersArgs, change: Change, ctx: Context) -> Evidence:
        team, ids = str(change.identity), dict(change.involves)
        order = {"owner": 0, "member": 1, None: 2}
        for key, role in sorted((change.after or {}).items(), key=lambda item: order[item[1]]):
            if not ids.get(key):
                found = session.read([person.ref(key)])[person.ref(key)]
                ids[key] = person.existing(found, key)["id"]
            _set(session, ctx, team, str(ids[key]), role)
        return Evidence(answer={"team": team, "members": {key: ids[key] for key in change.after or ()}})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        after = dict(change.before or {})
        says = _says({key: key for key in after}, after, change.after or {}, change.target)
        return opposite(change, says, destructive=None in after.values())

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        people = [person.ref(str(back.involves.get(key) or key)) for key in back.after or ()]
        return (Ref("graph.group", str(back.identity)), Ref(KIND, str(back.identity)), *people)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = Ref(KIND, str(back.identity))
        team = facts.get(ref) or {}
        group = facts.get(Ref("graph.group", str(back.identity)))
        users = {key: facts.get(person.ref(str(back.involves.get(key) or key))) for key in back.after or ()}
        now = {key: _now(team, user) if user is not None else None for key, user in users.items()}
        left = remaining(back, now)
        after = dict(left.after or {})
        if group is None or not after:
            return left
        called = {key: person.called(users[key], key) for key in after}
        ids = {key: (users[key] or {}).get("id") for key in after}
        shown = {**team, **{str(ids[key]): {"role": role} for key, role in after.items()}}
        shown = {who: entry for who, entry in shown.items() if entry["role"] is not None}
        names = [name for key in after for name in person.names(users[key], key)]
        return replace(
            left,
            says=_says(called, after, dict(left.before or {}), str(group["displayName"])),
            involves=ids,
            effects=(Effect(ref, shown, whole=True),),
            writes=(str(group["id"]), str(group["displayName"]), *names),
            destructive=None in after.values(),
            blocked=_why_not(team, shown, called, after, str(group["displayName"])),
        )


def _wanted(args: TeamMembersArgs) -> dict[str, str | None]:
    given = [(key.strip().lower(), role) for keys, role in
             ((args.owners, "owner"), (args.add, "member"), (args.remove, None)) for key in keys]  # fmt: skip
    if not given:
        raise Invalid("add, owners and remove are empty", next_move="name at least one person")
    names = [key for key, _ in given]
    twice = sorted({key for key in names if names.count(key) > 1})
    if twice:
        raise Invalid(f"{twice[0]} is named twice", next_move="name each person once")
    return dict(given)


def _now(team: Mapping[str, Any], user: Any) -> Json:
    """`owner`, `member`, or None: not in the team."""
    who = user.get("id")
    if isinstance(who, Deferred):
        return None  # an account that is yet to come is in no team
    return team[who]["role"] if who in team else None


def _why_not(
    team: Mapping[str, Any],
    shown: Mapping[str, Any],
    called: Mapping[str, str],
    after: Mapping[str, Json],
    title: str,
) -> str:
    def owned(members: Mapping[str, Any]) -> bool:
        return any(entry["role"] == "owner" for entry in members.values())

    coming = any(role == "owner" for role in after.values())
    if not after or coming or not owned(team) or owned(shown):
        return ""
    who = listed([called[key] for key, role in after.items() if role != "owner"], "and")
    return f"{who} would leave {title} without an owner: name a successor under owners"


def _set(session: Session, ctx: Context, team: str, user: str, role: Json) -> None:
    """Give one person this role in the team, or none."""
    ref = Ref(KIND, team)
    there = (session.read([ref])[ref] or {}).get(user)
    body = {"@odata.type": MEMBER, "roles": ["owner"] if role == "owner" else []}
    if there is None:
        if role is None:
            return
        body["user@odata.bind"] = f"{session.wire.connection.url}/users('{user}')"
        asked = Message(method="POST", path=path("teams", team, "members"), body=body)
        session.create(asked, ctx, lambda: (session.read([ref])[ref] or {}).get(user))
        return
    where = path("teams", team, "members", str(there["membership"]))
    if role is not None:
        session.send(Message(method="PATCH", path=where, body=body), ctx)
        return
    asked = Message(method="DELETE", path=where)
    reply = session.attempt(asked, ctx)
    if not reply.ok and (reply.status != 404 or user in (session.read([ref])[ref] or {})):
        raise trouble(asked, reply)


def _says(
    called: Mapping[str, str], after: Mapping[str, Json], before: Mapping[str, Json], title: str
) -> dict[str, str]:
    is_called_team = title.casefold().startswith("team")
    the = (
        (title, title, f"von {title}")
        if is_called_team
        else (f"the team {title}", f"das Team {title}", f"im Team {title}")
    )
    en, de = [], []
    for role in ("owner", "member", None):
        people = [called[key] for key, value in after.items() if same(value, role)]
        if not people:
            continue
        a, b = listed(people, "and"), listed(people, "und")
        match role:
            case "owner":
                en.append(f"{a} {verb(people, 'becomes an owner', 'become owners')} of {the[0]}")
                de.append(f"{b} {verb(people, 'besitzt', 'besitzen')} künftig {the[1]}")
            case "member":
                en.append(f"{a} {verb(people, 'becomes a member', 'become members')} of {the[0]}")
                de.append(f"{b} {verb(people, 'wird', 'werden')} Mitglied {the[2]}")
            case _:
                en.append(f"{a} {verb(people, 'leaves', 'leave')} {the[0]}")
                de.append(f"{b} {verb(people, 'verlässt', 'verlassen')} {the[1]}")
    if not en:
        return {"en": f"{_capital(the[0])} is as wanted", "de": f"{_capital(the[1])} ist wie gewünscht"}
    return {"en": "; ".join(en), "de": "; ".join(de)}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
