"""The one interface behind `uses:`, and how an action is found by its name.

An action is pure but for `apply`: it says what it must read (`reads`), computes the
change from what was read (`plan`), and how the change is taken back (`undo`). Reading
itself belongs to the provider's session, so that the planner can read for many steps
at once and lay the changes of earlier steps over what it got.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from runbook_exec.change import Change, Evidence, Facts, Irreversible, Json, Nature, Ref, State, Waiting
from runbook_exec.errors import Invalid, RunbookError
from runbook_exec.secret import Secret

ACTIONS_PACKAGE = "runbook_exec.actions"


class Args(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every action's arguments: typed, closed, documented by `msgspec.Meta`."""


A = TypeVar("A", bound=Args)


class Session(Protocol):
    """One provider's open connection."""

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        """Read many things at once; a thing that does not exist reads as None.

        A thing that cannot be read (no right to see it) raises; it is never None.
        """

    def permit(self, writes: Sequence[str]) -> AbstractContextManager[None]:
        """Within this context the session may write these targets, and no others.

        Raises `NoPen` on a session opened with `write=False`.
        """


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that `doctor` found out about a connection."""

    ok: bool
    what: str
    next_move: str = ""
    known: bool = True
    """False where nothing is wrong as far as can be told, and it cannot be told from here."""

    @classmethod
    def of(cls, error: RunbookError) -> Finding:
        """What an error tells, with the far side that it comes from."""
        what = f"{error.where}: {error.what}" if error.where else error.what
        return cls(ok=False, what=what, next_move=error.next_move)


ADDED = frozenset({"client", "project"})
"""Keys that every connection has besides the provider's own: whose estate it is, and the project folder."""


class Provider(Protocol):
    """A far side: how its sessions are opened and checked."""

    name: str

    def open(self, connection: Mapping[str, Json], *, write: bool) -> AbstractContextManager[Any]:
        """Open a session. With `write=False` it has no means to write."""

    def check(self, connection: Mapping[str, Json], rights: Rights) -> list[Finding]:
        """Say whether the connection works and has the rights, too few or too many."""


