"""`ldap.move`: another OU, another name, or both, for an entry that stays itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import target
from runbook_exec.actions.ldap.editing import back_reads, standing
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.dn import Dn, parse, same_name
from runbook_exec.errors import Invalid, Refused
from runbook_exec.way_back import remaining


class MoveArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="name (DN) of the entry as it is now")]
    to: Annotated[str, Meta(description="name (DN) of the OU to move it to; empty: it stays in its own")] = ""
    cn: Annotated[str, Meta(description="new common name, as plain text; empty: it keeps its own")] = ""

    def destination(self) -> Dn:
        """The entry's name afterwards."""
        old = parse(self.dn)
        parent = parse(self.to) if self.to else old.parent
        return parent.child(old.rdns[0][0][0], self.cn) if self.cn else Dn((*old.leaf.rdns, *parent.rdns))


@register
class Move(Action[MoveArgs]):
    """Moves an entry to another OU, renames it, or both; its id, memberships and password stay.

    A second run finds the entry at its destination and changes nothing. A name that is taken
    there, and an OU that does not exist, are noticed while planning. Mind the sync: an account
    that leaves the synced OUs disappears from the cloud.
    """

    name = "ldap.move"
    rights = Rights(read=("read users",), apply=("move",))
    Args = MoveArgs
    outputs: ClassVar[Mapping[str, str]] = {"dn": "the entry's name afterwards", "id": "its immutable id"}

    def reads(self, args: MoveArgs, facts: Facts) -> Sequence[Ref]:
        new = args.destination()
        return [target.SERVER, target.entry(args.dn), target.entry(str(new)), target.entry(str(new.parent))]

    def plan(self, args: MoveArgs, facts: Facts) -> Change:
        if not args.to and not args.cn:
            raise Invalid("neither to nor cn is given, so nothing would move", next_move="give one of them")
        old, new = target.inside(facts, args.dn), target.inside(facts, str(args.destination()))
        here, there = facts[target.entry(args.dn)], facts[target.entry(str(new))]
        if here is None and there is None:
            raise Refused(f"there is no entry {old}, nor {new}", next_move="correct the name")
        state = here or there or {}
        who = target.called(state, args.dn)
        moved = here is None or old.canonical == new.canonical
        now = str(new) if here is None else str(here["dn"])
        stays = same_name(str(old.parent), str(new.parent))
        where = target.called(facts[target.entry(str(new.parent))], str(new.parent))
        return Change(
            action=self.name,
            target=str(old) if here is None else now,
            identity=target.identity(state),
            before={"dn": str(new) if moved else now},
            after={"dn": str(new)},
            says={
                "en": f"{who} is renamed to {new.name}" if stays else f"{who} moves to {where}",
                "de": f"{who} wird umbenannt in {new.name}"
                if stays
                else f"{who} wird nach {where} verschoben",
            },
            effects=()
            if moved
            else (
                Effect(target.entry(args.dn), None),
                Effect(target.entry(str(new)), {**state, "dn": str(new)}, whole=True),
            ),
            writes=(now, str(new)),
            outputs={"dn": str(new), "id": state.get("id")},
            blocked="" if moved else self._blocked(facts, new, who),
        )

    def apply(self, session: Any, args: MoveArgs, change: Change, ctx: Context) -> Evidence:
        now = str((change.before or {})["dn"])
        dn, raw = session.pinned(now, change.identity)
        new = str((change.after or {})["dn"])
        session.move(dn, new)
        return Evidence(answer={"from": dn, "to": new, "id": session.id_of(raw)})

    def verify(self, session: Any, args: MoveArgs, change: Change, evidence: Evidence) -> str:
        new = str((change.after or {})["dn"])
        state = session.read([target.entry(new)])[target.entry(new)]
        if state is None or (change.identity and state["id"] != change.identity):
            return f"{new} is not the entry that was moved"
        return ""

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        old, new = str((change.before or {})["dn"]), str((change.after or {})["dn"])
        return replace(
            change,
            target=new,
            before=change.after,
            after=change.before,
            says={"en": f"{new} goes back to {old}", "de": f"{new} kommt zurück nach {old}"},
            effects=(),
            outputs={"dn": old, "id": change.identity},
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        old = parse(str((back.after or {})["dn"]))
        return [*back_reads(back, facts), target.entry(str(old)), target.entry(str(old.parent))]

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        state, old = standing(back, facts), target.inside(facts, str((back.after or {})["dn"]))
        left = remaining(back, state and {"dn": state["dn"]}, equal=_same_place)
        if left.is_empty or state is None:
            return left
        now = str(state["dn"])
        return replace(
            left,
            effects=(
                Effect(target.entry(now), None),
                Effect(target.entry(str(old)), {**state, "dn": str(old)}, whole=True),
                Effect(target.place(str(back.identity)), {"dn": str(old)}, whole=True),
            ),
            writes=(now, str(old)),
            blocked=self._blocked(facts, old, target.called(state, now)),
        )

    def _blocked(self, facts: Facts, new: Dn, who: str) -> str:
        if facts[target.entry(str(new))] is not None:
            return f"{new} is taken: there is already an entry of this name"
        if facts[target.entry(str(new.parent))] is None:
            return f"there is no {new.parent} to move {who} to"
        state = facts[target.entry(str(new.parent))]
        return target.shielded(target.spoken_dialect(facts), state, who)


def _same_place(name: str, one: Json, other: Json) -> bool:
    return isinstance(one, str) and isinstance(other, str) and same_name(one, other)
