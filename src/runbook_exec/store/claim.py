"""Whether the process that took a lease still lives, told by a lock that the system drops when it dies.

The journal's file is used on one machine alone (its write-ahead log demands it), so a file
lock reaches everybody who may ask. A process id would not do: it is used again.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Claim:
    """A locked file of one lease; the lock ends with `end`, or with the process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True, mode=0o700)
        self._path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def end(self) -> None:
        """Give the lock back, and leave no file behind."""
        self._path.unlink(missing_ok=True)
        os.close(self._handle)


def is_held(path: Path) -> bool:
    """True while the process that made this claim lives and has not ended it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
