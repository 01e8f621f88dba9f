"""Temporary access passes of the double."""

from __future__ import annotations

import secrets
import uuid
from calendar import timegm
from collections.abc import Iterator
from time import strptime

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import Body, stamp
from runbook_exec.sandbox.graph_query import check_known
from runbook_exec.sandbox.graph_refusal import Refusal, missing
from runbook_exec.sandbox.graph_users import Users

PASSES = "graph_passes"
READ = ("UserAuthMethod-TAP.Read.All", "UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.Read.All",
        "UserAuthenticationMethod.ReadWrite.All")  # fmt: skip
WRITE = ("UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All")
POLICY = ("Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod")


class Passes:
    """A user has at most one pass; a new one takes the old one's place."""

    def __init__(self, users: Users) -> None:
        self.users, self.cloud, self.shelf = users, users.cloud, users.cloud.shelf

    def policy(self, asked: Asked) -> Answer:
        asked.need(*POLICY)
        return Answer(status=200, body=self._policy())

    def collection(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        user = self.users.find(key)
        return Answer(status=200, body={"value": [self._shown(body) for body in self._of(user["id"])]})

    def one(self, asked: Asked, key: str, pass_id: str) -> Answer:
        asked.need(*READ)
        return Answer(status=200, body=self._shown(self._find(key, pass_id)))

    def delete(self, asked: Asked, key: str, pass_id: str) -> Answer:
        asked.need(*WRITE)
        self.shelf.drop(PASSES, self._find(key, pass_id)["id"])
        return Answer(status=204)

    def create(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        user, fields, policy = self.users.find(key), asked.fields, self._policy()
        check_known(fields, ("startDateTime", "lifetimeInMinutes", "isUsableOnce", "@odata.type"))
        if policy["state"] != "enabled":
            raise Refusal(400, "badRequest", "Temporary Access Pass is not enabled by policy.")
        lifetime = int(fields.get("lifetimeInMinutes") or policy["defaultLifetimeInMinutes"])
        if not policy["minimumLifetimeInMinutes"] <= lifetime <= policy["maximumLifetimeInMinutes"]:
            raise Refusal(400, "badRequest", "lifetimeInMinutes is outside the range that policy allows.")
        once = bool(fields.get("isUsableOnce", policy["isUsableOnce"]))
        if policy["isUsableOnce"] and not once:
            raise Refusal(400, "badRequest", "Policy allows one-time passes only.")
        for old in list(self._of(user["id"])):
            self.shelf.drop(PASSES, old["id"])
        body: Body = {
            "id": str(uuid.uuid4()),
            "createdDateTime": stamp(self.cloud.clock()),
            "startDateTime": fields.get("startDateTime") or stamp(self.cloud.clock()),
            "lifetimeInMinutes": lifetime,
            "isUsableOnce": once,
            "_user": user["id"],
        }
        self.shelf.put(PASSES, body["id"], body)
        return Answer(status=201, body={**self._shown(body), "temporaryAccessPass": secrets.token_urlsafe(9)})

    def _of(self, user_id: str) -> Iterator[Body]:
        return (body for _, body in self.shelf.items(PASSES) if body["_user"] == user_id)

    def _find(self, key: str, pass_id: str) -> Body:
        user, body = self.users.find(key), self.shelf.get(PASSES, pass_id)
        if body is None or body["_user"] != user["id"]:
            raise missing(pass_id)
        return body

    def _policy(self) -> Body:
        policy = self.shelf.get("graph_policies", "TemporaryAccessPass")
        assert policy is not None
        return policy

    def _shown(self, body: Body) -> Body:
        reason = self._reason(body)
        return {key: value for key, value in body.items() if not key.startswith("_")} | {
            "temporaryAccessPass": None,
            "isUsable": reason == "EnabledByPolicy",
            "methodUsabilityReason": reason,
        }

    def _reason(self, body: Body) -> str:
        start = timegm(strptime(body["startDateTime"][:19], "%Y-%m-%dT%H:%M:%S"))
        now = self.cloud.clock()
        if not self._in_policy(body["_user"]):
            return "DisabledByPolicy"
        if now < start:
            return "NotYetValid"
        return "Expired" if now > start + body["lifetimeInMinutes"] * 60 else "EnabledByPolicy"

    def _in_policy(self, user_id: str) -> bool:
        policy = self._policy()
        groups = {target["id"] for target in policy["includeTargets"]}
        mine = {group["id"] for group in self.cloud.groups() if user_id in group["_members"]}
        return policy["state"] == "enabled" and ("all_users" in groups or bool(groups & mine))
