"""The automatic reply of a mailbox."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.moment import utc
from runbook_exec.actions.graph.opposite import opposite
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, same
from runbook_exec.errors import Invalid, Refused
from runbook_exec.way_back import remaining

REPLIES = "automaticRepliesSetting"
LONGEST = 2000
_LIKE, _FORM = "2026-12-11T17:00:00+01:00", "%Y-%m-%dT%H:%M:%S"
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]


class AutoReplyArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose mailbox: UPN or id", min_length=1)]
    internal: Annotated[
        dict[str, Text],
        msgspec.Meta(description="what colleagues get, by language: {de: …, en: …}; in this order below each other"),
    ] = msgspec.field(default_factory=dict)  # fmt: skip
    external: Annotated[
        dict[str, Text], msgspec.Meta(description="what others get, by language; empty: nothing goes outside")
    ] = msgspec.field(default_factory=dict)
    audience: Annotated[Literal["all", "contactsOnly"], msgspec.Meta(description="who outside gets one")] = (
        "all"
    )
    valid_from: Annotated[
        str, msgspec.Meta(description="from when, with time zone: 2026-12-11T17:00:00+01:00; empty: at once")
    ] = ""
    valid_until: Annotated[str, msgspec.Meta(description="until when, with time zone; both or neither")] = ""
    switch_off: Annotated[bool, msgspec.Meta(description="switch it off; its texts stay")] = False


@register
class AutoReply(Action[AutoReplyArgs]):
    """Set the automatic reply of a mailbox: one text for colleagues, one for others, each in several languages.

    Texts are plain: what looks like markup is shown as it is. Blank lines make paragraphs.
    Exchange wraps a text into a page of its own, so texts are compared by what a reader sees. With
    `valid_from` and `valid_until` the mailbox switches it on and off by itself.
    """

    name = "graph.auto_reply"
    Args = AutoReplyArgs
    rights = Rights(read=("User.Read.All", "MailboxSettings.Read"), apply=("MailboxSettings.ReadWrite",))
    outputs: ClassVar[Mapping[str, str]] = {"user": "the user, as given"}

    def reads(self, args: AutoReplyArgs, facts: Facts) -> Sequence[Ref]:
        key = args.user.strip().lower()
        return (Ref("graph.mailbox", key), person.ref(key))

    def plan(self, args: AutoReplyArgs, facts: Facts) -> Change:
        key = args.user.strip().lower()
        wanted = _wanted(args)
        mailbox, user = facts.get(Ref("graph.mailbox", key)), facts.get(person.ref(key))
        if mailbox is None:
            raise Refused(f"{key} has no mailbox", next_move="check the name; without one there is no reply")
        now = {name: _present(mailbox, name) for name in wanted}
        names = [name for name in wanted if not _equal(name, now[name], wanted[name])]
        after = {name: wanted[name] for name in names}
        effects = tuple(
            Effect(Ref("graph.mailbox", ref.key), {REPLIES: {**_settings(mailbox), **_body(after)}})
            for ref in (person.refs_of(user, key))
        )
        return Change(
            action=self.name,
            target=key,
            before={name: now[name] for name in names},
            after=after,
            says=_says(person.called(user, key), wanted if after else {}),
            identity=user.get("id") if user is not None else None,
            effects=effects if after else (),
            writes=person.names(user, key),
            outputs={"user": key},
        )

    def apply(self, session: Session, args: AutoReplyArgs, change: Change, ctx: Context) -> Evidence:
        where = path("users", str(change.identity or change.target), "mailboxSettings")
        body = {REPLIES: _body(change.after or {})}
        session.send(Message(method="PATCH", path=where, body=body), ctx)
        return Evidence(answer={"set": sorted(change.after or {})})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        return opposite(change, _says(change.target, change.before or {}))

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back)
        return (user, Ref("graph.mailbox", user.key))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = person.ref_back(back)
        user, mailbox = facts.get(ref), facts.get(Ref("graph.mailbox", ref.key))
        now = None if mailbox is None else {name: _present(mailbox, name) for name in back.after or ()}
        left = remaining(back, now, equal=_equal)
        after = dict(left.after or {})
        shown = {REPLIES: {**(_settings(mailbox) if mailbox else {}), **_body(after)}}
        return replace(
            left,
            says=_says(person.called(user, back.target), after) if after else back.says,
            effects=(Effect(Ref("graph.mailbox", ref.key), shown),) if after else (),
            writes=person.names(user, ref.key),
        )


def _wanted(args: AutoReplyArgs) -> dict[str, Json]:
    if args.switch_off:
        if args.internal or args.external or args.valid_from or args.valid_until:
            raise Invalid(
                "switch_off stands beside texts or times",
                next_move="give switch_off: true alone, or leave it out",
            )
        return {"status": "disabled"}
    if not args.internal:
        raise Invalid("there is no text", next_move="give internal: {de: …}, or switch_off: true")
    if bool(args.valid_from) != bool(args.valid_until):
        raise Invalid("one of valid_from and valid_until is missing", next_move="give both, or neither")
    wanted: dict[str, Json] = {
        "status": "scheduled" if args.valid_from else "alwaysEnabled",
        "internalReplyMessage": _page(args.internal),
        "externalAudience": args.audience if args.external else "none",
    }
    if args.external:
        wanted["externalReplyMessage"] = _page(args.external)
    if args.valid_from:
        start, end = utc("valid_from", args.valid_from, _LIKE), utc("valid_until", args.valid_until, _LIKE)
        if not (start and end and start < end):
            raise Invalid("valid_until is not after valid_from", next_move="correct one of the two")
        wanted |= {
            "scheduledStartDateTime": start.strftime(_FORM),
            "scheduledEndDateTime": end.strftime(_FORM),
        }
    return wanted


def _page(texts: Mapping[str, str]) -> str:
    """The texts below each other; nothing in them is markup."""
    blocks = []
    for language, text in texts.items():
        paragraphs = [html.escape(part.strip(), quote=False) for part in re.split(r"\n\s*\n", text.strip())]
        inner = "".join(f"<p>{part.replace(chr(10), '<br>')}</p>" for part in paragraphs if part)
        blocks.append(f'<div lang="{html.escape(language)}">{inner}</div>')
    return "<hr>".join(blocks)


def _read(page: str) -> str:
    """What a reader sees of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def _settings(mailbox: Any) -> Mapping[str, Json]:
    found = mailbox.get(REPLIES)
    return found if isinstance(found, Mapping) else {}


