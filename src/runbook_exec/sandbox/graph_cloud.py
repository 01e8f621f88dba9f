"""The rehearsal tenant's directory: users, groups, contacts and what was deleted.

`Cloud` is the Python face of the Graph double. The HTTP side, the company's data and
the hybrid sync all change the tenant through it, so that the rules (unique addresses,
soft delete, lag) hold whoever writes. Tables are described in `sandbox.graph`.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.graph_refusal import bad, conflict, missing
from runbook_exec.sandbox.shelf import Shelf

Body = dict[str, Any]
"""A Graph resource with private fields that start with an underscore."""

USERS, GROUPS, CONTACTS, DELETED = "graph_users", "graph_groups", "graph_contacts", "graph_deleted"
_LOCAL_PART = re.compile(r"^[A-Za-z0-9'._\-!#^~]{1,64}$")


def stamp(moment: float) -> str:
    """Seconds since the epoch → the form in which Graph writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


class Cloud:
    """The tenant's directory objects. Every method is one durable change or one look."""

    def __init__(self, shelf: Shelf, faults: Faults, *, clock: Callable[[], float] = time.time) -> None:
        self.shelf, self.faults, self.clock = shelf, faults, clock

    # looking

    def user(self, key: str) -> Body | None:
        """The live user of this id or user principal name."""
        return self._one(USERS, key, "userPrincipalName")

    def group(self, key: str) -> Body | None:
        """The live group of this id or display name."""
        return self._one(GROUPS, key, "displayName")

    def users(self) -> Iterator[Body]:
        return (body for _, body in self.shelf.items(USERS))

    def groups(self) -> Iterator[Body]:
        return (body for _, body in self.shelf.items(GROUPS))

    def contacts(self) -> Iterator[Body]:
        return (body for _, body in self.shelf.items(CONTACTS))

    def deleted(self, kind: str) -> Iterator[Body]:
        """Soft-deleted things of a kind: `user` or `group`."""
        return (body for _, body in self.shelf.items(DELETED) if body["_kind"] == kind)

    def thing(self, key: str) -> Body | None:
        """The live user or group of this id."""
        return self.shelf.get(USERS, key) or self.shelf.get(GROUPS, key)

    def anchored(self, anchor: str) -> Body | None:
        """The live user whose `onPremisesImmutableId` this is."""
        return next((u for u in self.users() if u.get("onPremisesImmutableId") == anchor), None)

    def seen(self, body: Body) -> Body | None:
        """What a reader sees of it now: None while it is too young, its old self while that lags."""
        now = self.clock()
        if now < body.get("_visible_from", 0):
            return None
        old = body.get("_old")
        return {**old["body"]} if old and now < old["until"] else body

    # users and groups

    def add_user(self, user: Mapping[str, Any]) -> Body:
        """Add a user; raises `Refusal` on a taken name or address. An `id` may be given."""
        body = self._fresh(user)
        body.setdefault("accountEnabled", True)
        body.setdefault("userType", "Member")
        body.setdefault("proxyAddresses", [])
        body.setdefault("businessPhones", [])
        body.setdefault("signInSessionsValidFromDateTime", body["createdDateTime"])
        self.check_name(body["userPrincipalName"])
        self.check_unique(body)
        self.shelf.put(USERS, body["id"], body)
        return body

    def add_group(
        self, group: Mapping[str, Any], *, members: Iterable[str] = (), owners: Iterable[str] = ()
    ) -> Body:
        """Add a group with the ids of its members and owners."""
        body = self._fresh(group)
        body.setdefault("groupTypes", [])
        body.setdefault("mailEnabled", False)
        body.setdefault("securityEnabled", True)
        body.setdefault("proxyAddresses", [])
        body |= {"_members": list(members), "_owners": list(owners)}
        self.check_unique(body)
        self.shelf.put(GROUPS, body["id"], body)
        return body

    def add_contact(self, contact: Mapping[str, Any]) -> Body:
        """Add a mail contact: it holds addresses, and nobody signs in as it."""
        body = self._fresh(contact)
        body.setdefault("proxyAddresses", [])
        self.check_unique(body)
        self.shelf.put(CONTACTS, body["id"], body)
        return body

    def change_user(self, key: str, values: Mapping[str, Any]) -> Body:
        """Set properties of a user, whatever their source; unique values are checked."""
        body = self.user(key)
        if body is None:
            raise missing(key)
        changed = {**body, **values}
        if "userPrincipalName" in values:
            self.check_name(changed["userPrincipalName"])
        self.check_unique(changed)
        return self.keep(USERS, body, changed)

    def change_group(self, key: str, values: Mapping[str, Any]) -> Body:
        """Set properties of a group; `_members` and `_owners` are lists of ids."""
        body = self.group(key)
        if body is None:
            raise missing(key)
        changed = {**body, **values}
        self.check_unique(changed)
        return self.keep(GROUPS, body, changed)

    def keep(self, table: str, old: Body, new: Body) -> Body:
        """Put a changed object; readers may see the old one for a while if that fault is on."""
        new["_version"] = old.get("_version", 0) + 1
        stale = self.faults.look("graph-stale")
        new.pop("_old", None)
        if stale:
            before = {key: value for key, value in old.items() if key != "_old"}
            new["_old"] = {"until": self.clock() + float(stale.get("seconds", 5)), "body": before}
        self.shelf.put(table, new["id"], new)
        return new

    # the recycle bin

    def soft_delete(self, key: str) -> Body:
        """Move a user or a group to the deleted items; a user's name gets its id as prefix."""
        user, group = self.user(key), self.group(key)
        found = user or group
        if found is None:
            raise missing(key)
        gone = {**found, "deletedDateTime": stamp(self.clock()), "_kind": "user" if user else "group"}
        if user:
            gone["_name"] = user["userPrincipalName"]
            gone["userPrincipalName"] = user["id"].replace("-", "") + user["userPrincipalName"]
            gone["accountEnabled"] = False
            gone["_groups"] = self._leave_groups(user["id"])
        self.shelf.drop(USERS if user else GROUPS, found["id"])
        self.shelf.put(DELETED, found["id"], gone)
        return gone

    def restore(self, key: str, *, name: str = "") -> Body:
        """Bring a deleted thing back, under its old name or a new one; raises `Refusal` if that is taken."""
        gone = self.shelf.get(DELETED, key)
        if gone is None:
            raise missing(key)
        kind, groups = gone.pop("_kind"), gone.pop("_groups", [])
        gone.pop("deletedDateTime")
        if kind == "user":
            gone["userPrincipalName"] = name or gone["_name"]
            gone.pop("_name")
        self.check_unique(gone)
        self.shelf.drop(DELETED, key)
        self.shelf.put(USERS if kind == "user" else GROUPS, key, gone)
        for group_id in groups:
            group = self.shelf.get(GROUPS, group_id)
            if group and key not in group["_members"]:
                self.shelf.put(GROUPS, group_id, {**group, "_members": [*group["_members"], key]})
        return gone

    def purge(self, key: str) -> None:
        """Delete for good."""
        self.shelf.drop(DELETED, key)

    # rules

    def check_name(self, name: str) -> None:
        """A user principal name is ASCII and ends in a verified domain."""
        local, _, domain = name.rpartition("@")
        if not _LOCAL_PART.match(local):
            raise bad("Property userPrincipalName is invalid.")
        if domain.casefold() not in {key for key, _ in self.shelf.items("graph_domains")}:
            raise bad(
                "The domain portion of the userPrincipalName property is invalid. "
                "You must use one of the verified domain names in your organization."
            )

    def check_unique(self, body: Body) -> None:
        """Raise the refusal that names the property whose value another live object holds."""
        name = str(body.get("userPrincipalName", "")).casefold()
        wanted = addresses(body)
        if not name and not wanted:
            return
        for other in (*self.users(), *self.groups(), *self.contacts()):
            if other["id"] == body["id"]:
                continue
            if name and str(other.get("userPrincipalName", "")).casefold() == name:
                raise conflict("userPrincipalName")
            if wanted & addresses(other) or (name and name in addresses(other)):
                raise conflict("proxyAddresses")

    def _one(self, table: str, key: str, name: str) -> Body | None:
        found = self.shelf.get(table, key.lower())
        if found is not None:
            return found
        folded = key.casefold()
        return next(
            (b for _, b in self.shelf.items(table) if str(b.get(name, "")).casefold() == folded), None
        )

    def _fresh(self, body: Mapping[str, Any]) -> Body:
        now = self.clock()
        made = {"id": str(uuid.uuid4()), "createdDateTime": stamp(now), **body, "_version": 1}
        lag = self.faults.look("graph-lag")
        if lag:
            made["_visible_from"] = now + float(lag.get("seconds", 5))
        return made

    def _leave_groups(self, user_id: str) -> list[str]:
        left = []
        for group in self.groups():
            if user_id in group["_members"]:
                group["_members"].remove(user_id)
                self.shelf.put(GROUPS, group["id"], group)
                left.append(group["id"])
        return left


def addresses(body: Mapping[str, Any]) -> set[str]:
    """The mail addresses that an object holds, folded, without their prefix."""
    held = {str(entry).partition(":")[2].casefold() for entry in body.get("proxyAddresses") or ()}
    return held | ({str(body["mail"]).casefold()} if body.get("mail") else set())
