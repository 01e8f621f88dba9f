"""Administrator roles of the double: definitions, assignments, and who has a role through a group."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import Body
from runbook_exec.sandbox.graph_query import unsupported
from runbook_exec.sandbox.graph_refusal import Refusal, bad, missing
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_users import Users

ROLES = "graph_roles"
"""Table: name of a directory role → the ids of the accounts and groups that hold it."""
READ = ("RoleManagement.Read.Directory", "RoleManagement.Read.All", "RoleManagement.ReadWrite.Directory",
        "Directory.Read.All")  # fmt: skip
WRITE = ("RoleManagement.ReadWrite.Directory",)
DEFINITIONS = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
    "Helpdesk Administrator": "729827e3-9c14-49f7-bb1b-9608f156bbb8",
    "License Administrator": "4d6ac14f-3453-41d0-bef9-a3e0c569773a",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
    "Reports Reader": "4a5d8f65-41da-4de4-8968-e035b65339cf",
}
"""Roles by name, with Microsoft's own template ids."""
_NAMES = {role_id: name for name, role_id in DEFINITIONS.items()}
KNOWN = frozenset({"id", "principalId", "roleDefinitionId", "directoryScopeId"})


class Roles:
    """One method a request; the routes find it by path."""

    def __init__(self, users: Users) -> None:
        self.users, self.cloud, self.shelf = users, users.cloud, users.cloud.shelf

    def route(self, routes: Routes) -> None:
        base = "roleManagement/directory"
        routes.add("GET", f"{base}/roleDefinitions", self.definitions)
        routes.add("GET", f"{base}/roleAssignments", self.collection)
        routes.add("POST", f"{base}/roleAssignments", self.assign)
        routes.add("DELETE", f"{base}/roleAssignments/{{}}", self.remove)
        routes.add("GET", "users/{}/transitiveMemberOf/microsoft.graph.directoryRole", self.of_user)

    def definitions(self, asked: Asked) -> Answer:
        asked.need(*READ)
        value = [
            {"id": key, "templateId": key, "displayName": name, "isBuiltIn": True, "isEnabled": True}
            for name, key in DEFINITIONS.items()
        ]
        return Answer(status=200, body={"value": value})

    def collection(self, asked: Asked) -> Answer:
        asked.need(*READ)
        if "$filter" not in asked.options:
            raise bad("The query must be filtered by principalId or roleDefinitionId.")
        return Answer(status=200, body=asked.query.page(list(self._all()), url=asked.url, known=KNOWN))

    def assign(self, asked: Asked) -> Answer:
        asked.need(*WRITE)
        fields = asked.fields
        name, who = _NAMES.get(str(fields.get("roleDefinitionId"))), str(fields.get("principalId"))
        if name is None or fields.get("directoryScopeId") != "/":
            raise bad("The role definition or its scope is not known.")
        thing = self.cloud.thing(who)
        if thing is None or self.cloud.seen(thing) is None:
            raise missing(who)
        members = self._members(name)
        if who in members:
            raise Refusal(
                400, "RoleAssignmentExists", "A conflicting object with one or more of the specified property "
                "values is present in the directory."
            )  # fmt: skip
        self.shelf.put(ROLES, name, {"members": [*members, who]})
        return Answer(status=201, body=_assignment(name, who))

    def remove(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        found = next((body for body in self._all() if body["id"] == key), None)
        if found is None:
            raise missing(key)
        name = _NAMES[str(found["roleDefinitionId"])]
        rest = [who for who in self._members(name) if who != found["principalId"]]
        self.shelf.put(ROLES, name, {"members": rest})
        return Answer(status=204)

    def of_user(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        value = [
            {"id": DEFINITIONS[name], "displayName": name, "roleTemplateId": DEFINITIONS[name]}
            for name in self.held(self.users.find(key)["id"])
        ]
        if not asked.query.advanced:
            raise unsupported("A cast is only supported with ConsistencyLevel: eventual and $count=true.")
        return Answer(status=200, body={"@odata.count": len(value), "value": value})

    def held(self, user_id: str) -> list[str]:
        """Names of the roles that a user has, through groups too."""
        ids = {user_id, *(group["id"] for group in self.cloud.groups() if user_id in group["_members"])}
        return [name for name in DEFINITIONS if ids & set(self._members(name))]

    def _members(self, name: str) -> list[str]:
        return list((self.shelf.get(ROLES, name) or {"members": []})["members"])

    def _all(self) -> Iterator[Body]:
        for name, body in self.shelf.items(ROLES):
            for who in body["members"]:
                yield _assignment(name, who)


def _assignment(name: str, who: str) -> Body:
    role = DEFINITIONS[name]
    key = base64.urlsafe_b64encode(f"{role}:{who}".encode()).decode().rstrip("=")
    return {"id": key, "principalId": who, "roleDefinitionId": role, "directoryScopeId": "/"}
