"""One open directory: reads for planning, and writes what a change permits, by immutable id."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from runbook_exec.actions.ldap import record
from runbook_exec.actions.ldap.answers import (
    ENTRY_EXISTS,
    INAPPROPRIATE_MATCHING,
    NO_SUCH_ATTRIBUTE,
    SUCCESS,
    UNWILLING,
    VALUE_EXISTS,
    refusal,
)
from runbook_exec.actions.ldap.connection import Connection
from runbook_exec.actions.ldap.dialect import Dialect, Mod, Raw, escaped
from runbook_exec.actions.ldap.dialects import detect, dialect
from runbook_exec.actions.ldap.history import History
from runbook_exec.actions.ldap.reading import Reader
from runbook_exec.actions.ldap.transport import no_pen
from runbook_exec.actions.ldap.wire import BASE, Found, Wire
from runbook_exec.change import Json, Ref, State
from runbook_exec.dn import canonical, parse, same_name
from runbook_exec.errors import Refused, RunbookError
from runbook_exec.far_log import FarLog


class LdapSession:
    """Reads always; writes only names that were permitted, below the allowed bases, in this thread."""

    def __init__(self, to: Connection, *, write: bool) -> None:
        self.to, self.write = to, write
        self.wire = Wire(to, write=write)
        self._permitted = threading.local()
        self.dialect: Dialect
        self.reader: Reader

    def open(self) -> None:
        self.wire.open()
        self.dialect = dialect(self.to.dialect) if self.to.dialect else detect(self.wire.root)
        self.reader = Reader(self.wire, self.dialect, self.to)

    def close(self) -> None:
        self.wire.close()

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        return self.reader.read(refs)

    def history(self, since: str, until: str, *, base: str, only: Sequence[str] | None) -> FarLog:
        """What the directory itself remembers of changes; see `far_log.Rememberer`."""
        return History(self.wire, self.dialect).read(since, until, base=base, only=only)

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        if not self.write:
            raise no_pen("get a pen", self.to.where)
        before = self._names
        self._permitted.names = before | {canonical(name) for name in writes}
        try:
            yield
        finally:
            self._permitted.names = before

    def pinned(self, dn: str, identity: str | None) -> Found:
        """The entry as it is now; refuses if it is not the one that was planned for."""
        found = self.reader.one(dn)
        if found is not None and (identity is None or self.id_of(found[1]) == identity):
            return found
        moved = self.reader.by_id(identity) if identity else None
        if moved is not None:
            raise Refused(
                f"{dn} was planned, but that entry is now {moved}",
                where=self.to.where,
                next_move="somebody moved or renamed it: plan again",
            )
        if found is not None:
            raise Refused(
                f"{dn} is no longer the entry that was planned: another one has taken its name",
                where=self.to.where,
                next_move="plan again, and look at who it is",
            )
        raise Refused(f"{dn} is gone", where=self.to.where, next_move="somebody deleted it: plan again")

    def id_of(self, raw: Raw) -> str | None:
        ids = raw.get(self.dialect.id_attribute, ())
        return self.dialect.read_id(ids[0]) if ids else None

    def add(self, dn: str, attributes: Mapping[str, Json]) -> str | None:
        """Create an entry; its immutable id, if the server lets us see it."""
        self._may(dn, "create")
        values = {name: record.to_bytes(value) for name, value in attributes.items()}
        self.wire.add(dn, {name: some for name, some in values.items() if some}, doing=f"create {dn}")
        found = self.reader.one(dn)
        return self.id_of(found[1]) if found else None

    def modify(self, dn: str, mods: Sequence[Mod]) -> None:
        """All of the modifications or none."""
        self._may(dn, "change")
        if mods:
            self.wire.modify(dn, mods, doing=f"change {dn}")

    def edit(self, dn: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> None:
        """Change attributes value by value; refused by the server if one was changed meanwhile."""
        self._may(dn, "change")
        mods = record.edits(before, after)
        if not mods:
            return
        answer = self.wire.modify(dn, mods, doing=f"change {dn}", expected={INAPPROPRIATE_MATCHING})
        if answer["result"] == INAPPROPRIATE_MATCHING:
            # An attribute without an equality rule cannot have its old value named: set all of them whole.
            whole = [Mod(name, "replace", tuple(record.to_bytes(value))) for name, value in after.items()]
            self.wire.modify(dn, whole, doing=f"change {dn}")

    def join_or_leave(self, group: str, attribute: str, member: str, *, joins: bool) -> bool:
        """Add or remove one member; False where somebody else did just that a moment before."""
        self._may(group, "change")
        mod = Mod(attribute, "add" if joins else "delete", (member.encode("utf-8", "surrogateescape"),))
        already = {VALUE_EXISTS, ENTRY_EXISTS} if joins else {NO_SUCH_ATTRIBUTE, UNWILLING}
        verb = f"add {member} to {group}" if joins else f"take {member} out of {group}"
        answer = self.wire.modify(group, [mod], doing=verb, expected=already)
        if answer["result"] == UNWILLING and self._is_member(group, attribute, member):
            raise refusal(answer, where=self.to.where, doing=verb)
        return bool(answer["result"] == SUCCESS)

    def _is_member(self, group: str, attribute: str, member: str) -> bool:
        query = f"({attribute}={escaped(member.encode('utf-8', 'surrogateescape'))})"
        return bool(self.wire.search(group, query, scope=BASE, attributes=("objectClass",)))

    def restore(self, identity: str, dn: str, after: Mapping[str, Json]) -> None:
        """Bring a deleted entry back under this name, with these attributes changed, all in one operation.

        [MS-ADTS] 3.1.1.5.3.7: `isDeleted` is removed and the name replaced by the same modify.
        """
        self._may(dn, "restore")
        gone = self.reader.deleted(identity)
        if gone is None:
            raise Refused(
                f"the deleted entry of {dn} is kept no longer",
                where=self.to.where,
                next_move="plan again: a new one is created then",
            )
        mods = [Mod("isDeleted", "delete"), Mod("distinguishedName", "replace", (dn.encode(),))]
        # Whole: a deleted entry does not show its links (a manager), and they come back with it.
        mods += [
            Mod(name, "replace", tuple(record.to_bytes(value)))
            for name, value in after.items()
            if name not in {"isDeleted", "enabled"}
        ]
        if "enabled" in after:
            raw = {"userAccountControl": [str(gone.get("userAccountControl", "0")).encode()]}
            mods += self.dialect.switch(raw, enabled=bool(after["enabled"]))
        control = str(self.dialect.deleted_control)
        self.wire.modify(str(gone["dn"]), mods, doing=f"restore {dn}", controls=((control, True, None),))

    def delete(self, dn: str) -> None:
        self._may(dn, "delete")
        self.wire.delete(dn, doing=f"delete {dn}")

    def move(self, dn: str, to: str) -> None:
        """Give an entry another name, another parent, or both."""
        self._may(dn, "move")
        self._may(to, "move something to")
        new, old = parse(to), parse(dn)
        parent = None if same_name(str(new.parent), str(old.parent)) else str(new.parent)
        self.wire.rename(dn, str(new.leaf), parent, doing=f"move {dn} to {to}")

    def set_password(self, dn: str, value: str, *, must_change: bool, disabled: bool) -> None:
        """Set a password; an account that was disabled is disabled afterwards, whatever the server does."""
        self._may(dn, "set the password of")
        doing = f"set the password of {dn}"
        extra = self.dialect.must_change(now=must_change)
        if not self.dialect.password_opens:
            self.wire.modify(dn, [*self.dialect.password(value), *extra], doing=doing)
            return
        if self.wire.can_change_password():
            self.wire.change_password(dn, value, doing=doing)
        else:
            self.wire.modify(dn, self.dialect.password(value), doing=doing)
        again = self.dialect.shut_again() if disabled else []
        try:
            self.modify(dn, [*extra, *again])
        except RunbookError as error:
            error.what = f"the password of {dn} is set, but the account may now be open: {error.what}"
            raise

    def proves(self, dn: str, password: str) -> tuple[bool, str]:
        """Whether this password opens the account now, and AD's sub-code where it does not."""
        return self.wire.proves(dn, password)

    @property
    def _names(self) -> frozenset[str]:
        return getattr(self._permitted, "names", frozenset())

    def _may(self, dn: str, verb: str) -> None:
        if not self.write:
            raise no_pen(f"{verb} {dn}", self.to.where)
        name = parse(dn)
        if not any(name.is_inside(base) for base in self.to.allowed):
            allowed = " or ".join(map(str, self.to.allowed))
            raise Refused(
                f"may not {verb} {dn}: it is not below {allowed}",
                where=self.to.where,
                next_move="correct the name, or allowed_bases: of this environment",
            )
        if name.canonical not in self._names:
            raise Refused(
                f"may not {verb} {dn}: the change does not name it",
                where=self.to.where,
                next_move="this is a defect of the action: it must list what it writes",
            )
