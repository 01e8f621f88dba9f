"""A real OpenLDAP server on loopback, with accesslog as an outside witness of what was written."""

from __future__ import annotations

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
from conftest import missing_server

from runbook_exec.sandbox import certificates
from runbook_exec.secret import Secret

BASE = "dc=corp,dc=example"
PEOPLE, GROUPS, LEFT = f"ou=People,{BASE}", f"ou=Groups,{BASE}", f"ou=Left,{BASE}"
ADMIN, PASSWORD = f"cn=runbook,ou=Services,{BASE}", "runbook-Pw1!"
READER, READER_PASSWORD = f"cn=reader,ou=Services,{BASE}", "reader-Pw1!"
ROOT, ROOT_PASSWORD = f"cn=root,{BASE}", "root-Pw1!"
FILLER = f"cn=nobody,ou=Services,{BASE}"
"""Stands in groups of names, which cannot be empty."""

_SLAPD = shutil.which("slapd") or "/usr/sbin/slapd"


@dataclass
class Slapd:
    """One running server and how to reach it; `connection` is what an environment would hold."""

    folder: Path
    port: int
    plain_port: int
    certificates: certificates.Certificates
    process: subprocess.Popen[bytes] | None = None
    name: str = "slapd"
    base: str = BASE
    people: str = PEOPLE
    groups: str = GROUPS
    left: str = LEFT

    @property
    def connection(self) -> dict:
        return {
            "url": f"ldaps://127.0.0.1:{self.port}",
            "ca": str(self.certificates.ca),
            "user": ADMIN,
            "password": Secret(PASSWORD),
            "base": self.base,
            "timeout": 10,
        }

    @property
    def reader(self) -> dict:
        """A connection that the server itself lets only read."""
        return {**self.connection, "user": READER, "password": Secret(READER_PASSWORD)}

    def group_classes(self, cn: str, members: tuple[str, ...]) -> tuple[list[str], dict]:
        return ["groupOfNames"], {"cn": cn, "member": [FILLER, *members]}

    @contextmanager
    def raw(self) -> Iterator[ldap3.Connection]:
        """A bare connection with all rights, as another administrator would have it."""
        with self._bound(ROOT, ROOT_PASSWORD) as bound:
            yield bound

    def writes(self) -> list[tuple[str, str]]:
        """(kind, DN) of every write that the server did, oldest first, from its access log."""
        with self._bound("cn=accesslog", ROOT_PASSWORD) as bound:
            bound.search(
                "cn=accesslog",
                "(&(objectClass=auditWriteObject)(reqResult=0))",
                attributes=["reqStart", "reqType", "reqDN"],
            )
            found = [entry["raw_attributes"] for entry in bound.response if entry["type"] == "searchResEntry"]
        found.sort(key=lambda one: one["reqStart"][0])
        return [(one["reqType"][0].decode(), one["reqDN"][0].decode()) for one in found]

    def can_log_in(self, dn: str, password: str) -> bool:
        server = ldap3.Server("127.0.0.1", port=self.port, use_ssl=True, get_info=ldap3.NONE)
        bound = ldap3.Connection(server, dn, password)
        try:
            return bound.bind()
        finally:
            bound.unbind()

    def restart(self) -> None:
        self.stop()
        _start(self)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)

    @contextmanager
    def _bound(self, user: str, password: str) -> Iterator[ldap3.Connection]:
        server = ldap3.Server("127.0.0.1", port=self.port, use_ssl=True, get_info=ldap3.NONE)
        bound = ldap3.Connection(server, user, password, auto_bind=True, check_names=False)
        try:
            yield bound
        finally:
            bound.unbind()


@contextmanager
def running(folder: Path) -> Iterator[Slapd]:
    """Start a server with an empty company in `folder`; stop it at the end."""
    if not Path(_SLAPD).exists():
        missing_server("slapd")
    made = certificates.make(folder / "tls", hosts=("127.0.0.1", "localhost"))
    server = Slapd(folder, free_port(), free_port(), made)
    for name in ("data", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "slapd.conf").write_text(_config(server))
    (folder / "seed.ldif").write_text(_SEED)
    subprocess.run(
        [_SLAPD, "-T", "add", "-q", "-f", folder / "slapd.conf", "-b", BASE, "-l", folder / "seed.ldif"],
        check=True,
        capture_output=True,
    )
    _start(server)
    try:
        yield server
    finally:
        server.stop()


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _start(server: Slapd) -> None:
    log = (server.folder / "slapd.log").open("ab")
    urls = f"ldaps://127.0.0.1:{server.port}/ ldap://127.0.0.1:{server.plain_port}/"
    server.process = subprocess.Popen(
        [_SLAPD, "-d", "0", "-f", str(server.folder / "slapd.conf"), "-h", urls],
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    log.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("slapd did not start: " + (server.folder / "slapd.log").read_text()[-2000:])


def _config(server: Slapd) -> str:
    folder, tls = server.folder, server.certificates
    return f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
moduleload accesslog
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
TLSCACertificateFile {tls.ca}
TLSCertificateFile {tls.cert}
TLSCertificateKeyFile {tls.key}
security simple_bind=128
database mdb
suffix cn=accesslog
directory {folder}/log
rootdn cn=accesslog
rootpw {ROOT_PASSWORD}
dbnosync
index reqStart,objectClass eq
database mdb
suffix {BASE}
directory {folder}/data
rootdn {ROOT}
rootpw {ROOT_PASSWORD}
dbnosync
index objectClass,uid,mail,cn,employeeNumber,entryUUID,member eq
access to attrs=userPassword by dn.exact="{ADMIN}" write by anonymous auth by * none
access to * by dn.exact="{ADMIN}" write by dn.exact="{READER}" read by anonymous auth by users read
overlay memberof
overlay refint
refint_attributes member memberOf manager
overlay ppolicy
ppolicy_default cn=default,ou=Policies,{BASE}
ppolicy_hash_cleartext
overlay accesslog
logdb cn=accesslog
logops writes
logsuccess FALSE
"""


_SEED = f"""
dn: {BASE}
objectClass: domain
dc: corp

dn: {PEOPLE}
objectClass: organizationalUnit
ou: People

dn: {GROUPS}
objectClass: organizationalUnit
ou: Groups

dn: {LEFT}
objectClass: organizationalUnit
ou: Left

dn: ou=Services,{BASE}
objectClass: organizationalUnit
ou: Services

dn: ou=Policies,{BASE}
objectClass: organizationalUnit
ou: Policies

dn: cn=default,ou=Policies,{BASE}
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdMustChange: TRUE
pwdCheckQuality: 2
pwdMinLength: 8

dn: {ADMIN}
objectClass: inetOrgPerson
cn: runbook
sn: runbook
userPassword: {PASSWORD}

dn: {READER}
objectClass: inetOrgPerson
cn: reader
sn: reader
userPassword: {READER_PASSWORD}

dn: {FILLER}
objectClass: inetOrgPerson
cn: nobody
sn: nobody
"""
