"""The last gate before the network: every request passes the pen's rules, whoever made it.

Imported only when a session is opened.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection
from contextvars import ContextVar
from urllib.request import getproxies, proxy_bypass

import httpx

from runbook_exec.action import still_ours
from runbook_exec.actions.graph import pen
from runbook_exec.actions.graph.connection import Connection

PERMITTED: ContextVar[Collection[str] | None] = ContextVar("permitted", default=None)
"""The far-side names that the request under way may write. (The SDK's middleware drops its options
before they reach the transport, so they cannot carry this.)"""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends what may be sent. With `write=False` nothing but reads, whatever the request carries."""

    def __init__(self, connection: Connection, *, write: bool) -> None:
        self._base, self._write = connection.url, write
        self._inner = httpx.AsyncHTTPTransport(
            verify=ssl.create_default_context(cafile=connection.ca or None), proxy=_proxy(connection.host)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        permitted = PERMITTED.get() if self._write else None
        url = str(request.url)
        if not url.startswith(self._base + "/"):
            raise httpx.UnsupportedProtocol(f"{request.url.host} is not the service of this connection")
        path = pen.segments(url, self._base)
        pen.check(request.method, path, request.content, permitted)
        if not pen.is_read(request.method, path, request.content):
            still_ours()
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _proxy(host: str) -> str | None:
    return None if proxy_bypass(host) else getproxies().get("https")
