"""A certificate of a test CA that ends soon, or has ended, behind a real TLS service on a host over real SSH."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from contextlib import suppress

import pytest
from rehearsal_desk import until
from servers import sshd as server
from servers.far_host import FarHost, free_port

from runbook_exec.errors import EXIT_WAITING

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

SERVICE = """\
import os, signal, socket, ssl, sys
folder, port = sys.argv[1], int(sys.argv[2])
def context(*_):
    global tls
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{folder}/live.pem", f"{folder}/live.key")
context()
signal.signal(signal.SIGHUP, context)
signal.alarm(300)
listener = socket.create_server(("127.0.0.1", port))
open(f"{folder}/service.pid", "w").write(str(os.getpid()))
while True:
    line = listener.accept()[0]
    line.settimeout(5)
    try:
        tls.wrap_socket(line, server_side=True).close()
    except OSError:
        line.close()
"""
RENEW = """\
import datetime as dt, sys
sys.path.insert(0, sys.argv[1])
import authority
authority.issue(sys.argv[1], sys.argv[2], "renewed", days=90)
"""
AUTHORITY = """\
import datetime as dt, ipaddress, os
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

def named(text): return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
def key_pem(key): return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())

def found(folder, name="Test CA"):
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(name)).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=400))
        .not_valid_after(now + dt.timedelta(days=400)).add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256()))
    open(f"{folder}/ca.key", "wb").write(key_pem(key))
    open(f"{folder}/ca.pem", "wb").write(made.public_bytes(s.Encoding.PEM))

def issue(folder, to, name, days):
    ca = x509.load_pem_x509_certificate(open(f"{folder}/ca.pem", "rb").read())
    ca_key = s.load_pem_private_key(open(f"{folder}/ca.key", "rb").read(), None)
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.timezone.utc)
    begins = now - dt.timedelta(days=300) if days <= 0 else now - dt.timedelta(minutes=5)
    made = (x509.CertificateBuilder().subject_name(named("intranet")).issuer_name(ca.subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(begins)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("intranet.example")]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False)
        .sign(ca_key, hashes.SHA256()))
    open(f"{to}/{name}.pem", "wb").write(made.public_bytes(s.Encoding.PEM))
    open(f"{to}/{name}.key", "wb").write(key_pem(key))
