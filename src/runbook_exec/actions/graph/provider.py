"""How a session to a tenant is opened, and what `doctor` finds out about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from runbook_exec.action import Finding, Rights
from runbook_exec.actions.graph.connection import parsed
from runbook_exec.actions.graph.message import path
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Json
from runbook_exec.errors import NotAllowed, RunbookError

Need = str | tuple[str, ...]

BASIS = (
    "User.Read.All",
    "GroupMember.Read.All",
    "Organization.Read.All",
    "OnPremDirectorySynchronization.Read.All",
    "MailboxSettings.Read",
    "OrgContact.Read.All",
)
"""What reading takes in every runbook; never called too much."""
NEVER = (
    "Directory.ReadWrite.All",
    "Mail.ReadWrite",
    "Mail.Read",
    "Mail.Send",
    "RoleManagement.ReadWrite.Directory",
)
"""Permissions that no runbook of this product needs, and that open far too much."""


class GraphProvider:
    """Microsoft Graph v1.0, as an application (no user signs in).

    Connection keys: `tenant` (id or domain), `client_id`, and one of `client_secret` (a
    reference) or `certificate` (path of a PEM file with its key); without both, the managed
    identity of this machine is used, `client_id` naming a user-assigned one. `authority`
    and `url` are for national clouds and rehearsals; `ca` (a PEM file) is the one authority
    whose certificates are trusted, for a rehearsal. Keys under `planning` replace the others
    in sessions that only read: give it an application with read permissions alone.
    """

    name = "graph"

    def open(self, connection: Mapping[str, Json], *, write: bool) -> AbstractContextManager[Session]:
        return _opened(connection, write=write)

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        """Whether a token is given, the service answers, and the token's permissions fit."""
        try:
            with _opened(connection, write=False) as session:
                granted = session.wire.roles()
                return [*_answers(session), *_measured(granted, rights)]
        except RunbookError as error:
            return [Finding.of(error)]


@contextmanager
def _opened(connection: Mapping[str, Json], *, write: bool) -> Iterator[Session]:
    from runbook_exec.actions.graph.wire import Wire

    wire = Wire(parsed(connection), write=write)
    try:
        yield Session(wire, write=write)
    finally:
        wire.close()


def _answers(session: Session) -> list[Finding]:
    try:
        body = session.get(path("organization", select="displayName"))
    except NotAllowed:
        return [Finding(ok=True, what="Graph answers, but may not tell whose tenant this is")]
    names = ", ".join(entry["displayName"] for entry in body["value"])
    return [Finding(ok=True, what=f"Graph answers for the tenant {names}")]


def _measured(granted: list[str], rights: Rights) -> Iterator[Finding]:
    needs = (*rights.read, *rights.apply)
    lacking = [need for need in needs if not _met(need, granted)]
    for need in lacking:
        least = need if isinstance(need, str) else need[0]
        yield Finding(
            ok=False,
            what=f"the permission {least} is missing",
            next_move=f"grant the application permission {least} in Entra and give admin consent",
        )
    named = {name for need in needs for name in ((need,) if isinstance(need, str) else need)} | set(BASIS)
    for role in sorted(granted):
        if role in NEVER:
            yield Finding(
                ok=False,
                what=f"{role} opens far more than runbooks need",
                next_move=f"remove {role} in Entra",
            )
        elif role not in named and not any(_covers(role, name) for name in named):
            yield Finding(
                ok=False,
                what=f"the permission {role} is more than these runbooks need",
                next_move=f"remove {role} in Entra, or keep it for a reason that you can tell an auditor",
            )
    if not lacking:
        yield Finding(ok=True, what=f"all {len(needs)} permissions that the runbooks need are there")


def _met(need: Need, granted: list[str]) -> bool:
    options = (need,) if isinstance(need, str) else need
    return any(_covers(role, option) for role in granted for option in options)


def _covers(role: str, wanted: str) -> bool:
    """`User.ReadWrite.All` includes `User.Read.All`; otherwise only the name itself counts."""
    return role == wanted or role.replace(".ReadWrite", ".Read") == wanted
