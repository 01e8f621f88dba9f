"""An open line to one AWS account: reading many things at once, and writing what a change permits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

from runbook_exec import amazon
from runbook_exec.action import still_ours
from runbook_exec.actions.aws import pen, reading
from runbook_exec.change import Json, Ref, State
from runbook_exec.errors import NoPen

_AT_ONCE = 8


class Session:
    """What the actions get. `write=False` has no pen: every request goes past `pen.check`, whoever makes it.

    The check hangs in botocore itself, at the call (`before-parameter-build`) and again at the line
    (`before-send`), so that no client made from this session can get around it.
    """

    def __init__(self, access: amazon.Access, *, write: bool, identity_store: str = "") -> None:
        self.access, self._write = access, write
        self._identity_store = identity_store
        self._permitted: frozenset[str] = frozenset()
        self._clients: dict[tuple[str, bool], Any] = {}
        self._lock = Lock()
        self._boto = amazon.session(access)
        self._boto.events.register_first("before-parameter-build", self._at_the_call)
        self._boto.events.register_first("before-send", self._at_the_line)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        """Everything at once; a thing that does not exist reads as None."""
        if not refs:
            return {}
        with ThreadPoolExecutor(min(_AT_ONCE, len(refs))) as threads:
            return dict(zip(refs, threads.map(lambda ref: reading.read(self, ref), refs), strict=True))

    @contextmanager
    def permit(self, writes: Sequence[str]) -> Iterator[None]:
        if not self._write:
            raise NoPen("a session that only reads was asked for permission to write")
        before, self._permitted = self._permitted, frozenset(writes)
        try:
            yield
        finally:
            self._permitted = before

    def ask(self, service: str, operation: str, *, missing: tuple[str, ...] = (), **params: Any) -> Json:
        """What a read answers; None where the answer is one of the codes `missing`."""
        import botocore.exceptions

        client = self._client(service, write=False)
        with amazon.in_words(self.access.where):
            try:
                return getattr(client, operation)(**params)
            except botocore.exceptions.ClientError as error:
                if amazon.code_of(error) in missing:
                    return None
                raise

    def every(
        self, service: str, operation: str, items: str, *, missing: tuple[str, ...] = (), **params: Any
    ) -> list[Any]:
        """All pages of a list; empty where the answer is one of the codes `missing`."""
        import botocore.exceptions

        client = self._client(service, write=False)
        with amazon.in_words(self.access.where):
            try:
                pages = client.get_paginator(operation).paginate(**params)
                return [item for page in pages for item in page[items]]
            except botocore.exceptions.ClientError as error:
                if amazon.code_of(error) in missing:
                    return []
                raise

    def send(self, service: str, operation: str, *, fine: tuple[str, ...] = (), **params: Any) -> Json:
        """A write, made once and never repeated here; None where the answer is one of the codes `fine`.

        Without an answer it raises `Unreachable(sent=True)`: whoever asked looks first.
        """
        import botocore.exceptions

        client = self._client(service, write=True)
        with amazon.in_words(self.access.where, writes=True):
            try:
                return getattr(client, operation)(**params)
            except botocore.exceptions.ClientError as error:
                if amazon.code_of(error) in fine:
                    return None
                raise

    def together(self, *asked: Callable[[], Any]) -> list[Any]:
        """The answers to several questions, asked at the same time."""
        with ThreadPoolExecutor(len(asked)) as threads:
            return list(threads.map(lambda one: one(), asked))

    def store(self) -> str:
        """The id of the identity store: the connection's, or that of the one instance there is."""
        if not self._identity_store:
            found = self.every("sso-admin", "list_instances", "Instances")
            self._identity_store = str(found[0]["IdentityStoreId"]) if len(found) == 1 else ""
        return self._identity_store

    def _client(self, service: str, *, write: bool) -> Any:
        with self._lock:
            if (service, write) not in self._clients:
                attempts = 1 if write else 3
                made = amazon.client(self.access, self._boto, service, attempts=attempts)
                self._clients[service, write] = made
            return self._clients[service, write]

    def close(self) -> None:
        """Give the connections back."""
        for client in self._clients.values():
            client.close()

    def _at_the_call(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        operation = f"{model.service_model.service_name}.{model.name}"
        pen.check(operation, params, self._permitted if self._write else None)
        if operation in pen.WRITES:
            still_ours()

    def _at_the_line(self, event_name: str, **_: Any) -> None:
        """The same once more, right before the bytes leave; here only the operation is known."""
        operation = event_name.rpartition(".")[2]
        if self._write and self._permitted:
            return
        if not any(known.rpartition(".")[2] == operation for known in pen.READS):
            raise NoPen("a session that only reads was asked to write", where=f"aws {operation}")
