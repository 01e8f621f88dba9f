"""Public fakes: an in-memory far side, small actions on it, and a clock that a test moves.

`with registered(FarSide()) as far:` makes the actions `memory.*` known for a while; the
registry is as before afterwards, so that nothing here is ever offered to a user.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from runbook_exec import action
from runbook_exec.action import Action, Args, Context, Finding, Rights
from runbook_exec.change import (
    Assumed,
    Certainty,
    Change,
    Deferred,
    Effect,
    Evidence,
    Facts,
    Irreversible,
    Json,
    Nature,
    Ref,
    State,
    Waiting,
    narrow,
)
from runbook_exec.errors import NoPen, Refused, RunbookError
from runbook_exec.secret import Secret
from runbook_exec.values import THIS
from runbook_exec.way_back import remaining


class Clock:
    """A clock that stands still until it is moved. Call it for the time, in UTC."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        """Let `seconds` pass; a stand-in for `time.sleep`, too."""
        self.time += timedelta(seconds=seconds)


class FarSide:
    """Things by key, as a provider; keeps count of what was read and written.

    `trouble` is raised, first one first, by the writes that follow: `(when, error)` with
    `when` "before" (nothing happened) or "after" (it happened, the answer was lost).
    """

    name = "memory"

    def __init__(self, **things: Mapping[str, Json]) -> None:
        self.things: dict[str, dict[str, Json]] = {key: dict(value) for key, value in things.items()}
        self.reads: list[tuple[Ref, ...]] = []
        self.writes: list[str] = []
        self.passwords: dict[str, str] = {}
        self.mails: list[dict[str, Json]] = []
        self.opened: list[bool] = []
        """For each session: whether it could write."""
        self.trouble: list[tuple[str, RunbookError]] = []

    @contextmanager
    def open(self, _connection: Mapping[str, Json], *, write: bool) -> Iterator[MemorySession]:
        self.opened.append(write)
        yield MemorySession(self, write=write)

    def check(self, _connection: Mapping[str, Json], _rights: Rights) -> list[Finding]:
        return [Finding(ok=True, what="memory is there")]

    def read(self, refs: Sequence[Ref]) -> dict[Ref, State]:
        """What a session reads; usable by itself as the planner's `read`."""
        self.reads.append(tuple(refs))
        return {ref: copy.deepcopy(self.things.get(ref.key)) for ref in refs}


class MemorySession:
    """A session on a `FarSide`. Without `write` it has no pen."""

    def __init__(self, far: FarSide, *, write: bool) -> None:
        self.far, self._write = far, write
        self._permitted: frozenset[str] = frozenset()

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        return self.far.read(refs)

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        if not self._write:
            raise NoPen("this session only reads", next_move="open it for writing")
        self._permitted = frozenset(writes)
        try:
            yield
        finally:
            self._permitted = frozenset()

    def put(self, key: str, state: Mapping[str, Json] | None) -> None:
        """Make a thing be so (None: gone), with the trouble that was ordered."""
        with self._troubled(key):
            self.far.writes.append(key)
            if state is None:
                self.far.things.pop(key, None)
            else:
                self.far.things[key] = copy.deepcopy(dict(state))

    def post(self, mail: Mapping[str, Json]) -> None:
        """Send a mail, with the trouble that was ordered."""
        with self._troubled(str(mail["to"])):
            self.far.mails.append(dict(mail))

    @contextmanager
    def _troubled(self, name: str) -> Iterator[None]:
        if name not in self._permitted:
            raise Refused(f"{name} is not in the plan")
        when, error = self.far.trouble.pop(0) if self.far.trouble else ("", None)
        if error and when == "before":
            raise error
        yield
        if error:
            raise error


@contextmanager
def registered(far: FarSide) -> Iterator[FarSide]:
    """Within this context `memory` is a provider and `memory.*` are actions."""
    added: tuple[Action[Any], ...] = (Thing(), Removal(), Password(), Mail(), Word(), Wait())
    action._providers[far.name] = far  # noqa: SLF001 - the registry offers no way out, on purpose
    action._actions.update({each.name: each for each in added})  # noqa: SLF001
    try:
        yield far
    finally:
        del action._providers[far.name]  # noqa: SLF001
        for each in added:
            del action._actions[each.name]  # noqa: SLF001


