"""Mail through the company's SMTP server, from templates in the project folder."""

from runbook_exec.action import register_provider
from runbook_exec.actions.mail.send import Send
from runbook_exec.actions.mail.session import MailProvider, MailSession

__all__ = ["MailProvider", "MailSession", "Send"]

register_provider(MailProvider())
