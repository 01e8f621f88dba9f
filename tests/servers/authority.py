"""A real time stamping authority on loopback: `openssl ts` behind HTTP, with a certificate of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from conftest import missing_server

_CONFIG = """\
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
certs = {folder}/tsa.pem
default_policy = 1.2.3.4.1
signer_digest = {digest}
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = {named}
"""

KEYS = {
    "rsa": ["-newkey", "rsa:2048"],
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
}


@dataclass
class Authority:
    """Where it listens, and the certificate that it signs with."""

    folder: Path
    url: str = ""
    answers: list[bytes] = field(default_factory=list)
    """If not empty, what it answers next instead of a time stamp."""
    status: int = 200

    @property
    def certificate(self) -> Path:
        return self.folder / "tsa.pem"

    def stamp(self, query: bytes) -> bytes:
        """A TimeStampResp for a TimeStampReq."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            asked, told = Path(place) / "query", Path(place) / "reply"
            asked.write_bytes(query)
            command = ["openssl", "ts", "-reply", "-config", self.folder / "tsa.cnf"]
            subprocess.run(
                [*command, "-queryfile", asked, "-out", told], check=True, capture_output=True, timeout=20
            )
            return told.read_bytes()


def made(
    folder: Path,
    *,
    key: str = "rsa",
    digest: str = "sha256",
    named: str = "sha256",
    usage="critical,timeStamping",
) -> Authority:
    """An authority that does not listen yet."""
    if shutil.which("openssl") is None:
        missing_server("openssl")
    folder.mkdir(parents=True)
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder, digest=digest, named=named))
    command = ["openssl", "req", "-x509", *KEYS[key], "-nodes", "-days", "365", "-subj", "/O=Test/CN=Stamps"]
    subprocess.run(
        [
            *command,
            "-addext",
            f"extendedKeyUsage={usage}",
            "-keyout",
            folder / "tsa.key",
            "-out",
            folder / "tsa.pem",
        ],
        check=True,
        capture_output=True,
    )
    return Authority(folder)


@contextmanager
def running(folder: Path, **about: str) -> Iterator[Authority]:
    """An authority for the length of this context."""
    authority = made(folder, **about)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            answer = authority.answers.pop(0) if authority.answers else authority.stamp(query)
            self.send_response(authority.status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_port}/tsa"
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
