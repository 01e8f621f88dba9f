"""The rehearsal company's mail server: takes every mail over STARTTLS, sends none on, keeps all.

What came is on the shelf, table `mail`, in the order of arrival. As at real servers a
client must encrypt and log in before it may send.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from runbook_exec.sandbox.rehearsal import Rehearsal

USER = "runbook"
SENDER = "it-service@kranich.example"


def seed(rehearsal: Rehearsal) -> None:
    """Begin with an empty mailbox."""
    for key, _ in rehearsal.shelf.items("mail"):
        rehearsal.shelf.drop("mail", key)


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Listen on loopback; returns the connection of the provider `mail`."""
    from aiosmtpd.smtp import SMTP

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(rehearsal.certificates.cert, rehearsal.certificates.key)
    password_file = _password_file(rehearsal.folder)
    loop = asyncio.get_running_loop()
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of its own deprecations at each login

    def conversation() -> Any:
        return SMTP(
            _Catcher(rehearsal),
            hostname="mail.kranich.example",
            ident="rehearsal",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=_login(password_file.read_text()),
            loop=loop,
        )

    server = await loop.create_server(conversation, "127.0.0.1", 0)
    return {
        "mail": {
            "host": "127.0.0.1",
            "port": server.sockets[0].getsockname()[1],
            "security": "starttls",
            "ca": str(rehearsal.certificates.ca),
            "user": USER,
            "password": f"file:{password_file}",
            "from": SENDER,
            "from_name": "Kranich IT-Service",
        }
    }


class _Catcher:
    """Keeps what comes in."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self._rehearsal.faults.take("mail-refused") is not None:
            return "451 4.3.0 try again later (ordered by runbook sandbox fault)"
        message = message_from_bytes(envelope.content, policy=policy.default)
        shelf = self._rehearsal.shelf
        number = sum(1 for _ in shelf.items("mail")) + 1
        shelf.put("mail", f"{number:06}", _kept(message, envelope))
        return f"250 2.0.0 kept as {number}"


def _kept(message: EmailMessage, envelope: Any) -> dict[str, Any]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "sender": envelope.mail_from,
        "receivers": list(envelope.rcpt_tos),
        "subject": str(message["Subject"] or ""),
        "message_id": str(message["Message-ID"] or ""),
        "headers": {name: str(value) for name, value in message.items()},
        "text": text.get_content() if text else "",
        "html": html.get_content() if html else "",
        "raw": envelope.content.decode("utf-8", errors="replace"),
    }


def _login(password: str) -> Any:
    from aiosmtpd.smtp import AuthResult, LoginPassword

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, said: Any) -> Any:
        right = (
            isinstance(said, LoginPassword)
            and said.login == USER.encode()
            and hmac.compare_digest(said.password, password.encode())
        )
        return AuthResult(success=right, handled=right)

    return check


def _password_file(folder: Path) -> Path:
    """The mail server's password, made once; readable by the owner alone."""
    path = folder / "mail-password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path