"""
RELOAD = "import os, signal, sys; os.kill(int(open(sys.argv[1]).read()), signal.SIGHUP)"


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with server.running(tmp_path_factory.mktemp("sshd")) as running:
        yield running


class Intranet:
    """The service, its certificate and the authority that clients believe."""

    def __init__(self, folder, sshd, *, days: float) -> None:
        self.host = FarHost(folder)
        self.place, self.ca = self.host.far / "tls", self.host.far / "ca"
        for each in (self.place, self.ca):
            each.mkdir()
        (self.ca / "authority.py").write_text(AUTHORITY)
        self.python(f"authority.found('.'); authority.issue('.', '{self.place}', 'live', {days})")
        (self.ca / "renew.py").write_text(RENEW)
        (self.place / "service.py").write_text(SERVICE)
        self.port = free_port()
        pid = self.place / "service.pid"
        self.host.variables["certificates"] = {
            "intranet": {
                "certificate": str(self.place / "live.pem"),
                "key": str(self.place / "live.key"),
                "renewed_certificate": str(self.place / "renewed.pem"),
                "renewed_key": str(self.place / "renewed.key"),
                "renew": [sys.executable, str(self.ca / "renew.py"), str(self.ca), str(self.place)],
                "reload": [sys.executable, "-c", RELOAD, str(pid)],
            }
        }
        outside = {
            "address": "127.0.0.1",
            "port": self.port,
            "server_name": "intranet.example",
            "ca": "inventory/ca.pem",
        }
        title = {"en": "Intranet", "de": "Intranet"}
        self.host.services["intranet"] = {
            "title": title, "host": "fs-brno", "unit": "intranet", "outside": outside, "quiet": 30, "within": "3s",
        }  # fmt: skip
        self.host.connect(sshd)
        (self.host.desk.folder / "inventory" / "ca.pem").write_bytes((self.ca / "ca.pem").read_bytes())
        command = [sys.executable, str(self.place / "service.py"), str(self.place), str(self.port)]
        self.process = subprocess.Popen(command)
        until(pid.exists)

    def python(self, text: str) -> None:
        subprocess.run([sys.executable, "-c", f"import authority; {text}"], cwd=self.ca, check=True)

    def run(self):
        return self.host.run("renew-certificate", service="intranet")

    def shown(self) -> str:
        """What a client is shown, whether it believes it or not."""
        return ssl.get_server_certificate(("127.0.0.1", self.port), timeout=5)

    def believed(self) -> bool:
        import socket

        context = ssl.create_default_context(cafile=str(self.host.desk.folder / "inventory" / "ca.pem"))
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
                context.wrap_socket(line, server_hostname="intranet.example").close()
        except ssl.SSLCertVerificationError:
            return False
        return True


@pytest.fixture
def intranet(tmp_path, sshd):
    started = []

    def made(days: float) -> Intranet:
        started.append(Intranet(tmp_path, sshd, days=days))
        return started[0]

    yield made
    for each in started:
        with suppress(ProcessLookupError):
            os.kill(each.process.pid, signal.SIGKILL)
        each.process.wait(5)


def steps_of(host, run):
    return [e["body"]["step"] for e in host.desk.events(run) if e["kind"] == "step.result"]


def test_a_certificate_that_has_ended_is_renewed_and_clients_believe_it_again(intranet):
    here = intranet(-1)
    old = here.shown()
    assert not here.believed(), "it has really ended"
    said = here.run()
    assert said.code == 0, said.all
    run = here.host.desk.newest()
    assert here.believed()
    assert here.shown() != old
    kept = here.host.far / "remediation" / "cases" / run
    assert (kept / "certificate.pem").read_text().split() == old.split()
    assert (kept / "key.pem").stat().st_mode & 0o777 == 0o600
    done = steps_of(here.host, run)
    assert done.index("renew") < done.index("fresh") < done.index("install") < done.index("seen")
    assert "back" not in done
    assert "PRIVATE KEY" not in here.host.desk("log", run, "--json").out
    (ticket,) = here.host.tickets()
    assert ticket["status"] == "closed"

    again = here.run()
    assert again.code == 0, again.all
    assert "Nothing to change" in again.out


@pytest.mark.slow
def test_a_new_certificate_that_clients_do_not_believe_gives_way_to_the_old_one(intranet):
    here = intranet(5)
    old = here.shown()
    (here.ca / "other").mkdir()
    here.python("authority.found('other', 'Nobody knows')")
    for name in ("ca.pem", "ca.key"):
        (here.ca / "other" / name).replace(here.ca / name)
    said = here.run()
    assert said.code == EXIT_WAITING, said.all
    run = here.host.desk.newest()
    assert here.shown() == old
    assert here.believed()
    done = steps_of(here.host, run)
    assert done.index("seen") < done.index("back") < done.index("told")
    (ticket,) = here.host.tickets()
    assert ticket["status"] == "open"
    assert "ESCALATION" in str(here.host.comments())


def test_a_certificate_with_time_left_is_let_be(intranet):
    here = intranet(200)
    old = here.shown()
    said = here.run()
    assert said.code == 0, said.all
    assert "Nothing to change" in said.out
    assert here.shown() == old


@pytest.mark.slow
def test_the_renewal_is_taken_back_by_undo(intranet):
    here = intranet(5)
    old = here.shown()
    assert here.run().code == 0
    assert here.shown() != old
    undone = here.host.desk("undo", here.host.desk.newest(), "--yes")
    assert undone.code == 0, undone.all
    assert here.shown() == old
