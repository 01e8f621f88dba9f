"""Everything of the world that executing needs, handed in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from runbook_exec.action import Answer, Question
from runbook_exec.change import Facts, Ref
from runbook_exec.decision import Decision
from runbook_exec.gate import State, Waiting
from runbook_exec.model import GateRule
from runbook_exec.run import Run
from runbook_exec.slots import words


class Sessions(Protocol):
    """The far sides of one environment, opened when first used."""

    def use(self, provider: str) -> AbstractContextManager[Any]:
        """A session that may write, for one step alone; None for a provider without a far side."""

    def read(self, refs: Sequence[Ref]) -> Facts:
        """Read many things, each through its own provider."""


class Gates(Protocol):
    """Whoever knows the people, and can tell a real decision from a forged one."""

    def state(self, run: Run, gate: str, rule: GateRule) -> State:
        """Whether a gate is open at this moment."""

    def due(self, run: Run, gate: str, rule: GateRule) -> datetime | None:
        """When something about a gate that waits changes by itself; None: never."""


class NobodyDecides:
    """Every gate stays shut: there is nobody who could open it."""

    def state(self, run: Run, gate: str, rule: GateRule) -> State:
        return Waiting(missing=(words(rule.rule),), may=())

    def due(self, run: Run, gate: str, rule: GateRule) -> datetime | None:
        return None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Everything of the world that executing needs, handed in."""

    sessions: Sessions
    clock: Callable[[], datetime]
    pause: Callable[[float], bool]
    """Sleeps that many seconds; True where a person asked the run to stop meanwhile."""
    say: Callable[[str, str], None]
    """(step, text): progress for whoever watches."""
    ask: Callable[[Question], Answer | None]
    story: Callable[[Run], str]
    still_ours: Callable[[], None]
    """Raises `Busy` where another process has taken the run over; asked right before an effect."""
    protected: Mapping[str, Sequence[str]]
    """Far-side names by class that no change may touch, as the environment says."""
    project: Path
    language: str
    gates: Gates = field(default_factory=NobodyDecides)
    unproven: Callable[[Run, Decision], str] = lambda run, decision: ""
    """Why nobody has to believe a word; empty where it is proven."""
    rehearses: bool = False
    """The second person of a challenge is said to have confirmed, too; in the sandbox alone."""
    human: Callable[[str], str] = lambda account: account
    """Which human an operating-system account is; empty where it is nobody's."""
    hold: float = math.inf
    """Seconds for which this process stays with a step that waits, before it leaves a waiting run."""
