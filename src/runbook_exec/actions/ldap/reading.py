"""How each kind of thing is read, many in one search; pure apart from the searches themselves.

| kind              | key                          | state                                                        |
|-------------------|------------------------------|--------------------------------------------------------------|
| `ldap.server`     | empty                        | dialect, base, allowed_bases                                 |
| `ldap.place`      | immutable id                 | dn: where the entry of this id is now                        |
| `ldap.deleted`    | immutable id                 | as `ldap.entry`, of one that is deleted and still kept       |
| `ldap.entry`      | name (DN)                    | every attribute, `dn`, `id`, for accounts `enabled`, `locked` |
| `ldap.person`     | employee id                  | dn, id, sam, upn, mail, display_name, deleted, others        |
| `ldap.holder`     | login, UPN or mail           | live, deleted (names of entries), deleted_visible            |
| `ldap.cn`         | `<cn>,<parent's name>`       | live                                                         |
| `ldap.group`      | name (DN)                    | dn, id, title, classes, protected, rid                       |
| `ldap.membership` | `<member> < <group>` (names) | member, last                                                 |
| `ldap.groups`     | member's name (DN)           | direct: names of the groups                                  |
| `ldap.all_groups` | member's name (DN)           | groups: name → by which group it came (empty: directly)      |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from runbook_exec.actions.ldap.connection import Connection
from runbook_exec.actions.ldap.dialect import Dialect
from runbook_exec.actions.ldap.entries import Tree, chunks
from runbook_exec.actions.ldap.groups import GROUP, Groups
from runbook_exec.actions.ldap.people import People
from runbook_exec.actions.ldap.wire import BASE, EVERYTHING, Found, Wire
from runbook_exec.change import Ref, State
from runbook_exec.dn import canonical, parse
from runbook_exec.errors import Invalid


class Reader:
    """Reads for one connection. What cannot be read raises; it is never said to be absent."""

    def __init__(self, wire: Wire, dialect: Dialect, to: Connection) -> None:
        tree = self._tree = Tree(wire, dialect, to)
        self.people, groups = People(tree), Groups(tree)
        group_attributes = (*GROUP, dialect.id_attribute)
        self._kinds: Mapping[str, Callable[[list[Ref]], dict[Ref, State]]] = {
            "ldap.server": self._server,
            "ldap.place": self._places,
            "ldap.deleted": lambda refs: {ref: self.deleted(ref.key) for ref in refs},
            "ldap.entry": lambda refs: self._named(refs, tree.attributes, tree.state),
            "ldap.group": lambda refs: self._named(refs, group_attributes, groups.group),
            "ldap.person": self.people.persons,
            "ldap.holder": self.people.holders,
            "ldap.cn": self.people.cns,
            "ldap.membership": groups.memberships,
            "ldap.groups": groups.groups_of,
            "ldap.all_groups": groups.all_groups_of,
        }

    def read(self, refs: Sequence[Ref]) -> dict[Ref, State]:
        states: dict[Ref, State] = {}
        by_kind: dict[str, list[Ref]] = {}
        for ref in dict.fromkeys(refs):
            by_kind.setdefault(ref.kind, []).append(ref)
        for kind, asked in by_kind.items():
            if kind not in self._kinds:
                raise Invalid(f"{kind} cannot be read", next_move="known: " + ", ".join(self._kinds))
            states.update(self._kinds[kind](asked))
        return states

    def one(self, dn: str) -> Found | None:
        """One entry as the server has it now."""
        found = self._tree.wire.search(dn, EVERYTHING, scope=BASE, attributes=self._tree.attributes)
        return found[0] if found else None

    def by_id(self, identity: str) -> str | None:
        """Where the entry of this id is now."""
        found = self._tree.find(self._tree.dialect.id_filter(identity), ("cn",), deleted=False)
        return found[0][0] if found else None

    def _server(self, refs: list[Ref]) -> dict[Ref, State]:
        to = self._tree.to
        state = {
            "dialect": self._tree.dialect.name,
            "base": str(to.base),
            "allowed_bases": [str(base) for base in to.allowed],
        }
        return dict.fromkeys(refs, state)

    def deleted(self, identity: str) -> State:
        """The deleted entry of this id; None where the directory keeps none, or shows it to nobody like us."""
        if not self._tree.dialect.deleted_control:
            return None
        found = self._tree.find(self._tree.dialect.id_filter(identity), deleted=True)
        return self._tree.state(found[0]) if found else None

    def _places(self, refs: list[Ref]) -> dict[Ref, State]:
        found = {ref: self.by_id(ref.key) for ref in refs}
        return {ref: None if dn is None else {"dn": dn} for ref, dn in found.items()}

    def _named(
        self, refs: list[Ref], attributes: Sequence[str], state: Callable[[Found], State]
    ) -> dict[Ref, State]:
        """Entries by name: one OR search for those below the base, then whatever it left unclear.

        AD finds `Müller` when asked for `Muller`, so an answer that fits no asked name to the
        letter means that the names without an answer are asked for one by one.
        """
        names = {ref: parse(ref.key) for ref in refs}
        base, wire = self._tree.to.base, self._tree.wire
        states: dict[Ref, State] = {}
        single = [ref for ref in refs if not names[ref].is_inside(base)]
        together = [ref for ref in refs if ref not in single]
        if len(together) == 1:
            single, together = refs, []
        for some in chunks(together):
            found = wire.search(
                str(base), self._tree.named([names[ref] for ref in some]), attributes=attributes
            )
            by_name = {canonical(dn): (dn, raw) for dn, raw in found}
            matched = {ref: by_name[names[ref].canonical] for ref in some if names[ref].canonical in by_name}
            states.update({ref: state(one) for ref, one in matched.items()})
            missing = [ref for ref in some if ref not in matched]
            states.update(dict.fromkeys(missing))
            if len({dn for dn, _ in matched.values()}) < len(found):
                single.extend(missing)
        for ref in single:
            found = wire.search(str(names[ref]), EVERYTHING, scope=BASE, attributes=attributes)
            states[ref] = state(found[0]) if found else None
        return states
