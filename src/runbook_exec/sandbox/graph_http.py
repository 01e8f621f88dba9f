"""The double's HTTPS side: bearer tokens, faults, `$batch` and the request log."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import Cloud
from runbook_exec.sandbox.graph_log import RequestLog
from runbook_exec.sandbox.graph_refusal import Refusal
from runbook_exec.sandbox.graph_server import hang_up
from runbook_exec.sandbox.graph_service import Service
from runbook_exec.sandbox.graph_tokens import Tokens
from runbook_exec.sandbox.rehearsal import Rehearsal

MOST_IN_BATCH = 20


class Front:
    """Takes HTTP requests, lets faults strike, and asks the service."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.cloud = Cloud(rehearsal.shelf, rehearsal.faults)
        self.faults = rehearsal.faults
        self.service = Service(self.cloud)
        self.tokens = Tokens(rehearsal.shelf, self.cloud.clock)
        self.log = RequestLog(rehearsal.shelf, self.cloud.clock, os.environ.get("RUNBOOK_GRAPH_RECORD", ""))
        self.recent: deque[float] = deque()
        self.app = Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
                Route("/{tenant}/v2.0/.well-known/openid-configuration", self.openid),
                Route("/v1.0/$batch", self.batch, methods=["POST"]),
                Route("/v1.0/{path:path}", self.single, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
            ]
        )

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        status, body = self.tokens.grant(form)
        return JSONResponse(body, status)

    async def openid(self, request: Request) -> Response:
        base = f"https://{request.headers['host']}/{request.path_params['tenant']}"
        return JSONResponse(
            {
                "issuer": f"{base}/v2.0",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            }
        )

    async def single(self, request: Request) -> Response:
        await self._latency()
        raw = request.scope["raw_path"].decode("ascii").removeprefix("/v1.0")
        text = request.scope["query_string"].decode("ascii")
        host = f"https://{request.headers['host']}/v1.0"
        try:
            claims = self.tokens.claims(request.headers.get("authorization", ""))
            self._unavailable()
            self._throttle()
            asked = _asked(request.method, raw, text, request.headers, await _json(request), claims, host)
        except Refusal as refusal:
            return _response(self.service.refused(refusal))
        if asked.method == "GET":
            return _response(self._answer(asked))
        if self.faults.take("graph-busy") is not None:
            words = "Another update to this object is in progress. Please retry."
            return _response(self.service.refused(Refusal(409, "Directory_ConcurrencyViolation", words)))
        gateway = self.faults.take("graph-gateway")
        if gateway is not None and not gateway.get("done", False):
            return _gateway(gateway)
        answer = self._answer(asked)
        if gateway is not None:
            return _gateway(gateway)
        if answer.status < 300 and self.faults.take("graph-lost-answer") is not None:
            return await self._hang_up(request)
        return _response(answer)

    def _answer(self, asked: Asked) -> Answer:
        answer = self.service.answer(asked)
        self.log.keep(asked, answer)
        return answer

    async def batch(self, request: Request) -> Response:
        await self._latency()
        try:
            claims = self.tokens.claims(request.headers.get("authorization", ""))
            self._unavailable()
            items = _items(await _json(request))
        except Refusal as refusal:
            return _response(self.service.refused(refusal))
        host = f"https://{request.headers['host']}/v1.0"
        answers: dict[str, dict[str, Any]] = {}
        for item in items:
            answers[item["id"]] = self._item(item, claims, host, answers)
        # Graph answers in any order: the last comes first, so that nobody relies on it.
        return JSONResponse({"responses": list(reversed(answers.values()))})

    def _item(
        self, item: Mapping[str, Any], claims: Mapping[str, Any], host: str, done: Mapping[str, Any]
    ) -> dict[str, Any]:
        path, _, text = str(item["url"]).partition("?")
        headers = {str(name).lower(): str(value) for name, value in item.get("headers", {}).items()}
        asked: Asked | None = None
        try:
            _check_item(item, headers, done)
            self._throttle()
            self._throttle("graph-batch-throttled")
            asked = _asked(str(item["method"]).upper(), path, text, headers, item.get("body"), claims, host)
            answer = self.service.answer(asked)
            self.log.keep(asked, answer, batch=True)
        except Refusal as refusal:
            answer = self.service.refused(refusal)
        given = {"Content-Type": "application/json", **answer.headers}
        entry: dict[str, Any] = {"id": item["id"], "status": answer.status, "headers": given}
        return entry if answer.body is None else {**entry, "body": answer.body}

    async def _latency(self) -> None:
        slow = self.faults.look("graph-latency")
        if slow is not None:
            await asyncio.sleep(float(slow.get("seconds", 0.1)))

    def _unavailable(self) -> None:
        down = self.faults.take("graph-unavailable")
        if down is not None:
            wait = float(down.get("seconds", 1))
            raise Refusal(503, "ServiceUnavailable", "Service unavailable.", retry_after=wait)

    def _throttle(self, name: str = "graph-throttled") -> None:
        full = self.faults.take(name)
        if full is not None:
            raise Refusal(
                429, "TooManyRequests", "Too many requests.", retry_after=float(full.get("seconds", 1))
            )
        quota = self.faults.look("graph-quota")
        if quota is None:
            return
        now = self.cloud.clock()
        while self.recent and self.recent[0] <= now - 10:
            self.recent.popleft()
        if len(self.recent) >= int(quota.get("requests", 3500)):
            wait = self.recent[0] + 10 - now
            raise Refusal(429, "TooManyRequests", "Too many requests.", retry_after=max(wait, 0.1))
        self.recent.append(now)

    async def _hang_up(self, request: Request) -> Response:
        assert request.client is not None
        hang_up(request.client.host, request.client.port)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response(status_code=500)


