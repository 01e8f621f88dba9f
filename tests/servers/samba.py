"""A real Samba AD domain controller on a loopback address of its own; needs root, since its ports are fixed."""

from __future__ import annotations

import fcntl
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

import ldap3
import pytest
from conftest import missing_server

from runbook_exec.sandbox import certificates
from runbook_exec.secret import Secret

BASE = "DC=corp,DC=example"
PEOPLE, GROUPS, LEFT = f"OU=Benutzer,{BASE}", f"OU=Gruppen,{BASE}", f"OU=Ausgeschieden,{BASE}"
ADMIN, PASSWORD = "Administrator@corp.example", "Admin-Pw1!"
READER, READER_PASSWORD = "reader@corp.example", "Reader-Pw1!"
_SAMBA = shutil.which("samba") or "/usr/sbin/samba"
_TOOL = shutil.which("samba-tool") or "/usr/bin/samba-tool"


@dataclass
class Samba:
    """One running domain controller and how to reach it."""

    folder: Path
    address: str
    process: subprocess.Popen[bytes]
    name: str = "samba"
    base: str = BASE
    people: str = PEOPLE
    groups: str = GROUPS
    left: str = LEFT

    @property
    def connection(self) -> dict:
        return {
            "url": f"ldaps://{self.address}",
            "ca": str(self.folder / "tls" / "ca.pem"),
            "user": ADMIN,
            "password": Secret(PASSWORD),
            "base": self.base,
            "timeout": 20,
        }

    @property
    def reader(self) -> dict:
        """A connection that the server itself lets only read."""
        return {**self.connection, "user": READER, "password": Secret(READER_PASSWORD)}

    @contextmanager
    def raw(self) -> Iterator[ldap3.Connection]:
        """A bare connection with all rights, as another administrator would have it."""
        server = ldap3.Server(self.address, port=636, use_ssl=True, get_info=ldap3.NONE)
        bound = ldap3.Connection(server, ADMIN, PASSWORD, auto_bind=True, check_names=False)
        try:
            yield bound
        finally:
            bound.unbind()

    def can_log_in(self, dn: str, password: str) -> bool:
        server = ldap3.Server(self.address, port=636, use_ssl=True, get_info=ldap3.NONE)
        bound = ldap3.Connection(server, dn, password)
        try:
            return bound.bind()
        finally:
            bound.unbind()

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)


@contextmanager
def running(folder: Path, golden: Path) -> Iterator[Samba]:
    """Start a fresh domain copied from the `golden` folder (provisioned on first use)."""
    if not Path(_SAMBA).exists() or not Path(_TOOL).exists():
        missing_server("samba")
    if os.geteuid() != 0:
        if os.environ.get("RUNBOOK_REQUIRE_SERVERS") == "1":
            pytest.fail("samba needs root for ports 389 and 636")
        pytest.skip("samba needs root for ports 389 and 636")
    _provision(golden)
    if not folder.exists():
        shutil.copytree(golden, folder, symlinks=True)
    address = _free_address()
    _configure(folder, address)
    made = certificates.make(folder / "tls", hosts=(address,))
    tls = folder / "private" / "tls"
    shutil.rmtree(tls, ignore_errors=True)
    tls.mkdir(parents=True)
    for path in (made.ca, made.cert, made.key):
        shutil.copy2(path, tls / path.name)
    (tls / "key.pem").chmod(0o600)
    server = Samba(folder, address, _start(folder))
    try:
        _wait(server)
        yield server
    finally:
        server.stop()


def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the provisioned domain is kept, once for all workers of a test session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "samba-golden"


def _provision(golden: Path) -> None:
    golden.parent.mkdir(parents=True, exist_ok=True)
    with (golden.parent / f"{golden.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (golden / "ready").exists():
            return
        shutil.rmtree(golden, ignore_errors=True)
        golden.mkdir()
        conf = _configure(golden, "127.0.0.1")
        _run(
            _TOOL, "domain", "provision", f"--configfile={conf}", "--server-role=dc", "--realm=CORP.EXAMPLE",
            "--domain=CORP", "--host-name=dc1", "--host-ip=127.0.0.1", "--dns-backend=NONE",
            f"--adminpass={PASSWORD}",
        )  # fmt: skip
        _run(_TOOL, "domain", "passwordsettings", "set", f"--configfile={conf}", "--min-pwd-age=0",
             "--account-lockout-threshold=3")  # fmt: skip
        for name in ("Benutzer", "Gruppen", "Ausgeschieden"):
            _run(_TOOL, "ou", "add", f"OU={name},{BASE}", f"--configfile={conf}")
        _run(_TOOL, "user", "add", "reader", READER_PASSWORD, f"--configfile={conf}")
        (golden / "ready").touch()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _configure(folder: Path, address: str) -> Path:
    """Write smb.conf for this folder and address; provisioning and serving use the same."""
    for name in ("run", "log"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("private", "state", "cache", "lock", "run", "run/ncalrpc", "run/winbindd", "run/ntp", "bind-dns", "sysvol", "log"):  # fmt: skip
        (folder / name).mkdir(parents=True, exist_ok=True)
    # Samba refuses these two with other rights.
    (folder / "run/winbindd").chmod(0o755)
    (folder / "run/ntp").chmod(0o750)
    conf = folder / "smb.conf"
    conf.write_text(f"""[global]
realm = CORP.EXAMPLE
workgroup = CORP
netbios name = DC1
server role = active directory domain controller
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}/lock
pid directory = {folder}/run
ncalrpc dir = {folder}/run/ncalrpc
winbindd socket directory = {folder}/run/winbindd
ntp signd socket directory = {folder}/run/ntp
binddns dir = {folder}/bind-dns
log file = {folder}/log/log.samba
[sysvol]
path = {folder}/sysvol
read only = no
[netlogon]
path = {folder}/sysvol/corp.example/scripts
read only = no
""")
    return conf


def _free_address() -> str:
    """A loopback address of our own: the ports are fixed, so two servers need two addresses."""
    start = os.getpid()
    for step in range(200):
        number = (start * 7 + step) % 60_000
        address = f"127.{10 + number // 250}.{1 + number % 250}.9"
        with socket.socket() as probe:
            if probe.connect_ex((address, 636)) != 0:
                return address
    raise AssertionError("no loopback address is free for samba")


def _start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log" / "stdout").open("ab") as log:
        return subprocess.Popen(
            [_SAMBA, "-i", "--debug-stdout", "-M", "single", "-s", str(folder / "smb.conf")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait(server: Samba) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((server.address, 636)) != 0:
                time.sleep(0.05)
                continue
        if server.can_log_in(ADMIN, PASSWORD):
            return
        time.sleep(0.05)
    raise AssertionError("samba did not start: " + (server.folder / "log" / "stdout").read_text()[-3000:])
