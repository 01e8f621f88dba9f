"""What the project's own journal says about access; nothing is ever written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runbook_exec.action import Finding, Rights
from runbook_exec.change import Json, Ref, State
from runbook_exec.errors import Invalid, NoPen

BETWEEN = " < "
"""Between the parts of a key: person, group, and the run that asks."""


class AccessProvider:
    """Looks ends of access up that runs have booked.

    The connection holds `booked_end`, which the program itself gives; no environment has to name one.
    """

    name = "access"

    @contextmanager
    def open(self, connection: Mapping[str, Json], *, write: bool) -> Iterator[AccessSession]:
        yield AccessSession(connection["booked_end"])

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        return []


class AccessSession:
    """Answers from the journal.

    `access.booked_end`, of `<employee id> < <group (DN)> < <run>`: the latest time at which another run, which is
    through with everything before that, takes the person out of the group. State: `run`, `at`.
    """

    def __init__(self, booked_end: Any) -> None:
        self._booked_end: Callable[[str, str, str], State] = booked_end

    def read(self, refs: Sequence[Ref]) -> dict[Ref, State]:
        return {ref: self._one(ref) for ref in refs}

    @contextmanager
    def permit(self, names: Iterable[str]) -> Iterator[None]:
        """Nothing is written here, so only no names at all can be permitted."""
        if list(names):
            raise NoPen("the journal is not written by a step")
        yield

    def booked_end(self, person: str, group: str, but: str) -> State:
        return self._booked_end(person, group, but)

    def _one(self, ref: Ref) -> State:
        parts = ref.key.split(BETWEEN)
        if ref.kind != "access.booked_end" or len(parts) != 3:
            raise Invalid(
                f"{ref.kind} {ref.key!r} cannot be read from the journal",
                next_move="write `access.booked_end` of `PERSON < GROUP < RUN`",
            )
        return self.booked_end(*parts)
