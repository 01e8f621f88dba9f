"""The tenant's audit log: every change with its time, its author and what it changed, in Microsoft's shape.

Kept on the shelf as `graph_audits`: number → a `directoryAudit`. Names of activities are those that
Entra uses; which of a user's properties it spells how is an assumption (docs/sandbox/graph.md).
Mailbox settings are Exchange's and are not in it, as in a real tenant.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import DELETED, Body, Cloud
from runbook_exec.sandbox.graph_query import Query
from runbook_exec.sandbox.graph_refusal import bad

TABLE = "graph_audits"
READ = ("AuditLog.Read.All",)
KNOWN = frozenset(
    {
        "id", "activityDateTime", "activityDisplayName", "additionalDetails", "category", "correlationId",
        "initiatedBy", "loggedByService", "operationType", "result", "resultReason", "targetResources",
    }
)  # fmt: skip
SYNC = {
    "user": {
        "id": "c0ffee00-0000-4000-8000-000000000001",
        "displayName": "On-Premises Directory Synchronization Service Account",
        "userPrincipalName": "Sync_SYNC01_0a1b2c3d4e5f@kranich.onmicrosoft.com",
        "ipAddress": None,
    },
}
"""Who writes when the hybrid sync does."""
_CLAUSE = re.compile(r"^activityDateTime (ge|gt|le|lt) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)$")
_QUIET = frozenset({"onPremisesLastSyncDateTime", "licenseAssignmentStates", "assignedPlans"})


@dataclass(frozen=True, kw_only=True)
class _Act:
    name: str
    category: str
    operation: str


_USERS = {
    "POST": _Act(name="Add user", category="UserManagement", operation="Add"),
    "PATCH": _Act(name="Update user", category="UserManagement", operation="Update"),
    "DELETE": _Act(name="Delete user", category="UserManagement", operation="Delete"),
}
_GROUPS = {
    "POST": _Act(name="Add group", category="GroupManagement", operation="Add"),
    "PATCH": _Act(name="Update group", category="GroupManagement", operation="Update"),
    "DELETE": _Act(name="Delete group", category="GroupManagement", operation="Delete"),
}
_OF_USER = {
    "manager": _Act(name="Set user manager", category="UserManagement", operation="Update"),
    "assignLicense": _Act(name="Change user license", category="UserManagement", operation="Update"),
    "revokeSignInSessions": _Act(
        name="Update StsRefreshTokenValidFrom Timestamp", category="UserManagement", operation="Update"
    ),
    "authentication": _Act(
        name="Admin registered security info", category="UserManagement", operation="Update"
    ),
    "appRoleAssignments": _Act(
        name="Add app role assignment grant to user", category="UserManagement", operation="Assign"
    ),
    "sponsors": _Act(name="Update user", category="UserManagement", operation="Update"),
}
_TAKEN_AWAY = {
    "manager": _Act(name="Remove user manager", category="UserManagement", operation="Update"),
    "authentication": _Act(name="Admin deleted security info", category="UserManagement", operation="Delete"),
    "appRoleAssignments": _Act(
        name="Remove app role assignment from user", category="UserManagement", operation="Unassign"
    ),
}
_ELSEWHERE = {
    ("PATCH", "devices"): _Act(name="Update device", category="Device", operation="Update"),
    ("DELETE", "devices"): _Act(name="Delete device", category="Device", operation="Delete"),
    ("POST", "roleManagement"): _Act(
        name="Add member to role", category="RoleManagement", operation="Assign"
    ),
    ("DELETE", "roleManagement"): _Act(
        name="Remove member from role", category="RoleManagement", operation="Unassign"
    ),
    ("POST", "oauth2PermissionGrants"): _Act(
        name="Add delegated permission grant", category="ApplicationManagement", operation="Assign"
    ),
    ("DELETE", "oauth2PermissionGrants"): _Act(
        name="Remove delegated permission grant", category="ApplicationManagement", operation="Unassign"
    ),
    ("POST", "invitations"): _Act(name="Invite external user", category="UserManagement", operation="Add"),
}
"""What is about no user and no group; its target is the last part of the path, or what the answer names."""
_JOIN = _Act(name="Add member to group", category="GroupManagement", operation="Assign")
_LEAVE = _Act(name="Remove member from group", category="GroupManagement", operation="Unassign")
_RESTORE = _Act(name="Restore user", category="UserManagement", operation="Update")
_PURGE = _Act(name="Hard Delete user", category="UserManagement", operation="Delete")


class Audits:
    """Writes an entry for every change that came off, and answers who asks for them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def kept(self, asked: Asked, handler: Callable[[], Answer]) -> Answer:
        """Do what is asked, and note it where it changed something."""
        if asked.method == "GET":
            return handler()
        before = self._thing(asked.path)
        answer = handler()
        if answer.status < 300:
            found = _act(asked)
            made = answer.body if asked.method == "POST" and len(asked.path) == 1 else None
            if found is not None and found in _ELSEWHERE.values():
                self._put(found, _by(asked), [_elsewhere(asked, answer)])
            elif found is not None:
                self._note(found, asked, before, self._after(before, made))
        return answer

    def synced(self, before: Body | None, after: Body | None) -> None:
        """The hybrid sync wrote an object."""
        thing = after or before or {}
        table = _USERS if "userPrincipalName" in thing else _GROUPS
        act = table["POST" if before is None else "DELETE" if after is None else "PATCH"]
        changed = list(_differences(before, after))
        if act.operation != "Update" or changed:
            self._put(act, SYNC, [_target(thing, changed)])
        for joined, members in (
            (_JOIN, _members(after) - _members(before)),
            (_LEAVE, _members(before) - _members(after)),
        ):
            for member in sorted(members):
                self._membership(joined, SYNC, thing, member)

    def collection(self, asked: Asked) -> Answer:
        """`GET /auditLogs/directoryAudits`: the newest first; `$filter` by activityDateTime alone."""
        asked.need(*READ)
        tests = [_clause(part) for part in asked.options.get("$filter", "").split(" and ") if part]
        found = [body for _, body in self.cloud.shelf.items(TABLE) if all(test(body) for test in tests)]
        options = {name: value for name, value in asked.options.items() if name != "$filter"}
        page = Query(options, eventual=False).page(list(reversed(found)), url=asked.url, known=KNOWN)
        if "@odata.nextLink" in page and "$filter" in asked.options:
            page["@odata.nextLink"] += "&$filter=" + asked.options["$filter"].replace(" ", "%20")
        return Answer(status=200, body=page)

    def _thing(self, path: tuple[str, ...]) -> Body | None:
        match path:
            case ("users", key, *_):
                found = self.cloud.user(key)
            case ("groups" | "teams", key, *_):
                found = self.cloud.group(key)
            case ("directory", "deletedItems", key, *_):
                found = self.cloud.shelf.get(DELETED, key)
            case _:
                return None
        return None if found is None else {**found}

    def _after(self, before: Body | None, made: Body | None) -> Body | None:
        thing = before or made
        return self.cloud.thing(str(thing["id"])) if thing else None

    def _note(self, act: _Act, asked: Asked, before: Body | None, after: Body | None) -> None:
        by, thing = _by(asked), after or before or {}
        if act in {_JOIN, _LEAVE}:
            members = _members(before) ^ _members(after)
            for member in sorted(members):
                self._membership(act, by, thing, member)
            return
        self._put(act, by, [_target(thing, list(_differences(before, after)))])

    def _membership(self, act: _Act, by: Mapping[str, Any], group: Body, member: str) -> None:
        values = (("Group.ObjectID", group["id"]), ("Group.DisplayName", group.get("displayName")))
        modified = [
            _modified(name, None if act is _JOIN else value, value if act is _JOIN else None)
            for name, value in values
        ]
        who = self.cloud.thing(member) or {"id": member, "userPrincipalName": None}
        self._put(act, by, [_target(who, modified), _target(group, [])])

    def _put(self, act: _Act, by: Mapping[str, Any], targets: list[dict[str, Any]]) -> None:
        number = int((self.cloud.shelf.get("graph_numbers", "audit") or {"next": 1})["next"])
        self.cloud.shelf.put("graph_numbers", "audit", {"next": number + 1})
        moment = datetime.fromtimestamp(self.cloud.clock(), UTC)
        entry = {
            "id": f"Directory_{uuid.uuid4()}_{number}",
            "activityDateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "activityDisplayName": act.name,
            "additionalDetails": [],
            "category": act.category,
            "correlationId": str(uuid.uuid4()),
            "initiatedBy": dict(by),
            "loggedByService": "Core Directory",
            "operationType": act.operation,
            "result": "success",
            "resultReason": "",
            "targetResources": targets,
        }
        self.cloud.shelf.put(TABLE, f"{number:09d}", entry)


