"""Search filters over entries. Three-valued, as RFC 4511 4.5.1.7 wants it: None is Undefined."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ldaptor.protocols import pureldap

from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox import directory_view as view
from runbook_exec.sandbox.directory_accounts import sid_text
from runbook_exec.sandbox.directory_attributes import ATTRIBUTES, CONSTRUCTED, Attribute
from runbook_exec.sandbox.directory_classes import CLASSES
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_tree import Tree
from runbook_exec.sandbox.directory_view import groups_of

BIT_AND, BIT_OR, IN_CHAIN = "1.2.840.113556.1.4.803", "1.2.840.113556.1.4.804", "1.2.840.113556.1.4.1941"

_BY_LOGIN_RESOLUTION = ("displayName", "givenName", "sn", "sAMAccountName", "name", "legacyExchangeDN")
"""What the pseudo-attribute `anr` (ambiguous name resolution) looks into, as initial substrings."""


@dataclass(frozen=True)
class Matcher:
    """Decides whether an entry is what a filter asks for."""

    tree: Tree
    base: str
    _asserted: dict[tuple[str, bytes], str | None] = field(default_factory=dict)
    """Asserted values in comparable form, so that each is read once and not for every entry."""

    def matches(self, asked: Any, entry: Entry) -> bool:
        """True where the filter is true for the entry; Undefined does not match."""
        return self._is(asked, entry) is True

    def _is(self, asked: Any, entry: Entry) -> bool | None:
        # By exact type: asking ldaptor's sequences whether they are an instance of something is slow.
        kind = type(asked)
        if kind is pureldap.LDAPFilter_and:
            return _all(self._is(part, entry) for part in asked.data)
        if kind is pureldap.LDAPFilter_or:
            return _not(_all(_not(self._is(part, entry)) for part in asked.data))
        if kind is pureldap.LDAPFilter_not:
            return _not(self._is(asked.value, entry))
        if kind is pureldap.LDAPFilter_present:
            attribute = _kind(asked.value)
            return None if attribute is None else bool(self._values(entry, attribute))
        if kind is pureldap.LDAPFilter_substrings:
            return self._has_part(entry, asked)
        if kind is pureldap.LDAPFilter_extensibleMatch:
            return self._by_rule(entry, asked)
        if kind in {pureldap.LDAPFilter_greaterOrEqual, pureldap.LDAPFilter_lessOrEqual}:
            return self._orders(entry, asked)
        # Equality, and approximate match, which AD treats alike.
        return self._equals(entry, asked.attributeDesc.value, asked.assertionValue.value)

    def _values(self, entry: Entry, kind: Attribute) -> list[str]:
        return [] if kind.name in CONSTRUCTED else view.values(entry, kind.name, self.tree, self.base)

    def _equals(self, entry: Entry, description: bytes, raw: bytes) -> bool | None:
        if description.lower() == b"anr":
            wanted = names.fold(raw.decode("utf-8", "replace").removeprefix("="))
            return any(
                names.fold(value).startswith(wanted)
                for name in _BY_LOGIN_RESOLUTION
                for value in self._values(entry, ATTRIBUTES[name.lower()])
            )
        kind = _kind(description)
        if kind is None:
            return None
        asserted = self._asserted.get((kind.name, raw), "")
        if asserted == "":
            asserted = self._asserted[kind.name, raw] = self._comparable(kind, raw)
        if asserted is None:
            return None
        return any(asserted == self._form(kind, value) for value in self._values(entry, kind))

    def _comparable(self, kind: Attribute, raw: bytes) -> str | None:
        """An asserted value in the form in which values are compared; None where it is malformed."""
        if kind.name == "objectGUID":
            return str(uuid.UUID(bytes_le=raw)) if len(raw) == 16 else _text(raw).strip("{}").lower()
        if kind.name in {"objectSid", "sIDHistory"}:
            return _text(raw) if raw[:2] == b"S-" else (sid_text(raw) if len(raw) > 8 else None)
        if kind.kind == "bytes":
            return raw.hex()
        text = _text(raw)
        if kind.name == "objectCategory" and text.lower() in CLASSES:
            text = f"CN={CLASSES[text.lower()].category},CN=Schema,CN=Configuration,{self.base}"
        try:
            return self._form(kind, text)
        except ValueError:  # no distinguished name
            return None

    def _form(self, kind: Attribute, value: str) -> str:
        match kind.kind:
            case "dn" if kind.name != "wellKnownObjects":
                return names.key(value)
            case "int" | "long":
                return str(int(value)) if re.fullmatch(r"-?\d+", value) else value
            case "bytes" if kind.name not in {"objectGUID", "objectSid", "sIDHistory"}:
                return view.wire(kind.name, value).hex()
            case "bytes":
                return value
            case _:
                return names.fold(value)

    def _has_part(self, entry: Entry, asked: Any) -> bool | None:
        kind = _kind(asked.type)
        if kind is None or kind.kind not in {"text", "oid"}:
            return None
        pattern = ""
        for part in asked.substrings:
            piece = re.escape(names.fold(_text(part.value)))
            match part:
                case pureldap.LDAPFilter_substrings_initial():
                    pattern += piece
                case pureldap.LDAPFilter_substrings_final():
                    pattern += ".*" + piece + "$"
                case _:
                    pattern += ".*" + piece
        return any(re.match(pattern, names.fold(v), re.DOTALL) is not None for v in self._values(entry, kind))

    def _orders(self, entry: Entry, asked: Any) -> bool | None:
        kind = _kind(asked.attributeDesc.value)
        if kind is None or kind.kind in {"dn", "bytes", "oid"}:
            return None
        wanted = _text(asked.assertionValue.value)
        upward = isinstance(asked, pureldap.LDAPFilter_greaterOrEqual)
        values = self._values(entry, kind)
        if kind.kind in {"int", "long"}:
            if not re.fullmatch(r"-?\d+", wanted):
                return None
            return any((int(v) >= int(wanted)) if upward else (int(v) <= int(wanted)) for v in values)
        folded = names.fold(wanted)
        return any((names.fold(v) >= folded) if upward else (names.fold(v) <= folded) for v in values)

    def _by_rule(self, entry: Entry, asked: Any) -> bool | None:
        rule = _text(asked.matchingRule.value) if asked.matchingRule else ""
        kind = _kind(asked.type.value) if asked.type else None
        raw = asked.matchValue.value
        if kind is None:
            return None
        match rule:
            case "":
                return self._equals(entry, asked.type.value, raw)
            case _ if rule == IN_CHAIN:
                return self._in_chain(entry, kind, _text(raw))
            case _ if rule in {BIT_AND, BIT_OR} and kind.kind in {"int", "long"}:
                if not re.fullmatch(rb"-?\d+", raw):
                    return None
                bits = int(raw) & 0xFFFFFFFFFFFFFFFF
                held = [int(value) & bits for value in self._values(entry, kind)]
                return any(value == bits if rule == BIT_AND else value != 0 for value in held)
            case _:
                return None

    def _in_chain(self, entry: Entry, kind: Attribute, dn: str) -> bool | None:
        """Is the entry linked to `dn`, directly or over others of the same kind."""
        try:
            other = self.tree.at(dn)
        except ValueError:
            return None
        if other is None:
            return False
        match kind.name:
            case "memberOf":
                return any(group.guid == other.guid for group in groups_of(entry, self.tree))
            case "member":
                return any(group.guid == entry.guid for group in groups_of(other, self.tree))
            case "manager":
                return other.guid in self._above(entry)
            case _:
                return None

    def _above(self, entry: Entry) -> list[str]:
        above: list[str] = []
        waiting = [*entry.stored("manager")]
        while waiting:
            guid = waiting.pop()
            found = self.tree.get(guid)
            if found is not None and guid not in above:
                above.append(guid)
                waiting.extend(found.stored("manager"))
        return above


@functools.lru_cache(maxsize=1024)
def _kind(description: bytes) -> Attribute | None:
    return ATTRIBUTES.get(_text(description).partition(";")[0].lower())


def _text(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")


def _not(truth: bool | None) -> bool | None:  # noqa: FBT001 - a truth value is the subject
    return None if truth is None else not truth


def _all(parts: Iterable[bool | None]) -> bool | None:
    truth: bool | None = True
    for part in parts:
        if part is False:
            return False
        truth = truth and part
    return truth
