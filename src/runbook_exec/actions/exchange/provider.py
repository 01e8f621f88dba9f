"""How a session to Exchange Online is opened, and what `doctor` finds out about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runbook_exec.action import ADDED, Finding, Rights
from runbook_exec.actions.exchange.session import MAILBOX, Session
from runbook_exec.actions.exchange.shell import Shell, required
from runbook_exec.change import Json, Ref
from runbook_exec.errors import Invalid, RunbookError
from runbook_exec.secret import Secret

KEYS = ("pwsh", "organization", "app_id", "certificate", "certificate_password", "timeout", "planning")
PROBE = "runbook-doctor-looks-for-nobody"


class ExchangeProvider:
    """Exchange Online through PowerShell 7 and its module ExchangeOnlineManagement.

    Connection keys: `organization` (name.onmicrosoft.com); `app_id`: the application that logs in;
    `certificate`: its certificate with the private key, a PFX file; `certificate_password` (a reference), if
    it has one; `pwsh`: path of PowerShell (`pwsh`); `timeout`: seconds that one call may take (180). Keys
    under `planning` replace the others in sessions that only read: an application that has only
    View-Only Recipients, so that the dry run has no pen at the far side either.
    """

    name = "exchange"

    @contextmanager
    def open(self, connection: Mapping[str, Json], *, write: bool) -> Iterator[Session]:
        yield Session(parsed(connection), write=write)

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        """Log in and look for a mailbox that nobody has; what roles the application has cannot be asked."""
        try:
            with self.open(connection, write=False) as session:
                session.read([Ref(MAILBOX, PROBE)])
        except RunbookError as error:
            return [Finding.of(error)]
        needed = sorted({str(one) for one in (*rights.read, *rights.apply)})
        unknown = f"the roles of the application cannot be asked; needed: {', '.join(needed) or 'none'}"
        return [
            Finding(ok=True, what=f"{session.shell.where} answers"),
            Finding(ok=True, known=False, what=unknown),
        ]


def parsed(connection: Mapping[str, Json]) -> Shell:
    """The connection's keys, checked; starts nothing."""
    unknown = sorted(set(connection) - {*KEYS, *ADDED})
    if unknown:
        raise Invalid(
            f"{unknown[0]!r} is no key of an exchange connection", next_move=f"known keys: {', '.join(KEYS)}"
        )
    password = connection.get("certificate_password")
    return Shell(
        pwsh=str(connection.get("pwsh", "pwsh")),
        organization=required(connection, "organization"),
        app_id=required(connection, "app_id"),
        certificate=required(connection, "certificate"),
        certificate_password=password if isinstance(password, Secret) else None,
        timeout=float(connection.get("timeout", 180)),
    )
