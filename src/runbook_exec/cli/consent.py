"""A yes or a no from the person at the terminal, typed after they saw the question."""

from __future__ import annotations

import sys

import click

from runbook_exec.cli.words import say

MOST_TRIES = 20

_YES = frozenset({"y", "yes", "j", "ja"})
_NO = frozenset({"n", "no", "nein"})


def consents(question: str, language: str, *, enter_is_no: bool = False) -> bool:
    """Ask until the answer is a yes or a no, in English or German; Enter is never a yes.

    Whoever keeps typing something else has said no.
    """
    forget_typed_ahead()
    for _ in range(MOST_TRIES):
        letters = say(language, "no is default" if enter_is_no else "yes or no")
        text = click.prompt(f"{question} {letters}", default="", show_default=False, prompt_suffix=": ")
        answer = text.strip().casefold()
        if answer in _YES:
            return True
        if answer in _NO or (enter_is_no and not answer):
            return False
        click.echo(say(language, "answer so"))
    return False


def forget_typed_ahead() -> None:
    """Drop keys pressed before the question stood on the screen: they answered nothing."""
    if not sys.stdin.isatty():
        return
    import termios

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
