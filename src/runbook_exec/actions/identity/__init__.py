"""Who a new person will be: login, UPN, mail address and directory name, free of collisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runbook_exec.action import Action, Context, Rights, register
from runbook_exec.actions.identity.arguments import ProposeArgs
from runbook_exec.actions.identity.look import Look
from runbook_exec.change import Change, Evidence, Facts, Json, Nature, Ref


@register
class Propose(Action[ProposeArgs]):
    """Propose login, UPN, mail address and directory name of a person, free of collisions.

    Whoever already has an account (found by employee number) is proposed exactly what they
    have. For everybody else each candidate is looked up over logins, UPNs, mail and proxy
    addresses of users, groups, contacts and computers, live *and deleted*; the first free
    one is taken. A deleted account of the same employee number is a rehire: the old names
    come back unless somebody else has them now, and `rehire` says so. Where the number
    belongs to somebody with quite another name or stands on several accounts, or deleted
    objects hide from us, the plan is refused.

    Patterns know `{given}`, `{surname}`, `{id}`, and `{given:1}` for the first letter.
    Letters become ASCII by the habit of `language`; a name that mixes look-alike letters of
    two scripts is refused, one in another script is proposed with a note.
    """

    name = "identity.propose"
    nature = Nature.COMPUTES
    undoable = False
    rereads = False
    Args = ProposeArgs
    rights = Rights(read=("list and read on Deleted Objects", "User.Read.All"))
    outputs: ClassVar[Mapping[str, str]] = {
        "sam": "login (sAMAccountName): at most 20 characters",
        "upn": "user principal name, ASCII",
        "mail": "primary mail address",
        "mail_nickname": "the part of the mail address before the @",
        "cn": "name of the directory entry, free in `ou`",
        "display_name": "the name as colleagues see it",
        "exists": "true where the person has an account already",
        "rehire": "true where a deleted account of this employee number exists",
        "id": "immutable id of the existing or deleted account, or none",
        "dn": "DN of the existing or deleted account, or none",
    }

    def reads(self, args: ProposeArgs, facts: Facts) -> Sequence[Ref]:
        return tuple(Look(args, facts).wanted())

    def plan(self, args: ProposeArgs, facts: Facts) -> Change:
        look = Look(args, facts)
        person = look.person
        found, notes = look.proposal()
        deleted = bool(person and person.get("deleted"))
        exists = bool(person) and not deleted
        stranger = look.stranger()
        blocked = stranger or look.several() or ("" if exists else look.unknown())
        after = {part: found[part] for part in ("sam", "upn", "mail", "cn", "display_name")}
        outputs = {
            **found,
            "exists": exists,
            "rehire": deleted,
            "id": person.get("id") if person else None,
            "dn": person.get("dn") if person else None,
        }
        return Change(
            action=self.name,
            target=f"employee {args.employee_id}",
            identity=outputs["id"],
            before=after if exists and not stranger else None,
            after=after,
            says=_says(found, exists=exists, deleted=deleted),
            outputs=outputs,
            notes=notes,
            blocked=blocked,
        )

    def apply(self, session: Any, args: ProposeArgs, change: Change, ctx: Context) -> Evidence:
        return Evidence(answer={}, outputs=change.outputs)


def _says(found: Mapping[str, Json], *, exists: bool, deleted: bool) -> dict[str, str]:
    who, what = found["display_name"], (found["sam"], found["mail"])
    if exists:
        return {
            "en": f"{who} keeps the login {what[0]} and the address {what[1]}",
            "de": f"{who} behält die Anmeldung {what[0]} und die Adresse {what[1]}",
        }
    if deleted:
        return {
            "en": f"{who} comes back, with the login {what[0]} and the address {what[1]}",
            "de": f"{who} kommt zurück, mit der Anmeldung {what[0]} und der Adresse {what[1]}",
        }
    return {
        "en": f"{who} will have the login {what[0]} and the address {what[1]}",
        "de": f"{who} bekommt die Anmeldung {what[0]} und die Adresse {what[1]}",
    }
