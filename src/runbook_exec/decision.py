"""One person's word on a gate, as it stands in the journal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a decision says."""

    APPROVE = "approve"
    REJECT = "reject"
    BREAK_GLASS = "break-glass"
    """Opens the gate alone, for an hour; somebody else has to look at it afterwards."""
    WITHDRAW = "withdraw"
    """Takes an earlier word of the same human back."""
    REVIEW = "review"
    """Somebody else looked at broken glass afterwards."""
    DEFER = "defer"
    """A step is put off until a day, with somebody who owns it."""
    NEVER = "never"
    """A step that was put off is never to be done."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One person's word on one gate of one run, as recorded."""

    seq: int
    """Of its event."""
    gate: str
    verdict: Verdict
    person: str
    """Id of the human who decided."""
    account: str
    """The operating-system account they did it from."""
    digest: str
    """The plan that it is about."""
    shown: str = ""
    """A commitment to everything that was shown before the question."""
    reason: str = ""
    at: str = ""
    way: str = "unsigned"
    """unsigned, `ssh SHA256:…`, or rehearsal."""
    text: str = ""
    """What was signed."""
    signature: str = ""
    delegated_for: str = ""
    """Id of the human in whose place they acted."""
    about: int = 0
    """Of a withdrawal or a review: the sequence number of the word that it is about."""
    after: str = ""
    """Hash of the event before it: its place in the journal."""
    bound: bool = True
    """False where the event does not stand at the place in the journal that it was made for."""

    @property
    def seat(self) -> str:
        """Whose place it takes."""
        return self.delegated_for or self.person
