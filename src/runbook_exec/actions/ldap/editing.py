"""How a change of one entry is brought about and taken back: created, edited or deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from runbook_exec.actions.ldap import record, target
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref, State, Words
from runbook_exec.dn import parse
from runbook_exec.way_back import remaining

if TYPE_CHECKING:
    from runbook_exec.actions.ldap.session import LdapSession

ACCOUNTS = frozenset({"person", "user", "inetorgperson", "computer", "account", "posixaccount"})
"""Classes whose entries hold what nobody can read back: a password, a security identifier."""

DELETED = "isDeleted"
"""Stands in a change that brings a deleted entry back."""


def apply_entry(session: LdapSession, change: Change) -> Evidence:
    """Create, edit or delete the entry that the change names."""
    if change.before is None:
        made = session.add(change.target, born(session, change.after or {}))
        return _came_to_be("created", session, change, made)
    if DELETED in (change.after or {}):
        session.restore(str(change.identity), change.target, change.after or {})
        return _came_to_be("restored", session, change, change.identity)
    dn, raw = session.pinned(change.target, change.identity)
    if change.after is None:
        session.delete(dn)
        return Evidence(answer={"deleted": dn, "id": session.id_of(raw)})
    session.edit(dn, change.before, change.after)
    return Evidence(answer={"changed": sorted(change.after), "id": session.id_of(raw)})


def _came_to_be(how: str, session: LdapSession, change: Change, identity: str | None) -> Evidence:
    """What there is now, with what it has beyond what this change gave it."""
    seen = session.read([target.entry(change.target)])[target.entry(change.target)]
    return Evidence(
        answer={how: change.target, "id": identity},
        outputs={"id": identity},
        undo={"born": _servers_gifts(seen, change.after or {})},
    )


def born(session: LdapSession, after: Mapping[str, Json]) -> dict[str, Json]:
    """The attributes of a new entry; `enabled` in the server's own terms."""
    attributes = {
        name: value for name, value in after.items() if name not in {"enabled", "locked", "dn", "id"}
    }
    if "enabled" in after:
        attributes |= session.dialect.born(enabled=bool(after["enabled"]))
    return attributes


def undo_entry(change: Change, evidence: Evidence) -> Change | Irreversible:
    """The opposite change, value by value; what a deleted account held besides cannot come back."""
    if change.after is None:
        classes = {str(name).lower() for name in (change.before or {}).get("objectClass", ())}
        if classes & ACCOUNTS or "objectSid" in (change.before or {}):
            return Irreversible(
                reason="an account or security group that was deleted comes back only from the directory's own "
                "recycle bin or backup: its password and security identifier cannot be written again"
            )
    known = evidence.answer.get("id") or evidence.outputs.get("id")
    restored = DELETED in (change.after or {})
    if restored:
        given = {name: value for name, value in (change.after or {}).items() if name != DELETED}
        change = replace(change, before=None, after=given)
    notes: tuple[str, ...] = ()
    if change.after is None:
        notes = ("the entry gets a new identifier",)
    elif change.before is None and "enabled" in change.after:
        notes = ("its password and security identifier go with it; a recycle bin keeps them for a while",)
    return replace(
        change,
        before=change.after,
        after=change.before,
        identity=None if change.after is None else known if isinstance(known, str) else change.identity,
        says=_says_back(change.target, change.after, change.before),
        effects=(),
        writes=(change.target,),
        outputs={},
        notes=notes,
        destructive=change.before is None,
        blocked="",
    )


def back_reads(back: Change, facts: Facts) -> list[Ref]:
    """The entry by its id, wherever it is now; by its name where there is no id."""
    if back.identity is None:
        return [target.SERVER, target.entry(back.target)]
    place = target.place(back.identity)
    found = facts.get(place)
    return [target.SERVER, place, *([target.entry(str(found["dn"]))] if found else [])]


def undo_entry_reads(back: Change, facts: Facts) -> Sequence[Ref]:
    """What `undo_entry_plan` needs; for a removal the entry's memberships, too."""
    refs = back_reads(back, facts)
    state = standing(back, facts)
    return [*refs, target.groups_of(str(state["dn"]))] if back.after is None and state else refs


