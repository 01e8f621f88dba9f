"""The double's listening socket, and how it hangs up before it has answered."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from runbook_exec.sandbox.rehearsal import Rehearsal

_connections: dict[tuple[str, int], asyncio.Transport] = {}


class _Protocol(H11Protocol):
    """HTTP/1.1 that lets the double hang up before it has answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer: tuple[str, int] = transport.get_extra_info("peername")[:2]
        _connections[self.peer] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _connections.pop(self.peer, None)
        super().connection_lost(exc)


class _Server(Server):
    """A server inside somebody else's process: signals are not its business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def hang_up(host: str, port: int) -> None:
    """Drop the connection of this client at once."""
    _connections[(host, port)].abort()


async def listen(rehearsal: Rehearsal, app: Any) -> tuple[int, _Server]:
    """Serve on a loopback port; the port of the last start is taken again where it is free."""
    sock = _socket(int((rehearsal.shelf.get("graph_state", "port") or {}).get("port", 0)))
    port: int = sock.getsockname()[1]
    rehearsal.shelf.put("graph_state", "port", {"port": port})
    server = _Server(
        Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            log_config=None,
            server_header=False,
            ssl_certfile=str(rehearsal.certificates.cert),
            ssl_keyfile=str(rehearsal.certificates.key),
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started:
        if serving.done():
            serving.result()
        await asyncio.sleep(0.005)
    server.serving = serving  # type: ignore[attr-defined] # kept: a task nobody holds may vanish
    return port, server


def _socket(port: int) -> socket.socket:
    # With the protocol left at 0, asyncio would not set TCP_NODELAY: 40 ms on every answer.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.bind(("127.0.0.1", 0))
    return sock
