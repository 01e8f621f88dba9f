"""Who owns a cloud group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import group_of, person
from runbook_exec.actions.graph.kinds import below_user, kind, kind_of
from runbook_exec.actions.graph.message import ALREADY, Message, path, trouble
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.sentence import listed, verb
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, State, same
from runbook_exec.errors import Invalid
from runbook_exec.way_back import remaining

KIND = "graph.owners"
User = Annotated[str, msgspec.Meta(min_length=1)]


def _owners(key: str, body: Any) -> State:
    return {str(entry["id"]): True for entry in body["value"]}


def _owned(key: str, body: Any) -> State:
    """Groups by id; those with a team once more as `teams`."""
    groups = [e for e in body["value"] if kind_of(e) == "group"]
    teams = [e for e in groups if "Team" in (e.get("resourceProvisioningOptions") or ())]
    return {
        "groups": {e["id"]: e.get("displayName") for e in groups},
        "teams": {e["id"]: e.get("displayName") for e in teams},
    }


kind("owners", lambda key: (Message(path=path("groups", key, "owners", select="id", top="999")),), _owners)
kind("owned", below_user("ownedObjects"), _owned)


class GroupOwnersArgs(Args, frozen=True, kw_only=True):
    group: Annotated[str, msgspec.Meta(description="the group's display name or id", min_length=1)]
    add: Annotated[list[User], msgspec.Meta(description="who shall own it: UPNs or ids")] = msgspec.field(
        default_factory=list
    )
    remove: Annotated[list[User], msgspec.Meta(description="who shall own it no longer: UPNs or ids")] = (
        msgspec.field(default_factory=list)
    )


@register
class GroupOwners(Action[GroupOwnersArgs]):
    """Make people owners of a cloud group, or end their ownership.

    New owners come first, so a leaver's group is handed over in one step. The last owner stays until there
    is another. Owners of a synced group are Active Directory's (`managedBy`). For a team use
    `graph.team_members`, which Teams shows at once. `graph.owned` reads what somebody owns.
    """

    name = "graph.group_owners"
    Args = GroupOwnersArgs
    rights = Rights(read=("User.Read.All", "GroupMember.Read.All"), apply=("Group.ReadWrite.All",))
    outputs: ClassVar[Mapping[str, str]] = {"group_id": "the group's id"}

    def reads(self, args: GroupOwnersArgs, facts: Facts) -> Sequence[Ref]:
        refs = [group_of.ref(args.group), *(person.ref(key) for key in (*args.add, *args.remove))]
        group = facts.get(group_of.ref(args.group))
        return [*refs, Ref(KIND, str(group["id"]))] if group is not None and "id" in group else refs

    def plan(self, args: GroupOwnersArgs, facts: Facts) -> Change:
        wanted = {key.strip().lower(): True for key in args.add}
        leaving = {key.strip().lower(): False for key in args.remove}
        both = sorted(wanted.keys() & leaving.keys())
        if both or not (wanted or leaving):
            what = f"{both[0]} stands under add and under remove" if both else "add and remove are empty"
            raise Invalid(what, next_move="name each person once")
        group = group_of.existing(facts, args.group)
        ref, title = Ref(KIND, str(group["id"])), str(group["displayName"])
        owners = facts.get(ref) or {}
        users = {key: person.existing(facts.get(person.ref(key)), key) for key in (*wanted, *leaving)}
        after = {
            key: owns
            for key, owns in {**wanted, **leaving}.items()
            if (_known(users[key]) in owners) is not owns
        }
        return Change(
            action=self.name,
            target=title,
            before={key: not owns for key, owns in after.items()},
            after=after,
            says=_says({key: person.called(users[key], key) for key in after}, after, title),
            identity=str(group["id"]),
            involves={key: users[key].get("id") for key in after},
            effects=_effects(ref, owners, users, after),
            groups=((title, str(group["id"])),) if after else (),
            writes=_writes(group, users, after),
            outputs={"group_id": group["id"]},
            destructive=False in after.values(),
            blocked=_why_not(group, owners, users, after),
        )

    def apply(self, session: Session, args: GroupOwnersArgs, change: Change, ctx: Context) -> Evidence:
        group, ids = str(change.identity), dict(change.involves)
        for key, owns in sorted((change.after or {}).items(), key=lambda item: not item[1]):
            if not ids.get(key):
                found = session.read([person.ref(key)])[person.ref(key)]
                ids[key] = person.existing(found, key)["id"]
            _set(session, ctx, group, str(ids[key]), owns=owns)
        return Evidence(answer={"group": group, "owners": {key: ids[key] for key in change.after or ()}})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        after = dict(change.before or {})
        says = _says({key: key for key in after}, after, change.target)
        return opposite(change, says, destructive=False in after.values())

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        people = [person.ref(str(back.involves.get(key) or key)) for key in back.after or ()]
        return (Ref("graph.group", str(back.identity)), Ref(KIND, str(back.identity)), *people)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = Ref(KIND, str(back.identity))
        group, owners = facts.get(Ref("graph.group", str(back.identity))), facts.get(ref) or {}
        users = {key: facts.get(person.ref(str(back.involves.get(key) or key))) for key in back.after or ()}
        now = {key: _known(user) in owners if user is not None else None for key, user in users.items()}
        left = remaining(back, now)
        after = dict(left.after or {})
        if group is None or not after:
            return left
        return replace(
            left,
            says=_says(
                {key: person.called(users[key], key) for key in after}, after, str(group["displayName"])
            ),
            involves={key: (users[key] or {}).get("id") for key in after},
            effects=_effects(ref, owners, users, after),
            writes=_writes(group, users, after),
            destructive=False in after.values(),
            blocked=_why_not(group, owners, users, after),
        )


def _known(user: Any) -> str:
    """The id, or nothing while the account is yet to come."""
    who = user.get("id")
    return who if isinstance(who, str) else ""


def _effects(
    ref: Ref, owners: Mapping[str, Json], users: Mapping[str, Any], after: Mapping[str, Json]
) -> tuple[Effect, ...]:
    if not after:
        return ()
    shown = {**owners, **{_known(users[key]): owns for key, owns in after.items()}}
    return (Effect(ref, {who: True for who, owns in shown.items() if owns and who}, whole=True),)


def _writes(group: Any, users: Mapping[str, Any], after: Mapping[str, Json]) -> tuple[str, ...]:
    names = [name for key in after for name in person.names(users[key], key)]
    return (str(group["id"]), str(group["displayName"]), *names)


def _why_not(
    group: Any, owners: Mapping[str, Json], users: Mapping[str, Any], after: Mapping[str, Json]
) -> str:
    name = group["displayName"]
    if not after:
        return ""
    if group.get("onPremisesSyncEnabled"):
        return f"{name} is mastered in Active Directory: set managedBy there (ldap.attributes)"
    if group.get("isAssignableToRole"):
        return f"{name} carries administrator roles: its owners need their own application and gate"
    going = {_known(users[key]) for key, owns in after.items() if not owns}
    if going and not (set(owners) - going) and True not in after.values():
        who = listed([person.called(users[key], key) for key in after], "and")
        return f"{who} would leave {name} without an owner: name a successor under add"
    return ""


def _set(session: Session, ctx: Context, group: str, user: str, *, owns: bool) -> None:
    ref = Ref(KIND, group)

    def there() -> Json:
        return True if user in (session.read([ref])[ref] or {}) else None

    if owns:
        body = {"@odata.id": f"{session.wire.connection.url}/users/{user}"}
        asked = Message(method="POST", path=path("groups", group, "owners", "$ref"), body=body)
        session.create(asked, ctx, there, same_as=ALREADY)
        return
    asked = Message(method="DELETE", path=path("groups", group, "owners", user, "$ref"))
    reply = session.attempt(asked, ctx)
    if not reply.ok and (reply.status != 404 or there()):
        raise trouble(asked, reply)


def _says(called: Mapping[str, str], after: Mapping[str, Json], title: str) -> dict[str, str]:
    gets = [called[key] for key, owns in after.items() if same(owns, True)]
    loses = [called[key] for key, owns in after.items() if same(owns, False)]
    en, de = [], []
    if gets:
        en.append(f"{listed(gets, 'and')} {verb(gets, 'becomes an owner', 'become owners')} of {title}")
        de.append(f"{listed(gets, 'und')} {verb(gets, 'wird', 'werden')} Besitzer von {title}")
    if loses:
        en.append(f"{listed(loses, 'and')} no longer {verb(loses, 'owns', 'own')} {title}")
        de.append(f"{listed(loses, 'und')} {verb(loses, 'besitzt', 'besitzen')} {title} nicht mehr")
    if not en:
        return {
            "en": f"The owners of {title} are as wanted",
            "de": f"Die Besitzer von {title} sind wie gewünscht",
        }
    return {"en": "; ".join(en), "de": "; ".join(de)}
