"""One entry of the directory as it lies on the shelf."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from runbook_exec.sandbox.directory_attributes import ATTRIBUTES, LINKS


@dataclass
class Entry:
    """One entry. Names of attributes are canonical, values text; what is computed is not in here."""

    guid: str
    dn: str
    attributes: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    """Values of LINKS attributes as ids of the entries that they point at."""
    binary: dict[str, list[str]] = field(default_factory=dict)
    """Values of attributes of kind `bytes`, in base64."""
    password: dict[str, str] | None = None
    """Salted hash; never an attribute."""
    rights: list[str] = field(default_factory=list)
    """What has been delegated to this account, see directory_rights."""
    deleted: bool = False
    history: dict[str, list[str]] = field(default_factory=dict)
    """Of each attribute the last change: version, time, update number (see directory_history)."""
    link_history: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """The same of each link value, by its id: version, made, last change, update number, taken away."""

    @classmethod
    def from_body(cls, guid: str, body: dict[str, Any]) -> Entry:
        return cls(guid=guid, **body)

    def body(self) -> dict[str, Any]:
        return {
            "dn": self.dn,
            "attributes": self.attributes,
            "links": self.links,
            "binary": self.binary,
            "password": self.password,
            "rights": self.rights,
            "deleted": self.deleted,
            "history": self.history,
            "link_history": self.link_history,
        }

    def draft(self) -> Entry:
        """A copy to change and check before it is saved."""
        return copy.deepcopy(self)

    def one(self, name: str) -> str | None:
        """The first stored value of an attribute of kind other than bytes or link."""
        return next(iter(self.attributes.get(name, ())), None)

    def number(self, name: str) -> int:
        return int(self.one(name) or 0)

    def stored(self, name: str) -> list[str]:
        """The stored values under a canonical name: text, ids of links, or base64."""
        return self._place(name).get(name, [])

    def put(self, name: str, values: list[str]) -> None:
        """Set the stored values; none removes the attribute."""
        place = self._place(name)
        place.pop(name, None)
        if values:
            place[name] = values

    def _place(self, name: str) -> dict[str, list[str]]:
        if name in LINKS:
            return self.links
        return (
            self.binary
            if ATTRIBUTES[name.lower()].kind == "bytes" and name not in _AS_TEXT
            else self.attributes
        )

    @property
    def object_class(self) -> str:
        """The most special class."""
        return self.attributes["objectClass"][-1]


_AS_TEXT = frozenset({"objectSid", "sIDHistory"})
"""Bytes on the wire, but kept in their text form (S-1-5-…)."""
