"""The mail catcher for trials, next to `graph_double.tenant`: it keeps what came, and counts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graph_double import _loop

from runbook_exec.sandbox import mail
from runbook_exec.sandbox.rehearsal import Rehearsal, open_rehearsal


class Catcher:
    """A mail server that sends nothing on."""

    def __init__(self, rehearsal: Rehearsal, connection: dict[str, Any]) -> None:
        self.rehearsal, self.connection = rehearsal, connection

    def mails(self, receiver: str) -> list[dict[str, Any]]:
        """What came for this address, in the order of arrival."""
        kept = [body for _, body in self.rehearsal.shelf.items("mail")]
        return [one for one in kept if receiver in one["receivers"]]


@contextmanager
def catcher(folder: Path) -> Iterator[Catcher]:
    rehearsal = open_rehearsal(folder)
    mail.seed(rehearsal)
    started = asyncio.run_coroutine_threadsafe(mail.start(rehearsal), _loop()).result(10)
    for name in ("mail.log", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # killed clients are what we are here for
    yield Catcher(rehearsal, started["mail"])
