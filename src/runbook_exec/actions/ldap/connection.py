"""What an environment says about its directory, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from runbook_exec.action import ADDED
from runbook_exec.actions.ldap.dialects import DIALECTS
from runbook_exec.change import Json
from runbook_exec.dn import Dn, parse
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret

KEYS = ("url", "ca", "user", "password", "base", "dialect", "starttls", "timeout", "allowed_bases")


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One directory: where it is, who we are there, and below which names we may write."""

    host: str
    port: int
    tls_first: bool
    """True for LDAPS; otherwise StartTLS before anything else is said."""
    ca: str | None
    user: str
    password: Secret
    base: Dn
    allowed: tuple[Dn, ...]
    dialect: str | None
    timeout: int

    @property
    def where(self) -> str:
        """How errors call this server."""
        return f"directory {self.host}:{self.port}"


def read_connection(given: Mapping[str, Json]) -> Connection:
    """The connection of an environment; raises `Invalid` and names the key that is wrong."""
    unknown = sorted(set(given) - set(KEYS) - ADDED)
    if unknown:
        raise _wrong(unknown[0], "is not known", "allowed: " + ", ".join(KEYS))
    host, port, tls_first = _server(given)
    base = parse(_text(given, "base"))
    bases = given.get("allowed_bases") or [str(base)]
    if not base.rdns or not isinstance(bases, list | tuple):
        raise _wrong("base", "is missing", "base: DC=corp,DC=example")
    allowed = tuple(parse(str(one)) for one in bases)
    for one in allowed:
        if not one.is_inside(base):
            raise _wrong("allowed_bases", f"holds {one}, which is not below {base}", "correct it or base:")
    dialect = given.get("dialect")
    if dialect is not None and dialect not in DIALECTS:
        raise _wrong("dialect", f"is {dialect!r}", "one of " + ", ".join(DIALECTS) + ", or leave it out")
    return Connection(
        host=host,
        port=port,
        tls_first=tls_first,
        ca=_ca(given),
        user=_text(given, "user"),
        password=_password(given),
        base=base,
        allowed=allowed,
        dialect=dialect,
        timeout=_timeout(given),
    )


def _server(given: Mapping[str, Json]) -> tuple[str, int, bool]:
    url = urlsplit(_text(given, "url"))
    starttls = given.get("starttls")
    try:
        port = url.port
    except ValueError:
        port = -1
    if url.scheme not in {"ldap", "ldaps"} or not url.hostname or port == -1 or url.path.strip("/"):
        raise _wrong("url", f"is {given['url']!r}", "url: ldaps://dc01.corp.example")
    if starttls not in {None, True, False}:
        raise _wrong("starttls", f"is {starttls!r}", "true or false")
    if url.scheme == "ldap" and starttls is not True:
        raise _wrong("url", "would send the password in clear", "use ldaps://, or add starttls: true")
    if url.scheme == "ldaps" and starttls:
        raise _wrong("starttls", "makes no sense with ldaps://", "remove it, or use ldap://")
    tls_first = url.scheme == "ldaps"
    return url.hostname, port or (636 if tls_first else 389), tls_first


def _password(given: Mapping[str, Json]) -> Secret:
    password = given.get("password")
    if not isinstance(password, Secret):
        raise _wrong("password", "is no secret", "password: env:NAME, file:PATH or keyring:NAME")
    # A simple bind with an empty password is an anonymous one and succeeds (RFC 4513 5.1.2).
    if not password.reveal():
        raise _wrong("password", "is empty, which would log in as nobody", "set the secret that it names")
    return password


def _ca(given: Mapping[str, Json]) -> str | None:
    ca = given.get("ca")
    if ca is None:
        return None
    path = Path(str(given.get("project", ".")), str(ca))
    if not isinstance(ca, str) or not path.is_file():
        raise _wrong(
            "ca", f"is {ca!r}, which is no file", "name the PEM file of the authority that signed it"
        )
    return str(path)


def _timeout(given: Mapping[str, Json]) -> int:
    timeout = given.get("timeout", 10)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout < 1:
        raise _wrong("timeout", f"is {timeout!r}", "seconds, at least 1")
    return int(timeout)


def _text(given: Mapping[str, Json], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(key, "is missing" if value is None else "is empty", f"add {key}: to the environment")
    return value


def _wrong(key: str, what: str, next_move: str) -> Invalid:
    return Invalid(f"ldap connection: {key} {what}", where=f"ldap.{key}", next_move=next_move)
