"""The token endpoint of the double: client credentials for a bearer token that names its permissions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from runbook_exec.sandbox.graph_refusal import Refusal
from runbook_exec.sandbox.graph_tenant import TENANT, secret_digest
from runbook_exec.sandbox.shelf import Shelf

LIFETIME = 3600


class Tokens:
    """Issues tokens and checks them; they hold until the double is started again."""

    def __init__(self, shelf: Shelf, clock: Callable[[], float]) -> None:
        self.shelf, self.clock = shelf, clock
        self._key = secrets.token_bytes(32)

    def grant(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body for a token request."""
        if form.get("grant_type") != "client_credentials":
            return 400, _no("unsupported_grant_type", "AADSTS70003: The grant type is not supported.")
        app = self.shelf.get("graph_apps", form.get("client_id", ""))
        if app is None:
            return 400, _no(
                "unauthorized_client",
                f"AADSTS700016: Application with identifier '{form.get('client_id', '')}' was not found in the directory.",
            )
        if not hmac.compare_digest(app["digest"], secret_digest(form.get("client_secret", ""))):
            return 401, _no("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        claims = {
            "appid": form["client_id"],
            "app_displayname": app["name"],
            "tid": TENANT,
            "roles": app["roles"],
            "exp": int(self.clock()) + LIFETIME,
        }
        return 200, {
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "access_token": self._signed(claims),
        }

    def claims(self, authorization: str) -> dict[str, Any]:
        """What the bearer token says; raises the 401 for one that is missing, forged or too old."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Refusal(401, "InvalidAuthenticationToken", "Access token is empty.")
        head, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature, self._signature(head)):
            raise Refusal(401, "InvalidAuthenticationToken", "Signature is invalid.")
        body: dict[str, Any] = json.loads(base64.urlsafe_b64decode(head.partition(".")[2] + "=="))
        if body["exp"] <= self.clock():
            raise Refusal(
                401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."
            )
        return body

    def _signed(self, claims: Mapping[str, Any]) -> str:
        head = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{head}.{self._signature(head)}"

    def _signature(self, head: str) -> str:
        return _text(hmac.new(self._key, head.encode(), hashlib.sha256).digest())


def _no(error: str, description: str) -> dict[str, Any]:
    return {"error": error, "error_description": description, "error_codes": [], "correlation_id": ""}


def _part(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
