"""What of an event stays readable for ever, and what is sealed under its subject's key. Pure.

By kind of event a list of names stays open: what an auditor needs once the person is erased. Everything
else – a field that nobody thought of, a kind that is not listed – is sealed. With the key gone,
the bytes stay, so the chain still holds, and nobody reads them any more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from runbook_exec.change import Json
from runbook_exec.errors import JournalError
from runbook_exec.journal import Event, Kind, encoded

SEALED = "$sealed"
KEY = "$key"
ERASED = "$erased"
"""In the body of an event whose key was erased: since when."""

GONE = "(erased)"

OPEN = "open"
"""Stays readable if it is one plain value, or a list of plain values."""

WHOLE = "whole"
"""Stays readable, whatever it is."""

NONCE = 12
"""Bytes of a nonce, random for each event (NIST SP 800-38D §8.2.2: up to 2^32 of them for a key)."""

Tree = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Key:
    """The secret of one subject and the name that events call it by."""

    id: str
    secret: bytes


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Of one kind of event: which fields stay open, and how the others read once they are gone."""

    open: Tree
    gone: Mapping[str, Json]


def _rule(*names: str, gone: Mapping[str, Json] | None = None, **trees: Any) -> Rule:
    return Rule(open={**dict.fromkeys(names, OPEN), **trees}, gone=gone or {})


_LINE: Tree = dict.fromkeys(
    ("step", "section", "status", "uses", "nature", "certainty", "awaits", "destructive"), OPEN
)
_STARTED = (
    *("schema", "program", "runbook", "runbook_digest", "file", "source", "environment", "requester"),
    *("ticket", "language", "timezone", "decisions", "undoes", "from", "taken_back", "seen_to"),
)
_DECISION = ("gate", "verdict", "person", "digest", "shown", "at", "way", "delegated_for", "about", "after")
_WORD = _rule(*_DECISION, gone={"reason": GONE, "text": "", "signature": ""})
_PUT_OFF = _rule(
    *_DECISION,
    "step",
    "letter",
    "owner",
    "until",
    gone={"reason": GONE, "why": GONE, "text": "", "signature": ""},
)
_SAID = _rule("step", gone={"reason": GONE})
_ERROR = _rule("step", "in_doubt", error={"kind": OPEN}, gone={"error": {"what": GONE}})

RULES: Mapping[str, Rule] = {
    # `source`, `schemas` and `file` are the checklist itself, not what it was filled in with.
    Kind.STARTED: _rule(*_STARTED, schemas=WHOLE, editor={"mail": OPEN}, gone={"inputs": {}, "subject": ""}),
    Kind.PLANNED: _rule("digest", "changes", lines=[_LINE], gone={"lines": []}),
    Kind.RESUMED: _rule("program"),
    Kind.TAKEN: _rule("before"),
    Kind.NOTED: _rule(gone={"text": GONE}),
    Kind.ENDING: _rule(gone={"reason": GONE}),
    Kind.RESCHEDULED: _rule("steps", gone={"moves": {}}),
    Kind.STOPPED: _rule("status", "kind", "due", "beside", gone={"why": GONE, "next_move": ""}),
    Kind.DONE: _rule(fidelity=WHOLE, gone={"why": ""}),
    Kind.CANCELLED: _rule("never", fidelity=WHOLE, gone={"reason": GONE}),
    Kind.UNDOING: _rule("by", gone={"why": "", "next_move": ""}),
    Kind.UNDONE: _rule("by", "steps", gone={"why": ""}),
    Kind.GATE: _rule("step", "digest", gone={"reason": GONE, "rule": {}}),
    Kind.OPENED: _rule("step", "digest", "by", gone={"reason": GONE, "rule": {}}),
    Kind.DECIDED: _WORD,
    Kind.WITHDRAWN: _WORD,
    Kind.BROKEN_GLASS: _WORD,
    Kind.REVIEWED: _WORD,
    Kind.ALERTED: _rule("broken", ways=[{"how": OPEN, "ok": OPEN}]),
    Kind.TOLD: _rule("gate", "digest", "about", "keys", "due", gone={"to": []}),
    Kind.EXPIRED: _ERROR,
    Kind.TURNED_AWAY: _ERROR,
    Kind.SKIPPED: _SAID,
    Kind.ADOPTED: _rule("step", "changed", gone={"outputs": {}, "note": ""}),
    # The digest of an intent is not keyed, so it could be guessed from: it is sealed.
    Kind.INTENT: _rule("step", "nature", gone={"change": None, "digest": ""}),
    Kind.EVIDENCE: _rule("step", gone={"evidence": {}}),
    Kind.RESULT: _rule("step", "changed", gone={"outputs": {}, "evidence": {}, "undo": {}}),
    Kind.FAILED: _ERROR,
    Kind.WAITING: _rule("step", "due", "until", gone={"reason": GONE}),
    Kind.DEFERRED: _PUT_OFF,
    Kind.NEVER: _PUT_OFF,
    Kind.DUE: _SAID,
    Kind.DRIFTED: _ERROR,
    Kind.RESOLVED: _rule("step", "how", gone={"reason": GONE}),
    Kind.CONFIRMED: _rule("step", "who", gone={"text": ""}),
    Kind.LEFT: _SAID,
    Kind.REOPENED: _SAID,
}
_UNKNOWN = Rule(open={}, gone={})


