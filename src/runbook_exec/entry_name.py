"""As much of directory names (RFC 4514) as is needed to ask for one and to call one by name."""

from __future__ import annotations

import re


def canonical(dn: str) -> str:
    """A DN as the directory is asked for it: lower case, no spaces around `,` and `=`."""
    parts = (part.partition("=") for part in re.split(r"(?<!\\),", dn))
    return ",".join(f"{kind.strip()}{sign}{value.strip()}".lower() for kind, sign, value in parts)


def first_value(dn: str) -> str:
    r"""`CN=Weiß\, Anna,OU=…` → `Weiß, Anna`; an id stays as it is."""
    first = re.split(r"(?<!\\),", dn)[0]
    kind, equals, value = first.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", kind):
        return dn
    pieces = re.sub(r"((?:\\[0-9A-Fa-f]{2})+)", _unhexed, value)
    return re.sub(r"\\(.)", r"\1", pieces).partition("\n")[0].partition("\x00")[0]


def _unhexed(match: re.Match[str]) -> str:
    return bytes.fromhex(match[1].replace("\\", "")).decode("utf-8", errors="replace")
