"""Microsoft Graph: users and guests of a tenant, and what they have: licences, groups, roles, mail, devices, files."""

from runbook_exec.action import register_provider
from runbook_exec.actions.graph import (  # noqa: F401 - importing registers the actions
    access_pass,
    app_roles,
    authentication_methods,
    auto_reply,
    deleted_user,
    device,
    directory_role,
    drive_access,
    group_members,
    group_owners,
    inbox_rules,
    invitation,
    licence,
    mailbox_settings,
    managed_device,
    manager,
    observations,
    request,
    revoke_sessions,
    snapshot,
    team_members,
    user,
)
from runbook_exec.actions.graph.provider import GraphProvider

register_provider(GraphProvider())
