"""What a plan must not do, whatever its steps say. Checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote

from runbook_exec.dn import one_spelling
from runbook_exec.model import Guards
from runbook_exec.plan_line import Line


def refusals(guards: Guards, lines: Sequence[Line], protected: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Why the lines may not be started; nothing if they may.

    `protected` maps each class to the far-side names in it. A class that the runbook counts
    on and the environment does not know would protect nobody, so it is refused.
    """
    yield from too_many(guards, sum(line.counts for line in lines))
    for kind in guards.protected:
        if kind not in protected:
            yield (
                f"the environment does not say who is protected as {kind!r}; "
                f"add it under protected: in runbook.yaml (an empty list if there is nobody)"
            )
    yield from line_refusals(lines, protected)


def too_many(guards: Guards, changes: int) -> Iterator[str]:
    """Why there may not be so many changes; asked again while a list known later only is worked off."""
    if changes > guards.max_changes:
        yield f"there would be {changes} changes, this runbook allows {guards.max_changes} (guards.max_changes)"


def line_refusals(lines: Iterable[Line], protected: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Why single lines may not be done: blocked, or their target is protected.

    Whom the environment protects counts for every runbook, whatever the runbook lists.
    Whoever plans a LATER line exactly asks again with the concrete one.
    """
    untouchable = {one_spelling(name): kind for kind, names in protected.items() for name in names}
    for line in lines:
        change = line.change
        if change is None:
            continue
        if change.blocked:
            yield f"step {line.step!r} cannot be done: {change.blocked}"
        if change.is_empty:
            continue
        names = (change.target, change.identity, *change.writes)
        touched = {known: name for name in names if isinstance(name, str) for known in _spellings(name)}
        for name in sorted(touched.keys() & untouchable.keys()):
            yield f"step {line.step!r} would change {touched[name]}, which is protected as {untouchable[name]}"


def _spellings(name: str) -> Iterator[str]:
    """The name, and for a path like /users/anna@…/manager each of its parts."""
    yield one_spelling(name)
    if name.startswith("/"):
        yield from (one_spelling(unquote(part)) for part in name.split("/") if part)
