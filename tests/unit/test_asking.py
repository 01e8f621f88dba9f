"""What is shown once at the terminal is taken off the screen whole."""

from __future__ import annotations

import os
import shutil
import sys

import click
import pytest

from runbook_exec.action import Question
from runbook_exec.cli import asking
from runbook_exec.secret import Secret


@pytest.mark.parametrize(("length", "rows"), [(20, 2), (80, 3), (127, 3)])
def test_a_secret_is_taken_off_the_screen_however_long_it_is(monkeypatch, capsys, length, rows):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((80, 24)))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "y")
    asking.ask(Question(title="Hand over", reveal={"Password": Secret("x" * length)}), "mia", "en")
    assert f"\x1b[{rows}A\x1b[J" in capsys.readouterr().out


def test_whoever_never_answers_has_said_no(monkeypatch):
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "")
    assert asking.ask(Question(title="Hand over"), "mia", "en") is None