def _gateway(fault: Mapping[str, Any]) -> Response:
    """What a gateway says by itself: no JSON, and no word about whether it was done."""
    return Response("<html>Bad Gateway</html>", int(fault.get("status", 504)), media_type="text/html")


def _asked(  # noqa: PLR0917 - the parts of a request
    method: str,
    path: str,
    text: str,
    headers: Mapping[str, str],
    body: Any,
    claims: Mapping[str, Any],
    host: str,
) -> Asked:
    return Asked(
        method=method,
        path=tuple(unquote(part) for part in path.strip("/").split("/")),
        url=f"{host}/{path.strip('/')}",
        options=dict(parse_qsl(text, keep_blank_values=True)),
        headers={name.lower(): value for name, value in headers.items()},
        body=body,
        app=str(claims["app_displayname"]),
        roles=claims["roles"],
        app_id=str(claims["appid"]),
    )


async def _json(request: Request) -> Any:
    raw = await request.body()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        raise Refusal(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure it is of valid JSON format.",
        ) from error


def _check_item(item: Mapping[str, Any], headers: Mapping[str, str], done: Mapping[str, Any]) -> None:
    if any(done.get(other, {"status": 424})["status"] >= 400 for other in item.get("dependsOn", ())):
        raise Refusal(424, "FailedDependency", "A request on which this one depends has failed.")
    if "body" in item and "content-type" not in headers:
        raise Refusal(
            400, "BadRequest", f"Write request id : {item['id']} does not contain Content-Type header."
        )


def _items(body: Any) -> list[dict[str, Any]]:
    items = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise Refusal(400, "BadRequest", "Invalid batch payload format.")
    if len(items) > MOST_IN_BATCH:
        raise Refusal(
            400, "BadRequest", f"Number of batch request steps exceeds the maximum value of {MOST_IN_BATCH}."
        )
    ids = [str(item.get("id", "")).lower() for item in items]
    if len(set(ids)) < len(ids) or "" in ids:
        raise Refusal(400, "BadRequest", "Each request in a batch must have a unique id.")
    return items


def _response(answer: Answer) -> Response:
    headers = dict(answer.headers)
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return JSONResponse(answer.body, answer.status, headers=headers)
