"""Tickets in Request Tracker, each write found again by its key.

A ticket carries its key as a link (`refers to runbook://CLIENT/KEY`), a comment or a file as the beginning
of its subject (`[KEY] author`). RT knows no uniqueness, so a write looks first whether it is there: whoever
writes the same key at the same moment from two places would write it twice, and a run's lease forbids that.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from runbook_exec.change import Json, State
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed
from runbook_exec.tickets.rt.wire import Wire

CLOSED = ("resolved", "rejected", "deleted")
LONGEST_KEY = 180
"""Of a key as it is written; RT keeps no longer subjects and links."""

_AT_ONCE = timedelta(seconds=3)
_SAFE = "/-_.:"
_SUBJECT = re.compile(r"\[([^\]\s]+)\] ?(.*)", re.DOTALL)
_FIELDS = "Subject,Filename,ContentType,ContentLength,Content,TransactionId,Created"


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One transaction that carries a text or a file of ours, or somebody's words."""

    key: str
    author: str
    at: str
    subject: str = ""
    text: str = ""
    file: Mapping[str, Any] | None = None


class RequestTracker:
    """A `TicketSystem` on a line to RT."""

    def __init__(self, wire: Wire, connection: Mapping[str, Json], *, write: bool) -> None:
        self._wire, self._write = wire, write
        self._client = str(connection.get("client", ""))
        self._queue = str(connection.get("queue", ""))
        self._closed = frozenset(connection.get("closed", CLOSED))
        self._statuses = {
            "closed": str(connection.get("closed_as", "resolved")),
            "open": str(connection.get("open_as", "open")),
        }
        self._queues: dict[str, str] = {}

    def open(
        self, *, key: str, title: str, text: str, queue: str = "", requester: str = "", parent: str = ""
    ) -> str:
        self._refuse_without_pen()
        if found := self.find_by_key(key):
            return found
        body: dict[str, Json] = {
            "Subject": " ".join(title.split()),
            "Queue": queue or self._queue,
            "RefersTo": self._link(key),
        }
        if not body["Queue"]:
            raise Invalid(
                "no queue is named",
                where="connection 'ticket'",
                next_move="add queue: NAME to the connection",
            )
        body |= {"Content": text, "ContentType": "text/plain"} if text else {}
        body |= {"Requestor": requester} if requester else {}
        body |= {"MemberOf": self._number(parent)} if parent else {}
        return str(self._wire.send("POST", "/ticket", body)["id"])

    def comment(self, ticket: str, *, key: str, text: str, author: str) -> None:
        self._refuse_without_pen()
        number = self._number(ticket)
        if key not in {entry.key for entry in self._entries(number)}:
            body = {"Subject": _subject(key, author), "Content": text, "ContentType": "text/plain"}
            self._wire.send("POST", f"/ticket/{number}/comment", body)

    def attach(self, ticket: str, *, key: str, name: str, kind: str, content: bytes) -> None:
        self._refuse_without_pen()
        number = self._number(ticket)
        if key in {entry.key for entry in self._entries(number)}:
            return
        plain = name.encode("ascii", "replace").decode().replace("?", "_")
        # RT takes no empty file, and no name beyond ASCII
        file = {"FileName": plain, "FileType": kind, "FileContent": b64encode(content or b"\n").decode()}
        body = {"Subject": _subject(key, ""), "Content": plain, "ContentType": "text/plain"}
        self._wire.send("POST", f"/ticket/{number}/comment", {**body, "Attachments": [file]})

    def close(self, ticket: str, *, key: str, text: str = "", author: str = "") -> None:
        self._turn(ticket, "closed", key, text, author)

    def reopen(self, ticket: str, *, key: str, text: str = "", author: str = "") -> None:
        self._turn(ticket, "open", key, text, author)

    def read(self, ticket: str) -> State:
        found = self._found(ticket)
        if found is None:
            return None
        entries = list(self._entries(str(found["id"])))
        # What a ticket was opened with has its subject and its time; a person's first comment is later.
        first = entries[0] if entries and _is_beginning(entries[0], found) else None
        asked = [str(person["id"]) for person in found["Requestor"]]
        return {
            "id": str(found["id"]),
            "status": self._status(found),
            "title": found["Subject"],
            "text": first.text if first else "",
            "queue": self._queue_name(str(found["Queue"]["id"])),
            "requester": ", ".join(asked),
            "parent": next(_linked(found, "parent"), ""),
            "children": sorted(_linked(found, "child"), key=int),
            "comments": [
                {"key": one.key, "author": one.author, "text": one.text, "at": one.at}
                for one in entries
                if one.file is None and one is not first
            ],
            "attachments": [
                {
                    "key": one.key,
                    "name": one.file["Filename"],
                    "kind": one.file["ContentType"],
                    "size": int(one.file["ContentLength"]),
                    "at": one.at,
                }
                for one in entries
                if one.file is not None
            ],
        }

    def content(self, ticket: str, key: str) -> bytes:
        for entry in self._entries(self._number(ticket)):
            if entry.key == key and entry.file is not None:
                return b64decode(self._wire.get(f"/attachment/{entry.file['id']}")["Content"])
        raise Failed(f"ticket {ticket} has no attachment {key!r}")

    def find_by_key(self, key: str) -> str | None:
        link = self._link(key)
        query = f"RefersTo = '{link}'"
        found = sorted(int(one["id"]) for one in self._wire.listed("/tickets", query=query))
        return next((str(number) for number in found if self._is_ours(str(number), link)), None)

    def about(self) -> str:
        version = (self._wire.get("/rt") or {}).get("Version", "")
        return f"Request Tracker {version} at {self._wire.where} answers"

    def may(self) -> Mapping[str, bool]:
        """By what RT offers to do next with the connection's queue, and with the newest ticket in it."""
        if not self._queue:
            return {}
        queue = self._wire.get(f"/queue/{quote(self._queue, safe='')}")
        if queue is None:
            return {"SeeQueue": False}
        found = {"SeeQueue": True, "CreateTicket": any(_offers(queue, "create"))}
        query = f"Queue = {queue['id']}"
        listed = self._wire.get("/tickets", query=query, per_page=1, orderby="id", order="DESC")
        for one in (listed or {"items": []})["items"][:1]:
            ticket = self._wire.get(f"/ticket/{one['id']}")
            found["ShowTicket"] = ticket is not None
            found["CommentOnTicket"] = any(_offers(ticket or {}, "comment"))
            found["ModifyTicket"] = any(_offers(ticket or {}, "lifecycle"))
        return found

    def _turn(self, ticket: str, status: str, key: str, text: str, author: str) -> None:
        """Another status first, so that a comment that follows does not open the ticket again."""
        self._refuse_without_pen()
        found = self._existing(ticket)
        number = str(found["id"])
        if self._status(found) != status:
            said = self._wire.send("PUT", f"/ticket/{number}", {"Status": self._statuses[status]})
            if self._status(self._existing(number)) != status:  # RT answers 200 to what it refuses
                raise NotAllowed(
                    f"ticket {number} did not become {status}: {'; '.join(map(str, said))}",
                    where=self._wire.where,
                    next_move="check the rights of the token's user, and the queue's lifecycle",
                )
        if text:
            self.comment(number, key=key, text=text, author=author)

    def _entries(self, number: str) -> Iterator[_Entry]:
        """What was written on a ticket, in order."""
        parts: dict[int, list[Mapping[str, Any]]] = {}
        for part in self._wire.listed(f"/ticket/{number}/attachments", fields=_FIELDS):
            parts.setdefault(int(part["TransactionId"]), []).append(part)
        for _, listed in sorted(parts.items()):
            yield from _of_transaction(sorted(listed, key=lambda part: int(part["id"])))

    def _found(self, ticket: str) -> dict[str, Any] | None:
        """The ticket, unless it is none or another client's."""
        if not ticket.isascii() or not ticket.isdigit() or len(ticket) > 18 or not int(ticket):
            return None
        found: dict[str, Any] | None = self._wire.get(f"/ticket/{int(ticket)}")
        if found is None or str(found["id"]) != str(int(ticket)):  # merged into another one
            return None
        others = [link for link in _links(found) if not link.startswith(self._link(""))]
        return None if others else found

    def _existing(self, ticket: str) -> dict[str, Any]:
        found = self._found(ticket)
        if found is None:
            raise Failed(
                f"there is no ticket {ticket!r}", where=self._wire.where, next_move="check the number"
            )
        return found

    def _number(self, ticket: str) -> str:
        return str(self._existing(ticket)["id"])

    def _is_ours(self, number: str, link: str) -> bool:
        found = self._found(number)
        return found is not None and link in _links(found)

    def _link(self, key: str) -> str:
        return f"runbook://{quote(self._client, safe='')}/{_written(key)}"

    def _status(self, found: Mapping[str, Any]) -> str:
        return "closed" if found["Status"] in self._closed else "open"

    def _queue_name(self, number: str) -> str:
        if number not in self._queues:
            self._queues[number] = (self._wire.get(f"/queue/{number}") or {}).get("Name", number)
        return self._queues[number]

    def _refuse_without_pen(self) -> None:
        if not self._write:
            raise NoPen("this desk is open for reading only", next_move="a dry run writes no tickets")


