"""Exchange Online, for what Graph cannot do: converting mailboxes, permissions, forwarding, holds.

By fixed PowerShell scripts beside this file. They were never run against the real service by us;
the pages of the actions say so.
"""

from runbook_exec.action import register_provider
from runbook_exec.actions.exchange.forwarding import Forwarding
from runbook_exec.actions.exchange.hold import Hold
from runbook_exec.actions.exchange.mailbox import Mailbox
from runbook_exec.actions.exchange.mailbox_permission import MailboxPermission
from runbook_exec.actions.exchange.provider import ExchangeProvider
from runbook_exec.actions.exchange.session import Session

__all__ = ["ExchangeProvider", "Forwarding", "Hold", "Mailbox", "MailboxPermission", "Session"]

register_provider(ExchangeProvider())
