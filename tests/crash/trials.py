"""The small runbooks: a directory with its access log, mail and tickets that count, Graph with its log, and all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import ldap3
from crash.doubles import Catcher, catcher
from crash.trial import Trial, counted, secret_file
from graph_double import Tenant, tenant
from servers import slapd

from runbook_exec.tickets.local import LocalDesk, open_desk

GROUPS = ("staff", "vpn")
_BOOKKEEPING = ("entryCSN:", "modifiersName:", "modifyTimestamp:", "creatorsName:", "createTimestamp:")
_PASSWORD = "userPassword"


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
            if any(mod.startswith(_PASSWORD) for mod in told):
                told = [_PASSWORD]
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
                entry.pop(_PASSWORD, None)
            member = {}
            for group in GROUPS:
                raw.search(f"cn={group},{self.server.groups}", "(objectClass=*)", attributes=["member"])
                member[group] = [dn for dn in raw.response[0]["attributes"]["member"] if key in dn]
        return {"entries": entries, "groups": member}


class AtDesk:
    """The local ticket desk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def connection(self) -> dict[str, Any]:
        return {"system": "local", "folder": str(self.folder)}

    @contextmanager
    def opened(self) -> Iterator[LocalDesk]:
        with open_desk({"folder": str(self.folder), "client": "kranich"}, write=False) as desk:
            yield desk

    def ticket(self, key: str) -> dict[str, Any] | None:
        with self.opened() as desk:
            number = desk.find_by_key(f"trial-{key}")
            found = dict(desk.read(number) or {}) if number else None
        if found is None:
            return None
        found.pop("id")
        for part in ("comments", "attachments"):
            found[part] = [
                {name: value for name, value in one.items() if name not in {"at", "size"}}
                for one in found[part]
            ]
        return found

    def effects(self, key: str) -> Iterator[Any]:
        found = self.ticket(key)
        if found is not None:
            yield ["ticket", key]
            yield from (["comment", one["text"]] for one in found["comments"])
            yield from (["attachment", one["name"]] for one in found["attachments"])


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


def _letter(step: str, to: str) -> str:
    values = "company: K, login: l, address: a, first_day: f, desk_phone: p, desk_address: d"
    return f"""
      - id: {step}
        title: {{en: Mail, de: Mail}}
        uses: mail.send
        with: {{to: "{to}", template: welcome, language: de, values: {{given_name: "{step}", {values}}}}}
        irreversible: a mail cannot be called back
"""


class Desk(Trial):
    """Tickets and mails: nothing of a mail can be read back, so a person looks into the catcher."""

    name = "desk"
    mails = ("first", "second")
    steps = (
        """
      - id: open
        title: {en: Ticket, de: Ticket}
        uses: ticket.open
        with: {key: "trial-{{ login }}", title: "For {{ login }}", text: begun}
"""
        + _letter("first", "{{ login }}@kranich.example")
        + """
      - id: note
        title: {en: Comment, de: Kommentar}
        uses: ticket.comment
        with: {ticket: "{{ open.id }}", text: "told {{ login }}"}
        irreversible: a comment stays
"""
        + _letter("second", "{{ login }}@kranich.example")
        + """
      - id: close
        title: {en: Close, de: Schließen}
        uses: ticket.close
        with: {ticket: "{{ open.id }}", text: done}
"""
    )

    def __init__(self, catcher: Catcher, desk: AtDesk) -> None:
        self.catcher, self.desk = catcher, desk

    def connections(self) -> dict[str, Any]:
        return {"mail": self.catcher.connection, "ticket": self.desk.connection()}

    def _mails(self, key: str) -> list[str]:
        return [one["text"].split(",")[0] for one in self.catcher.mails(f"{key}@kranich.example")]

    def effects(self, key: str) -> Counter[str]:
        found = [*self.desk.effects(key), *(["mail", text] for text in self._mails(key))]
        return counted(iter(found), key)

    def state(self, key: str) -> Any:
        return {"ticket": self.desk.ticket(key), "mails": self._mails(key)}

    def happened(self, key: str, step: str) -> bool:
        return any(step in text for text in self._mails(key))