def _ref(key: str) -> Ref:
    return Ref("memory.thing", key)


class ThingArgs(Args, frozen=True, kw_only=True):
    key: Annotated[str, Meta(description="which thing", min_length=1)]
    set: Annotated[dict[str, Json], Meta(description="its attributes; null takes one away")] = msgspec.field(
        default_factory=dict
    )


class Thing(Action[ThingArgs]):
    """Make a thing exist with these attributes."""

    name = "memory.thing"
    Args = ThingArgs
    rights = Rights(read=("Thing.Read",), apply=("Thing.Write",))
    outputs: ClassVar[Mapping[str, str]] = {
        "key": "the thing's key",
        "id": "the id that the far side gave it",
    }

    def reads(self, args: ThingArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args.key),)

    def plan(self, args: ThingArgs, facts: Facts) -> Change:
        now = facts[_ref(args.key)]
        before, after = narrow(now, args.set)
        fresh = Assumed(args.set, step=THIS)
        return Change(
            action=self.name,
            target=args.key,
            identity=None if now is None else now.get("id"),
            before=None if now is None else before,
            after=dict(args.set) if now is None else after,
            says={"en": f"{args.key} is made or changed", "de": f"{args.key} wird angelegt oder geändert"},
            effects=(Effect(_ref(args.key), fresh if now is None else after, whole=now is None),),
            writes=(args.key,),
            outputs={"key": args.key, "id": Deferred(THIS, "id") if now is None else now.get("id")},
        )

    def apply(self, session: MemorySession, args: ThingArgs, change: Change, ctx: Context) -> Evidence:
        now = session.far.things.get(change.target)
        new_id = f"id-{len(session.far.writes) + 1}"
        state = None
        if change.after is not None:
            whole = {"id": new_id, **(now or {}), **change.after}
            state = {name: value for name, value in whole.items() if value is not None}
        session.put(change.target, state)
        return Evidence(answer={"status": 200}, outputs={"id": state["id"]} if state else {})

    def undo(self, change: Change, evidence: Evidence) -> Change:
        says = {"en": f"{change.target} is as before", "de": f"{change.target} ist wie zuvor"}
        return Change(
            action=self.name,
            target=change.target,
            before=change.after,
            after=change.before,
            says=says,
            identity=change.identity or evidence.outputs.get("id"),
            writes=change.writes,
        )

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        return (_ref(back.target),)

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        now = facts[_ref(back.target)]
        if now is not None and back.identity is not None and now.get("id") != back.identity:
            now = None  # another thing has taken its name
        if now is not None:
            named = now if back.after is None else back.after
            now = {name: now.get(name) for name in named if name != "id"}
        left = remaining(back, now)
        after = None if back.after is None else left.after
        return left if left.is_empty else replace(left, effects=(Effect(_ref(back.target), after),))


class RemovalArgs(Args, frozen=True, kw_only=True):
    key: Annotated[str, Meta(description="which thing")]


class Removal(Action[RemovalArgs]):
    """Remove a thing for good."""

    name = "memory.removal"
    Args = RemovalArgs
    destructive = True
    undoable = False

    def reads(self, args: RemovalArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args.key),)

    def plan(self, args: RemovalArgs, facts: Facts) -> Change:
        now = facts[_ref(args.key)]
        return Change(
            action=self.name,
            target=args.key,
            before=now,
            after=None,
            says={"en": f"{args.key} is removed", "de": f"{args.key} wird gelöscht"},
            effects=(Effect(_ref(args.key), None),),
            writes=(args.key,),
            destructive=True,
            blocked="it is locked" if now and now.get("locked") else "",
        )

    def apply(self, session: MemorySession, args: RemovalArgs, change: Change, ctx: Context) -> Evidence:
        session.put(change.target, None)
        return Evidence(answer={"status": 204})


class PasswordArgs(Args, frozen=True, kw_only=True):
    key: Annotated[str, Meta(description="which thing")]
    password: Annotated[Secret, Meta(description="the new password")]


