"""A deleted cloud user who comes back, or goes for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.kinds import kind
from runbook_exec.actions.graph.message import Message, literal, path, trouble
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import (
    Assumed,
    Change,
    Effect,
    Evidence,
    Facts,
    Irreversible,
    Json,
    Ref,
    State,
    Words,
)
from runbook_exec.errors import Invalid, Refused
from runbook_exec.values import THIS
from runbook_exec.way_back import nothing_left, remaining

KIND = "graph.known_as"
STATE, NAME = "state", "userPrincipalName"
_SELECT = "id,userPrincipalName,displayName,mail,employeeId,onPremisesImmutableId,onPremisesSyncEnabled"


def _requests(key: str) -> tuple[Message, ...]:
    names = ("userPrincipalName", "employeeId", "onPremisesImmutableId", "id")
    held = " or ".join(f"{name} eq {literal(key)}" for name in names)
    gone = path(
        "directory", "deletedItems", "microsoft.graph.user", select=f"{_SELECT},deletedDateTime", top="999"
    )
    return (Message(path=path("users", filter=held, select=_SELECT)), Message(path=gone))


def _known_as(key: str, live: Any, gone: Any) -> State:
    found = [_named(entry) for entry in gone["value"]]
    return {
        "live": [_named(entry) for entry in live["value"]],
        "deleted": [entry for entry in found if key.casefold() in _keys(entry)],
    }


def _named(entry: Any) -> dict[str, Json]:
    """The user with the name they had: a deleted one's has the id as a prefix."""
    name = str(entry.get("userPrincipalName") or "").removeprefix(str(entry["id"]).replace("-", ""))
    return {
        **{part: entry.get(part) for part in (*_SELECT.split(","), "deletedDateTime")},
        "userPrincipalName": name,
    }


def _keys(entry: Mapping[str, Any]) -> set[str]:
    names = ("id", "userPrincipalName", "employeeId", "onPremisesImmutableId")
    return {str(entry[name]).casefold() for name in names if entry.get(name)}


kind("known_as", _requests, _known_as)


class DeletedUserArgs(Args, frozen=True, kw_only=True):
    user: Annotated[
        str, msgspec.Meta(description="employee number, immutable id, former UPN, or id", min_length=1)
    ]
    state: Annotated[
        Literal["restored", "purged"], msgspec.Meta(description="back among the living, or gone for good")
    ]
    upn: Annotated[
        str, msgspec.Meta(description="another sign-in name, where the old one is taken by now")
    ] = ""


