"""How a change of one entry is brought about and taken back: created, edited or deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from runbook_exec.change import Change, Effect, Evidence, Irreversible, Json, Words

if TYPE_CHECKING:
    from runbook_exec.actions.ldap.session import LdapSession

ACCOUNTS = frozenset({"person", "user", "inetorgperson", "computer", "account", "posixaccount"})
"""Classes whose entries hold what nobody can read back: a password, a security identifier."""


def apply_entry(session: LdapSession, change: Change) -> Evidence:
    """Create, edit or delete the entry that the change names."""
    if change.before is None:
        made = session.add(change.target, born(session, change.after or {}))
        return Evidence(answer={"created": change.target, "id": made}, outputs={"id": made})
    dn, raw = session.pinned(change.target, change.identity)
    if change.after is None:
        session.delete(dn)
        return Evidence(answer={"deleted": dn, "id": session.id_of(raw)})
    session.edit(dn, change.before, change.after)
    return Evidence(answer={"changed": sorted(change.after), "id": session.id_of(raw)})


def undo_entry(change: Change, evidence: Evidence) -> Change | Irreversible:
    """The opposite change, value by value; what a deleted account held besides cannot come back."""
    if change.after is None:
        classes = {str(name).lower() for name in (change.before or {}).get("objectClass", ())}
        if classes & ACCOUNTS or "objectSid" in (change.before or {}):
            return Irreversible(
                reason="an account or security group that was deleted comes back only from the directory's own "
                "recycle bin or backup: its password and security identifier cannot be written again"
            )
    gone = change.before is None
    known = evidence.answer.get("id") if change.after is not None else None
    former = {name: value for name, value in (change.before or {}).items() if not isinstance(value, Mapping)}
    return replace(
        change,
        before=change.after,
        after=change.before,
        identity=known if isinstance(known, str) or change.after is None else change.identity,
        says=_undoing(change.says),
        effects=tuple(Effect(effect.ref, None if gone else former) for effect in change.effects[:1]),
        outputs={},
        destructive=gone,
        blocked="",
    )


def born(session: LdapSession, after: Mapping[str, Json]) -> dict[str, Json]:
    """The attributes of a new entry; `enabled` in the server's own terms."""
    attributes = {
        name: value for name, value in after.items() if name not in {"enabled", "locked", "dn", "id"}
    }
    if "enabled" in after:
        attributes |= session.dialect.born(enabled=bool(after["enabled"]))
    return attributes


def _undoing(says: Words) -> Words:
    return {"en": f"Taken back: {says['en']}", "de": f"Zurückgenommen: {says['de']}"}
