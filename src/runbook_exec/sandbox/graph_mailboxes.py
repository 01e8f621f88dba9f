"""Mailboxes of the double: their settings, automatic replies and inbox rules."""

from __future__ import annotations

import re
import uuid
from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import USERS, Body
from runbook_exec.sandbox.graph_query import check_known
from runbook_exec.sandbox.graph_refusal import Refusal, missing
from runbook_exec.sandbox.graph_routes import Routes
from runbook_exec.sandbox.graph_users import Users

RULES = "graph_rules"
READ = ("MailboxSettings.Read", "MailboxSettings.ReadWrite")
WRITE = ("MailboxSettings.ReadWrite",)
REPLIES = "automaticRepliesSetting"
_RULE = ("displayName", "sequence", "isEnabled", "conditions", "actions", "exceptions")


class Mailboxes:
    """One method a request; the routes find it by path."""

    def __init__(self, users: Users) -> None:
        self.users, self.cloud, self.shelf = users, users.cloud, users.cloud.shelf

    def route(self, routes: Routes) -> None:
        rules = "users/{}/mailFolders/inbox/messageRules"
        routes.add("GET", "users/{}/mailboxSettings", self.settings)
        routes.add("PATCH", "users/{}/mailboxSettings", self.change)
        routes.add("GET", rules, self.rules)
        routes.add("PATCH", f"{rules}/{{}}", self.change_rule)

    def settings(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        return Answer(status=200, body=dict(self._mailbox(key)["_mailbox"]))

    def change(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        body, fields = self._mailbox(key), asked.fields
        check_known(fields, body["_mailbox"])
        if "userPurpose" in fields or "archiveFolder" in fields:
            raise Refusal(400, "ErrorInvalidRequest", "The property is read-only.")
        locale = (fields.get("language") or {}).get("locale")
        if locale is not None and not re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?-[A-Z]{2}", str(locale)):
            raise Refusal(400, "ErrorInvalidArgument", "The language is no valid culture.")
        settings = dict(body["_mailbox"])
        for name, value in fields.items():
            settings[name] = {**settings[name], **value} if isinstance(value, dict) else value
        settings[REPLIES] = _dressed(settings[REPLIES])
        self.cloud.keep(USERS, body, {**body, "_mailbox": settings})
        return Answer(status=200, body=settings)

    def add_rule(self, user_id: str, name: str, *, hidden: bool = False, **rule: Any) -> Body:
        """A rule of a user's inbox. Graph does not show a hidden one."""
        body: Body = {"id": uuid.uuid4().hex, "displayName": name, "sequence": 1, "isEnabled": True}
        body |= {"isReadOnly": False, "hasError": False, **rule}
        self.shelf.put(RULES, body["id"], {**body, "_user": user_id, "_hidden": hidden})
        return body

    def rules_of(self, user_id: str) -> list[Body]:
        """All rules, hidden ones too."""
        return [body for _, body in self.shelf.items(RULES) if body["_user"] == user_id]

    def rules(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        seen = [body for body in self.rules_of(self._mailbox(key)["id"]) if not body["_hidden"]]
        return Answer(status=200, body={"value": [_public(body) for body in seen]})

    def change_rule(self, asked: Asked, key: str, rule_id: str) -> Answer:
        asked.need(*WRITE)
        user, rule, fields = self._mailbox(key), self.shelf.get(RULES, rule_id), asked.fields
        check_known(fields, _RULE)
        if rule is None or rule["_user"] != user["id"] or rule["_hidden"]:
            raise missing(rule_id)
        if rule["isReadOnly"]:
            raise Refusal(403, "ErrorAccessDenied", "The rule is read-only.")
        self.shelf.put(RULES, rule_id, {**rule, **fields})
        return Answer(status=200, body=_public({**rule, **fields}))

    def _mailbox(self, key: str) -> Body:
        body = self.users.find(key)
        if not self.users.licensing.mailbox_ready(body):
            raise Refusal(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            )
        return body


def _dressed(replies: Body) -> Body:
    """Exchange wraps the messages into a page of its own."""
    return {
        name: f"<html>\n<body>\n{value}\n</body>\n</html>\n"
        if name.endswith("ReplyMessage") and value and "<html>" not in value
        else value
        for name, value in replies.items()
    }


def _public(body: Body) -> Body:
    return {name: value for name, value in body.items() if not name.startswith("_")}