def _of_transaction(parts: list[Mapping[str, Any]]) -> Iterator[_Entry]:
    """The text of a transaction, and each of its files; a file of ours has no text of its own."""
    subject = str(parts[0]["Subject"] or "")
    key, author = _read(subject)
    at = str(parts[0]["Created"])
    files = [part for part in parts if part["Filename"]]
    texts = [str(part["Content"]) for part in parts if not part["Filename"] and part["Content"]]
    if texts and not (key and files):
        yield _Entry(key=key, author=author, at=at, subject=subject, text=texts[0])
    for file in files:
        yield _Entry(key=key, author=author, at=at, file=file)


def _is_beginning(entry: _Entry, found: Mapping[str, Any]) -> bool:
    late = datetime.fromisoformat(entry.at) - datetime.fromisoformat(found["Created"])
    return entry.file is None and entry.subject == found["Subject"] and abs(late) < _AT_ONCE


def _written(key: str) -> str:
    """A key without anything that a subject, a link or a query could take for its own."""
    written = quote(key, safe=_SAFE)
    if len(written) > LONGEST_KEY:
        raise Invalid(
            f"the key {key[:40]!r}… is too long for Request Tracker", next_move="choose a shorter one"
        )
    return written


def _subject(key: str, author: str) -> str:
    return f"[{_written(key)}] {' '.join(author.split())}".strip()


def _read(subject: str) -> tuple[str, str]:
    """(key, author) of a subject; no key where a person wrote it."""
    found = _SUBJECT.fullmatch(subject)
    return (unquote(found[1]), found[2]) if found else ("", "")


def _links(found: Mapping[str, Any]) -> list[str]:
    """The links that say whose the ticket is, and by which key."""
    every = (link for link in found["_hyperlinks"] if link.get("ref") == "refers-to")
    return [str(link["_url"]) for link in every if str(link.get("_url", "")).startswith("runbook://")]


def _offers(found: Mapping[str, Any], ref: str) -> Iterator[bool]:
    return (True for link in found.get("_hyperlinks", ()) if link.get("ref") == ref)


def _linked(found: Mapping[str, Any], ref: str) -> Iterator[str]:
    return (
        str(link["id"])
        for link in found["_hyperlinks"]
        if link.get("ref") == ref and link.get("type") == "ticket"
    )
