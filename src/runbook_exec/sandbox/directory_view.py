"""What a reader sees of an entry: stored values, links by name, back-links, computed values."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from runbook_exec.sandbox import directory_accounts as accounts
from runbook_exec.sandbox import directory_history as history
from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox.directory_accounts import GroupKind
from runbook_exec.sandbox.directory_attributes import ATTRIBUTES, BACK_LINKS, LINKS
from runbook_exec.sandbox.directory_classes import CLASSES, allowed, children
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_tree import Tree

ALWAYS = ("objectClass", "distinguishedName", "instanceType", "name", "objectGUID", "objectCategory")


def shown(entry: Entry) -> list[str]:
    """Attributes that are shown where all are asked for; what is constructed has to be named."""
    named = [*ALWAYS, names.first(entry.dn)[0].lower(), *entry.attributes, *entry.links, *entry.binary]
    named += [*BACK_LINKS, "sAMAccountType", "isDeleted"]
    return list(dict.fromkeys(ATTRIBUTES[name.lower()].name for name in named))


def values(entry: Entry, name: str, tree: Tree, base: str) -> list[str]:
    """The values of one attribute by canonical name; bytes in base64, ids in their text form."""
    if name in entry.attributes:
        return entry.attributes[name]
    if name in LINKS:
        return [] if entry.deleted else tree.live_dns(entry.stored(name))
    if name in BACK_LINKS:
        sources = [] if entry.deleted else tree.pointing(BACK_LINKS[name], entry.guid)
        return [source.dn for source in sources if not source.deleted]
    if name.lower() == names.first(entry.dn)[0].lower():
        return [names.first(entry.dn)[1]]
    if name in _COMPUTED:
        return _COMPUTED[name](_Look(entry, tree, base))
    return entry.stored(name)


def wire(name: str, value: str) -> bytes:
    """A value as it goes over the wire."""
    if name == "objectGUID":
        return uuid.UUID(value).bytes_le
    if name in {"objectSid", "sIDHistory", "tokenGroups"}:
        return accounts.sid_bytes(value)
    return base64.b64decode(value) if ATTRIBUTES[name.lower()].kind == "bytes" else value.encode()


@dataclass(frozen=True)
class _Look:
    entry: Entry
    tree: Tree
    base: str


def _category(look: _Look) -> list[str]:
    if look.entry.deleted:
        return []  # AD drops it when it deletes
    return [f"CN={CLASSES[look.entry.object_class.lower()].category},CN=Schema,CN=Configuration,{look.base}"]


def _canonical_name(look: _Look) -> list[str]:
    parts = names.parse(look.entry.dn)
    domain = len(names.parse(look.base))
    dns = ".".join(value for _, value in parts[-domain:])
    return [dns + "/" + "/".join(value.replace("/", "\\/") for _, value in reversed(parts[:-domain]))]


def _account_type(look: _Look) -> list[str]:
    if look.entry.deleted or "sAMAccountName" not in look.entry.attributes:
        return []
    if look.entry.object_class == "group":
        kind = GroupKind.of(look.entry.one("groupType") or "0")
        local = 0x20000000 if GroupKind.LOCAL in kind else 0x10000000
        return [str(local + (0 if GroupKind.SECURITY in kind else 1))]
    machine = look.entry.number("userAccountControl") & accounts.TRUSTED_COMPUTER
    return [str(0x30000001 if machine else 0x30000000)]


def _principal(look: _Look) -> list[str]:
    sam = look.entry.one("sAMAccountName")
    return [f"{names.first(look.base)[1].upper()}\\{sam}"] if sam else []


def _token_groups(look: _Look) -> list[str]:
    sids = {group.one("objectSid") for group in groups_of(look.entry, look.tree)}
    domain = (look.entry.one("objectSid") or "").rpartition("-")[0]
    if primary := look.entry.one("primaryGroupID"):
        sids.add(f"{domain}-{primary}")
    return sorted(sid for sid in sids if sid)


def _controller(look: _Look) -> str:
    """The name of the one controller's settings, as its history names it."""
    return f"CN=NTDS Settings,CN=DC01,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{look.base}"


def _link_history(look: _Look) -> list[str]:
    def name_of(guid: str) -> str:
        found = look.tree.get(guid)
        return found.dn if found else ""

    return history.links(look.entry, _controller(look), name_of)


def groups_of(entry: Entry, tree: Tree) -> list[Entry]:
    """All groups that hold the entry, directly or through others; circles do no harm."""
    found: dict[str, Entry] = {}
    waiting = [entry]
    while waiting:
        for group in tree.pointing("member", waiting.pop().guid):
            if group.guid not in found and not group.deleted:
                found[group.guid] = group
                waiting.append(group)
    return list(found.values())


_COMPUTED: dict[str, Callable[[_Look], list[str]]] = {
    "distinguishedName": lambda look: [look.entry.dn],
    "objectGUID": lambda look: [look.entry.guid],
    "name": lambda look: [names.first(look.entry.dn)[1]],
    "instanceType": lambda look: ["5" if look.entry.dn == look.base else "4"],
    "isDeleted": lambda look: ["TRUE"] if look.entry.deleted else [],
    "objectCategory": _category,
    "canonicalName": _canonical_name,
    "sAMAccountType": _account_type,
    "msDS-PrincipalName": _principal,
    "tokenGroups": _token_groups,
    "msDS-ReplAttributeMetaData": lambda look: history.attributes(look.entry, _controller(look)),
    "msDS-ReplValueMetaData": _link_history,
    "createTimeStamp": lambda look: look.entry.stored("whenCreated"),
    "modifyTimeStamp": lambda look: look.entry.stored("whenChanged"),
    "subSchemaSubEntry": lambda look: [f"CN=Aggregate,CN=Schema,CN=Configuration,{look.base}"],
    "allowedAttributes": lambda look: sorted(allowed(look.entry.object_class)),
    "allowedChildClasses": lambda look: children(look.entry.object_class),
}