@dataclass(frozen=True, kw_only=True)
class Rights:
    """The least permissions that an action needs, in the far side's own names.

    A string names one permission; a tuple names alternatives, the least first.
    """

    read: tuple[str | tuple[str, ...], ...] = ()
    apply: tuple[str | tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a person is asked to do or to answer."""

    title: str
    text: str = ""
    items: tuple[str, ...] = ()
    """Checklist items to be confirmed one by one."""
    reveal: Mapping[str, Secret] = field(default_factory=dict)
    """Secrets shown once, in a terminal only, and never kept."""
    answer: Mapping[str, Json] | None = None
    """JSON Schema of what they answer; None: a yes is enough."""
    expect: tuple[str, ...] = ()
    """The right answers, where only some are."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Who confirmed, and what they said."""

    who: str
    text: str = ""
    value: Json = None
    """What they answered, where that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What `apply` may use of the world besides its session."""

    client: str
    run: str
    step: str
    language: str
    project: Path
    """The project folder: playbooks/, templates/ and inventory/ live in it."""
    now: Callable[[], datetime]
    deadline: datetime
    """When the step's `timeout` is over; far-side timeouts must end before it."""
    say: Callable[[str], None]
    """Progress for the person who watches; not kept."""
    record: Callable[[Mapping[str, Json]], None]
    """Evidence while it happens (an Ansible task's result); kept in the journal."""
    ask: Callable[[Question], Answer | None]
    """Ask the person at the terminal; None where nobody is there."""
    story: Callable[[], str] = lambda: ""
    """The run's checklist so far as Markdown, to attach to a ticket."""


class Action(ABC, Generic[A]):
    """One action. Subclasses are stateless; `@register` makes them known."""

    name: ClassVar[str]
    """`provider.verb_or_noun`, as written after `uses:`."""
    nature: ClassVar[Nature] = Nature.WRITES
    destructive: ClassVar[bool] = False
    """True where it takes something away: lint then wants `undo` or `irreversible`."""
    hands_out: ClassVar[bool] = False
    """True where it makes something that somebody can sign in with."""
    undoable: ClassVar[bool] = True
    """False where `undo` always answers `Irreversible`."""
    rereads: ClassVar[bool] = True
    """False where a fresh plan after `apply` cannot be empty (a password); `verify` proves it instead."""
    rights: ClassVar[Rights] = Rights()
    Args: ClassVar[type[Any]]
    outputs: ClassVar[Mapping[str, str]] = {}
    """Name and meaning of each value for later steps."""

    @property
    def provider(self) -> str:
        """The provider whose session `apply` gets."""
        return self.name.partition(".")[0]

    def reads(self, args: A, facts: Facts) -> Sequence[Ref]:
        """What must be read to plan. Called again with what was read, until nothing new is named."""
        return ()

    @abstractmethod
    def plan(self, args: A, facts: Facts) -> Change:
        """Compute the change from what was read. Pure; reads no clock and no world."""

    def apply(self, session: Any, args: A, change: Change, ctx: Context) -> Evidence | Waiting:
        """Bring the change about. Driven by `change`; `args` only supply secrets and texts."""
        raise Invalid(f"{self.name} has nothing to apply")

    def verify(self, session: Any, args: A, change: Change, evidence: Evidence) -> str:
        """What the read-back found missing, in words; empty where all is as planned.

        The executor has already planned again from a fresh read and found nothing left
        to do. Actions whose effect an ordinary read cannot show (a password) prove it here.
        """
        return ""

    def patience(self, args: A) -> float | None:
        """Seconds that the step may take by its arguments; None: the step's `timeout` counts."""
        return None

    def can_undo(self, values: Mapping[str, Json]) -> bool:
        """Whether `undo` will have a way back, by the arguments as written in the runbook."""
        return self.undoable

    def undo(self, change: Change, evidence: Evidence) -> Change | Irreversible:
        """The change that takes this one back, from its before-image alone. Pure."""
        return Irreversible(reason=f"{self.name} has no way back")

    def undo_reads(self, back: Change, evidence: Evidence, facts: Facts) -> Sequence[Ref]:
        """What must be read to hold a way back against the world; as `reads`.

        `back` is what `undo` gave. The thing is looked for by its immutable id where it has one.
        """
        return ()

    def undo_plan(self, back: Change, evidence: Evidence, facts: Facts) -> Change:
        """What of a way back is still to be done, as `way_back.remaining` sees it. Pure.

        Every action whose `undo` gives a change has it; `apply` gets that change with `args` None.
        """
        raise Invalid(f"{self.name} does not say how its way back is held against the world")


_asked: ContextVar[Callable[[], None]] = ContextVar("asks whose the run is", default=lambda: None)


@contextmanager
def asking(whose: Callable[[], None]) -> Iterator[None]:
    """Within this context `still_ours` asks `whose`, in this thread."""
    before = _asked.set(whose)
    try:
        yield
    finally:
        _asked.reset(before)


def still_ours() -> None:
    """Raise `Busy` where another process has taken the run over meanwhile.

    Sessions call it right before each write: a process that stood still for long has no
    other way to know, and no far side would refuse it.
    """
    _asked.get()()


_actions: dict[str, Action[Any]] = {}
_providers: dict[str, Provider] = {}

T = TypeVar("T", bound=type[Action[Any]])


def register(cls: T) -> T:
    """Class decorator: make an action known by its name."""
    _actions[cls.name] = cls()
    return cls


def register_provider(provider: Provider) -> Provider:
    """Make a provider known by its name."""
    _providers[provider.name] = provider
    return provider


def find(name: str) -> Action[Any] | None:
    """The action of this name, importing its provider's module on first use; None if unknown."""
    if name not in _actions:
        _import(name.partition(".")[0])
    return _actions.get(name)


def find_provider(name: str) -> Provider | None:
    """The provider of this name; None for one that needs no connection (identity, secret, assert)."""
    if name not in _providers:
        _import(name)
    return _providers.get(name)


def provider_names() -> list[str]:
    """Every provider that has a module, without importing any."""
    package = importlib.import_module(ACTIONS_PACKAGE)
    return sorted(found.name.rstrip("_") for found in pkgutil.iter_modules(package.__path__))


def every_action() -> Iterator[Action[Any]]:
    """All actions by name, importing every provider's module."""
    for name in provider_names():
        _import(name)
    for name in sorted(_actions):
        yield _actions[name]


def _import(provider: str) -> None:
    # `assert` is a Python keyword, so its module is `assert_`; the same for `wait` is harmless.
    if provider not in provider_names():
        return
    try:
        importlib.import_module(f"{ACTIONS_PACKAGE}.{provider}")
    except ModuleNotFoundError as error:
        if error.name != f"{ACTIONS_PACKAGE}.{provider}":
            raise
        importlib.import_module(f"{ACTIONS_PACKAGE}.{provider}_")


def args_schema(action: Action[Any]) -> dict[str, Any]:
    """JSON Schema of an action's arguments; a `Secret` is any string."""
    return msgspec.json.schema(action.Args, schema_hook=_schema_of_special)


def _schema_of_special(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {
            "type": "string",
            "secret": True,
            "pattern": "\\{\\{",
            "description": "a secret: an expression that names one",
        }
    raise NotImplementedError(kind)


def make_args(action: Action[Any], values: Mapping[str, Json], *, where: str = "") -> Any:
    """Rendered values → the action's typed arguments; says which argument is wrong."""
    try:
        return msgspec.convert(dict(values), action.Args, dec_hook=_special)
    except msgspec.ValidationError as error:
        raise Invalid(
            f"{action.name}: {error}",
            where=where,
            next_move=f"see `runbook docs {action.name}` for its arguments",
        ) from error


def _special(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, Secret):
        return value
    if kind is Secret:
        raise TypeError("a secret is wanted: name the output of secret.generate or a secret input")
    raise NotImplementedError(kind)
