"""How the double's people sign in: phones, authenticators, security keys, and a password that stays.

The default method goes last, as at the service: it is refused while another one is there.
"""

from __future__ import annotations

import uuid
from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import Body, stamp
from runbook_exec.sandbox.graph_passes import PASSES
from runbook_exec.sandbox.graph_refusal import Refusal, missing
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_users import Users

METHODS = "graph_methods"
READ = ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All")
WRITE = ("UserAuthenticationMethod.ReadWrite.All",)
PASSWORD = "28c10230-6103-485e-b985-444c60001490"  # noqa: S105 - the id that every password has
TYPES = {
    "phone": "phoneMethods",
    "fido2": "fido2Methods",
    "microsoftAuthenticator": "microsoftAuthenticatorMethods",
    "softwareOath": "softwareOathMethods",
    "email": "emailMethods",
    "windowsHelloForBusiness": "windowsHelloForBusinessMethods",
    "platformCredential": "platformCredentialMethods",
}
"""Kind of method → its collection."""


class Methods:
    """One method a request; the routes find it by path."""

    def __init__(self, users: Users) -> None:
        self.users, self.shelf, self.clock = users, users.cloud.shelf, users.cloud.clock

    def route(self, routes: Routes) -> None:
        routes.add("GET", "users/{}/authentication/methods", self.collection)
        for kind, name in TYPES.items():
            routes.add(
                "DELETE",
                f"users/{{}}/authentication/{name}/{{}}",
                lambda *keys, k=kind: self.delete(k, *keys),
            )

    def add(self, user_id: str, kind: str, *, default: bool = False, **fields: Any) -> Body:
        """Register a method for a user."""
        body = {"id": str(uuid.uuid4()), "@odata.type": f"#microsoft.graph.{kind}AuthenticationMethod"}
        body |= {"createdDateTime": stamp(self.clock()), **fields}
        self.shelf.put(METHODS, body["id"], {**body, "_user": user_id, "_kind": kind, "_default": default})
        return body

    def of(self, user_id: str) -> list[Body]:
        """What a user has registered besides the password."""
        return [body for _, body in self.shelf.items(METHODS) if body["_user"] == user_id]

    def collection(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        user = self.users.find(key)
        word: Body = {"@odata.type": "#microsoft.graph.passwordAuthenticationMethod", "id": PASSWORD}
        word |= {"createdDateTime": user.get("lastPasswordChangeDateTime"), "password": None}
        kind = "#microsoft.graph.temporaryAccessPassAuthenticationMethod"
        passes = [
            {"@odata.type": kind, "id": body["id"], "createdDateTime": body["createdDateTime"]}
            for _, body in self.shelf.items(PASSES)
            if body["_user"] == user["id"]
        ]
        value = [word, *map(_public, self.of(user["id"])), *passes]
        return Answer(status=200, body={"value": value})

    def delete(self, kind: str, asked: Asked, key: str, method_id: str) -> Answer:
        asked.need(*WRITE)
        user, body = self.users.find(key), self.shelf.get(METHODS, method_id)
        if body is None or body["_user"] != user["id"] or body["_kind"] != kind:
            raise missing(method_id)
        if body["_default"] and len(self.of(user["id"])) > 1:
            raise Refusal(
                400,
                "badRequest",
                "Cannot delete the default authentication method while other methods are registered.",
            )
        self.shelf.drop(METHODS, method_id)
        return Answer(status=204)


def _public(body: Body) -> Body:
    return {name: value for name, value in body.items() if not name.startswith("_")}
