"""What differs between Active Directory and servers after RFC 4519 (OpenLDAP and its kin).

Actions ask the dialect and never which one it is. Which one a server speaks is read
from its root entry, and reaches `plan` as a fact (`ldap.server`).
"""

from __future__ import annotations

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from runbook_exec.change import Json, State
from runbook_exec.errors import Invalid

Raw = Mapping[str, Sequence[bytes]]
"""Attributes as the server gave them."""

DISABLED_BIT = 2
"""ACCOUNTDISABLE in userAccountControl."""

LOCKED_FOR_GOOD = "000001010000Z"
"""pwdAccountLockedTime of an account that only an administrator opens (draft-behera-ldap-password-policy)."""


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


class ActiveDirectory(Dialect):
    """Microsoft Active Directory, Samba AD."""

    name = "ad"
    title = "Active Directory"
    id_attribute = "objectGUID"
    dn_attribute = "distinguishedName"
    operational = ()
    names: ClassVar = {
        "sam": "sAMAccountName",
        "upn": "userPrincipalName",
        "mail": "mail",
        "given_name": "givenName",
        "surname": "sn",
        "display_name": "displayName",
        "employee_id": "employeeID",
    }
    person_classes = ("top", "person", "organizationalPerson", "user")
    person_filter = "(&(objectClass=user)(!(objectClass=computer)))"
    surname_needed = False
    deleted_control = "1.2.840.113556.1.4.417"
    password_opens = False
    tells_rights = True
    opens_without_password = False

    def read_id(self, raw: bytes) -> str:
        return str(uuid.UUID(bytes_le=raw))

    def id_filter(self, identity: str) -> str:
        return f"(objectGUID={escaped(uuid.UUID(identity).bytes_le)})"

    def enabled(self, raw: Raw) -> bool | None:
        control = _number(raw, "userAccountControl")
        return None if control is None else not control & DISABLED_BIT

    def locked(self, raw: Raw) -> bool:
        return bool(_number(raw, "lockoutTime"))

    def born(self, *, enabled: bool) -> Mapping[str, Json]:
        return {"userAccountControl": "512" if enabled else "514"}

    def switch(self, raw: Raw, *, enabled: bool) -> list[Mod]:
        # Only bit 2 is ours: the old value is named, so that the server refuses if it changed meanwhile.
        old = _number(raw, "userAccountControl") or 0
        new = old & ~DISABLED_BIT if enabled else old | DISABLED_BIT
        if old == new:
            return []
        return [
            Mod("userAccountControl", "delete", (str(old).encode(),)),
            Mod("userAccountControl", "add", (str(new).encode(),)),
        ]

    def unlock(self, raw: Raw) -> list[Mod]:
        return [Mod("lockoutTime", "replace", (b"0",))] if self.locked(raw) else []

    def password(self, value: str) -> list[Mod]:
        return [Mod("unicodePwd", "replace", (f'"{value}"'.encode("utf-16-le"),))]

    def shut_again(self) -> list[Mod]:
        return []

    def password_mark(self, raw: Raw) -> Sequence[bytes]:
        return [*raw.get("pwdLastSet", ()), *raw.get("uSNChanged", ())]

    def must_change(self, *, now: bool) -> list[Mod]:
        return [Mod("pwdLastSet", "replace", (b"0",))] if now else []

    def holder_filter(self, value: bytes) -> str:
        text = escaped(value)
        proxy = text if b":" in value else f"smtp:{text}"
        return (
            f"(|(sAMAccountName={text})(sAMAccountName={text}$)(userPrincipalName={text})(mail={text})"
            f"(proxyAddresses={proxy}))"
        )

    def keeps_a_member(self, classes: Sequence[str]) -> bool:
        return False

    def membership_filter(self, member: bytes) -> str:
        return f"(member={escaped(member)})"


