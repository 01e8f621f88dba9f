"""The verifier of the black box: checks an export with a public key alone. Trusts nobody who wrote it.

This one file needs Python 3.11 and the package `cryptography`, and nothing else of the program that wrote
the log: `python blackbox_verify.py EXPORT --key PUBLIC_KEY [--anchors FOLDER] [--signers FILE]`. With
`--tsa CERTIFICATE` it needs the file time_stamp.py beside it, too. The format and what a verdict proves are told in docs/blackbox.md. It reads an export once, line by line.

Exit codes: 0 sound, 2 tampered, 3 incomplete, 4 the newest anchor is too old; 64 wrong command line, 66 no such file.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, NoReturn

SOUND, TAMPERED, INCOMPLETE, STALE, USAGE, NO_FILE = 0, 2, 3, 4, 64, 66

VERSION = 1
FIRST = "0" * 64
SIGNED = b"runbook checkpoint, version 1\n"
PERIOD = timedelta(seconds=60)
"""An event this long after the newest checkpoint has one with it."""
SKEW = timedelta(seconds=300)
"""So much earlier than the newest checkpoint an event may be dated: a decision is dated before it is signed."""
CLOSING = frozenset(
    {
        *("gate.decided", "gate.withdrawn", "gate.broken_glass", "gate.reviewed", "gate.alerted"),
        *("run.stopped", "run.done", "run.cancelled", "run.undoing", "run.undone"),
        *("subject.held", "subject.released", "subject.erased"),
    }
)
"""Kinds of events that are never without a checkpoint."""
DECISIONS = frozenset({"gate.decided", "gate.withdrawn", "gate.broken_glass", "gate.reviewed"})
AGE = timedelta(hours=24)

Record = Mapping[str, Any]


# What is trusted


@dataclass(frozen=True, kw_only=True)
class PinnedKey:
    """A public key that the auditor was given, and the log that it is of, where that was said."""

    public: str
    log: str = ""
    """`client/id`; empty: not said."""

    @classmethod
    def parse(cls, text: str) -> PinnedKey:
        """From `runbook-blackbox ed25519 KEY client/log`, or the bare key. Raises `ValueError`."""
        words = text.split()
        if words[:2] == ["runbook-blackbox", "ed25519"]:
            words = words[2:]
        if not 1 <= len(words) <= 2 or len(base64.b64decode(words[0], validate=True)) != 32:
            raise ValueError("this is no public key of a black box")
        return cls(public=words[0], log=words[1] if len(words) > 1 else "")


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """Somebody out of the writer's reach says: checkpoint n had this hash at that time."""

    checkpoint: int
    hash: str
    at: datetime
    kind: str
    source: str = ""
    """Where it was found: a file."""
    token: str = ""
    """A time stamp (RFC 3161) in base64, and the `nonce` of its request in hex."""
    nonce: str = ""
    proven: bool = False
    """The authority's certificate proves the time stamp, so that nothing depends on who kept it."""

    @classmethod
    def parse(cls, found: Any, source: str = "") -> Anchor:
        """From a receipt: `{checkpoint, hash, at, kind, …}`. Raises `ValueError`."""
        try:
            number, digest, kind = found["checkpoint"], found["hash"], found["kind"]
            at = moment(found["at"])
        except (TypeError, KeyError) as error:
            raise ValueError("this is no receipt of an anchor") from error
        if type(number) is not int or number < 1 or not isinstance(digest, str) or not isinstance(kind, str):
            raise ValueError("this is no receipt of an anchor")
        token, nonce = (str(found.get(name) or "") for name in ("token", "nonce"))
        digest = digest.lower()
        return cls(checkpoint=number, hash=digest, at=at, kind=kind, source=source, token=token, nonce=nonce)

    def stamped(self, authority: bytes) -> Anchor:
        """With the time that its stamp proves under one of the authority's certificates (PEM). Raises `ValueError`."""
        reader = _time_stamps()
        token, imprint = base64.b64decode(self.token, validate=True), bytes.fromhex(self.hash)
        nonce = int(self.nonce, 16) if self.nonce else None
        at = reader.check(token, imprint, reader.certificates(authority), nonce)
        return replace(self, at=at, proven=True)


