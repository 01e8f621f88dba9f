"""Modify, by AD's rules: a list of edits that is done whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runbook_exec.sandbox import directory_accounts as accounts
from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox import directory_passwords as passwords
from runbook_exec.sandbox import directory_rules as rules
from runbook_exec.sandbox.directory_attributes import LINKS, Attribute
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_refusal import Code, Refusal, refuse
from runbook_exec.sandbox.directory_rights import REHEARSAL, Actor
from runbook_exec.sandbox.directory_writes import Writes


@dataclass(frozen=True)
class Edit:
    """One edit of a modify request; values as they came over the wire."""

    verb: Literal["add", "delete", "replace"]
    name: str
    values: Sequence[bytes]


_OF_ACCOUNTS = {"userAccountControl", "pwdLastSet", "lockoutTime", "accountExpires"}


class Modify:
    """Changes attributes of an entry, or brings a deleted one back."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._tree = writes.tree

    def modify(
        self, dn: str, edits: Sequence[Edit], actor: Actor, *, permissive: bool = False, deleted: bool = False
    ) -> Entry:
        """Do all edits. `permissive`: adding what is there and removing what is not are no errors."""
        entry = self._writes.at(dn, deleted=deleted)
        if entry.deleted:
            return self._reanimate(entry, edits, actor)
        if not self._is_own_password_change(entry, edits, actor):
            actor.must_write(entry, self._tree)
        draft = entry.draft()
        self._apply(draft, edits, actor, permissive=permissive)
        rules.check(draft, self._tree)
        if draft.object_class == "group":
            rules.check_group_type(entry, draft)
        if draft.body() != entry.body():
            self._writes.touch(draft)
            self._tree.save(draft)
        return draft

    def _reanimate(self, entry: Entry, edits: Sequence[Edit], actor: Actor) -> Entry:
        """The request that MS-ADTS 3.1.1.5.3.7 calls undelete: isDeleted goes, the name is replaced."""
        rest = [edit for edit in edits if edit.name.lower() not in {"isdeleted", "distinguishedname"}]
        target = [
            edit.values[0].decode()
            for edit in edits
            if edit.name.lower() == "distinguishedname" and edit.verb == "replace" and edit.values
        ]
        undeletes = any(edit.name.lower() == "isdeleted" and edit.verb == "delete" for edit in edits)
        if not (undeletes and target):
            raise refuse(Code.unwilling_to_perform, "0000202B")
        draft = entry.draft()
        self._apply(draft, rest, actor, permissive=False)
        return self._writes.restore(entry, target[0], draft, actor)

    def _apply(self, draft: Entry, edits: Sequence[Edit], actor: Actor, *, permissive: bool) -> None:
        password: list[Edit] = []
        for edit in edits:
            kind = rules.attribute(edit.name)
            if kind.name == "unicodePwd":
                password.append(edit)
            elif kind.name in _OF_ACCOUNTS:
                self._apply_number(draft, kind, edit, actor)
            else:
                self._must_be_writable(draft, kind, actor)
                self._apply_values(draft, kind, edit, permissive=permissive)
        if password:
            must_change = any(rules.attribute(edit.name).name == "pwdLastSet" for edit in edits)
            self._apply_password(draft, password, keep_date=must_change)

    def _must_be_writable(self, draft: Entry, kind: Attribute, actor: Actor) -> None:
        if kind.name.lower() in {"name", names.first(draft.dn)[0].lower()}:
            raise refuse(Code.not_allowed_on_rdn, "00002016")
        rules.check_writable(kind, by_rehearsal=actor is REHEARSAL)
        if kind.name == "objectClass":
            raise refuse(Code.object_class_mods_prohibited, "000020B1")

    def _apply_values(self, draft: Entry, kind: Attribute, edit: Edit, *, permissive: bool) -> None:
        present = draft.stored(kind.name)
        match edit.verb:
            case "replace":
                draft.put(kind.name, self._fresh(kind, edit))
            case "add":
                if not edit.values:
                    raise refuse(Code.constraint_violation, "0000200B", kind.name)
                fresh = self._fresh(kind, edit)
                held = {_same(kind, value) for value in present}
                if not permissive and any(_same(kind, value) in held for value in fresh):
                    raise _already(kind)
                draft.put(kind.name, [*present, *(v for v in fresh if _same(kind, v) not in held)])
            case "delete":
                gone = {_same(kind, value) for value in self._named(kind, edit)} if edit.values else None
                held = {_same(kind, value) for value in present}
                # Of all links at once nothing need be there; of anything else, something.
                lacking = bool(gone - held) if gone is not None else not present and kind.name not in LINKS
                if lacking and not permissive:
                    raise _lacking(kind)
                draft.put(kind.name, [v for v in present if gone is not None and _same(kind, v) not in gone])

    def _fresh(self, kind: Attribute, edit: Edit) -> list[str]:
        """Values to be set; the same one twice is refused."""
        fresh = [rules.value_of(kind, raw, self._tree) for raw in edit.values]
        if len({_same(kind, value) for value in fresh}) != len(fresh):
            raise _already(kind)
        return fresh

    def _named(self, kind: Attribute, edit: Edit) -> list[str]:
        """Values to be removed; a link to something that does not exist is a value that is not there."""
        try:
            return [rules.value_of(kind, raw, self._tree) for raw in edit.values]
        except Refusal as refusal:
            if kind.name in LINKS and refusal.code is not Code.invalid_dn_syntax:
                raise _lacking(kind) from None
            raise

    def _apply_number(self, draft: Entry, kind: Attribute, edit: Edit, actor: Actor) -> None:
        """The numbers behind which an account's state hides."""
        if edit.verb == "delete":
            self._delete_number(draft, kind, edit)
            return
        if edit.verb == "add" and draft.stored(kind.name):
            raise _already(kind)
        if len(edit.values) != 1:
            raise refuse(Code.constraint_violation, "00002081", kind.name)
        value = int(rules.value_of(kind, edit.values[0], self._tree))
        match kind.name:
            case "pwdLastSet":
                if value not in {0, -1}:
                    raise refuse(Code.other, "00000057")
                value = value and accounts.windows_time(self._writes.clock())
            case "lockoutTime":
                if value != 0 and actor is not REHEARSAL:
                    raise refuse(Code.other, "00000057")
                draft.attributes["badPwdCount"] = ["0"]
            case "userAccountControl":
                value &= ~accounts.IGNORED
                value = value if value & accounts.ACCOUNT_KINDS else value | accounts.NORMAL
        draft.put(kind.name, [str(value)])

    def _delete_number(self, draft: Entry, kind: Attribute, edit: Edit) -> None:
        present = draft.stored(kind.name)
        named = [rules.value_of(kind, raw, self._tree) for raw in edit.values]
        if kind.name in {"userAccountControl", "pwdLastSet"} and not named:
            raise refuse(Code.unwilling_to_perform, "00002077")
        if not present or (named and named != present):
            raise _lacking(kind)
        draft.put(kind.name, [])

    def _apply_password(self, draft: Entry, edits: list[Edit], *, keep_date: bool) -> None:
        wanted = draft.stored("pwdLastSet")
        match [edit.verb for edit in edits]:
            case ["replace"]:
                new = edits[0].values
            case ["delete", "add"]:
                if not accounts.fits(passwords.read_unicode_pwd(edits[0].values), draft.password):
                    raise refuse(Code.constraint_violation, "00000056", "9005a (unicodePwd)")
                new = edits[1].values
            case _:
                raise refuse(Code.unwilling_to_perform, "00000057")
        password = passwords.read_unicode_pwd(new)
        rules.check_password(password, draft, self._writes.at(self._writes.base))
        passwords.keep_password(draft, password, self._writes.clock())
        if keep_date:
            draft.put("pwdLastSet", wanted)

    @staticmethod
    def _is_own_password_change(entry: Entry, edits: Sequence[Edit], actor: Actor) -> bool:
        verbs = [edit.verb for edit in edits if edit.name.lower() == "unicodepwd"]
        return entry.guid == actor.guid and len(edits) == 2 and verbs == ["delete", "add"]


def _same(kind: Attribute, value: str) -> str:
    """Two values are one where these are equal."""
    return names.fold(value) if kind.kind in {"text", "oid"} else value


def _already(kind: Attribute) -> Refusal:
    if kind.name == "member":
        return refuse(Code.entry_already_exists, "00000562")
    return refuse(Code.attribute_or_value_exists, "00002083", kind.name)


def _lacking(kind: Attribute) -> Refusal:
    if kind.name == "member":
        return refuse(Code.unwilling_to_perform, "00000561")
    return refuse(Code.no_such_attribute, "00002085", kind.name)
