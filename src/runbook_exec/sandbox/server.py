"""The one process of the sandbox: all doubles in one event loop, until it is told to stop.

A double is a module of this package with two functions:

`seed(rehearsal)` puts the company into it (called once, on an empty shelf), and
`async start(rehearsal) -> dict` listens on loopback and returns what the environment's
connection needs, under the provider's name: `{"ldap": {"url": …, "ca": …}}`. Secrets in
it are references (`file:…`), never values.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from runbook_exec.sandbox.rehearsal import Rehearsal, open_rehearsal

DOUBLES: tuple[str, ...] = ("directory", "graph", "mail", "tickets", "hosts")
"""In the order in which they are seeded and started."""

RUNNING = "running.json"


def main(folder: Path) -> None:
    """Serve the company in `folder` until SIGTERM or SIGINT."""
    asyncio.run(_serve(open_rehearsal(folder)))


async def _serve(rehearsal: Rehearsal) -> None:
    doubles = [importlib.import_module(f"runbook_exec.sandbox.{name}") for name in DOUBLES]
    if rehearsal.shelf.get("company", "seeded") is None:
        for double in doubles:
            double.seed(rehearsal)
        rehearsal.shelf.put("company", "seeded", {"yes": True})
    connections: dict[str, Any] = {}
    for double in doubles:
        connections.update(await double.start(rehearsal))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _announce(rehearsal.folder, connections)
    try:
        await stop.wait()
    finally:
        (rehearsal.folder / RUNNING).unlink(missing_ok=True)
        rehearsal.shelf.close()


def _announce(folder: Path, connections: dict[str, Any]) -> None:
    """Write the process id and the connections, all at once, for whoever waits for us."""
    draft = folder / f"{RUNNING}.new"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({"pid": os.getpid(), "connections": connections}, indent=1))
    draft.replace(folder / RUNNING)