@register
class DeletedUser(Action[DeletedUserArgs]):
    """Bring a deleted user back with memberships, licences and mailbox as they were, or remove them for good.

    The one to find is named by what does not change with a name: for somebody who is rehired, the
    employee number. If a live account has the same number, nothing is restored. For a synced user restore the
    account in Active Directory first, or the next sync deletes this one again. Thirty days after
    the deletion there is nobody left to restore.
    """

    name = "graph.deleted_user"
    destructive = True
    Args = DeletedUserArgs
    rights = Rights(read=("User.Read.All",), apply=("User.DeleteRestore.All",))
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "the user's id, or nothing",
        "upn": "the sign-in name after a restore",
        "found": "whether somebody was there, live or deleted",
    }

    def can_undo(self, values: Mapping[str, Json]) -> bool:
        return values.get("state") != "purged"

    def reads(self, args: DeletedUserArgs, facts: Facts) -> Sequence[Ref]:
        return (Ref(KIND, args.user.strip().lower()),)

    def plan(self, args: DeletedUserArgs, facts: Facts) -> Change:
        key = args.user.strip().lower()
        if args.upn and args.state == "purged":
            raise Invalid("a user who goes for good gets no name", next_move="leave upn out")
        known = facts.get(Ref(KIND, key)) or {"live": [], "deleted": []}
        live, deleted = known["live"], known["deleted"]
        if len(deleted) > 1:
            raise Refused(
                f"{len(deleted)} deleted users are known as {args.user}",
                next_move="give the id of the one that is meant: " + ", ".join(e["id"] for e in deleted),
            )
        if not deleted:
            return self._nothing(args, key, live)
        user = deleted[0]
        who, upn = str(user["displayName"] or key), (args.upn or str(user["userPrincipalName"])).lower()
        restored = args.state == "restored"
        back: Json = {**user, "userPrincipalName": upn, "deletedDateTime": None}
        names = (str(user["id"]), upn)
        shown = {"live": [*live, back] if restored else live, "deleted": []}
        effects = [Effect(Ref(KIND, each), shown, whole=True) for each in dict.fromkeys((key, *names))]
        if restored:
            effects += [Effect(person.ref(name), Assumed(back, step=THIS), whole=True) for name in names]
        renamed = restored and upn != str(user["userPrincipalName"]).lower()
        return Change(
            action=self.name,
            target=key,
            before={STATE: "deleted", **({NAME: user["userPrincipalName"]} if renamed else {})},
            after={STATE: args.state, **({NAME: upn} if renamed else {})},
            says=_says(who, args.state, upn if renamed else ""),
            # Of one who is gone for good nothing is left to be measured by.
            identity=str(user["id"]) if restored else None,
            involves={} if restored else {key: user["id"]},
            effects=tuple(effects),
            writes=names,
            outputs={"id": user["id"], "upn": upn if restored else None, "found": True},
            notes=tuple(_notes(user, restored=restored)),
            destructive=not restored,
            blocked=f"the live account {live[0]['userPrincipalName']} is known as {args.user}, too: "
            "there would be two of one person"
            if live and restored
            else "",
        )

    def _nothing(self, args: DeletedUserArgs, key: str, live: Sequence[Any]) -> Change:
        user = live[0] if live else {}
        who = str(user.get("displayName") or args.user)
        return Change(
            action=self.name,
            target=key,
            before={},
            after={},
            says={"en": f"No deleted user is known as {who}", "de": f"Kein gelöschtes Konto heißt {who}"},
            identity=user.get("id"),
            outputs={"id": user.get("id"), "upn": user.get("userPrincipalName"), "found": bool(live)},
        )

    def apply(self, session: Session, args: DeletedUserArgs, change: Change, ctx: Context) -> Evidence:
        user = str(change.identity or change.involves[change.target])
        where = ("directory", "deletedItems", user)
        match (change.after or {})[STATE]:
            case "deleted":
                session.send(Message(method="DELETE", path=path("users", user)), ctx)
            case "purged":
                asked = Message(method="DELETE", path=path(*where))
                reply = session.attempt(asked, ctx)
                if not reply.ok and reply.status != 404:  # the read-back tells whether they are gone
                    raise trouble(asked, reply)
            case _:
                name = (change.after or {}).get(NAME)
                body = {"newUserPrincipalName": name} if name else None
                asked = Message(method="POST", path=path(*where, "restore"), body=body)
                ref = Ref("graph.user", user)
                session.create(asked, ctx, lambda: session.read([ref])[ref])
        return Evidence(answer={"id": user, **(change.after or {})})

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        if (change.after or {}).get(STATE) == "purged":
            return Irreversible(reason="nobody brings back a user who was removed for good")
        back = opposite(change, _says(change.target, "deleted", ""), destructive=True)
        return replace(back, before={STATE: "restored"}, after={STATE: "deleted"})

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (person.ref_back(back),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        user = facts.get(person.ref_back(back))
        if user is None:
            return nothing_left(back, {})
        left = remaining(back, {STATE: "restored"})
        return replace(
            left,
            says=_says(person.called(user, back.target), "deleted", ""),
            effects=tuple(Effect(each, None) for each in person.refs_of(user, person.ref_back(back).key)),
            writes=person.names(user, back.target),
        )


def _notes(user: Any, *, restored: bool) -> list[Words]:
    when = user.get("deletedDateTime")
    notes: list[Words] = [{"en": f"deleted on {when}", "de": f"gelöscht am {when}"}]
    if restored and user.get("onPremisesSyncEnabled"):
        notes.append(
            {
                "en": "came from Active Directory: unless it is there again, the next sync deletes it again",
                "de": "kam aus dem Active Directory: ist es dort nicht wieder da, löscht der nächste Abgleich es erneut",
            }
        )
    return notes


def _says(who: str, state: str, name: str) -> dict[str, str]:
    match state:
        case "restored":
            called = (f", and is called {name} now", f", und heißt jetzt {name}") if name else ("", "")
            return {
                "en": f"The deleted cloud account of {who} comes back as it was{called[0]}",
                "de": f"Das gelöschte Cloud-Konto von {who} kommt zurück, wie es war{called[1]}",
            }
        case "purged":
            return {
                "en": f"The deleted cloud account of {who} is removed for good",
                "de": f"Das gelöschte Cloud-Konto von {who} wird endgültig entfernt",
            }
    return {
        "en": f"The cloud account of {who} goes back to the deleted items",
        "de": f"Das Cloud-Konto von {who} kommt wieder zu den gelöschten Objekten",
    }
