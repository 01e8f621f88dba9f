"""`mail.send`: one mail from a template."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, register
from runbook_exec.actions.mail.letter import Letter, checked_address, revealed, written
from runbook_exec.change import Certainty, Change, Evidence, Facts, Irreversible, Json, Nature, Ref
from runbook_exec.errors import Invalid, Refused

if TYPE_CHECKING:
    from runbook_exec.actions.mail.session import MailSession

FALLBACK = "en"
"""The language that every template must have."""

_SENDER = Ref("mail.sender", "default")


class SendArgs(Args, frozen=True, kw_only=True):
    to: Annotated[str | list[str], msgspec.Meta(description="one address, or several; plain name@domain")]
    template: Annotated[
        str,
        msgspec.Meta(
            description="folder in templates/mail/ with en.txt and so on", pattern=r"^[a-z0-9][a-z0-9-]*$"
        ),
    ]
    language: Annotated[
        str,
        msgspec.Meta(
            description="the reader's language; en where there is no such text", pattern=r"^[a-z]{2}$"
        ),
    ] = FALLBACK
    cc: Annotated[list[str], msgspec.Meta(description="addresses that get a copy")] = msgspec.field(
        default_factory=list
    )
    reply_to: Annotated[str, msgspec.Meta(description="where answers go, if not to the sender")] = ""
    values: Annotated[dict[str, Any], msgspec.Meta(description="what the template writes as {{ name }}")] = (
        msgspec.field(default_factory=dict)
    )
    secret_because: Annotated[
        str,
        msgspec.Meta(description="why a secret may travel in this mail; without a reason it is refused"),
    ] = ""


@register
class Send(Action[SendArgs]):
    """Send a mail from a template in the reader's language.

    The plan shows the whole mail: sender, receivers, subject and text. Whether it arrived
    cannot be read back, so it is sent once and never repeated by itself: if the connection
    breaks while it is handed over, the run stops *in doubt*. A refusal by the server is
    known, and nothing was sent then, to anybody.

    `templates/mail/NAME/LANGUAGE.txt` begins with `Subject: …`; a `.html` beside it is sent
    as well. Values are data: they are escaped in HTML and cannot make headers.
    """

    name = "mail.send"
    nature = Nature.BLIND
    undoable = False
    rereads = False
    Args = SendArgs
    outputs: ClassVar[Mapping[str, str]] = {
        "message_id": "the Message-ID, by which the mail is found in logs; made of run and step"
    }

    def reads(self, args: SendArgs, facts: Facts) -> Sequence[Ref]:
        return (_SENDER, *dict.fromkeys((_template(args, args.language), _template(args, FALLBACK))))

    def plan(self, args: SendArgs, facts: Facts) -> Change:
        to, cc = _receivers(args)
        letter, language = _letter(args, facts)
        if letter.holds_secret and not args.secret_because:
            raise Refused(
                f"the mail {args.template!r} would hold a secret",
                next_move="let a person hand it over (people.confirm, reveal), or say secret_because: why",
            )
        sender = facts.get(_SENDER) or {}
        request: dict[str, Json] = {
            "from": sender.get("address", ""),
            "to": to,
            "cc": cc,
            "reply_to": checked_address(args.reply_to) if args.reply_to else "",
            "subject": letter.subject,
            "language": language,
            "text": letter.text,
            "html": letter.html,
        }
        notes = []
        if language != args.language:
            notes.append(f"there is no text in {args.language!r}, so it goes out in {language!r}")
        if letter.holds_secret:
            notes.append(f"holds a secret: {args.secret_because}")
        return Change(
            action=self.name,
            target=", ".join([*to, *cc]),
            before=None,
            after=None,
            says={
                "en": f"Mail “{letter.subject}” goes to {', '.join([*to, *cc])}",
                "de": f"Mail „{letter.subject}“ geht an {', '.join([*to, *cc])}",
            },
            certainty=Certainty.BLIND,
            request={key: value for key, value in request.items() if value},
            writes=tuple(dict.fromkeys([*to, *cc])),
            notes=tuple(notes),
        )

    def apply(self, session: MailSession, args: SendArgs, change: Change, ctx: Context) -> Evidence:
        request = dict(change.request or {})
        if args.secret_because:
            facts = session.read(self.reads(args, {}))
            open_args = msgspec.structs.replace(args, values=revealed(args.values))
            letter, _ = _letter(open_args, facts)
            request |= {"subject": letter.subject, "text": letter.text, "html": letter.html}
        message_id = _message_id(ctx, str(request["from"]))
        message = _message(request, message_id, date=format_datetime(ctx.now()), sender=session.sender)
        left = (ctx.deadline - ctx.now()).total_seconds()
        answer = session.send(message, list(change.writes), seconds=left)
        return Evidence(
            answer={**answer, "message_id": message_id, "to": list(change.writes)},
            outputs={"message_id": message_id},
        )

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="a mail cannot be called back")


def _template(args: SendArgs, language: str) -> Ref:
    return Ref("mail.template", f"{args.template}/{language}")


def _receivers(args: SendArgs) -> tuple[list[str], list[str]]:
    to = [args.to] if isinstance(args.to, str) else list(args.to)
    if not to:
        raise Invalid("nobody is to get the mail", next_move="give an address under to:")
    return [checked_address(one) for one in to], [checked_address(one) for one in args.cc]


def _letter(args: SendArgs, facts: Facts) -> tuple[Letter, str]:
    for language in (args.language, FALLBACK):
        found = facts.get(_template(args, language))
        if found is not None:
            where = f"templates/mail/{args.template}/{language}"
            return written(found, args.values, language=language, where=where), language
    raise Invalid(
        f"there is no mail template {args.template!r}",
        where=f"templates/mail/{args.template}/{FALLBACK}.txt",
        next_move="correct the name, or write this file; its first line is Subject: …",
    )


def _message_id(ctx: Context, sender: str) -> str:
    """The same for a repetition of the same step, so that two copies can be told for one."""
    key = hashlib.sha256(f"{ctx.client}\0{ctx.run}\0{ctx.step}".encode()).hexdigest()
    return f"<{key[:32]}@{sender.partition('@')[2]}>"


def _message(request: Mapping[str, Json], message_id: str, *, date: str, sender: Address) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = [Address(addr_spec=one) for one in request["to"]]
    if request.get("cc"):
        message["Cc"] = [Address(addr_spec=one) for one in request["cc"]]
    if request.get("reply_to"):
        message["Reply-To"] = Address(addr_spec=request["reply_to"])
    message["Subject"] = request["subject"]
    message["Date"] = date
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers to this
    message["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
    message.set_content(request["text"], cte="quoted-printable")
    if request.get("html"):
        message.add_alternative(request["html"], subtype="html", cte="quoted-printable")
    # Last: what is set before the second part would go into the first one.
    message["Content-Language"] = request["language"]
    return message
