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
from runbook_exec.sandbox.directory_operations import LOG
from runbook_exec.sandbox.rehearsal import Rehearsal, open_rehearsal
from runbook_exec.secret import Secret


@dataclass
class Double:
    """One running double, its rehearsal, and how to reach it."""

    rehearsal: Rehearsal
    name: str = "double"
    base: str = directory.BASE
    people: str = f"OU=Benutzer,OU=Wuppertal,OU=Standorte,{directory.BASE}"
    groups: str = f"OU=Gruppen,{directory.BASE}"
    left: str = f"OU=Ausgeschieden,{directory.BASE}"

    @property
    def ports(self) -> dict:
        return self.rehearsal.shelf.get(directory.PORTS, "ports")

    @property
    def connection(self) -> dict:
        return {
            "url": f"ldaps://127.0.0.1:{self.ports['ldaps']}",
            "ca": str(self.rehearsal.certificates.ca),
            "user": "svc-runbook@kranich.example",
            "password": Secret(self.password_of("svc-runbook")),
            "base": self.base,
            "timeout": 20,
        }

    @property
    def reader(self) -> dict:
        """A connection that the server itself lets only read."""
        return {
            **self.connection,
            "user": "svc-runbook-plan@kranich.example",
            "password": Secret(self.password_of("svc-runbook-plan")),
        }

    def password_of(self, login: str) -> str:
        return (self.rehearsal.folder / "secrets" / f"directory-{login}").read_text()

    def server(self, *, tls: bool = True, get_info: str = ldap3.NONE) -> ldap3.Server:
        port = self.ports["ldaps" if tls else "ldap"]
        return ldap3.Server("127.0.0.1", port=port, use_ssl=tls, get_info=get_info, connect_timeout=10)

    def bound(self, login: str = "svc-runbook", **options) -> ldap3.Connection:
        """A bare connection of one of the accounts of service."""
        options = {"check_names": False, "receive_timeout": 20, **options}
        password = self.password_of(login)
        return ldap3.Connection(
            self.server(), f"{login}@kranich.example", password, auto_bind=True, **options
        )

    @contextmanager
    def raw(self) -> Iterator[ldap3.Connection]:
        """A bare connection with all rights, as another administrator would have it."""
        bound = self.bound()
        try:
            yield bound
        finally:
            bound.unbind()

    def writes(self) -> list[tuple[str, str]]:
        """(kind, DN) of every write that the double did, oldest first, from its own log."""
        log = (body for _, body in self.rehearsal.shelf.items(LOG))
        return [(body["operation"], body["dn"]) for body in log if body["result"] == 0]

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
        servers = asyncio.run_coroutine_threadsafe(directory.listen(rehearsal), loop).result(10)
        yield Double(rehearsal)
    finally:
        asyncio.run_coroutine_threadsafe(_close(servers), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        rehearsal.shelf.close()


async def _close(servers: list[asyncio.Server]) -> None:
    """Close the doors, and wait until what is still being said is said."""
    for server in servers:
        server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:
        await asyncio.wait(rest, timeout=5)
