"""Planned changes laid over what was read: step 9 sees the account that step 4 would create."""

from __future__ import annotations

from collections.abc import Mapping

from runbook_exec.change import Assumed, Change, Facts, Json, Ref, State


class Overlay:
    """The effects of the steps planned so far. Reading through it never changes the facts."""

    def __init__(self) -> None:
        self._patches: dict[Ref, list[tuple[State, bool]]] = {}

    def lay(self, change: Change) -> None:
        """From now on every fact is seen as if `change` had been applied."""
        for effect in change.effects:
            self._patches.setdefault(effect.ref, []).append((effect.state, effect.whole))

    def over(self, facts: Facts) -> dict[Ref, State]:
        """The facts with all effects laid over them, in the order of the steps."""
        return {ref: self._patched(ref, state) for ref, state in facts.items()}

    def settles(self, ref: Ref) -> bool:
        """True where a planned effect alone says what `ref` is, so that it need not be read."""
        patches = self._patches.get(ref, ())
        return any(whole or state is None for state, whole in patches)

    def _patched(self, ref: Ref, state: State) -> State:
        for patch, whole in self._patches.get(ref, ()):
            state = patch if whole or patch is None else _laid(state, patch)
        return state


def _laid(state: State, patch: Mapping[str, Json]) -> State:
    if state is None:
        return patch
    known = dict(dict.items(patch) if isinstance(patch, dict) else patch.items())
    if isinstance(state, Assumed):
        return Assumed({**dict(dict.items(state)), **known}, step=state.step)
    return {**state, **known}
