"""`aws.s3_evidence`: a text kept in S3 under Object Lock, which nobody can change or delete."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from runbook_exec import duration
from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.change import Change, Effect, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.errors import Failed, Invalid

if TYPE_CHECKING:
    from runbook_exec.actions.aws.session import Session

STORY = "the checklist of this run so far"


class S3EvidenceArgs(Args, frozen=True, kw_only=True):
    bucket: Annotated[
        str, Meta(description="a bucket with Object Lock", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    ]
    key: Annotated[
        str,
        Meta(
            description="name of the object: runs/{{ run.id }}/checklist.md",
            pattern=r"^[A-Za-z0-9!_.*'()/-]{1,900}$",
        ),
    ]
    text: Annotated[str, Meta(description="what is kept; if left out, the checklist of this run so far")] = ""
    retain: Annotated[str, Meta(description="how long nobody can delete it: 3650d", pattern=duration.PATTERN)]


@register
class S3Evidence(Action[S3EvidenceArgs]):
    """Keep a text in S3 under Object Lock: the checklist of this run, or what `text` says.

    It is kept in COMPLIANCE mode: until its time is over nobody can change or delete it, not even the
    account's root user. So it is never undone, and a slip in `retain` stays. An object that is there is
    never replaced. What was kept is proven by its SHA-256, which the journal has, too.
    """

    name = "aws.s3_evidence"
    undoable = False
    rereads = False
    rights = Rights(
        read=(
            "s3:GetObject",
            "s3:GetObjectRetention",
            "s3:ListBucket",
            "s3:GetBucketObjectLockConfiguration",
        ),
        apply=("s3:PutObject", "s3:PutObjectRetention"),
    )
    Args = S3EvidenceArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "object": "bucket and key",
        "version": "the id of the version that is locked",
        "sha256": "SHA-256 of what is kept, in hex",
        "retain_until": "until when nobody can delete it",
    }

    def reads(self, args: S3EvidenceArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args), Ref("aws.bucket", args.bucket))

    def plan(self, args: S3EvidenceArgs, facts: Facts) -> Change:
        days = _days(args.retain)
        now, bucket = facts.get(_ref(args)), facts.get(Ref("aws.bucket", args.bucket)) or {"locks": False}
        name = f"{args.bucket}/{args.key}"
        digest = hashlib.sha256(args.text.encode()).hexdigest() if args.text else ""
        there = now is not None and bool(digest) and now["sha256"] == digest
        blocked = ""
        if not bucket["locks"]:
            blocked = f"the bucket {args.bucket} does not exist or has no Object Lock"
        elif now is not None and not there:
            blocked = f"{name} is there already and holds something else; nothing is replaced"
        kept = {"sha256": digest} if digest else {"content": STORY}
        after: dict[str, Json] = {**kept, "retain_days": days}
        until = f"{days} days"
        return Change(
            action=self.name,
            target=name,
            before=after if there else None,
            after=after,
            says={
                "en": f"{'A text' if digest else 'The checklist of this run'} is kept in {name} for {until}, undeletable",
                "de": f"{'Ein Text' if digest else 'Die Checkliste dieses Laufs'} wird in {name} aufbewahrt, "
                f"{days} Tage unlöschbar",
            },
            effects=()
            if there
            else (
                Effect(
                    _ref(args),
                    {"version": "", "sha256": digest, "mode": "COMPLIANCE", "retain_until": "", "by": ""},
                    whole=True,
                ),
            ),
            writes=(name,),
            outputs={
                "object": name,
                **({"version": now["version"], "sha256": digest} if now is not None and there else {}),
            },
            blocked=blocked,
        )

    def apply(self, session: Session, args: S3EvidenceArgs, change: Change, ctx: Context) -> Evidence:
        content = (args.text or ctx.story()).encode()
        digest, by = hashlib.sha256(content).hexdigest(), f"{ctx.run}/{ctx.step}"
        session.send(
            "s3",
            "put_object",
            fine=("PreconditionFailed",),  # it is there: below it shows whether it is ours
            Bucket=args.bucket,
            Key=args.key,
            Body=content,
            ContentType="text/markdown; charset=utf-8",
            ChecksumAlgorithm="SHA256",
            IfNoneMatch="*",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=ctx.now() + timedelta(days=_days(args.retain)),
            Metadata={"sha256": digest, "by": by},
        )
        found = session.read([_ref(args)])[_ref(args)]
        if found is None or (found["by"] != by and found["sha256"] != digest):
            raise Failed(
                f"{change.target} holds something else meanwhile",
                where=change.target,
                next_move="take another key; nothing was replaced",
            )
        told = {name: found[name] for name in ("version", "sha256", "retain_until")}
        return Evidence(answer={**told, "mode": found["mode"]}, outputs={"object": change.target, **told})

    def verify(self, session: Session, args: S3EvidenceArgs, change: Change, evidence: Evidence) -> str:
        now = session.read([_ref(args)])[_ref(args)]
        if now is None or now["sha256"] != evidence.answer["sha256"]:
            return f"{change.target} is not there"
        if now["mode"] != "COMPLIANCE" or not now["retain_until"]:
            return f"{change.target} is there and not locked"
        lasts = datetime.fromisoformat(now["retain_until"]) - datetime.fromisoformat(
            evidence.answer["retain_until"]
        )
        return "" if lasts >= timedelta(0) else f"{change.target} is locked for a shorter time"

    def undo(self, change: Change, evidence: Any) -> Irreversible:
        return Irreversible(reason="nobody can delete it until its time is over; that is what it is for")


def _days(retain: str) -> int:
    days = int(duration.seconds(retain) // 86400)
    if days < 1:
        raise Invalid(f"retain is {retain}, less than a day", next_move="write how long: retain: 3650d")
    return days


def _ref(args: S3EvidenceArgs) -> Ref:
    return Ref("aws.object", f"{args.bucket}/{args.key}")
