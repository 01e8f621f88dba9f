"""Memberships in one cloud group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import group_of, person
from runbook_exec.actions.graph.message import ALREADY, Message, path, trouble
from runbook_exec.actions.graph.sentence import listed, verb
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Json, Ref, same
from runbook_exec.errors import Invalid
from runbook_exec.way_back import remaining

User = Annotated[str, msgspec.Meta(min_length=1)]


class GroupMembersArgs(Args, frozen=True, kw_only=True):
    group: Annotated[str, msgspec.Meta(description="the group's display name or id", min_length=1)]
    add: Annotated[list[User], msgspec.Meta(description="who shall be a member: UPNs or ids")] = (
        msgspec.field(default_factory=list)
    )
    remove: Annotated[list[User], msgspec.Meta(description="who shall be none: UPNs or ids")] = msgspec.field(
        default_factory=list
    )


@register
class GroupMembers(Action[GroupMembersArgs]):
    """Make people members of a cloud group, or end their membership.

    Only the memberships named here are read and written, never the member list. Groups
    whose members are decided elsewhere are refused with the way to go: synced groups
    (Active Directory), dynamic groups (their rule), distribution lists and mail-enabled
    security groups (Exchange), groups that carry administrator roles (a gate of their own).
    """

    name = "graph.group_members"
    Args = GroupMembersArgs
    rights = Rights(read=("User.Read.All", "GroupMember.Read.All"), apply=("GroupMember.ReadWrite.All",))
    outputs: ClassVar[Mapping[str, str]] = {"group_id": "the group's id"}

    def reads(self, args: GroupMembersArgs, facts: Facts) -> Sequence[Ref]:
        people = [person.ref(key) for key in (*args.add, *args.remove)]
        refs = [group_of.ref(args.group), *people]
        group = facts.get(group_of.ref(args.group))
        if group is not None and "id" in group:
            refs += [Ref("graph.membership", f"{group['id']},{ref.key}") for ref in people]
        return refs

    def plan(self, args: GroupMembersArgs, facts: Facts) -> Change:
        both = {key.lower() for key in args.add} & {key.lower() for key in args.remove}
        if both or not (args.add or args.remove):
            what = f"{min(both)} stands under add and under remove" if both else "add and remove are empty"
            raise Invalid(what, next_move="name each person once")
        group = group_of.existing(facts, args.group)
        before: dict[str, Json] = {}
        after: dict[str, Json] = {}
        ids: dict[str, Json] = {}
        effects, people, names = [], {}, [str(group["id"]), str(group["displayName"])]
        for given, wanted in (*((key, True) for key in args.add), *((key, False) for key in args.remove)):
            key = given.strip().lower()
            user = person.existing(facts.get(person.ref(key)), key)
            member = _member(facts, group, user, key)
            if same(member, wanted):
                continue
            before[key], after[key] = member, wanted
            people[key], ids[key] = person.called(user, key), user.get("id")
            names += person.names(user, key)
            effects += [
                Effect(Ref("graph.membership", f"{group['id']},{ref.key}"), {"member": wanted})
                for ref in person.refs_of(user, key)
            ]
        return Change(
            action=self.name,
            target=str(group["displayName"]),
            before=before,
            after=after,
            says=_says(people, after, str(group["displayName"])),
            identity=str(group["id"]),
            involves=ids,
            effects=tuple(effects),
            groups=((str(group["displayName"]), str(group["id"])),) if after else (),
            writes=tuple(names),
            outputs={"group_id": group["id"]},
            destructive=False in after.values(),
            blocked=_why_not(group) if after else "",
        )

    def apply(self, session: Session, args: GroupMembersArgs, change: Change, ctx: Context) -> Evidence:
        group = str(change.identity)
        keys = dict(change.after or {})
        named = [key for key in keys if not change.involves.get(key)]
        users = session.read([person.ref(key) for key in named])
        ids = {key: str(person.existing(users[person.ref(key)], key)["id"]) for key in named}
        ids |= {key: str(change.involves[key]) for key in keys if key not in ids}
        for key, wanted in keys.items():
            if wanted:
                _add(session, ctx, group, ids[key])
            else:
                _remove(session, ctx, group, ids[key])
        return Evidence(answer={"group": group, "members": {key: ids[key] for key in keys}})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        after = dict(change.before or {})
        return Change(
            action=self.name,
            target=change.target,
            before=change.after,
            after=after,
            says=_says({key: key for key in after}, after, change.target),
            identity=change.identity,
            involves=change.involves,
            writes=change.writes,
            destructive=False in after.values(),
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        group, people = str(back.identity), [_person(back, key) for key in back.after or ()]
        memberships = [Ref("graph.membership", f"{group},{ref.key}") for ref in people]
        return (Ref("graph.group", group), *people, *memberships)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        group = facts.get(Ref("graph.group", str(back.identity)))
        users = {key: facts.get(_person(back, key)) for key in back.after or ()}
        wanted = back.after or {}
        left = remaining(back, {key: _now(back, facts, key, joins) for key, joins in wanted.items()})
        after = dict(left.after or {})
        if group is None or not after:
            return left
        title = str(group["displayName"])
        return replace(
            left,
            says=_says({key: person.called(users[key], key) for key in after}, after, title),
            involves={key: (users[key] or {}).get("id") for key in after},
            effects=tuple(
                Effect(Ref("graph.membership", f"{group['id']},{ref.key}"), {"member": joins})
                for key, joins in after.items()
                for ref in person.refs_of(users[key], _person(back, key).key)
            ),
            writes=(
                str(group["id"]),
                title,
                *(name for key in after for name in person.names(users[key], key)),
            ),
            destructive=False in after.values(),
            blocked=_why_not(group),
        )


def _person(back: Change, key: str) -> Ref:
    """The person that a way back names: by id, whatever they are called by now."""
    return person.ref(str(back.involves.get(key) or key))


def _now(back: Change, facts: Facts, key: str, joins: Json) -> bool | None:
    """Whether the person is in the group; None where they cannot be, since one of the two is gone."""
    ref = _person(back, key)
    if facts.get(ref) is None:
        return None if joins else False
    if facts.get(Ref("graph.group", str(back.identity))) is None:
        return None
    state = facts.get(Ref("graph.membership", f"{back.identity},{ref.key}"))
    return bool(state and state["member"])


def _member(facts: Facts, group: Any, user: Any, key: str) -> Json:
    state = facts.get(Ref("graph.membership", f"{group['id']},{key}"))
    if state is not None:
        return state["member"]
    return Deferred(user.step, f"member of {group['displayName']}") if person.is_assumed(user) else False


def _why_not(group: Any) -> str:
    name = group["displayName"]
    if group.get("onPremisesSyncEnabled"):
        return f"{name} is mastered in Active Directory: use ldap.group_members"
    if "DynamicMembership" in (group.get("groupTypes") or ()):
        return f"{name} is dynamic: its rule decides who is in it; change the attribute that the rule reads"
    if group.get("mailEnabled") and "Unified" not in (group.get("groupTypes") or ()):
        return f"{name} is a mail-enabled security group or distribution list: it is changed in Exchange"
    if group.get("isAssignableToRole"):
        return f"{name} carries administrator roles: such a membership needs its own application and gate"
    return ""


def _add(session: Session, ctx: Context, group: str, user: str) -> None:
    link = f"{session.wire.connection.url}/directoryObjects/{user}"
    asked = Message(method="POST", path=path("groups", group, "members", "$ref"), body={"@odata.id": link})

    def found() -> Json:
        return True if _is_member(session, group, user) else None

    session.create(asked, ctx, found, same_as=ALREADY)


def _remove(session: Session, ctx: Context, group: str, user: str) -> None:
    asked = Message(method="DELETE", path=path("groups", group, "members", user, "$ref"))
    reply = session.attempt(asked, ctx)
    # 404 means "no member" and also "not seen yet": only a read tells them apart.
    if not reply.ok and (reply.status != 404 or _is_member(session, group, user)):
        raise trouble(asked, reply)


def _is_member(session: Session, group: str, user: str) -> bool:
    ref = Ref("graph.membership", f"{group},{user}")
    state = session.read([ref])[ref]
    return state is not None and bool(state["member"])


def _says(people: Mapping[str, str], after: Mapping[str, Json], group: str) -> dict[str, str]:
    joins = [people[key] for key, wanted in after.items() if wanted]
    leaves = [people[key] for key, wanted in after.items() if not wanted]
    en, de = [], []
    if joins:
        en.append(f"{listed(joins, 'and')} {verb(joins, 'becomes a member', 'become members')} of {group}")
        de.append(f"{listed(joins, 'und')} {verb(joins, 'wird', 'werden')} Mitglied von {group}")
    if leaves:
        en.append(f"{listed(leaves, 'and')} {verb(leaves, 'leaves', 'leave')} {group}")
        de.append(f"{listed(leaves, 'und')} {verb(leaves, 'verlässt', 'verlassen')} {group}")
    if not en:
        return {
            "en": f"The members of {group} are as wanted",
            "de": f"Die Mitglieder von {group} sind wie gewünscht",
        }
    return {"en": "; ".join(en), "de": "; ".join(de)}
