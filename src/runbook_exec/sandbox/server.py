"""The one process of the sandbox: all doubles in one event loop, until it is told to stop.

A double is a module of this package with two functions:

`seed(rehearsal)` puts the company into it (called once, on an empty shelf), and
`async start(rehearsal) -> dict` listens on loopback and returns what the environment's
connection needs, under the provider's name: `{"ldap": {"url": …, "ca": …}}`. Secrets in
it are references (`file:…`), never values.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from runbook_exec.sandbox.rehearsal import Rehearsal, open_rehearsal

DOUBLES: tuple[str, ...] = (
    "directory",
    "graph",
    "population",
    "sync",
    "exchange",
    "mail",
    "aws",
    "tickets",
    "hosts",
)
"""In the order in which they are seeded and started."""

RUNNING = "running.json"
LOCK = "sandbox.lock"
"""Held by the process that serves the folder, for as long as it lives, whatever ends it."""


_LOOKS_HOME_EVERY = 2.0


def main(folder: Path) -> None:
    """Serve the company in `folder` until SIGTERM or SIGINT; one process a folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / LOCK).open("a") as lock:
        if not _taken(lock):
            sys.exit(f"another process already serves {folder}")
        (folder / RUNNING).unlink(missing_ok=True)  # of a process that was killed
        asyncio.run(_serve(open_rehearsal(folder), lock))


def _taken(lock: IO[str]) -> bool:
    """Take the lock. Somebody who only looks whether it is taken holds it for a moment: hence several tries."""
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


async def _serve(rehearsal: Rehearsal, lock: IO[str]) -> None:
    doubles = [importlib.import_module(f"runbook_exec.sandbox.{name}") for name in DOUBLES]
    if rehearsal.shelf.get("company", "seeded") is None:
        # Whoever is killed in here leaves an empty shelf, and the next start seeds again.
        with rehearsal.shelf.together():
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
        while not stop.is_set() and _is_at_home(rehearsal.folder, lock):
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOKS_HOME_EVERY)
    finally:
        (rehearsal.folder / RUNNING).unlink(missing_ok=True)
        await _end_what_runs()
        rehearsal.shelf.close()


def _is_at_home(folder: Path, lock: IO[str]) -> bool:
    """False once the folder was deleted or replaced: nobody could find this process to stop it."""
    try:
        return os.path.samestat((folder / LOCK).stat(), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False


async def _end_what_runs() -> None:
    """Cancel what the doubles do in the background, so that nothing touches the shelf any more."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _announce(folder: Path, connections: dict[str, Any]) -> None:
    """Write the process id and the connections, all at once, for whoever waits for us."""
    draft = folder / f"{RUNNING}.new"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({"pid": os.getpid(), "connections": connections}, indent=1))
    draft.replace(folder / RUNNING)
