"""The double's own witness: every request that it answered, with secrets blanked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.shelf import Shelf

LOG = "graph_log"
KEPT = 10_000
"""The oldest entries go."""
_SECRET = ("password", "temporaryAccessPass", "newPassword", "currentPassword")


class RequestLog:
    """Appends to `graph_log`, and to a file with bodies and answers where `record` names one.

    The file is one JSON object a line. It exists so that a checker outside can compare
    requests and answers with Graph's published description.
    """

    def __init__(self, shelf: Shelf, clock: Callable[[], float], record: str) -> None:
        self.shelf, self.clock = shelf, clock
        self.file = Path(record) if record else None
        self.number = max((int(key) for key, _ in shelf.items(LOG)), default=0)

    def keep(self, asked: Asked, answer: Answer, *, batch: bool = False) -> None:
        self.number += 1
        entry = {
            "at": self.clock(),
            "app": asked.app,
            "method": asked.method,
            "path": "/" + "/".join(asked.path),
            "options": dict(asked.options),
            "if_match": asked.headers.get("if-match"),
            "body": blanked(asked.body),
            "status": answer.status,
            "batch": batch,
        }
        self.shelf.put(LOG, f"{self.number:09d}", entry)
        self.shelf.drop(LOG, f"{self.number - KEPT:09d}")
        if self.file is not None:
            line = {**entry, "segments": list(asked.path), "answer": blanked(answer.body)}
            with self.file.open("a") as out:
                out.write(json.dumps(line) + "\n")


def blanked(value: Any) -> Any:
    """The value with every password and pass replaced."""
    if isinstance(value, dict):
        return {k: "***" if k in _SECRET and isinstance(v, str) else blanked(v) for k, v in value.items()}
    return [blanked(item) for item in value] if isinstance(value, list) else value
