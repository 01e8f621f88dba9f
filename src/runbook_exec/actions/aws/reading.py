"""The kinds of things that can be read.

- `aws.iam_user` (name): `id`, `path`, `tags`, `groups`, `console` (has a password), `access_keys` (id → status),
  `policies`, `mfa` (how many devices).
- `aws.access_keys` (user name): the user's `id` and `keys`: id → `status`, `created`, `idle_days` (since last use).
- `aws.identity_user` (user name): `id`, `display_name`, `email`, `memberships` (group id → membership id).
- `aws.identity_group` (display name): `id`. `aws.identity_store` (`default`): `id`.
- `aws.secret` (name): `arn`, `version` (the current one), `previous`, `deleted`, `rotates`; never the value.
- `aws.object` (`bucket/key`): `version`, `sha256`, `mode`, `retain_until`, `by` (the run and step that put it).
- `aws.bucket` (name): `locks`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runbook_exec.change import Ref, State
from runbook_exec.errors import Invalid, NotAllowed

if TYPE_CHECKING:
    from runbook_exec.actions.aws.session import Session

GONE = ("NoSuchEntity",)
ABSENT = ("ResourceNotFoundException",)
NO_OBJECT = ("404", "NoSuchKey", "NotFound")


def read(session: Session, ref: Ref) -> State:
    """The state of one thing; None where it does not exist."""
    known = _KINDS.get(ref.kind)
    if known is None:
        raise Invalid(f"AWS cannot be asked for {ref.kind}", next_move="known kinds: " + ", ".join(_KINDS))
    return known(session, ref.key)


def _iam_user(session: Session, name: str) -> State:
    who: dict[str, Any] = {"UserName": name}
    found = session.ask("iam", "get_user", missing=GONE, **who)
    if found is None:
        return None
    groups, console, keys, attached, inline, mfa = session.together(
        lambda: session.every("iam", "list_groups_for_user", "Groups", **who),
        lambda: session.ask("iam", "get_login_profile", missing=GONE, **who),
        lambda: session.every("iam", "list_access_keys", "AccessKeyMetadata", **who),
        lambda: session.every("iam", "list_attached_user_policies", "AttachedPolicies", **who),
        lambda: session.every("iam", "list_user_policies", "PolicyNames", **who),
        lambda: session.every("iam", "list_mfa_devices", "MFADevices", **who),
    )
    user = found["User"]
    return {
        "id": user["UserId"],
        "path": user["Path"],
        "tags": {tag["Key"]: tag["Value"] for tag in user.get("Tags", ())},
        "groups": sorted(group["GroupName"] for group in groups),
        "console": console is not None,
        "access_keys": {key["AccessKeyId"]: key["Status"] for key in keys},
        "policies": sorted([*(one["PolicyName"] for one in attached), *inline]),
        "mfa": len(mfa),
    }


def _access_keys(session: Session, name: str) -> State:
    found = session.ask("iam", "get_user", missing=GONE, UserName=name)
    if found is None:
        return None
    listed = session.every("iam", "list_access_keys", "AccessKeyMetadata", UserName=name)
    used = (
        session.together(*(lambda key=key: _last_used(session, key["AccessKeyId"]) for key in listed))
        if listed
        else []
    )
    now = datetime.now(UTC)
    return {
        "id": found["User"]["UserId"],
        "keys": {
            key["AccessKeyId"]: {
                "status": key["Status"],
                "created": key["CreateDate"].astimezone(UTC).isoformat(timespec="seconds"),
                "idle_days": (now - (last or key["CreateDate"])).days,
            }
            for key, last in zip(listed, used, strict=True)
        },
    }


def _last_used(session: Session, key: str) -> datetime | None:
    found = session.ask("iam", "get_access_key_last_used", missing=GONE, AccessKeyId=key)
    last: datetime | None = (found or {}).get("AccessKeyLastUsed", {}).get("LastUsedDate")
    return last


def _identity_store(session: Session, key: str) -> State:
    found = session.store()
    return {"id": found} if found else None


def _store_of(session: Session) -> str:
    found = session.store()
    if not found:
        raise NotAllowed(
            "there is not one Identity Center in this account and region, or it may not be seen",
            where=session.access.where,
            next_move="name it in the connection: identity_store: d-1234567890",
        )
    return found


def _identity_user(session: Session, name: str) -> State:
    store = _store_of(session)
    unique = {"UniqueAttribute": {"AttributePath": "userName", "AttributeValue": name}}
    found = session.ask(
        "identitystore", "get_user_id", missing=ABSENT, IdentityStoreId=store, AlternateIdentifier=unique
    )
    if found is None:
        return None
    who = {"IdentityStoreId": store, "UserId": found["UserId"]}
    user, memberships = session.together(
        lambda: session.ask("identitystore", "describe_user", missing=ABSENT, **who),
        lambda: session.every(
            "identitystore",
            "list_group_memberships_for_member",
            "GroupMemberships",
            IdentityStoreId=store,
            MemberId={"UserId": found["UserId"]},
        ),
    )
    if user is None:
        return None
    return {
        "id": user["UserId"],
        "display_name": user.get("DisplayName", ""),
        "email": next((one.get("Value", "") for one in user.get("Emails", ())), ""),
        "memberships": {one["GroupId"]: one["MembershipId"] for one in memberships},
    }


def _identity_group(session: Session, name: str) -> State:
    unique = {"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": name}}
    found = session.ask(
        "identitystore",
        "get_group_id",
        missing=ABSENT,
        IdentityStoreId=_store_of(session),
        AlternateIdentifier=unique,
    )
    return None if found is None else {"id": found["GroupId"]}


def _secret(session: Session, name: str) -> State:
    found = session.ask("secretsmanager", "describe_secret", missing=ABSENT, SecretId=name)
    if found is None:
        return None
    stages = {
        stage: version
        for version, named in (found.get("VersionIdsToStages") or {}).items()
        for stage in named
    }
    return {
        "arn": found["ARN"],
        "version": stages.get("AWSCURRENT", ""),
        "previous": stages.get("AWSPREVIOUS", ""),
        "deleted": bool(found.get("DeletedDate")),
        "rotates": bool(found.get("RotationEnabled")),
    }


def _object(session: Session, name: str) -> State:
    bucket, _, key = name.partition("/")
    found = session.ask("s3", "head_object", missing=NO_OBJECT, Bucket=bucket, Key=key)
    if found is None:
        return None
    kept, about = found.get("ObjectLockRetainUntilDate"), found.get("Metadata", {})
    return {
        "version": found.get("VersionId", ""),
        "sha256": about.get("sha256", ""),
        "mode": found.get("ObjectLockMode", ""),
        "retain_until": kept.astimezone(UTC).isoformat(timespec="seconds") if kept else "",
        "by": about.get("by", ""),
    }


def _bucket(session: Session, name: str) -> State:
    missing = ("ObjectLockConfigurationNotFoundError", "NoSuchBucket")
    found = session.ask("s3", "get_object_lock_configuration", missing=missing, Bucket=name)
    lock: Any = (found or {}).get("ObjectLockConfiguration", {})
    return {"locks": lock.get("ObjectLockEnabled") == "Enabled"}


_KINDS: dict[str, Callable[[Session, str], State]] = {
    "aws.iam_user": _iam_user,
    "aws.access_keys": _access_keys,
    "aws.identity_store": _identity_store,
    "aws.identity_user": _identity_user,
    "aws.identity_group": _identity_group,
    "aws.secret": _secret,
    "aws.object": _object,
    "aws.bucket": _bucket,
}
