"""Any order of starts, crashes, resumes, other people's changes, trouble and words keeps what was promised.

A model in the test knows three things: which events were acknowledged, which runs somebody else took
over, and how often a person said that a mail may be sent again. Everything else is asked of the
journal and of the far side.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from running import Bench, Killed

from runbook_exec.action import Answer
from runbook_exec.errors import Busy, Failed, Transient, Unreachable
from runbook_exec.fidelity import measure
from runbook_exec.journal import Event, Kind
from runbook_exec.replay import replay
from runbook_exec.run import Run, RunStatus, StepStatus, Word
from runbook_exec.testing import FarSide, MemorySession, registered

# Nothing side by side: which thread comes first is not ours to repeat. tests/crash does that with a real process.
STEPS = """
- {id: one, title: {en: One, de: Eins}, uses: memory.thing, with: {key: a, set: {colour: red}}}
- {id: two, title: {en: Two, de: Zwei}, uses: memory.thing, with: {key: b, set: {of: "{{ one.id }}"}}}
- {id: three, title: {en: Three, de: Drei}, uses: memory.thing, with: {key: c, set: {n: 3}}, retry: {attempts: 2}}
- {id: mail, title: {en: Mail, de: Mail}, uses: memory.mail, with: {to: anna, text: hello}, irreversible: a mail}
- id: each
  title: {en: Each, de: Jedes}
  uses: memory.thing
  for_each: "{{ ['e', 'f'] }}"
  as: key
  with: {key: "{{ key }}", set: {n: 5}}
- {id: word, title: {en: Word, de: Wort}, uses: memory.word, with: {text: x}}
- id: password
  title: {en: Password, de: Kennwort}
  uses: memory.password
  with: {key: p, password: "{{ word.secret }}"}
  irreversible: the old one is gone