def standing(back: Change, facts: Facts) -> State:
    """The entry that the way back is about, as it is now; None where it is gone."""
    if back.identity is None:
        return facts.get(target.entry(back.target))
    place = facts.get(target.place(back.identity))
    return facts.get(target.entry(str(place["dn"]))) if place else None


def undo_entry_plan(back: Change, evidence: Evidence, facts: Facts) -> Change:
    """The opposite change as far as the entry is still as the run left it."""
    state = standing(back, facts)
    dn = back.target if state is None else str(state["dn"])
    target.inside(facts, dn)
    back = replace(back, target=dn, writes=(dn,))
    if back.before is None:
        names = back.after or {}
        now = None if state is None else {name: record.get(state, name) for name in names}
        left = remaining(back, now, equal=_equal)
        return left if left.is_empty else replace(left, effects=_returned(dn, back.after))
    if back.after is None:
        now = None if state is None else _given(back.before, evidence, state, facts)
        left = remaining(back, now, equal=_equal)
        effects: tuple[Effect, ...] = (
            Effect(target.entry(dn), None),
            Effect(target.place(str(back.identity)), None),
        )
    else:
        now = {name: _present(state, name, value) for name, value in back.after.items()}
        left = remaining(back, now, equal=_equal)
        effects = (Effect(target.entry(dn), _laid(state, left.after or {})),)
    if left.is_empty:
        return left
    return replace(
        left,
        says=back.says if left.after == back.after else _says_back(dn, left.before, left.after),
        effects=effects,
        blocked=target.shielded(target.spoken_dialect(facts), state, target.called(state, dn)),
    )


def _given(left: State, evidence: Evidence, state: State, facts: Facts) -> dict[str, Json]:
    """What the run gave the entry, as it is now, and everything that it has from others."""
    left = left or {}
    gifts = evidence.undo.get("born")
    known = {name.lower() for name in left} | record.SERVERS_OWN
    known |= set() if gifts is not None else record.BORN_WITH
    ours = {name: record.get(state, name) for name in left}
    theirs = {
        name: value
        for name, value in (state or {}).items()
        if name.lower() not in known and not record.equal(name, value, (gifts or {}).get(name))
    }
    groups = facts.get(target.groups_of(str((state or {})["dn"]))) or {}
    others = [group for group in groups.get("direct", ()) if groups.get(group) is not False]
    return ours | theirs | ({"memberOf": others} if others else {})


def _servers_gifts(seen: State, after: Mapping[str, Json]) -> dict[str, Json]:
    """What the server itself gave a new entry."""
    own = {name.lower() for name in after} | record.SERVERS_OWN
    return {name: value for name, value in (seen or {}).items() if name.lower() not in own}


def _present(state: State, name: str, wanted: Json) -> Json:
    """The attribute as it is, in the shape of the change: single values, or the whole."""
    present = record.get(state, name)
    if not record.is_single_values(wanted):
        return present
    held = record.as_list(present)
    return {value: any(record.same_value(name, value, one) for one in held) for value in wanted}


def _laid(state: State, after: Mapping[str, Json]) -> dict[str, Json]:
    """The attributes as they will be, for the lines that follow."""
    return {
        name: record.laid(state, name, value) if record.is_single_values(value) else value
        for name, value in after.items()
    }


def _returned(dn: str, after: State) -> tuple[Effect, ...]:
    return (Effect(target.entry(dn), {**(after or {}), "dn": dn, "id": None}, whole=True),)


def _equal(name: str, one: Json, other: Json) -> bool:
    if name.lower() == "objectclass":
        # The server adds the classes above the one that was asked for.
        ones, others = ({str(item).lower() for item in record.as_list(value)} for value in (one, other))
        return ones <= others or others <= ones
    return record.equal(name, one, other)


def _says_back(dn: str, left: State, wanted: State) -> Words:
    name = parse(dn).name
    if wanted is None:
        return {"en": f"{name} is deleted again", "de": f"{name} wird wieder gelöscht"}
    if left is None:
        return {"en": f"{name} is created again", "de": f"{name} wird wieder angelegt"}
    what = ", ".join(wanted)
    return {"en": f"{name}: {what} as before the run", "de": f"{name}: {what} wie vor dem Lauf"}
