"""Stands in for PowerShell: the same command line and the same JSON, on the rehearsal tenant's mailboxes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from runbook_exec.sandbox.exchange import APP, ORGANIZATION, TABLE, fresh
from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.graph_cloud import USERS, Body, Cloud
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_mailboxes import RULES
from runbook_exec.sandbox.shelf import Shelf

_OWN = ("bytes", "archive", "hold", "other_holds", "forwards_to", "forwards_outside", "keeps_copy")


class Trouble(Exception):
    """What the scripts answer as an error: its kind and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def main() -> None:
    """`folder -NoLogo -NoProfile -NonInteractive -File script`: JSON on stdin, JSON on stdout."""
    folder, *options = sys.argv[1:]
    script = Path(options[options.index("-File") + 1]).name
    asked = json.load(sys.stdin)
    with closing(Shelf(Path(folder) / "company.sqlite")) as shelf:
        try:
            answer: dict[str, Any] = {"ok": Shop(shelf).serve(script, asked)}
        except Trouble as trouble:
            answer = {"error": {"kind": trouble.kind, "phase": script, "text": str(trouble)}}
    sys.stdout.write(json.dumps(answer))


class Shop:
    """The tenant's mailboxes, as Exchange shows and changes them."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.faults = shelf, Faults(shelf)
        self.cloud = Cloud(shelf, self.faults)
        self.licensing = Licensing(self.cloud)

    def serve(self, script: str, asked: Mapping[str, Any]) -> Any:
        """What a script answers."""
        login = asked["login"]
        if login["app_id"] != APP or login["organization"] != ORGANIZATION:
            raise Trouble("denied", "AADSTS700016: the application was not found in the directory")
        if not Path(login["certificate"]).is_file():
            raise Trouble("away", "the certificate file is not there")
        if self.faults.take("exchange-busy") is not None:
            raise Trouble("busy", "the request was throttled: micro delay")
        if script == "read.ps1":
            return [self._seen(one) for one in asked["read"]]
        if script != "write.ps1":
            raise Trouble("failed", f"no such script: {script}")
        with self.shelf.together():
            self._write(asked["write"])
        if self.faults.take("exchange-lost-answer") is not None:
            os._exit(1)
        return {"done": asked["write"]["do"]}

    def _seen(self, one: Mapping[str, Any]) -> Any:
        user = self._account(one["of"])
        if user is None:
            return {"missing": True}
        body = self._body(user)
        match one["kind"]:
            case "permission":
                who = self._account(one["who"])
                rights = body["permissions"].get(who["id"], []) if who else []
                return {name: name in rights for name in ("full_access", "send_as")}
            case "rules":
                found = [rule for _, rule in self.shelf.items(RULES) if rule["_user"] == user["id"]]
                return {"rules": {rule["id"]: _rule(rule) for rule in found}}
        return {
            "id": user["id"],
            "address": user.get("mail") or user["userPrincipalName"],
            "display_name": user.get("displayName") or "",
            "kind": user["_mailbox"]["userPurpose"],
            **{name: body[name] for name in _OWN},
        }

    def _write(self, order: Mapping[str, Any]) -> None:
        user = self._account(order["of"])
        if user is None:
            raise Trouble("failed", f"{order['of']} couldn't be found")
        body = self._body(user)
        match order["do"]:
            case "type":
                mailbox = {**user["_mailbox"], "userPurpose": order["kind"]}
                self.cloud.keep(USERS, user, {**user, "_mailbox": mailbox})
            case "full_access" | "send_as" as right:
                self._let(user, body, right, order)
            case "forward":
                names = ("forwards_to", "forwards_outside", "keeps_copy")
                self.shelf.put(TABLE, user["id"], {**body, **{name: order[name] for name in names}})
            case "rule":
                rule = self.shelf.get(RULES, order["rule"])
                if rule is None or rule["_user"] != user["id"]:
                    raise Trouble("failed", f"the rule {order['rule']} couldn't be found")
                self.shelf.put(RULES, order["rule"], {**rule, "isEnabled": order["on"]})
            case "hold":
                self.shelf.put(TABLE, user["id"], {**body, "hold": order["on"]})
            case other:
                raise Trouble("failed", f"no such change: {other}")

    def _let(self, user: Body, body: Body, right: str, order: Mapping[str, Any]) -> None:
        who = self._account(order["who"])
        if who is None:
            raise Trouble("failed", f"{order['who']} couldn't be found")
        rights = {*body["permissions"].get(who["id"], [])}
        rights = rights | {right} if order["on"] else rights - {right}
        permissions = {**body["permissions"], who["id"]: sorted(rights)}
        self.shelf.put(TABLE, user["id"], {**body, "permissions": permissions})

    def _account(self, key: str) -> Body | None:
        """Whose mailbox it is, if there is one by now."""
        user = self.cloud.user(key) or next((u for u in self.cloud.users() if u.get("mail") == key), None)
        return user if user is not None and self.licensing.mailbox_ready(user) else None

    def _body(self, user: Body) -> Body:
        return {**fresh(), **(self.shelf.get(TABLE, user["id"]) or {})}


def _rule(rule: Body) -> dict[str, Any]:
    actions = rule.get("actions") or {}
    names = ("forwardTo", "forwardAsAttachmentTo", "redirectTo")
    to = [entry["emailAddress"]["address"] for name in names for entry in actions.get(name) or ()]
    return {
        "name": rule["displayName"],
        "enabled": rule["isEnabled"],
        "hidden": rule["_hidden"],
        "forwards_to": sorted(to),
    }
