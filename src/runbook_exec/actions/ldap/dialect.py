"""What differs between Active Directory and servers after RFC 4519 (OpenLDAP and its kin).

Actions ask the dialect and never which one it is. The two are in `active_directory` and
`rfc4519`; `dialects` knows which one a server speaks.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from runbook_exec.change import Json, State
from runbook_exec.errors import Invalid

Raw = Mapping[str, Sequence[bytes]]
"""Attributes as the server gave them."""


@dataclass(frozen=True, slots=True)
class Mod:
    """One modification of one attribute: `add`, `delete` or `replace` these values."""

    attribute: str
    kind: str
    values: tuple[bytes, ...] = ()


class Dialect(ABC):
    """One way to say the same things."""

    name: ClassVar[str]
    title: ClassVar[str]
    id_attribute: ClassVar[str]
    dn_attribute: ClassVar[str]
    """Operational attribute that equals the entry's own name, for reading many entries in one search."""
    operational: ClassVar[tuple[str, ...]]
    """Attributes that `*` does not give and that we need."""
    names: ClassVar[Mapping[str, str]]
    """Argument of `ldap.user` → attribute; an argument that is missing has no place on this server."""
    person_classes: ClassVar[tuple[str, ...]]
    person_filter: ClassVar[str]
    surname_needed: ClassVar[bool]
    deleted_control: ClassVar[str | None]
    """Control that shows deleted entries; None where the server keeps none."""
    password_opens: ClassVar[bool]
    """True where setting a password opens a disabled account, so that it must be shut again."""
    tells_rights: ClassVar[bool]
    """True where entries say what we may do with them ([MS-ADTS] 3.1.1.4.5: allowed…Effective)."""
    opens_without_password: ClassVar[bool]
    """True where an account may be enabled that has no password yet."""

    @abstractmethod
    def read_id(self, raw: bytes) -> str:
        """The immutable id as text."""

    @abstractmethod
    def id_filter(self, identity: str) -> str:
        """A filter that finds the entry of this id."""

    @abstractmethod
    def enabled(self, raw: Raw) -> bool | None:
        """Whether the account may be used; None where the entry is no account."""

    @abstractmethod
    def locked(self, raw: Raw) -> bool:
        """Whether too many wrong passwords have shut the account for a while."""

    @abstractmethod
    def born(self, *, enabled: bool) -> Mapping[str, Json]:
        """Attributes that a new account starts with."""

    @abstractmethod
    def switch(self, raw: Raw, *, enabled: bool) -> list[Mod]:
        """What enables or disables the account; fails at the server if somebody switched it meanwhile."""

    @abstractmethod
    def unlock(self, raw: Raw) -> list[Mod]:
        """What ends a lockout."""

    @abstractmethod
    def password(self, value: str) -> list[Mod]:
        """What sets a password by a modify."""

    @abstractmethod
    def shut_again(self) -> list[Mod]:
        """What disables an account that setting its password has opened."""

    @abstractmethod
    def password_mark(self, raw: Raw) -> Sequence[bytes]:
        """What the server itself changes whenever it sets a password."""

    @abstractmethod
    def must_change(self, *, now: bool) -> list[Mod]:
        """What makes the next login ask for a new password, or not."""

    @abstractmethod
    def holder_filter(self, value: bytes) -> str:
        """Who has this value as login, UPN, mail or proxy address."""

    @abstractmethod
    def keeps_a_member(self, classes: Sequence[str]) -> bool:
        """True for groups that cannot be empty."""

    def member_attribute(self, classes: Sequence[str]) -> str:
        """The attribute that holds the members' names."""
        low = {name.lower() for name in classes}
        if "groupofuniquenames" in low:
            return "uniqueMember"
        if "posixgroup" in low and "groupofnames" not in low:
            raise Invalid(
                "a posixGroup lists logins, not entries, and is not handled here",
                next_move="use a groupOfNames beside it",
            )
        return "member"

    def membership_filter(self, member: bytes) -> str:
        """Which groups have this member."""
        return f"(|(member={escaped(member)})(uniqueMember={escaped(member)}))"

    def protected(self, entry: State) -> bool:
        """True where the directory shields the entry from delegated rights."""
        return str((entry or {}).get("adminCount") or "0") not in {"0", ""}


def escaped(value: bytes) -> str:
    """A value in a search filter: all but letters and digits in hex, so that none of it is syntax."""
    return "".join(_IN_FILTER[byte] for byte in value)


_IN_FILTER = tuple(chr(b) if chr(b).isascii() and chr(b).isalnum() else f"\\{b:02x}" for b in range(256))


def sid_text(raw: bytes) -> str:
    """A binary security identifier as S-1-5-…; '' where it is none."""
    if len(raw) < 8 or len(raw) != 8 + 4 * raw[1]:
        return ""
    parts = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, len(raw), 4)]
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])


def texts(raw: Raw, name: str) -> list[str]:
    """The values of an attribute as text."""
    return [value.decode("utf-8", "replace") for value in raw.get(name, ())]


def number(raw: Raw, name: str) -> int | None:
    """The only value of an attribute as a number; None where there is none."""
    values = texts(raw, name)
    return int(values[0]) if values and re.fullmatch(r"-?\d+", values[0]) else None
