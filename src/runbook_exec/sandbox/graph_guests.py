"""Guests of the double: how they are invited, and who answers for them."""

from __future__ import annotations

import re
import uuid

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import USERS, Body
from runbook_exec.sandbox.graph_query import check_known
from runbook_exec.sandbox.graph_refusal import bad
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_sync import TENANT_DOMAIN
from runbook_exec.sandbox.graph_users import READ, WRITE, Users, referred

INVITE = ("User.Invite.All", *WRITE)
_FIELDS = ("invitedUserEmailAddress", "invitedUserDisplayName", "inviteRedirectUrl", "sendInvitationMessage",
           "invitedUserMessageInfo", "invitedUserType")  # fmt: skip


class Guests:
    """One method a request; the routes find it by path."""

    def __init__(self, users: Users) -> None:
        self.users, self.cloud = users, users.cloud

    def route(self, routes: Routes) -> None:
        routes.add("POST", "invitations", self.invite)
        routes.add("GET", "users/{}/sponsors", self.sponsors)
        routes.add("POST", "users/{}/sponsors/$ref", self.add_sponsor)
        routes.add("DELETE", "users/{}/sponsors/{}/$ref", self.remove_sponsor)

    def invite(self, asked: Asked) -> Answer:
        asked.need(*INVITE)
        fields = asked.fields
        check_known(fields, _FIELDS)
        mail = str(fields.get("invitedUserEmailAddress", ""))
        if not re.fullmatch(r"[A-Za-z0-9._%'+-]+@[A-Za-z0-9.-]+", mail) or not fields.get(
            "inviteRedirectUrl"
        ):
            raise bad("Invalid invited user email address or redirect url.")
        known = next((u for u in self.cloud.users() if (u.get("mail") or "").lower() == mail.lower()), None)
        if known is not None and known.get("userType") != "Guest":
            raise bad("The invited user already exists in the directory as a member.")
        body = known or self._made(mail, str(fields.get("invitedUserDisplayName") or mail))
        answer = {name: fields[name] for name in _FIELDS if name in fields}
        answer |= {"id": str(uuid.uuid4()), "status": "PendingAcceptance", "invitedUser": {"id": body["id"]}}
        return Answer(status=201, body=answer)

    def _made(self, mail: str, name: str) -> Body:
        local = f"{mail.replace('@', '_')}#EXT#"
        return self.cloud.add_user(
            {
                "displayName": name,
                "mail": mail,
                "userPrincipalName": f"{local}@{TENANT_DOMAIN}",
                "mailNickname": local,
                "userType": "Guest",
                "externalUserState": "PendingAcceptance",
                "creationType": "Invitation",
            }
        )

    def sponsors(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        value = [
            {"@odata.type": "#microsoft.graph.user", "id": who}
            for who in self.users.find(key).get("_sponsors", ())
        ]
        return Answer(status=200, body={"value": value})

    def add_sponsor(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        guest, sponsor = self.users.find(key), self.users.find(referred(asked.fields))
        held = guest.get("_sponsors", [])
        if sponsor["id"] in held:
            raise bad(
                "One or more added object references already exist for the following modified properties: 'sponsors'."
            )
        self.cloud.keep(USERS, guest, {**guest, "_sponsors": [*held, sponsor["id"]]})
        return Answer(status=204)

    def remove_sponsor(self, asked: Asked, key: str, sponsor: str) -> Answer:
        asked.need(*WRITE)
        guest = self.users.find(key)
        rest = [who for who in guest.get("_sponsors", ()) if who != sponsor]
        self.cloud.keep(USERS, guest, {**guest, "_sponsors": rest})
        return Answer(status=204)
