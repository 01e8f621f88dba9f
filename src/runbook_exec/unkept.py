"""What a run that ended too early leaves half done: a secret that was set, and that nobody was given.

A fresh look at the far side finds the account open and the password set, and would call the rest
done. Only the journal knows that the secret was lost with the run. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runbook_exec.change import Nature
from runbook_exec.model import Runbook, Step
from runbook_exec.plan_line import Line, Status
from runbook_exec.recover import makers_of_secrets, reads
from runbook_exec.render import names, strings
from runbook_exec.run import Run, RunStatus


@dataclass(frozen=True, kw_only=True)
class Unkept:
    """A step that was to hand secrets over and did not."""

    step: str
    secrets_of: tuple[str, ...]
    """The steps that made them."""

    @property
    def says(self) -> str:
        return f"{self.step!r} was not done, and what {', '.join(map(repr, self.secrets_of))} made is lost: nobody has it"


def unkept(runbook: Runbook, run: Run) -> list[Unkept]:
    """What would stay half done if the run ended here."""
    made = makers_of_secrets(runbook, run)
    in_use = {name for name in made if _is_in_use(runbook, run, name)}
    found = []
    for step in runbook.steps():
        revealed = _revealed(step) & in_use
        if revealed and not any(record.status.is_over for record in run.records_of(step.id).values()):
            found.append(
                Unkept(step=step.id, secrets_of=tuple(s.id for s in runbook.steps() if s.id in revealed))
            )
    return found


def blocking(earlier: Sequence[tuple[Runbook, Run]], lines: Sequence[Line], name: str) -> Iterator[str]:
    """Why a new plan may not be started: it would leave out what an earlier run owes.

    `earlier` are the runs about the same subject, the oldest first; `name` is the new plan's runbook.
    """
    skipped = {line.step for line in lines if line.status is Status.SKIP}
    seen_to = {str(run.started.get("seen_to", "")) for _, run in earlier}
    owed: list[tuple[Run, Unkept]] = []
    for runbook, run in earlier:
        if runbook.name != name or "undoes" in run.started:
            continue
        if run.status is RunStatus.DONE:
            owed.clear()
        if run.status is RunStatus.CANCELLED and run.id not in seen_to:
            owed += [(run, each) for each in unkept(runbook, run)]
    for run, each in owed:
        if each.step in skipped:
            yield (
                f"run {run.id} was cancelled with this half done: {each.says}. `runbook undo {run.id}` takes it back; "
                f"or give the person a new one by hand, and say so: --seen-to {run.id}"
            )


def _is_in_use(runbook: Runbook, run: Run, maker: str) -> bool:
    """Whether the secret was set at a far side: by its maker, or by a step that read it."""
    return any(
        record.nature == Nature.WRITES and record.change is not None and record.status.is_over
        for step in runbook.steps()
        if step.id == maker or maker in reads(step)
        for record in run.records_of(step.id).values()
    )


def _revealed(step: Step) -> set[str]:
    texts = [text for _, text in strings(step.args.get("reveal")) if "{{" in text]
    return {path[0] for text in texts for path in names(text)}
