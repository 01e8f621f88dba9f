"""A temporary access pass: how somebody signs in for the first time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec import duration
from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import administrator, person
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.moment import utc
from runbook_exec.actions.graph.session import LAG, Session, awaited
from runbook_exec.change import Change, Deferred, Evidence, Facts, Irreversible, Json, Ref, Words
from runbook_exec.secret import Secret
from runbook_exec.values import THIS
from runbook_exec.way_back import remaining

POLICY = Ref("graph.access_pass_policy", "all")
PASS = "access_pass"  # noqa: S105 - a name
METHODS = ("authentication", "temporaryAccessPassMethods")


class AccessPassArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="for whom: UPN or id", min_length=1)]
    lifetime: Annotated[
        str,
        msgspec.Meta(description="how long it is good: 1h; the policy sets bounds", pattern=duration.PATTERN),
    ] = "1h"
    valid_from: Annotated[
        str, msgspec.Meta(description="from when, with time zone: 2026-03-02T08:00:00+01:00; empty: at once")
    ] = ""
    one_time: Annotated[bool, msgspec.Meta(description="good for one sign-in only")] = True


@register
class AccessPass(Action[AccessPassArgs]):
    """Make a temporary access pass, a secret for a later step to hand over.

    The tenant's policy is read first: a pass that the policy forbids, or that its owner could
    not use, is not made. A person has one pass at most: a new one ends the old one, and the plan
    says so. The pass is shown to nobody by this step and is never kept. It opens the cloud;
    a hybrid-joined PC still wants the directory password at its first sign-in. No pass is made for an
    administrator: whoever can make one could become one.
    """

    name = "graph.access_pass"
    hands_out = True
    rereads = False
    Args = AccessPassArgs
    rights = Rights(
        read=(
            "User.Read.All",
            ("UserAuthMethod-TAP.Read.All", "UserAuthenticationMethod.Read.All"),
            ("Policy.Read.AuthenticationMethod", "Policy.Read.All"),
            administrator.RIGHT,
        ),
        apply=(("UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"),),
    )
    outputs: ClassVar[Mapping[str, str]] = {
        PASS: "the pass (secret)",
        "valid_from": "when it begins to be good",
        "valid_until": "when it ends",
    }

    def reads(self, args: AccessPassArgs, facts: Facts) -> Sequence[Ref]:
        user = person.ref(args.user)
        refs = [user, Ref("graph.access_passes", user.key), POLICY]
        refs.append(administrator.ref(user.key))
        return [*refs, *(_membership(group, user.key) for group in _groups(facts.get(POLICY)))]

    def plan(self, args: AccessPassArgs, facts: Facts) -> Change:
        key = args.user.strip().lower()
        user = person.existing(facts.get(person.ref(key)), key)
        policy = facts.get(POLICY) or {"state": "disabled"}
        minutes = _minutes(args)
        start = _start(args.valid_from)
        old = _old(user, facts.get(Ref("graph.access_passes", key)))
        notes: list[Words] = []
        if isinstance(old, dict):
            notes.append(
                {"en": "it ends the pass that is there", "de": "er beendet den vorhandenen Zugriffspass"}
            )
        if person.is_assumed(user):
            notes.append(
                {
                    "en": "whether the policy lets this person use it is checked when the account exists",
                    "de": "ob die Richtlinie ihn dieser Person erlaubt, wird geprüft, sobald es das Konto gibt",
                }
            )
        who = person.called(user, key)
        return Change(
            action=self.name,
            target=key,
            before={PASS: old},
            after={
                PASS: {"from": args.valid_from or "at once", "minutes": minutes, "one_time": args.one_time}
            },
            says={
                "en": f"{who} gets a temporary access pass for {duration.words(minutes * 60.0)}",
                "de": f"{who} bekommt einen befristeten Zugriffspass für {duration.words(minutes * 60.0)}",
            },
            identity=user.get("id"),
            writes=person.names(user, key),
            outputs={
                PASS: Secret.planned(f"a temporary access pass for {duration.words(minutes * 60.0)}"),
                "valid_from": _text(start) if start else Deferred(THIS, "valid_from"),
                "valid_until": _text(start + timedelta(minutes=minutes))
                if start
                else Deferred(THIS, "valid_until"),
            },
            notes=tuple(notes),
            blocked=administrator.why_not(facts, key, who) or "; ".join(_why_not(args, policy, facts, user)),
        )

    def apply(self, session: Session, args: AccessPassArgs, change: Change, ctx: Context) -> Evidence:
        who, wanted = str(change.identity), (change.after or {}).get(PASS)
        if wanted is None:
            gone = path("users", who, *METHODS, str((change.before or {})[PASS]["id"]))
            session.send(Message(method="DELETE", path=gone), ctx, lag=0)
            return Evidence(answer={"ended": True})
        body: dict[str, Json] = {"lifetimeInMinutes": wanted["minutes"], "isUsableOnce": wanted["one_time"]}
        if wanted["from"] != "at once":
            start = _start(str(wanted["from"]))
            assert start is not None
            body["startDateTime"] = _text(start)
        asked = Message(method="POST", path=path("users", who, *METHODS), body=body)
        # A pass whose answer was lost is worth nothing: nobody knows it. The next one ends it.
        made = session.create(asked, ctx, lambda: None)
        start = _start(str(made["startDateTime"]))
        assert start is not None
        end = start + timedelta(minutes=int(made["lifetimeInMinutes"]))
        return Evidence(
            answer={"id": made["id"], "valid_from": _text(start), "valid_until": _text(end)},
            outputs={
                PASS: Secret(str(made["temporaryAccessPass"]), rule="a temporary access pass"),
                "valid_from": _text(start),
                "valid_until": _text(end),
            },
            undo={"id": made["id"]},
        )

    def verify(self, session: Session, args: AccessPassArgs, change: Change, evidence: Evidence) -> str:
        ref = Ref("graph.access_passes", str(change.identity))
        wanted = evidence.answer.get("id")

        def there() -> bool | None:
            passes = (session.read([ref])[ref] or {"passes": []})["passes"]
            return True if any(entry["id"] == wanted for entry in passes) else None

        return "" if wanted is None or awaited(there, LAG) else "the pass is not there"

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        if not evidence.undo.get("id"):
            return Irreversible(reason="nobody knows which pass it was; it ends by itself")
        return Change(
            action=self.name,
            target=change.target,
            before={PASS: {"id": evidence.undo["id"]}},
            after={PASS: None},
            says={
                "en": f"The temporary access pass of {change.target} ends",
                "de": f"Der befristete Zugriffspass von {change.target} endet",
            },
            identity=change.identity,
            writes=change.writes,
            notes=("a pass that this one had ended does not come back",),
            destructive=True,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (Ref("graph.access_passes", person.ref_back(back).key),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ours = (back.before or {})[PASS]
        state = facts.get(Ref("graph.access_passes", person.ref_back(back).key)) or {"passes": []}
        there = any(entry["id"] == ours["id"] for entry in state["passes"])
        return remaining(back, {PASS: ours if there else None})


def _minutes(args: AccessPassArgs) -> int:
    return round(duration.seconds(args.lifetime) / 60)


def _old(user: Any, state: Any) -> Json:
    if state is None:
        return Deferred(user.step, PASS) if person.is_assumed(user) else None
    for entry in state["passes"]:
        return {"from": entry["startDateTime"], "minutes": entry["lifetimeInMinutes"]}
    return None


def _start(text: str) -> datetime | None:
    return utc("valid_from", text, "2026-03-02T08:00:00+01:00")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _groups(policy: Any) -> list[str]:
    targets = [*(policy or {}).get("includeTargets", ()), *(policy or {}).get("excludeTargets", ())]
    return [str(target["id"]) for target in targets if target["id"] != "all_users"]


def _membership(group: str, user: str) -> Ref:
    return Ref("graph.membership", f"{group},{user}")


def _why_not(args: AccessPassArgs, policy: Any, facts: Facts, user: Any) -> list[str]:
    key, minutes = args.user.strip().lower(), _minutes(args)
    if policy["state"] != "enabled":
        return [
            "the tenant's policy allows no temporary access passes: enable them under authentication methods"
        ]
    least, most = policy["minimumLifetimeInMinutes"], policy["maximumLifetimeInMinutes"]
    why = []
    if not least <= minutes <= most:
        why.append(f"the policy allows passes from {least} to {most} minutes, not {minutes}")
    if policy["isUsableOnce"] and not args.one_time:
        why.append("the policy allows one-time passes only: give one_time: true")
    if not person.is_assumed(user) and not _may_use(policy, facts, key):
        why.append(f"the policy does not let {person.called(user, key)} sign in with a pass")
    return why


def _may_use(policy: Any, facts: Facts, key: str) -> bool:
    def inside(targets: Any) -> bool:
        return any(
            target["id"] == "all_users"
            or (facts.get(_membership(str(target["id"]), key)) or {}).get("member")
            for target in targets
        )

    return inside(policy.get("includeTargets", ())) and not inside(policy.get("excludeTargets", ()))
