"""The live checklist: a picture that follows the run in a terminal, plain lines in a pipe."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol, Self

import click

from runbook_exec import report
from runbook_exec.journal import Event, Kind
from runbook_exec.model import Runbook
from runbook_exec.past import runbook_of
from runbook_exec.run import Run, RunStatus, StepStatus
from runbook_exec.visible import visible

COLOURS = {
    StepStatus.DONE: "green",
    StepStatus.FAILED: "red",
    StepStatus.DRIFTED: "red",
    StepStatus.WAITING: "yellow",
    StepStatus.BEGUN: "cyan",
    StepStatus.LEFT: "yellow",
    StepStatus.UNDONE: "yellow",
    StepStatus.DEFERRED: "yellow",
    StepStatus.NEVER: "yellow",
}


class Checklist(Protocol):
    """Shows a run while it happens."""

    def watch(self, event: Event, run: Run) -> None: ...

    def say(self, step: str, text: str) -> None: ...

    def note(self, text: str) -> None:
        """Tell something about the run as a whole."""

    def paused(self) -> Any:
        """A context in which the screen belongs to a question."""


class Lines:
    """One line for each thing that happens."""

    def __init__(self, runbook: Runbook, language: str) -> None:
        self._titles = {step.id: report.titled(step.title, language) for step in runbook.steps()}
        self._runbook, self._language = runbook, language
        self._last: dict[str, str] = {}

    def watch(self, event: Event, run: Run) -> None:
        undoing = _taken_back_meanwhile(event, run, self._runbook)
        if undoing is not None:
            self._runbook = undoing
            click.echo("\n" + click.style(report.titled(undoing.title, self._language), bold=True))
        label = event.body.get("step")
        if not label or event.kind in {Kind.EVIDENCE, Kind.INTENT, Kind.CONFIRMED, Kind.REOPENED}:
            return
        row = next(row for row in report.rows(run, self._runbook, self._language) if row.step == label)
        if event.kind == Kind.WAITING:
            if self._last.get(label) == row.says:
                return  # a new time for the same
            self._last[label] = row.says
        mark = click.style(report.MARKS[row.status], fg=COLOURS.get(row.status))
        says = f" – {visible(row.says)}" if row.says else ""
        click.echo(f"{mark} {visible(row.title)}{says}{_took(row)}")

    def say(self, step: str, text: str) -> None:
        if self._last.get(step) != text:
            self._last[step] = text
            click.echo(f"    {step}: {visible(text)}")

    def note(self, text: str) -> None:
        click.echo(text, err=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        yield


class Live:
    """The whole checklist, redrawn as it goes on. Use as a context."""

    def __init__(self, runbook: Runbook, language: str) -> None:
        self._runbook, self._language = runbook, language
        self._run: Run | None = None
        self._saying: dict[str, str] = {}
        self._lock = threading.RLock()
        self._began = time.monotonic()
        self._ends = False
        self._note = ""
        self._picture = self._blank()

    def _blank(self) -> Any:
        """A picture that begins below what stands on the screen; one drawn before is left as it is."""
        from rich.console import Console
        from rich.live import Live as Picture

        self._console = Console(highlight=False)
        return Picture(get_renderable=self._drawn, console=self._console, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._picture.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._saying.clear()
        self._stop()

    def _stop(self) -> None:
        """Leave the whole checklist on the screen, however long it is."""
        self._ends = True
        self._picture.refresh()
        self._picture.stop()
        self._ends = False

    def watch(self, event: Event, run: Run) -> None:
        undoing = _taken_back_meanwhile(event, run, self._runbook)
        if undoing is not None:
            self._stop()
            self._runbook, self._picture = undoing, self._blank()
            self._picture.start()
        with self._lock:
            if event.kind == Kind.UNDONE:
                return  # the last word about the other run
            self._run = run
            if event.kind in {Kind.RESULT, Kind.ADOPTED, Kind.FAILED, Kind.WAITING}:
                self._saying.pop(str(event.body.get("step")), None)

    def say(self, step: str, text: str) -> None:
        with self._lock:
            self._saying[step] = text

    def note(self, text: str) -> None:
        with self._lock:
            self._note = text

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._stop()
        try:
            yield
        finally:
            self._picture = self._blank()
            self._picture.start()

    def _drawn(self) -> Any:
        """The checklist; while it moves, the part of it around what is being done that fits on the screen."""
        from rich.text import Text

        with self._lock:
            run, saying = self._run, dict(self._saying)
        if run is None:
            return Text()
        lines: list[Text] = []
        at, section = 0, -1
        rows = list(report.rows(run, self._runbook, self._language))
        working = {row.step for row in rows if row.status is StepStatus.BEGUN} | saying.keys()
        if not working and run.status is RunStatus.RUNNING and not self._ends:
            # Between two steps the next one is looked at, which may take a while.
            working = {next((row.step for row in rows if row.status is StepStatus.PENDING), "")}
        for row in rows:
            if row.section != section:
                section = row.section
                title = report.titled(self._runbook.sections[section].title, self._language)
                lines += [Text(), Text(visible(title), style="bold")]
            busy = row.step in working
            at = len(lines) if busy or row.status.is_over else at
            lines.append(self._line(row, saying.get(row.step, "" if busy else row.says), busy=busy))
        note = [Text(self._note, style="yellow")] * bool(self._note)
        if self._ends:
            return Text("\n").join([*lines, *note, Text()])
        shown = [*_window(lines, at, self._console.size.height - 1 - len(note)), *note]
        return Text("\n", no_wrap=True, overflow="ellipsis").join(shown)

    def _line(self, row: report.Row, told: str, *, busy: bool) -> Any:
        from rich.text import Text

        mark = "◐◓◑◒"[int((time.monotonic() - self._began) * 8) % 4] if busy else report.MARKS[row.status]
        line = Text()
        line.append(f"  {mark} ", style=COLOURS.get(row.status, "dim" if not busy else "cyan"))
        line.append(visible(row.title), style="" if busy or row.status.is_over else "dim")
        if told:
            line.append(f"  {visible(told)}".replace("\n", " "), style="dim")
        line.append(_took(row), style="dim")
        return line


def _window(lines: list[Any], at: int, height: int) -> list[Any]:
    """As many lines as fit, with the one at `at` among them; dots stand for what is above and below."""
    from rich.text import Text

    if len(lines) <= height:
        return lines
    room = max(height - 2, 1)
    start = min(max(at - room * 2 // 3, 0), len(lines) - room)
    start = 0 if start == 1 else start  # one line is no more than the dots for it
    above, below = (
        [Text("  ⋮", style="dim")] * (start > 0),
        [Text("  ⋮", style="dim")] * (start + room < len(lines)),
    )
    return [*above, *lines[start : start + room], *below]


def _taken_back_meanwhile(event: Event, run: Run, shown: Runbook) -> Runbook | None:
    """The checklist of an undo that begins while another run's is shown (`on_failure: undo`)."""
    if event.kind != Kind.STARTED or "undoes" not in run.started:
        return None
    undoing = runbook_of(run)
    return undoing if undoing.title != shown.title else None


def _took(row: report.Row) -> str:
    if not (row.begun_at and row.ended_at):
        return ""
    seconds = (datetime.fromisoformat(row.ended_at) - datetime.fromisoformat(row.begun_at)).total_seconds()
    return f"  ({seconds:.1f} s)" if seconds >= 0.1 else ""
