"""Teams of the double: a team is a group with conversation members; a membership has an id of its own."""

from __future__ import annotations

import base64
import re

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import GROUPS, Body
from runbook_exec.sandbox.graph_groups import Groups
from runbook_exec.sandbox.graph_refusal import bad, missing
from runbook_exec.sandbox.graph_routes import Routes

READ = ("TeamMember.Read.All", "TeamMember.ReadWrite.All")
WRITE = ("TeamMember.ReadWrite.All",)


class Teams:
    """One method a request; the routes find it by path."""

    def __init__(self, groups: Groups) -> None:
        self.groups, self.cloud = groups, groups.cloud

    def route(self, routes: Routes) -> None:
        routes.add("GET", "teams/{}/members", self.members)
        routes.add("POST", "teams/{}/members", self.add)
        routes.add("PATCH", "teams/{}/members/{}", self.change)
        routes.add("DELETE", "teams/{}/members/{}", self.remove)

    def members(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        team = self._find(key)
        people = list(dict.fromkeys([*team["_owners"], *team["_members"]]))
        page = asked.query.page([self._member(team, who) for who in people], url=asked.url, known=frozenset())
        return Answer(status=200, body=page)

    def add(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        team, fields = self._find(key), asked.fields
        match = re.search(r"/users(?:/|\(')([^/')]+)", str(fields.get("user@odata.bind", "")))
        if match is None:
            raise bad("Bad Request: user@odata.bind is missing.")
        user = self.cloud.user(match[1])
        if user is None or self.cloud.seen(user) is None:
            raise missing(match[1])
        who = user["id"]
        members = [*team["_members"], *([] if who in team["_members"] else [who])]
        owns = "owner" in (fields.get("roles") or ())
        owners = [*team["_owners"], *([who] if owns and who not in team["_owners"] else [])]
        team = self._keep(team, members, owners)
        return Answer(status=201, body=self._member(team, who))

    def change(self, asked: Asked, key: str, membership: str) -> Answer:
        asked.need(*WRITE)
        team = self._find(key)
        who = self._who(team, membership)
        owners = [other for other in team["_owners"] if other != who]
        if "owner" in (asked.fields.get("roles") or ()):
            owners.append(who)
        self._check_owners(team, owners)
        team = self._keep(team, team["_members"], owners)
        return Answer(status=200, body=self._member(team, who))

    def remove(self, asked: Asked, key: str, membership: str) -> Answer:
        asked.need(*WRITE)
        team = self._find(key)
        who = self._who(team, membership)
        owners = [other for other in team["_owners"] if other != who]
        self._check_owners(team, owners)
        self._keep(team, [other for other in team["_members"] if other != who], owners)
        return Answer(status=204)

    def _keep(self, team: Body, members: list[str], owners: list[str]) -> Body:
        return self.cloud.keep(GROUPS, team, {**team, "_members": members, "_owners": owners})

    def _find(self, key: str) -> Body:
        team = self.groups.find(key)
        if "Team" not in team.get("resourceProvisioningOptions", ()):
            raise missing(key)
        return team

    def _who(self, team: Body, membership: str) -> str:
        people: set[str] = {*team["_members"], *team["_owners"]}
        found = next((who for who in people if _membership(team["id"], who) == membership), None)
        if found is None:
            raise missing(membership)
        return found

    @staticmethod
    def _check_owners(team: Body, owners: list[str]) -> None:
        if team["_owners"] and not owners:
            raise bad("The team must have at least one owner.")

    def _member(self, team: Body, who: str) -> Body:
        seen = self.cloud.thing(who) or {}
        return {
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "id": _membership(team["id"], who),
            "roles": ["owner"] if who in team["_owners"] else [],
            "displayName": seen.get("displayName"),
            "userId": who,
            "email": seen.get("mail"),
        }


def _membership(team: str, who: str) -> str:
    return base64.urlsafe_b64encode(f"{team}##{who}".encode()).decode().rstrip("=")
