"""Runs a command and ends or freezes it at its n-th point: a system call on a socket or on the store.

    python tracer.py --log FILE --store FOLDER [--kill N | --kill-after N | --freeze N] [--on WHAT] -- COMMAND …

A point is a call by which something leaves or enters the process, or becomes durable: reading,
writing, connecting or closing a network socket; writing, syncing, truncating, creating or
unlinking a file below the store's folder. Points are counted over all threads of the process,
in the order in which they happen; the programs that it starts are left alone. `--kill` ends
it with SIGKILL before the call is made, `--kill-after` once it has been; `--freeze` sends
SIGSTOP. With `--on` it is the first point from the n-th on that is on this: `socket`, or a file. FILE gets a line of JSON for each point, and one with the end.

Why not strace's own injection: its `when=` counts each call of each thread by itself, and cannot
tell a socket from the hundreds of files that are read while Python starts.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

SEIZE, INTERRUPT, SYSCALL, LISTEN, CALL_INFO = 0x4206, 0x4207, 24, 0x4208, 0x420E
GOOD, CLONE, EXIT_KILL = 0x1, 0x8, 0x100000
EVENT_STOP = 128
ANY_THREAD = 0x40000000
GROUP_STOPS = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
INTERNET = {2, 10}
WITNESS = "/acknowledged.txt"
"""Where `witness.py` writes; each write is noted with the number of points before it."""

_NUMBERS = {
    "x86_64": {
        0: "read", 1: "write", 3: "close", 18: "pwrite", 19: "readv", 20: "writev", 42: "connect",
        44: "sendto", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 48: "shutdown", 74: "fsync",
        75: "fdatasync", 77: "ftruncate", 87: "unlink", 257: "openat", 263: "unlinkat",
    },
    "aarch64": {
        63: "read", 64: "write", 57: "close", 68: "pwrite", 65: "readv", 66: "writev", 203: "connect",
        206: "sendto", 207: "recvfrom", 211: "sendmsg", 212: "recvmsg", 210: "shutdown", 82: "fsync",
        83: "fdatasync", 46: "ftruncate", 35: "unlinkat", 56: "openat",
    },
}  # fmt: skip
ON_SOCKETS = {
    "read", "write", "close", "readv", "writev", "connect", "sendto", "recvfrom", "sendmsg", "recvmsg",
    "shutdown",
}  # fmt: skip
ON_STORE = {"write", "writev", "pwrite", "fsync", "fdatasync", "ftruncate", "unlink", "unlinkat", "openat"}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


@cache
def why_not() -> str:
    """Why processes cannot be traced here; empty where they can."""
    if platform.system() != "Linux" or platform.machine() not in _NUMBERS:
        return f"system calls of {platform.system()} on {platform.machine()} are not known to the tracer"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        _ptrace(SEIZE, child.pid)
    except OSError as error:
        return f"this machine forbids tracing: {error.strerror}"
    finally:
        child.kill()
        child.communicate()
    return ""


def _ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> int:
    done = int(_libc.ptrace(request, pid, address, data))
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return done


class Tracer:
    """One traced run of a command."""

    def __init__(self, log: Path, store: str, *, at: int, how: str, on: str) -> None:
        self.log, self.store = log.open("w", encoding="utf-8"), store
        self.at, self.how, self.on = at, how, on
        self.numbers = _NUMBERS[platform.machine()]
        self.points = 0
        self.pid = 0
        self.sockets: set[int] = set()
        self.inside: set[int] = set()
        """Threads that are within a system call."""
        self.due: int | None = None
        """The thread at whose return from its call the process ends."""
        self.info = ctypes.create_string_buffer(88)

    def run(self, command: list[str]) -> int:
        """The command's exit status, as `os.waitstatus_to_exitcode` has it."""
        go, ready = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready)
            os.read(go, 1)
            os.execvp(command[0], command)
        os.close(go)
        _ptrace(SEIZE, self.pid, 0, GOOD | CLONE | EXIT_KILL)
        _ptrace(INTERRUPT, self.pid)
        os.waitpid(self.pid, ANY_THREAD)
        self.inside.add(self.pid)  # in the read from the pipe, whose return comes next
        _ptrace(SYSCALL, self.pid)
        os.write(ready, b"x")
        os.close(ready)
        return self._followed()

    def _followed(self) -> int:
        while True:
            thread, status = os.waitpid(-1, ANY_THREAD)
            if os.WIFSTOPPED(status):
                self._stopped(thread, os.WSTOPSIG(status), status >> 16)
                continue
            self.inside.discard(thread)
            if thread == self.pid:
                code = os.waitstatus_to_exitcode(status)
                self._write({"end": code, "points": self.points})
                return code

    def _stopped(self, thread: int, number: int, event: int) -> None:
        go_on, deliver = SYSCALL, 0
        if number == signal.SIGTRAP | 0x80:
            self._at_call(thread)
        elif event == EVENT_STOP:
            go_on = LISTEN if number in GROUP_STOPS else SYSCALL
        elif not event:
            deliver = number
        with suppress(ProcessLookupError):  # killed meanwhile
            _ptrace(go_on, thread, 0, deliver)

    def _at_call(self, thread: int) -> None:
        with suppress(ProcessLookupError):
            _ptrace(CALL_INFO, thread, len(self.info), ctypes.addressof(self.info))
            if self.info.raw[0] != 1:
                if self.due == thread:
                    os.kill(self.pid, signal.SIGKILL)
                return
            number, *arguments = struct.unpack_from("<7Q", self.info.raw, 24)
            name = self.numbers.get(number)
            on = self._touches(name, arguments) if name else ""
            if on:
                self._point(thread, str(name), on)

    def _point(self, thread: int, name: str, on: str) -> None:
        self.points += 1
        self._write({"n": self.points, "call": name, "on": on, "main": thread == self.pid})
        if not self.at or self.points < self.at or self.on not in {"", on}:
            return
        self.at = 0
        match self.how:
            case "kill":
                os.kill(self.pid, signal.SIGKILL)
            case "kill-after":
                self.due = thread
            case "freeze":
                self._write({"frozen": self.pid})
                # To this very thread: another one would take a moment to stop it.
                _libc.tgkill(self.pid, thread, signal.SIGSTOP)

    def _touches(self, name: str, arguments: list[int]) -> str:
        """`socket`, or the file's name where the call is on the store; empty where it is on neither."""
        first = arguments[0]
        if name == "connect":
            if self._family(arguments[1]) not in INTERNET:
                return ""
            self.sockets.add(first)
            return "socket"
        if name == "openat":
            return self._file(self._text(arguments[1])) if arguments[2] & os.O_CREAT else ""
        if name.startswith("unlink"):
            return self._file(self._text(arguments[name == "unlinkat"]))
        if first in self.sockets and name in ON_SOCKETS:
            if name == "close":
                self.sockets.discard(first)
            return "socket"
        if name not in ON_STORE:
            return ""
        try:
            path = str(Path(f"/proc/{self.pid}/fd/{first}").readlink())
        except OSError:
            return ""
        if path.endswith(WITNESS):
            self._write({"acknowledged": self.points})
        return self._file(path)

    def _file(self, path: str) -> str:
        name = path.rpartition("/")[2]
        return name if path.startswith(self.store) and ".sqlite" in name else ""

    def _family(self, address: int) -> int:
        return int.from_bytes(self._memory(address, 2), "little")

    def _text(self, address: int) -> str:
        """A path from the process's memory; read up to the page's end, beyond which there may be nothing."""
        return (
            self._memory(address, min(1024, 4096 - address % 4096))
            .partition(b"\0")[0]
            .decode(errors="replace")
        )

    def _memory(self, address: int, length: int) -> bytes:
        try:
            with Path(f"/proc/{self.pid}/mem").open("rb", buffering=0) as memory:
                memory.seek(address)
                return memory.read(length)
        except OSError:
            return b""

    def _write(self, line: dict[str, object]) -> None:
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--store", required=True)
    how = parser.add_mutually_exclusive_group()
    for name in ("kill", "kill-after", "freeze"):
        how.add_argument(f"--{name}", type=int)
    parser.add_argument("--on", default="")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    chosen = [(n, getattr(given, n.replace("-", "_"))) for n in ("kill", "kill-after", "freeze")]
    way, at = next(((name, at) for name, at in chosen if at), ("", 0))
    code = Tracer(given.log, given.store, at=at, how=way, on=given.on).run(given.command)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
