"""A decision made for one place in the journal, signed where there is a key, and written there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from runbook_exec import signature
from runbook_exec.app import App
from runbook_exec.change import Json
from runbook_exec.decision import Decision, Verdict
from runbook_exec.errors import Overtaken, Refused
from runbook_exec.gatehouse import REHEARSAL, UNSIGNED, signed_fields
from runbook_exec.journal import Event, Kind
from runbook_exec.people import Person
from runbook_exec.replay import after, refuse_erased
from runbook_exec.run import Run

KINDS = {
    Verdict.APPROVE: Kind.DECIDED,
    Verdict.REJECT: Kind.DECIDED,
    Verdict.WITHDRAW: Kind.WITHDRAWN,
    Verdict.BREAK_GLASS: Kind.BROKEN_GLASS,
    Verdict.REVIEW: Kind.REVIEWED,
    Verdict.DEFER: Kind.DEFERRED,
    Verdict.NEVER: Kind.NEVER,
}
MOST_TRIES = 5

_STORED = (
    "gate",
    "person",
    "digest",
    "shown",
    "reason",
    "at",
    "way",
    "text",
    "signature",
    "delegated_for",
    "about",
    "after",
)


@dataclass(frozen=True, kw_only=True)
class Word:
    """What somebody wants to say."""

    verdict: Verdict
    reason: str
    place: str = ""
    """Id of the human in whose place; empty: their own."""
    about: int = 0
    """Of a withdrawal or a review: the sequence number of the word that it is about."""
    key: Path | None = None
    """A private SSH key; None: one that the agent holds, or no signature."""
    played: str = ""
    """In the rehearsal company alone: the resident who is said to decide."""


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What a word is about: a gate, and what was shown of it."""

    gate: str
    digest: str
    shown: str


def record(app: App, run_id: str, make: Callable[[Run], tuple[Kind, str, Mapping[str, Json]]]) -> Run:
    """Append what `make` gives for the run as it is: kind, time and body.

    It is asked again where something else was recorded first, so it judges what it sees.
    """
    for _ in range(MOST_TRIES):
        run = app.run(run_id)
        refuse_erased(run)
        kind, at, body = make(run)
        event = Event(
            client=run.client,
            run=run.id,
            seq=run.seq + 1,
            at=at,
            who=app.desk.who,
            kind=kind,
            body=body,
            before=run.head,
        )
        try:
            return after(run, app.store.say(event))
        except Overtaken:
            continue
    raise Refused("too much is being recorded at this moment", next_move="try again")


def proven(
    app: App, run: Run, matter: Matter, word: Word, person: Person, *, signed: bool
) -> tuple[Kind, str, Mapping[str, Json]]:
    """The word as an event for the next place in the journal; `signed`: it has to be."""
    bare = Decision(
        seq=run.seq + 1,
        gate=matter.gate,
        verdict=word.verdict,
        person=person.id,
        account=app.desk.who,
        digest=matter.digest,
        shown=matter.shown,
        reason=word.reason.strip(),
        at=app.stamp(run),
        delegated_for=word.place if word.place != person.id else "",
        about=word.about,
        after=run.head,
        way=REHEARSAL if word.played else UNSIGNED,
    )
    made = bare if word.played else _signed(run, bare, word.key, person, demanded=signed)
    body: dict[str, Json] = {name: getattr(made, name) for name in _STORED}
    return KINDS[word.verdict], made.at, {**body, "verdict": word.verdict.value}


def _signed(run: Run, bare: Decision, given: Path | None, person: Person, *, demanded: bool) -> Decision:
    key = _key(given, person)
    if key is None:
        if demanded:
            raise Refused(
                "decisions are signed here, and no key of yours is at hand",
                next_move="name it: --key ~/.ssh/id_ed25519, or load it into your SSH agent",
            )
        return bare
    public, sign = key
    text = signature.signed_text(signed_fields(run, bare))
    made = sign(text)
    if not signature.verify(text, made, (public,)):
        raise Refused("the signature does not fit the key", next_move="name the key in your people entry")
    return replace(bare, text=text, signature=made, way=f"ssh {signature.fingerprint(public)}")


def _key(given: Path | None, person: Person) -> tuple[str, Callable[[str], str]] | None:
    if given is not None:
        public = signature.public_key(given)
        if public not in person.keys:
            raise Refused(
                f"this key is not {person.name}'s",
                where=str(given),
                next_move="whoever keeps the people file adds its public half under keys:",
            )
        return public, lambda text: signature.sign(text, given)
    held = set(signature.agent_keys()) if person.keys else set()
    found = next((key for key in person.keys if key in held), None)
    return (found, lambda text: signature.sign_by_agent(text, found)) if found else None