class Rfc4519(Dialect):
    """Servers with inetOrgPerson and groupOfNames; disabled and locked by the ppolicy overlay."""

    name = "rfc4519"
    title = "RFC 4519 (OpenLDAP)"
    id_attribute = "entryUUID"
    dn_attribute = "entryDN"
    operational = ("entryUUID", "memberOf", "pwdAccountLockedTime", "pwdReset", "pwdChangedTime", "entryCSN")
    names: ClassVar = {
        "sam": "uid",
        "mail": "mail",
        "given_name": "givenName",
        "surname": "sn",
        "display_name": "displayName",
        "employee_id": "employeeNumber",
    }
    person_classes = ("inetOrgPerson",)
    person_filter = "(objectClass=inetOrgPerson)"
    surname_needed = True
    deleted_control = None
    password_opens = True
    tells_rights = False
    opens_without_password = True

    def read_id(self, raw: bytes) -> str:
        return raw.decode().lower()

    def id_filter(self, identity: str) -> str:
        return f"(entryUUID={escaped(identity.encode())})"

    def enabled(self, raw: Raw) -> bool | None:
        classes = {name.lower() for name in _texts(raw, "objectClass")}
        if not classes & {"person", "inetorgperson", "account", "posixaccount"}:
            return None
        return _texts(raw, "pwdAccountLockedTime") != [LOCKED_FOR_GOOD]

    def locked(self, raw: Raw) -> bool:
        return bool(_texts(raw, "pwdAccountLockedTime")) and self.enabled(raw) is True

    def born(self, *, enabled: bool) -> Mapping[str, Json]:
        return {} if enabled else {"pwdAccountLockedTime": LOCKED_FOR_GOOD}

    def switch(self, raw: Raw, *, enabled: bool) -> list[Mod]:
        if enabled == self.enabled(raw):
            return []
        if enabled:
            return [Mod("pwdAccountLockedTime", "delete", (LOCKED_FOR_GOOD.encode(),))]
        # An account that is locked for a while keeps its time in the same attribute: replace it.
        return [Mod("pwdAccountLockedTime", "replace", (LOCKED_FOR_GOOD.encode(),))]

    def unlock(self, raw: Raw) -> list[Mod]:
        if not self.locked(raw):
            return []
        return [Mod("pwdAccountLockedTime", "delete", tuple(raw["pwdAccountLockedTime"]))]

    def password(self, value: str) -> list[Mod]:
        return [Mod("userPassword", "replace", (value.encode(),))]

    def password_mark(self, raw: Raw) -> Sequence[bytes]:
        return [*raw.get("pwdChangedTime", ()), *raw.get("entryCSN", ())]

    def shut_again(self) -> list[Mod]:
        # slapo-ppolicy removes pwdAccountLockedTime whenever a password is set.
        return [Mod("pwdAccountLockedTime", "replace", (LOCKED_FOR_GOOD.encode(),))]

    def must_change(self, *, now: bool) -> list[Mod]:
        return [Mod("pwdReset", "replace", (b"TRUE",) if now else ())]

    def holder_filter(self, value: bytes) -> str:
        text = escaped(value)
        return f"(|(uid={text})(uid={text}$)(mail={text})(mailAlternateAddress={text}))"

    def keeps_a_member(self, classes: Sequence[str]) -> bool:
        return bool({name.lower() for name in classes} & {"groupofnames", "groupofuniquenames"})


DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (ActiveDirectory(), Rfc4519())}


def dialect(name: str) -> Dialect:
    """The dialect of this name, as an environment or the `ldap.server` fact gives it."""
    if name not in DIALECTS:
        raise Invalid(f"{name!r} is no LDAP dialect", next_move="dialect: " + " or ".join(DIALECTS))
    return DIALECTS[name]


def detect(root: Raw) -> Dialect:
    """The dialect of a server, from its root entry ([MS-ADTS] 3.1.1.3.4.3: LDAP_CAP_ACTIVE_DIRECTORY_OID)."""
    return DIALECTS["ad" if b"1.2.840.113556.1.4.800" in root.get("supportedCapabilities", ()) else "rfc4519"]


def escaped(value: bytes) -> str:
    """A value in a search filter: all but letters and digits in hex, so that none of it is syntax."""
    return "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"\\{byte:02x}" for byte in value
    )


def sid_text(raw: bytes) -> str:
    """A binary security identifier as S-1-5-…; '' where it is none."""
    if len(raw) < 8 or len(raw) != 8 + 4 * raw[1]:
        return ""
    parts = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, len(raw), 4)]
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])


def _texts(raw: Raw, name: str) -> list[str]:
    return [value.decode("utf-8", "replace") for value in raw.get(name, ())]


def _number(raw: Raw, name: str) -> int | None:
    values = _texts(raw, name)
    return int(values[0]) if values and re.fullmatch(r"-?\d+", values[0]) else None
