"""LDAP operations on the tree: a decoded request and its controls in, responses out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ldaptor.protocols import pureber, pureldap

from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox import directory_root as root
from runbook_exec.sandbox import directory_view as view
from runbook_exec.sandbox.directory_face import Directory
from runbook_exec.sandbox.directory_logon import log_on
from runbook_exec.sandbox.directory_refusal import Code, Refusal, refuse
from runbook_exec.sandbox.directory_requests import (
    Controls,
    attributes,
    edits,
    guard_password,
    named_controls,
    paging,
    text,
)
from runbook_exec.sandbox.directory_rights import Actor
from runbook_exec.sandbox.directory_search import MOST, Asked, Pages, Search, plain_attributes

LOG = "directory_log"

Response = tuple[Any, list[tuple[str, None, bytes]] | None]
"""A response of ldaptor's and its controls."""

_ANSWERS: dict[type, type] = {
    pureldap.LDAPBindRequest: pureldap.LDAPBindResponse,
    pureldap.LDAPSearchRequest: pureldap.LDAPSearchResultDone,
    pureldap.LDAPModifyRequest: pureldap.LDAPModifyResponse,
    pureldap.LDAPAddRequest: pureldap.LDAPAddResponse,
    pureldap.LDAPDelRequest: pureldap.LDAPDelResponse,
    pureldap.LDAPModifyDNRequest: pureldap.LDAPModifyDNResponse,
    pureldap.LDAPCompareRequest: pureldap.LDAPCompareResponse,
    pureldap.LDAPExtendedRequest: pureldap.LDAPExtendedResponse,
}


@dataclass
class Caller:
    """One connection's state: who is on it, and whether anybody could listen."""

    secure: bool
    actor: Actor | None = None
    pages: Pages = field(default_factory=Pages)


