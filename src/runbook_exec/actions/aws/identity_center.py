"""`aws.identity_center`: a person in Identity Center's own directory, and their groups there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.change import Assumed, Change, Deferred, Effect, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.errors import Invalid, Refused
from runbook_exec.values import THIS
from runbook_exec.way_back import nothing_left, remaining

if TYPE_CHECKING:
    from runbook_exec.actions.aws.session import Session

_BY_STEP = "by this step"
"""Stands for the id of a membership that does not exist yet."""


class IdentityCenterArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, Meta(description="the user name, mostly the UPN", min_length=1, max_length=128)]
    state: Annotated[
        Literal["present", "absent"], Meta(description="absent: the person is deleted there")
    ] = "present"
    given_name: Annotated[str, Meta(description="of a new person", max_length=1024)] = ""
    surname: Annotated[str, Meta(description="of a new person", max_length=1024)] = ""
    mail: Annotated[str, Meta(description="of a new person", max_length=1024)] = ""
    groups: Annotated[list[str], Meta(description="groups to be in, by display name; others stay")] = field(
        default_factory=list
    )
    not_groups: Annotated[list[str], Meta(description="groups not to be in, by display name")] = field(
        default_factory=list
    )


@register
class IdentityCenter(Action[IdentityCenterArgs]):
    """Make a person in Identity Center, change their group memberships there, or delete them.

    For the directory that Identity Center keeps itself. Where people come to it by SCIM from Entra ID, they are made
    and removed there: leave this action out. Names and addresses of a person who exists are not changed.
    Deleting ends the person's sessions and assignments; somebody made anew has another id, so it cannot be undone.
    """

    name = "aws.identity_center"
    destructive = True
    rights = Rights(
        read=(
            "sso:ListInstances",
            "identitystore:GetUserId",
            "identitystore:GetGroupId",
            "identitystore:DescribeUser",
            "identitystore:ListGroupMembershipsForMember",
        ),
        apply=(
            "identitystore:CreateUser",
            "identitystore:DeleteUser",
            "identitystore:CreateGroupMembership",
            "identitystore:DeleteGroupMembership",
        ),
    )
    Args = IdentityCenterArgs
    outputs: ClassVar[Mapping[str, str]] = {"user": "the user name", "id": "the person's immutable id there"}

    def reads(self, args: IdentityCenterArgs, facts: Facts) -> Sequence[Ref]:
        groups = (*args.groups, *args.not_groups) if args.state == "present" else ()
        return (_ref(args.user), *dict.fromkeys(_group(name) for name in groups))

    def plan(self, args: IdentityCenterArgs, facts: Facts) -> Change:
        both = sorted(set(args.groups) & set(args.not_groups))
        if both:
            raise Invalid(
                f"{both[0]!r} stands under groups and under not_groups", next_move="keep one of them"
            )
        now = facts.get(_ref(args.user))
        if args.state == "absent":
            return self._absent(args, now)
        ids = _ids(args, facts)
        wanted = {**dict.fromkeys(sorted(args.groups), True), **dict.fromkeys(sorted(args.not_groups), False)}
        held = now["memberships"] if now is not None else {}
        moved = {name: to for name, to in wanted.items() if (ids[name] in held) != to}
        before: dict[str, Json] = {"groups": {name: not to for name, to in moved.items()}} if moved else {}
        after: dict[str, Json] = {"groups": moved} if moved else {}
        if now is None:
            after |= _new(args)
        laid = {group: held[group] for group in held if group not in {ids[n] for n in args.not_groups}}
        laid |= {ids[name]: laid.get(ids[name], _BY_STEP) for name in args.groups}
        whole = {"display_name": _called(args), "email": args.mail, "memberships": laid}
        return Change(
            action=self.name,
            target=args.user,
            identity=now.get("id") if now is not None else None,
            involves={name: ids[name] for name in moved},
            before=None if now is None else before,
            after=after,
            says=_said(args, moved, new=now is None),
            effects=(
                (Effect(_ref(args.user), Assumed(whole, step=THIS), whole=True),)
                if now is None
                else (Effect(_ref(args.user), {"memberships": laid}),)
                if moved
                else ()
            ),
            writes=(
                args.user,
                *(ids[name] for name, to in moved.items() if to),
                *(str(held[ids[name]]) for name, to in moved.items() if not to),
            ),
            outputs={"user": args.user, "id": Deferred(THIS, "id") if now is None else now.get("id")},
            destructive=False in moved.values(),
        )

    def _absent(self, args: IdentityCenterArgs, now: Json) -> Change:
        return Change(
            action=self.name,
            target=args.user,
            identity=None if now is None else now.get("id"),
            before=now and {"id": now.get("id"), "display_name": now["display_name"]},
            after=None,
            says={
                "en": f"{args.user} is deleted in Identity Center, with sessions and assignments",
                "de": f"{args.user} wird in Identity Center gelöscht, mit Sitzungen und Zuweisungen",
            },
            effects=(Effect(_ref(args.user), None),) if now is not None else (),
            writes=(str(now.get("id")),) if now is not None else (),
            destructive=True,
        )

    def apply(
        self, session: Session, args: IdentityCenterArgs | None, change: Change, ctx: Context
    ) -> Evidence:
        store: dict[str, Any] = {"IdentityStoreId": session.store()}
        if change.after is None:
            session.send("identitystore", "delete_user", UserId=str(change.identity), **store)
            return Evidence(answer={"deleted": change.identity})
        identity, after = change.identity, change.after
        if change.before is None:
            name = {"GivenName": after["given_name"], "FamilyName": after["surname"]}
            mail: dict[str, Any] = (
                {"Emails": [{"Value": after["mail"], "Primary": True}]} if after["mail"] else {}
            )
            made = session.send(
                "identitystore",
                "create_user",
                UserName=change.target,
                Name=name,
                DisplayName=after["display_name"],
                **mail,
                **store,
            )
            identity = made["UserId"]
        now = session.read([_ref(change.target)])[_ref(change.target)]
        held = now["memberships"] if now is not None else {}
        for group, to in after.get("groups", {}).items():
            number = str(change.involves[group])
            if to:
                session.send(
                    "identitystore",
                    "create_group_membership",
                    fine=("ConflictException",),
                    GroupId=number,
                    MemberId={"UserId": identity},
                    **store,
                )
            elif number in held:
                session.send("identitystore", "delete_group_membership", MembershipId=held[number], **store)
        outputs = {"user": change.target, "id": identity}
        return Evidence(answer={"id": identity}, outputs=outputs, undo={"id": identity})

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        if change.after is None:
            return Irreversible(
                reason="whoever is made anew in Identity Center has another id and no assignments"
            )
        made = change.before is None
        return Change(
            action=self.name,
            target=change.target,
            identity=evidence.undo.get("id") or change.identity,
            involves=change.involves,
            before=change.after if made else {"groups": change.after["groups"]},
            after=None if made else {"groups": (change.before or {})["groups"]},
            says={
                "en": f"{change.target} is in Identity Center again as before the run",
                "de": f"{change.target} ist in Identity Center wieder wie vor dem Lauf",
            },
            writes=change.writes,
            destructive=made,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (_ref(back.target),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        now = facts.get(_ref(back.target))
        if now is None or (back.identity and isinstance(now.get("id"), str) and now["id"] != back.identity):
            found = {"user": {"left": back.identity, "found": now and now.get("id")}}
            return nothing_left(back, found if back.after is not None else {})
        held = now["memberships"]
        names = {str(number): name for name, number in back.involves.items()}
        if back.after is None:
            groups = {names.get(number, number): True for number in held}
            found = {**(back.before or {}), "display_name": now["display_name"], "mail": now["email"]}
            found.pop("groups", None)
            left = remaining(back, {**found, **({"groups": groups} if groups else {})})
            return left if left.is_empty else replace(left, writes=(str(back.identity),))
        shown = {name: str(back.involves[name]) in held for name in back.after["groups"]}
        left = remaining(back, {"groups": shown})
        moved = (left.after or {}).get("groups", {})
        numbers = {name: str(back.involves[name]) for name in moved}
        return replace(
            left,
            writes=tuple(numbers[n] if to else str(held[numbers[n]]) for n, to in moved.items())
            or left.writes,
        )


def _new(args: IdentityCenterArgs) -> dict[str, Json]:
    if not (args.given_name or args.surname):
        raise Refused(
            f"{args.user} does not exist in Identity Center, and no name is given to make them",
            next_move="give given_name and surname",
        )
    return {
        "given_name": args.given_name or args.surname,
        "surname": args.surname or args.given_name,
        "display_name": _called(args),
        "mail": args.mail,
    }


def _called(args: IdentityCenterArgs) -> str:
    return f"{args.given_name} {args.surname}".strip() or args.user


def _ids(args: IdentityCenterArgs, facts: Facts) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in (*args.groups, *args.not_groups):
        state = facts.get(_group(name))
        if state is None:
            raise Refused(
                f"there is no group {name!r} in Identity Center", next_move="check the display name"
            )
        found[name] = str(state["id"])
    return found


def _said(args: IdentityCenterArgs, moved: Mapping[str, bool], *, new: bool) -> dict[str, str]:
    joins, leaves = (", ".join(name for name, to in moved.items() if to is which) for which in (True, False))
    en = [f"becomes a user ({_called(args)})"] * new + [f"joins {joins}"] * bool(joins)
    de = [f"wird Benutzer ({_called(args)})"] * new + [f"kommt zu {joins}"] * bool(joins)
    if leaves:
        en.append(f"leaves {leaves}")
        de.append(f"verlässt {leaves}")
    return {
        "en": f"{args.user} in Identity Center " + (" and ".join(en) or "is as wanted"),
        "de": f"{args.user} in Identity Center " + (" und ".join(de) or "ist wie gewünscht"),
    }


def _ref(user: str) -> Ref:
    return Ref("aws.identity_user", user)


def _group(name: str) -> Ref:
    return Ref("aws.identity_group", name)
