"""What the double's people may do in applications: role assignments, and consents to act for them."""

from __future__ import annotations

import uuid
from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import Body, stamp
from runbook_exec.sandbox.graph_query import check_known
from runbook_exec.sandbox.graph_refusal import bad, missing
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_users import Users

APP_ROLES, GRANTS, PRINCIPALS = "graph_app_roles", "graph_grants", "graph_principals"
DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"
READ = ("Directory.Read.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All")
ASSIGN = ("AppRoleAssignment.ReadWrite.All",)
CONSENT = ("DelegatedPermissionGrant.ReadWrite.All",)


class Consents:
    """One method a request; the routes find it by path."""

    def __init__(self, users: Users) -> None:
        self.users, self.cloud, self.shelf = users, users.cloud, users.cloud.shelf

    def route(self, routes: Routes) -> None:
        routes.add("GET", "servicePrincipals/{}", self.application)
        routes.add("GET", "users/{}/appRoleAssignments", self.assignments)
        routes.add("POST", "users/{}/appRoleAssignments", self.assign)
        routes.add("DELETE", "users/{}/appRoleAssignments/{}", self.unassign)
        routes.add("GET", "users/{}/oauth2PermissionGrants", self.grants)
        routes.add("POST", "oauth2PermissionGrants", self.grant)
        routes.add("DELETE", "oauth2PermissionGrants/{}", self.ungrant)

    def add_application(self, name: str) -> Body:
        """An application of the tenant, by its name."""
        body = {"id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), "displayName": name}
        self.shelf.put(PRINCIPALS, body["id"], body)
        return body

    def give(self, user_id: str, application: Body, *, role: str = DEFAULT_ROLE, group: str = "") -> Body:
        """Assign an application to a user; `group` is the id of the group that brings it."""
        body = {
            "id": str(uuid.uuid4()),
            "appRoleId": role,
            "principalId": group or user_id,
            "principalType": "Group" if group else "User",
            "resourceId": application["id"],
            "resourceDisplayName": application["displayName"],
            "createdDateTime": stamp(self.cloud.clock()),
            "_user": user_id,
        }
        self.shelf.put(APP_ROLES, body["id"], body)
        return body

    def consent(self, user_id: str, client: str, resource: str, scope: str) -> Body:
        """A user's consent that `client` acts for them."""
        body = {"id": str(uuid.uuid4()), "clientId": client, "consentType": "Principal"}
        body |= {"principalId": user_id, "resourceId": resource, "scope": scope}
        self.shelf.put(GRANTS, body["id"], body)
        return body

    def application(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        body = self.shelf.get(PRINCIPALS, key)
        if body is None:
            raise missing(key)
        return Answer(status=200, body=body)

    def assignments(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        return self._value(APP_ROLES, "_user", self.users.find(key)["id"])

    def assign(self, asked: Asked, key: str) -> Answer:
        asked.need(*ASSIGN)
        user, fields = self.users.find(key), asked.fields
        check_known(fields, ("principalId", "resourceId", "appRoleId"))
        application = self.shelf.get(PRINCIPALS, str(fields.get("resourceId")))
        if application is None:
            raise missing(str(fields.get("resourceId")))
        role = str(fields.get("appRoleId"))
        for _, body in self.shelf.items(APP_ROLES):
            same = (body["_user"], body["resourceId"], body["appRoleId"])
            if same == (user["id"], application["id"], role):
                raise bad("Permission being assigned already exists on the object")
        return Answer(status=201, body=_public(self.give(user["id"], application, role=role)))

    def unassign(self, asked: Asked, key: str, assignment: str) -> Answer:
        asked.need(*ASSIGN)
        user, body = self.users.find(key), self.shelf.get(APP_ROLES, assignment)
        if body is None or body["_user"] != user["id"] or body["principalType"] != "User":
            raise missing(assignment)
        self.shelf.drop(APP_ROLES, assignment)
        return Answer(status=204)

    def grants(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        return self._value(GRANTS, "principalId", self.users.find(key)["id"])

    def grant(self, asked: Asked) -> Answer:
        asked.need(*CONSENT)
        fields = asked.fields
        check_known(fields, ("clientId", "consentType", "principalId", "resourceId", "scope"))
        user = self.users.find(str(fields.get("principalId")))
        for _, body in self.shelf.items(GRANTS):
            if all(body[name] == fields[name] for name in ("clientId", "principalId", "resourceId")):
                raise bad("Permission entry already exists.")
        made = self.consent(user["id"], fields["clientId"], fields["resourceId"], fields["scope"])
        return Answer(status=201, body=made)

    def ungrant(self, asked: Asked, key: str) -> Answer:
        asked.need(*CONSENT)
        if self.shelf.get(GRANTS, key) is None:
            raise missing(key)
        self.shelf.drop(GRANTS, key)
        return Answer(status=204)

    def _value(self, table: str, name: str, wanted: str) -> Answer:
        value: list[Any] = [_public(body) for _, body in self.shelf.items(table) if body[name] == wanted]
        return Answer(status=200, body={"value": value})


def _public(body: Body) -> Body:
    return {name: value for name, value in body.items() if not name.startswith("_")}
