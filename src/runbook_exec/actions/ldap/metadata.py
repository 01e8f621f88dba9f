"""How a directory of Active Directory's kind tells when each attribute was last changed. Pure.

AD gives XML, one text for each attribute (`msDS-ReplAttributeMetaData`) and for each link value
(`msDS-ReplValueMetaData`). Samba serves neither, but the bytes behind the first
(`replPropertyMetaData`, MS-DRSR 5.162), which name an attribute by a number: a prefix of
its OID and the rest (MS-DRSR 5.16.4). Of link values Samba tells nothing.
"""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ATTRIBUTES, LINKS, BYTES = "msDS-ReplAttributeMetaData", "msDS-ReplValueMetaData", "replPropertyMetaData"
NEVER = "1601-01-01T00:00:00Z"
_FIELD = re.compile(r"<(\w+)>([^<]*)</\1>")
_ENTRY = struct.Struct("<IIQ16sQQ")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The last change of one attribute, or of one link value."""

    name: str
    at: str
    """UTC, ISO 8601, to the second."""
    version: int
    usn: int
    link: str = ""
    """Of a link value: the name of the other end."""
    removed: bool = False
    """The link value was taken away."""


def from_xml(values: Iterable[bytes]) -> Iterator[Mark]:
    """Attributes or link values as AD tells them; what has no name or time is left out."""
    for value in values:
        fields = {
            name: html.unescape(text) for name, text in _FIELD.findall(value.decode("utf-8", "replace"))
        }
        name, at = fields.get("pszAttributeName", ""), fields.get("ftimeLastOriginatingChange", "")
        if not name or not at or at == NEVER:
            continue
        yield Mark(
            name=name,
            at=at.replace("Z", "+00:00"),
            version=int(fields.get("dwVersion", "0")),
            usn=int(fields.get("usnOriginatingChange", "0")),
            link=fields.get("pszObjectDn", ""),
            removed=fields.get("ftimeDeleted", NEVER) != NEVER,
        )


def from_bytes(value: bytes, names: Mapping[int, str]) -> Iterator[Mark]:
    """Attributes as Samba tells them; one whose number is unknown is named by it."""
    version, _, count, _ = struct.unpack_from("<IIII", value)
    if version != 1:
        return
    for place in range(count):
        number, changes, seconds, _, usn, _ = _ENTRY.unpack_from(value, 16 + place * _ENTRY.size)
        at = (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds")
        yield Mark(name=names.get(number, f"attribute 0x{number:08x}"), at=at, version=changes, usn=usn)


PREFIXES = {
    "2.5.4": 0, "2.5.6": 1, "1.2.840.113556.1.2": 2, "1.2.840.113556.1.3": 3, "2.5.5": 8, "1.2.840.113556.1.4": 9,
    "1.2.840.113556.1.5": 10, "0.9.2342.19200300.100": 19, "2.16.840.1.113730.3": 20, "0.9.2342.19200300.100.1": 21,
    "2.16.840.1.113730.3.1": 22, "1.2.840.113556.1.5.7000": 23, "2.5.21": 24, "2.5.18": 25, "2.5.20": 26,
    "1.3.6.1.4.1.1466.101.119": 27, "2.16.840.1.113730.3.2": 28, "1.3.6.1.4.1.250.1": 29, "1.2.840.113549.1.9": 30,
    "0.9.2342.19200300.100.4": 31, "1.2.840.113556.1.6.23": 32, "1.2.840.113556.1.6.18.1": 33,
    "1.2.840.113556.1.6.18.2": 34, "1.2.840.113556.1.6.13.3": 35, "1.2.840.113556.1.6.13.4": 36,
    "1.3.6.1.1.1.1": 37, "1.3.6.1.1.1.2": 38,
}  # fmt: skip
"""The table that every such directory begins with."""


def number_of(oid: str) -> int | None:
    """The number that stands for an attribute; None where its prefix is not in the table."""
    prefix, _, last = oid.rpartition(".")
    rest = int(last)
    if prefix not in PREFIXES:
        return None
    low = rest % 16384
    return (PREFIXES[prefix] << 16) + (low + 32768 if rest >= 16384 else low)
