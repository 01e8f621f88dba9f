"""Reading people: who an employee is, and who holds a login, an address or a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runbook_exec.actions.ldap import record
from runbook_exec.actions.ldap.dialect import escaped
from runbook_exec.actions.ldap.entries import Tree, chunks
from runbook_exec.actions.ldap.wire import BASE, EVERYTHING, ONE_LEVEL
from runbook_exec.change import Ref, State
from runbook_exec.dn import Dn, parse
from runbook_exec.errors import Invalid

MANY_HELD = 20
"""Values in one search for holders: each is compared with several attributes."""


class People:
    """Looks among the live and, where the directory keeps them, the deleted."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._deleted_visible: bool | None = None

    def persons(self, refs: list[Ref]) -> dict[Ref, State]:
        states: dict[Ref, State] = dict.fromkeys(refs)
        for some in chunks(refs):
            self._fill_persons(states, some, deleted=False)
        missing = [ref for ref, state in states.items() if state is None]
        if missing and self._tree.dialect.deleted_control:
            for some in chunks(missing):
                self._fill_persons(states, some, deleted=True)
        return states

    def _fill_persons(self, states: dict[Ref, State], refs: Sequence[Ref], *, deleted: bool) -> None:
        attribute = self._tree.dialect.names["employee_id"]
        ids = "".join(f"({attribute}={escaped(ref.key.encode())})" for ref in refs)
        people = f"(&{self._tree.dialect.person_filter}(|{ids}))"
        entries = [self._tree.state(found) for found in self._tree.find(people, deleted=deleted)]
        for ref in refs:
            own = [
                entry
                for entry in entries
                if entry
                and ref.key.lower() in [str(v).lower() for v in record.as_list(record.get(entry, attribute))]
            ]
            if own:
                states[ref] = self._person(own, deleted=deleted)

    def _person(self, entries: list[Mapping[str, object]], *, deleted: bool) -> State:
        entry, names = entries[0], self._tree.dialect.names
        told = {
            key: record.get(entry, names[key]) if key in names else None
            for key in ("sam", "upn", "mail", "display_name")
        }
        return {
            "dn": entry["dn"],
            "id": entry["id"],
            **told,
            "deleted": deleted,
            "others": [other["dn"] for other in entries[1:]],
        }

    def holders(self, refs: list[Ref]) -> dict[Ref, State]:
        live = self._who(refs, deleted=False)
        gone: dict[Ref, list[str]] = {ref: [] for ref in refs}
        if self._tree.dialect.deleted_control:
            gone = self._who(refs, deleted=True)
        return {
            ref: {"live": live[ref], "deleted": gone[ref], "deleted_visible": self.deleted_visible}
            for ref in refs
        }

    def _who(self, refs: Sequence[Ref], *, deleted: bool) -> dict[Ref, list[str]]:
        """Names of the holders. The server compares, since it folds accents and we do not know how.

        Values that nobody holds, the usual case, cost one search for all of them; where there
        are holders, halving finds out whose.
        """
        if len(refs) > MANY_HELD:
            parts = [self._who(some, deleted=deleted) for some in chunks(refs, MANY_HELD)]
            return {ref: names for part in parts for ref, names in part.items()}
        filters = "".join(self._tree.dialect.holder_filter(ref.key.encode()) for ref in refs)
        found = self._tree.find(f"(|{filters})", ("cn",), deleted=deleted)
        if not found or len(refs) == 1:
            return {ref: sorted(dn for dn, _ in found) for ref in refs}
        half = len(refs) // 2
        return self._who(refs[:half], deleted=deleted) | self._who(refs[half:], deleted=deleted)

    def cns(self, refs: list[Ref]) -> dict[Ref, State]:
        states: dict[Ref, State] = {}
        for ref in refs:
            cn, parent = self._split_cn(ref.key)
            found = self._tree.wire.search(
                str(parent), f"(cn={escaped(cn.encode())})", scope=ONE_LEVEL, attributes=("cn",)
            )
            states[ref] = {"live": sorted(dn for dn, _ in found)}
        return states

    def _split_cn(self, key: str) -> tuple[str, Dn]:
        """`weiß, anna,ou=people,dc=x` → ("weiß, anna", ou=people,dc=x): the longest tail that is a name."""
        at = key.find(",")
        while at > 0:
            try:
                parent = parse(key[at + 1 :])
            except Invalid:
                parent = None
            if parent is not None and parent.is_inside(self._tree.to.base):
                return key[:at], parent
            at = key.find(",", at + 1)
        raise Invalid(
            f"{key!r} names no parent below {self._tree.to.base}", next_move="<cn>,<name of the OU>"
        )

    @property
    def deleted_visible(self) -> bool:
        """True only where an empty answer means empty.

        The container of deleted entries shows itself, or the server keeps none.
        """
        if self._deleted_visible is None:
            self._deleted_visible = not self._tree.dialect.deleted_control
            if self._tree.dialect.deleted_control:
                found = self._tree.wire.search(
                    f"CN=Deleted Objects,{self._tree.domain}",
                    EVERYTHING,
                    scope=BASE,
                    attributes=("objectClass", "isDeleted"),
                    controls=((self._tree.dialect.deleted_control, True, None),),
                )
                # Samba names the container to everybody and shows its attributes to those with the right.
                self._deleted_visible = bool(found and found[0][1])
        return self._deleted_visible
