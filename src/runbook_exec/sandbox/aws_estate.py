"""What the company has in AWS: users with keys and groups, people in Identity Center, secrets, and two buckets."""

from __future__ import annotations

from typing import Any

from runbook_exec.sandbox.company import load
from runbook_exec.sandbox.company_model import Person

REGION, STORE, ACCOUNT = "eu-central-1", "d-9067642ac7", "123456789012"

ADMINS, DEVELOPERS = "aws-administration", "aws-entwicklung"
GROUPS = {"it": ADMINS, "engineering": DEVELOPERS}
"""Role profile → the group of its people, in IAM and in Identity Center alike."""

SECRETS = ("erp/schnittstelle", "backup/passphrase")
BUCKETS = ("kranich-nachweise", "kranich-blackbox")
"""Both with Object Lock: evidence, and copies of checkpoints."""

FIRST_VALUE = "as on the first day"
"""Of every secret, until somebody rotates it."""

SERVICE = "erp-schnittstelle"
"""A user that is nobody's: its key is in use."""


def residents() -> list[Person]:
    """The people with an AWS user: all of IT, and who designs."""
    return [person for person in load().people if person.profile in GROUPS]


def first_day() -> dict[str, dict[str, Any]]:
    """By user name: what is there at first, as `mirrored` shows it later."""
    found: dict[str, dict[str, Any]] = {
        person.sam: {
            "user": person.sam,
            "name": person.upn,
            "groups": [GROUPS[person.profile]],
            "console": True,
            "access_keys": ["Active"] if person.profile == "it" else [],
            "identity_center": [GROUPS[person.profile]],
        }
        for person in residents()
    }
    found[SERVICE] = {
        "user": SERVICE, "name": "", "groups": [], "console": False, "access_keys": ["Active"], "identity_center": None,
    }  # fmt: skip
    return found


def move_in() -> None:
    """Put all of it into moto, in this process."""
    from moto.backends import get_backend

    iam = get_backend("iam")[ACCOUNT]["aws"]
    store = get_backend("identitystore")[ACCOUNT][REGION]
    for group in GROUPS.values():
        iam.create_group(group)
    ids = {group: store.create_group(STORE, group, "")[0] for group in GROUPS.values()}
    for person in residents():
        group = GROUPS[person.profile]
        iam.create_user(REGION, person.sam)
        iam.add_user_to_group(group, person.sam)
        iam.create_login_profile(person.sam, "Rehearsed-only-1")
        if person.profile == "it":
            iam.create_access_key(person.sam)
        name = {"GivenName": person.given or person.surname, "FamilyName": person.surname}
        user, _ = store.create_user(
            STORE, person.upn, name, person.name, "", "", [{"Value": person.upn, "Primary": True}],
            [], [], "", person.title, person.lang, "", "",
        )  # fmt: skip
        store.create_group_membership(STORE, ids[group], {"UserId": user})
    iam.create_user(REGION, SERVICE)
    iam.create_access_key(SERVICE)
    for secret in SECRETS:
        get_backend("secretsmanager")[ACCOUNT][REGION].create_secret(
            name=secret, secret_string=FIRST_VALUE, description="", tags=[], kms_key_id=None,
            client_request_token=None, replica_regions=[], force_overwrite=False, secret_binary=None,
        )  # fmt: skip
    for bucket in BUCKETS:
        made = get_backend("s3")[ACCOUNT]["aws"].create_bucket(bucket, REGION)
        made.object_lock_enabled = True
        made.versioning_status = "Enabled"


def mirrored() -> dict[str, dict[str, Any]]:
    """By user name: what is there now about people; plain data for the shelf."""
    from moto.backends import get_backend

    iam = get_backend("iam")[ACCOUNT]["aws"]
    found: dict[str, dict[str, Any]] = {}
    for user in iam.users.values():
        found[user.name] = {
            "user": user.name,
            "name": next((person.upn for person in load().humans if person.sam == user.name), ""),
            "groups": sorted(group.name for group in iam.get_groups_for_user(user.name)),
            "console": user.password is not None,
            "access_keys": [key.status for key in user.access_keys],
            "identity_center": None,
        }
    held = get_backend("identitystore")[ACCOUNT][REGION].identity_stores.get(STORE)
    if held is None:
        return found
    names = {number: group.DisplayName for number, group in held.groups.items()}
    users = {one["name"]: one for one in found.values() if one["name"]}
    for user in held.users.values():
        groups = [
            names.get(m["GroupId"], "?")
            for m in held.group_memberships.values()
            if m["MemberId"]["UserId"] == user.UserId
        ]
        own = users.get(user.UserName) or found.setdefault(
            user.UserName, {"user": None, "name": user.UserName, "identity_center": None}
        )
        own["identity_center"] = sorted(groups)
    return found
