"""Every error a person can meet: what went wrong, where, and the next move.

The exit code sits on the class, so a script can tell classes of outcome apart
without reading text. Codes 1 (our own defect) and 2 (wrong command line, click's
own code) are not used here.
"""

from __future__ import annotations


class RunbookError(Exception):
    """Something a person can act on; never shown as a stack trace."""

    exit_code = 1
    kind = "error"

    def __init__(self, what: str, *, where: str = "", next_move: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_move = next_move

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  next: {self.next_move}" if self.next_move else text


class Invalid(RunbookError):
    """A runbook, an input or a setting is not what it must be; nothing was begun."""

    exit_code = 3
    kind = "invalid"


class Problems(Invalid):
    """Several things are wrong with one document; all of them are told at once."""

    def __init__(self, problems: list[Invalid]) -> None:
        super().__init__(f"{len(problems)} problem{'s' if len(problems) != 1 else ''} found")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Unreachable(RunbookError):
    """A far side does not answer, or its certificate cannot be trusted.

    Nothing is known about the effect of a request that got no answer: whoever
    raises this while writing sets `sent=True`.
    """

    exit_code = 4
    kind = "unreachable"

    def __init__(self, what: str, *, where: str = "", next_move: str = "", sent: bool = False) -> None:
        super().__init__(what, where=where, next_move=next_move)
        self.sent = sent


class NotAllowed(RunbookError):
    """The far side knows us and refuses: wrong credentials or a missing permission."""

    exit_code = 4
    kind = "not-allowed"


class Failed(RunbookError):
    """A step was tried and did not reach its state."""

    exit_code = 5
    kind = "failed"


class Transient(Failed):
    """The far side asks for patience (throttling, busy, lag); `retry` may try again."""

    kind = "transient"

    def __init__(
        self, what: str, *, where: str = "", next_move: str = "", after: float | None = None
    ) -> None:
        super().__init__(what, where=where, next_move=next_move)
        self.after = after
        """Seconds that the far side asked us to wait, if it said."""


class Refused(RunbookError):
    """We refuse to go on: a guard, drift, a conflict, or a target outside the plan."""

    exit_code = 6
    kind = "refused"


class NoPen(Refused):
    """A read-only session was asked to write. A dry run cannot, whatever the code says."""

    kind = "no-pen"


class Busy(RunbookError):
    """Somebody else works on this run or this subject."""

    exit_code = 7
    kind = "busy"


class JournalError(RunbookError):
    """The journal cannot be written or does not hold: nothing may have an effect now."""

    exit_code = 8
    kind = "journal"


class Overtaken(JournalError):
    """Something was recorded since the journal was last read; nothing was written."""


class Late(Overtaken):
    """The event is dated long before what was vouched for already; it is dated anew, nothing was written."""


EXIT_WAITING = 10
"""A gate, a person or a far side is awaited; `runbook resume` goes on."""

EXIT_IN_DOUBT = 11
"""An effect was begun and nobody knows whether it happened; a person decides."""

EXIT_OUTSIDE = 9
"""Something was changed outside of the journal; `runbook reconcile` lists it."""
