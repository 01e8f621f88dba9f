"""Who a cloud user reports to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Json, Ref, same
from runbook_exec.errors import Refused
from runbook_exec.way_back import remaining

MANAGER = "manager"


class ManagerArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose manager: UPN or id", min_length=1)]
    manager: Annotated[str, msgspec.Meta(description="the manager's UPN or id; empty: nobody")]


@register
class Manager(Action[ManagerArgs]):
    """Set who a cloud user reports to, or that they report to nobody.

    For somebody who is synced from Active Directory the manager is Active Directory's: the
    step is refused and names the way there.
    """

    name = "graph.manager"
    Args = ManagerArgs
    rights = Rights(read=("User.Read.All",), apply=("User.ReadWrite.All",))
    outputs: ClassVar[Mapping[str, str]] = {"manager": "the manager's UPN, or nothing"}

    def reads(self, args: ManagerArgs, facts: Facts) -> Sequence[Ref]:
        people = [person.ref(args.user), *([person.ref(args.manager)] if args.manager.strip() else [])]
        return (*people, Ref("graph.manager", person.ref(args.user).key))

    def plan(self, args: ManagerArgs, facts: Facts) -> Change:
        key, wanted = args.user.strip().lower(), args.manager.strip().lower()
        user = person.existing(facts.get(person.ref(key)), key)
        manager = person.existing(facts.get(person.ref(wanted)), wanted) if wanted else None
        if manager is not None and same(manager.get("id"), user.get("id")):
            raise Refused(
                f"{person.called(user, key)} cannot report to themselves", next_move="name another manager"
            )
        state = facts.get(Ref("graph.manager", key))
        now: Json = None if state is None else str(state["userPrincipalName"]).lower()
        if state is None and person.is_assumed(user):
            now = Deferred(user.step, MANAGER)
        after = wanted if manager is None else _upn(manager, wanted)
        is_synced = False if person.is_assumed(user) else person.synced(user)
        changes = not same(now, after or None)
        name = person.called(manager, wanted) if wanted else ""
        return Change(
            action=self.name,
            target=key,
            before={MANAGER: now} if changes else {},
            after={MANAGER: after or None} if changes else {},
            says=_says(person.called(user, key), name),
            identity=user.get("id"),
            involves={after: manager.get("id")} if changes and manager is not None else {},
            effects=tuple(
                Effect(Ref("graph.manager", ref.key), _state(manager, after), whole=True)
                for ref in person.refs_of(user, key)
                if changes
            ),
            writes=person.names(user, key),
            outputs={"manager": after},
            notes=("refused by then if the user turns out to be synced",) if person.is_assumed(user) else (),
            destructive=changes and not wanted,
            blocked=f"the manager of {person.called(user, key)} comes from Active Directory: {person.SYNCED_MOVE}"
            if changes and is_synced
            else "",
        )

    def apply(self, session: Session, args: ManagerArgs, change: Change, ctx: Context) -> Evidence:
        wanted = (change.after or {}).get(MANAGER)
        where = path("users", str(change.identity), "manager", "$ref")
        if wanted is None:
            session.send(Message(method="DELETE", path=where), ctx)
            return Evidence(answer={"manager": None})
        manager = change.involves.get(wanted) or _found(session, str(wanted))
        link = f"{session.wire.connection.url}/users/{manager}"
        session.send(Message(method="PUT", path=where, body={"@odata.id": link}), ctx)
        return Evidence(answer={"manager": manager})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        back = (change.before or {}).get(MANAGER)
        return Change(
            action=self.name,
            target=change.target,
            before=change.after,
            after=change.before,
            says=_says(change.target, str(back or "")),
            identity=change.identity,
            writes=change.writes,
            destructive=back is None,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back)
        wanted = str((back.after or {}).get(MANAGER) or "")
        return (user, Ref("graph.manager", user.key), *([person.ref(wanted)] if wanted else []))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = person.ref_back(back)
        user, state = facts.get(ref), facts.get(Ref("graph.manager", ref.key))
        wanted = str((back.after or {}).get(MANAGER) or "")
        now = None if state is None else {MANAGER: str(state["userPrincipalName"]).lower()}
        left = remaining(back, now)
        if left.is_empty:
            return left
        manager = person.existing(facts.get(person.ref(wanted)), wanted) if wanted else None
        who = person.called(user, back.target)
        return replace(
            left,
            says=_says(who, person.called(manager, wanted) if manager else ""),
            effects=tuple(
                Effect(Ref("graph.manager", each.key), _state(manager, wanted), whole=True)
                for each in person.refs_of(user, ref.key)
            ),
            writes=person.names(user, ref.key),
            blocked=f"the manager of {who} comes from Active Directory by now: {person.SYNCED_MOVE}"
            if user is None or person.synced(user)
            else "",
        )


def _found(session: Session, upn: str) -> str:
    """The id of whoever has this name now: of a former manager no more is known."""
    ref = person.ref(upn)
    return str(person.existing(session.read([ref])[ref], ref.key)["id"])


def _upn(manager: Mapping[str, Json], key: str) -> str:
    name = manager.get("userPrincipalName")
    return name.lower() if isinstance(name, str) else key


def _state(manager: Mapping[str, Json] | None, upn: str) -> Mapping[str, Json] | None:
    if manager is None:
        return None
    return {"id": manager.get("id"), "displayName": manager.get("displayName"), "userPrincipalName": upn}


def _says(who: str, manager: str) -> dict[str, str]:
    if not manager:
        return {"en": f"{who} reports to nobody", "de": f"{who} hat keine Führungskraft"}
    return {"en": f"{who} reports to {manager}", "de": f"{who} berichtet an {manager}"}