def _act(asked: Asked) -> _Act | None:
    match (asked.method, *asked.path):
        case ("POST", "groups", _, "members", "$ref") | ("POST", "teams", _, "members"):
            return _JOIN
        case ("DELETE", "groups" | "teams", _, "members", *_):
            return _LEAVE
        case ("POST", "directory", "deletedItems", _, "restore"):
            return _RESTORE
        case ("DELETE", "directory", "deletedItems", _):
            return _PURGE
        case ("DELETE", "users", _, part, *_):
            return _TAKEN_AWAY.get(part, _OF_USER.get(part))
        case (_, "users", _, part, *_):
            return _OF_USER.get(part)
        case (method, "users", *_):
            return _USERS.get(method)
        case (method, "groups", *_):
            return _GROUPS.get(method)
        case (method, first, *_):
            return _ELSEWHERE.get((method, first))
    return None


def _by(asked: Asked) -> dict[str, Any]:
    names = {"servicePrincipalId": None, "servicePrincipalName": None}
    return {"app": {"appId": asked.app_id, "displayName": asked.app, **names}}


def _elsewhere(asked: Asked, answer: Answer) -> dict[str, Any]:
    """The target of what is about no user and no group."""
    body = answer.body or asked.body or {}
    about = body.get("principalId") or body.get("id") or asked.path[-1]
    return {"id": str(about), "displayName": None, "type": "Other", "modifiedProperties": []}


