"""The directory double in a thread of the test, reachable as the real servers are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ldap3

from runbook_exec.sandbox import directory
from runbook_exec.sandbox.rehearsal import Rehearsal, open_rehearsal
from runbook_exec.secret import Secret


@dataclass
class Double:
    """One running double, its rehearsal, and how to reach it."""

    rehearsal: Rehearsal
    at: dict
    name: str = "double"
    base: str = directory.BASE
    people: str = f"OU=Benutzer,OU=Wuppertal,OU=Standorte,{directory.BASE}"
    groups: str = f"OU=Gruppen,{directory.BASE}"
    left: str = f"OU=Ausgeschieden,{directory.BASE}"

    @property
    def connection(self) -> dict:
        return {
            "url": self.at["url"],
            "ca": self.at["ca"],
            "user": self.at["user"],
            "password": Secret(self.password_of("svc-runbook")),
            "base": self.base,
            "timeout": 20,
        }

    @property
    def reader(self) -> dict:
        """A connection that the server itself lets only read."""
        return {
            **self.connection,
            "user": self.at["planning"]["user"],
            "password": Secret(self.password_of("svc-runbook-plan")),
        }

    def password_of(self, login: str) -> str:
        return (self.rehearsal.folder / "secrets" / f"directory-{login}").read_text()

    def server(self, *, tls: bool = True, get_info: str = ldap3.NONE) -> ldap3.Server:
        ports = self.rehearsal.shelf.get(directory.PORTS, "ports")
        port = ports["ldaps" if tls else "ldap"]
        return ldap3.Server("127.0.0.1", port=port, use_ssl=tls, get_info=get_info, connect_timeout=10)

    def bound(self, login: str = "svc-runbook", **options) -> ldap3.Connection:
        """A bare connection of one of the accounts of service."""
        options = {"check_names": False, "receive_timeout": 20, **options}
        password = self.password_of(login)
        return ldap3.Connection(
            self.server(), f"{login}@kranich.example", password, auto_bind=True, **options
        )

    def raw(self) -> ldap3.Connection:
        return self.bound()

    def can_log_in(self, dn: str, password: str) -> bool:
        bound = ldap3.Connection(self.server(), dn, password)
        try:
            return bound.bind()
        finally:
            bound.unbind()

    @property
    def face(self) -> directory.Directory:
        """The rehearsal's own view of the same tree."""
        return directory.Directory(self.rehearsal.shelf, self.rehearsal.faults)


@contextmanager
def running(folder: Path) -> Iterator[Double]:
    """Serve the directory of the rehearsal in `folder`, seeding it on first use."""
    rehearsal = open_rehearsal(folder)
    if rehearsal.shelf.get("company", "seeded") is None:
        directory.seed(rehearsal)
        rehearsal.shelf.put("company", "seeded", {"yes": True})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        started = asyncio.run_coroutine_threadsafe(directory.start(rehearsal), loop).result(10)
        yield Double(rehearsal, started["ldap"])
    finally:
        asyncio.run_coroutine_threadsafe(_close(loop), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        rehearsal.shelf.close()


async def _close(loop: asyncio.AbstractEventLoop) -> None:
    """End what is still open, so that nothing outlives the test."""
    for task in asyncio.all_tasks(loop) - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)
