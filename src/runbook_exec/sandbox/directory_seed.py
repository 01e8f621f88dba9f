"""The rehearsal company's directory before anybody is in it: domain, organizational units, accounts of service."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path

from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox.directory_accounts import NEVER
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_rights import DELETED, REHEARSAL, WRITE
from runbook_exec.sandbox.directory_writes import DOMAIN_SID, Writes

BASE = "DC=corp,DC=kranich,DC=example"

UNITS = (
    "OU=Standorte",
    "OU=Wuppertal,OU=Standorte",
    "OU=Benutzer,OU=Wuppertal,OU=Standorte",
    "OU=Computer,OU=Wuppertal,OU=Standorte",
    "OU=Brno,OU=Standorte",
    "OU=Benutzer,OU=Brno,OU=Standorte",
    "OU=Computer,OU=Brno,OU=Standorte",
    "OU=Gruppen",
    "OU=Extern",
    "OU=Dienstkonten",
    "OU=Admins",
    "OU=Ausgeschieden",
    "OU=Archiv",
)

SERVICES = {
    "svc-runbook": [WRITE, DELETED],
    "svc-runbook-plan": [DELETED],
    "svc-inventar": [],
}
"""Accounts of service and what is delegated to them. `svc-inventar` is blind to deleted entries."""

_MINUTE = 600_000_000
_GROUPS = (("Domain Admins", 512, True), ("Domain Users", 513, False), ("Domain Computers", 515, False))


def plant(writes: Writes, passwords: dict[str, str]) -> None:
    """Make the domain and everything that every domain has, the units, and the accounts of service."""
    _domain(writes)
    for unit in UNITS:
        writes.add(f"{unit},{writes.base}", {"objectClass": [b"organizationalUnit"]}, REHEARSAL)
    for login, password in passwords.items():
        account = writes.add(
            f"CN={login},OU=Dienstkonten,{writes.base}",
            {
                "objectClass": [b"user"],
                "sAMAccountName": [login.encode()],
                "userPrincipalName": [f"{login}@kranich.example".encode()],
                "displayName": [login.encode()],
                "userAccountControl": [b"66048"],
                "unicodePwd": [f'"{password}"'.encode("utf-16-le")],
            },
            REHEARSAL,
        )
        account.rights = SERVICES[login]
        writes.tree.save(account)


def password_files(folder: Path) -> dict[str, Path]:
    """A file with a generated password for each account of service, readable by its owner alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    files = {login: folder / f"directory-{login}" for login in SERVICES}
    for file in files.values():
        if not file.exists():
            file.touch(mode=0o600)
            # The prefix satisfies the complexity rule; hexadecimal digits never spell a part of a login.
            file.write_text(f"Aa1-{secrets.token_hex(16)}")
    return files


def _domain(writes: Writes) -> None:
    base = writes.base
    _raw(
        writes,
        base,
        ["top", "domain", "domainDNS"],
        objectSid=DOMAIN_SID,
        minPwdLength="7",
        pwdProperties="1",
        pwdHistoryLength="24",
        maxPwdAge=str(-365 * 24 * 60 * _MINUTE),
        minPwdAge="0",
        lockoutThreshold="5",
        lockoutDuration=str(-30 * _MINUTE),
        lockOutObservationWindow=str(-30 * _MINUTE),
    )
    domain = writes.at(base)
    domain.attributes["uPNSuffixes"] = ["kranich.example"]
    domain.attributes["wellKnownObjects"] = [
        f"B:32:{guid}:{dn}"
        for guid, dn in (
            ("A9D1CA15768811D1ADED00C04FD8D5CD", f"CN=Users,{base}"),
            ("AA312825768811D1ADED00C04FD8D5CD", f"CN=Computers,{base}"),
            ("18E2EA80684F11D2B9AA00C04F79F805", writes.bin),
        )
    ]
    writes.tree.save(domain)
    for name in ("Users", "Computers"):
        _raw(writes, f"CN={name},{base}", ["top", "container"])
    _raw(writes, f"CN=Builtin,{base}", ["top", "builtinDomain"])
    _raw(writes, writes.bin, ["top", "container"], deleted=True)
    for name, rid, protected in _GROUPS:
        group = _raw(
            writes,
            f"CN={name},CN=Users,{base}",
            ["top", "group"],
            sAMAccountName=name,
            objectSid=f"{DOMAIN_SID}-{rid}",
            groupType="-2147483646",
        )
        if protected:
            group.attributes["adminCount"] = ["1"]
            writes.tree.save(group)
    administrator = _raw(
        writes,
        f"CN=Administrator,CN=Users,{base}",
        ["top", "person", "organizationalPerson", "user"],
        sAMAccountName="Administrator",
        objectSid=f"{DOMAIN_SID}-500",
        userAccountControl="66050",
        primaryGroupID="513",
        accountExpires=str(NEVER),
        pwdLastSet="0",
        adminCount="1",
    )
    admins = writes.at(f"CN=Domain Admins,CN=Users,{base}")
    admins.links["member"] = [administrator.guid]
    writes.tree.save(admins)


def _raw(writes: Writes, dn: str, classes: list[str], *, deleted: bool = False, **single: str) -> Entry:
    """An entry that every domain is born with; no rule applies to it."""
    entry = Entry(guid=str(uuid.uuid4()), dn=names.join(names.parse(dn)), deleted=deleted)
    entry.attributes = {"objectClass": classes, **{name: [value] for name, value in single.items()}}
    entry.attributes["isCriticalSystemObject"] = ["TRUE"]
    writes.touch(entry, created=True)
    writes.tree.save(entry)
    return entry