- {id: four, title: {en: Four, de: Vier}, uses: memory.thing, with: {key: d, set: {n: 4}}}
- {id: paper, title: {en: Paper, de: Papier}, mode: read-do, with: {reveal: {Password: "{{ word.secret }}"}}}
"""
WANTED = {"a": {"colour": "red"}, "c": {"n": 3}, "d": {"n": 4}, "e": {"n": 5}}
WRITERS = {
    "a": ("one",),
    "p": ("password",),
    "b": ("two",),
    "c": ("three",),
    "d": ("four",),
    "e": ("each[0]",),
    "f": ("each[1]",),
    "anna": ("mail",),
}
"""By far-side name: the steps that may write it."""
TROUBLE = {
    "refused": ("before", Failed("no", next_move="mend it")),
    "busy": ("before", Transient("busy", after=1)),
    "not reached": ("before", Unreachable("no line")),
    "answer lost": ("after", Unreachable("no answer", sent=True)),
}
MOST_MOVES = 12


@dataclass(frozen=True, kw_only=True)
class Death:
    """The process ends at the n-th event of a kind: right after it is stored, or right before."""

    kind: Kind
    nth: int
    after: bool


FATES = (
    None,
    *(Death(kind=Kind.INTENT, nth=number, after=True) for number in range(1, 9)),
    *(Death(kind=Kind.RESULT, nth=number, after=False) for number in range(1, 9)),
    *(
        Death(kind=kind, nth=1, after=True)
        for kind in (Kind.RESUMED, Kind.ADOPTED, Kind.FAILED, Kind.DRIFTED, Kind.REOPENED)
    ),
    *range(2, 9),
)
"""What may become of a process: nothing, its end, or somebody who takes the run over after so many events."""


class RunMachine(RuleBasedStateMachine):
    """One run from its start to whatever end."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        fast = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=fast if fast.is_dir() else None))
        self.closing.callback(shutil.rmtree, self.folder)
        self.far = self.closing.enter_context(registered(FarSide(p={"id": "7"})))
        self.bench = Bench(folder=self.folder, far=self.far, answer=lambda question: Answer(who="mia"))
        self.closing.callback(self.bench.store.close)
        self.runbook = self.bench.runbook(STEPS)
        self.seen: list[tuple[Event, Run]] = []
        self.redos = 0
        self.changed = True
        """Whether the journal has to be read anew; `run` is what it says."""
        self.run: Run
        self.began = self.armed = self.dead = self.fenced = False
        self.death: Death | None = None
        self.taken_over_at = 0
        """Events until somebody else takes the run over; 0: nobody does."""
        self.mail_troubles: list[str] = []
        self.broken: list[str] = []
        """What must never happen and did. Raised later: the executor answers errors in its own way."""
        self._watch()

    # The instruments

    def _watch(self) -> None:
        """Put the kill and the checks where events are stored and where effects happen."""
        append, put, post = self.bench.store.append, MemorySession.put, MemorySession.post

        def appended(event, lease, *, over=False):
            fatal = self._is_fatal(event)
            if self.dead or (fatal and not self.death.after):
                self.dead = True
                raise Killed
            sealed = append(event, lease, over=over)
            if self.fenced:
                self.broken.append(f"{event.kind} was written by a process that lost its run")
            if fatal:
                self.dead = True
                raise Killed
            return sealed

        def putting(session, key, state):
            before, count, step = self.far.things.get(key), len(self.far.writes), self._effect(key)
            try:
                put(session, key, state)
            finally:
                done = len(self.far.writes) > count
                if done and step != "password" and self.far.things.get(key) == before:
                    self.broken.append(f"{key} was written again, and nothing changed")

        def posting(session, mail):
            self._effect(mail["to"])
            if self.mail_troubles:
                self.far.trouble.insert(0, TROUBLE[self.mail_troubles.pop()])
            post(session, mail)

        self.bench.store.append = appended
        self.closing.enter_context(patch.object(MemorySession, "put", putting))
        self.closing.enter_context(patch.object(MemorySession, "post", posting))
        self.bench.on_event = self._on_event

    def _is_fatal(self, event: Event) -> bool:
        """Whether the process dies around this event."""
        if self.death is None or event.kind != self.death.kind:
            return False
        self.death = replace(self.death, nth=self.death.nth - 1)
        return self.death.nth == 0

    def _on_event(self, event: Event, run: Run) -> None:
        self.seen.append((event, run))
        self.taken_over_at -= 1
        if self.taken_over_at == 0:
            self.bench.store.acquire("r1", owner="other", now=10**10, until=0)
            self.fenced = True

    def _effect(self, name: str) -> str:
        """Something is about to happen at the far side: the step whose intent is open for it."""
        if self.dead:
            raise Killed
        run = replay(self.bench.store.events("r1"))
        begun = [step for step in WRITERS[name] if run.record(step).status is StepStatus.BEGUN]
        if self.fenced:
            self.broken.append(f"{name} is written by a process that lost its run")
        if not begun:
            self.broken.append(f"{name} is written, but no intent is open for it")
        return begun[0] if begun else ""

    # What may happen

    @initialize(fate=st.sampled_from(FATES))
    def start(self, fate):
        self._while(fate, self.bench.start)
        self.what_was_promised()
        self.began = bool(self.run.plan)

    @precondition(lambda self: self.began and not self.run.is_over)
    @rule(fate=st.sampled_from(FATES))
    def resume(self, fate):
        self._while(fate, self.bench.resume)

    @precondition(lambda self: self.began and not self.run.is_over)
    @rule(fate=st.sampled_from(FATES))
    def replan(self, fate):
        self._while(fate, self.bench.replan)

    def _while(self, fate, work):
        """Let a process work until it stops, dies or is taken over."""
        self.death = fate if isinstance(fate, Death) else None
        self.taken_over_at = fate if isinstance(fate, int) else 0
        with suppress(Killed, Busy):
            work(self.runbook)
        self.changed = True
        self.death, self.taken_over_at, self.dead, self.fenced = None, 0, False, False

    @rule(
        what=st.sampled_from(["changed", "deleted", "done"]),
        key=st.sampled_from(["begun", "begun", "begun", *"abcdef"]),
    )
    def somebody_else_was_here(self, what, key):
        """Another person changed, deleted or did a thing; `begun`: the one that is half done."""
        if key == "begun":
            key = self._begun()
        match what:
            case "changed":
                self.far.things.setdefault(key, {"id": f"theirs-{key}"}).update(
                    dict.fromkeys(WANTED.get(key, {"of": 0}), "other")
                )
            case "deleted":
                self.far.things.pop(key, None)
            case "done":
                self.far.things.setdefault(key, {"id": f"theirs-{key}"}).update(WANTED.get(key, {}))

    def _begun(self) -> str:
        """A thing whose step has an intent and no result, else the first."""
        begun = [label for label, record in self.run.steps.items() if record.status is StepStatus.BEGUN]
        return next(
            (name for name, steps in WRITERS.items() if name in WANTED and set(steps) & set(begun)), "a"
        )

    @rule(what=st.sampled_from(sorted(TROUBLE)), mail=st.booleans())
    def trouble_comes(self, what, mail):
        if mail:
            self.mail_troubles.append(what)
        else:
            self.far.trouble.append(TROUBLE[what])

    @precondition(lambda self: self.began and self.run.status is RunStatus.IN_DOUBT)
    @rule(word=st.sampled_from(list(Word)))
    def a_person_says_what_happened(self, word):
        self._say(word)

    def _say(self, word):
        for label, record in self.run.steps.items():
            if record.status is StepStatus.BEGUN:
                self.bench.say(label, word)
                self.changed = True
                self.redos += word is Word.REDO
                return

    @precondition(lambda self: self.began and not self.run.is_over and not self.in_the_air())
    @rule(sure=st.integers(0, 9))
    def a_person_ends_it(self, sure):
        if sure == 9:  # seldom, since nothing comes after it
            self.bench.cancel()
            self.changed = True

    def in_the_air(self):
        """Whether a step is begun: nobody may end the run then."""
        return any(record.status is StepStatus.BEGUN for record in self.run.steps.values())

    # What was promised

    @invariant()
    def what_was_promised(self):
        assert self.broken == []
        assert len(self.far.mails) <= 1 + self.redos, "a mail went out again without a person's word"
        if self.changed:
            self.changed = False
            events = self.bench.store.events("r1")
            self.run = replay(events)  # the chain holds
            self._are_there(events)
            _what_is_over_stays_so(events)
            self._is_as_shown()

    def _is_as_shown(self):
        """What was planned for certain came out so, or the record says why not."""
        figure = measure(self.run)
        assert figure.defects == ()
        assert figure.total == len(self.run.shown.get("lines", ()))
        assert not self.run.fidelity or self.run.fidelity == figure.body()

    def _are_there(self, events):
        """Every acknowledged event, and the replay is what was seen."""
        stored = {event.seq: event.hash for event in events}
        assert all(stored[event.seq] == event.hash for event, _ in self.seen)
        if self.seen:
            event, run = self.seen[-1]
            assert replay(events[: event.seq]) == run

    def teardown(self):
        """Nobody is stuck: with trouble over, a few commands and words end the run."""
        try:
            if self.began:
                self._to_the_end()
        finally:
            self.closing.close()

    def _to_the_end(self):
        self.far.trouble.clear()
        self.mail_troubles.clear()
        for _ in range(MOST_MOVES):
            run = self.run
            if run.is_over:
                return
            if run.status is RunStatus.IN_DOUBT:
                self._say(Word.DONE if self.far.mails else Word.REDO)
                self.what_was_promised()
            again = run.status in {RunStatus.DRIFTED, RunStatus.FAILED}
            going_on = self.bench.replan if again else self.bench.resume
            self._while(None, going_on)
            self.what_was_promised()
        raise AssertionError(f"stuck: {self.run.status} {self.run.why}")


def _what_is_over_stays_so(events: list[Event]) -> None:
    over: set[str] = set()
    assert all(event.kind not in {Kind.DONE, Kind.CANCELLED} for event in events[:-1])
    for event in events:
        step = str(event.body.get("step", ""))
        assert step not in over or event.kind == Kind.REOPENED, f"{event.kind} for {step}, which was over"
        if event.kind == Kind.REOPENED or (event.kind == Kind.RESOLVED and event.body["how"] == Word.REDO):
            over.discard(step)
        elif event.kind in {Kind.RESULT, Kind.ADOPTED, Kind.SKIPPED, Kind.RESOLVED}:
            over.add(step)


@pytest.mark.timeout(300)
def test_whatever_happens_keeps_what_was_promised():
    run_state_machine_as_test(
        RunMachine,
        settings=settings(
            max_examples=120,
            stateful_step_count=10,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate,),  # making a failing case small takes minutes here
            suppress_health_check=list(HealthCheck),
        ),
    )
