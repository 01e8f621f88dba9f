"""How servers after RFC 4519 say it: OpenLDAP with the ppolicy overlay, and its kin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from runbook_exec.actions.ldap.dialect import Dialect, Mod, Raw, escaped, texts
from runbook_exec.change import Json

LOCKED_FOR_GOOD = "000001010000Z"
"""pwdAccountLockedTime of an account that only an administrator opens (draft-behera-ldap-password-policy)."""


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
        classes = {name.lower() for name in texts(raw, "objectClass")}
        if not classes & {"person", "inetorgperson", "account", "posixaccount"}:
            return None
        return texts(raw, "pwdAccountLockedTime") != [LOCKED_FOR_GOOD]

    def locked(self, raw: Raw) -> bool:
        return bool(texts(raw, "pwdAccountLockedTime")) and self.enabled(raw) is True

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
