"""A set of licences on one user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import msgspec

from runbook_exec.action import Action, Args, Context, Rights, register
from runbook_exec.actions.graph import person
from runbook_exec.actions.graph.message import Message, path
from runbook_exec.actions.graph.session import Session
from runbook_exec.change import Change, Deferred, Effect, Evidence, Facts, Json, Ref, State, Words, same
from runbook_exec.errors import Invalid, Refused
from runbook_exec.way_back import remaining

SKUS = Ref("graph.skus", "all")
LOCATION = "usageLocation"
GONE = "does not have a corresponding license"
Part = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class LicenceArgs(Args, frozen=True, kw_only=True):
    user: Annotated[str, msgspec.Meta(description="the user's UPN or id", min_length=1)]
    add: Annotated[list[Part], msgspec.Meta(description="subscriptions to have, by part number: [SPB]")] = (
        msgspec.field(default_factory=list)
    )
    remove: Annotated[list[Part], msgspec.Meta(description="subscriptions to take away, by part number")] = (
        msgspec.field(default_factory=list)
    )
    usage_location: Annotated[
        str,
        msgspec.Meta(
            description="country by ISO 3166 (DE) that is set first, since no licence goes without one; "
            "empty: leave it as it is",
            pattern="^([A-Z]{2})?$",
        ),
    ] = ""


@register
class Licence(Action[LicenceArgs]):
    """Give a user subscriptions, take others away, in one request that does all or nothing.

    Before anything is begun, the seats are counted: free = enabled + warning − consumed. If
    one is missing, the plan says so with the figures and refuses to start. A licence that
    comes from a group is left alone: it goes with the membership. The usage location is set
    by the same step where it is given, for cloud and for synced users.
    """

    name = "graph.licence"
    Args = LicenceArgs
    rights = Rights(
        read=("User.Read.All", ("LicenseAssignment.Read.All", "Organization.Read.All")),
        apply=(("LicenseAssignment.ReadWrite.All", "User.ReadWrite.All"), "User.ReadWrite.All"),
    )
    outputs: ClassVar[Mapping[str, str]] = {"user": "the user, as given"}

    def reads(self, args: LicenceArgs, facts: Facts) -> Sequence[Ref]:
        key = args.user.strip().lower()
        return (person.ref(key), Ref("graph.licences", key), SKUS)

    def plan(self, args: LicenceArgs, facts: Facts) -> Change:
        key = args.user.strip().lower()
        user = person.existing(facts.get(person.ref(key)), key)
        skus = facts.get(SKUS) or {}
        _check(args, skus)
        held = _Held(user, facts.get(Ref("graph.licences", key)))
        before, after = _wanted(args, held)
        blocked = [*_seats(after, before, skus), *_inherited(args, held)]
        notes = list(_notes(args, held, after, skus))
        location = user.get(LOCATION)
        if args.usage_location and not same(location, args.usage_location):
            before[LOCATION], after[LOCATION] = location, args.usage_location
        elif not args.usage_location and any(after.get(part) for part in args.add):
            if isinstance(location, Deferred):
                notes.append(
                    {
                        "en": "the usage location must be set by then, since this step sets none",
                        "de": "das Nutzungsland muss bis dahin gesetzt sein, denn dieser Punkt setzt keines",
                    }
                )
            elif not location:
                blocked.append(f"{person.called(user, key)} has no usage location: give usage_location: DE")
        return Change(
            action=self.name,
            target=key,
            before=before,
            after=after,
            says=_says(person.called(user, key), before, after),
            identity=user.get("id"),
            effects=tuple(_effects(user, key, before, after, skus)),
            writes=person.names(user, key),
            outputs={"user": key},
            notes=tuple(notes),
            destructive=any(after[part] is None for part in after),
            blocked="; ".join(blocked),
        )

    def apply(self, session: Session, args: LicenceArgs, change: Change, ctx: Context) -> Evidence:
        before, after = dict(change.before or {}), dict(change.after or {})
        location = {LOCATION: after.pop(LOCATION)} if LOCATION in after else {}
        was = {LOCATION: before.pop(LOCATION, None)}
        who = str(change.identity)
        place = Message(method="PATCH", path=path("users", who), body=location)
        if location and location[LOCATION]:
            session.send(place, ctx, holds=lambda: person.still(session, who, was))
        if after:
            skus = session.read([SKUS])[SKUS] or {}
            add = [part for part, source in after.items() if source and not before.get(part)]
            remove = [part for part in after if part not in add]
            body = {
                "addLicenses": [{"skuId": skus[part]["id"], "disabledPlans": []} for part in add],
                "removeLicenses": [skus[part]["id"] for part in remove],
            }
            asked = Message(method="POST", path=path("users", who, "assignLicense"), body=body)
            session.create(asked, ctx, lambda: _assigned(session, who, after), same_as=GONE)
        if location and not location[LOCATION]:
            session.send(place, ctx, holds=lambda: person.still(session, who, was))
        return Evidence(answer={"licences": after, **location})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        return Change(
            action=self.name,
            target=change.target,
            before=change.after,
            after=change.before,
            says=_says(change.target, dict(change.after or {}), dict(change.before or {})),
            identity=change.identity,
            writes=change.writes,
            destructive=True,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        user = person.ref_back(back)
        return (user, Ref("graph.licences", user.key), SKUS)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        ref = person.ref_back(back)
        user, skus = facts.get(ref), facts.get(SKUS) or {}
        held = facts.get(Ref("graph.licences", ref.key)) or {}
        now = None
        if user is not None:
            now = {
                part: user.get(LOCATION) if part == LOCATION else held.get(part) for part in back.after or ()
            }
        left = remaining(back, now)
        before, after = dict(left.before or {}), dict(left.after or {})
        if left.is_empty:
            return left
        parts = {part: source for part, source in after.items() if part != LOCATION}
        unknown = sorted(set(parts) - set(skus))
        if unknown:
            raise Refused(f"the tenant has no subscription {unknown[0]} any more")
        return replace(
            left,
            says=_says(person.called(user, back.target), before, after),
            effects=tuple(_effects(user, ref.key, before, after, skus)),
            writes=person.names(user, ref.key),
            blocked="; ".join(_seats(parts, before, skus)),
        )


class _Held:
    """What the user holds, as far as it is known."""

    def __init__(self, user: Any, licences: State) -> None:
        self.user, self.licences = user, licences

    def source(self, part: str) -> Json:
        """`direct`, `group`, `direct and group`, None, or a value that is known later."""
        if self.licences is not None and part in self.licences:
            return self.licences[part]
        return Deferred(self.user.step, f"licences[{part!r}]") if person.is_assumed(self.user) else None


def _assigned(session: Session, who: str, after: Mapping[str, Json]) -> bool | None:
    """True once a read shows the licences as wanted."""
    ref = Ref("graph.licences", who)
    held = session.read([ref])[ref] or {}
    return True if all(same(held.get(part), source) for part, source in after.items()) else None


def _check(args: LicenceArgs, skus: Mapping[str, Any]) -> None:
    if not args.add and not args.remove and not args.usage_location:
        raise Invalid(
            "nothing to do: add, remove and usage_location are all empty", next_move="give add: [SPB]"
        )
    both = sorted(set(args.add) & set(args.remove))
    if both:
        raise Invalid(f"{both[0]} stands under add and under remove", next_move="decide for one")
    unknown = sorted({*args.add, *args.remove} - set(skus))
    if unknown:
        raise Refused(
            f"the tenant has no subscription {unknown[0]}",
            next_move="it has: " + (", ".join(sorted(skus)) or "none"),
        )


def _wanted(args: LicenceArgs, held: _Held) -> tuple[dict[str, Json], dict[str, Json]]:
    before: dict[str, Json] = {}
    after: dict[str, Json] = {}
    for part in args.add:
        source = held.source(part)
        if isinstance(source, Deferred) or source is None:
            before[part], after[part] = source, "direct"
    for part in args.remove:
        source = held.source(part)
        if isinstance(source, Deferred) or source in {"direct", "direct and group"}:
            left = "group" if same(source, "direct and group") else None
            before[part], after[part] = source, left
    return before, after


def _seats(after: Mapping[str, Json], before: Mapping[str, Json], skus: Mapping[str, Any]) -> list[str]:
    short = []
    for part, source in after.items():
        if source == "direct" and skus[part]["free"] < 1:
            units = skus[part]
            short.append(
                f"no seat of {part} is free: {units['consumed']} consumed of {units['enabled']} enabled"
                f" and {units['warning']} in warning; free one or buy one"
            )
    return short


def _inherited(args: LicenceArgs, held: _Held) -> list[str]:
    return [
        f"{part} comes from a group and cannot be taken from the person: end the membership instead"
        for part in args.remove
        if same(held.source(part), "group")
    ]


def _notes(
    args: LicenceArgs, held: _Held, after: Mapping[str, Json], skus: Mapping[str, Any]
) -> Iterator[Words]:
    for part in args.add:
        if same(held.source(part), "group"):
            yield {
                "en": f"{part} is already inherited from a group",
                "de": f"{part} kommt schon über eine Gruppe",
            }
    for part, source in after.items():
        if source == "direct" and (free := skus[part]["free"]) > 0:
            of = skus[part]["enabled"] + skus[part]["warning"]
            yield {
                "en": f"{part}: {free - 1} of {of} seats stay free",
                "de": f"{part}: {free - 1} von {of} Plätzen bleiben frei",
            }
    for part in args.add:
        if skus[part]["warning"] and not skus[part]["enabled"]:
            yield {
                "en": f"{part}: the subscription has run out and lives on in its grace period",
                "de": f"{part}: das Abonnement ist abgelaufen und lebt in der Nachfrist weiter",
            }


def _effects(
    user: Any, key: str, before: Mapping[str, Json], after: Mapping[str, Json], skus: Mapping[str, Any]
) -> list[Effect]:
    licences = {part: source for part, source in after.items() if part != LOCATION}
    effects = [
        Effect(Ref("graph.licences", ref.key), licences) for ref in person.refs_of(user, key) if licences
    ]
    if LOCATION in after:
        effects += [Effect(ref, {LOCATION: after[LOCATION]}) for ref in person.refs_of(user, key)]
    figures = {}
    for part, source in licences.items():
        taken = 1 if source == "direct" else -1 if source is None else 0
        known = skus[part]
        figures[part] = {**known, "consumed": known["consumed"] + taken, "free": known["free"] - taken}
    return [*effects, Effect(SKUS, figures)] if figures else effects


def _says(who: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, str]:
    gets = [part for part, source in after.items() if source == "direct" and part != LOCATION]
    loses = [part for part, source in after.items() if source != "direct" and part != LOCATION]
    en, de = [], []
    if gets:
        en.append(f"gets the licence {', '.join(gets)}")
        de.append(f"bekommt die Lizenz {', '.join(gets)}")
    if loses:
        en.append(f"loses the licence {', '.join(loses)}")
        de.append(f"verliert die Lizenz {', '.join(loses)}")
    if LOCATION in after:
        en.append(f"has the usage location {after[LOCATION] or 'none'}")
        de.append(f"hat den Nutzungsstandort {after[LOCATION] or 'keinen'}")
    if not en:
        return {"en": f"{who} has the licences as wanted", "de": f"{who} hat die Lizenzen wie gewünscht"}
    return {"en": f"{who} {' and '.join(en)}", "de": f"{who} {' und '.join(de)}"}
