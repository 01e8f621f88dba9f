"""Entries as states, and the searches that every kind of reading shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runbook_exec.actions.ldap import record
from runbook_exec.actions.ldap.connection import Connection
from runbook_exec.actions.ldap.dialect import Dialect, escaped, sid_text
from runbook_exec.actions.ldap.wire import Found, Wire
from runbook_exec.change import Ref, State
from runbook_exec.dn import Dn

MANY = 50
"""Names in one search; well below every server's limits on filters."""

_OWN = frozenset({"objectguid", "entryuuid", "objectsid", "entrycsn"})
"""Identifiers that a state holds as readable text, and a mark that changes with every write."""


@dataclass(frozen=True)
class Tree:
    """What a directory holds, and how it is asked."""

    wire: Wire
    dialect: Dialect
    to: Connection

    @property
    def domain(self) -> str:
        """The whole naming context: logins and addresses are unique in it, not only below our base."""
        named = self.wire.root.get("defaultNamingContext", ())
        return named[0].decode() if named else str(self.to.base)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Everything that a state needs."""
        return ("*", *self.dialect.operational)

    def find(self, query: str, attributes: Sequence[str] = (), *, deleted: bool) -> list[Found]:
        """Search the whole domain, live or among the deleted."""
        control = self.dialect.deleted_control
        return self.wire.search(
            self.domain,
            f"(&(isDeleted=TRUE){query})" if deleted else query,
            attributes=attributes or self.attributes,
            controls=((control, True, None),) if deleted and control else (),
        )

    def named(self, names: Sequence[Dn]) -> str:
        """A filter for entries of these names."""
        attribute = self.dialect.dn_attribute
        values = (escaped(str(name).encode("utf-8", "surrogateescape")) for name in names)
        return f"(|{''.join(f'({attribute}={value})' for value in values)})"

    def state(self, found: Found) -> State:
        """An entry as a state."""
        return entry_state(found, self.dialect)


def entry_state(found: Found, dialect: Dialect) -> State:
    """An entry as a state: plain JSON without secrets, its id as text, and whether an account is open."""
    dn, raw = found
    state = {
        name: record.to_json(name, values)
        for name, values in raw.items()
        if name.lower() not in record.SECRET | _OWN and values
    }
    ids = raw.get(dialect.id_attribute, ())
    state["dn"] = dn
    state["id"] = dialect.read_id(ids[0]) if ids else None
    if raw.get("objectSid"):
        state["objectSid"] = sid_text(raw["objectSid"][0])
    enabled = dialect.enabled(raw)
    if enabled is not None:
        state["enabled"], state["locked"] = enabled, dialect.locked(raw)
    return state


def chunks(refs: Sequence[Ref], size: int = MANY) -> Iterable[Sequence[Ref]]:
    """The refs in handy portions."""
    return [refs[at : at + size] for at in range(0, len(refs), size)]