class Cloud(Trial):
    """Graph: two accounts that are made, a membership, a licence."""

    name = "cloud"
    steps = (
        "".join(
            f"""
      - id: word_{who}
        title: {{en: Password, de: Kennwort}}
        uses: secret.generate
        with: {{length: 16}}
      - id: {who}
        title: {{en: Account, de: Konto}}
        uses: graph.user
        with:
          upn: "{{{{ login }}}}-{who}@kranich.example"
          display_name: "{{{{ login }}}} {who}"
          usage_location: DE
          password: "{{{{ word_{who}.value }}}}"
"""
            for who in ("one", "two")
        )
        + """
      - id: member
        title: {en: Member, de: Mitglied}
        uses: graph.group_members
        with: {group: Trial, add: ["{{ one.upn }}", "{{ two.upn }}"]}
      - id: title
        title: {en: Title, de: Titel}
        uses: graph.user
        with: {upn: "{{ one.upn }}", job_title: Disponentin}
"""
    )

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.group = tenant.cloud.add_group(
            {"displayName": "Trial", "mailNickname": "trial", "securityEnabled": True, "mailEnabled": False}
        )

    def connections(self) -> dict[str, Any]:
        return {"graph": self.tenant.settings}

    def effects(self, key: str) -> Counter[str]:
        return counted(self._writes(key), key)

    def _writes(self, key: str) -> Iterator[Any]:
        ids = self._ids(key)
        for one in self.tenant.writes():
            told = f"{one['path']} {one['body']}"
            if (
                one["status"] < 300
                and one["path"].count("/") >= 1
                and (key in told or any(i in told for i in ids))
            ):
                if "$batch" in one["path"] or "/oauth2/" in one["path"]:
                    continue
                yield [one["method"], one["path"], one["body"]]

    def _ids(self, key: str) -> list[str]:
        return [user["id"] for user in self.tenant.cloud.users() if key in user["userPrincipalName"]]

    def state(self, key: str) -> Any:
        group = self.tenant.cloud.group(self.group["id"])
        return [
            {
                **{
                    name: user.get(name)
                    for name in ("userPrincipalName", "displayName", "usageLocation", "jobTitle")
                },
                "member": user["id"] in group["_members"],
            }
            for user in self.tenant.cloud.users()
            if key in user["userPrincipalName"]
        ]


class Everything(Trial):
    """Side by side, element by element, with a password that lives in memory alone: all far sides at once."""

    name = "everything"
    renewed = frozenset({_PASSWORD, "pwdReset"})
    steps = (
        """
      - parallel:
          - id: account
            title: {en: Account, de: Konto}
            uses: ldap.user
            with: {ou: OU, cn: "{{ login }}", sam: "{{ login }}", employee_id: "{{ login }}", surname: Weiß}
          - id: open
            title: {en: Ticket, de: Ticket}
            uses: ticket.open
            with: {key: "trial-{{ login }}", title: "For {{ login }}", text: begun}
          - id: cloud_word
            title: {en: Password, de: Kennwort}
            uses: secret.generate
            with: {length: 16}
      - id: word
        title: {en: Password, de: Kennwort}
        uses: secret.generate
        with: {length: 16}
      - id: password
        title: {en: Password, de: Kennwort}
        uses: ldap.password
        with: {dn: "{{ account.dn }}", password: "{{ word.value }}"}
        irreversible: the old one is gone
      - id: each
        title: {en: Groups, de: Gruppen}
        uses: ldap.group_members
        for_each: "{{ ['staff', 'vpn'] }}"
        as: group
        with: {member: "{{ account.dn }}", add: ["cn={{ group }},GROUPS"]}
      - id: cloud
        title: {en: Cloud, de: Cloud}
        uses: graph.user
        with: {upn: "{{ login }}@kranich.example", display_name: "{{ login }}", password: "{{ cloud_word.value }}"}
""".replace("GROUPS", slapd.GROUPS).replace("OU", f'"{slapd.PEOPLE}"')
        + _letter("first", "{{ login }}@kranich.example")
        + """
      - id: close
        title: {en: Close, de: Schließen}
        uses: ticket.close
        with: {ticket: "{{ open.id }}"}
"""
    )

    def __init__(self, directory: Directory, desk: Desk, cloud: Cloud) -> None:
        self.parts = (directory, desk, cloud)
        self.desk = desk

    def connections(self) -> dict[str, Any]:
        return {name: body for part in self.parts for name, body in part.connections().items()}

    def effects(self, key: str) -> Counter[str]:
        return sum((part.effects(key) for part in self.parts), Counter())

    def state(self, key: str) -> Any:
        return [part.state(key) for part in self.parts]

    def happened(self, key: str, step: str) -> bool:
        return self.desk.happened(key, step)


@contextmanager
def far_sides(folder: Path) -> Iterator[dict[str, Trial]]:
    """All small trials by name, their far sides up until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        slapd.running(folder / "slapd") as server,
        catcher(folder / "mail") as mails,
        tenant(folder / "graph") as cloud,
    ):
        directory = Directory(InDirectory(server, folder))
        desk = Desk(mails, AtDesk(folder / "desk"))
        graph = Cloud(cloud)
        with closing(mails.rehearsal.shelf):
            yield {
                trial.name: trial for trial in (directory, desk, graph, Everything(directory, desk, graph))
            }
