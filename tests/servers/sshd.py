"""A real sshd on loopback: own host key, key login as whoever runs the tests, its log at hand."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import missing_server

PROGRAM = "/usr/sbin/sshd"

_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
MaxStartups 50
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Sshd:
    """Where it listens, and the files that a client needs."""

    folder: Path
    port: int
    user: str
    key: Path
    known_hosts: Path

    @property
    def log(self) -> str:
        """What sshd saw: an outside witness of logins."""
        return (self.folder / "log").read_text()

    def host(self, **more: object) -> dict[str, object]:
        """The host's entry in a YAML inventory."""
        return {"ansible_host": "127.0.0.1", "ansible_port": self.port, **more}

    def connection(self, **more: object) -> dict[str, object]:
        """The keys of an ansible connection that reach this server."""
        return {
            "remote_user": self.user,
            "private_key_file": str(self.key),
            "known_hosts": str(self.known_hosts),
            "python": shutil.which("python3", path="/usr/bin:/usr/local/bin") or shutil.which("python3"),
            **more,
        }


def new_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[Sshd]:
    """An sshd for the length of this context; skips (or fails) where the program is missing."""
    if not Path(PROGRAM).exists():
        missing_server("sshd")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    host_key, key = new_key(folder / "host_key"), new_key(folder / "client_key")
    (folder / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host_key.with_suffix('.pub').read_text()}")
    (folder / "config").write_text(_CONFIG.format(port=port, folder=folder))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd drops its rights into it
    command = [PROGRAM, "-D", "-f", str(folder / "config"), "-E", str(folder / "log")]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        _await_banner(process, port, folder)
        yield Sshd(folder=folder, port=port, user=getpass.getuser(), key=key, known_hosts=known)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _await_banner(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
                if probe.recv(4) == b"SSH-":
                    return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    log = folder / "log"
    raise AssertionError(f"sshd did not start: {log.read_text() if log.exists() else 'no log'}")
