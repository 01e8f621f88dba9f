"""Kinds of things to read that stand beside the action which needs them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook_exec.actions.graph.message import Message, path
from runbook_exec.change import State

Requests = Callable[[str], tuple[Message, ...]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a thing is asked for, and what the bodies of the answers mean."""

    requests: Requests
    """The key → what must be asked."""
    state: Callable[..., State]
    """The key and one body for each request → the state. Where an answer was 404, the state is None."""


KINDS: dict[str, Kind] = {}
"""By name, without `graph.` before it."""


def kind(name: str, requests: Requests, state: Callable[..., State]) -> None:
    """Make a kind known; importing the module of its action does."""
    KINDS[name] = Kind(requests=requests, state=state)


def below_user(*parts: str, **options: str) -> Requests:
    """One request below the user that the key names."""
    return lambda key: (Message(path=path("users", key, *parts, **options)),)


def plain(key: str, body: Any) -> State:
    """The body as it is, without OData's own fields."""
    return {name: value for name, value in body.items() if not name.startswith("@odata.")}


def kind_of(entry: Any) -> str:
    """The type of one entry in a mixed list: `#microsoft.graph.group` → `group`."""
    return str(entry.get("@odata.type", "")).rpartition(".")[2]
