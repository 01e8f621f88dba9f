"""The real `runbook` command, which also notes where no kill reaches it what was acknowledged to it.

    python witness.py FILE ARGUMENTS …

FILE gets a line for each event once the store has said that it is durable: run, number, hash.
"""

from __future__ import annotations

import os
import sys
from functools import wraps

from runbook_exec.cli import main
from runbook_exec.journal import Event
from runbook_exec.store.sqlite import SqliteStore

_file = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _noted(method):
    @wraps(method)
    def noting(self, event, *args, **named):
        given = method(self, event, *args, **named)
        written = given if isinstance(given, Event) else self.events(event.run)[0]
        os.write(_file, f"{written.run} {written.seq} {written.hash}\n".encode())
        return given

    return noting


SqliteStore.create = _noted(SqliteStore.create)
SqliteStore.append = _noted(SqliteStore.append)

if __name__ == "__main__":
    main()
