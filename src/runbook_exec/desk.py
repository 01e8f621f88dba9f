"""Whoever started this process, and how the program talks to them."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_exec.action import Answer, Question
from runbook_exec.errors import Refused
from runbook_exec.scribe import Watch


def nobody_there(question: Question) -> Answer | None:
    """Answers for nobody: there is no person at a terminal."""
    return None


@dataclass(kw_only=True)
class Desk:
    """Whoever started this process: their name, language, and how to talk to them."""

    who: str
    language: str
    ask: Callable[[Question], Answer | None] = nobody_there
    watch: Watch = lambda event, run: None
    say: Callable[[str, str], None] = lambda step, text: None
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the person asks to stop; the step in flight is settled first."""
    rehearses: bool = False
    """Human items confirm themselves; in the sandbox alone."""
    hold: float = math.inf
    """Seconds for which they stay with a step that waits."""


def person() -> str:
    """The operating system's name for whoever runs this process; no variable can change it."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise Refused(
            f"nobody knows who runs this: user number {os.getuid()} has no name",
            next_move="give the account a name on this machine",
        ) from None
