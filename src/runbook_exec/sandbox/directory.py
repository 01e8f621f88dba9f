"""The directory double: a server that behaves like Active Directory, over real LDAP.

The tree and its rules are our own (directory_*.py); the protocol's encoding is ldaptor's.
What it does like AD, and what it does not, stands in docs/sandbox/directory.md.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from runbook_exec.sandbox.directory_face import Directory, Found
from runbook_exec.sandbox.directory_seed import BASE, password_files, plant
from runbook_exec.sandbox.rehearsal import Rehearsal

__all__ = ["BASE", "Directory", "Found", "seed", "start"]

PORTS = "directory_ports"
"""Table of the shelf that remembers the ports, so that a restart keeps the address."""


def seed(rehearsal: Rehearsal) -> None:
    """Put the domain, its units and its accounts of service on the shelf."""
    files = password_files(rehearsal.folder / "secrets")
    directory = Directory(rehearsal.shelf, rehearsal.faults)
    plant(directory.writes, {login: file.read_text() for login, file in files.items()})


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Listen for LDAPS, and for LDAP with StartTLS, on loopback; returns the environment's connection."""
    from runbook_exec.sandbox.directory_operations import Operations
    from runbook_exec.sandbox.directory_protocol import Line

    directory = Directory(rehearsal.shelf, rehearsal.faults)
    operations, faults = Operations(directory), rehearsal.faults
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(rehearsal.certificates.cert, rehearsal.certificates.key)
    remembered = rehearsal.shelf.get(PORTS, "ports") or {}
    ports = {
        "ldaps": await _listen(
            lambda: Line(operations, faults, context, tls_first=True), remembered.get("ldaps", 0)
        ),
        "ldap": await _listen(
            lambda: Line(operations, faults, context, tls_first=False), remembered.get("ldap", 0)
        ),
    }
    rehearsal.shelf.put(PORTS, "ports", ports)
    files = password_files(rehearsal.folder / "secrets")
    return {
        "ldap": {
            "url": f"ldaps://127.0.0.1:{ports['ldaps']}",
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


async def _listen(line: Callable[[], asyncio.Protocol], port: int) -> int:
    """Listen on this port of loopback, or on a free one if somebody else has taken it."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(line, "127.0.0.1", port)
    except OSError:
        server = await loop.create_server(line, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1])
