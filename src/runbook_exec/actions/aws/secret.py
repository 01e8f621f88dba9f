"""`aws.secret`: a secret in Secrets Manager gets a new value, or is put into its recovery window."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Irreversible, Ref
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret as SecretValue
from runbook_exec.values import THIS
from runbook_exec.way_back import nothing_left, remaining

if TYPE_CHECKING:
    from runbook_exec.actions.aws.session import Session

WINDOW = 30
"""Days for which a deleted secret can be restored; AWS takes 7 to 30."""


class SecretArgs(Args, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="the secret's name", pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$")]
    state: Annotated[
        Literal["present", "absent"], Meta(description=f"absent: deleted, restorable for {WINDOW} days")
    ] = "present"
    value: Annotated[SecretValue | None, Meta(description="the new value: an output of secret.generate")] = (
        None
    )
    description: Annotated[str, Meta(description="of a new secret", max_length=2048)] = ""


@register
class Secret(Action[SecretArgs]):
    """Put a new value into a secret of AWS Secrets Manager, making it where it does not exist; or delete it.

    Together with `secret.generate` this is a rotation: the value goes from memory to AWS, is shown nowhere and
    never read back; what is read are the version and its stage. The former value stays as the version before,
    so undoing moves the stage AWSCURRENT back to it. Whoever uses the secret must fetch it again. A secret that
    AWS itself rotates is left alone. Deleting begins a window of 30 days in which it can be restored.
    """

    name = "aws.secret"
    destructive = True
    rereads = False
    rights = Rights(
        read=("secretsmanager:DescribeSecret",),
        apply=(
            "secretsmanager:CreateSecret",
            "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecretVersionStage",
            "secretsmanager:DeleteSecret",
            "secretsmanager:RestoreSecret",
        ),
    )
    Args = SecretArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "name": "the secret's name",
        "version": "the id of its new version",
    }

    def reads(self, args: SecretArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args.name),)

    def plan(self, args: SecretArgs, facts: Facts) -> Change:
        now = facts.get(_ref(args.name))
        if args.state == "absent":
            return self._absent(args, now)
        if args.value is None:
            raise Invalid(
                f"there is no value for {args.name}",
                next_move='give value: "{{ step.value }}" of secret.generate',
            )
        blocked = ""
        if now is not None and now["deleted"]:
            blocked = f"{args.name} is in its recovery window: restore it in AWS, or take another name"
        elif now is not None and now["rotates"]:
            blocked = f"AWS rotates {args.name} by itself; a value put by hand would break that"
        made = {
            "en": f"{args.name} becomes a secret in AWS",
            "de": f"{args.name} wird ein Geheimnis in AWS",
        }
        put = {
            "en": f"The secret {args.name} in AWS gets a new value",
            "de": f"Das Geheimnis {args.name} in AWS erhält einen neuen Wert",
        }
        return Change(
            action=self.name,
            target=args.name,
            identity=now.get("arn") if now is not None else None,
            before=None if now is None else {"version": now["version"]},
            after={"value": args.value}
            | ({"description": args.description} if now is None and args.description else {}),
            says=made if now is None else put,
            effects=(
                Effect(
                    _ref(args.name),
                    {
                        "arn": Deferred(THIS, "arn") if now is None else now.get("arn"),
                        "version": Deferred(THIS, "version"),
                        "previous": now["version"] if now is not None else "",
                        "deleted": False,
                        "rotates": False,
                    },
                ),
            ),
            writes=(args.name,),
            outputs={"name": args.name, "version": Deferred(THIS, "version")},
            notes=()
            if now is None
            else (
                {
                    "en": "whatever uses it must fetch the value again",
                    "de": "wer es benutzt, muss den Wert neu holen",
                },
            ),
            blocked=blocked,
            destructive=False,
        )

    def _absent(self, args: SecretArgs, now: Any) -> Change:
        gone = now is None or now["deleted"]
        return Change(
            action=self.name,
            target=args.name,
            identity=None if now is None else now.get("arn"),
            before={"deleted": True} if gone else {"deleted": False},
            after={"deleted": True},
            says={
                "en": f"The secret {args.name} in AWS is deleted; it can be restored for {WINDOW} days",
                "de": f"Das Geheimnis {args.name} in AWS wird gelöscht; {WINDOW} Tage lang ist es wiederherstellbar",
            },
            effects=() if gone else (Effect(_ref(args.name), {"deleted": True}),),
            writes=(args.name,),
            outputs={"name": args.name},
            destructive=True,
        )

    def apply(self, session: Session, args: SecretArgs | None, change: Change, ctx: Context) -> Evidence:
        after, name = change.after or {}, change.target
        if "version" in after:
            return self._moved(session, change)
        if "deleted" in after:
            if after["deleted"]:
                session.send("secretsmanager", "delete_secret", SecretId=name, RecoveryWindowInDays=WINDOW)
            else:
                session.send("secretsmanager", "restore_secret", SecretId=name)
            return Evidence(answer={"deleted": after["deleted"]}, outputs={"name": name})
        assert args is not None
        assert args.value is not None
        value, token = args.value.reveal(), str(uuid.uuid4())
        if not value:
            raise Invalid("an empty secret is never put", next_move="use secret.generate")
        if change.before is None:
            about: dict[str, Any] = {"Description": after["description"]} if after.get("description") else {}
            session.send(
                "secretsmanager",
                "create_secret",
                Name=name,
                SecretString=value,
                ClientRequestToken=token,
                **about,
            )
        else:
            session.send(
                "secretsmanager",
                "put_secret_value",
                SecretId=name,
                SecretString=value,
                ClientRequestToken=token,
            )
        return Evidence(
            answer={"version": token}, outputs={"name": name, "version": token}, undo={"version": token}
        )

    def _moved(self, session: Session, change: Change) -> Evidence:
        before, after = (change.before or {})["version"], (change.after or {})["version"]
        session.send(
            "secretsmanager",
            "update_secret_version_stage",
            SecretId=change.target,
            VersionStage="AWSCURRENT",
            MoveToVersionId=after,
            RemoveFromVersionId=before,
        )
        return Evidence(answer={"version": after})

    def verify(self, session: Session, args: Any, change: Change, evidence: Evidence) -> str:
        now = session.read([_ref(change.target)])[_ref(change.target)]
        if "deleted" in evidence.answer:
            deleted = now is None or now["deleted"]
            return "" if deleted == evidence.answer["deleted"] else f"{change.target} is as it was"
        there = now is not None and now["version"] == evidence.answer["version"]
        return "" if there else f"the current version of {change.target} is another one"

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        says = {
            "en": f"The secret {change.target} in AWS is again as before the run",
            "de": f"Das Geheimnis {change.target} in AWS ist wieder wie vor dem Lauf",
        }
        before, after = change.before, change.after or {}
        if "deleted" in after:
            was, to = dict[str, Any](deleted=True), dict[str, Any](deleted=False)
        elif not evidence.undo.get("version"):
            return Irreversible(reason="nobody knows which version this step made")
        elif before is None:
            was, to = {"version": evidence.undo["version"], "deleted": False}, {"deleted": True}
        else:
            was, to = {"version": evidence.undo["version"]}, {"version": before["version"]}
        return Change(
            action=self.name,
            target=change.target,
            identity=change.identity,
            before=was,
            after=to,
            says=says,
            writes=change.writes,
            destructive=to.get("deleted") is True,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (_ref(back.target),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        now = facts.get(_ref(back.target))
        if now is None:
            gone = "deleted" in (back.after or {}) and (back.after or {})["deleted"]
            return nothing_left(back, {} if gone else {"secret": {"left": back.target, "found": None}})
        ours = (back.before or {}).get("version")
        if "version" not in (back.after or {}) and ours and now["version"] != ours:
            return nothing_left(back, {"version": {"left": ours, "found": now["version"]}})
        left = remaining(back, {name: now[name] for name in (back.after or {})})
        return (
            left
            if left.is_empty
            else replace(left, effects=(Effect(_ref(back.target), dict(left.after or {})),))
        )


def _ref(name: str) -> Ref:
    return Ref("aws.secret", name)
