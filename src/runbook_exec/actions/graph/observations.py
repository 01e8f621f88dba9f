"""Kinds that no action changes by itself, and that runbooks wait for, look at and report.

- `graph.licence_stock` (part number): enabled, warning, suspended, consumed, free. Suspended is no stock.
- `graph.licence_state` (user): `active` part numbers, `errors` by part number, and `settled`: no error and at least one.
- `graph.last_sign_in` (user): when they last signed in, as far as the tenant keeps it (Entra ID P1).
- `graph.synced_user` (objectGUID, as text or as Entra's anchor in base64): the cloud user of a directory account, and `conflicts`: properties that
  another object holds, for which Entra put a placeholder or nothing.
- `graph.groups` (user): the groups that they are a direct member of, with what governs each.
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

from runbook_exec.actions.graph import reading
from runbook_exec.actions.graph.kinds import below_user, kind
from runbook_exec.actions.graph.message import Message, literal, path
from runbook_exec.change import State

_GROUP = "id,displayName,groupTypes,mailEnabled,securityEnabled,isAssignableToRole,onPremisesSyncEnabled"
_SYNCED = "id,userPrincipalName,accountEnabled,onPremisesLastSyncDateTime,onPremisesProvisioningErrors"


def _stock(key: str, body: Any) -> State:
    for sku in body["value"]:
        if sku["skuPartNumber"].casefold() == key.casefold():
            units = sku["prepaidUnits"]
            return {
                "part": sku["skuPartNumber"],
                "enabled": units["enabled"],
                "warning": units["warning"],
                "suspended": units.get("suspended", 0),
                "consumed": sku["consumedUnits"],
                "free": units["enabled"] + units["warning"] - sku["consumedUnits"],
            }
    return None


def _licence_state(key: str, user: Any, skus: Any) -> State:
    states = user.get("licenseAssignmentStates") or []
    names = reading.names_of(states, skus)
    errors = {names[s["skuId"]]: s["error"] for s in states if s["error"] not in {None, "None"}}
    active = sorted({names[s["skuId"]] for s in states if s["state"] == "Active"})
    return {"active": active, "errors": errors, "settled": bool(active) and not errors}


def _last_sign_in(key: str, body: Any) -> State:
    activity = body.get("signInActivity") or {}
    return {
        "at": activity.get("lastSuccessfulSignInDateTime") or activity.get("lastSignInDateTime"),
        "without_a_person": activity.get("lastNonInteractiveSignInDateTime"),
    }


def _synced_user(key: str, body: Any) -> State:
    if not body["value"]:
        return None
    user = body["value"][0]
    errors = user.get("onPremisesProvisioningErrors") or []
    conflicts = {str(error["propertyCausingError"]): error.get("value") for error in errors}
    return {
        "id": user["id"],
        "upn": user["userPrincipalName"],
        "enabled": user.get("accountEnabled"),
        "synced": user.get("onPremisesLastSyncDateTime"),
        "conflicts": conflicts,
        "placeholder": "userPrincipalName" in conflicts,
        "sound": not conflicts,
    }


def _anchor(key: str) -> str:
    """Entra's anchor of a directory account: the objectGUID's bytes, as Windows orders them, in base64."""
    try:
        return base64.b64encode(uuid.UUID(key).bytes_le).decode()
    except ValueError:
        return key


def _groups(key: str, body: Any) -> State:
    return {"groups": {str(e["id"]): {"name": e.get("displayName"), "by": _governed_by(e)} for e in body["value"]
                       if str(e.get("@odata.type", "")).endswith("group")}}  # fmt: skip


def _governed_by(group: Any) -> str:
    """Where its members are decided: `cloud`, `directory`, `rule`, `exchange` or `roles`."""
    if group.get("onPremisesSyncEnabled"):
        return "directory"
    if "DynamicMembership" in (group.get("groupTypes") or ()):
        return "rule"
    if group.get("isAssignableToRole"):
        return "roles"
    if group.get("mailEnabled") and "Unified" not in (group.get("groupTypes") or ()):
        return "exchange"
    return "cloud"


kind("licence_stock", lambda key: (reading.SKUS,), _stock)
kind(
    "licence_state",
    lambda key: (Message(path=path("users", key, select="id,licenseAssignmentStates")), reading.SKUS),
    _licence_state,
)
kind("last_sign_in", below_user(select="id,signInActivity"), _last_sign_in)
kind(
    "synced_user",
    lambda key: (
        Message(
            path=path("users", filter=f"onPremisesImmutableId eq {literal(_anchor(key))}", select=_SYNCED)
        ),
    ),
    _synced_user,
)
kind("groups", below_user("memberOf", select=_GROUP, top="999"), _groups)
