"""Rules for every test: no network but loopback, no state outside a test's own folder."""

from __future__ import annotations

import os
import socket

import pytest
from graph_description import _graph_requests_fit_the_description, graph_record  # noqa: F401 - for every test

_LOOPBACK = ("127.", "::1", "localhost")
_connect = socket.socket.connect


def _guarded(self: socket.socket, address):
    if self.family in {socket.AF_INET, socket.AF_INET6} and not str(address[0]).startswith(_LOOPBACK):
        raise AssertionError(f"a test reached out to {address[0]}; only loopback is allowed")
    return _connect(self, address)


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", _guarded)


def missing_server(program: str) -> None:
    """Skip with the reason, or fail where servers are required (`RUNBOOK_REQUIRE_SERVERS=1`)."""
    reason = f"{program} is not installed"
    if os.environ.get("RUNBOOK_REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
