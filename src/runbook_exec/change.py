"""What an action reads, what it would change, and what the far side answered.

Pure values. A `State` is plain JSON or None (it does not exist); everything a plan
says is derived from a state before and a state after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn

Json = Any
"""None, bool, int, float, str, list or dict of these; at plan time also `Deferred`."""

State = Mapping[str, Json] | None
"""What is so at the far side: attributes by name, or None where nothing exists."""

Words = Mapping[str, str]
"""One sentence by language code, at least `en` and `de`."""


class Certainty(StrEnum):
    """How much a plan line knows. No green tick for a guess."""

    EXACT = "exact"
    """Read and computed."""
    REPORTED = "reported"
    """Said by the tool's own check mode; what it skipped is in the notes."""
    DEFERRED = "deferred"
    """Needs a value that an earlier step supplies."""
    BLIND = "blind"
    """Cannot be read; the exact request is shown."""
    HUMAN = "human"
    """A person does it."""


class Nature(StrEnum):
    """What running an action means for the world; decides about recovery and read-back."""

    WRITES = "writes"
    """Changes something that can be read back; repeating it changes nothing more."""
    BLIND = "blind"
    """Has an effect that cannot be read back (a mail); never repeated by itself."""
    HUMAN = "human"
    """A person does it and says so."""
    WAITS = "waits"
    """Only reads, until something is so."""
    COMPUTES = "computes"
    """No effect outside this process."""


@dataclass(frozen=True, slots=True)
class Ref:
    """One thing to read. The part of `kind` before the dot names the provider."""

    kind: str
    """How to read it: `ldap.entry`, `graph.user`."""
    key: str
    """Which one, already in the provider's canonical form (folded DN, lower-case UPN)."""
    select: tuple[str, ...] = field(default=(), compare=False)
    """Attributes wanted; empty means the provider's usual set. Not part of the identity."""

    @property
    def provider(self) -> str:
        return self.kind.partition(".")[0]


Facts = Mapping[Ref, State]
"""What was read, with the changes of earlier steps laid over it."""


class NeedsValue(Exception):
    """A computation touched a value that only an earlier step can supply."""

    def __init__(self, deferred: Deferred) -> None:
        super().__init__(f"needs {deferred.label}")
        self.deferred = deferred


computing: ContextVar[bool] = ContextVar("an expression is being computed", default=False)
"""While it is set, showing a `Deferred` counts as looking at it: `[later] ~ 'x'` has to wait."""


class Deferred:
    """A value that an earlier step will supply. It can be passed on, and not looked at."""

    __slots__ = ("label", "parts", "step")

    def __init__(self, step: str, path: str = "", parts: tuple[str | None, ...] = ()) -> None:
        self.step = step
        self.label = f"{step}.{path}" if path else step
        self.parts = parts
        """For a text around the value: its fixed pieces, None where the value goes."""

    def __getattr__(self, name: str) -> Deferred:
        if name.startswith("_"):
            raise AttributeError(name)
        return Deferred(self.step, f"{self.label}.{name}".partition(".")[2])

    def __getitem__(self, key: object) -> Deferred:
        return Deferred(self.step, f"{self.label}[{key!r}]".partition(".")[2])

    def __repr__(self) -> str:
        if computing.get():
            raise NeedsValue(self)
        return f"⟨{self.label}⟩"

    def _needs(self, *_: object) -> NoReturn:
        raise NeedsValue(self)

    __str__ = __bool__ = __len__ = __iter__ = __contains__ = __call__ = _needs
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _needs
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _needs
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = _needs
    __neg__ = __pos__ = __abs__ = __round__ = __int__ = __float__ = __index__ = __format__ = _needs


class Assumed(dict[str, Json]):
    """A state that a step will bring about, of which only some attributes are known.

    Any other attribute reads as a `Deferred` of that step instead of as absent.
    """

    def __init__(self, known: Mapping[str, Json], *, step: str) -> None:
        super().__init__(known)
        self.step = step

    def __missing__(self, key: str) -> Json:
        return Deferred(self.step, key)

    def get(self, key: str, default: Json = None) -> Json:
        return self[key]


@dataclass(frozen=True, slots=True)
class Effect:
    """What will be so once a change is applied; laid over what later steps read."""

    ref: Ref
    state: State
    """Attributes laid over the present ones, or None: gone."""
    whole: bool = False
    """True where `state` is all there is (a newly created thing)."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One target, before and after. Empty where nothing is left to do.

    `before` and `after` hold only what this change reads or sets: one membership is
    one element, never the member list.
    """

    action: str
    target: str
    """The far side's name for the thing (a DN, a UPN, a host and playbook)."""
    before: State
    after: State
    says: Words
    """One plain sentence."""
    identity: str | None = None
    """The target's immutable id where it exists (objectGUID, Graph id)."""
    involves: Mapping[str, Json] = field(default_factory=dict)
    """Immutable ids of the other things that `before` and `after` name: a name can go to somebody else."""
    certainty: Certainty = Certainty.EXACT
    effects: tuple[Effect, ...] = ()
    writes: tuple[str, ...] = ()
    """Far-side names that applying may write; the session refuses any other."""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    """Values for later steps, as far as known; `Deferred` for those that the far side makes."""
    request: Mapping[str, Json] | None = None
    """The exact request, for BLIND changes."""
    notes: tuple[str | Words, ...] = ()
    """What a reader must know: what check mode skipped, which assumption was made; as a text or by language."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Groups that somebody joins or leaves by it: the names of each."""
    destructive: bool = False
    blocked: str = ""
    """Why this cannot be applied (no licence left, protected object); the plan refuses to start."""
    conflicts: Mapping[str, Json] = field(default_factory=dict)
    """Of a way back: values that somebody else changed since, by name: what the run `left` and what is
    `found`. They stay as they are."""

    @property
    def is_empty(self) -> bool:
        """True where the world is already as wanted."""
        return self.request is None and same(self.before, self.after)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the far side answered when a change was applied; kept in the journal."""

    answer: Mapping[str, Json]
    """Plain JSON: status, ids, times, counts. No secrets."""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    """Values that only applying could give; `Secret` values stay in memory."""
    undo: Mapping[str, Json] = field(default_factory=dict)
    """What undoing needs beyond `before` (a recycle-bin id)."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Not done yet: look again later, or a person has to come."""

    reason: str
    every: float | None = None
    """Seconds until another look makes sense; None where a person has to act."""


@dataclass(frozen=True, kw_only=True)
class Irreversible:
    """This cannot be undone, and why. Known before it is done."""

    reason: str


def same(a: Json, b: Json) -> bool:
    """Equal as JSON; a `Deferred` equals nothing, since nobody knows yet."""
    if isinstance(a, Deferred) or isinstance(b, Deferred):
        return False
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(
            same(dict.__getitem__(a, k) if isinstance(a, dict) else a[k], b[k]) for k in b
        )
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and bool(a == b)


def deferred_in(value: Json) -> Iterator[Deferred]:
    """Every `Deferred` inside a value, depth first."""
    if isinstance(value, Deferred):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from deferred_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from deferred_in(item)


def holds_deferred(value: Json) -> bool:
    """Whether any part of a value is known later only."""
    return next(deferred_in(value), None) is not None


def narrow(now: State, want: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """The attributes of `want` that differ from `now`, as (before, after).

    A wanted None means: absent. Attributes of `now` that `want` does not name are
    somebody else's and never appear.
    """
    before: dict[str, Json] = {}
    after: dict[str, Json] = {}
    for name, value in want.items():
        present = None if now is None else now.get(name)
        if not same(present, value):
            before[name], after[name] = present, value
    return before, after
