"""What every double of the rehearsal company gets to work with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runbook_exec.sandbox import certificates
from runbook_exec.sandbox.certificates import Certificates
from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.shelf import Shelf


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """One rehearsal company: its folder, its state, its switched-on faults, its certificates."""

    folder: Path
    shelf: Shelf
    faults: Faults
    certificates: Certificates


def open_rehearsal(folder: Path) -> Rehearsal:
    """The company that lives in `folder`, made on first use. The folder is the owner's alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    shelf = Shelf(folder / "company.sqlite")
    return Rehearsal(
        folder=folder,
        shelf=shelf,
        faults=Faults(shelf),
        certificates=certificates.make(folder / "certificates"),
    )
