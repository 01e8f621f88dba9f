"""What a forger may do to a log, each at a place that chance chooses, and how it is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from blackbox.logs import Log, rechained, rehashed, resigned

from runbook_exec.signing import made

Records = list[dict[str, Any]]
Attack = Callable[[Random, Records, Log], Records]


def events(records: Records) -> list[int]:
    return [n for n, record in enumerate(records) if record["type"] == "event"]


def checkpoints(records: Records) -> list[int]:
    return [n for n, record in enumerate(records) if record["type"] == "checkpoint"]


def _event(random: Random, records: Records) -> int:
    return random.choice(events(records))


def _other(random: Random, name: str, value: Any) -> Any:
    if name == "seq":
        return value + random.choice([-1, 1, 5])
    if name == "at":
        return value.replace("2026", random.choice(["2025", "2027"]))
    if name in {"before", "hash"}:
        at = random.randrange(len(value))
        return value[:at] + ("1" if value[at] == "0" else "0") + value[at + 1 :]
    return value[:-1] + chr((ord(value[-1]) + 1) % 127) if name != "body" else value.replace("}", ',"x":1}')


def edit(random: Random, records: Records, log: Log) -> Records:
    """One field of one event, and nothing else."""
    at = _event(random, records)
    name = random.choice(["client", "run", "seq", "at", "who", "kind", "body", "before", "hash"])
    changed = {**records[at], name: _other(random, name, records[at][name])}
    return [*records[:at], changed, *records[at + 1 :]]


def edit_with_hash(random: Random, records: Records, log: Log) -> Records:
    """One event, its own hash made to fit."""
    at = _event(random, records)
    return [*records[:at], rehashed(records[at], who="eve"), *records[at + 1 :]]


def edit_with_chain(random: Random, records: Records, log: Log) -> Records:
    """One event, and every hash after it made to fit."""
    at = _event(random, records)
    changed = [*records[:at], {**records[at], "body": '{"n":77}'}, *records[at + 1 :]]
    return rechained(changed, records[at]["run"])


def delete(random: Random, records: Records, log: Log) -> Records:
    at = _event(random, records)
    return [*records[:at], *records[at + 1 :]]


def delete_with_chain(random: Random, records: Records, log: Log) -> Records:
    at = _event(random, records)
    return rechained([*records[:at], *records[at + 1 :]], records[at]["run"])


def delete_a_run(random: Random, records: Records, log: Log) -> Records:
    run = records[_event(random, records)]["run"]
    return [record for record in records if record.get("run") != run]


def insert(random: Random, records: Records, log: Log) -> Records:
    """An invented event into a run, every hash after it made to fit."""
    at = _event(random, records)
    invented = {**records[at], "body": '{"step":"invented"}'}
    return rechained([*records[:at], invented, *records[at:]], records[at]["run"])


def insert_a_run(random: Random, records: Records, log: Log) -> Records:
    """A run that never was, perfect in itself."""
    at = _event(random, records)
    invented = rehashed({**records[at], "run": "r999", "seq": 1, "before": "0" * 64})
    return [*records[:at], invented, *records[at:]]


def reorder(random: Random, records: Records, log: Log) -> Records:
    """Two neighbours of one run change places."""
    run = random.choice([records[n]["run"] for n in events(records) if records[n]["seq"] > 1])
    mine = [n for n in events(records) if records[n]["run"] == run]
    first = random.randrange(len(mine) - 1)
    one, two = mine[first], mine[first + 1]
    changed = list(records)
    changed[one], changed[two] = records[two], records[one]
    return changed


def reorder_with_chain(random: Random, records: Records, log: Log) -> Records:
    changed = reorder(random, records, log)
    moved = next(n for n, record in enumerate(changed) if record is not records[n])
    return rechained(changed, changed[moved]["run"])


def duplicate(random: Random, records: Records, log: Log) -> Records:
    at = random.choice([*events(records), *checkpoints(records)])
    again = random.randrange(at, len(records) - 1) + 1
    return [*records[:again], records[at], *records[again:]]


def swap_segments(random: Random, records: Records, log: Log) -> Records:
    """What lies between checkpoints changes places, with its checkpoint."""
    ends = [0, *checkpoints(records)]
    first = random.randrange(len(ends) - 2)
    a, b, c = ends[first] + 1, ends[first + 1] + 1, ends[first + 2] + 1
    return [*records[:a], *records[b:c], *records[a:b], *records[c:]]


def move_past_checkpoint(random: Random, records: Records, log: Log) -> Records:
    """An event from before a checkpoint to behind it."""
    at = random.choice([n for n in checkpoints(records) if records[n - 1]["type"] == "event"])
    return [*records[: at - 1], records[at], records[at - 1], *records[at + 1 :]]


def remove_a_checkpoint(random: Random, records: Records, log: Log) -> Records:
    at = random.choice(checkpoints(records)[:-1])
    return [*records[:at], *records[at + 1 :]]


def edit_a_checkpoint(random: Random, records: Records, log: Log) -> Records:
    at = random.choice(checkpoints(records))
    stated = json.loads(records[at]["body"])
    name = random.choice(["events", "at", "heads", "before", "anchored", "log", "key"])
    stated[name] = {"heads": {}, "events": stated["events"] + 1, "anchored": 9}.get(name, "2020-01-01")
    return [*records[:at], {**records[at], "body": json.dumps(stated)}, *records[at + 1 :]]


def remove_all_checkpoints(random: Random, records: Records, log: Log) -> Records:
    left = [record for record in records if record["type"] != "checkpoint"]
    return [*left[:-1], {**left[-1], "checkpoints": 0}]


def remove_everything(random: Random, records: Records, log: Log) -> Records:
    return [records[0], {**records[-1], "events": 0, "checkpoints": 0}]


def remove_the_end_from_a_run(random: Random, records: Records, log: Log) -> Records:
    """The newest events of one run, which checkpoints know."""
    run = records[_event(random, records)]["run"]
    mine = [n for n in events(records) if records[n]["run"] == run]
    gone = set(mine[random.randrange(len(mine)) :])
    return [record for n, record in enumerate(records) if n not in gone]


def rewrite_without_key(random: Random, records: Records, log: Log) -> Records:
    """All of it anew, perfect in itself, signed by a key of the forger's own."""
    return resigned(edit_with_chain(random, records, log), made().pem())


