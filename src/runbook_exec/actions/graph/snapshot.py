"""What a user has in the cloud, recorded before anything is done to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, get_args

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import administrator, person
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Deferred, Evidence, Facts, Json, Nature, Ref
from runbook_exec.errors import NotAllowed, Refused
from runbook_exec.values import THIS

Part = Literal[
    "licences",
    "groups",
    "owned",
    "admin_roles",
    "app_roles",
    "grants",
    "authentication_methods",
    "devices",
    "managed_devices",
    "drive",
    "mailbox",
    "inbox_rules",
    "manager",
    "last_sign_in",
]
PARTS: tuple[Part, ...] = get_args(Part)
UNKNOWN = "unknown"


class SnapshotArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose: UPN or id", min_length=1)]
    only: Annotated[
        list[Part], msgspec.Meta(description="parts to record: [groups, owned]; empty: every part")
    ] = msgspec.field(default_factory=list)


@register
class Snapshot(Action[SnapshotArgs]):
    """Record what a user has in the cloud: licences, groups, ownerships, roles, applications, devices, mail and files.

    Nothing is written. Each part is a value for later steps: `{{ before.groups.groups }}` for a `for_each`
    over memberships, say. A part that there is none of (no mailbox, no OneDrive) is empty; one that the
    application may not see is the text `unknown`, and the evidence says why. Phone numbers are cut to their
    last two digits; no secret is read.
    """

    name = "graph.snapshot"
    nature = Nature.COMPUTES
    undoable = False
    Args = SnapshotArgs
    rights = Rights(
        read=(
            "User.Read.All",
            "GroupMember.Read.All",
            administrator.RIGHT,
            "Directory.Read.All",
            "UserAuthenticationMethod.Read.All",
            "Device.Read.All",
            "DeviceManagementManagedDevices.Read.All",
            "Files.Read.All",
            "MailboxSettings.Read",
            "AuditLog.Read.All",
        )
    )
    outputs: ClassVar[Mapping[str, str]] = {
        "account": "the user's properties",
        "licences": "part number → direct, group, or both",
        "groups": "groups: id → name and what governs it (cloud, directory, rule, exchange, roles)",
        "owned": "groups: id → name, of which the user is an owner",
        "admin_roles": "roles: administrator roles, through groups too",
        "app_roles": "assignment id → application and role",
        "grants": "consent id → client, resource and scope",
        "authentication_methods": "methods, and mfa_registered",
        "devices": "device id → name, enabled",
        "managed_devices": "id in Intune → name, state, whether encrypted",
        "drive": "id, address, used bytes",
        "mailbox": "mailbox settings with userPurpose",
        "inbox_rules": "rules: id → name, enabled, forwards_to",
        "manager": "id, name and UPN",
        "last_sign_in": "at: when",
    }

    def reads(self, args: SnapshotArgs, facts: Facts) -> Sequence[Ref]:
        return (person.ref(args.user),)

    def plan(self, args: SnapshotArgs, facts: Facts) -> Change:
        key = person.ref(args.user).key
        user = person.existing(facts.get(person.ref(key)), key)
        who, parts = person.called(user, key), args.only or list(PARTS)
        return Change(
            action=self.name,
            target=key,
            identity=user.get("id"),
            before=None,
            after={"snapshot": sorted(parts)},
            says={
                "en": f"What {who} has in the cloud is recorded as it is",
                "de": f"Was {who} in der Cloud hat, wird festgehalten, wie es ist",
            },
            # Known only when it is taken: steps before it may change what it shows.
            outputs={part: Deferred(THIS, part) for part in ("account", *parts)},
        )

    def apply(self, session: Session, args: SnapshotArgs, change: Change, ctx: Context) -> Evidence:
        key = str(change.identity or change.target)
        account = session.read([person.ref(key)])[person.ref(key)]
        if account is None:
            raise Refused(f"{change.target} is gone", next_move="somebody deleted or renamed it: plan again")
        parts: list[str] = list((change.after or {})["snapshot"])
        taken: dict[str, Json] = {"account": dict(account)}
        unseen: dict[str, Json] = {}
        for part in parts:
            ref = Ref(f"graph.{part}", key)
            try:
                taken[part] = dict(session.read([ref])[ref] or {})
            except NotAllowed as error:
                taken[part], unseen[part] = UNKNOWN, error.what
        answer = {**taken, **({"may not be seen": unseen} if unseen else {})}
        return Evidence(answer=answer, outputs=taken)
