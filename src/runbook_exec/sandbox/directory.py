"""The directory double: a server that behaves like Active Directory, over real LDAP.

The tree and its rules are our own (directory_*.py); the protocol's encoding is ldaptor's.
What it does like AD, and what it does not, stands in docs/sandbox/directory.md.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Callable
from typing import Any

from runbook_exec.sandbox.directory_face import Directory, Found
from runbook_exec.sandbox.directory_seed import BASE, password_files, plant
from runbook_exec.sandbox.rehearsal import Rehearsal

__all__ = ["BASE", "Directory", "Found", "listen", "seed", "start"]

PORTS = "directory_ports"
"""Table of the shelf that remembers the ports, so that a restart keeps the address."""


def seed(rehearsal: Rehearsal) -> None:
    """Put the domain, its units and its accounts of service on the shelf."""
    files = password_files(rehearsal.folder / "secrets")
    directory = Directory(rehearsal.shelf, rehearsal.faults)
    plant(directory.writes, {login: file.read_text() for login, file in files.items()})


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Listen for LDAPS, and for LDAP with StartTLS, on loopback; returns the environment's connection."""
    await listen(rehearsal)
    port = rehearsal.shelf.get(PORTS, "ports") or {}
    files = password_files(rehearsal.folder / "secrets")
    return {
        "ldap": {
            "url": f"ldaps://127.0.0.1:{port['ldaps']}",
            "ca": str(rehearsal.certificates.ca),
            "user": "svc-runbook@kranich.example",
            "password": f"file:{files['svc-runbook']}",
            "base": BASE,
            "planning": {
                "user": "svc-runbook-plan@kranich.example",
                "password": f"file:{files['svc-runbook-plan']}",
            },
        }
    }


async def listen(rehearsal: Rehearsal) -> list[asyncio.Server]:
    """Listen on the ports that the shelf remembers, where they are free, else on others; remember those."""
    from runbook_exec.sandbox.directory_operations import Operations
    from runbook_exec.sandbox.directory_protocol import Line

    operations = Operations(Directory(rehearsal.shelf, rehearsal.faults))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(rehearsal.certificates.cert, rehearsal.certificates.key)
    remembered = rehearsal.shelf.get(PORTS, "ports") or {}
    servers = {
        name: await _listen(
            functools.partial(Line, operations, rehearsal.faults, context, tls_first=name == "ldaps"),
            remembered.get(name, 0),
        )
        for name in ("ldaps", "ldap")
    }
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    rehearsal.shelf.put(PORTS, "ports", ports)
    return list(servers.values())


async def _listen(line: Callable[[], asyncio.Protocol], port: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(line, "127.0.0.1", port)
    except OSError:  # somebody else has taken it meanwhile
        return await loop.create_server(line, "127.0.0.1", 0)
