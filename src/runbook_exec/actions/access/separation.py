"""Access that nobody may hold together: separation of duties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from runbook_exec.action import Action, Args, Context, register
from runbook_exec.change import Change, Evidence, Facts, Nature, Ref
from runbook_exec.dn import canonical, parse
from runbook_exec.errors import Invalid, Refused


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of access, as inventory/access.yaml has it; other keys are no concern of this action."""

    group: str
    apart: dict[str, str | dict[str, str]] = msgspec.field(default_factory=dict)
    """Short names of other access that nobody may hold together with it → why."""


class SeparationArgs(Args, frozen=True, kw_only=True):
    member: Annotated[
        str, msgspec.Meta(description="name (DN) of the person who gets the access", min_length=1)
    ]
    access: Annotated[str, msgspec.Meta(description="short name of the access that they get")]
    catalogue: Annotated[
        dict[str, Entry],
        msgspec.Meta(
            description="every access by its short name: `group` (DN), and in `apart` the others that "
            "nobody may hold together with it, each with the reason; either side of a pair may name it"
        ),
    ]


@register
class Separation(Action[SeparationArgs]):
    """Refuse access that must not come together with what the person holds already.

    What a person holds is read over nested groups: by membership in a group that is itself a
    member. What the new group is a member of counts, too. A pair that names an access which
    is not there is an error, since it would separate nothing.
    """

    name = "access.separation"
    nature = Nature.COMPUTES
    undoable = False
    rereads = False
    Args = SeparationArgs

    def reads(self, args: SeparationArgs, facts: Facts) -> Sequence[Ref]:
        wanted = _group(args, args.access)
        return [Ref("ldap.all_groups", canonical(name)) for name in (args.member, wanted)]

    def plan(self, args: SeparationArgs, facts: Facts) -> Change:
        held, comes = (
            {canonical(dn): (dn, by) for dn, by in ((facts.get(ref) or {}).get("groups") or {}).items()}
            for ref in self.reads(args, facts)
        )
        wanted = canonical(_group(args, args.access))
        gets = {wanted, *comes}
        found: list[tuple[str, str, Mapping[str, str]]] = []
        for left, right, because in _pairs(args):
            for name, partner in ((left, right), (right, left)):
                one, other = canonical(_group(args, name)), canonical(_group(args, partner))
                if one in gets and (other in held or other in gets):
                    dn, by = held.get(other) or comes.get(other) or (other, "")
                    way = f"{parse(dn).name}, by {parse(by).name}" if by else parse(dn).name
                    found.append((partner, way, _words(because)))
        if not found:
            return Change(
                action=self.name,
                target=args.access,
                before={"allowed": True},
                after={"allowed": True},
                says={
                    "en": f"{args.access} may be held with everything that the person holds",
                    "de": f"{args.access} darf neben allem bestehen, was die Person schon hat",
                },
            )
        name, way, reasons = found[0]
        why = {
            "en": f"nobody may hold {args.access} and {name} ({way}): {reasons['en']}",
            "de": f"Niemand darf {args.access} und {name} zugleich haben ({way}): {reasons['de']}",
        }
        return Change(
            action=self.name,
            target=args.access,
            before={"allowed": False},
            after={"allowed": True},
            says={"en": f"Stop: {why['en']}", "de": f"Halt: {why['de']}"},
            blocked=why["en"],
        )

    def apply(self, session: Any, args: SeparationArgs, change: Change, ctx: Context) -> Evidence:
        if change.blocked:
            raise Refused(
                change.blocked,
                where=f'step "{ctx.step}"',
                next_move="take back the other access first; or cancel the run",
            )
        return Evidence(answer={"allowed": True})


def _group(args: SeparationArgs, access: str) -> str:
    if access not in args.catalogue:
        raise Invalid(f"there is no access {access!r}", next_move="correct its name in inventory/access.yaml")
    return args.catalogue[access].group


def _pairs(args: SeparationArgs) -> Iterator[tuple[str, str, str | dict[str, str]]]:
    for name, entry in args.catalogue.items():
        for other, because in entry.apart.items():
            yield name, other, because


def _words(because: str | dict[str, str]) -> Mapping[str, str]:
    if isinstance(because, str):
        return {"en": because, "de": because}
    english = because.get("en") or next(iter(because.values()), "")
    return {"en": english, "de": because.get("de", english)}
