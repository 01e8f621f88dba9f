"""The report as files in a new folder, readable by whoever made it alone: it is about people."""

from __future__ import annotations

import hashlib
from pathlib import Path

from runbook_exec.audit.csv_file import csv_text
from runbook_exec.audit.evidence import Report
from runbook_exec.audit.page import page
from runbook_exec.audit.tables import tables
from runbook_exec.audit.words import Papers
from runbook_exec.errors import Invalid

SUMS = "SHA256SUMS"


def ready(folder: Path) -> None:
    """Make the folder; refused where something is in it, so that no two reports are mixed."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        taken = next(folder.iterdir(), None)
    except OSError as error:
        raise Invalid(
            f"cannot be used: {error.strerror}", where=str(folder), next_move="name another folder"
        ) from error
    if taken is not None:
        raise Invalid(
            f"is not empty: it holds {taken.name}",
            where=str(folder),
            next_move="name a new folder, so that reports are not mixed",
        )


def write(report: Report, folder: Path, text: Papers) -> list[str]:
    """The CSV files, the page, and the digests of all of them for `sha256sum -c`."""
    made = {table.name: table for table in tables(report, text)}
    contents = {f"{name}.csv": csv_text(table).encode() for name, table in made.items()}
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in contents.items()}
    contents["evidence.html"] = page(report, made, digests, text).encode()
    digests["evidence.html"] = hashlib.sha256(contents["evidence.html"]).hexdigest()
    contents[SUMS] = "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()
    for name, body in contents.items():
        file = folder / name
        file.touch(mode=0o600)
        file.write_bytes(body)
    return list(contents)
