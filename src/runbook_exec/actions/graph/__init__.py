"""Microsoft Graph: users, licences, memberships, mailboxes and access passes of a tenant."""

from runbook_exec.action import register_provider
from runbook_exec.actions.graph import (  # noqa: F401 - importing registers the actions
    access_pass,
    app_roles,
    authentication_methods,
    auto_reply,
    device,
    directory_role,
    group_members,
    group_owners,
    inbox_rules,
    licence,
    mailbox_settings,
    managed_device,
    manager,
    request,
    revoke_sessions,
    team_members,
    user,
)
from runbook_exec.actions.graph.provider import GraphProvider

register_provider(GraphProvider())
