"""Human modes: whose word a step needs before it is done, and how that word is kept."""

from __future__ import annotations

from collections.abc import Sequence

from runbook_exec.action import Answer, Question
from runbook_exec.change import Nature
from runbook_exec.journal import Kind
from runbook_exec.model import Mode, Step
from runbook_exec.run import RunStatus
from runbook_exec.scribe import Scribe
from runbook_exec.stop import Stop
from runbook_exec.surroundings import Surroundings

PEOPLE = {Mode.AUTO: 0, Mode.READ_DO: 1, Mode.DO_CONFIRM: 1, Mode.CHALLENGE: 2}
"""How many different people a mode takes."""


def agree(step: Step, label: str, nature: Nature, scribe: Scribe, around: Surroundings) -> None:
    """Return once enough people have agreed; raise `Stop` (waiting) while somebody is missing.

    A human action asks the last person itself. Who a person is comes from the process
    that they started, never from what they type.
    """
    asks_itself = nature is Nature.HUMAN
    if asks_itself and step.mode is Mode.DO_CONFIRM:
        return  # `together` has asked, or the action asks
    needed = PEOPLE[step.mode] - asks_itself
    by = scribe.run.record(label).confirmed_by
    if len(by) < needed and scribe.who not in by:
        answer = around.ask(Question(title=_title(step, around.language)))
        if answer is not None:
            scribe.add(Kind.CONFIRMED, {"step": label, "who": scribe.who, "text": answer.text})
            by = (*by, scribe.who)
    if len(by) >= needed and not (asks_itself and scribe.who in by):
        return
    missing = "another person" if by else "a person"
    scribe.add(Kind.WAITING, {"step": label, "reason": f"waits for {missing} to confirm"})
    raise Stop(
        RunStatus.WAITING,
        f"step {label!r} waits for {missing} to confirm",
        next_move=f"`runbook resume {scribe.run.id}`, started by that person, goes on",
    )


def together(title: str, steps: Sequence[Step], scribe: Scribe, around: Surroundings) -> None:
    """Have a section's do-confirm items confirmed in one go, after they were done from memory.

    Where nobody confirms, nothing is recorded and each item asks by itself.
    """
    items = tuple(_title(step, around.language) for step in steps)
    if around.ask(Question(title=title, items=items)) is None:
        return
    for step in steps:
        scribe.add(Kind.CONFIRMED, {"step": step.id, "who": scribe.who, "text": ""})


def word_given(step: Step, label: str, scribe: Scribe) -> Answer | None:
    """The word that a do-confirm item already has; None where it still has to be asked for."""
    by = scribe.run.record(label).confirmed_by
    return Answer(who=by[-1]) if by and step.mode is Mode.DO_CONFIRM else None


def _title(step: Step, language: str) -> str:
    return step.title.get(language) or next(iter(step.title.values()))
