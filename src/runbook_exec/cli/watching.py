"""A person looks on while a run goes on: what they see, what they are asked, how they stop it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from runbook_exec.cli import asking, options
from runbook_exec.cli.checklist import Checklist, Lines, Live
from runbook_exec.cli.words import say


@contextmanager
def watching(app: Any, parsed: Any, given: dict[str, Any], *, rehearse: bool) -> Iterator[None]:
    """Show the run while it happens; the first Ctrl-C stops it after the step in flight."""
    desk, lock = app.desk, threading.Lock()
    live = Live(parsed, desk.language) if options.in_terminal() and not given["as_json"] else None
    shown = live or (None if given["as_json"] else Lines(parsed, desk.language))

    def put(question: Any) -> Any:
        if rehearse:
            return asking.rehearsed(question)
        if not options.in_terminal() or shown is None:
            return None
        with lock, shown.paused():
            return _asked(question, desk)

    desk.ask, desk.rehearses = put, rehearse
    desk.hold = options.held(given)
    if shown is not None:
        desk.watch, desk.say = shown.watch, shown.say
    with _stopping_gently(desk, shown or Lines(parsed, desk.language), _noted(desk)):
        if live is None:
            yield
            return
        with live:
            yield


def _asked(question: Any, desk: Any) -> Any:
    """The answer; Ctrl-C at the question means: not now, and stop."""
    main = threading.current_thread() is threading.main_thread()
    gentle = signal.signal(signal.SIGINT, signal.default_int_handler) if main else None
    try:
        return asking.ask(question, desk.who, desk.language)
    except (click.Abort, KeyboardInterrupt, EOFError):
        desk.stop.set()
        return None
    finally:
        if main:
            signal.signal(signal.SIGINT, gentle)


def _noted(desk: Any) -> Callable[[], str]:
    """Look on at the run, to be able to say which one it is."""
    shown, seen = desk.watch, [""]

    def watch(event: Any, run: Any) -> None:
        seen[0] = run.id
        shown(event, run)

    desk.watch = watch
    return lambda: seen[0]


@contextmanager
def _stopping_gently(desk: Any, shown: Checklist, run: Callable[[], str]) -> Iterator[None]:
    def asked(number: int, frame: Any) -> None:
        if desk.stop.is_set():
            raise KeyboardInterrupt
        desk.stop.set()
        shown.note(say(desk.language, "stopping"))

    def hung_up(number: int, frame: Any) -> None:
        """The terminal is gone: nothing more is written to it, and the step in flight is settled."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        desk.stop.set()

    handlers = {signal.SIGINT: asked, signal.SIGTERM: asked}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        handlers[signal.SIGHUP] = hung_up
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    except KeyboardInterrupt:
        click.echo(say(desk.language, "at once", run(), run()), err=True)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
