"""What only a person can do or know."""

from __future__ import annotations

from runbook_exec.actions.people.ask import Ask
from runbook_exec.actions.people.challenge import Challenge
from runbook_exec.actions.people.confirm import Confirm
from runbook_exec.actions.people.verify_caller import VerifyCaller

__all__ = ["Ask", "Challenge", "Confirm", "VerifyCaller"]
