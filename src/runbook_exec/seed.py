"""A new project folder, filled from the library that comes with the program."""

from __future__ import annotations

import shutil
from pathlib import Path

from runbook_exec.errors import Invalid

PARTS = ("runbook.yaml", "runbooks", "playbooks", "templates", "inventory")


def seed(target: Path) -> tuple[list[str], list[str]]:
    """Copy the library into `target`; gives (made, kept). A file that is there already is kept."""
    source = library()
    made: list[str] = []
    kept: list[str] = []
    for part in PARTS:
        found = source / part
        files = [found] if found.is_file() else sorted(p for p in found.rglob("*") if p.is_file())
        for file in files:
            name = str(file.relative_to(source))
            place = target / name
            if place.exists():
                kept.append(name)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
            made.append(name)
    return made, kept


def library() -> Path:
    """Where the library lies: beside the package in a wheel, above it in a checkout."""
    package = Path(__file__).parent
    for place in (package / "library", package.parents[1]):
        if (place / "runbook.yaml").is_file():
            return place
    raise Invalid("the library did not come with this installation", next_move="install the package again")
