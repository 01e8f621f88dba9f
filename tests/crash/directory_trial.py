"""The directory alone: an account, memberships, attributes, a move, with the server's own log as witness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ldap3
from crash.trial import Trial, counted, secret_file
from servers import slapd

GROUPS = ("staff", "vpn")
_BOOKKEEPING = ("entryCSN:", "modifiersName:", "modifyTimestamp:", "creatorsName:", "createTimestamp:")
PASSWORD = "userPassword"


class InDirectory:
    """An OpenLDAP server and its access log."""

    def __init__(self, server: slapd.Slapd, folder: Path) -> None:
        self.server, self.folder = server, folder
        with server.raw() as raw:
            for group in GROUPS:
                raw.add(f"cn={group},{server.groups}", *server.group_classes(group, ()))

    def connection(self) -> dict[str, Any]:
        with ExitStack() as files:

            def password(name: str, value: str) -> str:
                return files.enter_context(secret_file(self.folder, name, value))

            writer = password("writer", slapd.PASSWORD)
            reader = password("reader", slapd.READER_PASSWORD)
        return {
            **self.server.connection,
            "password": writer,
            "planning": {"user": slapd.READER, "password": reader},
        }

    def effects(self, key: str) -> Iterator[Any]:
        """Each write with the values it set, as the server's own log has it; passwords by name alone."""
        query = f"(&(objectClass=auditWriteObject)(reqResult=0)(|(reqDN:caseIgnoreMatch:=*{key}*)(objectClass=*)))"
        with self.server._bound("cn=accesslog", slapd.ROOT_PASSWORD) as bound:
            bound.search("cn=accesslog", query, attributes=["reqType", "reqDN", "reqMod", "reqNewSuperior"])
            found = [one["raw_attributes"] for one in bound.response if one["type"] == "searchResEntry"]
        for one in found:
            mods = sorted(mod.decode(errors="replace") for mod in one.get("reqMod", ()))
            name, kind = one["reqDN"][0].decode(), one["reqType"][0].decode()
            if key not in name and not any(key in mod for mod in mods):
                continue
            told = [mod for mod in mods if not mod.startswith(_BOOKKEEPING)]
            if kind == "add":
                told = []
            if any(mod.startswith(PASSWORD) for mod in told):
                told = [PASSWORD]
            yield [kind, name, told]

    def state(self, key: str) -> Any:
        with self.server.raw() as raw:
            raw.search(
                slapd.BASE, f"(|(uid={key})(member=uid={key}*)(cn=*{key}*))", attributes=ldap3.ALL_ATTRIBUTES
            )
            entries = {
                one["dn"]: dict(one["attributes"]) for one in raw.response if one["type"] == "searchResEntry"
            }
            for entry in entries.values():
                entry.pop(PASSWORD, None)
            member = {}
            for group in GROUPS:
                raw.search(f"cn={group},{self.server.groups}", "(objectClass=*)", attributes=["member"])
                member[group] = [dn for dn in raw.response[0]["attributes"]["member"] if key in dn]
        return {"entries": entries, "groups": member}


class Directory(Trial):
    """Only the directory: an account, memberships, attributes, a move."""

    name = "directory"
    steps = (
        """
      - id: account
        title: {en: Account, de: Konto}
        uses: ldap.user
        with:
          ou: OU
          cn: "{{ login }}"
          sam: "{{ login }}"
          employee_id: "{{ login }}"
          mail: "{{ login }}@kranich.example"
          surname: Weiß
      - id: groups
        title: {en: Groups, de: Gruppen}
        uses: ldap.group_members
        with: {member: "{{ account.dn }}", add: [STAFF, VPN]}
      - id: phone
        title: {en: Phone, de: Telefon}
        uses: ldap.attributes
        with: {dn: "{{ account.dn }}", set: {telephoneNumber: "+49 202 555 1", title: Disponentin}}
      - id: move
        title: {en: Move, de: Umzug}
        uses: ldap.move
        with: {dn: "{{ account.dn }}", to: LEFT}
""".replace("STAFF", f'"cn=staff,{slapd.GROUPS}"')
        .replace("VPN", f'"cn=vpn,{slapd.GROUPS}"')
        .replace("OU", f'"{slapd.PEOPLE}"')
        .replace("LEFT", f'"{slapd.LEFT}"')
    )

    def __init__(self, directory: InDirectory) -> None:
        self.directory = directory

    def connections(self) -> dict[str, Any]:
        return {"ldap": self.directory.connection()}

    def effects(self, key: str) -> Counter[str]:
        return counted(self.directory.effects(key), key)

    def state(self, key: str) -> Any:
        return self.directory.state(key)
