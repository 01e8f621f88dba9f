"""How each kind of thing is read, many in one search; pure apart from the searches themselves.

| kind              | key                          | state                                                        |
|-------------------|------------------------------|--------------------------------------------------------------|
| `ldap.server`     | empty                        | dialect, base, allowed_bases                                 |
| `ldap.entry`      | name (DN)                    | every attribute, `dn`, `id`, for accounts `enabled`, `locked` |
| `ldap.person`     | employee id                  | dn, id, sam, upn, mail, display_name, deleted, others        |
| `ldap.holder`     | login, UPN or mail           | live, deleted (names of entries), deleted_visible            |
| `ldap.cn`         | `<cn>,<parent's name>`       | live                                                         |
| `ldap.group`      | name (DN)                    | dn, id, title, classes, protected, rid                       |
| `ldap.membership` | `<member> < <group>` (names) | member, last                                                 |
| `ldap.groups`     | member's name (DN)           | direct: names of the groups                                  |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from runbook_exec.actions.ldap import record
from runbook_exec.actions.ldap.connection import Connection
from runbook_exec.actions.ldap.dialect import Dialect, Raw, escaped, sid_text
from runbook_exec.actions.ldap.dn import Dn, canonical, parse
from runbook_exec.actions.ldap.wire import BASE, EVERYTHING, ONE_LEVEL, Found, Wire
from runbook_exec.change import Ref, State
from runbook_exec.errors import Invalid

MANY = 50
"""Names in one search; well below every server's limits on filters."""

MANY_HELD = 20
"""Values in one search for holders: each is compared with several attributes."""

GROUP = ("cn", "displayName", "objectClass", "adminCount", "objectSid")

_OWN = frozenset({"objectguid", "entryuuid", "objectsid", "entrycsn"})
"""Identifiers that a state holds as readable text, and a mark that changes with every write."""

IN = " < "
"""Between member and group in a membership's key; an unescaped `<` stands in no name."""


