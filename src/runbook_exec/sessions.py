"""The open sessions of one environment: opened when first used, lent to one step at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from runbook_exec.action import find_provider
from runbook_exec.change import Facts, Json, Ref, State
from runbook_exec.errors import Invalid, RunbookError

Lent = tuple[AbstractContextManager[Any], Any]


class SessionPool:
    """Sessions that may write (`write=True`) or that cannot. Close it when done."""

    def __init__(self, connection: Callable[[str, bool], Mapping[str, Json]], *, write: bool) -> None:
        self._connection, self._write = connection, write
        self._free: dict[str, list[Lent]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def use(self, provider: str) -> Iterator[Any]:
        """Lend a session for one step; None where the provider needs none.

        A session on which something went wrong is closed and not lent again.
        """
        found = find_provider(provider)
        if found is None:
            yield None
            return
        with self._lock:
            free = self._free.setdefault(provider, [])
            lent = free.pop() if free else None
        if lent is None:
            manager = found.open(self._connection(provider, self._write), write=self._write)
            lent = (manager, manager.__enter__())
        try:
            yield lent[1]
        except BaseException as error:
            if _still_usable(error):
                self._put_back(provider, lent)
            else:
                lent[0].__exit__(type(error), error, error.__traceback__)
            raise
        self._put_back(provider, lent)

    def read(self, refs: Sequence[Ref]) -> Facts:
        """Read through each ref's own provider; several providers at the same time."""
        by_provider: dict[str, list[Ref]] = {}
        for ref in refs:
            by_provider.setdefault(ref.provider, []).append(ref)
        if len(by_provider) <= 1:
            parts = [self._read_one(provider, part) for provider, part in by_provider.items()]
        else:
            with ThreadPoolExecutor(len(by_provider)) as threads:
                parts = list(threads.map(self._read_one, by_provider, by_provider.values()))
        return {ref: state for part in parts for ref, state in part.items()}

    def close(self) -> None:
        """Close every session. Nothing may be lent any more."""
        with self._lock:
            lent = [item for items in self._free.values() for item in items]
            self._free.clear()
        for manager, _ in lent:
            manager.__exit__(None, None, None)

    def _read_one(self, provider: str, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        with self.use(provider) as session:
            if session is None:
                raise Invalid(f"nothing can be read from {provider!r}", next_move="correct `read:`")
            found: Mapping[Ref, State] = session.read(refs)
            return found

    def _put_back(self, provider: str, lent: Lent) -> None:
        with self._lock:
            self._free[provider].append(lent)


def _still_usable(error: BaseException) -> bool:
    """A refusal leaves the connection as it is; a broken line or a defect may not."""
    return isinstance(error, RunbookError) and error.kind not in {"unreachable", "transient"}
