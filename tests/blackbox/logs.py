"""Logs of real shape, written by the real store, and exports of them to tamper with."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from runbook_exec.blackbox_verify import Anchor, PinnedKey, Trust, Verdict, verify
from runbook_exec.checkpoint import SIGNED
from runbook_exec.journal import FIRST, Event, Kind, encoded
from runbook_exec.signing import Keys, parse
from runbook_exec.store.sqlite import SqliteStore

BEGAN = datetime.fromisoformat("2026-03-02T07:00:00+00:00")
MADE = {"made": "2026-03-03T00:00:00+00:00", "program": "test"}


@dataclass(kw_only=True)
class Log:
    """One project's journal, written at a clock of its own."""

    folder: Path
    seed: int = 1
    client: str = "c"
    pauses: tuple[float, ...] = (0.01, 0.5, 2, 20)
    """Seconds between events, one of these at a time."""

    def __post_init__(self) -> None:
        self.keys = Keys(self.folder)
        self.store = SqliteStore(self.folder / "journal.sqlite", signers=self.keys.signer)
        self.random = Random(self.seed)
        self.clock = BEGAN
        self.heads: dict[str, Event] = {}
        self.leases: dict[str, Any] = {}

    def at(self) -> str:
        return self.clock.isoformat(timespec="microseconds")

    def write(self, run: str, kind: str, **body: Any) -> Event:
        """One event of a run, which begins with its first."""
        self.clock += timedelta(seconds=self.random.choice(self.pauses))
        last = self.heads.get(run)
        event = Event(
            client=self.client,
            run=run,
            seq=last.seq + 1 if last else 1,
            at=self.at(),
            who="mia",
            kind=kind,
            body=body,
            before=last.hash if last else FIRST,
        )
        if last is None:
            self.leases[run] = self.store.create(event, subject=run, runbook="b", owner="p", until=0)
        else:
            self.store.append(event, self.leases[run], over=kind == Kind.DONE)
        self.heads[run] = self.store.events(run, after=event.seq - 1)[0]
        return self.heads[run]

    def fill(self, runs: int = 6) -> Log:
        """Runs that lie beside each other, with decisions and ends."""
        waiting = [(f"r{number}", iter(_story(self.random, number))) for number in range(runs)]
        while waiting:
            beginning = self.random.randrange(min(3, len(waiting)))
            run, story = waiting[beginning]
            said = next(story, None)
            if said is None:
                del waiting[beginning]
            else:
                self.write(run, said[0], **said[1])
        return self

    def records(self, *, opened: bool = True, **more: Any) -> list[dict[str, Any]]:
        """What an export holds, in memory; what is sealed of decisions in clear, unless it is not wanted."""
        opening = self._opened if opened else lambda run, seq: None
        found = self.store.readout(self.client, opening=opening).records(**{**MADE, **more})
        return [{**record, "body": _text(record["body"])} if "body" in record else record for record in found]

    def _opened(self, run: str, seq: int) -> dict[str, Any] | None:
        body = self.store.events(run, after=seq - 1)[0].body
        return {name: body[name] for name in ("reason", "text", "signature")} if body.get("text") else None

    def sql(self, statement: str) -> None:
        """What somebody does who has the store's file."""
        with closing(sqlite3.connect(self.folder / "journal.sqlite")) as db, db:
            db.execute(statement)

    def copy(self, folder: Path) -> None:
        """A backup of everything in the project's state folder, as it is at this moment."""
        folder.mkdir(exist_ok=True)
        for file in self.folder.glob("*.sqlite"):
            with closing(sqlite3.connect(file)) as db, closing(sqlite3.connect(folder / file.name)) as other:
                db.backup(other)
        (folder / "blackbox.key").write_bytes((self.folder / "blackbox.key").read_bytes())

    @property
    def pin(self) -> PinnedKey:
        return PinnedKey(public=self.keys.public(), log=f"{self.client}/{self.store.ledger.log(self.client)}")

    def trust(self, **more: Any) -> Trust:
        known = {"keys": (self.pin,), "now": self.clock + timedelta(minutes=5)}
        return Trust(**{**known, **more})

    def anchor(self, number: int | None = None, kind: str = "ssh") -> Anchor:
        """A copy of a checkpoint that lies elsewhere."""
        kept = self.store.ledger.newest(self.client)
        if number is not None:
            kept = self.store.ledger.numbered(self.client, number)
        at = datetime.fromisoformat(kept.at)
        return Anchor(checkpoint=kept.number, hash=kept.hash, at=at, kind=kind)

    def close(self) -> None:
        self.store.close()


def _text(body: Any) -> str:
    return body.decode() if isinstance(body, bytes) else body


def _story(random: Random, number: int) -> list[tuple[str, dict[str, Any]]]:
    steps = [
        (Kind.STARTED, {"schema": 1, "runbook": "b", "environment": "test", "subject": f"Müller {number}"})
    ]
    steps += [(Kind.PLANNED, {"digest": "d", "lines": [{"step": "s", "says": "ß" * random.randrange(40)}]})]
    for step in range(random.randrange(1, 6)):
        steps += [(Kind.INTENT, {"step": f"s{step}", "n": step}), (Kind.RESULT, {"step": f"s{step}"})]
    if random.random() < 0.5:
        steps += [(Kind.STOPPED, {"status": "waiting", "why": "a gate"}), (Kind.RESUMED, {})]
    return [*steps, (Kind.DONE, {})]


def judged(records: list[dict[str, Any]], trust: Trust) -> Verdict:
    return verify(records, trust)


def lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


# What a forger can do who knows the format


def rehashed(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An event with other content and a hash that fits it."""
    changed = {**event, **changes}
    digest = hashlib.sha256()
    for name in ("client", "run", "seq", "at", "who", "kind", "body", "before"):
        part = str(changed[name]).encode()
        digest.update(len(part).to_bytes(8, "big") + part)
    return {**changed, "hash": digest.hexdigest()}


def rechained(records: list[dict[str, Any]], run: str) -> list[dict[str, Any]]:
    """All events of a run with numbers and hashes that follow from each other."""
    before, seq, made = FIRST, 0, []
    for record in records:
        if record["type"] != "event" or record["run"] != run:
            made.append(record)
            continue
        seq += 1
        made.append(rehashed(record, seq=seq, before=before))
        before = made[-1]["hash"]
    return made


def resigned(records: list[dict[str, Any]], pem: bytes) -> list[dict[str, Any]]:
    """All checkpoints written anew over the events that are there, by whoever holds the key."""
    key = parse(pem, "here")
    heads: dict[str, tuple[int, str]] = {}
    changed: dict[str, tuple[int, str]] = {}
    before, number, made = FIRST, 0, []
    for record in records:
        if record["type"] == "event":
            heads[record["run"]] = changed[record["run"]] = (record["seq"], record["hash"])
        elif record["type"] == "checkpoint":
            number += 1
            stated = json.loads(record["body"])
            total = sum(seq for seq, _ in heads.values())
            stated |= {
                "checkpoint": number,
                "before": before,
                "heads": changed,
                "events": total,
                "key": key.public,
            }
            body = encoded(stated)
            before, changed = hashlib.sha256(body).hexdigest(), {}
            made.append(
                {**record, "body": body.decode(), "signatures": {key.public: key.sign(SIGNED + body)}}
            )
            continue
        made.append(record)
    counts = {"events": sum(seq for seq, _ in heads.values()), "checkpoints": number}
    return [*made[:-1], {**made[-1], **counts}]