def _present(mailbox: Any, name: str) -> Json:
    value = _settings(mailbox).get(name)
    if name.startswith("scheduled"):
        return str(value["dateTime"])[:19] if isinstance(value, Mapping) else None
    return value


def _equal(name: str, one: Json, other: Json) -> bool:
    if name.startswith("scheduled") and other is None:
        return True  # a moment cannot be taken out again; without the schedule it means nothing
    if name.endswith("ReplyMessage") and isinstance(one, str) and isinstance(other, str):
        return _read(one) == _read(other)
    return same(one, other)


def _body(values: Mapping[str, Json]) -> dict[str, Json]:
    return {
        name: {"dateTime": value, "timeZone": "UTC"} if name.startswith("scheduled") else value
        for name, value in values.items()
        if value is not None
    }


def _says(who: str, values: Mapping[str, Json]) -> dict[str, str]:
    status = values.get("status")
    if not values:
        en, de = "is as wanted", "ist wie gewünscht"
    elif status == "disabled":
        en, de = "is switched off", "wird ausgeschaltet"
    elif status == "scheduled":
        moments = (values.get("scheduledStartDateTime"), values.get("scheduledEndDateTime"))
        start, end = (str(moment or "?")[:16].replace("T", " ") for moment in moments)
        en, de = f"goes out from {start} to {end} UTC", f"gilt von {start} bis {end} UTC"
    elif status:
        en, de = "is switched on", "wird eingeschaltet"
    else:
        en, de = "gets another text", "bekommt einen anderen Text"
    if values.get("externalAudience") == "none":
        en, de = f"{en}, for colleagues only", f"{de}, nur für Kolleginnen und Kollegen"
    return {
        "en": f"The automatic reply of {who} {en}",
        "de": f"Die automatische Antwort von {who} {de}",
    }
