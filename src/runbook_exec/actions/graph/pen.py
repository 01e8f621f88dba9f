"""What may leave this machine: reads always, writes only with permission and never the known traps. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from urllib.parse import unquote, urlsplit

from runbook_exec.errors import NoPen, Refused


def segments(url: str, base: str) -> tuple[str, ...]:
    """The decoded parts of a request's path below the service's root."""
    path = urlsplit(url).path.removeprefix(urlsplit(base).path)
    return tuple(unquote(part) for part in path.strip("/").split("/") if part)


def is_read(method: str, path: Sequence[str], body: bytes) -> bool:
    """True for a GET, and for a `$batch` of which every item is a GET."""
    if method == "GET":
        return True
    if method != "POST" or tuple(path) != ("$batch",):
        return False
    try:
        items = json.loads(body)["requests"]
        return all(str(item["method"]).upper() == "GET" for item in items)
    except (ValueError, KeyError, TypeError):
        return False


def deletes_the_member(method: str, path: Sequence[str]) -> bool:
    """True for the request that removes a person instead of a membership."""
    return method == "DELETE" and len(path) == 4 and path[2].lower() in {"members", "owners"}


def written(path: Sequence[str], body: bytes) -> str:
    """The far-side name of what a request writes: the user's or group's, else the path."""
    if len(path) >= 2 and path[0].lower() in {"users", "groups"}:
        return path[1]
    if tuple(path) == ("users",):
        try:
            return str(json.loads(body)["userPrincipalName"])
        except (ValueError, KeyError, TypeError):
            return "/users"
    return "/" + "/".join(path)


def check(method: str, path: Sequence[str], body: bytes, permitted: Collection[str] | None) -> None:
    """Raise unless the request may be sent. `permitted` is None where nothing may be written."""
    if deletes_the_member(method, path):
        raise Refused(
            f"DELETE /{'/'.join(path)} would delete the person, not the membership",
            next_move="end the path in /$ref",
        )
    if is_read(method, path, body):
        return
    where = f"{method} /{'/'.join(path)}"
    if permitted is None:
        raise NoPen("a session that only reads was asked to write", where=where)
    names = {name.casefold() for name in permitted}
    whole = "/" + "/".join(path)
    if written(path, body).casefold() in names or whole.casefold() in names:
        return
    raise Refused(
        f"{written(path, body)} is not among the targets of this step",
        where=where,
        next_move="this is a defect of the action: please report it",
    )
