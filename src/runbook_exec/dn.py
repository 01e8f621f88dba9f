"""Distinguished names after RFC 4514: escaping, parsing, and whether one lies inside another.

Our own, since ldap3's `escape_rdn` lets NUL and newline through and fails on an empty
string. Text that a person or HR wrote enters a name by `Dn.child` alone, and every name
that is built can be parsed back to the same parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from runbook_exec.errors import Invalid

Pair = tuple[str, str]
"""Attribute type and value, unescaped: ("CN", "Weiß, Anna")."""

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+")
_SPECIAL = frozenset('"+,;<>\\')
_HEX = frozenset("0123456789abcdefABCDEF")
_TEXT_TAGS = {0x04, 0x0C, 0x13, 0x16}
"""BER tags of values that are text: octet, UTF-8, printable and IA5 string."""


@dataclass(frozen=True, slots=True)
class Dn:
    """A name as its parts, the leaf first; `str()` gives RFC 4514 text with the least escaping."""

    rdns: tuple[tuple[Pair, ...], ...]

    def __str__(self) -> str:
        return ",".join("+".join(f"{kind}={escape(value)}" for kind, value in rdn) for rdn in self.rdns)

    @property
    def canonical(self) -> str:
        """One spelling for one name: lower case (see `fold`), least escaping."""
        return _canonical(self)

    @property
    def parent(self) -> Dn:
        return Dn(self.rdns[1:])

    @property
    def leaf(self) -> Dn:
        """The first part alone, as `modify DN` wants it."""
        return Dn(self.rdns[:1])

    @property
    def name(self) -> str:
        """The first part's value: what people call the thing."""
        return self.rdns[0][0][1] if self.rdns else ""

    def child(self, kind: str, value: str) -> Dn:
        """The name of an entry below this one; parsed back before it is given away."""
        if not value.strip():
            raise Invalid(
                f"an empty {kind} cannot name an entry below {self}",
                next_move="check the input that the name is made from",
            )
        made = Dn((((kind, value),), *self.rdns))
        if parse(str(made)) != made or not made.is_inside(self):
            raise Invalid(f"{value!r} makes no name below {self}", next_move="check the value")
        return made

    def is_inside(self, base: Dn) -> bool:
        """True for the base itself and for everything below it, whatever the spelling."""
        own, other = self.canonical_rdns(), base.canonical_rdns()
        return len(own) >= len(other) and own[len(own) - len(other) :] == other

    def canonical_rdns(self) -> tuple[tuple[Pair, ...], ...]:
        return _canonical_rdns(self)


@lru_cache(maxsize=4096)
def _canonical(name: Dn) -> str:
    return ",".join(
        "+".join(sorted(f"{kind.lower()}={escape(fold(value))}" for kind, value in rdn)) for rdn in name.rdns
    )


@lru_cache(maxsize=4096)
def _canonical_rdns(name: Dn) -> tuple[tuple[Pair, ...], ...]:
    return tuple(tuple(sorted((kind.lower(), fold(value)) for kind, value in rdn)) for rdn in name.rdns)


def fold(value: str) -> str:
    """A value in lower case, as far as every directory agrees that case does not count.

    Not case folding: that would make `weiß` and `weiss` one name, and to OpenLDAP they are
    two entries. Letters whose lower case does not lead back (İ, ẞ) stay, and so does all but the
    everyday letters of Latin, Greek and Cyrillic: a server that knows an older Unicode takes
    Ӻ and ӻ for two. A name too many costs a read; two people under one name would cost the
    wrong person's account.
    """
    return value.lower() if value.isascii() else "".join(map(_fold_letter, value))


def _fold_letter(char: str) -> str:
    low = char.lower()
    return low if len(low) == 1 and low.upper() == char and _is_everyday(char) else char


def _is_everyday(char: str) -> bool:
    return char < "\u0180" or "\u0391" <= char <= "\u03a9" or "\u0400" <= char <= "\u042f"


