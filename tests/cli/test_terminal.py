"""The real command with a person at a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = "client: kranich\nenvironments: {{local: {{kind: real, ask_before_writing: {asks}}}}}\n"
RUNBOOK = """\
runbook: tidy
title: {en: Tidy up, de: Aufräumen}
sections:
  - title: {en: Room, de: Raum}
    steps:
      - id: floor
        title: {en: Sweep the floor, de: Boden fegen}
        mode: read-do
        with: {items: [{en: Under the bed, de: Unter dem Bett}]}
"""
SECRET = """\
runbook: key
title: {en: New key, de: Neuer Schlüssel}
sections:
  - title: {en: Key, de: Schlüssel}
    steps:
      - id: made
        title: {en: Make a key, de: Schlüssel machen}
        uses: secret.generate
        with: {length: 16}
      - id: given
        title: {en: Hand it over, de: Übergeben}
        mode: read-do
        with: {reveal: {Key: "{{ made.value }}"}}
"""


class Terminal:
    """A command on a terminal of its own; `sees` waits for a text, `types` answers."""

    def __init__(self, *args: str, cwd: Path, language: str = "en") -> None:
        self.screen, self._read = "", 0
        self._here, there = pty.openpty()
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "RUNBOOK_LANG": language, "TERM": "xterm"}
        command = [sys.executable, "-c", "from runbook_exec.cli import main; main()", *args]
        self._process = subprocess.Popen(command, cwd=cwd, env=env, stdin=there, stdout=there, stderr=there)
        os.close(there)

    def sees(self, text: str) -> None:
        """Return once a text stands below what was seen before."""
        until = time.monotonic() + 60
        while text not in self.screen[self._read :]:
            assert time.monotonic() < until, f"{text!r} never came:\n{self.screen}"
            if select.select([self._here], [], [], 0.2)[0] and not self._more():
                assert text in self.screen[self._read :], f"{text!r} never came:\n{self.screen}"
        self._read = self.screen.index(text, self._read) + len(text)

    def types(self, text: str) -> None:
        os.write(self._here, text.encode())

    def ends(self) -> int:
        while self._more():
            pass
        os.close(self._here)
        return self._process.wait(60)

    def _more(self) -> bool:
        try:
            new = os.read(self._here, 65536)
        except OSError:  # what Linux says where the other side has closed
            return False
        self.screen += new.decode(errors="replace")
        return bool(new)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "runbook.yaml").write_text(SETTINGS.format(asks="false"))
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "tidy.yaml").write_text(RUNBOOK)
    (tmp_path / "runbooks" / "key.yaml").write_text(SECRET)
    return tmp_path


def test_enter_and_words_confirm_nothing_only_a_yes_does(project):
    terminal = Terminal("run", "tidy", cwd=project)
    for mumbled in ("\n", "perhaps\n"):
        terminal.sees("Under the bed [y/n]:")
        terminal.types(mumbled)
        terminal.sees("please answer y or n")
    for _ in range(2):
        terminal.sees("[y/n]:")
        terminal.types("y\n")
    assert terminal.ends() == 0
    assert "confirmed by" in terminal.screen


def test_ja_is_a_yes(project):
    terminal = Terminal("run", "tidy", cwd=project, language="de")
    for _ in range(2):
        terminal.sees("[j/n]:")
        terminal.types("ja\n")
    assert terminal.ends() == 0
    assert "bestätigt von" in terminal.screen


def test_keys_pressed_before_the_question_answer_nothing(project):
    terminal = Terminal("run", "tidy", cwd=project)
    terminal.types("y\ny\ny\n")
    terminal.sees("Under the bed [y/n]:")
    terminal.types("n\n")
    assert terminal.ends() == 10
    assert "not confirmed" in terminal.screen


def test_a_wait_is_told_in_one_language_and_once(project):
    terminal = Terminal("run", "tidy", cwd=project, language="de")
    terminal.sees("[j/n]:")
    terminal.types("nein\n")
    assert terminal.ends() == 10
    told = terminal.screen[terminal.screen.index("Lauf ") :]
    assert "eine Person muss bestätigen: Boden fegen" in told
    assert "waits" not in told
    assert re.search(r"dann macht `runbook resume [0-9a-z-]+` weiter", terminal.screen)


def test_a_no_before_writing_begins_nothing(project):
    (project / "runbook.yaml").write_text(SETTINGS.format(asks="true"))
    terminal = Terminal("run", "tidy", cwd=project)
    terminal.sees("[y/N]:")
    terminal.types("\n")
    assert terminal.ends() == 130
    assert "Nothing was begun" in terminal.screen


def test_a_secret_that_was_shown_is_not_replaced_unasked(project):
    terminal = Terminal("run", "key", cwd=project)
    terminal.sees("Key: ")
    terminal.types("\n")
    terminal.sees("[y/n]:")
    terminal.types("n\n")
    terminal.sees("going on makes new secrets")
    terminal.sees("runbook resume ")
    assert terminal.ends() == 10
    run = terminal.screen.split("runbook resume ")[1].split("`")[0]

    again = Terminal("resume", run, cwd=project)
    again.sees("Make a key")
    again.sees("Replace them? [y/N]:")
    again.types("n\n")
    assert again.ends() == 130
    assert "waits as before" in again.screen
    assert "Key: " not in again.screen

    assert "runbook resolve " + run + " given done" in again.screen

    replaced = Terminal("resume", run, cwd=project)
    replaced.sees("Replace them? [y/N]:")
    replaced.types("y\n")
    replaced.sees("Key: ")
    replaced.types("\n")
    replaced.sees("[y/n]:")
    replaced.types("y\n")
    assert replaced.ends() == 0


def test_a_secret_that_was_handed_over_and_stays_is_taken_as_done_by_a_persons_word(project):
    terminal = Terminal("run", "key", cwd=project)
    terminal.sees("Key: ")
    terminal.types("\n")
    terminal.sees("[y/n]:")
    terminal.types("n\n")
    terminal.sees("runbook resume ")
    assert terminal.ends() == 10
    run = terminal.screen.split("runbook resume ")[1].split("`")[0]

    said = Terminal("resolve", run, "given", "done", "--reason", "she has it", cwd=project)
    assert said.ends() == 0
    resumed = Terminal("resume", run, cwd=project)
    assert resumed.ends() == 0
    assert "Key: " not in resumed.screen
    assert "Replace them?" not in resumed.screen
