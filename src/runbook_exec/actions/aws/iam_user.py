"""`aws.iam_user`: an IAM user, its tags, its groups and its console password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.change import (
    Assumed,
    Change,
    Deferred,
    Effect,
    Evidence,
    Facts,
    Irreversible,
    Json,
    Ref,
    State,
)
from runbook_exec.errors import Invalid
from runbook_exec.values import THIS
from runbook_exec.way_back import nothing_left, remaining

if TYPE_CHECKING:
    from runbook_exec.actions.aws.session import Session

NAME = r"^[A-Za-z0-9+=,.@_-]{1,64}$"
TAG = "tag "
"""Before the name of a tag, where a change names it."""


class IamUserArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, Meta(description="the user's name", pattern=NAME)]
    state: Annotated[
        Literal["present", "absent"],
        Meta(description="absent: it is deleted, once its keys and policies are"),
    ] = "present"
    path: Annotated[str, Meta(description="of a new user: /staff/", pattern=r"^/([A-Za-z0-9._-]+/)*$")] = "/"
    tags: Annotated[dict[str, str], Meta(description="tags to set; other tags stay")] = field(
        default_factory=dict
    )
    groups: Annotated[list[str], Meta(description="IAM groups to be in; other memberships stay")] = field(
        default_factory=list
    )
    not_groups: Annotated[list[str], Meta(description="IAM groups not to be in")] = field(
        default_factory=list
    )
    console: Annotated[Literal["keep", "none"], Meta(description="none: the console password is removed")] = (
        "keep"
    )


@register
class IamUser(Action[IamUserArgs]):
    """Make an IAM user, change its tags and groups, take its console password away, or delete it.

    Only what is named is changed: other tags and memberships are somebody else's. A user is deleted
    only when it has no access keys, policies and MFA devices any more; the plan says which stand in
    the way. A console password that was removed is known to nobody, so it does not come back. A
    deleted user that is made again has a new id, and policies that name the old one do not fit it.
    """

    name = "aws.iam_user"
    destructive = True
    rights = Rights(
        read=(
            "iam:GetUser",
            "iam:ListGroupsForUser",
            "iam:GetLoginProfile",
            "iam:ListAccessKeys",
            "iam:ListAttachedUserPolicies",
            "iam:ListUserPolicies",
            "iam:ListMFADevices",
        ),
        apply=(
            "iam:CreateUser",
            "iam:DeleteUser",
            "iam:TagUser",
            "iam:UntagUser",
            "iam:AddUserToGroup",
            "iam:RemoveUserFromGroup",
            "iam:DeleteLoginProfile",
        ),
    )
    Args = IamUserArgs
    outputs: ClassVar[Mapping[str, str]] = {"user": "the user's name", "id": "the user's immutable id"}

    def reads(self, args: IamUserArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args.user),)

    def plan(self, args: IamUserArgs, facts: Facts) -> Change:
        both = sorted(set(args.groups) & set(args.not_groups))
        if both:
            raise Invalid(
                f"{both[0]!r} stands under groups and under not_groups", next_move="keep one of them"
            )
        now = facts.get(_ref(args.user))
        if args.state == "absent":
            return self._absent(args, now)
        if now is None:
            return self._new(args)
        return self._changed(args, now)

    def _new(self, args: IamUserArgs) -> Change:
        after: dict[str, Json] = {"path": args.path, **{TAG + k: v for k, v in sorted(args.tags.items())}}
        if args.groups:
            after["groups"] = dict.fromkeys(sorted(args.groups), True)
        known = {
            "path": args.path,
            "tags": dict(args.tags),
            "groups": sorted(args.groups),
            "console": False,
            "access_keys": {},
            "policies": [],
            "mfa": 0,
        }
        return Change(
            action=self.name,
            target=args.user,
            before=None,
            after=after,
            says={
                "en": f"{args.user} becomes a user in AWS" + _in(args.groups, " and a member of "),
                "de": f"{args.user} wird Benutzer in AWS" + _in(args.groups, " und Mitglied von "),
            },
            effects=(Effect(_ref(args.user), Assumed(known, step=THIS), whole=True),),
            writes=(args.user,),
            outputs={"user": args.user, "id": Deferred(THIS, "id")},
        )

    def _changed(self, args: IamUserArgs, now: Mapping[str, Json]) -> Change:
        before: dict[str, Json] = {}
        after: dict[str, Json] = {}
        for key, value in sorted(args.tags.items()):
            if now["tags"].get(key) != value:
                before[TAG + key], after[TAG + key] = now["tags"].get(key), value
        wanted = {**dict.fromkeys(args.groups, True), **dict.fromkeys(args.not_groups, False)}
        moved = {name: to for name, to in sorted(wanted.items()) if (name in now["groups"]) != to}
        if moved:
            before["groups"] = {name: not to for name, to in moved.items()}
            after["groups"] = moved
        if args.console == "none" and now["console"]:
            before["console"], after["console"] = True, False
        laid = {
            "tags": {**now["tags"], **args.tags},
            "groups": sorted((set(now["groups"]) | set(args.groups)) - set(args.not_groups)),
            "console": now["console"] and args.console == "keep",
        }
        return Change(
            action=self.name,
            target=args.user,
            identity=now.get("id"),
            before=before,
            after=after,
            says=_said(args.user, after),
            effects=(Effect(_ref(args.user), laid),) if after else (),
            writes=(args.user,),
            outputs={"user": args.user, "id": now.get("id")},
            destructive="console" in after or False in moved.values(),
        )

    def _absent(self, args: IamUserArgs, now: State) -> Change:
        why = []
        if now is not None:
            named = {"access keys": now["access_keys"], "policies": now["policies"]}
            why = [f"{what} {', '.join(found)}" for what, found in named.items() if found]
            why += [f"{now['mfa']} MFA devices"] if now["mfa"] else []
        return Change(
            action=self.name,
            target=args.user,
            identity=None if now is None else now.get("id"),
            before=None if now is None else _whole(now),
            after=None,
            says={
                "en": f"The AWS user {args.user} is deleted",
                "de": f"Der AWS-Benutzer {args.user} wird gelöscht",
            },
            effects=() if now is None else (Effect(_ref(args.user), None),),
            writes=(args.user,),
            destructive=True,
            blocked=f"{args.user} still has {' and '.join(why)}: take these away first" if why else "",
        )

    def apply(self, session: Session, args: IamUserArgs, change: Change, ctx: Context) -> Evidence:
        who: dict[str, Any] = {"UserName": change.target}
        before, after = change.before or {}, change.after or {}
        if change.after is None:
            if before.get("console"):
                session.send("iam", "delete_login_profile", fine=("NoSuchEntity",), **who)
            _move(session, who, dict.fromkeys(before.get("groups", {}), False))
            session.send("iam", "delete_user", **who)
            return Evidence(answer={"deleted": change.identity})
        identity = change.identity
        tags = [{"Key": k.removeprefix(TAG), "Value": v} for k, v in after.items() if k.startswith(TAG) and v]
        if change.before is None:
            made = session.send("iam", "create_user", Path=after["path"], Tags=tags, **who)
            identity = made["User"]["UserId"]
        elif tags:
            session.send("iam", "tag_user", Tags=tags, **who)
        gone = [name.removeprefix(TAG) for name, value in after.items() if name.startswith(TAG) and not value]
        if gone:
            session.send("iam", "untag_user", TagKeys=gone, **who)
        _move(session, who, after.get("groups", {}))
        if after.get("console") is False and before.get("console"):
            session.send("iam", "delete_login_profile", fine=("NoSuchEntity",), **who)
        outputs = {"user": change.target, "id": identity}
        return Evidence(answer={"id": identity}, outputs=outputs, undo={"id": identity})

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        before = dict(change.before or {})
        after = dict(change.after or {})
        notes: tuple[Any, ...] = ()
        if before.pop("console", False):
            after.pop("console", None)
            notes = (
                {
                    "en": "the console password does not come back; a new one can be set",
                    "de": "das Konsolenkennwort kommt nicht zurück; ein neues kann gesetzt werden",
                },
            )
            if not after and change.after is not None:
                return Irreversible(
                    reason="the former console password is known to nobody; a new one can be set"
                )
        back = Change(
            action=self.name,
            target=change.target,
            identity=evidence.undo.get("id") or change.identity,
            before=None if change.after is None else after,
            after=None if change.before is None else before,
            says={
                "en": f"The AWS user {change.target} is again as before the run",
                "de": f"Der AWS-Benutzer {change.target} ist wieder wie vor dem Lauf",
            },
            writes=change.writes,
            notes=notes,
            destructive=change.before is None,
        )
        return replace(back, identity=None) if change.after is None else back

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (_ref(back.target),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        now = facts.get(_ref(back.target))
        if (
            back.identity
            and now is not None
            and isinstance(now.get("id"), str)
            and now["id"] != back.identity
        ):
            left = {"user": {"left": back.identity, "found": now["id"]}}
            return nothing_left(back, left if back.after is not None else {})
        if now is None and back.before is not None and back.after is not None:
            return nothing_left(back, {"user": {"left": back.identity, "found": None}})
        return remaining(back, now and _against(back, now))


def _against(back: Change, now: Mapping[str, Json]) -> dict[str, Json]:
    """The world in the shape of a way back."""
    if back.before is None:  # to be made again: one that is there again is somebody else's
        return {**_whole(now), "user": now.get("id")}
    if back.after is None:
        extra = {name: now[name] for name in ("access_keys", "policies") if now[name]}
        found = {**_whole(now), **extra}
        if not found["console"]:
            del found["console"]
        return found
    wanted: dict[str, Json] = dict(back.after or {})
    found = {name: now["tags"].get(name.removeprefix(TAG)) for name in wanted if name.startswith(TAG)}
    if "groups" in wanted:
        found["groups"] = {name: name in now["groups"] for name in wanted["groups"]}
    return found


def _whole(now: Mapping[str, Json]) -> dict[str, Json]:
    groups = {"groups": dict.fromkeys(now["groups"], True)} if now["groups"] else {}
    tags = {TAG + key: value for key, value in sorted(now["tags"].items())}
    return {"path": now["path"], **tags, **groups, "console": now["console"]}


def _move(session: Session, who: Mapping[str, Any], groups: Mapping[str, bool]) -> None:
    for name, to in groups.items():
        if to:
            session.send("iam", "add_user_to_group", GroupName=name, **who)
        else:
            session.send("iam", "remove_user_from_group", fine=("NoSuchEntity",), GroupName=name, **who)


def _said(user: str, after: Mapping[str, Json]) -> dict[str, str]:
    joins = [name for name, to in after.get("groups", {}).items() if to]
    leaves = [name for name, to in after.get("groups", {}).items() if not to]
    tags = [name.removeprefix(TAG) for name in after if name.startswith(TAG)]
    en = [f"joins {', '.join(joins)}"] * bool(joins) + [f"leaves {', '.join(leaves)}"] * bool(leaves)
    de = [f"kommt zu {', '.join(joins)}"] * bool(joins) + [f"verlässt {', '.join(leaves)}"] * bool(leaves)
    if tags:
        en.append(f"gets the tags {', '.join(tags)}")
        de.append(f"erhält die Tags {', '.join(tags)}")
    if "console" in after:
        en.append("cannot sign in to the console any more")
        de.append("kann sich nicht mehr an der Konsole anmelden")
    return {
        "en": f"{user} in AWS " + (" and ".join(en) or "is as wanted"),
        "de": f"{user} in AWS " + (" und ".join(de) or "ist wie gewünscht"),
    }


def _in(groups: Sequence[str], words: str) -> str:
    return words + ", ".join(sorted(groups)) if groups else ""


def _ref(user: str) -> Ref:
    return Ref("aws.iam_user", user)
