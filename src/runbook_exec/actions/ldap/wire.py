"""One ldap3 connection: TLS that is verified, timeouts on everything, and a pen only if one was given.

ldap3 refuses modify, delete and rename on a connection opened with `read_only`, but not
add and no extended operation; so the refusal here sits where messages leave the process.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook_exec.actions.ldap.answers import (
    NO_SUCH_OBJECT,
    SUCCESS,
    bind_code,
    bind_refusal,
    refusal,
    silence,
)
from runbook_exec.actions.ldap.connection import Connection
from runbook_exec.actions.ldap.dialect import Mod, Raw
from runbook_exec.errors import NoPen, Unreachable

_READS = frozenset({"bindRequest", "unbindRequest", "abandonRequest", "searchRequest", "compareRequest"})
_START_TLS = "1.3.6.1.4.1.1466.20037"
_CHANGE_PASSWORD = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105 - the operation's number (RFC 3062)
_PAGED = "1.2.840.113556.1.4.319"
PAGE = 500
"""Entries a page; AD's own limit is 1000."""

SUBTREE, ONE_LEVEL, BASE = "SUBTREE", "LEVEL", "BASE"
EVERYTHING = "(objectClass=*)"

Found = tuple[str, Raw]
"""Name and attributes of one entry."""


class Wire:
    """An open, bound, encrypted connection. Without `write` nothing that writes leaves it."""

    def __init__(self, to: Connection, *, write: bool) -> None:
        self.to, self.write = to, write
        self._lock = threading.RLock()
        self._ldap: Any = None
        self._proof: Any = None
        self.root: Raw = {}

    def open(self) -> None:
        """Connect, verify the certificate, log in, read the root entry."""
        self._ldap = self._connected()
        self._bind(self._ldap, self.to.user, self.to.password.reveal(), say=True)
        found = self._search_once(_Search("", EVERYTHING, BASE, ("*", "+", "tokenGroups")))
        self.root = found[0][1] if found else {}

    def close(self) -> None:
        for ldap in (self._ldap, self._proof):
            _close(ldap)
        self._ldap = self._proof = None

    def search(
        self,
        base: str,
        query: str,
        *,
        scope: str = SUBTREE,
        attributes: Sequence[str] = ("*",),
        controls: Sequence[tuple[str, bool, None]] = (),
        most: int | None = None,
    ) -> list[Found]:
        """All entries that match (or the first `most`), page by page; none where the base does not exist.

        A connection that the server closed meanwhile is opened again, once.
        """
        with self._lock:
            page = min(most or PAGE, PAGE) if scope != BASE and self._can_page() else 0
            asked = _Search(base, query, scope, tuple(attributes), tuple(controls), page, most)
            try:
                return self._search_once(asked)
            except Unreachable:
                _close(self._ldap)
                self._ldap = self._connected()
                self._bind(self._ldap, self.to.user, self.to.password.reveal(), say=True)
                return self._search_once(asked)

    def add(self, dn: str, attributes: Mapping[str, Sequence[bytes]], *, doing: str) -> None:
        classes = [one.decode() for one in attributes.get("objectClass", ())]
        rest = {name: list(values) for name, values in attributes.items() if name != "objectClass"}
        self._written(lambda: self._ldap.add(dn, classes, rest), doing)

    def modify(
        self, dn: str, mods: Sequence[Mod], *, doing: str, expected: Collection[int] = ()
    ) -> Mapping[str, Any]:
        """All modifications in one operation: all of them happen, or none.

        Answers with a result code among `expected` are returned instead of raised.
        """
        changes: dict[str, list[tuple[str, list[bytes]]]] = {}
        for mod in mods:
            changes.setdefault(mod.attribute, []).append((f"MODIFY_{mod.kind.upper()}", list(mod.values)))
        return self._written(lambda: self._ldap.modify(dn, changes), doing, expected)

    def delete(self, dn: str, *, doing: str) -> None:
        self._written(lambda: self._ldap.delete(dn), doing)

    def rename(self, dn: str, leaf: str, parent: str | None, *, doing: str) -> None:
        self._written(lambda: self._ldap.modify_dn(dn, leaf, new_superior=parent), doing)

    def can_change_password(self) -> bool:
        """True where the server sets passwords by an operation of its own, and so hashes them."""
        return _CHANGE_PASSWORD.encode() in self.root.get("supportedExtension", ())

    def change_password(self, dn: str, value: str, *, doing: str) -> None:
        self._written(lambda: self._ldap.extend.standard.modify_password(dn, new_password=value), doing)

    def proves(self, user: str, password: str) -> tuple[bool, str]:
        """Try to log in as somebody, on a connection of its own: (let in, AD's sub-code)."""
        if not password:
            return False, "52e"
        with self._lock:
            if self._proof is None or self._proof.closed:
                self._proof = self._connected()
            let_in = self._bind(self._proof, user, password, say=False)
            return let_in, "" if let_in else bind_code(self._proof.result)

    def _can_page(self) -> bool:
        return _PAGED.encode() in self.root.get("supportedControl", ())

    def _search_once(self, asked: _Search) -> list[Found]:
        found: list[Found] = []
        cookie: bytes | None = None
        while True:
            options = {"paged_size": asked.page, "paged_cookie": cookie} if asked.page else {}
            with self._silence(sent=False):
                self._ldap.search(
                    asked.base,
                    asked.query,
                    search_scope=asked.scope,
                    dereference_aliases="NEVER",
                    attributes=list(asked.attributes),
                    controls=list(asked.controls) or None,
                    **options,
                )
            result = self._ldap.result
            if result["result"] == NO_SUCH_OBJECT:
                return found
            if result["result"] != SUCCESS:
                doing = f"search below {asked.base or 'the root'}"
                raise refusal(result, where=self.to.where, doing=doing)
            found.extend(_entries(self._ldap.response))
            cookie = result.get("controls", {}).get(_PAGED, {}).get("value", {}).get("cookie")
            if not cookie or (asked.most is not None and len(found) >= asked.most):
                return found[: asked.most]

    def _written(
        self, send: Callable[[], Any], doing: str, expected: Collection[int] = ()
    ) -> Mapping[str, Any]:
        if not self.write:
            raise no_pen(doing, self.to.where)
        with self._lock:
            try:
                with self._silence(sent=True):
                    send()
                result: Mapping[str, Any] = self._ldap.result
            finally:
                self._ldap.request = None  # it may hold a password
        if result["result"] != SUCCESS and result["result"] not in expected:
            raise refusal(result, where=self.to.where, doing=doing)
        return result

    def _connected(self) -> Any:
        import ldap3

        with self._silence(sent=False):
            server = ldap3.Server(
                self.to.host,
                port=self.to.port,
                use_ssl=self.to.tls_first,
                tls=_verified_tls(self.to),
                get_info=ldap3.NONE,
                connect_timeout=self.to.timeout,
            )
            ldap = ldap3.Connection(
                server,
                authentication=ldap3.ANONYMOUS,  # until the line is encrypted and `_bind` says who we are
                receive_timeout=self.to.timeout,
                read_only=not self.write,
                check_names=False,
                auto_referrals=False,
                auto_escape=False,
                auto_encode=False,
                raise_exceptions=False,
                return_empty_attributes=False,
            )
            if not self.write:
                _take_the_pen(ldap, self.to.where)
            try:
                ldap.open(read_server_info=False)
                if not self.to.tls_first:
                    ldap.start_tls(read_server_info=False)
            except Exception:
                if ldap.socket is not None:
                    ldap.socket.close()  # ldap3 leaves it open
                raise
        return ldap

    def _bind(self, ldap: Any, user: str, password: str, *, say: bool) -> bool:
        """Log in; False (or, with `say`, a clear error) where the server refuses."""
        import ldap3

        try:
            with self._silence(sent=False):
                let_in = bool(
                    ldap.rebind(user, password, authentication=ldap3.SIMPLE, read_server_info=False)
                )
        finally:
            ldap.password = None  # not kept where a repr could show it
            ldap.request = None
        if say and not let_in:
            raise bind_refusal(ldap.result, where=self.to.where, user=user)
        return let_in

    def _silence(self, *, sent: bool) -> _Silence:
        return _Silence(self.to.where, sent=sent)


@dataclass(frozen=True)
class _Search:
    """One question, so that it can be asked again on a fresh connection."""

    base: str
    query: str
    scope: str
    attributes: tuple[str, ...]
    controls: tuple[tuple[str, bool, None], ...] = ()
    page: int = 0
    """Entries a page; 0: all at once."""
    most: int | None = None


class _Silence:
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


def _entries(response: Sequence[Mapping[str, Any]] | None) -> Iterator[Found]:
    for entry in response or ():
        if entry["type"] == "searchResEntry":
            yield (
                bytes(entry["raw_dn"]).decode("utf-8", "surrogateescape"),
                {
                    name: [bytes(value) for value in values]
                    for name, values in entry["raw_attributes"].items()
                },
            )


def _close(ldap: Any) -> None:
    """Say goodbye; a line that is already dead needs none."""
    from ldap3.core.exceptions import LDAPExceptionError

    if ldap is None or ldap.closed:
        return
    try:
        ldap.unbind()
    except (LDAPExceptionError, OSError):
        ldap.strategy.close()
