"""How a session to a tenant is opened, and what `doctor` finds out about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from runbook_exec.action import Finding, Rights
from runbook_exec.actions.graph.audits import AUDIT_LOG
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
    "AuditLog.Read.All",
)
"""What reading takes in every runbook, and `runbook reconcile`; never called too much."""
NEVER = (
    "Directory.ReadWrite.All",
    "Mail.ReadWrite",
    "Mail.Read",
    "Mail.Send",
    "RoleManagement.ReadWrite.Directory",
    "DeviceManagementManagedDevices.PrivilegedOperations.All",
)
"""Permissions that the everyday application must not have: they open far too much."""
OF_ITS_OWN = {
    "RoleManagement.ReadWrite.Directory": "roles",
    "DeviceManagementManagedDevices.PrivilegedOperations.All": "wipe",
}
"""Permissions that only an application of its own may have, and its key in the connection."""


class GraphProvider:
    """Microsoft Graph v1.0, as an application (no user signs in).

    Connection keys: `tenant` (id or domain), `client_id`, and one of `client_secret` (a
    reference) or `certificate` (path of a PEM file with its key); without both, the managed
    identity of this machine is used, `client_id` naming a user-assigned one. `authority`
    and `url` are for national clouds and rehearsals; `ca` (a PEM file) is the one authority
    whose certificates are trusted, for a rehearsal. Keys under `planning` replace the others
    in sessions that only read: give it an application with read permissions alone. `roles` and
    `wipe` each name an application of its own (client_id, client_secret or certificate) for
    administrator roles and for wiping devices; the everyday one must not be able to do that.
    """

    name = "graph"

    def open(self, connection: Mapping[str, Json], *, write: bool) -> AbstractContextManager[Session]:
        return _opened(connection, write=write)

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        """Whether a token is given, the service answers, and the token's permissions fit."""
        try:
            with _opened(connection, write=False) as session:
                granted = session.wire.roles()
                rehearsal = bool(session.wire.connection.ca)
                found = measured(granted, _everyday(rights), rehearsal=rehearsal)
                return [*_answers(session), *found, *_apart(session, rights)]
        except RunbookError as error:
            return [Finding.of(error)]


@contextmanager
def _opened(connection: Mapping[str, Json], *, write: bool) -> Iterator[Session]:
    from runbook_exec.actions.graph.wire import Wire

    session = Session(Wire(parsed(connection), write=write), write=write)
    try:
        yield session
    finally:
        session.close()


def _answers(session: Session) -> list[Finding]:
    try:
        body = session.get(path("organization", select="displayName"))
    except NotAllowed:
        return [Finding(ok=True, what="Graph answers, but may not tell whose tenant this is")]
    names = ", ".join(entry["displayName"] for entry in body["value"])
    return [Finding(ok=True, what=f"Graph answers for the tenant {names}")]


def _everyday(rights: Rights) -> Rights:
    """What the connection's own application needs."""
    return Rights(read=rights.read, apply=tuple(need for need in rights.apply if need not in OF_ITS_OWN))


def _apart(session: Session, rights: Rights) -> Iterator[Finding]:
    """Whether each application of its own is named and may do its part."""
    for need, name in OF_ITS_OWN.items():
        if need not in rights.apply:
            continue
        try:
            granted = session.roles_of(name)
        except RunbookError as error:
            yield Finding.of(error)
            continue
        ok = need in granted
        yield Finding(
            ok=ok,
            what=f"the application for {name} has {need}"
            if ok
            else f"the application for {name} lacks {need}",
            next_move="" if ok else f"grant it {need} in Entra, and nothing else",
        )


def measured(granted: list[str], rights: Rights, *, rehearsal: bool = False) -> Iterator[Finding]:
    """What is missing, and what is too much. A rehearsal's application has what every action needs: no fault."""
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
    spare = [
        role
        for role in sorted(granted)
        if role not in named | set(NEVER) and not any(_covers(role, name) for name in named)
    ]
    if rehearsal and spare:
        what = f"{len(spare)} permissions are more than these runbooks need: a rehearsal has them for all actions"
        yield Finding(ok=True, what=what)
    for role in sorted(granted):
        if role in NEVER:
            yield Finding(
                ok=False,
                what=f"{role} opens far more than runbooks need",
                next_move=f"remove {role} in Entra",
            )
        elif role in spare and not rehearsal:
            yield Finding(
                ok=False,
                what=f"the permission {role} is more than these runbooks need",
                next_move=f"remove {role} in Entra, or keep it for a reason that you can tell an auditor",
            )
    if not rights.apply and not _met(AUDIT_LOG, granted):
        yield Finding(ok=True, what=f"without {AUDIT_LOG}, `runbook reconcile` cannot read the audit log")
    if not lacking:
        yield Finding(ok=True, what=f"all {len(needs)} permissions that the runbooks need are there")


def _met(need: Need, granted: list[str]) -> bool:
    options = (need,) if isinstance(need, str) else need
    return any(_covers(role, option) for role in granted for option in options)


def _covers(role: str, wanted: str) -> bool:
    """`User.ReadWrite.All` includes `User.Read.All`; otherwise only the name itself counts."""
    return role == wanted or role.replace(".ReadWrite", ".Read") == wanted