class Password(Action[PasswordArgs]):
    """Set a password; reading cannot show it, so `verify` proves it."""

    name = "memory.password"
    Args = PasswordArgs
    rereads = False
    undoable = False

    def plan(self, args: PasswordArgs, facts: Facts) -> Change:
        return Change(
            action=self.name,
            target=args.key,
            before={},
            after={"password": args.password},
            says={"en": f"{args.key} gets a new password", "de": f"{args.key} bekommt ein neues Kennwort"},
            writes=(args.key,),
        )

    def apply(self, session: MemorySession, args: PasswordArgs, change: Change, ctx: Context) -> Evidence:
        session.put(args.key, session.far.things[args.key])
        session.far.passwords[args.key] = args.password.reveal()
        return Evidence(answer={"status": 204})

    def verify(self, session: MemorySession, args: PasswordArgs, change: Change, evidence: Evidence) -> str:
        known = session.far.passwords.get(args.key)
        return "" if known == args.password.reveal() else "the password does not open"


class MailArgs(Args, frozen=True, kw_only=True):
    to: Annotated[str, Meta(description="who gets it")]
    text: Annotated[str, Meta(description="what it says")]


class Mail(Action[MailArgs]):
    """Send a mail; nothing can read back whether it came."""

    name = "memory.mail"
    Args = MailArgs
    nature = Nature.BLIND
    undoable = False

    def plan(self, args: MailArgs, facts: Facts) -> Change:
        request = {"to": args.to, "text": args.text}
        return Change(
            action=self.name,
            target=args.to,
            before=None,
            after=None,
            says={"en": f"{args.to} gets a mail", "de": f"{args.to} bekommt eine Mail"},
            certainty=Certainty.BLIND,
            request=request,
            writes=(args.to,),
        )

    def apply(self, session: MemorySession, args: MailArgs, change: Change, ctx: Context) -> Evidence:
        session.post(change.request or {})
        return Evidence(answer={"status": 250})

    def undo(self, change: Change, evidence: Evidence) -> Irreversible:
        return Irreversible(reason="a mail cannot be called back")


class WordArgs(Args, frozen=True, kw_only=True):
    text: Annotated[str, Meta(description="a word")]


class Word(Action[WordArgs]):
    """Compute two values from a word: it in capitals, and a new secret."""

    name = "memory.word"
    Args = WordArgs
    nature = Nature.COMPUTES
    outputs: ClassVar[Mapping[str, str]] = {"value": "the word in capitals", "secret": "a new secret"}

    def plan(self, args: WordArgs, facts: Facts) -> Change:
        return Change(
            action=self.name,
            target=args.text,
            before={},
            after={},
            says={"en": f"{args.text} in capitals", "de": f"{args.text} in Großbuchstaben"},
            outputs={"value": args.text.upper(), "secret": Secret.planned("20 characters")},
        )

    def apply(self, session: Any, args: WordArgs, change: Change, ctx: Context) -> Evidence:
        outputs = {"value": args.text.upper(), "secret": Secret(f"s3cret-{args.text}", rule="20 characters")}
        return Evidence(answer={}, outputs=outputs)


class WaitArgs(Args, frozen=True, kw_only=True):
    key: Annotated[str, Meta(description="the thing to wait for")]
    deadline: Annotated[str, Meta(description="how long")] = "30m"


class Wait(Action[WaitArgs]):
    """Wait until a thing exists."""

    name = "memory.wait"
    Args = WaitArgs
    nature = Nature.WAITS
    outputs: ClassVar[Mapping[str, str]] = {"id": "its id"}

    def reads(self, args: WaitArgs, facts: Facts) -> Sequence[Ref]:
        return (_ref(args.key),)

    def plan(self, args: WaitArgs, facts: Facts) -> Change:
        now = facts[_ref(args.key)]
        return Change(
            action=self.name,
            target=args.key,
            before={"there": now is not None},
            after={"there": True},
            says={"en": f"{args.key} is awaited", "de": f"{args.key} wird abgewartet"},
            certainty=Certainty.EXACT if now is not None else Certainty.DEFERRED,
            outputs={"id": Deferred(THIS, "id") if now is None else now["id"]},
        )

    def apply(self, session: Any, args: WaitArgs, change: Change, ctx: Context) -> Evidence | Waiting:
        return Waiting(reason=f"{args.key} is not there yet", every=20)
