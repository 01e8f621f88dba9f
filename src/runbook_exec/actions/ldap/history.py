"""What the directory itself remembers of changes, read over LDAP by whoever may read the entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from runbook_exec.actions.ldap import metadata
from runbook_exec.actions.ldap.dialect import Dialect, Raw
from runbook_exec.actions.ldap.metadata import ATTRIBUTES, BYTES, LINKS, Mark
from runbook_exec.actions.ldap.wire import BASE, EVERYTHING, Found, Wire
from runbook_exec.change import Words
from runbook_exec.errors import Refused
from runbook_exec.far_log import FarChange, FarLog

_ASKED = ("objectClass", "whenChanged", "whenCreated", ATTRIBUTES, LINKS, BYTES)
_DELETED = "1.2.840.113556.1.4.417"
_MANY = 40
"""Entries asked for in one filter."""

_LAST: Words = {
    "en": "The directory keeps only the last change of each attribute and each membership: an earlier one that was "
    "overwritten since cannot be seen. It does not say who made it.",
    "de": "Das Verzeichnis behält von jedem Attribut und jeder Mitgliedschaft nur die letzte Änderung: Eine frühere, die "
    "inzwischen überschrieben ist, ist nicht zu sehen. Es sagt nicht, wer sie vornahm.",
}
_NO_LINKS: Words = {
    "en": "This directory (Samba) does not tell which membership was changed, only that the group was, and when last.",
    "de": "Dieses Verzeichnis (Samba) sagt nicht, welche Mitgliedschaft geändert wurde, nur dass und wann zuletzt.",
}


class History:
    """Reads the marks of many entries, page by page."""

    def __init__(self, wire: Wire, dialect: Dialect) -> None:
        self.wire, self.dialect = wire, dialect
        self._names: dict[int, str] | None = None

    def read(self, since: str, until: str, *, base: str, only: Sequence[str] | None) -> FarLog:
        """Everything whose last change lies in the period; see `far_log.Rememberer`."""
        if not self.dialect.deleted_control:
            raise Refused(
                "this directory keeps no changes that can be read over LDAP",
                where=self.wire.to.where,
                next_move="hold its own log (an accesslog database) against the journal by hand",
            )
        first, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
        found = self._entries(first, base) if only is None else self._named(only)
        changes: list[FarChange] = []
        links_told = True
        for dn, raw in found:
            told = list(self._changes(dn, raw, first, end))
            links_told = links_told and ATTRIBUTES in raw
            changes += told
        limits = (_LAST,) if links_told else (_LAST, _NO_LINKS)
        return FarLog(changes=tuple(sorted(changes, key=lambda c: (c.at, c.object, c.what))), limits=limits)

    def _entries(self, first: datetime, base: str) -> Iterator[Found]:
        """Entries that were changed since, deleted ones too; groups always, since a membership may not count there."""
        stamp = first.astimezone(UTC).strftime("%Y%m%d%H%M%S.0Z")
        query = f"(|(whenChanged>={stamp})(objectClass=group))"
        top = base or str(self.wire.to.base)
        seen: set[str] = set()
        for place in dict.fromkeys((top, *self._bin(base))):
            for dn, raw in self.wire.search(
                place,
                query,
                attributes=(*_ASKED, self.dialect.id_attribute),
                controls=((_DELETED, True, None),),
            ):
                if dn not in seen:
                    seen.add(dn)
                    yield dn, raw

    def _bin(self, base: str) -> tuple[str, ...]:
        """Where deleted entries lie: with a base below the domain they would not be found otherwise."""
        roots = self.wire.root.get("defaultNamingContext", ())
        return (f"CN=Deleted Objects,{roots[0].decode()}",) if roots and not base else ()

    def _named(self, only: Sequence[str]) -> Iterator[Found]:
        """Entries by id where it looks like one, else by name."""
        attributes = (*_ASKED, self.dialect.id_attribute)
        names = [key for key in dict.fromkeys(only) if "=" in key]
        ids = [key for key in dict.fromkeys(only) if "=" not in key and _is_id(key)]
        seen: set[str] = set()
        for some in (ids[n : n + _MANY] for n in range(0, len(ids), _MANY)):
            query = "(|" + "".join(self.dialect.id_filter(key) for key in some) + ")"
            for place in dict.fromkeys((str(self.wire.to.base), *self._bin(""))):
                for dn, raw in self.wire.search(
                    place, query, attributes=attributes, controls=((_DELETED, True, None),)
                ):
                    if dn not in seen:
                        seen.add(dn)
                        yield dn, raw
        for name in names:
            for dn, raw in self.wire.search(name, EVERYTHING, scope=BASE, attributes=attributes):
                if dn not in seen:
                    seen.add(dn)
                    yield dn, raw

    def _changes(self, dn: str, raw: Raw, first: datetime, end: datetime) -> Iterator[FarChange]:
        marks = list(self._marks(dn, raw))
        made = next((mark for mark in marks if mark.name == "objectClass"), None)
        gone = next((mark for mark in marks if mark.name == "isDeleted"), None)
        for mark in marks:
            if not first <= datetime.fromisoformat(mark.at) < end:
                continue
            if made and mark is not made and mark.usn == made.usn:
                continue  # it came with the entry
            yield self._change(dn, raw, mark, made, gone)
        yield from self._of_group(dn, raw, marks, first, end)

    def _change(self, dn: str, raw: Raw, mark: Mark, made: Mark | None, gone: Mark | None) -> FarChange:
        if mark is made:
            what, how = "entry", "created"
        elif mark is gone:
            what, how = "entry", "deleted or restored"
        else:
            what, how = mark.name, ("removed" if mark.removed else "added") if mark.link else "changed"
        return FarChange(
            side="ldap",
            at=mark.at,
            object=dn,
            identity=self._id(raw),
            what=what,
            how=how,
            value=mark.link,
            mark=str(mark.usn),
        )

    def _of_group(
        self, dn: str, raw: Raw, marks: Sequence[Mark], first: datetime, end: datetime
    ) -> Iterator[FarChange]:
        """Where link values are not told: that a group was changed by nothing that is told, so by its members."""
        if ATTRIBUTES in raw or b"group" not in raw.get("objectClass", ()) or not marks:
            return
        changed = _moment(raw.get("whenChanged", [b""])[0])
        latest = max(datetime.fromisoformat(mark.at) for mark in marks)
        if changed is not None and changed > latest and first <= changed < end:
            yield FarChange(
                side="ldap",
                at=changed.isoformat(timespec="seconds"),
                object=dn,
                identity=self._id(raw),
                what="member",
                how="changed",
            )

    def _marks(self, dn: str, raw: Raw) -> Iterator[Mark]:
        if ATTRIBUTES in raw:
            yield from metadata.from_xml(raw[ATTRIBUTES])
            yield from metadata.from_xml(raw.get(LINKS) or self._ranged(dn, raw))
        elif raw.get(BYTES):
            yield from metadata.from_bytes(raw[BYTES][0], self._numbers())

    def _ranged(self, dn: str, raw: Raw) -> list[bytes]:
        """Many values come in parts, each under a name that says which (MS-ADTS 3.1.1.3.1.3.3)."""
        values: list[bytes] = []
        part = _part(raw)
        while part:
            values += raw[part]
            if part.endswith("-*"):
                break
            asked = f"{LINKS};range={len(values)}-*"
            found = self.wire.search(dn, EVERYTHING, scope=BASE, attributes=(asked,))
            raw = found[0][1] if found else {}
            part = _part(raw)
        return values

    def _id(self, raw: Raw) -> str:
        ids = raw.get(self.dialect.id_attribute, ())
        return (self.dialect.read_id(ids[0]) or "").lower() if ids else ""

    def _numbers(self) -> dict[int, str]:
        """Names of attributes by their number, from the schema; read once."""
        if self._names is None:
            place = self.wire.root["schemaNamingContext"][0].decode()
            found = self.wire.search(
                place,
                "(objectClass=attributeSchema)",
                attributes=("attributeID", "lDAPDisplayName", "msDS-IntId"),
            )
            self._names = dict(_numbered(raw for _, raw in found))
        return self._names


def _numbered(entries: Iterator[Raw]) -> Iterator[tuple[int, str]]:
    for raw in entries:
        name = raw["lDAPDisplayName"][0].decode()
        number = metadata.number_of(raw["attributeID"][0].decode())
        if number is not None:
            yield number, name
        for value in raw.get("msDS-IntId", ()):
            yield int(value) % 2**32, name


def _part(raw: Raw) -> str:
    return next((name for name in raw if name.lower().startswith(f"{LINKS.lower()};range=")), "")


def _moment(stamp: bytes) -> datetime | None:
    try:
        return datetime.strptime(stamp.decode()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _is_id(key: str) -> bool:
    return len(key) == 36 and key.count("-") == 4
