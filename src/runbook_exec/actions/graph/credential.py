"""How we prove who we are: azure-identity for the world, a small client for a private authority.

Imported only when a session is opened: azure-identity takes a third of a second.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpx
from azure.core.credentials import AccessToken

from runbook_exec.actions.graph.connection import Connection
from runbook_exec.errors import Invalid, NotAllowed, Unreachable

EARLY = 300
"""Seconds before its end at which a token is fetched anew."""


def credential(connection: Connection) -> Any:
    """The credential that the connection's keys call for.

    `ca` names a private authority (the rehearsal); otherwise the certificate counts, then
    the secret, then the managed identity of the machine.
    """
    if connection.ca:
        return ClientCredentials(connection)
    return azure_credential(connection)


def azure_credential(connection: Connection, **more: Any) -> Any:
    """One of azure-identity's credentials; `more` goes to it as it is."""
    from azure.identity import CertificateCredential, ClientSecretCredential, ManagedIdentityCredential

    named = {"authority": connection.authority, **more}
    if connection.certificate:
        try:
            return CertificateCredential(
                connection.tenant, connection.client_id, certificate_path=connection.certificate, **named
            )
        except ValueError as error:
            raise Invalid(
                f"the certificate cannot be used: {error}",
                where=connection.certificate,
                next_move="give a PEM file that holds the certificate and its private key",
            ) from error
    if connection.client_secret is not None:
        return ClientSecretCredential(
            connection.tenant, connection.client_id, connection.client_secret.reveal(), **named
        )
    return ManagedIdentityCredential(client_id=connection.client_id or None)


class ClientCredentials:
    """The client-credentials grant, against an authority whose certificate `ca` vouches for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._token: AccessToken | None = None

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        if self._token is None or self._token.expires_on - EARLY < time.time():
            self._token = await self._fetch(" ".join(scopes))
        return self._token

    async def _fetch(self, scope: str) -> AccessToken:
        connection = self._connection
        url = f"{connection.authority}/{connection.tenant}/oauth2/v2.0/token"
        secret = connection.client_secret.reveal() if connection.client_secret else ""
        form = {
            "grant_type": "client_credentials",
            "client_id": connection.client_id,
            "client_secret": secret,
            "scope": scope,
        }
        trust = ssl.create_default_context(cafile=connection.ca)
        try:
            async with httpx.AsyncClient(verify=trust, timeout=20, trust_env=False) as client:
                answer = await client.post(url, data=form)
                body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unreachable(
                f"the authority gives no token: {error}",
                where=connection.authority,
                next_move="check authority and ca of the connection; in a rehearsal: `runbook sandbox start`",
            ) from error
        if answer.status_code != httpx.codes.OK:
            raise refused(connection, str(body.get("error_description", answer.status_code)))
        return AccessToken(body["access_token"], int(time.time()) + int(body["expires_in"]))

    async def close(self) -> None:
        """Nothing is held open between two tokens."""


def refused(connection: Connection, why: str) -> NotAllowed:
    """The authority knows us and gives no token; its first sentence says why."""
    return NotAllowed(
        f"no token for the application {connection.client_id}: {why.splitlines()[0] if why else 'refused'}",
        where=connection.authority,
        next_move="check tenant, client_id and the secret's expiry; `runbook doctor` tries again",
    )
