"""Guests and who answers for them: how they are read, and how a sponsor is set."""

from __future__ import annotations

from typing import Any

from runbook_exec.action import Context
from runbook_exec.actions.graph.kinds import below_user, kind
from runbook_exec.actions.graph.message import ALREADY, Message, literal, path
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Json, Ref, State

GUEST, SPONSORS = "graph.guest", "graph.sponsors"
_SELECT = "id,displayName,mail,userPrincipalName,userType,externalUserState"


def _guest(key: str, body: Any) -> State:
    # One address may be a guest's and, as another property, a member's: the guest is the one who is meant.
    found = sorted(body["value"], key=lambda entry: entry.get("userType") != "Guest")
    return {name: found[0].get(name) for name in _SELECT.split(",")} if found else None


def _sponsors(key: str, body: Any) -> State:
    return {"ids": sorted(str(entry["id"]) for entry in body["value"])}


kind(
    "guest",
    lambda key: (Message(path=path("users", filter=f"mail eq {literal(key)}", select=_SELECT)),),
    _guest,
)
kind("sponsors", below_user("sponsors", select="id"), _sponsors)


def sponsored(session: Session, ctx: Context, guest: str, sponsor: str, *, wanted: bool) -> None:
    """Make somebody answer for a guest, or end that."""
    where = (
        path("users", guest, "sponsors", "$ref")
        if wanted
        else path("users", guest, "sponsors", sponsor, "$ref")
    )
    if not wanted:
        session.send(Message(method="DELETE", path=where), ctx)
        return
    ref = Ref(SPONSORS, guest)
    body = {"@odata.id": f"{session.wire.connection.url}/users/{sponsor}"}

    def there() -> Json:
        return True if sponsor in (session.read([ref])[ref] or {"ids": []})["ids"] else None

    session.create(Message(method="POST", path=where, body=body), ctx, there, same_as=ALREADY)
