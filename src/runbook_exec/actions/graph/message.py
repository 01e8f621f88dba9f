"""One request to Graph and its reply, and what a bad reply means to a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from runbook_exec.change import Json
from runbook_exec.errors import Failed, Invalid, NotAllowed, Refused, RunbookError, Transient

ALREADY = "added object references already exist"
CONFLICT = "Another object with the same value"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is asked: a path below the service's root, already quoted, and a JSON body."""

    method: str = "GET"
    path: str
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    by: str = ""
    """The application of its own that sends it (`roles`, `wipe`); empty: the connection's."""

    @property
    def where(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        return str(self._error.get("code") or "")

    @property
    def words(self) -> str:
        return str(self._error.get("message") or "").strip()

    @property
    def after(self) -> float | None:
        """Seconds that the service asks us to wait: decimals occur, dates do too."""
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return float(text)
        return _until(text) if text else None

    @property
    def _error(self) -> Mapping[str, Any]:
        error = self.body.get("error") if isinstance(self.body, Mapping) else None
        return error if isinstance(error, Mapping) else {}


def path(*parts: str, **options: str) -> str:
    """A path of quoted parts, with `$`-options by their bare names: `path("users", upn, select="id")`."""
    for part in parts:
        if part.strip() in {"", ".", ".."}:
            # Each would be the address of something else: a whole collection, or what lies above it.
            raise Invalid(f"{part!r} names nothing in the cloud", next_move="give a UPN, a name or an id")
    whole = "/" + "/".join(quote(part, safe="@$") for part in parts)
    text = "&".join(f"${name}={quote(value, safe=',')}" for name, value in options.items())
    return f"{whole}?{text}" if text else whole


def literal(value: str) -> str:
    """A text inside `$filter`: quotes are doubled."""
    return "'" + value.replace("'", "''") + "'"


def trouble(asked: Message, reply: Reply) -> RunbookError:
    """The error that a bad reply is, with the next move."""
    what, where = reply.words or f"status {reply.status}", asked.where
    match reply.status:
        case 401:
            return NotAllowed(
                f"Graph does not accept our token: {what}",
                where=where,
                next_move="`runbook doctor` checks it",
            )
        case 403:
            return NotAllowed(
                f"the application may not do this: {what}",
                where=where,
                next_move="`runbook doctor` names the missing permission; some groups and administrators need more",
            )
        case 429 | 502 | 503 | 504:
            return Transient(
                f"Graph asks for patience ({reply.status}): {what}",
                where=where,
                next_move="`runbook resume` goes on later",
                after=reply.after,
            )
        case 412:
            return Transient(
                "somebody changed this object at the same moment",
                where=where,
                next_move="`runbook resume` reads it again and goes on",
            )
    for words, next_move in _MEANING:
        if words in what:
            return Refused(what, where=where, next_move=next_move)
    code = f" ({reply.code})" if reply.code else ""
    return Failed(
        f"Graph refuses it with {reply.status}{code}: {what}",
        where=where,
        next_move="the sentence is Graph's own; correct what it names, then `runbook resume`",
    )


_MEANING = (
    ("invalid usage location", "give the step usage_location: DE, or set it in Active Directory"),
    ("does not have any available licenses", "free a seat or buy one, then `runbook resume`"),
    ("mutually exclusive", "take the other licence away in the same step: remove: […]"),
    ("inherited from a group", "take the person out of the group that gives the licence"),
    (CONFLICT, "choose another name; somebody else holds this one"),
    ("on-premises mastered", "change it in Active Directory; the next sync brings it here"),
    ("password complexity", "let secret.generate make the password"),
    ("mail-enabled security groups", "such a group is changed in Exchange, not here"),
)


def _until(text: str) -> float | None:
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
