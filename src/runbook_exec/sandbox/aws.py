"""The rehearsal company's AWS account: moto's server over real HTTPS, with the company's users in it.

It is moved in when somebody first asks (moto takes two seconds to load) and lives in memory: with each start
of the sandbox the account is as on its first day. What is there about people lies on the shelf, too
(table `aws`), for whoever looks. moto checks no policies: of our two identities the one that plans is kept from
writing by the door (`aws_door`), and nobody else is let in.
"""

from __future__ import annotations

import secrets
import socket
import threading
from pathlib import Path
from typing import Any

from runbook_exec.sandbox.aws_estate import REGION, STORE, first_day
from runbook_exec.sandbox.rehearsal import Rehearsal

APPLY, PLAN = "AKIAKRANICHAPPLY0001", "AKIAKRANICHPLAN00001"


def seed(rehearsal: Rehearsal) -> None:
    """Put what there is about people on the shelf, as `look` shows it."""
    _forget(rehearsal)
    for name, body in first_day().items():
        rehearsal.shelf.put("aws", name, body)


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Listen on loopback until the process ends; returns the connection of the provider `aws`."""
    seed(rehearsal)  # the account begins anew, whatever was done to it before
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(rehearsal, listening), daemon=True).start()
    return connection(rehearsal, int(listening.getsockname()[1]))


def connection(rehearsal: Rehearsal, port: int) -> dict[str, Any]:
    """The keys of a connection: the identity that writes and, for planning, the one that reads."""
    return {
        "aws": {
            "region": REGION,
            "endpoint": f"https://127.0.0.1:{port}",
            "ca": str(rehearsal.certificates.ca),
            "identity_store": STORE,
            "access_key_id": APPLY,
            "secret_access_key": f"file:{_secret_file(rehearsal.folder, 'apply')}",
            "planning": {
                "access_key_id": PLAN,
                "secret_access_key": f"file:{_secret_file(rehearsal.folder, 'plan')}",
            },
        }
    }


def _forget(rehearsal: Rehearsal) -> None:
    for name, _ in list(rehearsal.shelf.items("aws")):
        rehearsal.shelf.drop("aws", name)


def _serve(rehearsal: Rehearsal, listening: socket.socket) -> None:
    from werkzeug.serving import WSGIRequestHandler, make_server

    from runbook_exec.sandbox.aws_door import Door

    class Quiet(WSGIRequestHandler):  # type: ignore[misc] # werkzeug is only there in a sandbox
        def log_request(self, *_: Any) -> None:
            pass

    certificates = rehearsal.certificates
    server = make_server(
        "127.0.0.1",
        0,
        Door(rehearsal.folder / "company.sqlite", reader=PLAN, writer=APPLY),
        threaded=True,
        request_handler=Quiet,
        ssl_context=(str(certificates.cert), str(certificates.key)),
        fd=listening.fileno(),
    )
    server.serve_forever()


def _secret_file(folder: Path, name: str) -> Path:
    """An identity's secret, made once; readable by the owner alone."""
    path = folder / f"aws-{name}.secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(30))
    return path
