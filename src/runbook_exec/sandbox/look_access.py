"""Looks at what a person can get at in the rehearsal's tenant, and with what: for `runbook sandbox look`."""

from __future__ import annotations

from typing import Any

from runbook_exec.sandbox.graph_cloud import USERS, Body, Cloud
from runbook_exec.sandbox.graph_consents import APP_ROLES, GRANTS, PRINCIPALS
from runbook_exec.sandbox.graph_devices import KEYS, MANAGED, Devices
from runbook_exec.sandbox.graph_drives import Drives
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_mailboxes import REPLIES, Mailboxes
from runbook_exec.sandbox.graph_methods import Methods
from runbook_exec.sandbox.graph_roles import Roles
from runbook_exec.sandbox.graph_users import Users


def access(user: Body, cloud: Cloud) -> dict[str, Any]:
    """By kind, in words: what is there, or `none`."""
    users, who = Users(cloud, Licensing(cloud)), user["id"]
    reply = (user.get("_mailbox") or {}).get(REPLIES, {}).get("status", "none")
    found = {
        "signs in with": ["password", *(_method(body) for body in Methods(users).of(who))],
        "last sign-in": (user.get("signInActivity") or {}).get("lastSignInDateTime", "unknown"),
        "administrator roles": Roles(users).held(who),
        "owns": sorted(group["displayName"] for group in cloud.groups() if who in group["_owners"]),
        "applications": [_application(body, cloud) for body in _of(cloud, APP_ROLES, "_user", who)],
        "consents": [_consent(body, cloud) for body in _of(cloud, GRANTS, "principalId", who)],
        "devices": [_device(body, cloud) for body in Devices(users).of(who)],
        "inbox rules": [_rule(body) for body in Mailboxes(users).rules_of(who)],
        "automatic reply": reply,
        "OneDrive": _drive(Drives(users).of(who), cloud),
        "sponsors": [_name(cloud, sponsor) for sponsor in user.get("_sponsors", ())],
    }
    return {name: value or "none" for name, value in found.items()}


def _of(cloud: Cloud, table: str, name: str, wanted: str) -> list[Body]:
    return [body for _, body in cloud.shelf.items(table) if body[name] == wanted]


def _name(cloud: Cloud, user_id: str) -> str:
    body = cloud.shelf.get(USERS, user_id)
    return str(body["displayName"]) if body else user_id


def _method(body: Body) -> str:
    named = body.get("displayName") or body.get("phoneNumber") or ""
    return f"{body['_kind']}: {named}" if named else str(body["_kind"])


def _application(body: Body, cloud: Cloud) -> str:
    group = cloud.group(body["principalId"]) if body["principalType"] == "Group" else None
    return f"{body['resourceDisplayName']}" + (f" (through {group['displayName']})" if group else "")


def _consent(body: Body, cloud: Cloud) -> str:
    application = cloud.shelf.get(PRINCIPALS, body["clientId"]) or {}
    return f"{application.get('displayName', body['clientId'])}: {body['scope']}"


def _device(body: Body, cloud: Cloud) -> str:
    parts = [body["displayName"], "enabled" if body["accountEnabled"] else "disabled"]
    managed = next((m for m in _of(cloud, MANAGED, "azureADDeviceId", body["deviceId"])), None)
    if managed is not None:
        parts.append(str(managed["managementState"]))
    if _of(cloud, KEYS, "deviceId", body["deviceId"]):
        parts.append("recovery key kept")
    if len(body["_owners"]) > 1:
        parts.append("owners: " + " and ".join(_name(cloud, owner) for owner in body["_owners"]))
    return ", ".join(parts)


def _rule(body: Body) -> str:
    state = "on" if body["isEnabled"] else "off"
    to = [entry["emailAddress"]["address"] for entry in (body.get("actions") or {}).get("forwardTo", ())]
    hidden = ", hidden" if body["_hidden"] else ""
    return f"{body['displayName']} ({state}{hidden})" + (f" → {', '.join(to)}" if to else "")


def _drive(drive: Body | None, cloud: Cloud) -> str:
    if drive is None:
        return "none"
    others = [
        f"{p['grantedToV2']['user']['displayName']}: {', '.join(p['roles'])}"
        + (f" until {p['expirationDateTime']}" if p.get("expirationDateTime") else "")
        for key, p in drive["_permissions"].items()
        if key != "owner"
    ]
    return f"{drive['quota']['used'] / 2**30:.1f} GB" + (f"; {'; '.join(others)}" if others else "")
