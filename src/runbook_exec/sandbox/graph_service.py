"""From a request to its answer: which part of the double is asked, and how errors look."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_audit import Audits
from runbook_exec.sandbox.graph_cloud import Cloud, stamp
from runbook_exec.sandbox.graph_consents import Consents
from runbook_exec.sandbox.graph_devices import Devices
from runbook_exec.sandbox.graph_drives import Drives
from runbook_exec.sandbox.graph_groups import Groups
from runbook_exec.sandbox.graph_guests import Guests
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_mailboxes import Mailboxes
from runbook_exec.sandbox.graph_methods import Methods
from runbook_exec.sandbox.graph_passes import Passes
from runbook_exec.sandbox.graph_refusal import Refusal
from runbook_exec.sandbox.graph_roles import Roles
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_teams import Teams
from runbook_exec.sandbox.graph_tenancy import Tenancy
from runbook_exec.sandbox.graph_users import Users

_POLICY = (
    "policies",
    "authenticationmethodspolicy",
    "authenticationmethodconfigurations",
    "temporaryaccesspass",
)
_PASSES = ("authentication", "temporaryAccessPassMethods")


class Service:
    """The tenant's answers, one request at a time; knows nothing of HTTP."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        licensing = Licensing(cloud)
        self.users = Users(cloud, licensing)
        self.groups = Groups(cloud, licensing, self.users)
        self.passes = Passes(self.users)
        self.tenancy = Tenancy(cloud, licensing)
        self.routes = Routes()
        parts = (Mailboxes, Methods, Roles, Consents, Devices, Drives, Guests)
        for part in (*(each(self.users) for each in parts), self.groups, Teams(self.groups)):
            part.route(self.routes)
        self.audits = Audits(cloud)

    def answer(self, asked: Asked) -> Answer:
        """Do what is asked, all of it or nothing; an error becomes its body."""
        try:
            with self.cloud.shelf.together():
                return self.audits.kept(asked, self._handler(asked))
        except Refusal as refusal:
            return self.refused(refusal)

    def refused(self, refusal: Refusal) -> Answer:
        """An error in the form that all of Graph uses."""
        request_id = str(uuid.uuid4())
        inner = {
            "date": stamp(self.cloud.clock())[:19],
            "request-id": request_id,
            "client-request-id": request_id,
        }
        error: dict[str, Any] = {"code": refusal.code, "message": refusal.message, "innerError": inner}
        if refusal.details:
            error["details"] = [vars(detail) for detail in refusal.details]
        headers = {} if refusal.retry_after is None else {"Retry-After": f"{refusal.retry_after:g}"}
        return Answer(status=refusal.status, body={"error": error}, headers=headers)

    def _handler(self, asked: Asked) -> Callable[[], Answer]:
        found = self._found(asked) or self.routes.find(asked.method, asked.path)
        if found is None:
            raise Refusal(
                400,
                "BadRequest",
                f"Resource not found for the segment '{asked.path[-1] if asked.path else ''}'.",
            )
        handler, *keys = found
        return lambda: handler(asked, *keys)

    def _found(self, asked: Asked) -> tuple[Any, ...] | None:
        match asked.path:
            case ("users", *rest):
                return self._of_users(asked.method, tuple(rest))
            case ("groups", *rest):
                return self._of_groups(asked.method, tuple(rest))
            case ("directory", "deletedItems", *rest):
                return self._of_deleted(asked.method, tuple(rest))
        if asked.method != "GET":
            return None
        if asked.path == ("auditLogs", "directoryAudits"):
            return (self.audits.collection,)
        if tuple(part.lower() for part in asked.path) == _POLICY:
            return (self.passes.policy,)
        tenancy = self.tenancy
        single = {
            "organization": tenancy.organisation,
            "domains": tenancy.domains,
            "subscribedSkus": tenancy.subscriptions,
            "contacts": tenancy.contacts,
        }
        return (single[asked.path[0]],) if len(asked.path) == 1 and asked.path[0] in single else None

    def _of_users(  # noqa: C901 - one table of paths
        self, method: str, path: tuple[str, ...]
    ) -> tuple[Any, ...] | None:
        users, passes = self.users, self.passes
        match (method, *path):
            case ("GET",):
                return (users.collection,)
            case ("POST",):
                return (users.create,)
            case ("GET" | "PATCH" | "DELETE", key):
                return ({"GET": users.one, "PATCH": users.change, "DELETE": users.delete}[method], key)
            case ("GET", key, "manager") | ("GET", key, "manager", "$ref"):
                return (users.manager, key)
            case ("PUT" | "DELETE", key, "manager", "$ref"):
                return (users.set_manager, key)
            case ("GET", key, "memberOf"):
                return (users.groups_of, key)
            case ("POST", key, "assignLicense"):
                return (users.assign_license, key)
            case ("POST", key, "revokeSignInSessions"):
                return (users.revoke, key)
            case ("GET" | "POST", key, *rest) if tuple(rest) == _PASSES:
                return (passes.collection if method == "GET" else passes.create, key)
            case ("GET" | "DELETE", key, *rest, pass_id) if tuple(rest) == _PASSES:
                return (passes.one if method == "GET" else passes.delete, key, pass_id)
        return None

    def _of_groups(self, method: str, path: tuple[str, ...]) -> tuple[Any, ...] | None:
        groups = self.groups
        match (method, *path):
            case ("GET",):
                return (groups.collection,)
            case ("POST",):
                return (groups.create,)
            case ("GET" | "PATCH" | "DELETE", key):
                return ({"GET": groups.one, "PATCH": groups.change, "DELETE": groups.delete}[method], key)
            case ("GET", key, "members") | ("GET", key, "members", "$ref"):
                return (groups.members, key)
            case ("GET", key, "owners") | ("GET", key, "owners", "$ref"):
                return (groups.owners, key)
            case ("POST", key, "members", "$ref"):
                return (groups.add_member, key)
            case ("DELETE", key, "members", member, "$ref"):
                return (groups.remove_member, key, member)
            case ("DELETE", key, "members" | "owners", member):
                return (groups.delete_member, key, member)
        return None

    def _of_deleted(self, method: str, path: tuple[str, ...]) -> tuple[Any, ...] | None:
        tenancy = self.tenancy
        match (method, *path):
            case ("GET", "microsoft.graph.user" | "microsoft.graph.group" as kind):
                return (tenancy.deleted, kind.rpartition(".")[2])
            case ("GET", key):
                return (tenancy.deleted_one, key)
            case ("DELETE", key):
                return (tenancy.purge, key)
            case ("POST", key, "restore"):
                return (tenancy.restore, key)
        return None
