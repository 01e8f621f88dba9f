"""What the double answers under `/groups`."""

from __future__ import annotations

from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import GROUPS, Body, Cloud
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_query import check_known
from runbook_exec.sandbox.graph_refusal import ON_PREMISES, bad, denied, missing
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_users import Users, referred

WRITABLE = frozenset((
    "displayName", "description", "mailNickname", "mailEnabled", "securityEnabled", "groupTypes",
    "membershipRule", "membershipRuleProcessingState", "visibility", "isAssignableToRole",
))  # fmt: skip
KNOWN = WRITABLE | {
    "id", "createdDateTime", "deletedDateTime", "mail", "proxyAddresses", "onPremisesSyncEnabled",
    "onPremisesLastSyncDateTime", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
    "assignedLicenses", "renewedDateTime", "classification", "securityIdentifier",
}  # fmt: skip
READ = ("GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All",
        "Directory.Read.All", "Directory.ReadWrite.All")  # fmt: skip
WRITE = ("Group.ReadWrite.All", "Directory.ReadWrite.All")
MEMBERS = ("GroupMember.ReadWrite.All", *WRITE)
ROLES = "RoleManagement.ReadWrite.Directory"


class Groups:
    """One method a request; the service finds it by path."""

    def __init__(self, cloud: Cloud, licensing: Licensing, users: Users) -> None:
        self.cloud, self.licensing, self.users = cloud, licensing, users

    def route(self, routes: Routes) -> None:
        routes.add("POST", "groups/{}/owners/$ref", self.add_owner)
        routes.add("DELETE", "groups/{}/owners/{}/$ref", self.remove_owner)
        routes.add("GET", "users/{}/ownedObjects", self.owned)

    def find(self, key: str) -> Body:
        """The group of this id (Graph takes no names here)."""
        body = self.cloud.shelf.get(GROUPS, key.lower())
        if body is None or self.cloud.seen(body) is None:
            raise missing(key)
        return body

    def show(self, body: Body, names: tuple[str, ...] | None) -> Body:
        seen = self.cloud.seen(body) or body
        whole: Body = {key: value for key, value in seen.items() if not key.startswith("_")}
        whole["assignedLicenses"] = [{"skuId": s, "disabledPlans": []} for s in seen.get("_licences", ())]
        wanted = whole if names is None else {name: whole.get(name) for name in names}
        return {"@odata.etag": f'W/"{seen["_version"]}"', **wanted}

    def collection(self, asked: Asked) -> Answer:
        asked.need(*READ)
        seen = [body for body in map(self.cloud.seen, self.cloud.groups()) if body]
        page = asked.query.page(seen, url=asked.url, known=KNOWN)
        names = asked.query.select(KNOWN, None)
        return Answer(status=200, body={**page, "value": [self.show(body, names) for body in page["value"]]})

    def one(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        return Answer(status=200, body=self.show(self.find(key), asked.query.select(KNOWN, None)))

    def create(self, asked: Asked) -> Answer:
        asked.need(*WRITE)
        fields = dict(asked.fields)
        lacking = [
            n for n in ("displayName", "mailEnabled", "mailNickname", "securityEnabled") if n not in fields
        ]
        if lacking:
            raise bad("A value is required for properties: " + ", ".join(lacking))
        check_known(fields, WRITABLE)
        if fields.get("isAssignableToRole"):
            asked.need(ROLES)
        return Answer(status=201, body=self.show(self.cloud.add_group(fields), None))

    def change(self, asked: Asked, key: str) -> Answer:
        fields = dict(asked.fields)
        bound = fields.pop("members@odata.bind", None)
        body = self.find(key)
        if fields:
            asked.need(*WRITE)
            check_known(fields, WRITABLE)
            if body.get("onPremisesSyncEnabled"):
                raise bad(ON_PREMISES)
            body = self.cloud.change_group(body["id"], fields)
        if bound is not None:
            if len(bound) > 20:
                raise bad("The number of members in one request exceeds the limit of 20.")
            self._add(asked, body, [referred({"@odata.id": link}) for link in bound])
        return Answer(status=204)

    def delete(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        self.cloud.soft_delete(self.find(key)["id"])
        return Answer(status=204)

    def members(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        return self._people(asked, (self.cloud.seen(self.find(key)) or {}).get("_members", []))

    def owners(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        return self._people(asked, self.find(key)["_owners"])

    def add_member(self, asked: Asked, key: str) -> Answer:
        self._add(asked, self.find(key), [referred(asked.fields)])
        return Answer(status=204)

    def remove_member(self, asked: Asked, key: str, member: str) -> Answer:
        body = self.find(key)
        self._may_change_members(asked, body)
        if member not in body["_members"]:
            raise missing(key)
        rest = [other for other in body["_members"] if other != member]
        self.cloud.keep(GROUPS, body, {**body, "_members": rest})
        self.licensing.inherit(member)
        return Answer(status=204)

    def add_owner(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        body, owner = self.find(key), referred(asked.fields)
        self._may_change_owners(asked, body)
        if self.cloud.thing(owner) is None:
            raise missing(owner)
        if owner in body["_owners"]:
            raise bad(
                "One or more added object references already exist for the following modified properties: 'owners'."
            )
        self.cloud.keep(GROUPS, body, {**body, "_owners": [*body["_owners"], owner]})
        return Answer(status=204)

    def remove_owner(self, asked: Asked, key: str, owner: str) -> Answer:
        asked.need(*WRITE)
        body = self.find(key)
        self._may_change_owners(asked, body)
        if owner not in body["_owners"]:
            raise missing(key)
        if len(body["_owners"]) == 1:
            raise bad("The group must have at least one owner, hence this owner cannot be removed.")
        rest = [other for other in body["_owners"] if other != owner]
        self.cloud.keep(GROUPS, body, {**body, "_owners": rest})
        return Answer(status=204)

    def owned(self, asked: Asked, key: str) -> Answer:
        """The groups that a user owns."""
        asked.need(*READ)
        user_id = self.users.find(key)["id"]
        found = [group for group in self.cloud.groups() if user_id in group["_owners"]]
        value = [
            {"@odata.type": "#microsoft.graph.group", "id": group["id"], "displayName": group["displayName"]}
            for group in found
        ]
        return Answer(status=200, body={"value": value})

    def _may_change_owners(self, asked: Asked, body: Body) -> None:
        if body.get("isAssignableToRole"):
            asked.need(ROLES)
        if body.get("onPremisesSyncEnabled"):
            raise bad(ON_PREMISES)

    def delete_member(self, asked: Asked, key: str, member: str) -> Answer:
        """Without `/$ref` at its end this deletes the user: the trap of the real service."""
        self.find(key)
        return self.users.delete(asked, member)

    def _add(self, asked: Asked, body: Body, wanted: list[str]) -> None:
        self._may_change_members(asked, body)
        for member in wanted:
            found = self.cloud.thing(member)
            if found is None or self.cloud.seen(found) is None:
                raise missing(member)
            if member in body["_members"]:
                raise bad(
                    "One or more added object references already exist for the following modified properties: 'members'."
                )
        self.cloud.keep(GROUPS, body, {**body, "_members": [*body["_members"], *wanted]})
        for member in wanted:
            self.licensing.inherit(member)

    def _may_change_members(self, asked: Asked, body: Body) -> None:
        asked.need(*MEMBERS)
        if "DynamicMembership" in body["groupTypes"]:
            raise denied()
        if body.get("isAssignableToRole"):
            asked.need(ROLES)
        if body.get("onPremisesSyncEnabled"):
            raise bad(ON_PREMISES)
        if body["mailEnabled"] and "Unified" not in body["groupTypes"]:
            raise bad("Cannot Update a mail-enabled security groups and or distribution list.")

    def _people(self, asked: Asked, ids: list[str]) -> Answer:
        found = [thing for thing in map(self.cloud.thing, ids) if thing]
        page = asked.query.page(
            found, url=asked.url, known=frozenset({"id", "displayName", "userPrincipalName"})
        )
        refs = asked.path[-1] == "$ref"
        return Answer(
            status=200,
            body={**page, "value": [self._member(body, asked, refs=refs) for body in page["value"]]},
        )

    def _member(self, body: Body, asked: Asked, *, refs: bool) -> Any:
        if refs:
            return {"@odata.id": f"{asked.url.split('/groups/')[0]}/directoryObjects/{body['id']}"}
        kind = "user" if "userPrincipalName" in body else "group"
        names = ("id", "displayName", "mail") + (("userPrincipalName",) if kind == "user" else ())
        return {"@odata.type": f"#microsoft.graph.{kind}"} | {name: body.get(name) for name in names}
