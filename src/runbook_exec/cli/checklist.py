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
from runbook_exec.cli.words import say
from runbook_exec.journal import Event, Kind, Run, StepStatus
from runbook_exec.model import Runbook
from runbook_exec.visible import visible

COLOURS = {
    StepStatus.DONE: "green",
    StepStatus.FAILED: "red",
    StepStatus.DRIFTED: "red",
    StepStatus.WAITING: "yellow",
    StepStatus.BEGUN: "cyan",
    StepStatus.LEFT: "yellow",
    StepStatus.UNDONE: "yellow",
}


class Checklist(Protocol):
    """Shows a run while it happens."""

    def watch(self, event: Event, run: Run) -> None: ...

    def say(self, step: str, text: str) -> None: ...

    def paused(self) -> Any:
        """A context in which the screen belongs to a question."""


class Lines:
    """One line for each thing that happens."""

    def __init__(self, runbook: Runbook, language: str) -> None:
        self._titles = {step.id: report.titled(step.title, language) for step in runbook.steps()}
        self._runbook, self._language = runbook, language
        self._last: dict[str, str] = {}

    def watch(self, event: Event, run: Run) -> None:
        label = event.body.get("step")
        if not label or event.kind in {Kind.EVIDENCE, Kind.INTENT, Kind.CONFIRMED, Kind.REOPENED}:
            return
        row = next(row for row in report.rows(run, self._runbook, self._language) if row.step == label)
        mark = click.style(report.MARKS[row.status], fg=COLOURS.get(row.status))
        told = say(self._language, "again") if event.kind == Kind.REOPENED else row.says
        says = f" – {visible(told)}" if told else ""
        click.echo(f"{mark} {visible(row.title)}{says}{_took(row)}")

    def say(self, step: str, text: str) -> None:
        if self._last.get(step) != text:
            self._last[step] = text
            click.echo(f"    {step}: {visible(text)}")

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
        self._picture = self._blank()

    def _blank(self) -> Any:
        """A picture that begins below what stands on the screen; one drawn before is left as it is."""
        from rich.console import Console
        from rich.live import Live as Picture

        return Picture(get_renderable=self._drawn, console=Console(highlight=False), refresh_per_second=8)

    def __enter__(self) -> Self:
        self._picture.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._saying.clear()
        self._picture.refresh()
        self._picture.stop()

    def watch(self, event: Event, run: Run) -> None:
        with self._lock:
            self._run = run
            if event.kind in {Kind.RESULT, Kind.ADOPTED, Kind.FAILED, Kind.WAITING}:
                self._saying.pop(str(event.body.get("step")), None)

    def say(self, step: str, text: str) -> None:
        with self._lock:
            self._saying[step] = text

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._picture.stop()
        try:
            yield
        finally:
            self._picture = self._blank()
            self._picture.start()

    def _drawn(self) -> Any:
        from rich.text import Text

        with self._lock:
            run, saying = self._run, dict(self._saying)
        text = Text()
        if run is None:
            return text
        section = -1
        for row in report.rows(run, self._runbook, self._language):
            if row.section != section:
                section = row.section
                title = report.titled(self._runbook.sections[section].title, self._language)
                text.append(f"\n{visible(title)}\n", style="bold")
            busy = row.status is StepStatus.BEGUN or row.step in saying
            mark = "◐◓◑◒"[int((time.monotonic() - self._began) * 8) % 4] if busy else report.MARKS[row.status]
            colour = COLOURS.get(row.status, "dim" if not busy else "cyan")
            text.append(f"  {mark} ", style=colour)
            text.append(visible(row.title), style="" if busy or row.status.is_over else "dim")
            told = saying.get(row.step, "" if busy else row.says)
            if told:
                text.append(f"  {visible(told)}", style="dim")
            text.append(_took(row) + "\n", style="dim")
        return text


def _took(row: report.Row) -> str:
    if not (row.begun_at and row.ended_at):
        return ""
    seconds = (datetime.fromisoformat(row.ended_at) - datetime.fromisoformat(row.begun_at)).total_seconds()
    return f"  ({seconds:.1f} s)" if seconds >= 0.1 else ""
