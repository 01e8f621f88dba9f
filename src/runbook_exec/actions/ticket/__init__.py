"""Tickets: opened, commented and closed in whatever ticket system the environment has."""

from runbook_exec.action import register_provider
from runbook_exec.actions.ticket.children import Children
from runbook_exec.actions.ticket.close import Close
from runbook_exec.actions.ticket.comment import Comment
from runbook_exec.actions.ticket.open import Open
from runbook_exec.actions.ticket.session import TicketProvider, TicketSession

__all__ = ["Children", "Close", "Comment", "Open", "TicketProvider", "TicketSession"]

register_provider(TicketProvider())
