"""Who has an administrator role. Such people are left alone by whatever could lock them out or let others in."""

from __future__ import annotations

from typing import Any

from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.kinds import kind
from runbook_exec.actions.graph.message import Message, literal, path
from runbook_exec.change import Facts, Ref, State

EVERYWHERE = "/"
WHERE = ("roleManagement", "directory", "roleAssignments")
RIGHT = ("RoleManagement.Read.Directory", "Directory.Read.All")
"""What reading it takes: one of these."""


def _held(key: str, body: Any) -> State:
    return {"roles": sorted(str(entry["displayName"]) for entry in body["value"])}


def _asked(key: str) -> tuple[Message, ...]:
    # A cast is an advanced query: answered only with eventual consistency, so some seconds late.
    where = ("users", key, "transitiveMemberOf", "microsoft.graph.directoryRole")
    query = path(*where, select="id,displayName", top="999", count="true")
    return (Message(path=query, headers={"ConsistencyLevel": "eventual"}),)


kind("admin_roles", _asked, _held)


def _definitions(key: str, body: Any) -> State:
    return {str(entry["displayName"]): str(entry["id"]) for entry in body["value"]}


def _by(name: str, key: str) -> tuple[Message, ...]:
    return (Message(path=path(*WHERE, filter=f"{name} eq {literal(key)}")),)


def _assigned(key: str, body: Any) -> State:
    return {f"{e['roleDefinitionId']} {e['directoryScopeId']}": str(e["id"]) for e in body["value"]}


def _holders(key: str, body: Any) -> State:
    return {"holders": sorted(e["principalId"] for e in body["value"] if e["directoryScopeId"] == EVERYWHERE)}


kind(
    "role_definitions",
    lambda key: (Message(path=path(*WHERE[:2], "roleDefinitions", select="id,displayName")),),
    _definitions,
)
kind("role_assignments", lambda key: _by("principalId", key), _assigned)
kind("role_holders", lambda key: _by("roleDefinitionId", key), _holders)


def ref(key: str) -> Ref:
    """The administrator roles that a user has, through groups too."""
    return Ref("graph.admin_roles", key)


def why_not(facts: Facts, key: str, who: str) -> str:
    """Why this application must not touch the user; empty where it may."""
    state = facts.get(ref(key))
    roles = list(state["roles"]) if state is not None and not person.is_assumed(state) else []
    if not roles:
        return ""
    return (
        f"{who} is an administrator ({', '.join(roles)}), whom the everyday application must not touch: "
        "end the roles first (graph.directory_role), or let another administrator do this by hand"
    )
