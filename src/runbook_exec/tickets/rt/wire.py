"""One line to Request Tracker: requests with the token, and its troubles in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed, Transient, Unreachable
from runbook_exec.secret import Secret

if TYPE_CHECKING:
    import httpx

TIMEOUT = 30.0
PAGE = 100
"""So many things at a time, the most that RT gives."""

_PREFIX = "/REST/2.0"
_NO_ANSWER = frozenset({502, 504})
_BUSY = frozenset({429, 503})


@contextmanager
def opened(connection: Mapping[str, Json], *, write: bool) -> Iterator[httpx.Client]:
    """A client for this desk alone; without `write` its transport lets nothing but GET through."""
    import ssl

    import httpx

    class Guarded(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if not write and request.method != "GET":
                raise NoPen("this desk is open for reading only", next_move="a dry run writes no tickets")
            return super().handle_request(request)

    url, token = str(connection.get("url", "")), connection.get("token")
    _refuse_open_air(url)
    if not isinstance(token, Secret):
        raise Invalid("no token is named", where="connection 'ticket'", next_move="add token: env:RT_TOKEN")
    ca = connection.get("ca")
    trust: Any = ssl.create_default_context(cafile=str(ca)) if ca else True
    with httpx.Client(
        base_url=url.rstrip("/") + _PREFIX,
        headers={"Authorization": f"token {token.reveal()}"},
        timeout=float(connection.get("timeout", TIMEOUT)),
        transport=Guarded(verify=trust, trust_env=False),
        trust_env=False,
    ) as client:
        yield client


class Wire:
    """Asks and tells; every answer that is none becomes an error that a person can act on."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.where = str(client.base_url).removesuffix("/").removesuffix(_PREFIX)

    def get(self, path: str, **params: str | int) -> Any:
        """What RT says of a thing; None where it does not exist."""
        answer = self._ask("GET", path, params=params)
        return None if answer.status_code == 404 else self._body(answer)

    def listed(self, path: str, **params: str | int) -> Iterator[dict[str, Any]]:
        """Everything of a collection, page by page."""
        page = 1
        while True:
            found = self.get(path, per_page=PAGE, page=page, **params) or {"items": []}
            yield from found["items"]
            if len(found["items"]) < PAGE:
                return
            page += 1

    def send(self, method: str, path: str, body: Mapping[str, Json]) -> Any:
        """Write; raises `Unreachable` with `sent` where nobody knows whether it was taken."""
        return self._body(self._ask(method, path, json=dict(body)), sent=True)

    def _ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        import httpx

        sent = method != "GET"
        try:
            return self._client.request(method, path, **given)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(
                f"Request Tracker does not answer: {error}",
                where=self.where,
                next_move="`runbook doctor` asks again",
            ) from error
        except httpx.TransportError as error:
            what = f"Request Tracker gave no answer: {type(error).__name__}"
            raise Unreachable(what, where=self.where, next_move="look at the ticket", sent=sent) from error

    def _body(self, answer: httpx.Response, *, sent: bool = False) -> Any:
        status = answer.status_code
        if answer.is_success:
            try:
                return answer.json()
            except ValueError as error:
                raise Failed(
                    "what answers here is no Request Tracker", where=self.where, next_move="check url:"
                ) from error
        said = _message(answer)
        if status in _BUSY:
            raise Transient(
                f"Request Tracker is busy ({status})",
                where=self.where,
                next_move="try again later",
                after=_seconds(answer.headers.get("Retry-After", "")),
            )
        if status in {401, 403} or "permission denied" in said.lower():
            raise NotAllowed(
                f"Request Tracker refuses: {said or status}",
                where=self.where,
                next_move="check the token and the rights of its user; `runbook doctor` names them",
            )
        if status in _NO_ANSWER or (sent and status == 500):
            raise Unreachable(
                f"Request Tracker broke off ({status})",
                where=self.where,
                next_move="look at its log",
                sent=sent,
            )
        raise Failed(f"Request Tracker says: {said or status}", where=self.where, next_move="look at its log")


def _message(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return ""
    return str(found.get("message", "")) if isinstance(found, dict) else ""


def _seconds(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def _refuse_open_air(url: str) -> None:
    """A token travels encrypted, or does not leave this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        local = False
    if not host or parts.scheme not in {"http", "https"} or (parts.scheme == "http" and not local):
        raise Invalid(
            f"{url!r} is no address for Request Tracker",
            where="connection 'ticket'",
            next_move="write url: https://…, where its front page is",
        )
