"""Requests over msgraph-sdk's adapter, one event loop in a thread of its own, and our retry rules.

Reads are repeated through 429, 502, 503, 504 and broken lines until patience ends. A write
is repeated after 429 and 409 (it was not done), and after 503 where repeating changes
nothing more (PATCH, PUT, DELETE). A POST that got no clear answer is never repeated
here: `Unreachable(sent=True)` makes the caller look first. The SDK's own retry handler,
which repeats POSTs on 504, is off.

Imported only when a session is opened.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import threading
from collections.abc import Collection, Coroutine, Sequence
from typing import Any, TypeVar

import httpx
from kiota_abstractions.authentication import BaseBearerTokenAuthenticationProvider
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_access_token_provider import AzureIdentityAccessTokenProvider
from kiota_http.middleware.options import RedirectHandlerOption, ResponseHandlerOption, RetryHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter, options
from msgraph_core import GraphClientFactory

from runbook_exec.actions.graph.connection import Connection
from runbook_exec.actions.graph.credential import credential, refused
from runbook_exec.actions.graph.message import Message, Reply, trouble
from runbook_exec.actions.graph.patience import Say, Waiting
from runbook_exec.actions.graph.transport import PERMITTED, GuardedTransport
from runbook_exec.errors import RunbookError, Transient, Unreachable

MOST_IN_BATCH = 20
CONNECT, ANSWER = 10.0, 100.0
"""Seconds to connect, and to wait for a reply."""
NOT_DONE = frozenset({409, 429})
"""The request was not carried out: any request may be repeated."""
DOWN = frozenset({502, 503, 504})

T = TypeVar("T")


class Wire:
    """One tenant's line. Nothing is opened before the first request."""

    def __init__(self, connection: Connection, *, write: bool) -> None:
        self.connection = connection
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._credential = credential(connection)
        self._tokens = AzureIdentityAccessTokenProvider(self._credential, None, [], [connection.host])
        self._transport = GuardedTransport(connection, write=write)
        client = httpx.AsyncClient(
            transport=self._transport,
            base_url=connection.url,
            timeout=httpx.Timeout(ANSWER, connect=CONNECT),
        )
        self._client = GraphClientFactory.create_with_default_middleware(client=client, options=_switches())
        self._adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(self._tokens), self._client)
        self._random = random.Random()  # noqa: S311 - spreads retries, nothing to guess

    def ask(
        self,
        asked: Message,
        *,
        patience: float,
        permitted: Collection[str] | None = None,
        say: Say = lambda text: None,
    ) -> Reply:
        """One request and its reply, good or bad; raises where none came."""
        return self._run(self._settled(asked, patience, permitted, say))

    def ask_all(self, asked: Sequence[Message], *, patience: float) -> list[Reply]:
        """Many reads: one alone goes as it is, more go in batches, all batches at once."""
        if len(asked) == 1:
            return [self.ask(asked[0], patience=patience)]
        return self._run(self._batches(asked, patience))

    def roles(self) -> list[str]:
        """The permissions that our token says we have."""
        return self._run(self._roles())

    def close(self) -> None:
        """Hang up. The wire is of no use afterwards."""
        if self._loop is None or self._thread is None:
            return
        self._run(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await it in the loop's thread, so that callers need no loop and may have one of their own."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="graph", daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _hang_up(self) -> None:
        await self._client.aclose()
        await self._transport.aclose()  # the SDK's transport around it does not pass this on
        closing = self._credential.close()
        if asyncio.iscoroutine(closing):
            await closing

    async def _roles(self) -> list[str]:
        import base64

        token = await self._guarded(self._tokens.get_authorization_token(self.connection.url))
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return [str(role) for role in claims.get("roles", ())]

    async def _settled(
        self, asked: Message, patience: float, permitted: Collection[str] | None, say: Say = lambda text: None
    ) -> Reply:
        """Ask until there is a reply that repeating would not better, or patience ends."""
        # A batch is sent for reads alone, so it may be repeated as a read may.
        reading = asked.method == "GET" or asked.path == "/$batch"
        waiting = Waiting(patience, say, self._random)
        while True:
            try:
                reply = await self._once(asked, permitted)
            except Unreachable as error:
                if not (reading and error.sent):
                    raise
                await waiting.pause(None, error)
                continue
            if reply.status not in NOT_DONE | DOWN:
                return reply
            if reply.status in DOWN and asked.method == "POST" and not reading:
                raise Unreachable(
                    f"Graph answered {reply.status}: nobody knows whether it was done",
                    where=asked.where,
                    next_move="`runbook resume` looks first",
                    sent=True,
                )
            await waiting.pause(reply.after, trouble(asked, reply))

    async def _batches(self, asked: Sequence[Message], patience: float) -> list[Reply]:
        parts = [asked[at : at + MOST_IN_BATCH] for at in range(0, len(asked), MOST_IN_BATCH)]
        answers = await asyncio.gather(*(self._batch(part, patience) for part in parts))
        return [reply for part in answers for reply in part]

    async def _batch(self, asked: Sequence[Message], patience: float) -> list[Reply]:
        """One batch; items that were throttled or down are asked again, the others are kept."""
        waiting = Waiting(patience, lambda text: None, self._random)
        replies: dict[int, Reply] = {}
        while True:
            left = [number for number in range(len(asked)) if number not in replies]
            if not left:
                return [replies[number] for number in range(len(asked))]
            whole = Message(
                method="POST", path="/$batch", body={"requests": [_item(n, asked[n]) for n in left]}
            )
            outer = await self._settled(whole, waiting.left, None)
            if not outer.ok:
                raise trouble(whole, outer)
            again: list[Reply] = []
            for entry in outer.body["responses"]:
                reply = _reply(entry["status"], entry.get("headers") or {}, entry.get("body"))
                if reply.status in NOT_DONE | DOWN:
                    again.append(reply)
                else:
                    replies[int(entry["id"])] = reply
            if again:
                slowest = max(again, key=lambda reply: reply.after or 0.0)
                await waiting.pause(slowest.after, trouble(asked[left[0]], slowest))
            elif not outer.body["responses"]:
                raise Transient("Graph left out the answers of a batch", where="POST /$batch")

    async def _once(self, asked: Message, permitted: Collection[str] | None) -> Reply:
        info = RequestInformation()
        info.http_method = Method[asked.method]
        info.url = self.connection.url + asked.path
        info.headers.add("Accept", "application/json")
        for name, value in asked.headers.items():
            info.headers.add(name, value)
        if asked.body is not None:
            info.set_stream_content(json.dumps(asked.body).encode(), "application/json")
        info.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        PERMITTED.set(permitted)
        response = await self._guarded(self._adapter.send_primitive_async(info, "bytes", {}))
        return _reply(response.status_code, dict(response.headers), _body(response))

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await it; what the libraries raise becomes an error that a person can act on."""
        where, network = self.connection.url, "check url and ca of the connection and the network"
        try:
            return await work
        except RunbookError:
            raise
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, ssl.SSLError) as error:
            raise Unreachable(f"Graph cannot be reached: {error}", where=where, next_move=network) from error
        except httpx.HTTPError as error:
            what = f"the line broke before an answer came: {error or type(error).__name__}"
            raise Unreachable(
                what, where=where, next_move="`runbook resume` looks first", sent=True
            ) from error
        except Exception as error:
            # azure-identity's errors are imported only once one of them may have been raised.
            from azure.core.exceptions import AzureError, ServiceRequestError

            if isinstance(error, ServiceRequestError):
                raise Unreachable(
                    f"the authority cannot be reached: {error}", where=where, next_move=network
                ) from error
            if isinstance(error, AzureError):
                raise refused(self.connection, str(error)) from error
            raise


def _switches() -> dict[str, Any]:
    """The SDK's options, with its own retries and redirects off."""
    return {
        **options,
        RetryHandlerOption.get_key(): RetryHandlerOption(should_retry=False),
        RedirectHandlerOption.get_key(): RedirectHandlerOption(should_redirect=False),
    }


def _item(number: int, asked: Message) -> dict[str, Any]:
    item: dict[str, Any] = {"id": str(number), "method": asked.method, "url": asked.path}
    return {**item, "headers": dict(asked.headers)} if asked.headers else item


def _reply(status: int, headers: dict[str, str], body: Any) -> Reply:
    return Reply(status=status, headers={k.lower(): v for k, v in headers.items()}, body=body)


def _body(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        return None
