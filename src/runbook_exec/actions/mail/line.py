"""One SMTP conversation (RFC 5321), and what each of its answers means."""

from __future__ import annotations

import ipaddress
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from functools import partial

from runbook_exec.action import ADDED, still_ours
from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid, NotAllowed, RunbookError, Transient, Unreachable
from runbook_exec.secret import Secret

LONGEST_ANSWER = 60.0
"""Seconds that one answer may take, if the step leaves that much."""

_BEGINS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
"""A line that begins with a dot gets a second one (RFC 5321 4.5.2)."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """How the server is reached. A connection lives for one mail."""

    host: str
    port: int
    security: str
    ca: str | None
    user: str
    password: Secret | None
    own_name: str

    def send(
        self, message: EmailMessage, receivers: Sequence[str], *, sender: str, seconds: float
    ) -> dict[str, Json]:
        """Hand the mail over. Nobody gets it unless every receiver is accepted.

        Raises `Transient` (4yz) and `Failed` (5yz) where the server said no, and
        `Unreachable`, with `sent=True` once the text was on its way: nobody knows then.
        """
        with self._open(seconds) as smtp:
            self._ask(f"the sender {sender}", partial(smtp.mail, sender))
            for receiver in receivers:
                self._ask(f"the receiver {receiver}", partial(smtp.rcpt, receiver))
            self._ask("the mail", partial(smtp.docmd, "DATA"), wants=(354,))
            try:
                still_ours()
            except BaseException:
                smtp.close()  # without the final dot the server keeps nothing
                raise
            try:
                # From here on nobody knows, until the server has answered.
                smtp.send(_BEGINS_WITH_DOT.sub(b"..", message.as_bytes()) + b".\r\n")
                code, answer = smtp.getreply()
            except (smtplib.SMTPException, OSError) as error:
                raise Unreachable(
                    f"the connection broke while the mail was handed over ({_words(error)})",
                    where=self.where,
                    next_move="ask the mail server's log for the Message-ID whether it was taken",
                    sent=True,
                ) from error
            if code != 250:
                raise self._refusal("the mail", code, answer)
            return {"status": code, "answer": _said(answer)}

    def try_out(self) -> str:
        """Connect, check the certificate, log in; a sentence that says so."""
        with self._open(LONGEST_ANSWER) as smtp:
            self._ask("a NOOP", smtp.noop)
        login = f", logged in as {self.user}" if self.user else ""
        return f"{self.where} answers ({self.security}{login})"

    @property
    def where(self) -> str:
        return f"mail server {self.host}:{self.port}"

    @contextmanager
    def _open(self, seconds: float) -> Iterator[smtplib.SMTP]:
        smtp = self._connected(max(1.0, min(LONGEST_ANSWER, seconds)))
        try:
            yield smtp
        finally:
            # The mail is taken or refused by now; how the goodbye goes changes nothing.
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()

    def _connected(self, timeout: float) -> smtplib.SMTP:
        smtp: smtplib.SMTP | None = None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.security == "tls":
                smtp = smtplib.SMTP_SSL(self.host, self.port, self.own_name, timeout=timeout, context=context)
            else:
                smtp = smtplib.SMTP(self.host, self.port, self.own_name, timeout=timeout)
            smtp.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                smtp.starttls(context=context)
                smtp.ehlo()
            if self.password is not None:
                smtp.login(self.user, self.password.reveal())
        except (smtplib.SMTPException, OSError) as error:
            if smtp is not None:
                smtp.close()
            raise self._no_line(error) from error
        return smtp

    def _no_line(self, error: Exception) -> RunbookError:
        match error:
            case ssl.SSLCertVerificationError():
                return Unreachable(
                    f"its certificate is not trusted: {error.verify_message}",
                    where=self.where,
                    next_move="name the right certificate authority as ca: of the mail connection",
                )
            case smtplib.SMTPAuthenticationError() if error.smtp_code >= 500:
                return NotAllowed(
                    f"it refuses the login of {self.user}: {error.smtp_code} {_said(error.smtp_error)}",
                    where=self.where,
                    next_move="correct user and password of the mail connection; `runbook doctor` tries them",
                )
            case smtplib.SMTPNotSupportedError():
                return Unreachable(
                    f"it does not offer what we need: {_words(error)}",
                    where=self.where,
                    next_move="check port and security: of the mail connection; nothing was sent",
                )
            case smtplib.SMTPResponseException():
                return self._refusal("the connection", error.smtp_code, error.smtp_error)
        return Unreachable(
            f"no connection: {_words(error)}",
            where=self.where,
            next_move="is the server up, and are host, port and security: right? `runbook doctor` tries them",
        )

    def _ask(
        self, what: str, say: Callable[[], tuple[int, bytes]], *, wants: tuple[int, ...] = (250, 251)
    ) -> None:
        try:
            code, answer = say()
        except (smtplib.SMTPException, OSError) as error:
            raise self._no_line(error) from error
        if code not in wants:
            raise self._refusal(what, code, answer)

    def _refusal(self, what: str, code: int, answer: bytes | str) -> RunbookError:
        said = f"it refuses {what}: {code} {_said(answer)}"
        if 400 <= code < 500:
            return Transient(
                said, where=self.where, next_move="nothing was sent; `runbook resume` tries again"
            )
        return Failed(said, where=self.where, next_move="nothing was sent; correct it, then `runbook resume`")


KEYS = ("host", "port", "security", "ca", "user", "password", "from", "from_name")
IGNORED = ("planning",)
"""Already laid over the others where a session only reads."""


def check_keys(connection: Mapping[str, Json]) -> None:
    """Raise where a key is not known: a typing mistake would be a setting that nobody follows."""
    unknown = sorted(set(connection) - {*KEYS, *IGNORED} - ADDED)
    if unknown:
        raise Invalid(
            f"{unknown[0]!r} is no key of a mail connection", next_move=f"known keys: {', '.join(KEYS)}"
        )


def line_to(connection: Mapping[str, Json]) -> Line:
    """What the connection says, checked. Opens nothing."""
    host, security = str(connection.get("host", "")), str(connection.get("security", "starttls"))
    if not host:
        raise Invalid("the mail connection has no host", next_move="add host: to connections.mail")
    if security not in {"starttls", "tls", "none"}:
        raise Invalid(f"security {security!r} is unknown", next_move="choose starttls, tls or none")
    if security == "none" and not _is_loopback(host):
        raise Invalid(
            f"mail to {host} would travel in clear", next_move="use security: starttls; none is for loopback"
        )
    password = connection.get("password")
    own, domain = socket.gethostname(), str(connection.get("from", "")).partition("@")[2]
    return Line(
        host=host,
        port=int(connection.get("port", 587)),
        security=security,
        ca=str(connection["ca"]) if connection.get("ca") else None,
        user=str(connection.get("user", "")),
        password=password if isinstance(password, Secret) else None,
        own_name=own if "." in own or not domain else f"{own}.{domain}",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _said(answer: bytes | str) -> str:
    text = answer.decode("utf-8", errors="replace") if isinstance(answer, bytes) else str(answer)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def _words(error: Exception) -> str:
    return _said(getattr(error, "strerror", None) or str(error) or type(error).__name__)