class Reader:
    """Reads for one connection. What cannot be read raises; it is never said to be absent."""

    def __init__(self, wire: Wire, dialect: Dialect, to: Connection) -> None:
        self._wire, self._dialect, self._to = wire, dialect, to
        self._deleted_visible: bool | None = None
        self._kinds: Mapping[str, Callable[[list[Ref]], dict[Ref, State]]] = {
            "ldap.server": self._server,
            "ldap.entry": lambda refs: self._named(refs, self._attributes, self._entry),
            "ldap.group": lambda refs: self._named(refs, (*GROUP, dialect.id_attribute), self._group),
            "ldap.person": self._persons,
            "ldap.holder": self._holders,
            "ldap.cn": self._cns,
            "ldap.membership": self._memberships,
            "ldap.groups": self._groups_of,
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
        found = self._wire.search(dn, EVERYTHING, scope=BASE, attributes=self._attributes)
        return found[0] if found else None

    def by_id(self, identity: str) -> str | None:
        """Where the entry of this id is now."""
        found = self._wire.search(self.domain, self._dialect.id_filter(identity), attributes=("cn",))
        return found[0][0] if found else None

    @property
    def domain(self) -> str:
        """The whole naming context: logins and addresses are unique in it, not only below our base."""
        named = self._wire.root.get("defaultNamingContext", ())
        return named[0].decode() if named else str(self._to.base)

    @property
    def _attributes(self) -> tuple[str, ...]:
        return ("*", *self._dialect.operational)

    def _server(self, refs: list[Ref]) -> dict[Ref, State]:
        state = {
            "dialect": self._dialect.name,
            "base": str(self._to.base),
            "allowed_bases": [str(base) for base in self._to.allowed],
        }
        return dict.fromkeys(refs, state)

    # --- by name -------------------------------------------------------------------------------

    def _named(
        self, refs: list[Ref], attributes: Sequence[str], state: Callable[[Found], State]
    ) -> dict[Ref, State]:
        """Entries by name: one OR search for those below the base, then whatever it left unclear.

        AD finds `Müller` when asked for `Muller`, so an answer that fits no asked name to the
        letter means that the names without an answer are asked for one by one.
        """
        names = {ref: parse(ref.key) for ref in refs}
        states: dict[Ref, State] = {}
        single = [ref for ref in refs if not names[ref].is_inside(self._to.base)]
        together = [ref for ref in refs if ref not in single]
        if len(together) == 1:
            single, together = refs, []
        for some in _chunks(together):
            asked = "".join(f"({self._dialect.dn_attribute}={_name(names[ref])})" for ref in some)
            found = self._wire.search(str(self._to.base), f"(|{asked})", attributes=attributes)
            by_name = {canonical(dn): (dn, raw) for dn, raw in found}
            matched = {ref: by_name[names[ref].canonical] for ref in some if names[ref].canonical in by_name}
            states.update({ref: state(one) for ref, one in matched.items()})
            unclear = len({dn for dn, _ in matched.values()}) < len(found)
            for ref in some:
                if ref in matched:
                    continue
                states[ref] = None
                if unclear:
                    single.append(ref)
        for ref in single:
            found = self._wire.search(str(names[ref]), EVERYTHING, scope=BASE, attributes=attributes)
            states[ref] = state(found[0]) if found else None
        return states

    def _entry(self, found: Found) -> State:
        return entry_state(found, self._dialect)

    def _group(self, found: Found) -> State:
        dn, raw = found
        whole = entry_state(found, self._dialect) or {}
        sid = sid_text(raw["objectSid"][0]) if raw.get("objectSid") else ""
        return {
            "dn": dn,
            "id": whole.get("id"),
            "title": record.get(whole, "displayName") or record.get(whole, "cn") or parse(dn).name,
            "classes": whole.get("objectClass", []),
            "protected": self._dialect.protected(whole),
            "rid": sid.rpartition("-")[2],
        }

    # --- people --------------------------------------------------------------------------------

    def _persons(self, refs: list[Ref]) -> dict[Ref, State]:
        states: dict[Ref, State] = dict.fromkeys(refs)
        for some in _chunks(refs):
            self._fill_persons(states, some, deleted=False)
        missing = [ref for ref, state in states.items() if state is None]
        if missing and self._dialect.deleted_control:
            for some in _chunks(missing):
                self._fill_persons(states, some, deleted=True)
        return states

    def _fill_persons(self, states: dict[Ref, State], refs: Sequence[Ref], *, deleted: bool) -> None:
        attribute = self._dialect.names["employee_id"]
        ids = "".join(f"({attribute}={escaped(ref.key.encode())})" for ref in refs)
        people = f"(&{self._dialect.person_filter}(|{ids}))"
        entries = [entry_state(found, self._dialect) for found in self._find(people, deleted=deleted)]
        for ref in refs:
            own = [
                entry
                for entry in entries
                if entry and ref.key.lower() in [str(v).lower() for v in _values(entry, attribute)]
            ]
            if own:
                states[ref] = self._person(own, deleted=deleted)

    def _person(self, entries: list[Mapping[str, object]], *, deleted: bool) -> State:
        entry, names = entries[0], self._dialect.names
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

    # --- who holds a name ----------------------------------------------------------------------

    def _holders(self, refs: list[Ref]) -> dict[Ref, State]:
        live = self._who(refs, deleted=False)
        gone: dict[Ref, list[str]] = {ref: [] for ref in refs}
        if self._dialect.deleted_control:
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
            parts = [self._who(some, deleted=deleted) for some in _chunks(refs, MANY_HELD)]
            return {ref: names for part in parts for ref, names in part.items()}
        filters = "".join(self._dialect.holder_filter(ref.key.encode()) for ref in refs)
        found = self._find(f"(|{filters})", ("cn",), deleted=deleted)
        if not found or len(refs) == 1:
            return {ref: sorted(dn for dn, _ in found) for ref in refs}
        half = len(refs) // 2
        return self._who(refs[:half], deleted=deleted) | self._who(refs[half:], deleted=deleted)

    def _cns(self, refs: list[Ref]) -> dict[Ref, State]:
        states: dict[Ref, State] = {}
        for ref in refs:
            cn, parent = self._split_cn(ref.key)
            found = self._wire.search(
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
            if parent is not None and parent.is_inside(self._to.base):
                return key[:at], parent
            at = key.find(",", at + 1)
        raise Invalid(f"{key!r} names no parent below {self._to.base}", next_move="<cn>,<name of the OU>")

    @property
    def deleted_visible(self) -> bool:
        """True only if the container of deleted entries shows itself: an empty answer then means empty."""
        if self._deleted_visible is None:
            self._deleted_visible = False
            if self._dialect.deleted_control:
                found = self._wire.search(
                    f"CN=Deleted Objects,{self.domain}",
                    EVERYTHING,
                    scope=BASE,
                    attributes=("objectClass", "isDeleted"),
                    controls=((self._dialect.deleted_control, True, None),),
                )
                # Samba names the container to everybody and shows its attributes to those with the right.
                self._deleted_visible = bool(found and found[0][1])
        return self._deleted_visible

    # --- groups --------------------------------------------------------------------------------

    def _memberships(self, refs: list[Ref]) -> dict[Ref, State]:
        by_member: dict[str, list[Ref]] = {}
        for ref in refs:
            by_member.setdefault(ref.key.partition(IN)[0], []).append(ref)
        states: dict[Ref, State] = {}
        for member, asked in by_member.items():
            for some in _chunks(asked):
                states.update(self._in_groups(parse(member), some))
        return states

    def _in_groups(self, member: Dn, refs: Sequence[Ref]) -> dict[Ref, State]:
        """Which of these groups hold the member; a group's other members are counted only where it matters."""
        groups = {ref: parse(ref.key.partition(IN)[2]) for ref in refs}
        asked = "".join(f"({self._dialect.dn_attribute}={_name(dn)})" for dn in groups.values())
        has = self._dialect.membership_filter(str(member).encode())
        keeps = self._dialect.keeps_a_member(["groupOfNames"])
        attributes = ("objectClass", "member", "uniqueMember") if keeps else ("objectClass",)
        found = self._wire.search(str(self._to.base), f"(&(|{asked}){has})", attributes=attributes)
        by_name = {canonical(dn): raw for dn, raw in found}
        unclear = len([dn for dn in groups.values() if dn.canonical in by_name]) < len(by_name)
        states: dict[Ref, State] = {}
        for ref, dn in groups.items():
            raw = by_name.get(dn.canonical)
            if raw is None and (unclear or not dn.is_inside(self._to.base)):
                single = self._wire.search(str(dn), has, scope=BASE, attributes=attributes)
                raw = single[0][1] if single else None
            states[ref] = {"member": raw is not None, "last": raw is not None and self._is_last(raw)}
        return states

    def _is_last(self, raw: Raw) -> bool:
        classes = [one.decode() for one in raw.get("objectClass", ())]
        members = [*raw.get("member", ()), *raw.get("uniqueMember", ())]
        return self._dialect.keeps_a_member(classes) and len(members) == 1

    def _groups_of(self, refs: list[Ref]) -> dict[Ref, State]:
        states: dict[Ref, State] = {}
        for ref in refs:
            has = self._dialect.membership_filter(str(parse(ref.key)).encode())
            states[ref] = {"direct": sorted(dn for dn, _ in self._find(has, ("cn",), deleted=False))}
        return states

    def _find(self, query: str, attributes: Sequence[str] = (), *, deleted: bool) -> list[Found]:
        """Search the whole domain, live or among the deleted."""
        control = self._dialect.deleted_control
        return self._wire.search(
            self.domain,
            f"(&(isDeleted=TRUE){query})" if deleted else query,
            attributes=attributes or self._attributes,
            controls=((control, True, None),) if deleted and control else (),
        )


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


def _name(dn: Dn) -> str:
    return escaped(str(dn).encode("utf-8", "surrogateescape"))


def _values(entry: Mapping[str, object], attribute: str) -> list[object]:
    return record.as_list(record.get(entry, attribute))


def _chunks(refs: Sequence[Ref], size: int = MANY) -> Iterable[Sequence[Ref]]:
    return [refs[at : at + size] for at in range(0, len(refs), size)]