def sealed(event: Event, key: Key, nonce: bytes) -> Event:
    """The event with everything that is not listed for its kind under the key, and its hash."""
    left, hidden = _parted(event.body, RULES.get(event.kind, _UNKNOWN).open)
    if not hidden:
        return replace(event, stored=b"").hashed()
    box = nonce + _cipher(key.secret).encrypt(nonce, encoded(hidden), _place(event))
    kept: dict[str, Json] = {**left, KEY: key.id, SEALED: base64.b64encode(box).decode()}
    return replace(event, stored=encoded(kept)).hashed()


def as_kept(event: Event) -> Event:
    """The event with its body as it is kept: what is sealed stays so. Raises `JournalError` for garbage."""
    try:
        body = msgspec.json.decode(event.stored, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise _unreadable(event, "its body is no JSON") from error
    return replace(event, body=body)


def key_of(kept: Event) -> str:
    """The name of the key that an event (as kept) is sealed under; empty: it stands in clear."""
    return str(kept.body.get(KEY, "")) if SEALED in kept.body else ""


def stands_in_clear(kept: Event) -> bool:
    """Whether an event was kept unsealed though its kind is to be: an older version wrote it."""
    return SEALED not in kept.body and bool(_parted(kept.body, RULES.get(kept.kind, _UNKNOWN).open)[1])


def opened(kept: Event, secret: bytes) -> Event:
    """The event with its body in full. Raises `JournalError` where the key does not open it."""
    from cryptography.exceptions import InvalidTag

    left = {name: value for name, value in kept.body.items() if name not in {SEALED, KEY}}
    try:
        box = base64.b64decode(str(kept.body[SEALED]), validate=True)
        hidden = msgspec.json.decode(_cipher(secret).decrypt(box[:NONCE], box[NONCE:], _place(kept)))
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise _unreadable(kept, "its subject's key does not open it") from error
    return replace(kept, body=_joined(left, hidden))


def remains(kept: Event, since: str) -> Event:
    """What is left of an event once its key was erased: the open fields, and marks for the others."""
    left = {name: value for name, value in kept.body.items() if name not in {SEALED, KEY}}
    gone = RULES.get(kept.kind, _UNKNOWN).gone
    return replace(kept, body={**_joined(gone, left), ERASED: since})


def _unreadable(event: Event, why: str) -> JournalError:
    return JournalError(
        f"this event cannot be read: {why}",
        where=f"run {event.run}, event {event.seq}",
        next_move="put journal.sqlite and keys.sqlite of the same backup back; nothing is done until then",
    )


def _cipher(secret: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    # Commitments are made with the same secret; what they are made of never looks like this text.
    return AESGCM(hmac.digest(secret, b"runbook-exec sealing 1", hashlib.sha256))


def _place(event: Event) -> bytes:
    """Where an event belongs: moved anywhere else it does not open."""
    parts = [text.encode() for text in (event.client, event.run, str(event.seq), event.kind)]
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _parted(body: Mapping[str, Json], tree: Tree) -> tuple[dict[str, Json], dict[str, Json]]:
    """(what stays open, what is sealed)."""
    left: dict[str, Json] = {}
    hidden: dict[str, Json] = {}
    for name, value in body.items():
        match tree.get(name):
            case "whole":
                left[name] = value
            case "open" if _is_plain(value):
                left[name] = value
            case [part] if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
                pairs = [_parted(item, part) for item in value]
                left[name], hidden[name] = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            case Mapping() as part if isinstance(value, Mapping):
                left[name], hidden[name] = _parted(value, part)
            case _:
                hidden[name] = value
    return left, hidden


def _is_plain(value: Json) -> bool:
    items = value if isinstance(value, list | tuple) else [value]
    return all(item is None or isinstance(item, str | int | float) for item in items)


def _joined(under: Json, over: Json) -> Any:
    """The two halves of a value as one; where both have something, the second counts."""
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {
            name: _joined(under[name], over[name])
            if name in under and name in over
            else over.get(name, under.get(name))
            for name in {**under, **over}
        }
    if isinstance(under, list) and isinstance(over, list) and len(under) == len(over):
        return [_joined(one, other) for one, other in zip(under, over, strict=True)]
    return over
