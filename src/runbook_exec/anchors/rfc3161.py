"""An anchor in time: an authority signs that it saw a checkpoint's hash, and when (RFC 3161, over HTTP).

The authority keeps nothing that can be fetched. The token proves that the checkpoint existed at that time; it
finds a rewritten journal as long as a copy of the token lies where the writer cannot delete it.
"""

from __future__ import annotations

import base64
import http.client
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from runbook_exec import time_stamp
from runbook_exec.action import Finding
from runbook_exec.anchors import SECONDS, Fetched, Place, Receipt, Signed, checked, receipt
from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid, NotAllowed, RunbookError, Transient, Unreachable

WHERE = "blackbox.anchors, rfc3161"
MOST = 100_000
"""Bytes of an answer; a token has a few thousand."""
_BUSY = {429, 500, 502, 503, 504}


def opened(settings: Mapping[str, Json], place: Place) -> TimeStampAnchor:
    """Keys: `url`, `certificate` (PEM: the authority's own, and earlier ones); `ca` for https, the system's if left out."""
    checked(settings, WHERE, needed=("url", "certificate"), known=("ca",))
    url = urlsplit(str(settings["url"]))
    if url.scheme not in {"http", "https"} or not url.hostname or url.username:
        raise Invalid(f"{settings['url']} is no address of an authority", where=WHERE)
    file = place.path(str(settings["certificate"]), WHERE)
    try:
        given = time_stamp.certificates(file.read_bytes())
    except time_stamp.BadToken as error:
        raise Invalid(
            str(error), where=str(file), next_move="save the authority's certificate as PEM"
        ) from error
    ca = place.path(str(settings["ca"]), WHERE) if settings.get("ca") else None
    return TimeStampAnchor(url=str(settings["url"]), given=tuple(given), ca=ca)


@dataclass(frozen=True, kw_only=True)
class TimeStampAnchor:
    """A time stamping authority."""

    url: str
    given: tuple[x509.Certificate, ...]
    ca: Path | None = None
    kind: str = "rfc3161"
    keeps: bool = False

    @property
    def name(self) -> str:
        return f"time stamp by {urlsplit(self.url).hostname}"

    def put(self, signed: Signed, now: datetime) -> Receipt:
        token, nonce, seen = self._stamped(bytes.fromhex(signed.hash))
        return receipt(
            self,
            signed,
            now,
            seen_at=seen.isoformat(),
            nonce=f"{nonce:x}",
            token=base64.b64encode(token).decode(),
        )

    def fetch(self) -> Fetched:
        """Nothing: an authority keeps no copies. What it said is in the receipts."""
        return Fetched(receipts=())

    def check(self) -> list[Finding]:
        """A stamp of nothing in particular: whether the authority answers as the one whose certificate we have."""
        _, _, seen = self._stamped(secrets.token_bytes(32))
        ends = max(one.not_valid_after_utc for one in self.given)
        found = [Finding(ok=True, what=f"{self.name} answers; its clock says {seen:%Y-%m-%d %H:%M} UTC")]
        if (ends - seen).days < 30:
            found.append(
                Finding(
                    ok=False,
                    what=f"the authority's certificate ends on {ends:%Y-%m-%d}",
                    next_move="get the authority's next certificate and add it to the file; keep the old one in it",
                )
            )
        what = "the authority keeps no copy: its tokens lie with us and in exports, where a writer can delete them"
        return [*found, Finding(ok=True, known=False, what=what)]

    def _stamped(self, imprint: bytes) -> tuple[bytes, int, datetime]:
        nonce = secrets.randbits(64)
        answer = self._posted(time_stamp.request(imprint, nonce))
        try:
            token = time_stamp.token_of(answer)
            return token, nonce, time_stamp.check(token, imprint, self.given, nonce)
        except time_stamp.BadToken as error:
            raise Failed(
                f"the time stamp does not hold: {error}",
                where=self.name,
                next_move="check `certificate`: it must be the one that the authority signs with",
            ) from error

    def _posted(self, body: bytes) -> bytes:
        url = urlsplit(self.url)
        host, port = str(url.hostname), url.port
        try:
            line = (
                http.client.HTTPSConnection(
                    host, port, timeout=SECONDS / 2, context=ssl.create_default_context(cafile=self.ca)
                )
                if url.scheme == "https"
                else http.client.HTTPConnection(host, port, timeout=SECONDS / 2)
            )
            try:
                path = (url.path or "/") + (f"?{url.query}" if url.query else "")
                line.request("POST", path, body, {"Content-Type": "application/timestamp-query"})
                reply = line.getresponse()
                status, answer = reply.status, reply.read(MOST + 1)
            finally:
                line.close()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"no answer: {error or type(error).__name__}",
                where=self.name,
                next_move="is the address right, and may this machine reach it?",
            ) from error
        if status != 200 or len(answer) > MOST:
            raise _refused(status, self.name)
        return answer


def _refused(status: int, where: str) -> RunbookError:
    if status in _BUSY:
        return Transient(f"the authority answers {status}", where=where, next_move="it is tried again later")
    if status in {401, 403}:
        return NotAllowed(f"the authority answers {status}", where=where, next_move="ask it for access")
    return Failed(
        f"the authority answers {status} instead of a time stamp", where=where, next_move="correct url:"
    )