class Operations:
    """Answers requests, one after the other."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._writes = directory.writes
        self._search = Search(directory.writes)

    def answer(
        self, request: Any, controls: Sequence[tuple[Any, Any, Any]], caller: Caller
    ) -> list[Response]:
        """All responses to a request, the final one last. Refusals are responses too."""
        self._directory.tree.refresh()
        kind = _ANSWERS.get(type(request))
        if kind is None:
            return [(_result(pureldap.LDAPExtendedResponse, Code.protocol_error, "unknown request"), None)]
        try:
            asked = named_controls(controls)
            match request:
                case pureldap.LDAPBindRequest():
                    return [(self._bind(request, caller), None)]
                case pureldap.LDAPSearchRequest():
                    return list(self._find(request, asked, caller))
                case pureldap.LDAPCompareRequest():
                    return [(self._compare(request, caller), None)]
                case pureldap.LDAPExtendedRequest():
                    return [(self._extended(request, caller), None)]
                case _:
                    self._write(request, asked, caller)
                    return [(_result(kind, 0), None)]
        except Refusal as refusal:
            return [(_result(kind, refusal.code, refusal.message, refusal.matched), None)]

    def _bind(self, request: Any, caller: Caller) -> Any:
        caller.actor = None
        name, password = text(request.dn), request.auth
        if request.version != 3:
            raise Refusal(Code.protocol_error, "only version 3 is spoken here")
        if request.sasl:
            raise Refusal(Code.auth_method_not_supported, "00002027: LdapErr: DSID-0C090599, comment: Unsupported SASL mechanism, data 0, v4563")  # fmt: skip
        if not password:
            return _result(pureldap.LDAPBindResponse, 0)  # anonymous, whatever the name (RFC 4513 5.1.2)
        if not caller.secure:
            raise Refusal(Code.stronger_auth_required, "00002028: LdapErr: DSID-0C0903A8, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the connection, data 0, v4563")  # fmt: skip
        caller.actor = log_on(self._writes, name, text(password))
        return _result(pureldap.LDAPBindResponse, 0)

    def _find(self, request: Any, controls: Controls, caller: Caller) -> Iterator[Response]:
        wanted = tuple(text(name) for name in request.attributes)
        base = text(request.baseObject)
        if not base and request.scope == 0:
            yield pureldap.LDAPSearchResultEntry("", self._root(wanted, caller)), None
            yield _result(pureldap.LDAPSearchResultDone, 0), None
            return
        actor = _known(caller)
        if base and _same(base, root.schema_dn(self._writes.base)):
            found = plain_attributes(root.schema_entry(self._writes.base), wanted)
            yield pureldap.LDAPSearchResultEntry(base, found), None
            yield _result(pureldap.LDAPSearchResultDone, 0), None
            return
        asked = Asked(
            base=self._search.locate(base),
            scope=request.scope,
            filter=request.filter,
            attributes=wanted,
            actor=actor,
            deleted=root.SHOW_DELETED in controls or root.SHOW_RECYCLED in controls,
            types_only=bool(request.typesOnly),
        )
        yield from self._portion(asked, request.sizeLimit, controls, caller)

    def _portion(self, asked: Asked, limit: int, controls: Controls, caller: Caller) -> Iterator[Response]:
        size, cookie = paging(controls)
        guids = caller.pages.take(cookie) if cookie else self._search.find(asked)
        most = min(number for number in (size or MOST, MOST, limit or MOST) if number)
        now, rest = guids[:most], guids[most:]
        for guid in now:
            if (found := self._search.shown(guid, asked)) is not None:
                yield pureldap.LDAPSearchResultEntry(*found), None
        top = asked.scope == 2 and _same(asked.base, self._writes.base)
        if top and not cookie and root.NO_REFERRALS not in controls:
            dns = ".".join(value for _, value in names.parse(self._writes.base))
            uri = f"ldaps://{dns}/CN=Configuration,{self._writes.base}"
            yield pureldap.LDAPSearchResultReference(uris=[pureldap.LDAPString(uri)]), None
        if root.PAGED not in controls or (limit and limit < (size or MOST)):
            yield _result(pureldap.LDAPSearchResultDone, Code.size_limit if rest else 0), None
            return
        more = caller.pages.keep(rest) if rest and size else b""
        value = pureber.BERSequence([pureber.BERInteger(0), pureber.BEROctetString(more)]).toWire()
        yield _result(pureldap.LDAPSearchResultDone, 0), [(root.PAGED, None, value)]

    def _root(self, wanted: tuple[str, ...], caller: Caller) -> list[tuple[str, list[bytes]]]:
        found = plain_attributes(root.root_entry(self._writes), wanted)
        account = caller.actor and self._directory.tree.get(caller.actor.guid or "")
        if account and "tokengroups" in {name.lower() for name in wanted}:
            sids = view.values(account, "tokenGroups", self._directory.tree, self._writes.base)
            found.append(("tokenGroups", [view.wire("tokenGroups", sid) for sid in sids]))
        return found

    def _compare(self, request: Any, caller: Caller) -> Any:
        _known(caller)
        name, raw = text(request.ava.attributeDesc.value), bytes(request.ava.assertionValue.value)
        is_so = self._search.compare(self._search.locate(text(request.entry)), name, raw)
        return _result(pureldap.LDAPCompareResponse, Code.compare_true if is_so else Code.compare_false)

    def _extended(self, request: Any, caller: Caller) -> Any:
        name = text(request.requestName)
        if name == root.WHO_AM_I:
            who = (
                f"u:{names.first(self._writes.base)[1].upper()}\\{caller.actor.name}" if caller.actor else ""
            )
            return pureldap.LDAPExtendedResponse(resultCode=0, response=who)
        raise Refusal(Code.protocol_error, f"0000203D: LdapErr: DSID-0C0910F4, comment: Unknown extended request OID, data 0, v4563 ({name})")  # fmt: skip

    def _write(self, request: Any, controls: Controls, caller: Caller) -> None:
        verb, dn, run = self._writing(request, controls, _known(caller), secure=caller.secure)
        code = 0
        try:
            if self._directory.faults.take("directory-busy") is not None:
                raise refuse(Code.busy, "000020B0")
            run()
        except Refusal as refusal:
            code = int(refusal.code)
            raise
        finally:
            self._note(verb, dn, caller, code)

    def _writing(
        self, request: Any, controls: Controls, actor: Actor, *, secure: bool
    ) -> tuple[str, str, Callable[[], object]]:
        """What a writing request is called, which entry it is about, and how it is done."""
        writes = self._writes
        match request:
            case pureldap.LDAPAddRequest():
                dn, values = text(request.entry), attributes(request.attributes)
                guard_password(values, secure=secure)
                return "add", dn, lambda: writes.add(dn, values, actor)
            case pureldap.LDAPDelRequest():
                dn = self._search.locate(text(request.value))
                subtree = root.TREE_DELETE in controls
                return "delete", dn, lambda: writes.delete(dn, actor, subtree=subtree)
            case pureldap.LDAPModifyDNRequest():
                dn, rdn = self._search.locate(text(request.entry)), text(request.newrdn)
                above = (
                    None if request.newSuperior is None else self._search.locate(text(request.newSuperior))
                )
                drop = bool(request.deleteoldrdn)
                return "moddn", dn, lambda: writes.move(dn, rdn, actor, above=above, drop_old=drop)
            case _:
                dn, asked = self._search.locate(text(request.object)), edits(request.modification)
                guard_password([edit.name for edit in asked], secure=secure)
                permissive, deleted = root.PERMISSIVE in controls, root.SHOW_DELETED in controls
                return (
                    "modify",
                    dn,
                    lambda: self._directory.changes.modify(
                        dn, asked, actor, permissive=permissive, deleted=deleted
                    ),
                )

    def _note(self, verb: str, dn: str, caller: Caller, code: int) -> None:
        """The double's own witness: every write that was asked for, and how it ended."""
        number = self._directory.tree.number("log", 1)
        body = {
            "time": self._directory.clock().isoformat(),
            "who": caller.actor.name if caller.actor else "",
            "operation": verb,
            "dn": dn,
            "result": code,
        }
        self._directory.shelf.put(LOG, f"{number:08d}", body)


def _known(caller: Caller) -> Actor:
    if caller.actor is None:
        raise Refusal(
            Code.operations_error,
            "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563",
        )
    return caller.actor


def _result(kind: Any, code: int, message: str = "", matched: str = "") -> Any:
    return kind(resultCode=int(code), errorMessage=message + ("\0" if message else ""), matchedDN=matched)


def _same(one: str, other: str) -> bool:
    try:
        return names.key(one) == names.key(other)
    except ValueError:
        return False