def _time_stamps() -> Any:
    """The reader of time stamps: the file `time_stamp.py` beside this one."""
    from importlib import util

    spec = util.spec_from_file_location("blackbox_time_stamp", Path(__file__).with_name("time_stamp.py"))
    if spec is None or spec.loader is None or not Path(str(spec.origin)).is_file():
        raise ValueError("time_stamp.py is not beside this file")
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their names
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, kw_only=True)
class Trust:
    """What the verifier is told by somebody other than the writer of the log."""

    keys: tuple[PinnedKey, ...] = ()
    anchors: tuple[Anchor, ...] | None = None
    """Those that were fetched from where they lie; None: nobody looked, and the log's own receipts have to do."""
    signers: Mapping[str, frozenset[str]] | None = None
    """Person → SSH public keys (`kind key`); None: not told."""
    anchor_age: timedelta | None = None
    """Older than this the newest anchor is stale. None: 24 hours if there are anchors at all."""
    authority: bytes = b""
    """Certificates (PEM) of the authority whose time stamps count; empty: none is checked, and none counts."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


# What is found


@dataclass(frozen=True, kw_only=True)
class Said:
    """A sentence by its name, and what it is about."""

    code: str
    about: Mapping[str, Any] = field(default_factory=dict)

    def words(self, language: str) -> str:
        english, german = SENTENCES[self.code]
        return (german if language == "de" else english).format(**self.about)


class Tampered(Exception):
    """The log is not as it was written."""

    def __init__(self, code: str, **about: Any) -> None:
        super().__init__(code)
        self.said = Said(code=code, about=about)


@dataclass(kw_only=True)
class Verdict:
    """What can be said about the log."""

    exit: int = SOUND
    finding: Said | None = None
    notes: list[Said] = field(default_factory=list)
    events: int = 0
    checkpoints: int = 0
    safe: int = 0
    """The newest checkpoint up to which everything holds; 0: none."""
    safe_at: str = ""
    anchored: int = 0
    """The newest checkpoint that an anchor agrees with; 0: none."""
    uncovered: int = 0
    """Events after the newest checkpoint."""

    def note(self, code: str, exit_: int = SOUND, **about: Any) -> None:
        self.notes.append(Said(code=code, about=about))
        if exit_ and self.exit != INCOMPLETE:
            self.exit = exit_

    def lines(self, language: str) -> list[str]:
        """The verdict for people."""

        def say(code: str, **about: Any) -> str:
            return Said(code=code, about=about).words(language)

        told = [say(f"exit {self.exit}", events=self.events, checkpoints=self.checkpoints)]
        if self.finding:
            told.append(self.finding.words(language))
            told.append(say("safe", n=self.safe, at=self.safe_at) if self.safe else say("safe none"))
        return [*told, *(note.words(language) for note in self.notes)]

    def as_json(self) -> dict[str, Any]:
        """The verdict for programs."""

        def said(one: Said) -> dict[str, Any]:
            return {"code": one.code, **one.about, "says": one.words("en")}

        return {
            "exit": self.exit,
            "verdict": {SOUND: "sound", TAMPERED: "tampered", INCOMPLETE: "incomplete", STALE: "stale"}[
                self.exit
            ],
            "finding": said(self.finding) if self.finding else None,
            "notes": [said(note) for note in self.notes],
            "events": self.events,
            "checkpoints": self.checkpoints,
            "safe_checkpoint": self.safe,
            "safe_at": self.safe_at,
            "anchored_checkpoint": self.anchored,
            "uncovered_events": self.uncovered,
        }


def verify(
    records: Iterable[Record], trust: Trust, watch: Callable[[int], None] = lambda events: None
) -> Verdict:
    """Check a log, record by record, in constant memory for each event; `watch` is told how many were read."""
    walk = _Walk(trust, watch)
    try:
        for record in records:
            walk.take(record)
        walk.close()
    except Tampered as error:
        walk.verdict.exit, walk.verdict.finding = TAMPERED, error.said
        walk.verdict.notes.clear()
    return walk.verdict


# The chain


_PARTS = itemgetter("client", "run", "seq", "at", "who", "kind", "before", "body")


@dataclass(slots=True)
class _Head:
    seq: int
    hash: str
    at: datetime
    demands: bool = False
    """Decisions of this run have to be signed."""
    environment: Any = ""


class _Walk:
    """What is known so far."""

    def __init__(self, trust: Trust, watch: Callable[[int], None]) -> None:
        self.trust, self.watch = trust, watch
        self.verdict = Verdict()
        self.client = self.log = ""
        self.omitted = 0
        self.begun = self.ended = False
        self.heads: dict[str, _Head] = {}
        self.fresh: dict[str, int] = {}
        """Runs with events since the newest checkpoint → the first of these."""
        self.latest: datetime | None = None
        """Of the events since then."""
        self.closing = ""
        self.before, self.number, self.at_text = FIRST, 0, ""
        self.at: datetime | None = None
        """Of the newest checkpoint."""
        self.key, self.vouched = "", False
        self.claims = 0
        """The highest checkpoint that the log itself says was anchored."""
        self.receipts: list[Anchor] = []
        self.unproven = 0
        """Time stamps that nobody checked."""
        self.given: dict[int, list[Anchor]] = {}
        for anchor in trust.anchors or ():
            self.given.setdefault(anchor.checkpoint, []).append(anchor)
        self.agreed: list[Anchor] = []
        self.signatures = _Signatures(trust.signers)

    def take(self, record: Record) -> None:
        if "torn" in record:
            self.verdict.note("torn", INCOMPLETE, line=record["torn"])
            return
        if self.ended:
            raise Tampered("after the end")
        kind = record.get("type")
        if not self.begun:
            self._header(record, kind)
        elif kind == "event":
            self._event(record)
        elif kind == "checkpoint":
            self._checkpoint(record)
        elif kind == "anchor":
            self._receipt(record)
        elif kind == "end":
            self._end(record)
        else:
            raise Tampered("unknown", kind=kind)

    def _header(self, record: Record, kind: Any) -> None:
        if kind != "runbook-blackbox":
            raise Tampered("no header")
        if record.get("version") != VERSION:
            self.verdict.note("newer", INCOMPLETE, version=record.get("version"))
        self.client, self.log = str(record.get("client")), str(record.get("log"))
        self.omitted = record.get("events_from_checkpoint", 0)
        if type(self.omitted) is not int:
            raise Tampered("no header")
        known = {pin.log for pin in self.trust.keys if pin.log}
        if known and f"{self.client}/{self.log}" not in known:
            raise Tampered("another log", found=f"{self.client}/{self.log}", wanted=" ".join(sorted(known)))
        self.begun = True

    def _event(self, e: Record) -> None:
        client, run, seq, at, kind, before, digest, body = _event_parts(e)
        when, head = moment(at), self.heads.get(run)
        if head is None:
            head = _Head(0, FIRST, when)
        if seq != head.seq + 1:
            code = "missing" if seq > head.seq else "again"
            raise Tampered(code, run=run, seq=seq, wanted=head.seq + 1, to=seq - 1)
        if digest != e["hash"]:
            raise Tampered("edited", run=run, seq=seq, at=at)
        if before != head.hash:
            raise Tampered("unchained", run=run, seq=seq, at=at)
        if client != self.client:
            raise Tampered("another client", run=run, seq=seq, client=client)
        if when < head.at or (self.at is not None and self.at - when > SKEW):
            raise Tampered("clock", run=run, seq=seq, at=at)
        if kind == "run.started":
            self._started(head, body)
        elif kind in DECISIONS:
            self.signatures.check(e, body, head)
        head.seq, head.hash, head.at = seq, digest, when
        self._note(run, head, kind)

    def _note(self, run: str, head: _Head, kind: str) -> None:
        """Keep what the next checkpoint has to name."""
        self.heads[run] = head
        self.fresh.setdefault(run, head.seq)
        if self.latest is None or head.at > self.latest:
            self.latest = head.at
        if kind in CLOSING:
            self.closing = f"{run}, {head.seq}"
        self.verdict.events += 1
        if not self.verdict.events % 10_000:
            self.watch(self.verdict.events)

    @staticmethod
    def _started(head: _Head, body: bytes) -> None:
        try:
            begun = json.loads(body)
            head.demands, head.environment = begun.get("decisions") == "signed", begun.get("environment", "")
        except (ValueError, AttributeError, RecursionError):
            return  # of another shape than ours; the chain holds all the same

    # Checkpoints

    def _checkpoint(self, record: Record) -> None:
        stated, text = self._read(record)
        number, key, at = stated["checkpoint"], stated["key"], moment(stated["at"])
        where = {"n": self.number + 1, "found": number}
        if (stated["client"], stated["log"]) != (self.client, self.log):
            raise Tampered("checkpoint of another log", log=f"{stated['client']}/{stated['log']}", **where)
        if number != self.number + 1:
            raise Tampered("checkpoint missing" if number > self.number else "checkpoint again", **where)
        if stated["before"] != self.before:
            raise Tampered("checkpoint unchained", **where)
        self._signed(record["signatures"], stated, text, key)
        if self.at is not None and at < self.at:
            raise Tampered("checkpoint clock", at=stated["at"], **where)
        self._covers(stated, at)
        digest = hashlib.sha256(text).hexdigest()
        self._agree(number, digest)
        self.before, self.number, self.at, self.at_text, self.key = digest, number, at, stated["at"], key
        self.claims = max(self.claims, stated["anchored"])
        self.fresh.clear()
        self.latest, self.closing = None, ""
        self.verdict.checkpoints, self.verdict.safe, self.verdict.safe_at = number, number, stated["at"]

    def _read(self, record: Record) -> tuple[dict[str, Any], bytes]:
        """What a checkpoint states, every part of the type that it should be."""
        body = record.get("body")
        try:
            text = body if type(body) is bytes else body.encode()  # type: ignore[union-attr]
            stated = unique(text.decode())
            fits = (
                isinstance(record["signatures"], dict)
                and all(type(stated[name]) is int for name in ("version", "checkpoint", "events", "anchored"))
                and all(type(stated[name]) is str for name in ("client", "log", "at", "before", "key"))
                and all(type(seq) is int and type(digest) is str for seq, digest in stated["heads"].values())
            )
            moment(stated["at"])
        except (KeyError, AttributeError, ValueError, TypeError, RecursionError):
            fits = False
        if not fits or stated["version"] != 1:
            raise Tampered("unreadable checkpoint", n=self.number + 1)
        return stated, text

    def _signed(
        self, signatures: Mapping[str, Any], stated: Mapping[str, Any], text: bytes, key: str
    ) -> None:
        number = stated["checkpoint"]
        if not is_signed(SIGNED + text, signatures.get(key), key):
            raise Tampered("signature", n=number)
        if self.key and key != self.key:
            self._rotated(signatures, stated, text)
        if any(pin.public == key for pin in self.trust.keys):
            self.vouched = True

    def _rotated(self, signatures: Mapping[str, Any], stated: Mapping[str, Any], text: bytes) -> None:
        """Another key signs from here on: with the old one's word, or somebody has to vouch for it."""
        number, rotation = stated["checkpoint"], stated.get("rotation")
        if not isinstance(rotation, dict) or rotation.get("from") != self.key:
            raise Tampered("another key", n=number)
        if is_signed(SIGNED + text, signatures.get(self.key), self.key):
            self.verdict.note("rotated", n=number, at=stated["at"])
            return
        if not rotation.get("lost"):
            raise Tampered("another key", n=number)
        self.verdict.note("rotated alone", n=number, at=stated["at"], reason=rotation["lost"])
        # What follows is worth only what somebody else says about the new key.
        self.vouched = False
        if not any(pin.public == stated["key"] for pin in self.trust.keys) and self.trust.keys:
            raise Tampered("key alone", n=number, reason=rotation["lost"])

    def _covers(self, stated: Mapping[str, Any], at: datetime) -> None:
        """The heads that it names are those that changed, and all of them."""
        number, heads = stated["checkpoint"], stated["heads"]
        if number <= self.omitted:
            self._believe(heads)
        for run, (seq, digest) in heads.items():
            head = self.heads.get(run)
            have = head.seq if head else 0
            if have < seq:
                raise Tampered("cut off", run=run, seq=have + 1, to=seq, n=number)
            if have > seq:
                raise Tampered("added", run=run, seq=seq + 1, n=number)
            if head is None or head.hash != digest:
                raise Tampered("rewritten", run=run, seq=self.fresh.get(run, seq), n=number)
        for run, seq in self.fresh.items():
            if run not in heads:
                raise Tampered("added", run=run, seq=seq, n=number)
        if stated["events"] != self.verdict.events:
            raise Tampered("count", n=number, wanted=stated["events"], found=self.verdict.events)
        if self.latest is not None and self.latest > at:
            raise Tampered("checkpoint clock", at=stated["at"], n=number, found=number)

    def _believe(self, heads: Mapping[str, Any]) -> None:
        """The events behind these heads are not here; what is signed stands for them."""
        for run, seq in self.fresh.items():
            raise Tampered("added", run=run, seq=seq, n=self.number + 1)
        for run, (seq, digest) in heads.items():
            known = self.heads.setdefault(run, _Head(0, FIRST, datetime.min.replace(tzinfo=UTC)))
            self.verdict.events += seq - known.seq
            known.seq, known.hash = seq, digest

    # Anchors

    def _agree(self, number: int, digest: str) -> None:
        for anchor in self.given.pop(number, ()):
            if anchor.hash != digest:
                self._refuted(anchor)
            self._weigh(anchor, own=False)

    def _receipt(self, record: Record) -> None:
        """A receipt that the log itself keeps of the checkpoint before it."""
        try:
            body = record.get("body")
            anchor = Anchor.parse(unique(body if type(body) is str else bytes(body).decode()))  # type: ignore[arg-type]
        except (ValueError, TypeError, RecursionError) as error:
            raise Tampered("unreadable receipt", n=self.number) from error
        if anchor.checkpoint != self.number or anchor.hash != self.before:
            self._refuted(anchor)
        self._weigh(anchor, own=True)

    def _weigh(self, anchor: Anchor, *, own: bool) -> None:
        """Count an anchor as somebody else's word, or as no more than the log's own."""
        if anchor.token and self.trust.authority:
            try:
                anchor = anchor.stamped(self.trust.authority)
            except ValueError as error:
                about = {"n": anchor.checkpoint, "why": str(error), "source": anchor.source or "-"}
                raise Tampered("time stamp", **about) from error
        stamp = anchor.kind == "rfc3161"
        self.unproven += stamp and not anchor.proven
        if anchor.proven or not (own or stamp):
            self.agreed.append(anchor)
            self.verdict.anchored = anchor.checkpoint
        else:
            self.receipts.append(anchor)

    def _refuted(self, anchor: Anchor) -> NoReturn:
        safe = self.agreed[-1] if self.agreed else None
        self.verdict.safe = safe.checkpoint if safe else 0
        self.verdict.safe_at = safe.at.isoformat() if safe else ""
        raise Tampered(
            "anchor",
            n=anchor.checkpoint,
            at=anchor.at.isoformat(),
            kind=anchor.kind,
            source=anchor.source or "-",
        )

    # The end

    def _end(self, record: Record) -> None:
        self.ended = True
        wanted = (record.get("events"), record.get("checkpoints"))
        if wanted != (self.verdict.events, self.verdict.checkpoints):
            raise Tampered("end", events=wanted[0], checkpoints=wanted[1])

    def close(self) -> None:
        """What is to be said once everything was read."""
        told = self.verdict
        if not self.ended and not any(note.code == "torn" for note in told.notes):
            told.note("no end", INCOMPLETE)
        if self.ended:
            self._nothing_cut_off()
        if self.omitted:
            told.note("part", INCOMPLETE, n=self.omitted)
        self._vouched_for()
        told.uncovered = sum(self.heads[run].seq - first + 1 for run, first in self.fresh.items())
        if told.uncovered and self.number:
            told.note("uncovered", count=told.uncovered, n=self.number, at=self.at_text)
        if self.number:
            told.note("window", n=self.number, at=self.at_text)
        told.notes += self.signatures.notes()
        if self.unproven:
            told.note("time stamps unproven", count=self.unproven)
        if self.number:
            self._anchors_new_enough()

    def _nothing_cut_off(self) -> None:
        for number in sorted(self.given):
            if number > self.number:
                self._cut(self.given[number][0])
        if not self.number:
            if self.trust.keys and any(pin.log for pin in self.trust.keys):
                raise Tampered("all gone" if not self.verdict.events else "no checkpoint left")
            self.verdict.note("nothing" if not self.verdict.events else "no checkpoint", INCOMPLETE)
            return
        if self.closing:
            raise Tampered("uncovered closing", where=self.closing, n=self.number + 1)
        if self.latest is not None and self.at is not None and self.latest - self.at >= PERIOD:
            raise Tampered("uncovered long", at=self.latest.isoformat(), n=self.number + 1)

    def _cut(self, anchor: Anchor) -> NoReturn:
        raise Tampered(
            "rolled back", n=anchor.checkpoint, at=anchor.at.isoformat(), kind=anchor.kind, last=self.number
        )

    def _vouched_for(self) -> None:
        if not self.number:
            return
        if not self.trust.keys:
            self.verdict.note("no key", INCOMPLETE, key=self.key)
        elif not self.vouched:
            self.verdict.safe, self.verdict.safe_at = 0, ""
            raise Tampered("wrong key", key=self.key)

    def _anchors_new_enough(self) -> None:
        told, trust = self.verdict, self.trust
        looked = trust.anchors is not None
        known = self.agreed or (() if looked else self.receipts)
        newest = max(known, key=lambda one: (one.checkpoint, one.at), default=None)
        highest = max((one.checkpoint for one in (*self.agreed, *self.receipts)), default=0)
        if self.claims > highest:
            told.note("anchor missing", INCOMPLETE, n=self.claims, have=highest)
        if newest is None and not looked and not self.claims and trust.anchor_age is None:
            told.note("no anchor")
            return
        if newest is None:
            told.note("stale none", STALE)
            return
        if not self.agreed:
            told.note("own receipts", n=newest.checkpoint)
            told.anchored = newest.checkpoint
        covered = newest.checkpoint == self.number and not told.uncovered
        if not covered and trust.now - newest.at > (trust.anchor_age or AGE):
            told.note("stale", STALE, n=newest.checkpoint, at=newest.at.isoformat(), kind=newest.kind)
        else:
            told.note("anchored", n=newest.checkpoint, at=newest.at.isoformat(), kind=newest.kind)


