"""Time zone, language and formats of a mailbox."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Effect, Evidence, Facts, Json, Ref, same
from runbook_exec.errors import Invalid, Refused
from runbook_exec.way_back import remaining

_NAMES = {
    "time_zone": "timeZone",
    "language": "language",
    "date_format": "dateFormat",
    "time_format": "timeFormat",
}
_COUNTRIES = {
    "cs": "CZ", "da": "DK", "de": "DE", "en": "US", "es": "ES", "fr": "FR", "hu": "HU", "it": "IT",
    "nl": "NL", "pl": "PL", "pt": "PT", "ro": "RO", "sk": "SK", "sv": "SE", "tr": "TR", "uk": "UA",
}  # fmt: skip
"""A mailbox wants a country with its language; a bare language gets its main one."""
_WORDS = {
    "timeZone": ("time zone", "Zeitzone"),
    "language": ("language", "Sprache"),
    "dateFormat": ("date format", "Datumsformat"),
    "timeFormat": ("time format", "Zeitformat"),
}


class MailboxSettingsArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="whose mailbox: UPN or id", min_length=1)]
    time_zone: Annotated[
        str,
        msgspec.Meta(description='as Windows or IANA call it: "W. Europe Standard Time"; empty: leave it'),
    ] = ""
    language: Annotated[str, msgspec.Meta(description="de-DE, cs-CZ, or just de, cs; empty: leave it")] = ""
    date_format: Annotated[str, msgspec.Meta(description="dd.MM.yyyy; empty: leave it")] = ""
    time_format: Annotated[str, msgspec.Meta(description="HH:mm; empty: leave it")] = ""


@register
class MailboxSettings(Action[MailboxSettingsArgs]):
    """Set the language, time zone and formats of a mailbox that exists.

    A mailbox comes some time after the licence: put `wait.until` with `read: graph.mailbox`
    before this step.
    """

    name = "graph.mailbox_settings"
    Args = MailboxSettingsArgs
    rights = Rights(read=("User.Read.All", "MailboxSettings.Read"), apply=("MailboxSettings.ReadWrite",))
    outputs: ClassVar[Mapping[str, str]] = {"user": "the user, as given"}

    def reads(self, args: MailboxSettingsArgs, facts: Facts) -> Sequence[Ref]:
        key = args.user.strip().lower()
        return (Ref("graph.mailbox", key), person.ref(key))

    def plan(self, args: MailboxSettingsArgs, facts: Facts) -> Change:
        key = args.user.strip().lower()
        wanted = {name: getattr(args, field) for field, name in _NAMES.items() if getattr(args, field)}
        if "language" in wanted:
            wanted["language"] = _locale(wanted["language"])
        if not wanted:
            raise Invalid("no setting is given", next_move="give language: de-DE or time_zone: …")
        mailbox = facts.get(Ref("graph.mailbox", key))
        if mailbox is None:
            raise Refused(
                f"{key} has no mailbox",
                next_move="give a licence with Exchange first, and put a step `uses: wait.until` with "
                "`read: graph.mailbox` before this one",
            )
        present = {name: _present(mailbox, name) for name in wanted}
        names = [name for name in wanted if not same(present[name], wanted[name])]
        user = facts.get(person.ref(key))
        after = {name: wanted[name] for name in names}
        return Change(
            action=self.name,
            target=key,
            before={name: present[name] for name in names},
            after=after,
            says=_says(person.called(user, key), after),
            identity=user.get("id") if user is not None else None,
            effects=(Effect(Ref("graph.mailbox", key), _body(after)),) if after else (),
            writes=person.names(user, key),
            outputs={"user": key},
        )

    def apply(self, session: Session, args: MailboxSettingsArgs, change: Change, ctx: Context) -> Evidence:
        body = _body(dict(change.after or {}))
        where = path("users", str(change.identity or change.target), "mailboxSettings")
        session.send(Message(method="PATCH", path=where, body=body), ctx)
        return Evidence(answer={"settings": dict(change.after or {})})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        return Change(
            action=self.name,
            target=change.target,
            before=change.after,
            after=change.before,
            says=_says(change.target, dict(change.before or {})),
            identity=change.identity,
            writes=change.writes,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back)
        return (user, Ref("graph.mailbox", user.key))

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = person.ref_back(back)
        user, mailbox = facts.get(ref), facts.get(Ref("graph.mailbox", ref.key))
        now = None if mailbox is None else {name: _present(mailbox, name) for name in back.after or ()}
        left = remaining(back, now)
        after = dict(left.after or {})
        return replace(
            left,
            says=_says(person.called(user, back.target), after) if after else back.says,
            effects=(Effect(Ref("graph.mailbox", ref.key), _body(after)),) if after else (),
            writes=person.names(user, ref.key),
        )


def _locale(language: str) -> str:
    if language in _COUNTRIES:
        return f"{language}-{_COUNTRIES[language]}"
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?-[A-Z]{2}", language):
        raise Invalid(f"{language!r} names no language and country", next_move="write it like de-DE")
    return language


def _present(mailbox: Any, name: str) -> Json:
    if name != "language":
        return mailbox.get(name)
    language = mailbox.get("language")
    return None if language is None else language["locale"]


def _body(values: Mapping[str, Json]) -> dict[str, Json]:
    return {name: {"locale": value} if name == "language" else value for name, value in values.items()}


def _says(who: str, values: Mapping[str, Json]) -> dict[str, str]:
    if not values:
        return {"en": f"The mailbox of {who} is as wanted", "de": f"Das Postfach von {who} ist wie gewünscht"}
    en = ", ".join(f"{_WORDS[name][0]} {value or 'unset'}" for name, value in values.items())
    de = ", ".join(f"{_WORDS[name][1]} {value or 'nicht gesetzt'}" for name, value in values.items())
    return {"en": f"The mailbox of {who} has {en}", "de": f"Das Postfach von {who} hat {de}"}
