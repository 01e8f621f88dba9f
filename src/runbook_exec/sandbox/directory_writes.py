"""Entries come, go, move and come back: add, delete, rename, reanimate, by AD's rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from runbook_exec.sandbox import directory_accounts as accounts
from runbook_exec.sandbox import directory_history as history
from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox import directory_rules as rules
from runbook_exec.sandbox.directory_classes import CLASSES, lineage
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_passwords import keep_password, read_unicode_pwd
from runbook_exec.sandbox.directory_refusal import Code, refuse
from runbook_exec.sandbox.directory_rights import DELETED, REHEARSAL, Actor
from runbook_exec.sandbox.directory_tree import Tree

DOMAIN_SID = "S-1-5-21-3117466213-1043372287-2270421153"
FIRST_RID, FIRST_USN = 1103, 12001

Values = Mapping[str, Sequence[bytes]]


class Writes:
    """All writing operations but modify. Each is checked whole before anything is kept."""

    def __init__(self, tree: Tree, base: str, clock: Callable[[], datetime]) -> None:
        self.tree = tree
        self.base = base
        self.clock = clock

    @property
    def bin(self) -> str:
        return f"CN=Deleted Objects,{self.base}"

    def at(self, dn: str, *, deleted: bool = False) -> Entry:
        """The entry of this name; refused where there is none (or only a deleted one)."""
        try:
            found = self.tree.at(dn)
        except ValueError:
            raise refuse(Code.invalid_dn_syntax, "0000208F", dn) from None
        if found is None or (found.deleted and not deleted):
            raise rules.missing(dn, self.tree)
        return found

    def add(self, dn: str, values: Values, actor: Actor, *, password: str | None = None) -> Entry:
        """Create an entry; the directory fills in what the class wants and the values leave out.

        `password` is kept as it is, whatever the policy says: history holds weak ones.
        """
        rdn = _first(dn)
        given = {rules.attribute(name).name: raw for name, raw in values.items()}
        kind = _class_of([raw.decode("utf-8", "replace") for raw in given.pop("objectClass", ())])
        parent = rules.check_place(kind, dn, self.tree)
        actor.must_write(parent, self.tree)
        if (taken := self.tree.at(dn)) is not None and not taken.deleted:
            raise refuse(Code.entry_already_exists, "00002071")
        guid = _given_id(given.pop("objectGUID", None), actor)
        draft = Entry(guid=guid, dn=names.join((rdn, *names.parse(parent.dn))))
        draft.attributes["objectClass"] = lineage(kind)
        quoted = given.pop("unicodePwd", None)
        self._fill(draft, given, rdn, actor)
        self._defaults(draft)
        if quoted is not None:
            password = read_unicode_pwd(quoted)
            rules.check_password(password, draft, self.at(self.base))
        if password is not None:
            wanted = draft.stored("pwdLastSet") if "pwdLastSet" in given else None
            keep_password(draft, password, self.clock())
            draft.put("pwdLastSet", wanted or draft.stored("pwdLastSet"))
        rules.check(draft, self.tree)
        self.touch(draft, created=True)
        self.tree.save(draft)
        return draft

    def delete(self, dn: str, actor: Actor, *, subtree: bool = False) -> list[Entry]:
        """Put an entry (with `subtree`, all below it first) into the recycle bin, attributes and all."""
        entry = self.at(dn)
        below = [found for found in self.tree.below(entry.dn) if found is not entry and not found.deleted]
        if below and not subtree:
            raise refuse(Code.not_allowed_on_non_leaf, "00002015")
        gone = [*sorted(below, key=lambda found: -len(names.parse(found.dn))), entry]
        for found in gone:
            actor.must_write(found, self.tree)
            if found.one("isCriticalSystemObject") == "TRUE":
                raise refuse(Code.unwilling_to_perform, "000020CE")
        drafts = [self._binned(found) for found in gone]
        self.tree.save(*drafts)
        return drafts

    def move(self, dn: str, rdn: str, actor: Actor, *, above: str | None, drop_old: bool = True) -> Entry:
        """Rename an entry or hang it elsewhere; everything below it and every link follow."""
        entry, (attribute, value) = self.at(dn), _first(rdn)
        parent_dn = names.parent(entry.dn) if above is None else above
        if len(names.parse(rdn)) != 1:
            raise refuse(Code.invalid_dn_syntax, "0000208F", rdn)
        if not drop_old:
            raise refuse(Code.unwilling_to_perform, "000020B4")
        _first(parent_dn)
        if not names.is_under(parent_dn, self.base):
            raise refuse(Code.affects_multiple_dsas, "00002075")
        wanted = names.join(((attribute, value), *names.parse(parent_dn)))
        parent = rules.check_place(entry.object_class, wanted, self.tree)
        actor.must_write(entry, self.tree)
        actor.must_write(parent, self.tree)
        if names.is_under(parent.dn, entry.dn) or entry.one("isCriticalSystemObject") == "TRUE":
            raise refuse(Code.unwilling_to_perform, "000020A0")
        shown = (CLASSES[entry.object_class.lower()].rdn.upper(), value)
        target = names.join((shown, *names.parse(parent.dn)))
        if (taken := self.tree.at(target)) is not None and taken.guid != entry.guid:
            raise refuse(Code.entry_already_exists, "00002071")
        drafts = [self._hung(found, entry.dn, target) for found in self.tree.below(entry.dn)]
        self.touch(*(draft for draft in drafts if draft.guid == entry.guid))
        self.tree.save(*drafts)
        return next(draft for draft in drafts if draft.guid == entry.guid)

    def restore(self, entry: Entry, dn: str, draft: Entry, actor: Actor) -> Entry:
        """Bring a deleted entry back under `dn`, with its attributes, its id and its memberships."""
        rdn = _first(dn)
        parent = rules.check_place(entry.object_class, dn, self.tree)
        if not actor.may(DELETED, self.tree):
            raise refuse(Code.insufficient_access_rights, "00002098")
        actor.must_write(entry, self.tree)
        actor.must_write(parent, self.tree)
        if (taken := self.tree.at(dn)) is not None and not taken.deleted:
            raise refuse(Code.entry_already_exists, "00002071")
        draft.deleted = False
        draft.dn = names.join((rdn, *names.parse(parent.dn)))
        for name in ("lastKnownParent", "msDS-LastKnownRDN"):
            draft.put(name, [])
        rules.check(draft, self.tree)
        self.touch(draft)
        self.tree.save(draft)
        return draft

    def touch(self, *drafts: Entry, created: bool = False) -> None:
        """Note when, and under which update number, an entry was last written."""
        for draft in drafts:
            now = accounts.generalized_time(self.clock())
            usn = str(self.tree.number("usn", FIRST_USN))
            if created:
                draft.attributes.setdefault("whenCreated", [now])
                draft.attributes.setdefault("uSNCreated", [usn])
                draft.attributes.setdefault("whenChanged", [now])
            else:
                draft.attributes["whenChanged"] = [now]
            draft.attributes["uSNChanged"] = [usn]
            history.note(draft, self.tree.get(draft.guid), time=now, usn=usn)

    def _fill(self, draft: Entry, given: Values, rdn: names.Rdn, actor: Actor) -> None:
        for name, raw in given.items():
            kind = rules.attribute(name)
            if name.lower() == rdn[0].lower():
                if [names.fold(value.decode("utf-8", "replace")) for value in raw] != [names.fold(rdn[1])]:
                    raise refuse(Code.naming_violation, "00002064", draft.dn)
                continue
            rules.check_writable(kind, by_rehearsal=actor is REHEARSAL)
            if name in {"objectSid", "sIDHistory"}:
                draft.put(name, [value.decode() for value in raw])
            else:
                draft.put(name, [rules.value_of(kind, value, self.tree) for value in raw])
        if not all(draft.stored(name) for name in given if name.lower() != rdn[0].lower()):
            raise refuse(Code.invalid_attribute_syntax, "00000057", "")

    def _defaults(self, draft: Entry) -> None:
        """What AD's account manager adds to a new account or group."""
        fill, kind = draft.attributes.setdefault, draft.object_class
        if kind not in {"user", "inetOrgPerson", "computer", "group"}:
            return
        fill("objectSid", [f"{DOMAIN_SID}-{self.tree.number('rid', FIRST_RID)}"])
        fill("sAMAccountName", [f"${draft.guid[:6]}-{draft.guid[24:]}".upper()])
        if kind == "group":
            fill("groupType", ["-2147483646"])
            rules.check_group_type(None, draft)
            return
        fill("userAccountControl", ["4128" if kind == "computer" else "546"])
        fill("primaryGroupID", ["515" if kind == "computer" else "513"])
        fill("accountExpires", [str(accounts.NEVER)])
        for name in ("pwdLastSet", "badPwdCount", "badPasswordTime", "lastLogon", "lastLogoff", "logonCount"):
            fill(name, ["0"])
        for name in ("codePage", "countryCode"):
            fill(name, ["0"])
        if draft.one("pwdLastSet") == "-1":
            draft.attributes["pwdLastSet"] = [str(accounts.windows_time(self.clock()))]
        control = draft.number("userAccountControl") & ~accounts.IGNORED
        draft.attributes["userAccountControl"] = [
            str(control if control & accounts.ACCOUNT_KINDS else control | accounts.NORMAL)
        ]

    def _binned(self, entry: Entry) -> Entry:
        draft = entry.draft()
        attribute, value = names.first(entry.dn)
        draft.deleted = True
        draft.attributes["lastKnownParent"] = [names.parent(entry.dn)]
        draft.attributes["msDS-LastKnownRDN"] = [value]
        draft.dn = names.join(((attribute, f"{value}\nDEL:{entry.guid}"), *names.parse(self.bin)))
        self.touch(draft)
        return draft

    @staticmethod
    def _hung(entry: Entry, old: str, new: str) -> Entry:
        draft = entry.draft()
        kept = len(names.parse(entry.dn)) - len(names.parse(old))
        draft.dn = names.join((*names.parse(entry.dn)[:kept], *names.parse(new)))
        return draft


def _given_id(given: Sequence[bytes] | None, actor: Actor) -> str:
    """A new id; the rehearsal may choose its own, as text."""
    if given is None:
        return str(uuid.uuid4())
    if actor is not REHEARSAL:
        raise refuse(Code.unwilling_to_perform, "0000209A")
    return str(uuid.UUID(given[0].decode()))


def _first(dn: str) -> names.Rdn:
    try:
        return names.first(dn)
    except (ValueError, IndexError):
        raise refuse(Code.invalid_dn_syntax, "0000208F", dn) from None


def _class_of(given: list[str]) -> str:
    """The most special of the classes given; all others must lie on its line."""
    known = [CLASSES[name.lower()] for name in given if name.lower() in CLASSES]
    if len(known) != len(given):
        raise refuse(Code.no_such_attribute, "00000057", "objectClass")
    if not known:
        raise refuse(Code.object_class_violation, "0000207C")
    most = max(known, key=lambda found: len(lineage(found.name)))
    if not most.structural or any(found.name not in lineage(most.name) for found in known):
        raise refuse(Code.object_class_violation, "0000207D")
    return most.name