def _event_parts(e: Record) -> tuple[str, str, int, str, str, str, str, bytes]:
    """Client, run, number, time, kind, hash before, hash as it is, body. Raises `Tampered` where it is no event."""
    try:
        client, run, seq, at, who, kind, before, body = _PARTS(e)
        parts = (client.encode(), run.encode(), str(seq).encode(), at.encode(), who.encode(), kind.encode())
        body = body if type(body) is bytes else body.encode()
        digest = chained((*parts, body, before.encode()))
        moment(at)
        if type(seq) is not int or type(e["hash"]) is not str:
            raise TypeError("no number")  # noqa: TRY301 - the same to the reader
    except (KeyError, AttributeError, ValueError, TypeError) as error:
        raise Tampered("unreadable event", run=e.get("run"), seq=e.get("seq")) from error
    return client, run, seq, at, kind, before, digest, body


def chained(parts: Iterable[bytes]) -> str:
    """SHA-256 over the parts, each with its length before it in eight bytes."""
    return hashlib.sha256(b"".join([len(part).to_bytes(8, "big") + part for part in parts])).hexdigest()


def moment(at: Any) -> datetime:
    """A time as it is stored; one without a zone is UTC. Raises `ValueError` or `TypeError`."""
    found = datetime.fromisoformat(at)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def is_signed(text: bytes, signature: Any, key: str) -> bool:
    """Whether the holder of an Ed25519 key (base64) signed the text."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        public.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def unique(text: str) -> Any:
    """JSON without a name that comes twice, which two readers would read in two ways."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            raise ValueError("a name comes twice")
        return made

    return json.loads(text, object_pairs_hook=pairs)