def _members(body: Body | None) -> set[str]:
    return set((body or {}).get("_members") or ())


def _differences(before: Body | None, after: Body | None) -> Iterator[dict[str, Any]]:
    old, new = before or {}, after or {}
    for name in sorted({*old, *new}):
        if (
            name.startswith("_")
            or name in _QUIET
            or "password" in name.lower()
            or old.get(name) == new.get(name)
        ):
            continue
        yield _modified(name[0].upper() + name[1:], old.get(name), new.get(name))
    if old.get("_manager") != new.get("_manager"):
        yield _modified("Manager", old.get("_manager"), new.get("_manager"))
    if old.get("_direct") != new.get("_direct"):
        yield _modified("AssignedLicense", sorted(old.get("_direct") or ()), sorted(new.get("_direct") or ()))


def _modified(name: str, old: Any, new: Any) -> dict[str, Any]:
    """Values are JSON in a text, and lists even where they are single."""

    def told(value: Any) -> str | None:
        return (
            None
            if value is None
            else json.dumps(value if isinstance(value, list) else [value], ensure_ascii=False)
        )

    return {"displayName": name, "oldValue": told(old), "newValue": told(new)}


def _target(thing: Mapping[str, Any], modified: list[dict[str, Any]]) -> dict[str, Any]:
    is_user = "userPrincipalName" in thing
    found: dict[str, Any] = {
        "id": thing.get("id"),
        "displayName": thing.get("displayName"),
        "type": "User" if is_user else "Group",
        "userPrincipalName": thing.get("userPrincipalName"),
        "modifiedProperties": modified,
    }
    return (
        found
        if is_user
        else {**found, "groupType": "unifiedGroups" if thing.get("groupTypes") else "azureAD"}
    )


def _clause(text: str) -> Callable[[Mapping[str, Any]], bool]:
    found = _CLAUSE.match(text.strip())
    if found is None:
        raise bad(f"Invalid filter clause: {text}")
    word, moment = found[1], datetime.fromisoformat(found[2])
    tests: dict[str, Callable[[datetime], bool]] = {
        "ge": lambda at: at >= moment,
        "gt": lambda at: at > moment,
        "le": lambda at: at <= moment,
        "lt": lambda at: at < moment,
    }
    return lambda body: tests[word](datetime.fromisoformat(body["activityDateTime"]))
