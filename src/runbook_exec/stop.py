"""Why a run stops before its end, as one small value."""

from __future__ import annotations

from datetime import UTC, datetime

from runbook_exec.change import Json
from runbook_exec.errors import RunbookError
from runbook_exec.fidelity import measure
from runbook_exec.run import Run, RunStatus

GO_ON = "`runbook resume`"
"""How whoever raises an error, and knows of no run, writes the command that goes on."""


def all_but(run: Run) -> Stop:
    """A run that is done but for what was put off: it waits, and does not end."""
    named = (f"{label} ({d.owner}, until {d.until})" for label, d in run.deferrals.items())
    first = next(iter(run.deferrals))
    return Stop(
        RunStatus.WAITING,
        "done but for " + ", ".join(named),
        next_move=f"`runbook settle {run.id} {first}` does it; `--never` ends it undone, by whoever may say so",
        kind="deferred",
    )


def ended_body(run: Run, reason: str) -> dict[str, Json]:
    """What the last event of a run says that a person ends."""
    return {"reason": reason, "never": list(run.deferrals), "fidelity": measure(run).body()}


def put_right(run: str) -> str:
    """The next move where what is left cannot be done as it was planned."""
    return (
        f"put that right, then `runbook resume {run}`; or `runbook cancel {run}` and run it again, "
        "which finds what is done and plans the rest anew"
    )


class Stop(Exception):
    """The run stops here; everything before is done and recorded."""

    def __init__(
        self,
        status: RunStatus,
        why: str,
        *,
        next_move: str = "",
        kind: str = "",
        due: datetime | None = None,
    ) -> None:
        super().__init__(why)
        self.status, self.why, self.next_move, self.kind = status, why, next_move, kind
        self.due = due
        """When something about it changes by itself."""

    @classmethod
    def of(cls, error: RunbookError, *, run: str, step: str = "") -> Stop:
        """The stop that an error means: at which step, at which far side, and the command that goes on."""
        _, here, far_side = error.where.rpartition(f'step "{step}"')
        far_side = far_side.removeprefix(": ") if here else error.where
        what = f"{far_side}: {error.what}" if far_side else error.what
        why = f"step {step!r}: {what}" if step else what
        next_move = error.next_move.replace(GO_ON, f"`runbook resume {run}`")
        return cls(RunStatus.FAILED, why, next_move=next_move, kind=error.kind)

    @classmethod
    def defect(cls, error: Exception) -> Stop:
        """The stop after an error of our own making. Its text is not kept: it may hold anything."""
        return cls(
            RunStatus.FAILED,
            f"a defect in this program ({type(error).__name__})",
            next_move="`runbook resume` reads the world before it goes on; report the defect with --debug",
            kind="defect",
        )

    def body(self) -> dict[str, Json]:
        return {
            "status": self.status.value,
            "why": self.why,
            "next_move": self.next_move,
            "kind": self.kind,
            **({"due": stamp(self.due)} if self.due else {}),
        }


def drifted(run: str, step: str, what: str) -> Stop:
    """The stop at a step that is no longer as it was planned."""
    return Stop(
        RunStatus.DRIFTED,
        f"step {step!r}: {what}",
        next_move=f"`runbook resume {run} --replan` shows a new plan for what is left",
        kind="drift",
    )


def stamp(at: datetime) -> str:
    """A time as the journal keeps it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def error_body(error: RunbookError) -> dict[str, Json]:
    """An error as the journal keeps it."""
    return {"kind": error.kind, "what": error.what, "where": error.where, "next_move": error.next_move}
