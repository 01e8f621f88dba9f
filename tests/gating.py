"""A desk of several people in a test: a project with a gate, and the real command as each of them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runbook_exec import cli, desk

PEOPLE = """\
people:
  boss@x.example: {name: Boss, accounts: [boss, adm-boss], also: ['9'], employee_id: '1'}
  noor@x.example: {name: Noor, accounts: [noor], employee_id: '2'}
  mia@x.example: {name: Mia, accounts: [mia], employee_id: '3'}
  kim@x.example: {name: Kim, accounts: [kim], employee_id: '4'}
groups:
  owners: [noor@x.example, kim@x.example, boss@x.example]
break_glass: [mia@x.example, kim@x.example]
"""
RUNBOOK = """\
runbook: grant
title: {en: Grant, de: Gewähren}
subject: "{{ who }}"
inputs:
  type: object
  additionalProperties: false
  required: [who]
  properties:
    who: {type: string}
    word: {type: string, secret: true}
    note: {type: string, default: none}
sections:
  - title: {en: All, de: Alles}
    steps:
      - id: approve
        gate: {all: [{person: boss@x.example}, {group: owners}], expires: 5d}
      - id: told
        title: {en: Tell the desk, de: Dem Desk sagen}
        uses: ticket.open
        with: {key: "k-{{ run.id }}", title: "Access for {{ who }}", text: "{{ note }}"}
      - id: again
        title: {en: Tell the desk again, de: Dem Desk noch einmal sagen}
        uses: ticket.open
        with: {key: "l-{{ run.id }}", title: "More for {{ who }}", text: "{{ note }}"}
"""
SETTINGS = """\
client: c
environments:
  office:
    kind: real
    people: people.yaml
    connections: {ticket: {system: local}}
"""


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Office:
    """A project folder; `office("boss", "approve", …)` is the command, started by that account."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    run: str = field(default="", init=False)

    def __post_init__(self) -> None:
        (self.folder / "runbooks").mkdir()
        self.write("runbook.yaml", SETTINGS)
        self.write("runbooks/grant.yaml", RUNBOOK)
        self.write("people.yaml", PEOPLE)
        self.monkeypatch.chdir(self.folder)
        self.monkeypatch.setenv("RUNBOOK_LANG", "en")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text, old
        self.write(name, text.replace(old, new, 1))

    def __call__(self, account: str, *words: str) -> Said:
        """The seam: the account is what the operating system would say, and nothing else can set it."""
        self.monkeypatch.setattr(desk, "person", lambda: account)
        self.monkeypatch.setattr(sys, "argv", ["runbook", *words])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = self.capsys.readouterr()
        return Said(int(ended.value.code or 0), told.out, told.err)

    def begin(self, account: str = "mia", who: str = "77", *more: str) -> Said:
        """Start a run; it waits at its gate."""
        found = self(account, "run", "grant", "-i", f"who={who}", *more, "--yes")
        self.run = self(account, "status", "--json").json[0]["run"]
        return found

    def decide(self, account: str, word: str = "approve", *more: str, digest: str | None = None) -> Said:
        """Decide as a script does that was told the plan's digest."""
        about = digest or self.digest()
        return self(account, word, self.run, "--digest", about[:32], "--reason", "because", *more)

    def digest(self) -> str:
        return str(self("mia", "status", self.run, "--json").json["plan"])

    def resume(self, account: str = "mia", *more: str) -> Said:
        return self(account, "resume", self.run, *more)

    def tickets(self) -> list[str]:
        """Titles of the tickets that stand on the desk: what really happened."""
        file = self.folder / ".runbook" / "desk.sqlite"
        if not file.exists():
            return []
        db = sqlite3.connect(file)
        rows = [str(row[0]) for row in db.execute("SELECT title FROM ticket ORDER BY id")]
        db.close()
        return rows

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self("mia", "log", self.run, "--json").out.splitlines()]


def make_key(folder: Path, name: str) -> tuple[Path, str]:
    """An SSH key without a passphrase: its file, and its public half."""
    file = folder / name
    subprocess.run(
        ["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)], check=True
    )
    return file, file.with_suffix(".pub").read_text().strip()
