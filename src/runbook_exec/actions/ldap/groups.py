"""Reading groups: what one is, and who is in it, without ever reading its members."""

from __future__ import annotations

from collections.abc import Sequence

from runbook_exec.actions.ldap import record
from runbook_exec.actions.ldap.dialect import Raw, sid_text
from runbook_exec.actions.ldap.entries import Tree, chunks
from runbook_exec.actions.ldap.wire import BASE, Found
from runbook_exec.change import Json, Ref, State
from runbook_exec.dn import Dn, canonical, parse
from runbook_exec.errors import Invalid

GROUP = ("cn", "displayName", "objectClass", "adminCount", "objectSid")
"""Attributes that say what a group is."""

MOST = 2_000
"""Groups that one member may be in, by all ways together; more is a defect of the directory or of ours."""

IN = " < "
"""Between member and group in a membership's key; an unescaped `<` stands in no name."""


class Groups:
    """Looks at groups by name, and at memberships one by one."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def group(self, found: Found) -> State:
        dn, raw = found
        whole = self._tree.state(found) or {}
        sid = sid_text(raw["objectSid"][0]) if raw.get("objectSid") else ""
        return {
            "dn": dn,
            "id": whole.get("id"),
            "title": record.get(whole, "displayName") or record.get(whole, "cn") or parse(dn).name,
            "classes": whole.get("objectClass", []),
            "protected": self._tree.dialect.protected(whole),
            "rid": sid.rpartition("-")[2],
        }

    def memberships(self, refs: list[Ref]) -> dict[Ref, State]:
        by_member: dict[str, list[Ref]] = {}
        for ref in refs:
            by_member.setdefault(ref.key.partition(IN)[0], []).append(ref)
        states: dict[Ref, State] = {}
        for member, asked in by_member.items():
            for some in chunks(asked):
                states.update(self._in_groups(parse(member), some))
        return states

    def _in_groups(self, member: Dn, refs: Sequence[Ref]) -> dict[Ref, State]:
        """Which of these groups hold the member; a group's other members are counted only where it matters."""
        groups = {ref: parse(ref.key.partition(IN)[2]) for ref in refs}
        asked = self._tree.named(list(groups.values()))
        has = self._tree.dialect.membership_filter(str(member).encode())
        keeps = self._tree.dialect.keeps_a_member(["groupOfNames"])
        attributes = ("objectClass", "member", "uniqueMember") if keeps else ("objectClass",)
        found = self._tree.wire.search(str(self._tree.to.base), f"(&{asked}{has})", attributes=attributes)
        by_name = {canonical(dn): raw for dn, raw in found}
        unclear = len([dn for dn in groups.values() if dn.canonical in by_name]) < len(by_name)
        states: dict[Ref, State] = {}
        for ref, dn in groups.items():
            raw = by_name.get(dn.canonical)
            if raw is None and (unclear or not dn.is_inside(self._tree.to.base)):
                single = self._tree.wire.search(str(dn), has, scope=BASE, attributes=attributes)
                raw = single[0][1] if single else None
            states[ref] = {"member": raw is not None, "last": raw is not None and self._is_last(raw)}
        return states

    def _is_last(self, raw: Raw) -> bool:
        classes = [one.decode() for one in raw.get("objectClass", ())]
        members = [*raw.get("member", ()), *raw.get("uniqueMember", ())]
        return self._tree.dialect.keeps_a_member(classes) and len(members) == 1

    def groups_of(self, refs: list[Ref]) -> dict[Ref, State]:
        states: dict[Ref, State] = {}
        for ref in refs:
            has = self._tree.dialect.membership_filter(str(parse(ref.key)).encode())
            states[ref] = {"direct": sorted(dn for dn, _ in self._tree.find(has, ("cn",), deleted=False))}
        return states

    def all_groups_of(self, refs: list[Ref]) -> dict[Ref, State]:
        """Groups by which the member is in others, too, level by level; a circle is gone round once."""
        states: dict[Ref, State] = {}
        for ref in refs:
            came: dict[str, Json] = {}
            level = [ref.key]
            while level:
                above: list[str] = []
                for below in level:
                    has = self._tree.dialect.membership_filter(str(parse(below)).encode())
                    for dn, _ in self._tree.find(has, ("cn",), deleted=False):
                        if dn not in came and canonical(dn) != ref.key:
                            came[dn] = "" if below == ref.key else below
                            above.append(dn)
                if len(came) > MOST:
                    raise Invalid(
                        f"{ref.key} is in more than {MOST} groups", next_move="look at how groups are nested"
                    )
                level = above
            states[ref] = {"groups": dict(sorted(came.items()))}
        return states
