"""A project folder with a rehearsal company of its own, and the real command called in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import ldap3
import msgspec

from runbook_exec.sandbox import process
from runbook_exec.sandbox.company import load
from runbook_exec.sandbox.shelf import Shelf

ROOT = Path(__file__).parents[1]
PARTS = ("runbook.yaml", "runbooks", "playbooks", "templates", "inventory")
BASE = load().base
_NUMBERS = count(2001)
WITHIN = 60.0
"""Seconds that any command may take on a busy machine."""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def errors(self) -> list[dict[str, str]]:
        return json.loads(self.err)["errors"]


@dataclass
class Desk:
    """A service desk's project with its sandbox."""

    folder: Path

    # The command

    def __call__(self, *args: str, stdin: str | bytes = "", **env: str) -> Said:
        with self.begun(*args, stdin=subprocess.PIPE, **env) as child:
            given = stdin.encode() if isinstance(stdin, str) else stdin
            out, err = child.communicate(given, timeout=WITHIN)
        assert b"Traceback" not in err or "--debug" in args, err.decode()
        return Said(child.returncode, out.decode(), err.decode())

    def begun(self, *args: str, stdin: int = subprocess.DEVNULL, **env: str) -> subprocess.Popen[bytes]:
        """The command, running; in a session of its own, so that a Ctrl-C is ours alone."""
        full = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "RUNBOOK_LANG": "en",
            **env,
        }
        return subprocess.Popen(
            [sys.executable, "-c", "from runbook_exec.cli import main; main()", *args],
            cwd=self.folder,
            env=full,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def inputs(self, joiner: str | None = None, **changes: Any) -> str:
        """An inputs file for a joiner of the company, with some values changed; returns its name."""
        known = load().joiner(joiner or "anna-berg")
        person = {
            name: value
            for name, value in msgspec.to_builtins(known).items()
            if name not in {"key", "booked"} and value != ""
        }
        file = self.folder / f"{joiner or 'joiner'}-{len(list(self.folder.glob('*.json')))}.json"
        file.write_text(json.dumps({"person": {**person, **changes}}, ensure_ascii=False))
        return file.name

    def runbook(
        self,
        name: str,
        *,
        keep: Collection[str] = (),
        without: Collection[str] = (),
        deadline: str = "6s",
        edit: Callable[[list[dict[str, Any]]], None] = lambda steps: None,
    ) -> str:
        """A copy of onboard-employee with some of its steps, and with waits of seconds."""
        from runbook_exec import document

        text = (ROOT / "runbooks" / "onboard-employee.yaml").read_text()
        body = document.parse(text, file="onboard-employee.yaml").data
        body["runbook"] = name
        for section in body["sections"]:
            listed = [one for step in section["steps"] for one in step.get("parallel", [step])]
            section["steps"] = [
                step for step in listed if step["id"] not in without and (not keep or step["id"] in keep)
            ]
            for step in section["steps"]:
                if step.get("uses") == "wait.until":
                    step["with"] |= {"every": "300ms", "deadline": deadline}
            edit(section["steps"])
        body["sections"] = [section for section in body["sections"] if section["steps"]]
        (self.folder / "runbooks" / f"{name}.yaml").write_text(json.dumps(body, ensure_ascii=False, indent=1))
        return name

    def joiner(self, **changes: Any) -> Joiner:
        """Somebody whom nobody has met yet, of a name that nobody else has."""
        return Joiner(self, next(_NUMBERS), changes)

    # Runs

    def run_of(self, subject: str) -> str:
        """The newest run about a subject."""
        return next(row["run"] for row in self("status", "--json").json if row["subject"] == subject)

    def waits_at(self, subject: str, step: str) -> str:
        """The run about a subject, once this step of it is recorded as done; empty before."""
        journal = self.folder / ".runbook" / "journal.sqlite"
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "SELECT run FROM events WHERE kind = 'step.result' AND json_extract(body, '$.step') = ?"
                " AND run IN (SELECT run FROM events WHERE kind = 'run.started'"
                " AND json_extract(body, '$.subject') = ?)",
                (step, subject),
            ).fetchall()
        return str(rows[0][0]) if rows else ""

    def newest(self) -> str:
        return self("status", "--json", "--limit", "1").json[0]["run"]

    def events(self, run: str) -> list[dict[str, Any]]:
        said = self("log", run, "--json")
        assert said.code == 0, said.all
        return [json.loads(line) for line in said.out.splitlines()]

    # The far sides, seen from outside

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


class Joiner:
    """Somebody who is to come, and what the far sides know about them."""

    def __init__(self, desk: Desk, number: int, changes: Mapping[str, Any]) -> None:
        word = "".join("abcdefghij"[int(digit)] for digit in str(number))
        self.desk, self.id = desk, str(number)
        self.name = f"Tom{word} Test{word}"
        self.login = f"ttest{word}"
        self.upn = f"tom{word}.test{word}@kranich.example"
        self.file = desk.inputs(
            **{"employee_id": self.id, "given_name": f"Tom{word}", "surname": f"Test{word}", **changes}
        )

    def run(self, runbook: str, *more: str) -> Said:
        return self.desk("run", runbook, "--inputs", self.file, "--rehearse", "--json", *more)

    @property
    def entry(self) -> dict[str, Any] | None:
        return self.desk.entry(self.id)

    @property
    def user(self) -> dict[str, Any] | None:
        return self.desk.graph(f"/users/{self.upn}?$select=accountEnabled,assignedLicenses,usageLocation")

    @property
    def mails(self) -> list[dict[str, Any]]:
        return [mail for mail in self.desk.mails() if self.upn in mail["receivers"]]


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


def project(folder: Path) -> Desk:
    """A project like this repository's in a folder of its own; nothing is started."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    return Desk(folder)


@contextmanager
def company(folder: Path) -> Iterator[Desk]:
    """A project whose rehearsal company is up."""
    desk = project(folder)
    process.start(desk.sandbox)
    try:
        yield desk
    finally:
        process.stop(desk.sandbox)


def until(so: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for a fact of the world, at most so long; its value."""
    end = time.monotonic() + seconds
    while not (found := so()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.03)
    return found


def kill(child: subprocess.Popen[bytes]) -> None:
    """End a process as a power cut does."""
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=10)
