"""The door before moto: who is let in, who may only read, and the trouble that was ordered.

Signatures are not checked, the name of the key is. moto is loaded at the first request.
"""

from __future__ import annotations

import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.shelf import Shelf

Environ = dict[str, Any]
Begin = Callable[..., Any]

_READS = ("Get", "List", "Describe", "Head", "Simulate")
_METHODS = {"GET": "Get", "HEAD": "Head"}


class Door:
    """A WSGI application around moto's."""

    def __init__(self, shelf: Path, *, reader: str, writer: str) -> None:
        self._shelf, self._reader, self._writer = shelf, reader, writer
        self._lock = threading.Lock()
        self._inside: Any = None

    def __call__(self, environ: Environ, begin: Begin) -> Iterable[bytes]:
        asked = operation(environ)
        writes = not asked.startswith(_READS)
        with closing(Shelf(self._shelf)) as shelf:
            faults = Faults(shelf)
            if faults.take("aws-throttled") is not None:
                return refused(environ, begin, "ThrottlingException", "Rate exceeded", "400 Bad Request")
            if faults.take("aws-unavailable") is not None:
                return refused(environ, begin, "ServiceUnavailable", "try later", "503 Service Unavailable")
            who = key_of(environ)
            if who not in {self._reader, self._writer}:
                words = "The security token included in the request is invalid."
                return refused(environ, begin, "InvalidClientTokenId", words, "403 Forbidden")
            if writes and who == self._reader:
                words = f"the identity that plans is not authorized to perform: {asked}"
                return refused(environ, begin, "AccessDeniedException", words, "403 Forbidden")
            # moto keeps no peace among writers, so one request at a time goes in.
            with self._lock:
                answer = list(self._moto()(environ, begin))
                if writes:
                    self._mirror(shelf)
            if writes and faults.take("aws-lost-answer") is not None:
                hang_up(environ)
            return answer

    def _moto(self) -> Any:
        if self._inside is None:
            from moto.server import DomainDispatcherApplication, create_backend_app

            from runbook_exec.sandbox.aws_estate import move_in

            self._inside = DomainDispatcherApplication(create_backend_app)
            move_in()
        return self._inside

    def _mirror(self, shelf: Shelf) -> None:
        from runbook_exec.sandbox.aws_estate import mirrored

        now = mirrored()
        with shelf.together():
            for name, _ in list(shelf.items("aws")):
                if name not in now:
                    shelf.drop("aws", name)
            for name, body in now.items():
                shelf.put("aws", name, body)


def operation(environ: Environ) -> str:
    """What is asked for: `CreateUser`. For S3 the method stands for it."""
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rpartition(".")[2]
    if "x-www-form-urlencoded" in str(environ.get("CONTENT_TYPE", "")):
        body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        return parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return _METHODS.get(str(environ["REQUEST_METHOD"]), str(environ["REQUEST_METHOD"]))


def key_of(environ: Mapping[str, Any]) -> str:
    """The id of the access key that signed."""
    found = re.search(r"Credential=([A-Z0-9]+)/", str(environ.get("HTTP_AUTHORIZATION", "")))
    return str(found[1]) if found else ""


def refused(environ: Environ, begin: Begin, code: str, words: str, status: str) -> list[bytes]:
    """An error in the form of the protocol that was spoken; the request is read to its end first."""
    size = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    environ["wsgi.input"].read(*(() if size is None else (size,)))
    if environ.get("HTTP_X_AMZ_TARGET"):
        body = json.dumps({"__type": code, "message": words}).encode()
        begin(status, [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))])
        return [body]
    error = f"<Error><Code>{code}</Code><Message>{words}</Message></Error>"
    form = "x-www-form-urlencoded" in str(environ.get("CONTENT_TYPE", ""))
    body = (f"<ErrorResponse>{error}</ErrorResponse>" if form else error).encode()
    begin(status, [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body]


def hang_up(environ: Environ) -> None:
    """End the connection before the answer leaves."""
    line = environ.get("werkzeug.socket")
    if line is not None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
