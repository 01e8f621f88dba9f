"""A way back held against the world: what is still to be taken back, and what somebody else changed since.

Each value is one of three: already as it was before the run (nothing to do), as the run
left it (taken back), or something else (somebody's change, which stays). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from runbook_exec.change import Change, Json, State, same

Equal = Callable[[str, Json, Json], bool]
"""Whether two values of this attribute mean the same at the far side."""


def to_the_letter(name: str, one: Json, other: Json) -> bool:
    """Values are the same where they are equal as JSON."""
    return same(one, other)


def remaining(back: Change, now: State, *, equal: Equal = to_the_letter) -> Change:
    """What of `back` is still to be done, where the world is `now`.

    `now` holds the values that `back` names, in its shape; None: the thing does not exist. Where
    the thing is to be removed, it holds every value that somebody may have given to it: one that the
    run did not leave keeps the whole thing in its place.
    """
    if back.after is None:
        return _removal(back, now, equal)
    if back.before is None:
        return _return(back, now, equal)
    return _values(back, back.before, back.after, now or {}, equal)


def nothing_left(back: Change, conflicts: Mapping[str, Json]) -> Change:
    """The way back with nothing to do, for these reasons."""
    return replace(back, before={}, after={}, effects=(), request=None, conflicts=dict(conflicts))


def _removal(back: Change, now: State, equal: Equal) -> Change:
    if now is None:
        return nothing_left(back, {})
    left = back.before or {}
    others = {
        name: _conflict(left.get(name), now.get(name))
        for name in {**left, **now}
        if not equal(name, left.get(name), now.get(name))
    }
    return nothing_left(back, others) if others else back


def _return(back: Change, now: State, equal: Equal) -> Change:
    if now is None:
        return back
    others = {
        name: _conflict(None, now.get(name))
        for name, value in (back.after or {}).items()
        if not equal(name, value, now.get(name))
    }
    return nothing_left(back, others)


def _values(
    back: Change,
    left: Mapping[str, Json],
    wanted: Mapping[str, Json],
    now: Mapping[str, Json],
    equal: Equal,
) -> Change:
    before: dict[str, Json] = {}
    after: dict[str, Json] = {}
    conflicts: dict[str, Json] = {}
    for name, value in wanted.items():
        was: Json = left.get(name)
        found: Json = now.get(name)
        if _is_parted(was) and _is_parted(value) and isinstance(found, Mapping):
            parts = [part for part in value if found.get(part) == was[part] != value[part]]
            if parts:
                before[name] = {part: was[part] for part in parts}
                after[name] = {part: value[part] for part in parts}
        elif equal(name, found, value):
            continue
        elif equal(name, found, was):
            before[name], after[name] = found, value
        else:
            conflicts[name] = _conflict(was, found)
    if not after:
        return nothing_left(back, conflicts)
    return replace(back, before=before, after=after, conflicts=conflicts)


def _is_parted(value: Json) -> bool:
    """A value of single values, each there or not: `{"smtp:a@x": true}`."""
    return isinstance(value, Mapping) and bool(value) and all(isinstance(v, bool) for v in value.values())


def _conflict(left: Json, found: Json) -> dict[str, Json]:
    return {"left": left, "found": found}
