"""Exchange Online of the rehearsal company: what Graph does not show of a mailbox, and a stand-in for PowerShell.

There is no server. The connection names a program `pwsh` in the sandbox's folder; it is called with
PowerShell's command line and does what our fixed scripts say (`sandbox.exchange_shell`). The scripts
themselves are not run here, and were not run against the real service.

On the shelf, table `exchange`: account id → `bytes`, `archive`, `hold`, `other_holds`, `forwards_to`,
`forwards_outside`, `keeps_copy`, and `permissions` (account id → rights).
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import runbook_exec
from runbook_exec.sandbox.company import load
from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.rehearsal import Rehearsal

TABLE = "exchange"
ORGANIZATION, APP = "kranich.onmicrosoft.com", "00000000-0000-4000-8000-00000000e0ce"
GB = 1024**3
_LAUNCH = "from runbook_exec.sandbox.exchange_shell import main; main()"


def seed(rehearsal: Rehearsal) -> None:
    """How large the mailboxes are, and which are on hold or have an archive."""
    company, cloud = load(), Cloud(rehearsal.shelf, rehearsal.faults)
    ids = {str(user.get("employeeId")): user["id"] for user in cloud.users()}
    names = {user["userPrincipalName"]: user["id"] for user in cloud.users()}
    for number, person in enumerate(company.people):
        if person.id in ids:
            size = {"bytes": (1 + number % 11) * GB, "hold": person.litigation_hold}
            rehearsal.shelf.put(TABLE, ids[person.id], {**fresh(), **size})
    for box in company.mailboxes:
        rights = {ids[member]: ["full_access", "send_as"] for member in box.members if member in ids}
        body: dict[str, Any] = {"bytes": int(box.size_gb * GB), "archive": box.archive, "permissions": rights}
        rehearsal.shelf.put(TABLE, names[box.upn], {**fresh(), **body})


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Nothing listens; the program must be there."""
    return connection(rehearsal)


def connection(rehearsal: Rehearsal) -> dict[str, Any]:
    """The keys of a connection, with the program that they name written anew."""
    folder = rehearsal.folder.absolute()
    program, source = folder / "pwsh", Path(runbook_exec.__file__).parents[1]
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(source)!r}); {_LAUNCH}", str(folder)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o700)
    certificate = folder / "exchange.pfx"
    certificate.write_text("a rehearsal's certificate; nobody is let in by it\n")
    login = {"organization": ORGANIZATION, "app_id": APP, "certificate": str(certificate)}
    return {"exchange": {"pwsh": str(program), **login}}


def fresh() -> dict[str, Any]:
    """A mailbox that nothing was done to."""
    own: dict[str, Any] = {"bytes": GB // 4, "archive": False, "hold": False, "other_holds": 0}
    return own | {"forwards_to": None, "forwards_outside": None, "keeps_copy": False, "permissions": {}}
