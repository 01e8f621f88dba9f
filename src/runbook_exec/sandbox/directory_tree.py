"""All entries: found by id, by name, by what points at them; kept on the shelf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.shelf import Shelf

TABLE = "directory"
NUMBERS = "directory_numbers"


class Tree:
    """The entries on a shelf, indexed. Whoever begins an operation calls `refresh` first."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._stamp: tuple[int, int] | None = None
        self._entries: dict[str, Entry] = {}
        self._by_key: dict[str, str] = {}
        self._pointed: dict[tuple[str, str], dict[str, None]] = {}

    def refresh(self) -> None:
        """Read the shelf again if anybody else has written to it."""
        if self._stamp == self._shelf.stamp():
            return
        self._entries, self._by_key, self._pointed = {}, {}, {}
        for guid, body in self._shelf.items(TABLE):
            self._index(Entry.from_body(guid, body))
        self._stamp = self._shelf.stamp()

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def get(self, guid: str) -> Entry | None:
        return self._entries.get(guid)

    def at(self, dn: str) -> Entry | None:
        """The entry of this name, live or deleted; ValueError where it is no name."""
        return self._entries.get(self._by_key.get(names.key(dn), ""))

    def below(self, base: str) -> Iterator[Entry]:
        """The entries under `base`, itself included."""
        wanted = names.key(base)
        for entry in self:
            key = names.key(entry.dn)
            if key == wanted or key.endswith("," + wanted):
                yield entry

    def children(self, dn: str) -> Iterator[Entry]:
        wanted = names.key(dn)
        for entry in self.below(dn):
            if names.key(names.parent(entry.dn)) == wanted:
                yield entry

    def pointing(self, attribute: str, guid: str) -> list[Entry]:
        """Entries whose link attribute holds this id."""
        return [self._entries[source] for source in self._pointed.get((attribute, guid), {})]

    def save(self, *entries: Entry) -> None:
        """Keep entries as they are now, all or none."""
        with self._shelf.together():
            for entry in entries:
                self._shelf.put(TABLE, entry.guid, entry.body())
        for entry in entries:
            self._unindex(entry.guid)
            self._index(entry)
        self._written()

    def drop(self, guid: str) -> None:
        """Forget an entry for good, and with it what points at it."""
        sources = {source for (_, target), held in self._pointed.items() if target == guid for source in held}
        with self._shelf.together():
            self._shelf.drop(TABLE, guid)
            self.save(*(self._without(self._entries[source], guid) for source in sources - {guid}))
        self._unindex(guid)
        del self._entries[guid]
        self._written()

    def number(self, series: str, first: int) -> int:
        """The next number of a series (uSN, RID), never given twice."""
        kept = self._shelf.get(NUMBERS, series) or {"next": first}
        self._shelf.put(NUMBERS, series, {"next": kept["next"] + 1})
        self._written()
        return int(kept["next"])

    def highest(self, series: str, first: int) -> int:
        """The number that was given last."""
        return int((self._shelf.get(NUMBERS, series) or {"next": first})["next"]) - 1

    def live_dns(self, guids: Iterable[str]) -> list[str]:
        """Names of those that are not deleted."""
        found = (self._entries.get(guid) for guid in guids)
        return [entry.dn for entry in found if entry is not None and not entry.deleted]

    @staticmethod
    def _without(entry: Entry, guid: str) -> Entry:
        draft = entry.draft()
        for attribute, targets in list(draft.links.items()):
            draft.put(attribute, [target for target in targets if target != guid])
        return draft

    def _written(self) -> None:
        # The first figure counts our own writes, which the index already holds. The second counts
        # other processes': it stays as it was at `refresh`, so that theirs are still noticed.
        if self._stamp is not None:
            self._stamp = (self._shelf.stamp()[0], self._stamp[1])

    def _index(self, entry: Entry) -> None:
        self._entries[entry.guid] = entry
        self._by_key[names.key(entry.dn)] = entry.guid
        for attribute, targets in entry.links.items():
            for target in targets:
                self._pointed.setdefault((attribute, target), {})[entry.guid] = None

    def _unindex(self, guid: str) -> None:
        entry = self._entries.get(guid)
        if entry is None:
            return
        if self._by_key.get(names.key(entry.dn)) == guid:
            del self._by_key[names.key(entry.dn)]
        for attribute, targets in entry.links.items():
            for target in targets:
                self._pointed.get((attribute, target), {}).pop(guid, None)
