"""The kinds of things that can be read, each as requests and as the state that the replies mean. Pure.

- `graph.user` (UPN or id, lower case): the user's properties.
- `graph.licences` (same): SKU part number → `direct`, `group` or `direct and group`.
- `graph.skus` (`all`): part number → id and figures; free = enabled + warning − consumed.
- `graph.group` (id, or display name in lower case): its properties; `{"ambiguous": [ids]}` if several have the name.
- `graph.membership` (`group id,user`): `{"member": true}`; None where the user does not exist.
- `graph.manager` (user): the manager's id, name and UPN.
- `graph.mailbox` (user): mailboxSettings, None while there is no mailbox.
- `graph.access_passes` (user): `{"passes": […]}`. `graph.access_pass_policy` (`all`): the policy.
- `graph.holder` (value in lower case): ids of who holds it as UPN, mail, proxy address or nickname:
  `{live, deleted, deleted_visible}`.
- `graph.request` (path): whatever a GET of it answers.

More kinds stand in the modules of the actions that need them (`kinds`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from runbook_exec.actions.graph.kinds import KINDS, plain
from runbook_exec.actions.graph.message import Message, Reply, literal, path, trouble
from runbook_exec.change import Ref, State
from runbook_exec.errors import Invalid

USER = (
    "id", "userPrincipalName", "displayName", "givenName", "surname", "mail", "mailNickname", "proxyAddresses",
    "accountEnabled", "userType", "usageLocation", "preferredLanguage", "employeeId", "employeeType",
    "jobTitle", "department", "companyName", "officeLocation", "mobilePhone", "businessPhones",
    "onPremisesSyncEnabled", "onPremisesImmutableId", "onPremisesSamAccountName",
    "signInSessionsValidFromDateTime", "assignedLicenses", "licenseAssignmentStates",
)  # fmt: skip
GROUP = (
    "id", "displayName", "mail", "mailEnabled", "securityEnabled", "groupTypes", "isAssignableToRole",
    "onPremisesSyncEnabled",
)  # fmt: skip
_HOLDER = "id,userPrincipalName,mail,mailNickname,proxyAddresses"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SKUS = Message(
    path=path("subscribedSkus", select="skuId,skuPartNumber,consumedUnits,prepaidUnits,capabilityStatus")
)
_DELETED = (
    Message(path=path("directory", "deletedItems", "microsoft.graph.user", select=_HOLDER, top="999")),
    Message(
        path=path(
            "directory",
            "deletedItems",
            "microsoft.graph.group",
            select="id,mail,mailNickname,proxyAddresses",
            top="999",
        )
    ),
)


def requests(ref: Ref) -> tuple[Message, ...]:  # noqa: C901, PLR0912 - one table of kinds
    """What must be asked to know the state of `ref`."""
    kind, key = _kind(ref), ref.key
    if kind in KINDS:
        return KINDS[kind].requests(key)
    match kind:
        case "user":
            more = [name for name in ref.select if name not in USER]
            return (Message(path=path("users", key, select=",".join((*USER, *more)))),)
        case "licences":
            return (*requests(Ref("graph.user", key)), SKUS)
        case "skus":
            return (SKUS,)
        case "group" if _GUID.fullmatch(key):
            return (Message(path=path("groups", key, select=",".join(GROUP))),)
        case "group":
            return (
                Message(path=path("groups", filter=f"displayName eq {literal(key)}", select=",".join(GROUP))),
            )
        case "membership":
            return (Message(path=path("users", key.partition(",")[2], "memberOf", select="id", top="999")),)
        case "manager":
            return (Message(path=path("users", key, "manager", select="id,displayName,userPrincipalName")),)
        case "mailbox":
            return (Message(path=path("users", key, "mailboxSettings")),)
        case "access_passes":
            return (Message(path=path("users", key, "authentication", "temporaryAccessPassMethods")),)
        case "access_pass_policy":
            return (
                Message(
                    path=path(
                        "policies",
                        "authenticationMethodsPolicy",
                        "authenticationMethodConfigurations",
                        "temporaryAccessPass",
                    )
                ),
            )
        case "request":
            return (Message(path=key),)
        case _:
            return (*_holders(key), *_DELETED)


def state(ref: Ref, replies: Sequence[Reply]) -> State:
    """What the replies mean. A thing that cannot be read raises; it is never None."""
    kind = _kind(ref)
    asked = requests(ref)
    if kind == "holder":
        return _holder(ref.key, asked, replies)
    for one, reply in zip(asked, replies, strict=True):
        if not reply.ok and reply.status != 404:
            raise trouble(one, reply)
    if any(reply.status == 404 for reply in replies):
        return None
    mean = KINDS[kind].state if kind in KINDS else _STATES[kind]
    return mean(ref.key, *(reply.body for reply in replies))


def names_of(licences: Iterable[Any], skus: Any) -> dict[str, str]:
    """SKU id → part number, for what a user holds; an unknown SKU keeps its id."""
    known = {sku["skuId"]: sku["skuPartNumber"] for sku in skus["value"]}
    return {entry["skuId"]: known.get(entry["skuId"], entry["skuId"]) for entry in licences}


def _licences(key: str, user: Any, skus: Any) -> State:
    states = user.get("licenseAssignmentStates") or []
    names = names_of(states, skus)
    found: dict[str, str] = {}
    for entry in sorted(states, key=lambda s: s["assignedByGroup"] is not None):
        if entry["state"] != "Active" and entry["assignedByGroup"]:
            continue
        name = names[entry["skuId"]]
        source = "group" if entry["assignedByGroup"] else "direct"
        found[name] = "direct and group" if found.get(name, source) != source else source
    return found


def _skus(key: str, body: Any) -> State:
    return {sku["skuPartNumber"]: _figures(sku) for sku in body["value"]}


def _figures(sku: Any) -> dict[str, Any]:
    units = sku["prepaidUnits"]
    enabled, warning, consumed = units["enabled"], units["warning"], sku["consumedUnits"]
    return {
        "id": sku["skuId"],
        "enabled": enabled,
        "warning": warning,
        "consumed": consumed,
        "free": enabled + warning - consumed,
    }


def _group(key: str, body: Any) -> State:
    if "value" not in body:
        return plain(key, body)
    found = body["value"]
    if len(found) > 1:
        return {"ambiguous": sorted(entry["id"] for entry in found)}
    return plain(key, found[0]) if found else None


def _membership(key: str, body: Any) -> State:
    group = key.partition(",")[0]
    return {"member": any(entry["id"] == group for entry in body["value"])}


def _passes(key: str, body: Any) -> State:
    names = ("id", "startDateTime", "lifetimeInMinutes", "isUsableOnce", "isUsable")
    return {"passes": [{name: entry.get(name) for name in names} for entry in body["value"]]}


_STATES: dict[str, Callable[..., State]] = {
    "user": plain,
    "licences": _licences,
    "skus": _skus,
    "group": _group,
    "membership": _membership,
    "manager": plain,
    "mailbox": plain,
    "access_passes": _passes,
    "access_pass_policy": plain,
    "request": lambda key, body: {"body": body},
}


def _kind(ref: Ref) -> str:
    kind = ref.kind.removeprefix("graph.")
    if kind != "holder" and kind not in _STATES and kind not in KINDS:
        known = ", ".join(f"graph.{name}" for name in sorted({*_STATES, *KINDS, "holder"}))
        raise Invalid(
            f"{ref.kind!r} is nothing that Graph can be asked for", next_move=f"known kinds: {known}"
        )
    return kind


def _holders(value: str) -> tuple[Message, ...]:
    text = literal(value)
    if "@" in value:
        held = f"mail eq {text} or proxyAddresses/any(p:p eq {literal('smtp:' + value)})"
        of_user = f"userPrincipalName eq {text} or {held}"
    else:
        held = of_user = f"mailNickname eq {text}"
    return (
        Message(path=path("users", filter=of_user, select="id")),
        Message(path=path("groups", filter=held, select="id")),
        Message(path=path("contacts", filter=held, select="id")),
    )


def _holder(value: str, asked: Sequence[Message], replies: Sequence[Reply]) -> State:
    live: list[str] = []
    for one, reply in zip(asked[:-2], replies[:-2], strict=True):
        if not reply.ok:
            raise trouble(one, reply)
        live += [entry["id"] for entry in reply.body["value"]]
    gone: list[str] = []
    for one, reply in zip(asked[-2:], replies[-2:], strict=True):
        if reply.status == 403:
            return {"live": live, "deleted": [], "deleted_visible": False}
        if not reply.ok:
            raise trouble(one, reply)
        gone += [entry["id"] for entry in reply.body["value"] if value in _values(entry)]
    return {"live": live, "deleted": gone, "deleted_visible": True}


def _values(entry: Any) -> set[str]:
    """What a deleted object held; its UPN carries its id as a prefix."""
    name = str(entry.get("userPrincipalName") or "").casefold().removeprefix(entry["id"].replace("-", ""))
    held = {str(address).partition(":")[2].casefold() for address in entry.get("proxyAddresses") or ()}
    more = {str(entry.get(part) or "").casefold() for part in ("mail", "mailNickname")}
    return (held | more | {name}) - {""}
