"""The mail server's session: reads templates, and sends where it has a pen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

from runbook_exec.action import Finding, Rights
from runbook_exec.actions.mail.letter import checked_address
from runbook_exec.actions.mail.line import Line, check_keys, line_to
from runbook_exec.change import Json, Ref, State
from runbook_exec.errors import Invalid, NoPen, Refused, RunbookError

_KEY = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z]{2}")


class MailSession:
    """Reads `mail.template` and `mail.sender`; sends to permitted addresses alone.

    Without `write` it knows no server: it opens no connection at all.
    """

    def __init__(self, connection: Mapping[str, Json], *, write: bool) -> None:
        check_keys(connection)
        self._folder = Path(connection["project"]) / "templates" / "mail"
        self._line: Line | None = line_to(connection) if write else None
        self._permitted: frozenset[str] = frozenset()
        self.sender = sender_of(connection)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        return {ref: self._read(ref) for ref in refs}

    def _read(self, ref: Ref) -> State:
        match ref.kind:
            case "mail.sender":
                return {"address": self.sender.addr_spec, "name": self.sender.display_name}
            case "mail.template" if _KEY.fullmatch(ref.key):
                text = _text(self._folder / f"{ref.key}.txt")
                return (
                    None if text is None else {"text": text, "html": _text(self._folder / f"{ref.key}.html")}
                )
        raise Invalid(
            f"mail cannot read {ref.kind} {ref.key!r}", next_move="read mail.template or mail.sender"
        )

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        if self._line is None:
            raise NoPen("this session cannot send mail", next_move="a dry run sends nothing")
        self._permitted = frozenset(writes)
        try:
            yield
        finally:
            self._permitted = frozenset()

    def send(self, message: EmailMessage, receivers: Sequence[str], *, seconds: float) -> dict[str, Json]:
        """Hand one mail over to the server, to all receivers or to none."""
        if self._line is None:
            raise NoPen("this session cannot send mail", next_move="a dry run sends nothing")
        for receiver in receivers:
            if receiver not in self._permitted:
                raise Refused(f"{receiver} is not in the plan")
        return self._line.send(message, receivers, sender=self.sender.addr_spec, seconds=seconds)


class MailProvider:
    """Mail over SMTP, by the keys of its connection.

    `host`; `port` (587); `security`: `starttls` (default), `tls`, or `none`, which is allowed
    on loopback alone; `ca`: file of the certificate authority, the system's if left out;
    `user` and `password`, where the server wants a login; `from`: the sender's address;
    `from_name`: the sender's name.
    """

    name = "mail"

    @contextmanager
    def open(self, connection: Mapping[str, Json], *, write: bool) -> Iterator[MailSession]:
        yield MailSession(connection, write=write)

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        """Sender and templates, then the server: reached, trusted, logged in; nothing is sent."""
        found = []
        try:
            check_keys(connection)
            found.append(Finding(ok=True, what=f"mails are sent as {sender_of(connection).addr_spec}"))
            folder = Path(connection["project"]) / "templates" / "mail"
            names = sorted(path.parent.name for path in folder.glob("*/en.txt"))
            found.append(
                Finding(ok=bool(names), what="mail templates: " + (", ".join(names) or f"none in {folder}"))
            )
            found.append(Finding(ok=True, what=line_to(connection).try_out()))
        except RunbookError as error:
            found.append(Finding.of(error))
        return found


def sender_of(connection: Mapping[str, Json]) -> Address:
    """The sender that the connection names."""
    address = connection.get("from")
    if not isinstance(address, str):
        raise Invalid(
            "the mail connection has no sender",
            next_move="add from: it-service@your.domain to connections.mail in runbook.yaml",
        )
    return Address(display_name=str(connection.get("from_name", "")), addr_spec=checked_address(address))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot be read: {error}", where=str(path), next_move="save it as UTF-8") from error
