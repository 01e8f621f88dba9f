"""`ldap.expiry`: the moment at which an account stops working by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from msgspec import Meta

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.ldap import record, target
from runbook_exec.actions.ldap.attributes import Attributes, AttributesArgs
from runbook_exec.change import Change, Evidence, Facts, Irreversible, Json, Ref
from runbook_exec.errors import Invalid, Refused

ATTRIBUTE = "accountExpires"
NEVER = 0x7FFF_FFFF_FFFF_FFFF
"""Active Directory's word for never; 0 means the same ([MS-ADA1] 2.3)."""

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_TICKS = 10_000_000
"""In a second: the attribute counts tenths of microseconds since 1601."""


class ExpiryArgs(Args, frozen=True, kw_only=True):
    dn: Annotated[str, Meta(description="name (DN) of the account")]
    last_day: Annotated[
        str,
        Meta(
            description="the last day on which it works, 2026-12-31; empty: it works without end",
            pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        ),
    ]
    timezone: Annotated[
        str, Meta(description="in which the day ends: {{ run.timezone }}", min_length=1, max_length=64)
    ] = "UTC"


@register
class Expiry(Action[ExpiryArgs]):
    """Lets an account end by itself after a day, or work without end.

    A second lock for leavers and externals, should nobody and nothing come by on the day. It is not
    the first one: the end of an account is not synced, so the cloud account of a person whose
    password hash is synced works on. Active Directory only; where sessions are open they stay open.
    """

    name = "ldap.expiry"
    rights = Rights(read=("read users",), apply=("write properties",))
    Args = ExpiryArgs

    def reads(self, args: ExpiryArgs, facts: Facts) -> Sequence[Ref]:
        return [target.SERVER, target.entry(args.dn)]

    def plan(self, args: ExpiryArgs, facts: Facts) -> Change:
        spoken = target.spoken_dialect(facts)
        if spoken.name != "ad":
            raise Refused(
                "this directory has no accountExpires",
                next_move="only Active Directory ends accounts by itself",
            )
        state = target.existing(facts, args.dn)
        wanted = ticks(args.last_day, args.timezone)
        now = _present(record.get(state, ATTRIBUTE))
        who = target.called(state, args.dn)
        value: dict[str, record.Wanted] = {} if now == wanted else {ATTRIBUTE: str(wanted)}
        change = Attributes().plan(AttributesArgs(dn=args.dn, set=value), facts)
        return replace(change, action=self.name, says=_says(who, args.last_day, same=not value))

    def apply(self, session: Any, args: ExpiryArgs, change: Change, ctx: Context) -> Evidence:
        return Attributes().apply(session, AttributesArgs(dn=change.target), change, ctx)

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        return Attributes().undo(change, evidence)

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return Attributes().undo_reads(back, evidence, facts)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        return Attributes().undo_plan(back, evidence, facts)


def ticks(last_day: str, timezone: str) -> int:
    """The first moment after the day in its zone, as the attribute counts it; `NEVER` for no day."""
    if not last_day:
        return NEVER
    try:
        after = date.fromisoformat(last_day) + timedelta(days=1)
        zone = ZoneInfo(timezone)
    except (ValueError, OverflowError, LookupError) as error:
        raise Invalid(
            f"{last_day} in {timezone} is no day",
            where="last_day",
            next_move="write a day as 2026-12-31, and a time zone as Europe/Berlin",
        ) from error
    moment = datetime.combine(after, time(), zone).astimezone(UTC)
    return int((moment - _EPOCH).total_seconds()) * _TICKS


def _present(value: Json) -> int:
    """What is there; 0 and nothing mean never."""
    return int(str(value or 0)) or NEVER


def _says(who: str, last_day: str, *, same: bool) -> dict[str, str]:
    if last_day:
        return {
            "en": f"{who}'s account {'already ' if same else ''}ends by itself after {last_day}",
            "de": f"Das Konto von {who} endet {'schon ' if same else ''}von selbst nach dem {last_day}",
        }
    return {
        "en": f"{who}'s account works without end{' already' if same else ' again'}",
        "de": f"Das Konto von {who} gilt {'schon' if same else 'wieder'} ohne Ende",
    }
