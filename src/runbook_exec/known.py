"""What has been read so far, attribute by attribute: nothing is read twice, nothing is missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from runbook_exec.action import Action
from runbook_exec.change import Facts, Ref, State
from runbook_exec.errors import Refused

Read = Callable[[Sequence[Ref]], Facts]
"""Reads many things at once; the planner is given one that cannot write."""

MOST_READ_ROUNDS = 5

_USUAL = ""
"""Stands for the provider's usual set among the attributes asked for."""


def merged(refs: Iterable[Ref]) -> list[Ref]:
    """One ref for each thing, with all attributes that anyone selects; the usual set goes first."""
    found: dict[Ref, Ref] = {}
    for ref in refs:
        other = found.get(ref)
        if other is None:
            found[ref] = ref
        elif other.select and ref.select:
            found[ref] = replace(other, select=tuple(dict.fromkeys((*other.select, *ref.select))))
        elif other.select:
            found[ref] = ref
    return list(found.values())


class Known:
    """The states read so far, and which attributes of each were asked for."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.states: dict[Ref, State] = {}
        self._asked: dict[Ref, set[str]] = {}

    def lacks(self, ref: Ref) -> Ref | None:
        """The part of `ref` that has not been read; None where all of it has."""
        if ref not in self.states:
            return ref
        state, asked = self.states[ref], self._asked[ref]
        if state is None:
            return None
        if not ref.select:
            return None if _USUAL in asked else ref
        missing = tuple(name for name in ref.select if name not in asked and name not in state)
        return replace(ref, select=missing) if missing else None

    def fetch(self, refs: Iterable[Ref]) -> None:
        """Read what is lacking of these, in one request unless one thing is wanted in two ways."""
        wanted = list(refs)
        while todo := [part for ref in wanted if (part := self.lacks(ref)) is not None]:
            batch = merged(todo)
            answers = self._read(batch)
            for ref in batch:
                old, new = self.states.get(ref), answers[ref]
                self.states[ref] = {**old, **new} if old is not None and new is not None else new
                self._asked.setdefault(ref, set()).update(ref.select or (_USUAL,))


def gather(action: Action[Any], args: Any, read: Read) -> Facts:
    """Everything the action wants to read, asking again until it names nothing new."""
    return gathered(action.name, lambda facts: action.reads(args, facts), read)


def gathered(name: str, reads: Callable[[Facts], Sequence[Ref]], read: Read) -> Facts:
    """Everything that `reads` names, asking again until it names nothing new."""
    facts: dict[Ref, Any] = {}
    for _ in range(MOST_READ_ROUNDS):
        wanted = [ref for ref in merged(reads(facts)) if ref not in facts]
        if not wanted:
            return facts
        facts.update(read(wanted))
    raise Refused(f"{name} still wants to read more after {MOST_READ_ROUNDS} rounds")
