"""The Microsoft Graph double: a small tenant over real HTTPS, with Graph's habits and its refusals.

What it keeps on the shelf (table: key → object; fields that start with `_` are private
and never shown):

- `graph_users`: id → a user. `_manager` (id), `_direct` (SKU id → disabled plans),
  `_inherited` (group id → SKU id → `Active` or a violation), `_mailbox` (its settings),
  `_mailbox_from` (seconds since the epoch, when its making began; None: no mailbox), `_old` and `_visible_from`
  (what lag shows), `_version`.
- `graph_groups`: id → a group. `_members`, `_owners` (ids), `_licences` (SKU ids), `_anchor`.
- `graph_contacts`: id → a mail contact.
- `graph_deleted`: id → a soft-deleted user or group, with `_kind` and the name it had.
- `graph_skus`: SKU id → a subscription. `_others` (holders who are not modelled), `_excludes`.
- `graph_passes`: id → a temporary access pass, with `_user` (id).
- `graph_domains`: name → a domain; `graph_policies`: name → a policy; `graph_org`: the tenant.
- `graph_apps`: client id → an application: its name, its permissions, its secret's digest.
- `graph_methods`: id → how a user signs in, with `_user`, `_kind`, `_default`; `graph_roles`: name → who holds it.
- `graph_app_roles`, `graph_grants`, `graph_principals`: what users may do in which applications.
- `graph_devices` (with `_owners`), `graph_managed` (Intune's view, with `_user`), `graph_recovery_keys`.
- `graph_drives`: id → a OneDrive, with `_user`, `_permissions`; `graph_rules`: inbox rules, with `_user`, `_hidden`.
- `graph_audits`: number → one change as the tenant's own audit log tells it; `graph_numbers`: the next one.
- `graph_log`: number → one request: what was asked by which application, and the answer's status.

Behaviours and which of them are assumptions: docs/sandbox/graph.md.
"""

from __future__ import annotations

from typing import Any

from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_tenant import APPLY, PLAN, ROLES, TENANT, WIPE, found_tenant, secret_file
from runbook_exec.sandbox.rehearsal import Rehearsal

__all__ = ["Cloud", "Licensing", "connection", "seed", "start"]


def seed(rehearsal: Rehearsal) -> None:
    """Found the tenant: organisation, domains, subscriptions, policies, two applications."""
    found_tenant(rehearsal)


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Listen on loopback until the process ends."""
    from runbook_exec.sandbox.graph_http import Front
    from runbook_exec.sandbox.graph_server import listen

    port, _ = await listen(rehearsal, Front(rehearsal).app)
    return connection(rehearsal, port)


def connection(rehearsal: Rehearsal, port: int) -> dict[str, Any]:
    """The keys of a connection: the writing application and, for planning, the reading one."""
    base = f"https://127.0.0.1:{port}"
    return {
        "graph": {
            "url": f"{base}/v1.0",
            "authority": base,
            "tenant": TENANT,
            "ca": str(rehearsal.certificates.ca),
            "client_id": APPLY,
            "client_secret": f"file:{secret_file(rehearsal.folder, 'apply')}",
            "planning": {
                "client_id": PLAN,
                "client_secret": f"file:{secret_file(rehearsal.folder, 'plan')}",
            },
            "roles": {
                "client_id": ROLES,
                "client_secret": f"file:{secret_file(rehearsal.folder, 'roles')}",
            },
            "wipe": {
                "client_id": WIPE,
                "client_secret": f"file:{secret_file(rehearsal.folder, 'wipe')}",
            },
        }
    }
