"""Search: which entries, which of their attributes, in which portions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runbook_exec.sandbox import directory_accounts as accounts
from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox import directory_passwords as passwords
from runbook_exec.sandbox import directory_rules as rules
from runbook_exec.sandbox import directory_view as view
from runbook_exec.sandbox.directory_attributes import ATTRIBUTES
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_filter import Matcher
from runbook_exec.sandbox.directory_refusal import Code, refuse
from runbook_exec.sandbox.directory_rights import DELETED, Actor
from runbook_exec.sandbox.directory_writes import Writes

BASE_OBJECT, ONE_LEVEL = 0, 1
MOST = 1000
"""Entries that one answer holds at most (AD's MaxPageSize)."""

Attributes = list[tuple[str, list[bytes]]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A search request."""

    base: str
    scope: int
    filter: Any
    attributes: tuple[str, ...]
    actor: Actor
    deleted: bool = False
    types_only: bool = False


@dataclass
class Pages:
    """Searches of one connection of which a part is still to be handed out, by cookie."""

    waiting: dict[bytes, list[str]] = field(default_factory=dict)

    def keep(self, guids: list[str]) -> bytes:
        cookie = uuid.uuid4().bytes
        self.waiting[cookie] = guids
        return cookie

    def take(self, cookie: bytes) -> list[str]:
        if cookie not in self.waiting:
            raise refuse(Code.unwilling_to_perform, "00000057", "cookie")
        return self.waiting.pop(cookie)


class Search:
    """Finds entries for somebody, showing only what that somebody may see."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._tree = writes.tree

    def find(self, asked: Asked) -> list[str]:
        """Ids of the entries that match, refused where the base does not exist."""
        sees_deleted = asked.deleted and asked.actor.may(DELETED, self._tree)
        base = self._writes.at(asked.base, deleted=sees_deleted)
        matcher = Matcher(self._tree, self._writes.base)
        return [
            entry.guid
            for entry in self._in_scope(base, asked.scope)
            if (sees_deleted or not entry.deleted) and matcher.matches(asked.filter, entry)
        ]

    def _in_scope(self, base: Entry, scope: int) -> Iterator[Entry]:
        if scope == BASE_OBJECT:
            return iter([base])
        return self._tree.children(base.dn) if scope == ONE_LEVEL else self._tree.below(base.dn)

    def shown(self, guid: str, asked: Asked) -> tuple[str, Attributes] | None:
        """The name of an entry and the attributes asked for; None if it has gone meanwhile."""
        entry = self._tree.get(guid)
        if entry is None:
            return None
        found: Attributes = []
        for name, label in self._wanted(entry, asked.attributes):
            values = self._values(entry, name, asked.actor)
            if values:
                found.append((label, [] if asked.types_only else [view.wire(name, v) for v in values]))
        return entry.dn, found

    @staticmethod
    def _wanted(entry: Entry, asked: tuple[str, ...]) -> list[tuple[str, str]]:
        """Canonical names, and the spelling in which each is answered."""
        if "1.1" in asked and len(asked) == 1:
            return []
        named: dict[str, str] = {}
        if not asked or "*" in asked:
            named = {name: name for name in view.shown(entry)}
        for label in asked:
            kind = ATTRIBUTES.get(label.lower())
            if kind is not None and kind.name not in _HIDDEN:
                named.setdefault(kind.name, kind.name)
        return list(named.items())

    def _values(self, entry: Entry, name: str, actor: Actor) -> list[str]:
        match name:
            case "allowedAttributesEffective":
                return actor.attributes_effective(entry, self._tree)
            case "allowedChildClassesEffective":
                return actor.children_effective(entry, self._tree)
            case "msDS-User-Account-Control-Computed":
                return self._computed_control(entry)
            case _:
                return view.values(entry, name, self._tree, self._writes.base)

    def _computed_control(self, entry: Entry) -> list[str]:
        if "userAccountControl" not in entry.attributes:
            return []
        policy, now = self._writes.at(self._writes.base), self._writes.clock()
        locked = accounts.LOCKED if passwords.is_locked(entry, policy, now) else 0
        expired = accounts.EXPIRED if passwords.password_is_expired(entry, policy, now) else 0
        return [str(locked | expired)]

    def compare(self, dn: str, name: str, raw: bytes) -> bool:
        """True where the entry's attribute holds this value."""
        entry, kind = self._writes.at(dn), rules.attribute(name)
        held = view.values(entry, kind.name, self._tree, self._writes.base)
        if not held:
            raise refuse(Code.no_such_attribute, "00002080", kind.name)
        if kind.kind == "bytes":
            return any(view.wire(kind.name, value) == raw for value in held)
        wanted = raw.decode("utf-8", "replace")
        if kind.kind == "dn":
            try:
                return names.key(wanted) in map(names.key, held)
            except ValueError:
                raise refuse(Code.invalid_attribute_syntax, "00000057", kind.name) from None
        return names.fold(wanted) in map(names.fold, held)

    def locate(self, dn: str) -> str:
        """A plain name for `<GUID=…>` and `<SID=…>` (MS-ADTS 3.1.1.3.1.2.4); others stay as they are."""
        if not dn.startswith("<") or not dn.endswith(">"):
            return dn
        form, _, value = dn[1:-1].partition("=")
        for entry in self._tree:
            if form.upper() == "GUID" and value.lower() in {
                entry.guid,
                uuid.UUID(entry.guid).bytes_le.hex(),
            }:
                return entry.dn
            if form.upper() == "SID" and value == entry.one("objectSid"):
                return entry.dn
        raise refuse(Code.no_such_object, "0000208D", "")


_HIDDEN = frozenset({"unicodePwd", "nTSecurityDescriptor"})
"""Never readable; the second because the double keeps no access control lists."""


def plain_attributes(entry: dict[str, list[str]], asked: tuple[str, ...]) -> Attributes:
    """Attributes of an entry that is text alone (root entry, schema)."""
    wanted = {name.lower() for name in asked}
    everything = not asked or "*" in asked
    return [
        (name, [value.encode() for value in values])
        for name, values in entry.items()
        if values and (everything or name.lower() in wanted)
    ]
