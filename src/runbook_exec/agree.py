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
"""How many different humans a mode takes."""

REHEARSED = "rehearsal"
"""Who confirms where nobody does it in earnest."""

_SAID = {
    "one": ("waits for a person to confirm", "wartet auf die Bestätigung durch einen Menschen"),
    "other": (
        "waits for another person to confirm",
        "wartet auf die Bestätigung durch einen zweiten Menschen",
    ),
    "stranger": (
        "waits for somebody who is known: the account {} is nobody's",
        "wartet auf jemand Bekannten: das Konto {} gehört niemandem",
    ),
    "how": (
        "`runbook confirm {0} {1}`, typed by that person; then `runbook resume {0}` goes on",
        "`runbook confirm {0} {1}`, von diesem Menschen getippt; dann macht `runbook resume {0}` weiter",
    ),
    "list": ("Done? Confirm each: {}", "Erledigt? Jedes bestätigen: {}"),
}


def agree(step: Step, label: str, nature: Nature, scribe: Scribe, around: Surroundings) -> None:
    """Return once enough people have agreed; raise `Stop` (waiting) while somebody is missing.

    A human action asks the last person itself. Who a person is comes from the process
    that they started, never from what they type; one human counts once, whatever number of
    accounts they have.
    """
    asks_itself = nature is Nature.HUMAN
    if asks_itself and step.mode in {Mode.READ_DO, Mode.DO_CONFIRM}:
        return  # the action asks, or `together` has asked
    by = heard_from(step, label, scribe, around)
    needed = PEOPLE[step.mode]
    if len(by) >= needed:
        return
    me = _human(step, scribe.who, around)
    if not me:
        raise _waiting(step, label, _said(around, "stranger", scribe.who), scribe, around)
    if asks_itself and by and me not in by:
        return  # the action asks the last of them
    if me not in by and around.ask(Question(title=_title(step, around.language))) is not None:
        scribe.add(Kind.CONFIRMED, {"step": label, "who": scribe.who, "text": ""})
        by = heard_from(step, label, scribe, around)
    if by and around.rehearses and asks_itself:
        return  # the action asks, and a rehearsal answers
    if by and around.rehearses and len(by) < needed:
        scribe.add(Kind.CONFIRMED, {"step": label, "who": REHEARSED, "text": ""})
        by = heard_from(step, label, scribe, around)
    if len(by) < needed:
        raise _waiting(step, label, _said(around, "other" if by else "one"), scribe, around)


def together(title: str, steps: Sequence[Step], scribe: Scribe, around: Surroundings) -> None:
    """Have a section's do-confirm items confirmed in one go, after they were done from memory.

    Raises `Stop` (waiting) where nobody confirms all of them; then nothing is recorded as done.
    """
    items = tuple(_title(step, around.language) for step in steps)
    if around.ask(Question(title=_said(around, "list", title), items=items)) is None:
        reason = _said(around, "one")
        for step in steps[1:]:
            scribe.add(Kind.WAITING, {"step": step.id, "reason": reason})
        raise _waiting(steps[0], steps[0].id, reason, scribe, around)
    for step in steps:
        scribe.add(Kind.CONFIRMED, {"step": step.id, "who": scribe.who, "text": ""})


def word_given(step: Step, label: str, scribe: Scribe, around: Surroundings) -> Answer | None:
    """The word that a person's item has already; None where it still has to be asked for."""
    by = scribe.run.record(label).confirmed_by
    enough = len(heard_from(step, label, scribe, around)) >= max(PEOPLE[step.mode], 1)
    return Answer(who=by[-1], value=scribe.run.record(label).answer) if enough else None


def heard_from(step: Step, label: str, scribe: Scribe, around: Surroundings) -> set[str]:
    """The different humans who have confirmed a step; for a challenge, those who are known."""
    found = {_human(step, account, around) for account in scribe.run.record(label).confirmed_by}
    return found - {""}


def _human(step: Step, account: str, around: Surroundings) -> str:
    return around.human(account) if step.mode is Mode.CHALLENGE else account


def how_to_confirm(step: Step, label: str, scribe: Scribe, around: Surroundings) -> str:
    """The next move where somebody's word is missing; a secret is shown by the run itself alone."""
    run = scribe.run.id
    if step.args.get("reveal"):
        return f"`runbook resume {run}` goes on"
    return _said(around, "how", run, label)


def _waiting(step: Step, label: str, reason: str, scribe: Scribe, around: Surroundings) -> Stop:
    scribe.add(Kind.WAITING, {"step": label, "reason": reason})
    return Stop(
        RunStatus.WAITING,
        f"step {label!r} {reason}",
        next_move=how_to_confirm(step, label, scribe, around),
    )


def _said(around: Surroundings, key: str, *values: str) -> str:
    english, german = _SAID[key]
    return (german if around.language == "de" else english).format(*values)


def _title(step: Step, language: str) -> str:
    return step.title.get(language) or next(iter(step.title.values()))
