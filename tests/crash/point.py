"""One crash: the real command is killed at a point, a person goes on with it, and all that was promised is checked."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crash.person import Person
from crash.trial import Trial, anonymous

from runbook_exec.blackbox_verify import SOUND
from runbook_exec.errors import EXIT_IN_DOUBT, JournalError

MOST_MOVES = 8
"""After so many commands a run that has not ended counts as stuck."""
COUNT = ("--kill", "0")
"""Flags of the tracer that only counts."""
_RESOLVE = re.compile(r"runbook resolve (\S+) (\S+) done")


@dataclass(frozen=True, kw_only=True)
class Blow:
    """Where a process is hit: at which point, and how (`kill`, `kill-after`, `freeze`)."""

    at: int
    how: str = "kill"

    @property
    def flags(self) -> list[str]:
        return [f"--{self.how}", str(self.at)]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The trial as it goes undisturbed."""

    calls: list[dict[str, Any]]
    """Its points in order: `n`, `call`, `on`, and `begun`, the number of events acknowledged before."""
    effects: Counter[str]
    state: Any

    @property
    def points(self) -> int:
        return len(self.calls)


@dataclass(kw_only=True)
class Outcome:
    """What came of one crash."""

    trial: str
    key: str
    blow: Blow
    where: str = ""
    """The call that it was hit at; empty where the process had ended before."""
    moves: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: str = ""
    different: str = ""
    settled: list[float] = field(default_factory=list)
    """Seconds from calling `runbook resume` until it had settled what was open: the first event after `resumed`."""
    whole: list[float] = field(default_factory=list)
    """Seconds that `runbook resume` took to the run's end, or to a question for a person."""

    @property
    def troubles(self) -> list[str]:
        found = [f"lost: {one}" for one in self.lost] + [f"doubled: {one}" for one in self.doubled]
        found += [f"stuck: {self.stuck}"] if self.stuck else []
        return found + ([f"different: {self.different}"] if self.different else [])

    def __str__(self) -> str:
        told = f"{self.trial} {self.key} {self.blow.how} {self.blow.at} ({self.where or 'not reached'})"
        return f"{told}: {'; '.join(self.troubles) or 'as promised'} [{' → '.join(self.moves)}]"


def undisturbed(trial: Trial, folder: Path) -> Reference:
    """Run the trial to its end, counting its points."""
    key = f"{trial.name}-undisturbed"
    person = Person(trial.project(folder))
    ended = person.runbook(*trial.command(key), flags=COUNT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Reference(calls=person.points(), effects=trial.effects(key), state=_state(trial, key))


def crashed(trial: Trial, folder: Path, key: str, reference: Reference, *blows: Blow) -> Outcome:
    """Hit the run with the first blow, each resume with the next; go on to the end; check what was promised."""
    person = Person(trial.project(folder))
    outcome = Outcome(trial=trial.name, key=key, blow=blows[0])
    for number, blow in enumerate(blows):
        run_id = person.run_id() if number else ""
        arguments = ["resume", run_id, *trial.resume] if run_id else trial.command(key)
        hit = person.runbook(*arguments, flags=blow.flags)
        points = person.points()
        if number == 0 and len(points) == blow.at:
            outcome.where = f"{points[-1]['call']} {points[-1]['on']}"
        outcome.moves.append(f"{arguments[0]}: {'killed' if hit.returncode > 128 else hit.returncode}")
        _answer_doubt(trial, person, outcome, run_id, hit)
    to_the_end(trial, person, outcome)
    return judged(trial, person, outcome, reference)


def to_the_end(
    trial: Trial, person: Person, outcome: Outcome, *, on_held: Callable[[], None] = lambda: None
) -> None:
    """Do what a person does who reads what the command says; `on_held`: end the process that holds the journal."""
    last = ""
    for _ in range(MOST_MOVES):
        run_id = person.run_id()
        arguments = ["resume", run_id, *trial.resume] if run_id else trial.command(outcome.key)
        if "--replan" in last:
            arguments += ["--replan", "--yes"]
        began, clock = time.monotonic(), datetime.now(UTC)
        ended = person.runbook(*arguments)
        if run_id and ended.returncode in {0, EXIT_IN_DOUBT}:
            outcome.whole.append(time.monotonic() - began)
            outcome.settled += person.settled_after(run_id, clock)
        outcome.moves.append(f"{arguments[0]}: {ended.returncode}")
        last = ended.stdout + ended.stderr
        if ended.returncode == 0 or f"run {run_id} is done" in last:
            return
        if ended.returncode == JournalError.exit_code and "another process holds the journal" in last:
            on_held()
        _answer_doubt(trial, person, outcome, run_id, ended)
    outcome.stuck = last


def _answer_doubt(trial: Trial, person: Person, outcome: Outcome, run_id: str, ended: Any) -> None:
    """Look at the far side, and say what happened to the step in doubt."""
    if ended.returncode != EXIT_IN_DOUBT:
        return
    found = _RESOLVE.search(ended.stdout)
    assert found, ended.stdout
    word = "done" if trial.happened(outcome.key, found[2]) else "redo"
    said = person.runbook("resolve", run_id or found[1], found[2], word, "--reason", "looked")
    assert said.returncode == 0, said.stderr
    outcome.moves.append(f"resolve {found[2]} {word}")


def judged(trial: Trial, person: Person, outcome: Outcome, reference: Reference) -> Outcome:
    """Hold the journal and the far sides against what was promised."""
    outcome.lost = [*_lost(person), *_unsound(person)]
    effects = trial.effects(outcome.key)
    outcome.doubled = [
        f"{count} instead of {reference.effects[effect]}: {effect}"
        for effect, count in effects.items()
        if count > reference.effects[effect] and not any(word in effect for word in trial.renewed)
    ]
    state = _state(trial, outcome.key)
    if state != reference.state:
        outcome.different = f"{state} instead of {reference.state}"
    elif missing := reference.effects.keys() - effects.keys():
        outcome.different = f"never done: {missing}"
    if not outcome.stuck:
        run, _ = person.run(person.run_id())
        outcome.stuck = "" if run.is_over else f"the run is {run.status.value}"
    return outcome


def _lost(person: Person) -> list[str]:
    """Acknowledged events that the journal does not hold, or holds otherwise."""
    found = []
    for run_id in {run for run, _, _ in person.noted()}:
        try:
            _, hashes = person.run(run_id)
        except JournalError as error:
            found.append(str(error))
            continue
        found += [
            f"{run} {seq}"
            for run, seq, digest in person.noted()
            if run == run_id and hashes.get(seq) != digest
        ]
    return found


def _unsound(person: Person) -> list[str]:
    """What the black box's verifier finds fault with once the run has ended: a crash leaves nothing behind there."""
    found = person.black_box()
    return [] if found.exit == SOUND else ["black box: " + " ".join(found.lines("en"))]


def _state(trial: Trial, key: str) -> Any:
    return anonymous(trial.state(key), key)
