"""The tenant itself: organisation, domains, subscriptions, policies, and our two applications."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.rehearsal import Rehearsal
from runbook_exec.sandbox.shelf import Shelf

TENANT = "7f2f5a0e-5c43-4b52-9a0e-6b7f0f5b1d10"
DOMAINS = ("kranich.example", "kranich.onmicrosoft.com")
APPLY = "2b1e7c54-0a3d-4c39-8f3f-2f6f1f0c9a01"
"""Client id of the application that may write."""
PLAN = "2b1e7c54-0a3d-4c39-8f3f-2f6f1f0c9a02"
"""Client id of the application that may only read."""
ROLES = "2b1e7c54-0a3d-4c39-8f3f-2f6f1f0c9a03"
"""Client id of the application that may assign administrator roles, and nothing else."""
WIPE = "2b1e7c54-0a3d-4c39-8f3f-2f6f1f0c9a04"
"""Client id of the application that may wipe devices, and nothing else."""

READ_ROLES = (
    "User.Read.All",
    "GroupMember.Read.All",
    "Organization.Read.All",
    "OnPremDirectorySynchronization.Read.All",
    "MailboxSettings.Read",
    "OrgContact.Read.All",
    "Policy.Read.AuthenticationMethod",
    "UserAuthMethod-TAP.Read.All",
    "UserAuthenticationMethod.Read.All",
    "RoleManagement.Read.Directory",
    "TeamMember.Read.All",
    "Directory.Read.All",
    "Device.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "BitlockerKey.ReadBasic.All",
    "Files.Read.All",
    "AuditLog.Read.All",
)
WRITE_ROLES = (
    "User.ReadWrite.All",
    "GroupMember.ReadWrite.All",
    "LicenseAssignment.ReadWrite.All",
    "MailboxSettings.ReadWrite",
    "Organization.Read.All",
    "OnPremDirectorySynchronization.Read.All",
    "OrgContact.Read.All",
    "Policy.Read.AuthenticationMethod",
    "UserAuthMethod-TAP.ReadWrite.All",
    "UserAuthenticationMethod.ReadWrite.All",
    "RoleManagement.Read.Directory",
    "TeamMember.ReadWrite.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "AppRoleAssignment.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Device.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
    "BitlockerKey.ReadBasic.All",
    "Files.ReadWrite.All",
    "User.DeleteRestore.All",
    "User.Invite.All",
    "AuditLog.Read.All",
)
ROLES_ROLES = ("RoleManagement.ReadWrite.Directory",)
WIPE_ROLES = ("DeviceManagementManagedDevices.PrivilegedOperations.All",)


_EXCHANGE_1 = {"EXCHANGE_S_STANDARD": "9aaf7827-d63c-4b61-89c3-182f06f82e5c"}
_EXCHANGE_2 = {"EXCHANGE_S_ENTERPRISE": "efb87545-963c-4e0d-99df-69c6916d9eb0"}
_DESKLESS = {"EXCHANGE_S_DESKLESS": "4a82b400-a79f-41a4-b4e2-e94f5787b113"}
_TEAMS = {"TEAMS1": "57ff2da0-773e-42df-b2af-ffb7a2317929"}
NO_TEAMS = "O365_w/o Teams Bundle_M3"
TEAMS = "Microsoft_Teams_Enterprise_New"
_WITH_MAIL = ("SPB", "SPE_F1", NO_TEAMS, "EXCHANGEENTERPRISE")

SUBSCRIPTIONS: tuple[tuple[str, str, int, int, int, dict[str, str]], ...] = (
    ("SPB", "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", 34, 0, 33, {**_EXCHANGE_1, **_TEAMS}),
    ("SPE_F1", "66b55226-6b4f-492c-910c-a3b7a3c9d993", 14, 0, 14, {**_DESKLESS, **_TEAMS}),
    (NO_TEAMS, "c2fe850d-fbbb-4858-b67d-bd0c6e746da3", 4, 0, 3, _EXCHANGE_2),
    (TEAMS, "7e31c0d9-9551-471d-836f-32ee72be4a01", 4, 0, 4, _TEAMS),
    ("EXCHANGEENTERPRISE", "19ec0d23-8335-4cbd-94ac-6050e30712fa", 2, 0, 1, _EXCHANGE_2),
    ("AAD_PREMIUM_P2", "84a661c4-e949-4bd2-a560-ed7766fcaf2b", 3, 0, 3, {}),
    ("VISIOCLIENT", "c5928f49-12ba-48f7-ada3-0d743a3601d5", 3, 0, 3, {}),
    ("POWER_BI_PRO", "f8a1db68-be16-40ed-86d5-cb42ce701560", 0, 5, 4, {}),
    ("FLOW_FREE", "f30db892-07e9-47e9-837c-80727f46fd3d", 10000, 0, 17, {}),
)
"""Part number, id, units enabled, units in warning, units consumed, service plans."""


def found_tenant(rehearsal: Rehearsal) -> None:
    """Put the tenant on an empty shelf. Consumed units are settled again once people hold licences."""
    shelf = rehearsal.shelf
    for name in DOMAINS:
        shelf.put("graph_domains", name, {"id": name, "isVerified": True, "isDefault": name == DOMAINS[0]})
    shelf.put(
        "graph_org",
        TENANT,
        {"id": TENANT, "displayName": "Kranich Fördertechnik GmbH", "onPremisesSyncEnabled": True},
    )
    shelf.put("graph_policies", "TemporaryAccessPass", _pass_policy())
    licensing = Licensing(Cloud(shelf, rehearsal.faults))
    for part, sku_id, enabled, warning, consumed, plans in SUBSCRIPTIONS:
        others = [other for other in _WITH_MAIL if other != part] if part in _WITH_MAIL else []
        licensing.add_sku(part, sku_id=sku_id, enabled=enabled, warning=warning, plans=plans, excludes=others)
        licensing.settle_seats(part, consumed)
    add_application(shelf, rehearsal.folder, APPLY, "apply", WRITE_ROLES)
    add_application(shelf, rehearsal.folder, PLAN, "plan", READ_ROLES)
    add_application(shelf, rehearsal.folder, ROLES, "roles", ROLES_ROLES)
    add_application(shelf, rehearsal.folder, WIPE, "wipe", WIPE_ROLES)


def add_application(shelf: Shelf, folder: Path, client_id: str, name: str, roles: tuple[str, ...]) -> Path:
    """Register an application and write its secret to a file that only the owner reads."""
    secret = secrets.token_urlsafe(24)
    shelf.put("graph_apps", client_id, {"name": name, "roles": list(roles), "digest": secret_digest(secret)})
    file = secret_file(folder, name)
    file.touch(mode=0o600)
    file.write_text(secret)
    return file


def secret_file(folder: Path, name: str) -> Path:
    """Where an application's secret lies."""
    return folder / f"graph-{name}.secret"


def secret_digest(secret: str) -> str:
    """All that the double keeps of an application's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _pass_policy() -> dict[str, object]:
    return {
        "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",
        "id": "TemporaryAccessPass",
        "state": "enabled",
        "defaultLifetimeInMinutes": 60,
        "defaultLength": 8,
        "minimumLifetimeInMinutes": 60,
        "maximumLifetimeInMinutes": 480,
        "isUsableOnce": False,
        "includeTargets": [{"targetType": "group", "id": "all_users", "isRegistrationRequired": False}],
        "excludeTargets": [],
    }
