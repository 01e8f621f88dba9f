"""An anchor on another host: a new file for each checkpoint, over SSH, never written to again.

The far side runs `runbook-anchor` (`witness.sh` beside this file) as the key's forced command: it adds and
gives files, and can do nothing else. The host is known by a pinned `known_hosts`, and no ssh configuration
of whoever runs this is read.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from runbook_exec.action import Finding
from runbook_exec.anchors import SECONDS, Fetched, Place, Receipt, Signed, checked, read_line, receipt
from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid, NotAllowed, Unreachable
from runbook_exec.signature import PROGRAMS

WHERE = "blackbox.anchors, ssh"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")
_REFUSED = 2
"""What `runbook-anchor` answers to anything that it does not know."""


def opened(settings: Mapping[str, Json], place: Place) -> SshAnchor:
    """Keys: `host`, `user`, `key` (a private key without passphrase, for this alone), `known_hosts`; `port` (22)."""
    checked(settings, WHERE, needed=("host", "user", "key", "known_hosts"), known=("port",))
    host, user = str(settings["host"]), str(settings["user"])
    for name, value in (("host", host), ("user", user)):
        if not _NAME.fullmatch(value):
            raise Invalid(f"{name} is {value!r}, which is no name", where=WHERE)
    return SshAnchor(
        host=host,
        user=user,
        port=int(settings.get("port", 22)),
        key=place.path(str(settings["key"]), WHERE),
        known_hosts=place.path(str(settings["known_hosts"]), WHERE),
    )


@dataclass(frozen=True, kw_only=True)
class SshAnchor:
    """An account on another host that may add files."""

    host: str
    user: str
    port: int
    key: Path
    known_hosts: Path
    kind: str = "ssh"
    keeps: bool = True

    @property
    def name(self) -> str:
        return f"ssh {self.user}@{self.host}" + (f":{self.port}" if self.port != 22 else "")

    def put(self, signed: Signed, now: datetime) -> Receipt:
        file = f"{signed.name}.json"
        there = self._copy(file, self._asked(f"put {file}", signed.line() + "\n").strip())
        if there is None or there["hash"] != signed.hash:
            raise Failed(
                f"{file} is there and holds something else",
                where=self.name,
                next_move="a copy torn in a power cut stays as it is, and the next checkpoint gets its own; "
                "otherwise look at the file, and do not remove it",
            )
        return receipt(self, signed, now, file=file, seen_at=there["seen_at"])

    def fetch(self) -> Fetched:
        receipts, unreadable = [], []
        for line in self._asked("all").splitlines():
            file, _, rest = line.removeprefix("./").partition(" ")
            found = self._copy(file, rest)
            if found is None:
                unreadable.append(file)
            else:
                receipts.append(found)
        return Fetched(receipts=tuple(receipts), unreadable=tuple(unreadable))

    def check(self) -> list[Finding]:
        about = dict(line.partition(" ")[::2] for line in self._asked("about").splitlines())
        found = [Finding(ok=True, what=f"{self.name} answers and has {about.get('copies', '0')} copies")]
        if about.get("writable") != "yes":
            found.append(
                Finding(
                    ok=False,
                    what=f"{self.name} may not add files to its folder",
                    next_move=f"let the account {self.user} write to the folder on {self.host}",
                )
            )
        return [*found, self._bound(), self._kept(about.get("append-only", ""))]

    def _bound(self) -> Finding:
        """Whether the key can do anything else there, tried with a command that does nothing."""
        done = self._run("true", "")
        if done.returncode == _REFUSED:
            return Finding(ok=True, what="its key can add and read copies there and nothing else")
        return Finding(
            ok=False,
            what="its key can run any command there, so whoever has it can delete the copies",
            next_move="bind the key to runbook-anchor in authorized_keys: docs/anchors.md shows the line",
        )

    def _kept(self, append_only: str) -> Finding:
        if append_only == "yes":
            return Finding(ok=True, what="the folder there only takes new files; root can change that")
        return Finding(
            ok=True,
            known=False,
            what=f"whoever is {self.user} or root on {self.host} can delete copies there"
            + ("" if append_only == "no" else " (as far as can be told)"),
        )

    def _copy(self, file: str, line: str) -> Receipt | None:
        seen_at, _, rest = line.partition(" ")
        found = read_line(rest)
        about = {"kind": self.kind, "anchor": self.name, "file": file, "seen_at": seen_at, "at": seen_at}
        return found and {**found, **about}

    def _asked(self, words: str, text: str = "") -> str:
        done = self._run(words, text)
        if done.returncode == 0:
            return done.stdout.decode("utf-8", errors="replace")
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"exit {done.returncode}"
        if done.returncode != 255:
            move = "install runbook-anchor there: docs/anchors.md" if done.returncode in {126, 127} else ""
            raise NotAllowed(f"the other host refuses: {why}", where=self.name, next_move=move)
        if "Permission denied" in why:
            raise NotAllowed(
                "it does not let our key in", where=self.name, next_move="add the key to authorized_keys"
            )
        if "verification failed" in " ".join(said):
            raise NotAllowed(
                "the host has another key than known_hosts says",
                where=self.name,
                next_move="ask who runs the host; write its new key into known_hosts only if they confirm it",
            )
        raise Unreachable(
            f"no answer: {why}", where=self.name, next_move="is the host up, and the port open?"
        )

    def _run(self, words: str, text: str) -> subprocess.CompletedProcess[bytes]:
        program = shutil.which("ssh", path=PROGRAMS)
        if program is None:
            raise Invalid(
                "there is no ssh on this machine", where=self.name, next_move="install openssh-client"
            )
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{self.known_hosts}"',
            "GlobalKnownHostsFile": "/dev/null",
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "ControlMaster": "no",
            "ControlPath": "none",
            "ConnectTimeout": "8",
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "2",
            "LogLevel": "ERROR",
        }
        command = [program, "-F", "none", "-T", "-p", str(self.port), "-i", str(self.key)]
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        command += ["-l", self.user, "--", self.host, words]
        try:
            return subprocess.run(  # noqa: S603 - a list of words, no shell
                command,
                input=text.encode(),
                capture_output=True,
                check=False,
                timeout=SECONDS,
                env={"PATH": PROGRAMS, "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired as error:
            raise Unreachable(
                f"no answer within {SECONDS:.0f} s", where=self.name, next_move="is the host up?"
            ) from error
