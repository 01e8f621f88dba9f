"""One bound ldap3 connection: what is asked and written over it, with refusals as our own errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbook_exec.action import still_ours
from runbook_exec.actions.ldap.answers import (
    NO_SUCH_OBJECT,
    SUCCESS,
    bind_code,
    bind_refusal,
    refusal,
)
from runbook_exec.actions.ldap.connection import Connection
from runbook_exec.actions.ldap.dialect import Mod, Raw
from runbook_exec.actions.ldap.transport import Silence, close, connect, no_pen
from runbook_exec.errors import Unreachable

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
        self._ldap = connect(self.to, write=self.write)
        self._bind(self._ldap, self.to.user, self.to.password.reveal(), say=True)
        found = self._search_once(_Search("", EVERYTHING, BASE, ("*", "+", "tokenGroups")))
        self.root = found[0][1] if found else {}

    def close(self) -> None:
        for ldap in (self._ldap, self._proof):
            close(ldap)
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
                close(self._ldap)
                self._ldap = connect(self.to, write=self.write)
                self._bind(self._ldap, self.to.user, self.to.password.reveal(), say=True)
                return self._search_once(asked)

    def add(self, dn: str, attributes: Mapping[str, Sequence[bytes]], *, doing: str) -> None:
        classes = [one.decode() for one in attributes.get("objectClass", ())]
        rest = {name: list(values) for name, values in attributes.items() if name != "objectClass"}
        self._written(lambda: self._ldap.add(dn, classes, rest), doing)

    def modify(
        self,
        dn: str,
        mods: Sequence[Mod],
        *,
        doing: str,
        expected: Collection[int] = (),
        controls: Sequence[tuple[str, bool, None]] = (),
    ) -> Mapping[str, Any]:
        """All modifications in one operation: all of them happen, or none.

        Answers with a result code among `expected` are returned instead of raised.
        """
        changes: dict[str, list[tuple[str, list[bytes]]]] = {}
        for mod in mods:
            changes.setdefault(mod.attribute, []).append((f"MODIFY_{mod.kind.upper()}", list(mod.values)))
        return self._written(
            lambda: self._ldap.modify(dn, changes, controls=list(controls) or None), doing, expected
        )

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
                self._proof = connect(self.to, write=self.write)
            let_in = self._bind(self._proof, user, password, say=False)
            return let_in, "" if let_in else bind_code(self._proof.result)

    def _can_page(self) -> bool:
        return _PAGED.encode() in self.root.get("supportedControl", ())

    def _search_once(self, asked: _Search) -> list[Found]:
        found: list[Found] = []
        cookie: bytes | None = None
        while True:
            options = {"paged_size": asked.page, "paged_cookie": cookie} if asked.page else {}
            with Silence(self.to.where, sent=False):
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
            still_ours()
            try:
                with Silence(self.to.where, sent=True):
                    send()
                result: Mapping[str, Any] = self._ldap.result
            finally:
                self._ldap.request = None  # it may hold a password
        if result["result"] != SUCCESS and result["result"] not in expected:
            raise refusal(result, where=self.to.where, doing=doing)
        return result

    def _bind(self, ldap: Any, user: str, password: str, *, say: bool) -> bool:
        """Log in; False (or, with `say`, a clear error) where the server refuses."""
        import ldap3

        try:
            with Silence(self.to.where, sent=False):
                let_in = bool(
                    ldap.rebind(user, password, authentication=ldap3.SIMPLE, read_server_info=False)
                )
        finally:
            ldap.password = None  # not kept where a repr could show it
            ldap.request = None
        if say and not let_in:
            raise bind_refusal(ldap.result, where=self.to.where, user=user)
        return let_in


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
