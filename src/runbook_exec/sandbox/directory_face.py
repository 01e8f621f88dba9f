"""The tree for the rehearsal's own use: seeding the company, the hybrid sync, tests."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from runbook_exec.errors import Invalid
from runbook_exec.sandbox import directory_accounts as accounts
from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox import directory_passwords as passwords
from runbook_exec.sandbox import directory_rules as rules
from runbook_exec.sandbox import directory_view as view
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_modify import Edit, Modify
from runbook_exec.sandbox.directory_refusal import Refusal
from runbook_exec.sandbox.directory_rights import REHEARSAL
from runbook_exec.sandbox.directory_seed import BASE
from runbook_exec.sandbox.directory_tree import Tree
from runbook_exec.sandbox.directory_writes import Writes
from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.shelf import Shelf


@dataclass(frozen=True)
class Found:
    """An entry as the rehearsal itself sees it."""

    guid: str
    dn: str
    attributes: Mapping[str, list[str]]
    """By canonical name, with links by name and back-links; bytes in base64, ids and SIDs as text."""
    deleted: bool

    def one(self, name: str) -> str | None:
        """The first value of an attribute by canonical name."""
        return next(iter(self.attributes.get(name, ())), None)

    @property
    def enabled(self) -> bool:
        """True for an account that is not switched off."""
        return not int(self.one("userAccountControl") or accounts.DISABLED) & accounts.DISABLED


class Directory:
    """The tree on the shelf, for the rehearsal's own use: seeding and sync.

    AD's rules apply here too (`Invalid` says which one was broken); rights do not.
    An entry is named by its DN or its id.
    """

    def __init__(
        self,
        shelf: Shelf,
        faults: Faults,
        *,
        base: str = BASE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.base = base
        self.shelf = shelf
        self.faults = faults
        self.clock = clock
        self.tree = Tree(shelf)
        self.writes = Writes(self.tree, base, clock)
        self.changes = Modify(self.writes)

    def add(self, dn: str, attributes: Mapping[str, Sequence[str]], password: str | None = None) -> str:
        """Create an entry and return its id (objectGUID as text, lower case).

        `objectClass` may name the most special class alone. An account with a password is enabled,
        one without is disabled, unless `userAccountControl` says otherwise. Attributes of the
        directory's own (objectGUID, objectSid, whenCreated …) may be given, to make history. The password
        need not satisfy the policy: history holds weak ones.
        """
        given = {name: [_raw(name, value) for value in values] for name, values in attributes.items()}
        classes = {value.decode().lower() for value in given.get("objectClass", ())}
        if classes & {"user", "inetorgperson"}:
            given.setdefault("userAccountControl", [b"512" if password is not None else b"514"])
        self.tree.refresh()
        with _in_words(dn):
            return self.writes.add(dn, given, REHEARSAL, password=password).guid

    def change(
        self, which: str, attributes: Mapping[str, Sequence[str]], password: str | None = None
    ) -> None:
        """Replace the values of attributes; no values remove an attribute."""
        self.tree.refresh()
        entry = self._entry(which)
        edits = [
            Edit("replace", name, [_raw(name, value) for value in values])
            for name, values in attributes.items()
        ]
        with _in_words(entry.dn):
            if password is not None:
                draft = entry.draft()
                passwords.keep_password(draft, password, self.clock())
                self.writes.touch(draft)
                self.tree.save(draft)
            self.changes.modify(entry.dn, edits, REHEARSAL)

    def move(self, which: str, dn: str) -> None:
        """Give an entry another name or place; links follow."""
        self.tree.refresh()
        entry = self._entry(which)
        with _in_words(dn):
            rdn = names.join(names.parse(dn)[:1])
            self.writes.move(entry.dn, rdn, REHEARSAL, above=names.parent(dn))

    def remove(self, which: str) -> None:
        """Put an entry into the recycle bin; what lies below it must be gone before."""
        self.tree.refresh()
        entry = self._entry(which)
        with _in_words(entry.dn):
            self.writes.delete(entry.dn, REHEARSAL)

    def purge(self, which: str) -> None:
        """Take an entry out of the recycle bin for good, as after its 180 days."""
        self.tree.refresh()
        entry = self._entry(which)
        if not entry.deleted:
            raise Invalid(f"{entry.dn} is not in the recycle bin", next_move="remove it first")
        self.tree.drop(entry.guid)

    def get(self, which: str) -> Found | None:
        """The entry of this id or DN, live or deleted."""
        self.tree.refresh()
        entry = self.tree.get(which.lower()) or (self.tree.at(which) if "=" in which else None)
        return None if entry is None else self._found(entry)

    def find(self, attribute: str, value: str, *, deleted: bool = False) -> list[Found]:
        """Entries whose attribute holds this value, compared as AD does; deleted ones on request."""
        self.tree.refresh()
        name, wanted = rules.attribute(attribute).name, names.fold(value)
        return [
            self._found(entry)
            for entry in self.tree
            if (deleted or not entry.deleted)
            and any(names.fold(held) == wanted for held in view.values(entry, name, self.tree, self.base))
        ]

    def everything(self, *, deleted: bool = False) -> list[Found]:
        """All live entries, in the order in which they came; deleted ones on request."""
        self.tree.refresh()
        return [self._found(entry) for entry in self.tree if deleted or not entry.deleted]

    def knows_password(self, which: str, password: str) -> bool:
        """True where this is the entry's password."""
        self.tree.refresh()
        return accounts.fits(password, self._entry(which).password)

    def _entry(self, which: str) -> Entry:
        entry = self.tree.get(which.lower()) or (self.tree.at(which) if "=" in which else None)
        if entry is None:
            raise Invalid(f"the directory has no entry {which!r}", next_move="look for it with `find`")
        return entry

    def _found(self, entry: Entry) -> Found:
        attributes = {
            name: list(values)
            for name in view.shown(entry)
            if (values := view.values(entry, name, self.tree, self.base))
        }
        return Found(guid=entry.guid, dn=entry.dn, attributes=attributes, deleted=entry.deleted)


def _raw(name: str, value: str) -> bytes:
    kind = rules.attribute(name)
    is_base64 = kind.kind == "bytes" and kind.name not in {"objectGUID", "objectSid", "sIDHistory"}
    return base64.b64decode(value) if is_base64 else value.encode()


@contextmanager
def _in_words(dn: str) -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise Invalid(
            f"the directory refuses ({refusal.code.name}): {refusal.message}",
            where=dn,
            next_move="see docs/sandbox/directory.md for its rules",
        ) from refusal
