"""The pauses between the attempts of one request."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from runbook_exec.errors import RunbookError

WORTH_TELLING = 2.0
"""Seconds; whoever watches is told of longer waits."""

Say = Callable[[str], None]


class Waiting:
    """Pauses as long as the service asks for, else ever longer, until patience ends."""

    def __init__(self, patience: float, say: Say, spread: random.Random) -> None:
        self._deadline = asyncio.get_running_loop().time() + patience
        self._say, self._spread = say, spread
        self._backoff = 0.5

    @property
    def left(self) -> float:
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    async def pause(self, after: float | None, error: RunbookError) -> None:
        """Wait as long as the service asks, else ever longer; raises `error` where that is too long."""
        wait = self._backoff * (1 + self._spread.random() / 2) if after is None else max(after, 0.1)
        self._backoff = min(self._backoff * 2, 30.0)
        if wait > self.left:
            raise error
        if wait >= WORTH_TELLING:
            self._say(f"Graph asks for patience: going on in {wait:.0f} s")
        await asyncio.sleep(wait)