def set_back_the_clock(random: Random, records: Records, log: Log) -> Records:
    """An event dated back by whoever holds the key."""
    at = random.choice(events(records)[1:])
    dated = records[at]["at"].replace("T07:", "T05:")
    changed = rechained([*records[:at], {**records[at], "at": dated}, *records[at + 1 :]], records[at]["run"])
    return resigned(changed, (log.folder / "blackbox.key").read_bytes())


def checkpoint_of_another_log(random: Random, records: Records, log: Log) -> Records:
    at = random.choice(checkpoints(records))
    stated = json.loads(records[at]["body"])
    foreign = resigned_one(log, {**stated, "log": "0123456789abcdef"})
    return [*records[:at], foreign, *records[at + 1 :]]


def resigned_one(log: Log, stated: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint signed by this log's key, whatever it states."""
    from runbook_exec.checkpoint import SIGNED
    from runbook_exec.journal import encoded

    body, signer = encoded(stated), log.keys.signer(log.keys.public())
    return {
        "type": "checkpoint",
        "body": body.decode(),
        "signatures": {signer.public: signer.sign(SIGNED + body)},
    }


def another_end(random: Random, records: Records, log: Log) -> Records:
    return [*records[:-1], {**records[-1], "events": records[-1]["events"] + 1}]


def something_after_the_end(random: Random, records: Records, log: Log) -> Records:
    return [*records, records[_event(random, records)]]


def swap_bodies(random: Random, records: Records, log: Log) -> Records:
    """The contents of two events."""
    one, two = random.sample(events(records), 2)
    if records[one]["body"] == records[two]["body"]:
        return edit(random, records, log)
    changed = list(records)
    changed[one] = {**records[one], "body": records[two]["body"]}
    changed[two] = {**records[two], "body": records[one]["body"]}
    return changed


FOUND: dict[Attack, set[str]] = {
    edit: {"edited", "missing", "again", "unreadable event"},
    edit_with_hash: {"unchained", "rewritten"},
    edit_with_chain: {"rewritten"},
    delete: {"missing", "cut off"},
    delete_with_chain: {"cut off", "rewritten", "added"},
    delete_a_run: {"cut off"},
    insert: {"rewritten", "added"},
    insert_a_run: {"added"},
    reorder: {"missing", "cut off"},
    reorder_with_chain: {"rewritten", "clock"},
    duplicate: {"again", "checkpoint again", "end"},
    swap_segments: {"checkpoint missing", "missing", "unchained", "cut off"},
    move_past_checkpoint: {"cut off", "count"},
    remove_a_checkpoint: {"checkpoint missing"},
    edit_a_checkpoint: {
        "signature",
        "unreadable checkpoint",
        "checkpoint unchained",
        "checkpoint of another log",
    },
    remove_all_checkpoints: {"no checkpoint left"},
    remove_everything: {"all gone"},
    remove_the_end_from_a_run: {"cut off"},
    rewrite_without_key: {"wrong key"},
    set_back_the_clock: {"clock", "checkpoint clock"},
    checkpoint_of_another_log: {"checkpoint of another log"},
    another_end: {"end"},
    something_after_the_end: {"after the end"},
    swap_bodies: {"edited", "missing", "again", "unreadable event"},
}
"""Each attack that a public key alone finds, and the names of what may be said."""