# Signatures of people


NAMESPACE = "runbook-decision@runbook-exec"
FIELDS = (
    *("client", "environment", "run", "gate", "plan", "shown", "verdict", "about", "person"),
    *("delegated_for", "reason", "at", "after"),
)
"""What a decision signs, in order."""


class _Signatures:
    """Decisions signed with SSH keys, checked anew, and how many could not be."""

    def __init__(self, signers: Mapping[str, frozenset[str]] | None) -> None:
        self.signers = signers
        self.checked = self.sealed = self.unknown = self.unsigned = self.rehearsed = 0

    def check(self, e: Record, body: bytes, head: _Head) -> None:
        """Raises `Tampered` for a decision that is not what its signer signed, or lacks a signature."""
        where = {"run": e["run"], "seq": e["seq"], "at": e["at"]}
        try:
            said = {**unique(body.decode()), **(e.get("opened") or {})}
            person, way, bound = said["person"], said["way"], (said["at"], said["after"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Tampered("unreadable event", **where) from error
        if bound != (e["at"], e["before"]):
            raise Tampered("moved decision", person=person, **where)
        if way == "rehearsal":
            self.rehearsed += 1
        elif way == "unsigned":
            if head.demands:
                raise Tampered("unsigned", person=person, **where)
            self.unsigned += 1
        elif not isinstance(said.get("text"), str) or not isinstance(said.get("signature"), str):
            self.sealed += 1
        else:
            self._signed(said, e, head, where)

    def _signed(self, said: Mapping[str, Any], e: Record, head: _Head, where: Mapping[str, Any]) -> None:
        known = {
            "client": e["client"],
            "environment": head.environment,
            "run": e["run"],
            "plan": said.get("digest"),
        }
        lines = [f"{name}: {_ascii({**said, **known}.get(name))}" for name in FIELDS]
        if said["text"] != "\n".join(["runbook decision, version 1", *lines, ""]):
            raise Tampered("signed otherwise", person=said["person"], **where)
        key = ssh_signer(said["text"].encode(), said["signature"])
        if not key or said["way"] != f"ssh {fingerprint(key)}":
            raise Tampered("false signature", person=said["person"], **where)
        allowed = None if self.signers is None else self.signers.get(said["person"])
        if allowed is None:
            self.unknown += 1
        elif key in allowed:
            self.checked += 1
        else:
            raise Tampered("not theirs", person=said["person"], **where)

    def notes(self) -> Iterator[Said]:
        counts = {
            name: getattr(self, name) for name in ("checked", "unknown", "sealed", "unsigned", "rehearsed")
        }
        for name, count in counts.items():
            if count:
                yield Said(code=f"decisions {name}", about={"count": count})


def _ascii(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).encode("ascii", "backslashreplace").decode()


def fingerprint(key: str) -> str:
    """`SHA256:…` of an SSH public key, as ssh-keygen prints it."""
    raw = base64.b64decode(key.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


class _Bytes:
    """Takes SSH's strings and numbers off a blob (RFC 4251 §5). Raises `ValueError` where it is too short."""

    def __init__(self, blob: bytes) -> None:
        self.left = blob

    def take(self, count: int) -> bytes:
        if len(self.left) < count:
            raise ValueError("too short")
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def string(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))


def _string(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def ssh_signer(text: bytes, armoured: str) -> str:
    """The public key (`kind key`) that made an SSH signature of the text for our purpose; empty: none did.

    The format is OpenSSH's PROTOCOL.sshsig; the keys are Ed25519, ECDSA, RSA and both kinds on a token.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        lines = armoured.strip().split("\n")
        if (lines[0], lines[-1]) != ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"):
            return ""
        blob = _Bytes(base64.b64decode("".join(lines[1:-1]), validate=True))
        if blob.take(6) != b"SSHSIG" or blob.take(4) != b"\0\0\0\1":
            return ""
        public, namespace, reserved, by, signature = (blob.string() for _ in range(5))
        if namespace != NAMESPACE.encode() or by not in {b"sha256", b"sha512"}:
            return ""
        digest = hashlib.new(by.decode(), text).digest()
        message = b"SSHSIG" + b"".join(map(_string, (namespace, reserved, by, digest)))
        kind = _Bytes(public).string()
        _check_ssh(kind, public, _Bytes(signature), message)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, binascii.Error):
        return ""
    return f"{kind.decode()} {base64.b64encode(public).decode()}"


def _check_ssh(kind: bytes, public: bytes, signature: _Bytes, message: bytes) -> None:
    """Raises where the key did not sign the message."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

    form, made = signature.string(), signature.string()
    if kind.startswith(b"sk-"):  # a token signs what it is asked to, with its own counter (PROTOCOL.u2f)
        counted, parts = signature.take(5), _Bytes(public)
        parts.string()
        curve = parts.string() if kind.startswith(b"sk-ecdsa") else b""
        point, application = parts.string(), parts.string()
        message = hashlib.sha256(application).digest() + counted + hashlib.sha256(message).digest()
        kind = b"ecdsa-sha2-nistp256" if curve else b"ssh-ed25519"
        public = b"".join(map(_string, (kind, curve, point) if curve else (kind, point)))
        form = form.removeprefix(b"sk-").removesuffix(b"@openssh.com")
    key = serialization.load_ssh_public_key(kind + b" " + base64.b64encode(public))
    match key:
        case ed25519.Ed25519PublicKey():
            key.verify(made, message)
        case ec.EllipticCurvePublicKey():
            pair = _Bytes(made)
            r, s = (int.from_bytes(pair.string(), "big", signed=True) for _ in range(2))
            by = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.curve.key_size]
            key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(by))
        case rsa.RSAPublicKey() if form in {b"rsa-sha2-256", b"rsa-sha2-512"}:
            by = hashes.SHA256() if form == b"rsa-sha2-256" else hashes.SHA512()
            key.verify(made, message, padding.PKCS1v15(), by)
        case _:
            raise ValueError("a kind of key that nobody should sign with")


# Files


def read_export(path: Path) -> Iterator[Record]:
    """The records of an export, one a line. A last line that was cut off is said to be `torn`."""
    with path.open("rb") as file:
        line, number = file.readline(), 0
        if not line:
            yield {"torn": 1}
        while line:
            number += 1
            following = file.readline()
            try:
                record = unique(line.decode())
                if not isinstance(record, dict):
                    raise ValueError("no object")  # noqa: TRY004, TRY301 - the same to the reader
            except (ValueError, RecursionError) as error:
                if following:
                    raise Tampered("unreadable line", line=number) from error
                yield {"torn": number}
                return
            yield record
            line = following


def read_anchors(folder: Path) -> list[Anchor]:
    """Every anchor in the JSON files of a folder, one or a list a file. Raises `ValueError` with the file."""
    found = []
    for file in sorted(folder.rglob("*.json")):
        try:
            content = unique(file.read_text(encoding="utf-8"))
            listed = content if isinstance(content, list) else [content]
            found += [Anchor.parse(one, str(file)) for one in listed]
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file}: this is no receipt of an anchor") from error
    return found


