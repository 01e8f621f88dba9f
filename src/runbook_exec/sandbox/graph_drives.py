"""OneDrives of the double: whose they are, and who else may read or change what is in them."""

from __future__ import annotations

import uuid
from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import Body, stamp
from runbook_exec.sandbox.graph_query import check_known
from runbook_exec.sandbox.graph_refusal import Refusal, bad, missing
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_users import Users

DRIVES = "graph_drives"
READ = ("Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All")
WRITE = ("Files.ReadWrite.All", "Sites.ReadWrite.All")
_ROLES = {"read", "write"}


class Drives:
    """One method a request; the routes find it by path."""

    def __init__(self, users: Users) -> None:
        self.users, self.cloud, self.shelf = users, users.cloud, users.cloud.shelf

    def route(self, routes: Routes) -> None:
        routes.add("GET", "users/{}/drive", self.one)
        routes.add("GET", "drives/{}/items/root/permissions", self.permissions)
        routes.add("POST", "drives/{}/items/root/invite", self.invite)
        routes.add("DELETE", "drives/{}/items/root/permissions/{}", self.remove)

    def add(self, user: Body, *, size_gb: float = 1.0) -> Body:
        """A user's drive, as it is after their first sign-in."""
        drive_id = f"b!{user['id'].replace('-', '')}"
        local = str(user["userPrincipalName"]).replace("@", "_").replace(".", "_")
        body: Body = {
            "id": drive_id,
            "driveType": "business",
            "name": "OneDrive",
            "webUrl": f"https://kranich-my.sharepoint.example/personal/{local}",
            "createdDateTime": stamp(self.cloud.clock()),
            "quota": {"used": int(size_gb * 2**30), "total": 2**40, "state": "normal"},
            "_user": user["id"],
            "_permissions": {"owner": _permission("owner", user, ["owner"])},
        }
        self.shelf.put(DRIVES, drive_id, body)
        return body

    def of(self, user_id: str) -> Body | None:
        """A user's drive."""
        return next((body for _, body in self.shelf.items(DRIVES) if body["_user"] == user_id), None)

    def one(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        body = self.of(self.users.find(key)["id"])
        if body is None:
            raise Refusal(404, "itemNotFound", "User's mysite not found.")
        return Answer(
            status=200, body={name: value for name, value in body.items() if not name.startswith("_")}
        )

    def permissions(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        return Answer(status=200, body={"value": list(self._find(key)["_permissions"].values())})

    def invite(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        drive, fields = self._find(key), asked.fields
        check_known(
            fields,
            ("recipients", "roles", "requireSignIn", "sendInvitation", "message", "expirationDateTime"),
        )
        roles = list(fields.get("roles") or ())
        if not roles or set(roles) - _ROLES or not fields.get("recipients"):
            raise Refusal(400, "invalidRequest", "The request is malformed or incorrect.")
        made = []
        for recipient in fields["recipients"]:
            user = self.cloud.user(str(recipient.get("objectId") or recipient.get("email")))
            if user is None:
                raise bad("Some users in the request could not be resolved.")
            body = _permission(str(uuid.uuid4()), user, roles)
            if fields.get("expirationDateTime"):
                body["expirationDateTime"] = fields["expirationDateTime"]
            drive["_permissions"][body["id"]] = body
            made.append(body)
        self.shelf.put(DRIVES, drive["id"], drive)
        return Answer(status=200, body={"value": made})

    def remove(self, asked: Asked, key: str, permission: str) -> Answer:
        asked.need(*WRITE)
        drive = self._find(key)
        if drive["_permissions"].pop(permission, None) is None:
            raise Refusal(404, "itemNotFound", "The resource could not be found.")
        self.shelf.put(DRIVES, drive["id"], drive)
        return Answer(status=204)

    def _find(self, key: str) -> Body:
        body = self.shelf.get(DRIVES, key)
        if body is None:
            raise missing(key)
        return body


def _permission(key: str, user: Body, roles: list[str]) -> dict[str, Any]:
    who = {"id": user["id"], "displayName": user["displayName"], "email": user.get("mail")}
    return {"id": key, "roles": roles, "grantedToV2": {"user": who}}
