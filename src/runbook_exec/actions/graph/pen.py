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
    """True for the request that removes a person instead of a membership.

    Below /teams the last part names a membership, so there it is as it should be.
    """
    return (
        method == "DELETE"
        and len(path) == 4
        and path[0].lower() != "teams"
        and path[2].lower() in {"members", "owners"}
    )


_IN_PATH = {("users",): 1, ("groups",): 1, ("teams",): 1, ("devices",): 1, ("drives",): 1,
            ("devicemanagement", "manageddevices"): 2, ("directory", "deleteditems"): 2,
            ("rolemanagement", "directory", "roleassignments"): 3, ("oauth2permissiongrants",): 1}  # fmt: skip
"""Collections, in lower case, and which part of a path names what is written."""
_IN_BODY = {
    ("users",): "userPrincipalName",
    ("invitations",): "invitedUserEmailAddress",
    ("rolemanagement", "directory", "roleassignments"): "principalId",
    ("oauth2permissiongrants",): "principalId",
}
"""Collections that something is added to, and which property names it, or whom it is for."""


def written(path: Sequence[str], body: bytes) -> str:
    """The far-side name of what a request writes: the user's, the group's, …, else the path."""
    lower, whole = tuple(part.lower() for part in path), "/" + "/".join(path)
    for collection, place in _IN_PATH.items():
        if lower[: len(collection)] == collection and len(path) > place:
            return path[place]
    if lower not in _IN_BODY:
        return whole
    try:
        return str(json.loads(body)[_IN_BODY[lower]])
    except (ValueError, KeyError, TypeError):
        return whole


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
