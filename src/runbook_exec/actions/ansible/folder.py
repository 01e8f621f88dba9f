"""The private folder: all that Ansible gets to see on disk, for as long as a session is open.

It lies in memory (/dev/shm) where the machine has that, belongs to us alone, and is gone
when the session ends, however it ends. What a killed process left behind is swept away
by the next one.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "runbook-ansible-"
MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made in it is ours alone and has no foreseeable name
LOCK = "lock"
MOST_LOOKS, QUIET_LOOKS, LOOK_PAUSE = 100, 2, 0.01
"""How often leftover processes are looked for: until so many looks in a row find none."""


def shelter() -> Path:
    """Where private folders are made: in memory where there is a place for it."""
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


@contextmanager
def private_folder(base: Path | None = None) -> Iterator[Path]:
    """A folder with mode 0700 that exists inside this context only."""
    base = base or shelter()
    sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
    try:
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        remove(folder)


def sweep(base: Path) -> list[Path]:
    """Remove the folders of processes that are gone, and end what still works in them; says which."""
    gone = [folder for folder in sorted(base.glob(PREFIX + "*")) if _is_stale(folder)]
    for folder in gone:
        end_leftovers(folder)
        remove(folder)
    return gone


def end_leftovers(folder: Path) -> None:
    """Kill every process that was started with this folder in its command line, and its group.

    Ansible's workers lead sessions of their own: one that was just being started when its
    parent was stopped hears of nothing, and would go on with its task. While a process turns
    into another program its command line reads as empty, so one look may miss it.
    """
    quiet = 0
    for _ in range(MOST_LOOKS):
        quiet = 0 if _ended(folder) else quiet + 1
        if quiet == QUIET_LOOKS:
            return
        time.sleep(LOOK_PAUSE)


def _ended(folder: Path) -> bool:
    """Whether a look found any such process, which is killed, or one that may yet turn out to be one."""
    found = False
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = place.read_bytes()
            if not line and place.stat().st_uid == os.geteuid():
                # a kernel thread and a zombie have no program; this one is between two
                found = bool((place.parent / "exe").readlink()) or found
            if os.fsencode(folder.name) not in line:
                continue
            found = True
            pid = int(place.parent.name)
            group = os.getpgid(pid)
            if group not in {os.getpgrp(), 0}:
                os.killpg(group, signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)
    return found


def remove(folder: Path) -> None:
    """Remove a folder although a dying process may still write into it for a moment."""
    for patience in (0.02, 0.1, 0.4):
        with suppress(OSError):
            shutil.rmtree(folder)
        if not folder.exists():
            return
        time.sleep(patience)
    shutil.rmtree(folder)


def _is_stale(folder: Path) -> bool:
    """Ours, made by a process that does not live, and locked by nobody.

    The lock decides where process numbers lie: they are reused, and containers that
    share /dev/shm do not see each other's.
    """
    owner = re.match(rf"{PREFIX}(\d+)-", folder.name)
    try:
        found = folder.lstat()
    except OSError:
        return False
    if owner is None or not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    return not _lives(int(owner[1])) and not _is_locked(folder / LOCK)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