def read_signers(path: Path) -> dict[str, frozenset[str]]:
    """Person → keys, from a file as ssh-keygen's ALLOWED SIGNERS: `person[,person] [options] kind key`."""
    found: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        at = next(
            (n for n, word in enumerate(words) if n and word.startswith(("ssh-", "ecdsa-", "sk-"))), None
        )
        if at is None or at + 1 >= len(words):
            raise ValueError(f"{path}: {line[:60]!r} names no key")
        for person in words[0].split(","):
            found.setdefault(person, set()).add(" ".join(words[at : at + 2]))
    return {person: frozenset(keys) for person, keys in found.items()}


class _Arguments(argparse.ArgumentParser):
    """Says what is wrong with a command line without the code that means tampered."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: error: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """The command of this file alone."""
    parser = _Arguments(
        description="Check an export of the black box.", epilog="exit: " + __doc__.split("Exit codes: ")[1]
    )
    parser.add_argument("export", type=Path)
    parser.add_argument(
        "--key", action="append", default=[], help="the public key that you were given, or its file"
    )
    parser.add_argument("--anchors", type=Path, help="a folder of receipts (JSON) that you fetched yourself")
    parser.add_argument(
        "--anchor-age", type=float, metavar="HOURS", help="the newest anchor may be so old; 24"
    )
    parser.add_argument(
        "--signers", type=Path, help="who signs decisions with which SSH keys (allowed signers)"
    )
    parser.add_argument(
        "--tsa",
        type=Path,
        help="certificate (PEM) of the time stamping authority; needs time_stamp.py beside this",
    )
    parser.add_argument("--json", action="store_true", help="the verdict for programs")
    parser.add_argument("--lang", choices=["en", "de"], default="en")
    given = parser.parse_args(arguments)
    try:
        trust = Trust(
            keys=tuple(map(key_given, given.key)),
            anchors=tuple(read_anchors(given.anchors)) if given.anchors else None,
            signers=read_signers(given.signers) if given.signers else None,
            anchor_age=timedelta(hours=given.anchor_age) if given.anchor_age is not None else None,
            authority=given.tsa.read_bytes() if given.tsa else b"",
        )
        found = verify(read_export(given.export), trust)
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return NO_FILE
    except ValueError as error:
        parser.error(str(error))
    told = (
        json.dumps(found.as_json(), ensure_ascii=False, indent=2)
        if given.json
        else "\n".join(found.lines(given.lang))
    )
    sys.stdout.write(told + "\n")
    return found.exit


def key_given(text: str) -> PinnedKey:
    """A public key from what stands after `--key`: the key itself, or the name of its file. Raises `ValueError`."""
    try:
        return PinnedKey.parse(text)
    except ValueError:
        if len(text) > 1000 or not Path(text).is_file():
            raise ValueError(
                f"{text[:80]!r} is neither a public key of a black box nor a file with one"
            ) from None
    return PinnedKey.parse(Path(text).read_text(encoding="utf-8"))


SENTENCES: Mapping[str, tuple[str, str]] = {
    "exit 0": (
        "SOUND: all is as it was written (events: {events}, checkpoints: {checkpoints}).",
        "UNVERSEHRT: Alles ist so, wie es geschrieben wurde (Ereignisse: {events}, Prüfpunkte: {checkpoints}).",
    ),
    "exit 2": ("TAMPERED", "VERÄNDERT"),
    "exit 3": (
        "INCOMPLETE: what is here is as it was written, but something is missing (events: {events}, checkpoints: {checkpoints}).",
        "UNVOLLSTÄNDIG: Was da ist, ist wie geschrieben, aber etwas fehlt (Ereignisse: {events}, Prüfpunkte: {checkpoints}).",
    ),
    "exit 4": (
        "ANCHOR STALE: all holds together, but nobody outside vouches for the newest part (events: {events}, checkpoints: {checkpoints}).",
        "ANKER VERALTET: Alles passt zusammen, aber für das Neueste bürgt niemand außerhalb (Ereignisse: {events}, Prüfpunkte: {checkpoints}).",
    ),
    "safe": (
        "Everything up to checkpoint {n} of {at} is as it was written; what happened after that time is in question.",
        "Alles bis zum Prüfpunkt {n} vom {at} ist wie geschrieben; in Frage steht, was danach geschah.",
    ),
    "safe none": ("Nothing in it can be relied on.", "Auf nichts darin ist Verlass."),
    # what was tampered with
    "no header": ("The first line does not say what this is.", "Die erste Zeile sagt nicht, was das ist."),
    "another log": (
        "This is the log {found}; the key that you gave is for {wanted}.",
        "Das ist das Protokoll {found}; der angegebene Schlüssel gehört zu {wanted}.",
    ),
    "after the end": ("Something follows after the end.", "Nach dem Ende folgt noch etwas."),
    "unknown": (
        "A record of the unknown kind {kind!r} stands among the others.",
        "Zwischen den anderen steht ein Eintrag der unbekannten Art {kind!r}.",
    ),
    "unreadable line": ("Line {line} cannot be read.", "Zeile {line} ist nicht lesbar."),
    "unreadable event": (
        "Run {run}, event {seq} cannot be read.",
        "Lauf {run}, Ereignis {seq} ist nicht lesbar.",
    ),
    "missing": (
        "Run {run}: events {wanted} to {to} are missing.",
        "Lauf {run}: Die Ereignisse {wanted} bis {to} fehlen.",
    ),
    "again": (
        "Run {run}, event {seq} comes again or out of its order; event {wanted} was to come.",
        "Lauf {run}, Ereignis {seq} kommt noch einmal oder am falschen Platz; dran war Ereignis {wanted}.",
    ),
    "edited": (
        "Run {run}, event {seq} of {at} was changed after it was written.",
        "Lauf {run}, Ereignis {seq} vom {at} wurde nachträglich geändert.",
    ),
    "unchained": (
        "Run {run}, event {seq} of {at} does not follow from the event before it: one of the two was exchanged.",
        "Lauf {run}, Ereignis {seq} vom {at} folgt nicht aus dem davor: Eines der beiden wurde ausgetauscht.",
    ),
    "another client": (
        "Run {run}, event {seq} belongs to another client ({client}).",
        "Lauf {run}, Ereignis {seq} gehört einem anderen Mandanten ({client}).",
    ),
    "clock": (
        "Run {run}, event {seq} is dated {at}, before what was recorded already: a clock was set back.",
        "Lauf {run}, Ereignis {seq} ist auf {at} datiert, vor schon Aufgezeichnetem: Eine Uhr wurde zurückgestellt.",
    ),
    "checkpoint missing": (
        "Checkpoint {n} is missing; checkpoint {found} follows.",
        "Prüfpunkt {n} fehlt; es folgt Prüfpunkt {found}.",
    ),
    "checkpoint again": (
        "Checkpoint {found} comes again or out of its order; checkpoint {n} was to come: the log was forked or put together.",
        "Prüfpunkt {found} kommt noch einmal oder am falschen Platz; dran war Prüfpunkt {n}: Das Protokoll hat zwei Fassungen oder wurde zusammengesetzt.",
    ),
    "checkpoint unchained": (
        "Checkpoint {n} does not follow from the one before it: one of the two was exchanged.",
        "Prüfpunkt {n} folgt nicht aus dem davor: Einer der beiden wurde ausgetauscht.",
    ),
    "checkpoint of another log": (
        "Checkpoint {n} belongs to another log ({log}).",
        "Prüfpunkt {n} gehört zu einem anderen Protokoll ({log}).",
    ),
    "checkpoint clock": (
        "Checkpoint {n} is dated {at}, before what it covers: a clock was set back.",
        "Prüfpunkt {n} ist auf {at} datiert, vor dem, was er deckt: Eine Uhr wurde zurückgestellt.",
    ),
    "unreadable checkpoint": ("Checkpoint {n} cannot be read.", "Prüfpunkt {n} ist nicht lesbar."),
    "unreadable receipt": (
        "A receipt of an anchor after checkpoint {n} cannot be read.",
        "Ein Ankerbeleg nach Prüfpunkt {n} ist nicht lesbar.",
    ),
    "signature": ("The signature of checkpoint {n} is false.", "Die Signatur von Prüfpunkt {n} ist falsch."),
    "another key": (
        "Checkpoint {n} is signed by another key, without the word of the one before.",
        "Prüfpunkt {n} ist mit einem anderen Schlüssel signiert, ohne das Wort des vorigen.",
    ),
    "key alone": (
        "From checkpoint {n} on another key signs, without the old key's word ({reason}). If you were given the new key, name it, too.",
        "Ab Prüfpunkt {n} signiert ein anderer Schlüssel, ohne das Wort des alten ({reason}). Wurde Ihnen der neue übergeben, nennen Sie ihn mit.",
    ),
    "wrong key": (
        "It is signed by a key that you did not name: {key}",
        "Signiert ist es mit einem Schlüssel, den Sie nicht genannt haben: {key}",
    ),
    "cut off": (
        "Run {run}: events {seq} to {to} were cut off; checkpoint {n} knows them.",
        "Lauf {run}: Die Ereignisse {seq} bis {to} wurden abgeschnitten; Prüfpunkt {n} kennt sie.",
    ),
    "added": (
        "Run {run}, event {seq} was put in; checkpoint {n} does not know it.",
        "Lauf {run}, Ereignis {seq} wurde eingefügt; Prüfpunkt {n} kennt es nicht.",
    ),
    "rewritten": (
        "Run {run} was written anew, from event {seq} on or before it; checkpoint {n} knows another version.",
        "Lauf {run} wurde neu geschrieben, ab Ereignis {seq} oder früher; Prüfpunkt {n} kennt eine andere Fassung.",
    ),
    "count": (
        "Checkpoint {n} counts {wanted} events, here are {found}.",
        "Prüfpunkt {n} zählt {wanted} Ereignisse, hier sind {found}.",
    ),
    "end": (
        "The end speaks of {events} events and {checkpoints} checkpoints, which are not here.",
        "Das Ende spricht von {events} Ereignissen und {checkpoints} Prüfpunkten, die nicht hier sind.",
    ),
    "anchor": (
        "Checkpoint {n} is not the one that was anchored on {at} ({kind}, {source}): the log was rewritten with its own key, or is another one.",
        "Prüfpunkt {n} ist nicht der, der am {at} verankert wurde ({kind}, {source}): Das Protokoll wurde mit seinem eigenen Schlüssel neu geschrieben, oder es ist ein anderes.",
    ),
    "time stamp": (
        "The time stamp of checkpoint {n} proves nothing ({source}): {why}.",
        "Der Zeitstempel von Prüfpunkt {n} beweist nichts ({source}): {why}.",
    ),
    "rolled back": (
        "Checkpoint {n} was anchored on {at} ({kind}), but the log ends with checkpoint {last}: it was cut off, or put back from a backup.",
        "Prüfpunkt {n} wurde am {at} verankert ({kind}), das Protokoll endet aber mit Prüfpunkt {last}: Es wurde abgeschnitten oder aus einer Sicherung zurückgeholt.",
    ),
    "all gone": (
        "There is nothing in it, and there was something: a key was handed out for it.",
        "Es ist leer, und das war es nicht: Ein Schlüssel dafür wurde ausgehändigt.",
    ),
    "no checkpoint left": (
        "There are events and no checkpoint: all of them were removed.",
        "Es gibt Ereignisse und keinen Prüfpunkt: Alle wurden entfernt.",
    ),
    "uncovered closing": (
        "Checkpoint {n} is missing: event {where} is of a kind that is written with one.",
        "Prüfpunkt {n} fehlt: Ein Ereignis wie {where} wird nur mit einem geschrieben.",
    ),
    "uncovered long": (
        "Checkpoint {n} is missing: events up to {at} have been without one for too long.",
        "Prüfpunkt {n} fehlt: Ereignisse bis {at} sind schon zu lange ohne.",
    ),
    "moved decision": (
        "Run {run}, event {seq}: the decision of {person} was made for another place in the log.",
        "Lauf {run}, Ereignis {seq}: Die Entscheidung von {person} wurde für eine andere Stelle gegeben.",
    ),
    "unsigned": (
        "Run {run}, event {seq} of {at}: the decision of {person} is not signed, and this run demands it.",
        "Lauf {run}, Ereignis {seq} vom {at}: Die Entscheidung von {person} ist nicht signiert, obwohl dieser Lauf es verlangt.",
    ),
    "signed otherwise": (
        "Run {run}, event {seq}: what {person} signed is not what is recorded.",
        "Lauf {run}, Ereignis {seq}: {person} hat etwas anderes signiert, als aufgezeichnet ist.",
    ),
    "false signature": (
        "Run {run}, event {seq}: the signature under the decision of {person} is false.",
        "Lauf {run}, Ereignis {seq}: Die Signatur unter der Entscheidung von {person} ist falsch.",
    ),
    "not theirs": (
        "Run {run}, event {seq}: the decision of {person} is signed with a key that is not theirs.",
        "Lauf {run}, Ereignis {seq}: Die Entscheidung von {person} ist mit einem fremden Schlüssel signiert.",
    ),
    # what is to be known
    "torn": (
        "Line {line} breaks off: a crash, or a copy that was not finished. Nothing before it was altered.",
        "Zeile {line} bricht ab: ein Absturz oder eine unfertige Kopie. Davor wurde nichts verändert.",
    ),
    "no end": (
        "The export breaks off: a crash, or a copy that was not finished. What is missing, nobody can tell from it.",
        "Der Export bricht ab: ein Absturz oder eine unfertige Kopie. Was fehlt, ist ihm nicht anzusehen.",
    ),
    "newer": (
        "The format {version} is newer than this verifier.",
        "Das Format {version} ist neuer als dieser Prüfer.",
    ),
    "part": (
        "It is a part: of the events up to checkpoint {n} only the signed statements are here.",
        "Es ist ein Teil: Von den Ereignissen bis Prüfpunkt {n} sind nur die signierten Aussagen da.",
    ),
    "nothing": ("Nothing is recorded in it.", "Es ist nichts aufgezeichnet."),
    "no checkpoint": (
        "No checkpoint covers its events: they hang together, but nobody vouches for them.",
        "Kein Prüfpunkt deckt die Ereignisse: Sie hängen zusammen, aber niemand bürgt für sie.",
    ),
    "no key": (
        "No public key was named, so anybody could have signed it. It is signed by {key}",
        "Es wurde kein öffentlicher Schlüssel genannt, also kann jeder es signiert haben. Signiert ist es mit {key}",
    ),
    "rotated": (
        "At checkpoint {n} ({at}) the key was changed, signed by the old and the new one.",
        "Mit Prüfpunkt {n} ({at}) wurde der Schlüssel gewechselt, signiert vom alten und vom neuen.",
    ),
    "rotated alone": (
        "At checkpoint {n} ({at}) the key was replaced WITHOUT the old key's word. Reason given: {reason}",
        "Mit Prüfpunkt {n} ({at}) wurde der Schlüssel OHNE das Wort des alten ersetzt. Genannter Grund: {reason}",
    ),
    "uncovered": (
        "{count} events after checkpoint {n} ({at}) are covered by none yet: that they are all, or unaltered, nobody can tell.",
        "{count} Ereignisse nach Prüfpunkt {n} ({at}) deckt noch keiner: Ob das alle sind und unverändert, kann niemand sagen.",
    ),
    "window": (
        "It reaches to checkpoint {n} of {at}. If the end was cut off behind it, only a later anchor shows it.",
        "Es reicht bis Prüfpunkt {n} vom {at}. Wurde dahinter das Ende abgeschnitten, zeigt das nur ein späterer Anker.",
    ),
    "time stamps unproven": (
        "Time stamps that were not checked and do not count: {count}. Give the authority's certificate: --tsa FILE.",
        "Nicht geprüfte Zeitstempel, die nicht zählen: {count}. Das Zertifikat der Stelle angeben: --tsa DATEI.",
    ),
    "anchored": (
        "Anchored up to checkpoint {n} ({kind}, {at}); what follows could be rewritten by whoever holds the key.",
        "Verankert bis Prüfpunkt {n} ({kind}, {at}); was danach kommt, könnte neu schreiben, wer den Schlüssel hat.",
    ),
    "no anchor": (
        "No anchor: whoever holds the key could have rewritten all of it.",
        "Kein Anker: Wer den Schlüssel hat, könnte alles neu geschrieben haben.",
    ),
    "stale": (
        "The newest anchor is of {at} (checkpoint {n}, {kind}): older than allowed.",
        "Der neueste Anker ist vom {at} (Prüfpunkt {n}, {kind}): älter als erlaubt.",
    ),
    "stale none": ("There is no anchor at all.", "Es gibt gar keinen Anker."),
    "anchor missing": (
        "The log states that checkpoint {n} was anchored; here are receipts up to {have} only: they were lost or removed.",
        "Das Protokoll sagt, dass Prüfpunkt {n} verankert wurde; Belege gibt es nur bis {have}: Sie gingen verloren oder wurden entfernt.",
    ),
    "own receipts": (
        "The receipts up to checkpoint {n} come with the log itself; fetch them from where they were left to be sure.",
        "Die Belege bis Prüfpunkt {n} kommen aus dem Protokoll selbst; sicher sind erst die vom Ort, wo sie liegen.",
    ),
    "decisions checked": (
        "{count} decisions are signed by the SSH keys of the people named.",
        "{count} Entscheidungen sind mit den SSH-Schlüsseln der Genannten signiert.",
    ),
    "decisions unknown": (
        "{count} decisions are signed, and nobody said whose keys these are (--signers).",
        "{count} Entscheidungen sind signiert, aber wessen Schlüssel das sind, hat niemand gesagt (--signers).",
    ),
    "decisions sealed": (
        "The signatures under {count} decisions are sealed with personal data: an export --with-decisions opens them.",
        "Die Signaturen unter {count} Entscheidungen sind mit Personendaten versiegelt: Ein Export mit --with-decisions öffnet sie.",
    ),
    "decisions unsigned": (
        "{count} decisions are not signed, and did not have to be.",
        "{count} Entscheidungen sind nicht signiert und mussten es nicht sein.",
    ),
    "decisions rehearsed": ("{count} decisions are rehearsals.", "{count} Entscheidungen sind geprobt."),
}
"""What a verdict says, in English and German."""


if __name__ == "__main__":
    sys.exit(main())
