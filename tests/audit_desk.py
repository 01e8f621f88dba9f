"""A project whose journal an auditor asks: a real desk, real commands, and how to read what they wrote."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

from gating import RUNBOOK, Office

CONTROLLED = RUNBOOK.replace('subject: "{{ who }}"', 'subject: "{{ who }}"\ncontrol: access', 1)
HR = "id,event,person,date,name\n"


def controlled(office: Office) -> Office:
    """The office's runbook as evidence for the control of access."""
    office.write("runbooks/grant.yaml", CONTROLLED)
    return office


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """A CSV file of a report as a spreadsheet reads it."""
    with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def numbers(seed: str, keys: list[str]) -> dict[str, str]:
    """The method of the sample, done again by hand."""
    return {key: hashlib.sha256(f"{seed}|{key}".encode()).hexdigest() for key in keys}
