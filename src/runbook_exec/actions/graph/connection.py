"""The keys of a Graph connection, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from runbook_exec.action import ADDED
from runbook_exec.change import Json
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret

WORLD_URL = "https://graph.microsoft.com/v1.0"
WORLD_AUTHORITY = "https://login.microsoftonline.com"
KEYS = ("tenant", "client_id", "client_secret", "certificate", "authority", "url", "ca")
APART = ("roles", "wipe")
"""What the everyday application must not be able to do: each has an application of its own."""
IGNORED = ("planning",)
"""Already laid over the others where a session only reads."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where the tenant is, and as which application we come."""

    tenant: str
    client_id: str
    client_secret: Secret | None
    certificate: str
    authority: str
    url: str
    ca: str
    apart: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """`roles`, `wipe` → the keys that replace the others for what only that application may do."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def parsed(values: Mapping[str, Json]) -> Connection:
    """The connection from its keys; says which one is wrong."""
    unknown = sorted(set(values) - {*KEYS, *APART, *IGNORED} - ADDED)
    if unknown:
        known = ", ".join((*KEYS, *APART))
        raise _wrong(f"{unknown[0]!r} is no key of a Graph connection", f"known keys: {known}")
    secret = values.get("client_secret")
    if secret is not None and not isinstance(secret, Secret):
        raise _wrong("client_secret stands there in clear", "write a reference: env:NAME or file:/path")
    texts = {key: values.get(key) or "" for key in KEYS if key != "client_secret"}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise _wrong(f"{key} is no text", f"write {key} as one line of text")
    texts["url"] = (texts["url"] or WORLD_URL).rstrip("/")
    texts["authority"] = (texts["authority"] or WORLD_AUTHORITY).rstrip("/")
    for key in ("url", "authority"):
        if urlsplit(texts[key]).scheme != "https":
            raise _wrong(f"{key} is {texts[key]!r}, which does not begin with https://", "use https://")
    if (secret or texts["certificate"]) and not (texts["tenant"] and texts["client_id"]):
        raise _wrong(
            "tenant or client_id is missing", "write both; they are shown on the app's page in Entra"
        )
    for key in ("ca", "certificate"):
        if texts[key] and not Path(texts[key]).is_file():
            raise _wrong(f"{key} names {texts[key]}, which is no file", "correct the path")
    return Connection(client_secret=secret, **texts, apart=_apart(values))


def _apart(values: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    apart = {name: values[name] for name in APART if values.get(name)}
    for name, keys in apart.items():
        if not isinstance(keys, Mapping):
            raise _wrong(f"{name} is no list of keys", f"write client_id and client_secret below {name}:")
    return apart


def of_its_own(connection: Connection, name: str) -> Connection:
    """The connection as the application `name`; says so where the connection has none."""
    keys = connection.apart.get(name)
    if keys is None:
        raise _wrong(f"no application of its own is named for {name}", f"add {name}: to the connection")
    values = {key: getattr(connection, key) for key in KEYS if key not in {"client_secret", "certificate"}}
    return replace(parsed({**values, **keys}), apart={})


def _wrong(what: str, next_move: str) -> Invalid:
    return Invalid(what, where="connection graph", next_move=next_move)
