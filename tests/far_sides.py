"""What the far sides of a rehearsal company hold, seen from outside: over LDAP, over HTTP, and in their own logs."""

from __future__ import annotations

import json
import sqlite3
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3

from runbook_exec.sandbox import process
from runbook_exec.sandbox.company import load
from runbook_exec.sandbox.shelf import Shelf

BASE = load().base


@dataclass
class FarSides:
    """The sandbox of a project folder; nothing here goes through the product."""

    folder: Path

    @property
    def sandbox(self) -> Path:
        return self.folder / ".runbook" / "sandbox"

    @property
    def connections(self) -> Mapping[str, Any]:
        return process.connections(self.sandbox)

    def fault(self, name: str, **about: Any) -> None:
        process.fault(self.sandbox, name, **about)

    @contextmanager
    def shelf(self) -> Iterator[Shelf]:
        with closing(Shelf(self.sandbox / "company.sqlite")) as shelf:
            yield shelf

    @contextmanager
    def ldap(self) -> Iterator[ldap3.Connection]:
        found = self.connections["ldap"]
        tls = ldap3.Tls(ca_certs_file=found["ca"], validate=ssl.CERT_REQUIRED)
        server = ldap3.Server(found["url"], tls=tls, get_info=ldap3.NONE)
        password = Path(found["password"].removeprefix("file:")).read_text()
        with ldap3.Connection(server, found["user"], password, raise_exceptions=True) as connection:
            yield connection

    def entry(self, employee_id: str) -> dict[str, Any] | None:
        """The live entry of a person, read over LDAP."""
        with self.ldap() as connection:
            connection.search(
                BASE, f"(&(objectClass=user)(employeeID={employee_id}))", attributes=["*", "memberOf"]
            )
            found = [each for each in connection.response if each["type"] == "searchResEntry"]
        assert len(found) <= 1
        return {"dn": found[0]["dn"], **found[0]["attributes"]} if found else None

    def logs_in(self, dn: str, password: str) -> bool:
        found = self.connections["ldap"]
        tls = ldap3.Tls(ca_certs_file=found["ca"], validate=ssl.CERT_REQUIRED)
        server = ldap3.Server(found["url"], tls=tls, get_info=ldap3.NONE)
        with _unbound(ldap3.Connection(server, dn, password)) as connection:
            return bool(connection.bind())

    def graph(self, path: str) -> Any:
        """What Graph answers to a GET, asked over HTTP without our client; None for 404."""
        found = self.connections["graph"]
        trust = ssl.create_default_context(cafile=found.get("ca"))
        form = urllib.parse.urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": found["client_id"],
                "client_secret": Path(found["client_secret"].removeprefix("file:")).read_text(),
                "scope": "https://graph.microsoft.com/.default",
            }
        ).encode()
        login = f"{found['authority']}/{found['tenant']}/oauth2/v2.0/token"
        with urllib.request.urlopen(login, form, timeout=10, context=trust) as answer:
            token = json.load(answer)["access_token"]
        asked = urllib.request.Request(found["url"] + path, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(asked, timeout=10, context=trust) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            raise

    def directory_writes(self, name: str) -> list[tuple[str, str]]:
        """(kind, name) of each write that the directory did and that concerns an entry named so."""
        kinds = {"add", "modify", "delete", "moddn"}
        return [
            (row["operation"], row["dn"])
            for _, row in self.table("directory_log")
            if row["operation"] in kinds and row["result"] == 0 and name in row["dn"]
        ]

    def graph_writes(self) -> list[tuple[str, str, int]]:
        """(method, path, status) of each request to Graph that was no read, in order."""
        return [
            (row["method"], row["path"], row["status"])
            for _, row in self.table("graph_log")
            if row["method"] != "GET" and row["path"] != "/$batch"
        ]

    def mails(self) -> list[dict[str, Any]]:
        with self.shelf() as shelf:
            return [mail for _, mail in shelf.items("mail")]

    def faults(self) -> list[str]:
        return list(process.active_faults(self.sandbox))

    def buy(self, part: str, seats: int) -> None:
        """The company has this many seats of a licence from now on."""
        with self.shelf() as shelf:
            for key, sku in shelf.items("graph_skus"):
                if sku["skuPartNumber"] == part:
                    shelf.put(
                        "graph_skus", key, {**sku, "prepaidUnits": {**sku["prepaidUnits"], "enabled": seats}}
                    )

    def table(self, name: str) -> list[tuple[str, dict[str, Any]]]:
        with self.shelf() as shelf:
            return list(shelf.items(name))

    def tickets(self) -> list[dict[str, Any]]:
        file = Path(self.connections["ticket"]["folder"]) / "desk.sqlite"
        if not file.exists():
            return []
        with closing(sqlite3.connect(file)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute("SELECT * FROM ticket ORDER BY id")]

    def everything(self) -> dict[str, Any]:
        """What all far sides hold. Who logged in when, and what was read, is left out."""
        tables = ("directory_log", "graph_users", "graph_groups", "graph_passes", "mail")
        desk = Path(self.connections["ticket"]["folder"])
        return {
            **{name: self.table(name) for name in tables},
            "directory": [(key, _without_logons(body)) for key, body in self.table("directory")],
            "cloud": self.graph_writes(),
            "desk": {file.name: found for file in desk.glob("*") if (found := _content(file))},
            "hosts": sorted((str(p), _content(p)) for p in (self.sandbox / "hosts").rglob("homes/**/*")),
        }

    def deeds(self) -> dict[str, Any]:
        """What was done at the far sides; not what the sync writes meanwhile, nor what tickets are still owed."""
        by_themselves = {"graph_users", "graph_groups", "desk"}
        return {name: what for name, what in self.everything().items() if name not in by_themselves}

    @contextmanager
    def edited(self, name: str, old: str, new: str) -> Iterator[None]:
        """An inventory file with one text in place of another, for as long as this lasts."""
        file = self.folder / "inventory" / f"{name}.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        try:
            yield
        finally:
            file.write_text(text)

    def attachments(self, ticket: int) -> list[str]:
        """The texts that hang on a ticket."""
        file = Path(self.connections["ticket"]["folder"]) / "desk.sqlite"
        with closing(sqlite3.connect(file)) as db:
            rows = db.execute("SELECT content FROM attachment WHERE ticket=? ORDER BY rowid", (ticket,))
            return [content.decode() for (content,) in rows]

    def homes(self) -> list[str]:
        return sorted(str(p.name) for p in (self.sandbox / "hosts").glob("*/homes/*"))


@contextmanager
def _unbound(connection: ldap3.Connection) -> Iterator[ldap3.Connection]:
    try:
        yield connection
    finally:
        connection.unbind()


def _without_logons(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: values
        for name, values in entry["attributes"].items()
        if name not in {"lastLogon", "lastLogonTimestamp", "logonCount", "badPwdCount", "badPasswordTime"}
    }
    return {**entry, "attributes": kept}


def _content(file: Path) -> bytes:
    """What is in a file; nothing in a folder, and in SQLite's shared memory, which readers use too."""
    return b"" if file.is_dir() or file.name.endswith("-shm") else file.read_bytes()
