"""The user that a change is about: how actions name, find and check them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runbook_exec.change import Assumed, Change, Json, Ref, State, narrow
from runbook_exec.errors import Refused

if TYPE_CHECKING:
    from runbook_exec.actions.graph.session import Session

SYNCED_MOVE = "change it in Active Directory (ldap.attributes); the next sync brings it to the cloud"


def ref(key: str) -> Ref:
    """The user of this UPN or id."""
    return Ref("graph.user", key.strip().lower())


def ref_back(back: Change) -> Ref:
    """The user that a way back is about: by id, whatever they are called by now."""
    return ref(str(back.identity or back.target))


def existing(user: State, key: str) -> Any:
    """The user, read or assumed; refuses where there is none."""
    if user is None:
        raise Refused(
            f"there is no cloud user {key}",
            next_move="check the name; for somebody who comes by the hybrid sync, put a step "
            "`uses: wait.until` with `read: graph.user` before this one",
        )
    return user


def is_assumed(user: State) -> bool:
    """True where an earlier step (a sync that is awaited) will bring the user."""
    return isinstance(user, Assumed)


def called(user: State, key: str) -> str:
    """A name for a sentence: the display name where it is known."""
    name = user.get("displayName") if user is not None else None
    return name if isinstance(name, str) and name else key


def names(user: State, key: str) -> tuple[str, ...]:
    """The far-side names by which the user may be written: the given key, the id and the UPN as known."""
    known = (user.get("id"), user.get("userPrincipalName")) if user is not None else ()
    return tuple(dict.fromkeys([key, *(name.lower() for name in known if isinstance(name, str))]))


def refs_of(user: State, key: str) -> tuple[Ref, ...]:
    """Every key under which this user may be read, so that an effect is seen under each."""
    return tuple(ref(name) for name in names(user, key))


def synced(user: Json) -> bool:
    """Whether the user is mastered on-premises; raises `NeedsValue` while nobody knows."""
    return bool(user.get("onPremisesSyncEnabled"))


def still(session: Session, key: str, before: Mapping[str, Json]) -> bool:
    """Whether a fresh read shows these attributes as they were when the change was planned."""
    user = session.read([ref(key)])[ref(key)]
    return user is not None and not narrow(user, before)[1]