def escape(value: str) -> str:
    """A value as it stands in a name: little is escaped, control characters and `=` in hex.

    RFC 4514 lets `=` stand, but Samba refuses a name that holds it unescaped.
    Bytes that were no UTF-8 (`parse` keeps them as lone surrogates) become hex again.
    """
    out = []
    last = len(value) - 1
    for index, char in enumerate(value):
        if char in _SPECIAL or (char == "#" and index == 0) or (char == " " and index in {0, last}):
            out.append("\\" + char)
        elif char < " " or char in "\x7f=" or "\ud800" <= char <= "\udfff":
            out.extend(f"\\{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
        else:
            out.append(char)
    return "".join(out)


@lru_cache(maxsize=4096)
def parse(text: str) -> Dn:
    """RFC 4514 text → parts; also takes spaces around `,`, `+` and `=`, as people write them."""
    if not text.strip():
        return Dn(())
    rest, rdns, pairs = text, [], []
    while True:
        pair, end, rest = _pair(rest, text)
        pairs.append(pair)
        if end == "+":
            continue
        rdns.append(tuple(pairs))
        pairs = []
        if not end:
            return Dn(tuple(rdns))


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The canonical form of a name given as text."""
    return parse(text).canonical


def one_spelling(name: str) -> str:
    """One spelling for one far-side name: a directory name, a UPN, an id."""
    try:
        return canonical(name).casefold()
    except Invalid:
        return name.strip().casefold()


def same_name(one: str, other: str) -> bool:
    """True if two texts name the same entry; a text that is no name equals only itself."""
    try:
        return parse(one).canonical_rdns() == parse(other).canonical_rdns()
    except Invalid:
        return one == other


def first_value(text: str) -> str:
    r"""What people call an entry: `CN=Weiß\, Anna,OU=…` → `Weiß, Anna`; a text that is no name stays as it is.

    AD puts a line feed and the id behind the name of a deleted entry; they are left out.
    """
    try:
        name = parse(text).name
    except Invalid:
        return text
    return name.partition("\n")[0].partition("\x00")[0] or text


def _pair(rest: str, whole: str) -> tuple[Pair, str, str]:
    kind, equals, rest = rest.partition("=")
    kind = kind.strip()
    kind = kind[4:] if kind[:4].upper() == "OID." else kind
    if not equals or not _TYPE.fullmatch(kind):
        raise _wrong(whole, f"{kind!r} is no attribute type" if equals else "a part has no '='")
    rest = rest.lstrip(" ")
    if rest.startswith("#"):
        value, rest = _hex_value(rest[1:], whole)
        end, rest = rest[:1], rest[1:]
        if end not in {"", ",", "+", ";"}:
            raise _wrong(whole, "something follows a #hex value")
    else:
        value, end, rest = _text_value(rest, whole)
    if end and not rest.strip():
        raise _wrong(whole, f"it ends in {end!r}")
    return (kind, value), "," if end == ";" else end, rest


def _text_value(rest: str, whole: str) -> tuple[str, str, str]:
    out = bytearray()
    kept = 0  # length up to the last character that is not an unescaped space
    index = 0
    while index < len(rest):
        char = rest[index]
        if char in ",+;":
            return _decoded(out[:kept]), char, rest[index + 1 :]
        if char in '"<>' or char == "\0":
            raise _wrong(
                whole, f"{char!r} must be written as \\{char}" if char != "\0" else "it holds a raw NUL"
            )
        if char == "\\":
            byte, used = _escaped(rest[index + 1 : index + 3], whole)
            out += byte
            index += 1 + used
            kept = len(out)
            continue
        out += char.encode("utf-8", "surrogateescape")
        index += 1
        if char != " ":
            kept = len(out)
    return _decoded(out[:kept]), "", ""


def _escaped(two: str, whole: str) -> tuple[bytes, int]:
    if len(two) == 2 and set(two) <= _HEX:
        return bytes([int(two, 16)]), 2
    if two and two[0].isascii() and not two[0].isalnum() and two[0] != "\0":
        return two[0].encode(), 1  # more than RFC 4514 allows: Samba writes \? in names that it gives
    raise _wrong(whole, f"\\{two[:1]} is no escape")


def _decoded(raw: bytes | bytearray) -> str:
    return bytes(raw).decode("utf-8", "surrogateescape")


def _hex_value(rest: str, whole: str) -> tuple[str, str]:
    digits = re.match(r"[0-9A-Fa-f]*", rest)
    text = digits[0] if digits else ""
    raw = bytes.fromhex(text) if len(text) % 2 == 0 else b""
    if len(raw) < 2 or raw[0] not in _TEXT_TAGS or raw[1] > 127 or raw[1] != len(raw) - 2:
        raise _wrong(whole, "a #hex value is no BER string of text")
    return _decoded(raw[2:]), rest[len(text) :].lstrip(" ")


def _wrong(whole: str, why: str) -> Invalid:
    shown = whole if len(whole) <= 120 else whole[:117] + "…"
    return Invalid(
        f"{shown!r} is no distinguished name: {why}",
        next_move='write it like OU=Benutzer,DC=corp,DC=example, with a backslash before , + " \\ < > ;',
    )
