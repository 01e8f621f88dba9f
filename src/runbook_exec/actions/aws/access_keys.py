"""`aws.access_keys`: the access keys of an IAM user, listed, deactivated, deleted after a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.aws.iam_user import NAME
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.errors import Refused
from runbook_exec.way_back import nothing_left, remaining

if TYPE_CHECKING:
    from runbook_exec.actions.aws.session import Session


class AccessKeysArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, Meta(description="the IAM user's name", pattern=NAME)]
    state: Annotated[
        Literal["listed", "inactive", "absent"],
        Meta(description="listed: only told; inactive: they open nothing any more; absent: they are deleted"),
    ] = "inactive"
    keys: Annotated[list[str], Meta(description="ids of keys (AKIA…); all of the user's if left out")] = (
        field(default_factory=list)
    )
    idle_days: Annotated[
        int, Meta(description="absent: only where a key was not used for so many days", ge=0, le=3650)
    ] = 30


@register
class AccessKeys(Action[AccessKeysArgs]):
    """List an IAM user's access keys, make them inactive, or delete those that lay idle.

    An inactive key opens nothing and can be made active again, so it comes first: whatever still uses
    it shows itself. Deleted are only inactive keys that nobody used for `idle_days`; a deleted key
    does not come back. The secret half of a key is never read: AWS shows it once, to whoever made it.
    """

    name = "aws.access_keys"
    destructive = True
    rights = Rights(
        read=("iam:GetUser", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"),
        apply=("iam:UpdateAccessKey", "iam:DeleteAccessKey"),
    )
    Args = AccessKeysArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "keys": "the keys: `id`, `status`, `created`, `idle_days` (since the last use)"
    }

    def reads(self, args: AccessKeysArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args.user),)

    def plan(self, args: AccessKeysArgs, facts: Facts) -> Change:
        state = facts.get(_ref(args.user))
        if state is None:
            if args.state == "listed" or args.keys:
                raise Refused(f"there is no AWS user {args.user}", next_move="check the name")
            state = {"keys": {}}
        known: dict[str, dict[str, Json]] = dict(state["keys"])
        unknown = [key for key in args.keys if key not in known]
        if unknown and args.state != "absent":
            raise Refused(
                f"{args.user} has no key {unknown[0]}",
                next_move="state: listed shows the keys that there are",
            )
        chosen = {key: body for key, body in known.items() if not args.keys or key in args.keys}
        before, after, blocked = _wanted(args, chosen)
        laid = {
            key: {**body, "status": after.get(key, body["status"])}
            for key, body in known.items()
            if after.get(key, "") is not None
        }
        return Change(
            action=self.name,
            target=args.user,
            identity=state.get("id"),
            before=before,
            after=after,
            says=_said(args, after),
            effects=(Effect(_ref(args.user), {"keys": laid}),) if after else (),
            writes=(args.user,),
            outputs={"keys": [{"id": key, **body} for key, body in sorted(laid.items())]},
            blocked=blocked,
            destructive=args.state == "absent",
        )

    def apply(self, session: Session, args: AccessKeysArgs, change: Change, ctx: Context) -> Evidence:
        for key, status in (change.after or {}).items():
            about: dict[str, Any] = {"UserName": change.target, "AccessKeyId": key}
            if status is None:
                session.send("iam", "delete_access_key", fine=("NoSuchEntity",), **about)
            else:
                session.send("iam", "update_access_key", Status=status, **about)
        return Evidence(answer=dict(change.after or {}), outputs=change.outputs)

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        back = {key: status for key, status in (change.before or {}).items() if (change.after or {})[key]}
        if not back:
            return Irreversible(reason="a deleted access key does not come back; a new one can be made")
        return Change(
            action=self.name,
            target=change.target,
            identity=change.identity,
            before={key: (change.after or {})[key] for key in back},
            after=back,
            says={
                "en": f"Access keys of {change.target} are active again: {', '.join(back)}",
                "de": f"Zugriffsschlüssel von {change.target} sind wieder aktiv: {', '.join(back)}",
            },
            writes=change.writes,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (_ref(back.target),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        state = facts.get(_ref(back.target))
        if state is None or state.get("id") != back.identity:
            return nothing_left(back, {"user": {"left": back.identity, "found": state and state.get("id")}})
        left = remaining(back, {key: body["status"] for key, body in state["keys"].items()})
        keys = {
            key: {**body, "status": (left.after or {}).get(key, body["status"])}
            for key, body in state["keys"].items()
        }
        return left if left.is_empty else replace(left, effects=(Effect(_ref(back.target), {"keys": keys}),))


def _wanted(
    args: AccessKeysArgs, chosen: Mapping[str, Mapping[str, Json]]
) -> tuple[dict[str, Json], dict[str, Json], str]:
    """Status of each key that changes, before and after (None: gone), and what stands in the way."""
    match args.state:
        case "listed":
            return {}, {}, ""
        case "inactive":
            changed = {
                key: body["status"] for key, body in sorted(chosen.items()) if body["status"] != "Inactive"
            }
            return changed, dict.fromkeys(changed, "Inactive"), ""
    statuses = {key: body["status"] for key, body in sorted(chosen.items())}
    active = [key for key, status in statuses.items() if status != "Inactive"]
    used = [key for key in statuses if chosen[key]["idle_days"] < args.idle_days]
    why = ""
    if active:
        why = f"active: {', '.join(active)}; make it inactive first, and wait"
    elif used:
        why = f"used less than {args.idle_days} days ago: {', '.join(used)}"
    return statuses, dict.fromkeys(statuses, None), why


def _said(args: AccessKeysArgs, after: Mapping[str, Json]) -> dict[str, str]:
    names = ", ".join(after)
    if args.state == "listed":
        return {
            "en": f"The access keys of {args.user} are listed",
            "de": f"Die Zugriffsschlüssel von {args.user} werden aufgelistet",
        }
    if not after:
        return {
            "en": f"The access keys of {args.user} are as wanted",
            "de": f"Die Zugriffsschlüssel von {args.user} sind wie gewünscht",
        }
    if args.state == "inactive":
        return {
            "en": f"Access keys of {args.user} open nothing any more: {names}",
            "de": f"Zugriffsschlüssel von {args.user} öffnen nichts mehr: {names}",
        }
    return {
        "en": f"Idle access keys of {args.user} are deleted: {names}",
        "de": f"Ungenutzte Zugriffsschlüssel von {args.user} werden gelöscht: {names}",
    }


def _ref(user: str) -> Ref:
    return Ref("aws.access_keys", user)
