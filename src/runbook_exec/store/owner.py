"""Who holds a lease: one process, told apart from every other that had or will have its number.

An owner is a line of text: `process 4711 on alpha`, for people, and after a tilde a mark
for `is_gone`: the machine's boot, the process's name space, and when it started.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

_MARK = " ~ "
_ENDED = frozenset("ZXx")
"""States of a thread that does nothing any more: it is dead, or a zombie that its parent has not read."""


def this_process() -> str:
    """The process that asks."""
    pid = os.getpid()
    who = f"process {pid} on {socket.gethostname()}"
    mark = _mark(pid)
    return f"{who}{_MARK}{mark}" if mark else who


def said(owner: str) -> str:
    """The owner as people read it."""
    return owner.partition(_MARK)[0]


def is_gone(owner: str) -> bool:
    """True only where it is certain that this process has ended.

    False where nobody can tell: it ran on another machine, before this machine was booted, in
    another container, or where there is no /proc. Its lease lapses by itself then.
    """
    who, _, mark = owner.partition(_MARK)
    if not mark or mark.split()[:2] != _place():
        return False
    pid = int(who.split()[1])
    return _mark(pid) != mark or not _lives(pid)


def _mark(pid: int) -> str:
    """Boot, name space and start of a process; empty where it does not exist or nobody can tell."""
    place = _place()
    with suppress(OSError, IndexError):
        return " ".join([*place, _fields(Path(f"/proc/{pid}/stat"))[19]]) if place else ""
    return ""


def _place() -> list[str]:
    """This boot of this machine, and the name space that process numbers are counted in."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return [boot, os.readlink("/proc/self/ns/pid")]  # noqa: PTH115 - the link names no file
    return []


def _lives(pid: int) -> bool:
    """Whether any thread of the process still runs: a killed one ends thread by thread."""
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError, IndexError):
            if _fields(thread)[0] not in _ENDED:
                return True
    return False


def _fields(stat: Path) -> list[str]:
    """The fields of a stat file (proc(5)) from the third on: the second is a name and may hold anything."""
    return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
