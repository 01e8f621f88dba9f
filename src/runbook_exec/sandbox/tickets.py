"""The rehearsal company's ticket system: a local desk of its own, empty at first."""

from __future__ import annotations

from typing import Any

from runbook_exec.sandbox.rehearsal import Rehearsal

FOLDER = "desk"


def seed(rehearsal: Rehearsal) -> None:
    """Begin with an empty desk."""
    for file in (rehearsal.folder / FOLDER).glob("desk.sqlite*"):
        file.unlink()


async def start(rehearsal: Rehearsal) -> dict[str, Any]:
    """Nothing listens: the desk is a file. Returns the connection of the provider `ticket`."""
    return {"ticket": {"system": "local", "folder": str(rehearsal.folder / FOLDER)}}
