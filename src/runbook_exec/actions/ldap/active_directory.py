"""How Active Directory and Samba AD say it ([MS-ADTS], [MS-ADA1] to [MS-ADA3])."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import ClassVar

from runbook_exec.actions.ldap.dialect import Dialect, Mod, Raw, escaped, number
from runbook_exec.change import Json

DISABLED_BIT = 2
"""ACCOUNTDISABLE in userAccountControl."""


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
        control = number(raw, "userAccountControl")
        return None if control is None else not control & DISABLED_BIT

    def locked(self, raw: Raw) -> bool:
        return bool(number(raw, "lockoutTime"))

    def born(self, *, enabled: bool) -> Mapping[str, Json]:
        return {"userAccountControl": "512" if enabled else "514"}

    def switch(self, raw: Raw, *, enabled: bool) -> list[Mod]:
        # Only bit 2 is ours: the old value is named, so that the server refuses if it changed meanwhile.
        old = number(raw, "userAccountControl") or 0
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
