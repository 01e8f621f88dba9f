"""The directory as a provider: opening sessions, and what `doctor` finds out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runbook_exec.action import Finding, Rights, register_provider
from runbook_exec.actions.ldap.connection import read_connection
from runbook_exec.actions.ldap.session import LdapSession
from runbook_exec.change import Json
from runbook_exec.errors import RunbookError


class Ldap:
    """An LDAP directory: Active Directory, Samba AD, or OpenLDAP and its kin.

    Keys of the connection:

    - `url`: `ldaps://host[:636]`, or `ldap://host[:389]` together with `starttls: true`;
      the certificate must be good for `host`. A password is never sent in clear.
    - `ca`: PEM file of the authority that signed the server's certificate, from the project folder
      (default: the system's authorities).
    - `user`: who we are: a DN, or a UPN on Active Directory. `password`: a secret reference.
    - `base`: name (DN) below which everything is read.
    - `allowed_bases`: names (DN) below which may be written (default: `base`).
    - `dialect`: `ad` or `rfc4519` (default: what the server says it is).
    - `starttls`: true for StartTLS on `ldap://`.
    - `timeout`: seconds for connecting and for each answer (default 10).
    """

    name = "ldap"

    @contextmanager
    def open(self, connection: Mapping[str, Json], *, write: bool) -> Iterator[LdapSession]:
        session = LdapSession(read_connection(connection), write=write)
        try:
            session.open()
            yield session
        finally:
            session.close()

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        from runbook_exec.actions.ldap import rights as effective

        try:
            with self.open(connection, write=False) as session:
                return effective.findings(session, rights)
        except RunbookError as error:
            what = f"{error.where}: {error.what}" if error.where else error.what
            return [Finding(ok=False, what=what, next_move=error.next_move)]


register_provider(Ldap())
