"""Access as a whole: what must be kept apart, and which ends are booked already."""

from runbook_exec.action import register_provider
from runbook_exec.actions.access.prolonged import Prolonged
from runbook_exec.actions.access.separation import Separation
from runbook_exec.actions.access.session import AccessProvider, AccessSession

__all__ = ["AccessProvider", "AccessSession", "Prolonged", "Separation"]

register_provider(AccessProvider())
