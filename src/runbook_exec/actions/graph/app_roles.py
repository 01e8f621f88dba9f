"""What a user may do in applications, and which applications may act for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.kinds import below_user, kind, plain
from runbook_exec.actions.graph.message import Message, path, trouble
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, State, Words
from runbook_exec.way_back import remaining

ROLES, GRANTS, APPLICATION = "graph.app_roles", "graph.grants", "graph.service_principal"
DEFAULT = "00000000-0000-0000-0000-000000000000"
_THERE = "already exists"
Name = Annotated[str, msgspec.Meta(min_length=1)]


def _roles(key: str, body: Any) -> State:
    return {
        str(entry["id"]): {
            "application": entry.get("resourceDisplayName") or entry["resourceId"],
            "resource": entry["resourceId"],
            "role": entry["appRoleId"],
            "by_group": entry.get("principalType") == "Group",
        }
        for entry in body["value"]
    }


def _grants(key: str, body: Any) -> State:
    return {
        str(entry["id"]): {
            "client": entry["clientId"],
            "resource": entry["resourceId"],
            "scope": " ".join(sorted(str(entry.get("scope") or "").split())),
        }
        for entry in body["value"]
        if entry.get("consentType") == "Principal"
    }


kind("app_roles", below_user("appRoleAssignments"), _roles)
kind("grants", below_user("oauth2PermissionGrants"), _grants)
kind(
    "service_principal",
    lambda key: (Message(path=path("servicePrincipals", key, select="id,displayName")),),
    plain,
)


class AppRolesArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose access ends: UPN or id", min_length=1)]
    only: Annotated[
        list[Name], msgspec.Meta(description="applications by display name; empty: every application")
    ] = msgspec.field(default_factory=list)
    consents: Annotated[
        bool, msgspec.Meta(description="end the person's consents to applications that act for them, too")
    ] = True


@register
class AppRoles(Action[AppRolesArgs]):
    """End what a user may do in enterprise applications, and their consents to applications.

    What comes through a group is left alone and named: it goes with the membership. Consents that an
    administrator gave for everybody are not the user's. Both can be given back as they were.
    What an application itself keeps about the person (a local account, tokens of its own) is its owner's matter.
    """

    name = "graph.app_roles"
    destructive = True
    Args = AppRolesArgs
    rights = Rights(
        read=("User.Read.All", "Directory.Read.All"),
        apply=("AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"),
    )
    outputs: ClassVar[Mapping[str, str]] = {"applications": "the applications that were ended, by name"}

    def reads(self, args: AppRolesArgs, facts: Facts) -> Sequence[Ref]:
        user = person.ref(args.user)
        grants = facts.get(Ref(GRANTS, user.key)) or {}
        clients = [Ref(APPLICATION, str(grant["client"])) for grant in grants.values()]
        return (user, Ref(ROLES, user.key), Ref(GRANTS, user.key), *dict.fromkeys(clients))

    def plan(self, args: AppRolesArgs, facts: Facts) -> Change:
        key = person.ref(args.user).key
        user = person.existing(facts.get(person.ref(key)), key)
        roles, grants = facts.get(Ref(ROLES, key)) or {}, facts.get(Ref(GRANTS, key)) or {}
        before: dict[str, Json] = {}
        ids: dict[str, Json] = {}
        by_group = set()
        for assignment, entry in roles.items():
            if args.only and entry["application"] not in args.only:
                continue
            if entry["by_group"]:
                by_group.add(entry["application"])
                continue
            role = "" if entry["role"] == DEFAULT else f", role {entry['role']}"
            label = _free(f"{entry['application']}{role}", assignment, before)
            before[label] = {"resource": entry["resource"], "role": entry["role"]}
            ids[label] = assignment
        for grant, entry in grants.items() if args.consents else ():
            name = _called(facts, str(entry["client"]))
            if args.only and name not in args.only:
                continue
            label = _free(f"consent to {name}", grant, before)
            before[label], ids[label] = dict(entry), grant
        who = person.called(user, key)
        return Change(
            action=self.name,
            target=key,
            before=before,
            after=dict.fromkeys(before),
            says=_says(who, list(before), given=False),
            identity=user.get("id"),
            involves=ids,
            effects=tuple(_effects(user, key, roles, grants, set(ids.values()))) if before else (),
            writes=(*person.names(user, key), *(str(value) for value in ids.values())),
            outputs={"applications": list(before)},
            notes=tuple(_left(by_group)),
            destructive=bool(before),
        )

    def apply(self, session: Session, args: AppRolesArgs, change: Change, ctx: Context) -> Evidence:
        who = str(change.identity)
        for label, wanted in (change.after or {}).items():
            if wanted is not None:
                _give(session, ctx, who, wanted)
                continue
            key = str(change.involves[label])
            is_grant = "client" in (change.before or {})[label]
            where = (
                path("oauth2PermissionGrants", key)
                if is_grant
                else path("users", who, "appRoleAssignments", key)
            )
            asked = Message(method="DELETE", path=where)
            reply = session.attempt(asked, ctx)
            if not reply.ok and reply.status != 404:  # the read-back tells whether it is gone
                raise trouble(asked, reply)
        return Evidence(answer={"ended": list(change.after or ())})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        return opposite(change, _says(change.target, list(change.before or {}), given=True))

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back)
        return (user, Ref(ROLES, user.key), Ref(GRANTS, user.key))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = person.ref_back(back)
        user = facts.get(ref)
        roles, grants = facts.get(Ref(ROLES, ref.key)) or {}, facts.get(Ref(GRANTS, ref.key)) or {}
        there = [{"resource": e["resource"], "role": e["role"]} for e in roles.values() if not e["by_group"]]
        there += [dict(entry) for entry in grants.values()]
        wanted = back.after or {}
        left = remaining(back, {label: value if value in there else None for label, value in wanted.items()})
        after = dict(left.after or {})
        if user is None or not after:
            return left
        shown_roles = {**roles, **{label: {**value, "application": label, "by_group": False}
                                   for label, value in after.items() if "role" in value}}  # fmt: skip
        shown_grants = {**grants, **{label: value for label, value in after.items() if "client" in value}}
        return replace(
            left,
            says=_says(person.called(user, back.target), list(after), given=True),
            effects=(
                Effect(Ref(ROLES, ref.key), shown_roles, whole=True),
                Effect(Ref(GRANTS, ref.key), shown_grants, whole=True),
            ),
            writes=person.names(user, ref.key),
        )


def _free(label: str, key: str, taken: Mapping[str, Json]) -> str:
    return f"{label} ({key})" if label in taken else label


def _called(facts: Facts, client: str) -> str:
    application = facts.get(Ref(APPLICATION, client))
    return str((application or {}).get("displayName") or client)


def _effects(
    user: Any, key: str, roles: Mapping[str, Json], grants: Mapping[str, Json], gone: set[Json]
) -> list[Effect]:
    return [
        Effect(Ref(sort, ref.key), {i: entry for i, entry in there.items() if i not in gone}, whole=True)
        for ref in person.refs_of(user, key)
        for sort, there in ((ROLES, roles), (GRANTS, grants))
    ]


def _left(by_group: set[str]) -> list[Words]:
    if not by_group:
        return []
    names = ", ".join(sorted(by_group))
    return [
        {
            "en": f"comes through a group, and ends with the membership: {names}",
            "de": f"kommt über eine Gruppe und endet mit der Mitgliedschaft: {names}",
        }
    ]


def _give(session: Session, ctx: Context, who: str, wanted: Mapping[str, Json]) -> None:
    """Give back one assignment or consent."""
    if "client" in wanted:
        body = {"clientId": wanted["client"], "consentType": "Principal", "principalId": who}
        body |= {"resourceId": wanted["resource"], "scope": wanted["scope"]}
        asked, sort = Message(method="POST", path=path("oauth2PermissionGrants"), body=body), GRANTS
    else:
        body = {"principalId": who, "resourceId": wanted["resource"], "appRoleId": wanted["role"]}
        asked, sort = Message(method="POST", path=path("users", who, "appRoleAssignments"), body=body), ROLES
    ref = Ref(sort, who)

    def there() -> Json:
        found = (session.read([ref])[ref] or {}).values()
        return True if any(wanted.items() <= entry.items() for entry in found) else None

    session.create(asked, ctx, there, same_as=_THERE)


def _says(who: str, labels: Sequence[str], *, given: bool) -> dict[str, str]:
    if not labels:
        return {"en": f"{who} has no access to applications that is to end",
                "de": f"{who} hat keinen Zugang zu Anwendungen, der zu beenden wäre"}  # fmt: skip
    names = ", ".join(labels)
    german = ", ".join(label.replace("consent to ", "Einwilligung für ") for label in labels)
    if given:
        return {"en": f"{who} has access again: {names}", "de": f"{who} hat wieder Zugang: {german}"}
    return {"en": f"The access of {who} ends: {names}", "de": f"Der Zugang von {who} endet: {german}"}
