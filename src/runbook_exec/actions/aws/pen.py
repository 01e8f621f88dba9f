"""What may leave this machine: the reads of a list always, the writes of a list with permission, nothing else. Pure.

boto3 knows thousands of operations. Here stand those that our actions need; any other is refused,
whatever the credentials would allow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from runbook_exec.errors import NoPen, Refused

READS = frozenset({
    "sts.GetCallerIdentity", "sts.AssumeRole", "sso.GetRoleCredentials", "sso-oidc.CreateToken",
    "iam.GetUser", "iam.ListGroupsForUser", "iam.GetLoginProfile", "iam.ListAccessKeys", "iam.GetAccessKeyLastUsed",
    "iam.ListAttachedUserPolicies", "iam.ListUserPolicies", "iam.ListMFADevices", "iam.SimulatePrincipalPolicy",
    "sso-admin.ListInstances", "identitystore.GetUserId", "identitystore.GetGroupId", "identitystore.DescribeUser",
    "identitystore.ListGroupMembershipsForMember",
    "secretsmanager.DescribeSecret",
    "s3.HeadObject", "s3.GetObjectLockConfiguration",
})  # fmt: skip
"""Operations that change nothing and give no secret away: `GetSecretValue` is none of them. Taking on
a role gives credentials and changes nothing."""

WRITES: Mapping[str, str] = {
    "iam.CreateUser": "UserName",
    "iam.DeleteUser": "UserName",
    "iam.TagUser": "UserName",
    "iam.UntagUser": "UserName",
    "iam.AddUserToGroup": "UserName",
    "iam.RemoveUserFromGroup": "UserName",
    "iam.DeleteLoginProfile": "UserName",
    "iam.UpdateAccessKey": "UserName",
    "iam.DeleteAccessKey": "UserName",
    "identitystore.CreateUser": "UserName",
    "identitystore.DeleteUser": "UserId",
    "identitystore.CreateGroupMembership": "GroupId",
    "identitystore.DeleteGroupMembership": "MembershipId",
    "secretsmanager.CreateSecret": "Name",
    "secretsmanager.PutSecretValue": "SecretId",
    "secretsmanager.UpdateSecretVersionStage": "SecretId",
    "secretsmanager.DeleteSecret": "SecretId",
    "secretsmanager.RestoreSecret": "SecretId",
    "s3.PutObject": "Key",
}
"""Operation → the parameter that names what it writes."""


def target(operation: str, params: Mapping[str, Any]) -> str:
    """The far-side name of what a write concerns, as in `Change.writes`."""
    name = str(params.get(WRITES[operation], ""))
    return f"{params.get('Bucket', '')}/{name}" if operation.startswith("s3.") else name


def check(operation: str, params: Mapping[str, Any], permitted: Collection[str] | None) -> None:
    """Raise unless the call may be made. `permitted` is None where nothing may be written."""
    if operation in READS:
        return
    if permitted is None:
        raise NoPen("a session that only reads was asked to write", where=f"aws {operation}")
    if operation not in WRITES:
        raise Refused("no action of ours makes this call", where=f"aws {operation}")
    if target(operation, params) not in permitted:
        raise Refused(f"{target(operation, params)} is not in the plan", where=f"aws {operation}")
