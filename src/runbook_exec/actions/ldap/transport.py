"""An ldap3 connection as it leaves the process: TLS that is verified, timeouts, and a pen only if one was given.

ldap3 refuses modify, delete and rename on a connection opened with `read_only`, but not
add and no extended operation; so the refusal here sits where messages leave the process.
"""

from __future__ import annotations

import ssl
from typing import Any

from runbook_exec.actions.ldap.answers import silence
from runbook_exec.actions.ldap.connection import Connection
from runbook_exec.errors import NoPen

_READS = frozenset({"bindRequest", "unbindRequest", "abandonRequest", "searchRequest", "compareRequest"})
_START_TLS = "1.3.6.1.4.1.1466.20037"


def connect(to: Connection, *, write: bool) -> Any:
    """An open, encrypted ldap3 connection on which nobody has logged in yet."""
    import ldap3

    with Silence(to.where, sent=False):
        server = ldap3.Server(
            to.host,
            port=to.port,
            use_ssl=to.tls_first,
            tls=_verified_tls(to),
            get_info=ldap3.NONE,
            connect_timeout=to.timeout,
        )
        ldap = ldap3.Connection(
            server,
            authentication=ldap3.ANONYMOUS,  # until the line is encrypted and `_bind` says who we are
            receive_timeout=to.timeout,
            read_only=not write,
            check_names=False,
            auto_referrals=False,
            auto_escape=False,
            auto_encode=False,
            raise_exceptions=False,
            return_empty_attributes=False,
        )
        if not write:
            _take_the_pen(ldap, to.where)
        try:
            ldap.open(read_server_info=False)
            if not to.tls_first:
                ldap.start_tls(read_server_info=False)
        except Exception:
            if ldap.socket is not None:
                ldap.socket.close()  # ldap3 leaves it open
            raise
    return ldap


class Silence:
    """Turns ldap3's and the socket's exceptions into `Unreachable`."""

    def __init__(self, where: str, *, sent: bool) -> None:
        self.where, self.sent = where, sent

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from ldap3.core.exceptions import LDAPExceptionError, LDAPSocketOpenError

        if isinstance(error, LDAPExceptionError | OSError):
            # "socket not open" means that nothing was sent.
            sent = self.sent and not isinstance(error, LDAPSocketOpenError)
            raise silence(error, where=self.where, sent=sent) from None


def no_pen(doing: str, where: str) -> NoPen:
    """The refusal of a session that was opened to read."""
    return NoPen(
        f"a session that only reads was asked to {doing}",
        where=where,
        next_move="this is a defect of the action: planning must not write",
    )


def _take_the_pen(ldap: Any, where: str) -> None:
    send = ldap.strategy.send

    def reads_only(message_type: str, request: Any, controls: Any = None) -> Any:
        starting_tls = message_type == "extendedReq" and str(request["requestName"]) == _START_TLS
        if message_type not in _READS and not starting_tls:
            raise no_pen(f"send a {message_type}", where)
        return send(message_type, request, controls)

    ldap.strategy.send = reads_only
    ldap.send = reads_only  # ldap3 keeps a second reference on the connection


def _verified_tls(to: Connection) -> Any:
    import ldap3

    class Verified(ldap3.Tls):
        """Python's own verification of chain and host name, instead of ldap3's."""

        def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002
            context = ssl.create_default_context(cafile=to.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            connection.socket = context.wrap_socket(connection.socket, server_hostname=to.host)

    return Verified(validate=ssl.CERT_REQUIRED)


def close(ldap: Any) -> None:
    """Say goodbye; a line that is already dead needs none."""
    from ldap3.core.exceptions import LDAPExceptionError

    if ldap is None or ldap.closed:
        return
    try:
        ldap.unbind()
    except (LDAPExceptionError, OSError):
        ldap.strategy.close()
