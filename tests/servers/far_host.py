"""A project whose one host is reached by real SSH, with what goes wrong on hosts: services that die."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rehearsal_desk import Desk, Said, project, until
from servers.sshd import Sshd

SERVICE = """\
import os, signal, socket, sys
folder, port = sys.argv[1], int(sys.argv[2])
print("started", file=open(f"{folder}/service.log", "a"))
if os.path.exists(f"{folder}/broken"):
    print("cannot read its settings", file=open(f"{folder}/service.log", "a"))
    sys.exit(3)
listener = socket.create_server(("127.0.0.1", port))
child = os.fork()
if child:
    open(f"{folder}/service.pid", "w").write(str(child))
    os._exit(0)
os.setsid()
null = os.open(os.devnull, os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(null, number)
signal.alarm(300)
while True:
    listener.accept()[0].close()
"""
"""A small service that goes into the background as services do, and does not outlive the test for long."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class FarHost:
    """The project, and the folder in which the host's things lie."""

    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)
    services: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.desk: Desk = project(self.folder / "project")
        self.desk.within = 200.0  # a dozen Ansible processes, one after the other, on a busy machine
        self.far = self.folder / "far"
        self.far.mkdir()

    def connect(self, sshd: Sshd) -> FarHost:
        """Announce the host and what is on it."""
        hosts = {"fs-brno": sshd.host(remediation_root=str(self.far / "remediation"), **self.variables)}
        inventory = {"all": {"children": {"fileservers": {"hosts": hosts}}}}
        self.write("inventory/hosts.yaml", inventory)
        self.write("inventory/services.yaml", self.services)
        people = yaml.safe_load((self.desk.folder / "inventory/people.yaml").read_text())
        people["people"]["tobias.jansen@kranich.example"]["accounts"] = ["tjansen", sshd.user]
        self.write("inventory/people.yaml", people)
        settings = yaml.safe_load((self.desk.folder / "runbook.yaml").read_text())
        settings["default"] = "estate"
        settings["environments"]["estate"] = {
            "kind": "real",
            "people": "inventory/people.yaml",
            "protected": {"break-glass": [], "service-accounts": []},
            "connections": {
                "ansible": {"inventory": "inventory/hosts.yaml", **sshd.connection()},
                "probe": {"services": "inventory/services.yaml"},
                "ticket": {"system": "local", "folder": str(self.folder / "tickets")},
            },
        }
        self.write("runbook.yaml", settings)
        return self

    def write(self, name: str, body: Any) -> None:
        (self.desk.folder / name).write_text(json.dumps(body, ensure_ascii=False, indent=1))

    def run(self, runbook: str, *more: str, **inputs: Any) -> Said:
        self.write("in.json", inputs)
        return self.desk("run", runbook, "--inputs", "in.json", "--yes", *more)

    def tickets(self) -> list[dict[str, Any]]:
        """What the desk's own file says."""
        return self._table("ticket")

    def comments(self) -> list[dict[str, Any]]:
        return self._table("comment")

    def _table(self, name: str) -> list[dict[str, Any]]:
        import sqlite3
        from contextlib import closing

        (file,) = (self.folder / "tickets").glob("*.sqlite")
        with closing(sqlite3.connect(file)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(f"SELECT * FROM {name} ORDER BY 1")]


class Service:
    """The intranet on the host: a process that can be killed."""

    def __init__(self, host: FarHost) -> None:
        self.place = host.far / "intranet"
        self.place.mkdir()
        (self.place / "service.py").write_text(SERVICE)
        (self.place / "service.log").write_text("yesterday: all is well\n")
        self.port = free_port()
        start = [sys.executable, str(self.place / "service.py"), str(self.place), str(self.port)]
        host.variables["service_commands"] = {
            "intranet": {
                "start": start,
                "logs": ["tail", "--lines=500", "--", str(self.place / "service.log")],
                "pid_file": str(self.place / "service.pid"),
            }
        }
        host.services["intranet"] = {
            "title": {"en": "Intranet", "de": "Intranet"},
            "host": "fs-brno",
            "unit": "intranet",
            "outside": {"address": "127.0.0.1", "port": self.port},
            "quiet": 30,
            "within": "3s",
        }
        self.start = start

    @property
    def pid(self) -> int:
        return int((self.place / "service.pid").read_text())

    @property
    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    @property
    def starts(self) -> int:
        return (self.place / "service.log").read_text().count("started")

    def die(self) -> None:
        """Killed, as the kernel does when memory runs out: nothing is tidied up."""
        os.kill(self.pid, signal.SIGKILL)
        until(lambda: not self.answers)

    def end(self) -> None:
        with suppress(OSError, ValueError):
            os.kill(self.pid, signal.SIGKILL)
