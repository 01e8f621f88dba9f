"""Administrator roles of one user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import administrator, person
from runbook_exec.actions.graph.administrator import EVERYWHERE, WHERE
from runbook_exec.actions.graph.message import Message, path, trouble
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.session import APPLICATION, Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, Words
from runbook_exec.errors import Invalid, Refused
from runbook_exec.way_back import remaining

ASSIGNED, HOLDERS = "graph.role_assignments", "graph.role_holders"
DEFINITIONS, APP = Ref("graph.role_definitions", "all"), Ref(APPLICATION, "roles")
GLOBAL = "Global Administrator"
Role = Annotated[str, msgspec.Meta(min_length=1)]


class DirectoryRoleArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose roles: UPN or id", min_length=1)]
    add: Annotated[list[Role], msgspec.Meta(description="roles to have, for the whole tenant: [User Administrator]")] = (
        msgspec.field(default_factory=list)
    )  # fmt: skip
    remove: Annotated[list[Role], msgspec.Meta(description="roles to take away, wherever they apply")] = (
        msgspec.field(default_factory=list)
    )
    remove_all: Annotated[bool, msgspec.Meta(description="take away every role assigned directly")] = False
    not_counting: Annotated[
        list[Role], msgspec.Meta(description="break-glass accounts, by UPN: no reason to let the last other one go")
    ] = msgspec.field(default_factory=list)  # fmt: skip


@register
class DirectoryRole(Action[DirectoryRoleArgs]):
    """Assign administrator roles of the tenant to a user, or take them away.

    Needs an application of its own, named as `roles:` in the connection: the everyday one must not
    be able to make administrators. The last Global Administrator who is enabled stays, whatever
    break-glass accounts there are. Roles that come through a group, or that somebody is merely eligible
    for (Privileged Identity Management), are not ended here; the plan names the former.
    """

    name = "graph.directory_role"
    Args = DirectoryRoleArgs
    rights = Rights(
        read=("User.Read.All", administrator.RIGHT), apply=("RoleManagement.ReadWrite.Directory",)
    )
    outputs: ClassVar[Mapping[str, str]] = {"roles": "the roles assigned to the user afterwards"}

    def reads(self, args: DirectoryRoleArgs, facts: Facts) -> Sequence[Ref]:
        refs = [person.ref(args.user), DEFINITIONS, APP, administrator.ref(person.ref(args.user).key)]
        user = facts.get(person.ref(args.user))
        if user is not None and isinstance(user.get("id"), str):
            refs.append(Ref(ASSIGNED, str(user["id"])))
        role = (facts.get(DEFINITIONS) or {}).get(GLOBAL)
        if role:
            refs.append(Ref(HOLDERS, str(role)))
            holders = (facts.get(Ref(HOLDERS, str(role))) or {"holders": []})["holders"]
            refs += [person.ref(who) for who in (*holders, *args.not_counting)]
        return refs

    def plan(self, args: DirectoryRoleArgs, facts: Facts) -> Change:
        if set(args.add) & set(args.remove) or (args.add and args.remove_all):
            raise Invalid("a role is to be given and taken away", next_move="decide for one")
        if not (args.add or args.remove or args.remove_all):
            raise Invalid("no role is named", next_move="give add, remove or remove_all: true")
        key = person.ref(args.user).key
        user = person.existing(facts.get(person.ref(key)), key)
        definitions = facts.get(DEFINITIONS) or {}
        unknown = sorted({*args.add, *args.remove} - set(definitions))
        if unknown:
            raise Refused(
                f"the tenant has no role {unknown[0]}", next_move="write its English name as in Entra"
            )
        ref = _own(user, key)
        held = facts.get(ref) or {}
        names = {role_id: name for name, role_id in definitions.items()}
        now = {_label(names, spot): spot for spot in held}
        before: dict[str, Json] = {name: None for name in args.add if name not in now}
        after: dict[str, Json] = {name: f"{definitions[name]} {EVERYWHERE}" for name in before}
        for label, spot in now.items():
            if args.remove_all or label.partition(" @ ")[0] in args.remove:
                before[label], after[label] = spot, None
        who = person.called(user, key)
        shown = _shown(held, before, after)
        return Change(
            action=self.name,
            target=key,
            before=before,
            after=after,
            says=_says(who, after),
            identity=user.get("id"),
            effects=(Effect(ref, shown, whole=True), *_for_others(facts, user, key, names, shown))
            if after
            else (),
            writes=(*person.names(user, key), *_ending(held, before, after)),
            outputs={"roles": sorted(_label(names, spot) for spot in shown)},
            notes=tuple(_through_groups(facts, key, now)),
            destructive=None in after.values(),
            blocked=_why_not(facts, args.not_counting, user, who, after),
        )

    def apply(self, session: Session, args: DirectoryRoleArgs, change: Change, ctx: Context) -> Evidence:
        who = str(change.identity)
        ref = Ref(ASSIGNED, who)
        for label, spot in (change.after or {}).items():
            if spot is not None:
                _assign(session, ctx, who, str(spot))
                continue
            held = session.read([ref])[ref] or {}
            assignment = held.get(str((change.before or {})[label]))
            if assignment is not None:
                asked = Message(method="DELETE", path=path(*WHERE, str(assignment)), by="roles")
                reply = session.attempt(asked, ctx)
                if not reply.ok and reply.status != 404:  # the read-back tells whether it is gone
                    raise trouble(asked, reply)
        return Evidence(answer={"roles": dict(change.after or {})})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        after = dict(change.before or {})
        return opposite(change, _says(change.target, after), destructive=None in after.values())

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (person.ref_back(back), Ref(ASSIGNED, str(back.identity)), APP)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = Ref(ASSIGNED, str(back.identity))
        user, held = facts.get(person.ref_back(back)), facts.get(ref) or {}
        spots = {label: str(spot or (back.before or {})[label]) for label, spot in (back.after or {}).items()}
        left = remaining(back, {label: spot if spot in held else None for label, spot in spots.items()})
        after = dict(left.after or {})
        if user is None or not after:
            return left
        return replace(
            left,
            says=_says(person.called(user, back.target), after),
            effects=(Effect(ref, _shown(held, left.before or {}, after), whole=True),),
            writes=(*person.names(user, back.target), *_ending(held, left.before or {}, after)),
            blocked="" if facts.get(APP) is not None else _NO_APP,
        )


_NO_APP = (
    "the connection names no application of its own for roles: add roles: (client_id, client_secret) to it"
)


def _label(names: Mapping[str, str], spot: str) -> str:
    role, _, scope = spot.partition(" ")
    return names.get(role, role) + ("" if scope == EVERYWHERE else f" @ {scope}")


def _shown(
    held: Mapping[str, Json], before: Mapping[str, Json], after: Mapping[str, Json]
) -> dict[str, Json]:
    gone = {before[label] for label, spot in after.items() if spot is None}
    new = {str(spot): "" for spot in after.values() if spot is not None}
    return {**{spot: key for spot, key in held.items() if spot not in gone}, **new}


def _for_others(
    facts: Facts, user: Any, key: str, names: Mapping[str, str], shown: Mapping[str, Json]
) -> Iterator[Effect]:
    """What later steps see: whether the user is an administrator still, by a group perhaps."""
    direct = {_label(names, spot).partition(" @ ")[0] for spot in (facts.get(_own(user, key)) or {})}
    state = facts.get(administrator.ref(key))
    by_group = {role for role in (state["roles"] if state is not None else ()) if role not in direct}
    roles = sorted(by_group | {_label(names, spot).partition(" @ ")[0] for spot in shown})
    for ref in person.refs_of(user, key):
        yield Effect(administrator.ref(ref.key), {"roles": roles}, whole=True)


def _own(user: Any, key: str) -> Ref:
    return Ref(ASSIGNED, str(user["id"]) if isinstance(user.get("id"), str) else key)


def _ending(held: Mapping[str, Json], before: Mapping[str, Json], after: Mapping[str, Json]) -> list[str]:
    """The assignments that are deleted, by id."""
    return [
        str(held[before[label]]) for label, spot in after.items() if spot is None and before[label] in held
    ]


def _through_groups(facts: Facts, key: str, now: Mapping[str, str]) -> Iterator[Words]:
    state = facts.get(administrator.ref(key))
    more = [role for role in (state["roles"] if state is not None else ()) if role not in now]
    if more:
        yield {
            "en": f"held through a group, and not ended here: {', '.join(more)}",
            "de": f"über eine Gruppe vorhanden und hier nicht beendet: {', '.join(more)}",
        }


def _why_not(facts: Facts, spare: Sequence[str], user: Any, who: str, after: Mapping[str, Json]) -> str:
    if not after:
        return ""
    if facts.get(APP) is None:
        return _NO_APP
    if after.get(GLOBAL, "") is not None:
        return ""
    role = str((facts.get(DEFINITIONS) or {})[GLOBAL])
    holders = (facts.get(Ref(HOLDERS, role)) or {"holders": []})["holders"]
    reserve = {str((facts.get(person.ref(name)) or {}).get("id")) for name in spare}
    others = [facts.get(person.ref(other)) for other in holders if other not in {user.get("id"), *reserve}]
    if any(other is not None and other.get("accountEnabled") is True for other in others):
        return ""
    return f"{who} is the last {GLOBAL} who is enabled, besides break-glass: make another one first"


def _assign(session: Session, ctx: Context, who: str, spot: str) -> None:
    role, _, scope = spot.partition(" ")
    ref = Ref(ASSIGNED, who)
    body = {"principalId": who, "roleDefinitionId": role, "directoryScopeId": scope}

    def there() -> Json:
        return (session.read([ref])[ref] or {}).get(spot)

    asked = Message(method="POST", path=path(*WHERE), body=body, by="roles")
    session.create(asked, ctx, there, same_as="conflicting object")


def _says(who: str, after: Mapping[str, Json]) -> dict[str, str]:
    gets = [label for label, spot in after.items() if spot is not None]
    loses = [label for label, spot in after.items() if spot is None]
    en, de = [], []
    if gets:
        en.append(f"becomes {', '.join(gets)}")
        de.append(f"wird {', '.join(gets)}")
    if loses:
        en.append(f"is no longer {', '.join(loses)}")
        de.append(f"ist nicht mehr {', '.join(loses)}")
    if not en:
        return {"en": f"The administrator roles of {who} are as wanted",
                "de": f"Die Administratorrollen von {who} sind wie gewünscht"}  # fmt: skip
    return {"en": f"{who} {' and '.join(en)}", "de": f"{who} {' und '.join(de)}"}
