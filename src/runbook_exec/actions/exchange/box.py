"""The mailbox that a change is about: how actions name, find and call it."""

from __future__ import annotations

from typing import Any

from runbook_exec.actions.exchange.session import MAILBOX
from runbook_exec.change import Change, Ref, State, Words
from runbook_exec.errors import Refused


def ref(key: str) -> Ref:
    """The mailbox of this address or id."""
    return Ref(MAILBOX, key.strip().lower())


def ref_back(back: Change) -> Ref:
    """The mailbox that a way back is about: by id, whatever its address is by now."""
    return ref(str(back.identity or back.target))


def existing(state: State, key: str) -> Any:
    """The mailbox, read or assumed; refuses where there is none."""
    if state is None:
        raise Refused(
            f"Exchange knows no mailbox {key}",
            next_move="check the address; a mailbox whose licence is gone for 30 days is gone, too",
        )
    return state


def called(state: State, key: str) -> str:
    """A name for a sentence."""
    name = state.get("display_name") if state is not None else None
    return name if isinstance(name, str) and name else key


def names(state: State, key: str) -> tuple[str, ...]:
    """The names by which it may be written."""
    known = (state.get("id"), state.get("address")) if state is not None else ()
    return tuple(dict.fromkeys([key, *(name.lower() for name in known if isinstance(name, str) and name)]))


def opposite(change: Change, says: Words, *, destructive: bool = False) -> Change:
    """The same mailbox with before and after changed over."""
    return Change(
        action=change.action,
        target=change.target,
        before=change.after,
        after=change.before,
        says=says,
        identity=change.identity,
        involves=change.involves,
        writes=change.writes,
        destructive=destructive,
    )
