"""`ldap.group_members`: one entry's memberships in groups, each an element of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import record, target
from runbook_exec.actions.ldap.editing import back_reads, standing
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref, State
from runbook_exec.dn import parse
from runbook_exec.errors import Invalid, Refused
from runbook_exec.way_back import remaining

_SAYS = {
    "en": (
        "{who} becomes a member of {groups}",
        "{who} leaves {groups}",
        "; ",
        "{who}'s groups are as wanted",
    ),
    "de": (
        "{who} wird Mitglied von {groups}",
        "{who} verlässt {groups}",
        "; ",
        "Die Gruppen von {who} sind wie gewünscht",
    ),
}


class GroupMembersArgs(Args, frozen=True, kw_only=True):
    member: Annotated[
        str, Meta(description="name (DN) of the person, computer or group that joins or leaves")
    ]
    add: Annotated[list[str], Meta(description="names (DN) of groups to be a member of")] = field(
        default_factory=list
    )
    remove: Annotated[list[str], Meta(description="names (DN) of groups to be no member of")] = field(
        default_factory=list
    )


@register
class GroupMembers(Action[GroupMembersArgs]):
    """Makes one entry a member of groups, or takes it out of them.

    Each membership is an element of its own: other members are neither read into the plan nor
    written, so that a colleague's change at the same time survives. Only direct membership
    counts. Protected groups (adminCount=1) are left to their administrators, and a groupOfNames
    never loses its last member, which OpenLDAP would refuse.
    """

    name = "ldap.group_members"
    rights = Rights(read=("read groups",), apply=("write member",))
    Args = GroupMembersArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "added": "names of the groups that were joined",
        "removed": "names of the groups that were left",
    }

    def reads(self, args: GroupMembersArgs, facts: Facts) -> Sequence[Ref]:
        groups = [*args.add, *args.remove]
        return [
            target.SERVER,
            target.entry(args.member),
            *(target.group(group) for group in groups),
            *(target.membership(args.member, group) for group in groups),
        ]

    def plan(self, args: GroupMembersArgs, facts: Facts) -> Change:
        _contradiction(args)
        member = target.existing(facts, args.member)
        dn, who = str(member["dn"]), target.called(member, args.member)
        before: dict[str, Json] = {}
        after: dict[str, Json] = {}
        ids: dict[str, Json] = {}
        titles: dict[bool, list[str]] = {True: [], False: []}
        blocked = ""
        for wanted, names in ((True, args.add), (False, args.remove)):
            for name in names:
                target.inside(facts, name)
                group = _existing_group(facts, name)
                now = facts[target.membership(args.member, name)] or {}
                primary = _is_primary(member, group)
                if (bool(now.get("member")) or primary) == wanted:
                    continue
                group_dn = str(group["dn"])
                before[group_dn], after[group_dn] = not wanted, wanted
                ids[group_dn] = group.get("id")
                titles[wanted].append(str(group["title"]))
                blocked = blocked or _blocked(group, now, wanted=wanted, primary=primary)
        return Change(
            action=self.name,
            target=dn,
            identity=target.identity(member),
            involves=ids,
            before=before,
            after=after,
            says={language: _sentence(language, who, titles) for language in _SAYS},
            effects=tuple(
                Effect(target.membership(args.member, name), {"member": joins, "last": False}, whole=True)
                for name, joins in after.items()
            ),
            groups=tuple((name,) for name in after),
            writes=tuple(after),
            outputs={
                "added": [name for name, joins in after.items() if joins],
                "removed": [name for name, joins in after.items() if not joins],
            },
            blocked=blocked,
        )

    def apply(self, session: Any, args: GroupMembersArgs, change: Change, ctx: Context) -> Evidence:
        member, _ = session.pinned(change.target, change.identity)
        groups = session.read([target.group(name) for name in change.after or {}])
        for name, joins in (change.after or {}).items():
            group = groups[target.group(name)]
            if group is None:
                raise Refused(
                    f"the group {name} is gone", next_move="somebody deleted or moved it: plan again"
                )
            attribute = session.dialect.member_attribute(group["classes"])
            session.join_or_leave(name, attribute, member, joins=joins)
        return Evidence(answer={"memberships": dict(change.after or {})})

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        titles = {
            joins: [parse(name).name for name, now in (change.before or {}).items() if now is joins]
            for joins in (True, False)
        }
        who = parse(change.target).name
        return replace(
            change,
            before=change.after,
            after=change.before,
            says={language: _sentence(language, who, titles) for language in _SAYS},
            effects=(),
            outputs={},
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        refs, state = back_reads(back, facts), standing(back, facts)
        refs += [target.place(str(identity)) for identity in back.involves.values()]
        groups = list((_by_present_names(back, facts).after or {}) if state else ())
        refs += [target.group(group) for group in groups]
        return [*refs, *(target.membership(str((state or {})["dn"]), group) for group in groups)]

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        member = standing(back, facts)
        dn = back.target if member is None else str(member["dn"])
        back = _by_present_names(back, facts)
        wanted = back.after or {}
        left = remaining(back, {name: _now(facts, member, name, joins) for name, joins in wanted.items()})
        after = left.after or {}
        titles: dict[bool, list[str]] = {True: [], False: []}
        blocked = ""
        for name, joins in after.items():
            group, now = _existing_group(facts, name), facts[target.membership(dn, name)] or {}
            titles[joins].append(str(group["title"]))
            primary = _is_primary(member, group)
            blocked = blocked or _blocked(group, now, wanted=joins, primary=primary)
        who = target.called(member, dn)
        return replace(
            left,
            target=dn,
            says={language: _sentence(language, who, titles) for language in _SAYS} if after else back.says,
            effects=tuple(
                effect
                for name, joins in after.items()
                for effect in (
                    Effect(target.membership(dn, name), {"member": joins, "last": False}, whole=True),
                    Effect(target.groups_of(dn), {name: joins}),
                )
            ),
            writes=tuple(after),
            blocked=blocked,
        )


def _by_present_names(back: Change, facts: Facts) -> Change:
    """The way back with each group by the name that it has now; one that is gone keeps its old one."""
    names = {}
    for name in back.after or {}:
        place = facts.get(target.place(str(back.involves.get(name))))
        names[name] = str(place["dn"]) if place else name

    def renamed(values: State) -> dict[str, Json]:
        return {names[name]: value for name, value in (values or {}).items() if name in names}

    return replace(
        back, before=renamed(back.before), after=renamed(back.after), involves=renamed(back.involves)
    )


def _now(facts: Facts, member: State, group: str, joins: bool) -> bool | None:  # noqa: FBT001 - a value
    """Whether the member is in the group; None where it cannot be, since the group or the member is gone."""
    if member is None:
        return None if joins else False  # it left with its entry
    found = facts.get(target.group(group))
    if found is None:
        return None
    now = facts[target.membership(str(member["dn"]), group)] or {}
    return bool(now.get("member")) or _is_primary(member, found)


def _contradiction(args: GroupMembersArgs) -> None:
    both = {parse(name).canonical for name in args.add} & {parse(name).canonical for name in args.remove}
    if both:
        raise Invalid(f"{min(both)} stands in add and in remove", next_move="take it out of one of them")


def _existing_group(facts: Facts, name: str) -> Mapping[str, Json]:
    group = facts[target.group(name)]
    if group is None:
        raise Refused(f"there is no group {name}", next_move="correct the name, or create the group first")
    return group


def _is_primary(member: State, group: Mapping[str, Json]) -> bool:
    """True for AD's primary group, whose members are not listed in it."""
    primary = record.get(member, "primaryGroupID")
    return bool(primary) and primary == group.get("rid")


def _blocked(group: Mapping[str, Json], now: Mapping[str, Json], *, wanted: bool, primary: bool) -> str:
    title = group["title"]
    if group.get("protected"):
        return (
            f"{title} is a protected group (adminCount=1): its members are administrators, "
            "and runbooks leave it to those who are responsible for it"
        )
    if not wanted and primary:
        return f"{title} is the primary group, which nobody leaves; set another primary group first"
    if not wanted and now.get("last"):
        return f"{title} would lose its last member, and this server's groups cannot be empty: add another member first"
    return ""


def _sentence(language: str, who: str, titles: Mapping[bool, list[str]]) -> str:
    joins, leaves, joint, same = _SAYS[language]
    parts = [
        text.format(who=who, groups=target.listing(titles[kind], language))
        for kind, text in ((True, joins), (False, leaves))
        if titles[kind]
    ]
    return joint.join(parts) if parts else same.format(who=who)
