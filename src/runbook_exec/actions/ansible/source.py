"""What a request means beside its own words: playbooks and inventory as they stand on this disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path


def digest(inventory: Path, playbooks: Path | None) -> str:
    """One id for the inventory with its variables and, for a playbook, all that the folder holds.

    Another id means that another thing would run than was planned, though check mode may
    find the same left to do: a task that hides its difference, a host that is another machine.
    """
    found = hashlib.sha256()
    for name, file in sorted(_files(inventory, playbooks)):
        for part in (name.encode(), file.read_bytes()):
            found.update(len(part).to_bytes(8, "big"))
            found.update(part)
    return f"files {found.hexdigest()[:32]}"


def _files(inventory: Path, playbooks: Path | None) -> Iterator[tuple[str, Path]]:
    """Each file by its place in its folder: where the project lies does not count."""
    yield "inventory", inventory
    folders = [inventory.parent / "group_vars", inventory.parent / "host_vars"]
    for folder in (*folders, *([playbooks] if playbooks else [])):
        for file in folder.rglob("*"):
            if file.is_file():
                yield file.relative_to(folder.parent).as_posix(), file
