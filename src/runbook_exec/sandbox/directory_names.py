"""Distinguished names and comparison as Active Directory does both.

A name is compared by its folded form: without case, accents and width (`Müller`,
`MULLER` and `muller` are one name), `ß` equal to `ss`, `ø` to `o` (Microsoft's knowledge
base, 938447; that AD treats other barred letters as it does `ø` is our assumption).
"""

from __future__ import annotations

import functools
import re
import unicodedata

Rdn = tuple[str, str]
"""One part of a distinguished name: attribute, value without escapes."""

_MUST_ESCAPE = ',+"\\<>;='
_BARRED = str.maketrans("øłđħŧ", "oldht")  # Unicode takes these for letters of their own
_PAIR = re.compile(r"[0-9a-fA-F]{2}")


@functools.lru_cache(maxsize=8192)
def fold(value: str) -> str:
    """The form in which two values are compared (MS-ADTS 3.1.1.2.2.4, string comparison)."""
    apart = unicodedata.normalize("NFKD", value.casefold())
    return "".join(char for char in apart if unicodedata.category(char) != "Mn").casefold().translate(_BARRED)


@functools.lru_cache(maxsize=8192)
def parse(dn: str) -> tuple[Rdn, ...]:
    """The parts of a distinguished name, the innermost first; ValueError where it is none."""
    parts: list[Rdn] = []
    rest = dn.lstrip(" ")  # a blank at the end may be escaped
    while rest:
        attribute, equals, rest = rest.partition("=")
        attribute = attribute.strip(" ")
        if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)*", attribute):
            raise ValueError(f"{dn!r} is no distinguished name")
        value, rest, more = _value(rest.lstrip(" "), dn)
        parts.append((attribute, value))
        if more and not rest.strip(" "):
            raise ValueError(f"{dn!r} ends in a comma")
    return tuple(parts)


def _value(text: str, dn: str) -> tuple[str, str, bool]:
    """The value at the start of `text`, what follows it, and whether a comma stood between."""
    raw, place, kept = bytearray(), 0, 0
    while place < len(text):
        char = text[place]
        if char == "\\":
            pair = text[place + 1 : place + 3]
            if _PAIR.fullmatch(pair):
                raw += bytes.fromhex(pair)
                place += 3
            elif pair:
                raw += pair[0].encode()
                place += 2
            else:
                raise ValueError(f"{dn!r} ends in a backslash")
            kept = len(raw)  # an escaped blank at the end counts
            continue
        if char in ",;":
            break
        if char in '+"<>':
            raise ValueError(f"{dn!r} has a bare {char!r}")
        raw += char.encode()
        place += 1
        kept = len(raw) if char != " " else kept
    if not kept:
        raise ValueError(f"{dn!r} has an empty value")
    return raw[:kept].decode(), text[place + 1 :], place < len(text)


def escape(value: str) -> str:
    """A value as it stands in a distinguished name that the directory hands out."""
    out = "".join(
        f"\\{char}" if char in _MUST_ESCAPE else f"\\{ord(char):02X}" if char < " " else char
        for char in value
    )
    if out.startswith(("#", " ")):
        out = "\\" + out
    if len(value) > 1 and value.endswith(" "):
        out = out[:-1] + "\\ "
    return out


def join(parts: tuple[Rdn, ...]) -> str:
    """The distinguished name of these parts, the innermost first."""
    return ",".join(f"{attribute}={escape(value)}" for attribute, value in parts)


@functools.lru_cache(maxsize=8192)
def key(dn: str) -> str:
    """The same for all spellings of one name; ValueError where it is none."""
    return ",".join(f"{attribute.lower()}={escape(fold(value))}" for attribute, value in parse(dn))


def parent(dn: str) -> str:
    """The name of the entry above."""
    return join(parse(dn)[1:])


def first(dn: str) -> Rdn:
    """The innermost part; IndexError where the name is empty."""
    return parse(dn)[0]


def is_under(dn: str, base: str) -> bool:
    """True where `dn` is `base` or lies below it."""
    wanted = key(base)
    return not wanted or key(dn) == wanted or key(dn).endswith("," + wanted)
