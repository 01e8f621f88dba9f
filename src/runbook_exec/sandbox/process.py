"""The life of the sandbox's process: start, stop, status, reset; and what others ask of it while it lives.

Whether it runs is told by the lock that it holds on its folder, never by a process id:
an id is reused, and a killed process leaves its notes behind. Start and stop are
idempotent, and several at once do no harm.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runbook_exec.errors import Failed, Unreachable
from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.server import LOCK, RUNNING
from runbook_exec.sandbox.shelf import Shelf

__all__ = [
    "Running",
    "active_faults",
    "connections",
    "fault",
    "is_running",
    "look_person",
    "reset",
    "start",
    "status",
    "stop",
]

LOG = "sandbox.log"
COMPANY = "company.sqlite"
START_WITHIN = 30.0
STOP_WITHIN = 10.0
"""Seconds; after that the process is killed, which loses nothing but what it was just doing."""

_FORGOTTEN_BY_RESET = (COMPANY, f"{COMPANY}-wal", f"{COMPANY}-shm", LOG, "hosts", "desk")


@dataclass(frozen=True, kw_only=True)
class Running:
    """A sandbox that is up."""

    pid: int
    connections: Mapping[str, Any]
    already: bool = False
    """It ran before; this start found it."""


def is_running(folder: Path) -> bool:
    """Whether a process serves this folder."""
    try:
        lock = (folder / LOCK).open("rb")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def start(folder: Path) -> Running:
    """Bring the company up and return when it listens; one that is up already is left alone."""
    if is_running(folder):
        return _found(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pid = _spawn(folder)
    _within(START_WITHIN, lambda: _told(folder).get("pid") == pid or not _lives(pid))
    if _told(folder).get("pid") != pid and not is_running(folder):
        raise _does_not_come_up(folder)
    # Of two who start at the same moment, one finds the other's process up.
    return replace(_found(folder), already=_told(folder).get("pid") != pid)


def stop(folder: Path) -> bool:
    """End the process, and return when it is gone; False if none ran. The state stays."""
    if not is_running(folder):
        return False
    pid = _found(folder).pid
    for number, seconds in ((signal.SIGTERM, STOP_WITHIN), (signal.SIGKILL, STOP_WITHIN)):
        # The lock was held a moment ago by the process that announced itself, so the id is its own.
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if _within(seconds, lambda: not is_running(folder)):
            _reap(pid)
            (folder / RUNNING).unlink(missing_ok=True)
            return True
    raise Failed(
        f"process {pid} does not end", where=str(folder), next_move=f"look at {folder / LOG}, then kill {pid}"
    )


def reset(folder: Path) -> Running | None:
    """Forget all that was rehearsed. A company that was up comes up again, as on its first day."""
    was_up = stop(folder)
    for name in _FORGOTTEN_BY_RESET:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return start(folder) if was_up else None


def status(folder: Path) -> dict[str, Any]:
    """Whether it runs, where it listens, which faults are on, and where its log is; plain JSON."""
    if not is_running(folder):
        return {"running": False, "faults": active_faults(folder)}
    found = _found(folder)
    return {
        "running": True,
        "pid": found.pid,
        "trouble": _trouble(folder),
        "listens": {name: at for name, body in found.connections.items() if (at := _address(body))},
        "faults": active_faults(folder),
        "log": str(folder / LOG),
    }


def connections(folder: Path) -> Mapping[str, Any]:
    """The environment's connections by provider. Raises `Unreachable` where nothing runs."""
    if not is_running(folder):
        raise Unreachable("the rehearsal company is not up", next_move="run `runbook sandbox start`")
    return _found(folder).connections


def active_faults(folder: Path) -> dict[str, dict[str, Any]]:
    """Faults that are on: name → how many occasions are left (None: all), and its figures."""
    if not (folder / COMPANY).exists():
        return {}
    with _faults(folder) as faults:
        return faults.active()


def fault(
    folder: Path,
    name: str,
    *,
    off: bool = False,
    times: int | None = None,
    figures: Mapping[str, Any] | None = None,
) -> None:
    """Switch a fault on or off, in the running company or for its next start."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _faults(folder) as faults:
        if off:
            faults.off(name)
        else:
            faults.on(name, times=times, **(figures or {}))


def look_person(folder: Path, who: str) -> dict[str, Any]:
    """What every far side holds about a person; imports the doubles, which nothing else here needs."""
    from runbook_exec.sandbox import look

    return look.look_person(folder, who)


def _trouble(folder: Path) -> str:
    """Why the last cycle of the sync broke; empty where it did not."""
    with closing(Shelf(folder / COMPANY)) as shelf:
        return str((shelf.get("sync_trouble", "last") or {}).get("error", ""))


@contextmanager
def _faults(folder: Path) -> Iterator[Faults]:
    with closing(Shelf(folder / COMPANY)) as shelf:
        yield Faults(shelf)


def _spawn(folder: Path) -> int:
    """Start the server in a session of its own, so that closing the terminal does not end it."""
    log = folder / LOG
    log.touch(mode=0o600)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    command = [sys.executable, "-m", "runbook_exec.sandbox", str(folder)]
    return os.posix_spawn(
        sys.executable,
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _found(folder: Path) -> Running:
    """The running process as it announced itself; one that is still starting is waited for."""
    _within(START_WITHIN, lambda: bool(_told(folder)) or not is_running(folder))
    told = _told(folder)
    if not told:
        raise _does_not_come_up(folder)
    return Running(pid=told["pid"], connections=told["connections"], already=True)


def _told(folder: Path) -> dict[str, Any]:
    """What a process wrote once it listened; empty where none did."""
    with suppress(FileNotFoundError):
        return dict(json.loads((folder / RUNNING).read_bytes()))
    return {}


def _does_not_come_up(folder: Path) -> Failed:
    return Failed(
        "the rehearsal company does not come up" + _tail(folder / LOG),
        where=str(folder),
        next_move="mend what the log says, or forget its state: `runbook sandbox reset`",
    )


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except FileNotFoundError:
        return ""
    return (
        "; its log ends:\n" + "\n".join(f"    {line}" for line in lines[-8:])
        if lines
        else "; its log is empty"
    )


def _lives(pid: int) -> bool:
    """Whether our child still runs. A child that ended is reaped here."""
    try:
        done, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return done == 0


def _reap(pid: int) -> None:
    """Take the exit status of a process if it was our child; others reap their own."""
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _within(seconds: float, so: Callable[[], bool]) -> bool:
    """Wait until `so`, at most so long."""
    until = time.monotonic() + seconds
    while not so():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _address(connection: Mapping[str, Any]) -> str:
    if "endpoint" in connection:
        return str(connection["endpoint"])
    if "url" in connection:
        return str(connection["url"])
    return f"{connection['host']}:{connection['port']}" if "host" in connection else ""
