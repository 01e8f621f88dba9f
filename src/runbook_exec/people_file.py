"""The people file as text → `People`: what contradicts itself is refused, with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from runbook_exec import check, document, duration
from runbook_exec.errors import Invalid, Problems
from runbook_exec.model import LETTERS
from runbook_exec.people import Delegation, People, Person, Terms, folded
from runbook_exec.visible import has_look_alikes, visible

_TEXT = {"type": "string", "minLength": 1}
_ID = re.compile(r"[A-Za-z0-9'._!#^~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_LIST: dict[str, Any] = {"type": "array", "items": _TEXT}
_KEY: dict[str, Any] = {
    "type": "string",
    "pattern": r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9-]+@openssh\.com) [A-Za-z0-9+/]+=*( [^\n]*)?$",
    "description": "an SSH public key: the text of the .pub file",
}
_PERSON: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {**_TEXT, "description": "the name that is shown"},
        "employee_id": {**_TEXT, "description": "the number that HR keeps the person under"},
        "accounts": {**_LIST, "description": "operating-system accounts of this human"},
        "also": {**_LIST, "description": "every other name of this human: admin accounts, addresses, DNs"},
        "keys": {"type": "array", "items": _KEY, "description": "SSH public keys, as in a .pub file"},
        "mail": {**_TEXT, "description": "where mails go, if not to the sign-in name"},
        "language": {
            "type": "string",
            "pattern": "^[a-z]{2}$",
            "description": "what mails are written in: de",
        },
        "manager": {**_TEXT, "description": "who leads the person"},
        "roles": {**_LIST, "description": "what the person is responsible for"},
        "office": {**_TEXT, "description": "a confidential office: works council, data protection …"},
    },
    "additionalProperties": False,
}
_SLOT: dict[str, Any] = {
    "type": "object",
    "properties": {"person": _TEXT, "group": _TEXT, "role": _TEXT},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
_TERMS: dict[str, Any] = {
    "type": "object",
    "required": ["approve"],
    "properties": {
        "within": {
            "type": "string",
            "pattern": duration.PATTERN,
            "description": "for how long at most: 10d; where left out, each step says",
        },
        "approve": {
            "description": "who may allow it: a person, group or role, or a list of them",
            "anyOf": [_SLOT, {"type": "array", "items": _SLOT, "minItems": 1}],
        },
    },
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["people"],
    "properties": {
        "people": {"type": "object", "additionalProperties": _PERSON},
        "groups": {"type": "object", "additionalProperties": {"type": "array", "items": _TEXT}},
        "delegations": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["from", "to", "until"],
                "properties": {
                    "from": _TEXT,
                    "to": _TEXT,
                    "since": {"type": "string", "format": "date", "description": "its first day"},
                    "until": {"type": "string", "format": "date", "description": "its last day"},
                },
                "additionalProperties": False,
            },
        },
        "break_glass": {**_LIST, "description": "who may open a gate alone in an emergency"},
        "alert": {**_LIST, "description": "mail addresses that are told at once about broken glass"},
        "deferrals": {
            "type": "object",
            "description": "the classes in which steps may be put off",
            "properties": dict.fromkeys(LETTERS, _TERMS),
            "additionalProperties": False,
        },
        "services": {**_LIST, "description": "operating-system accounts that are no human's"},
    },
    "additionalProperties": False,
}


def parse(text: str | bytes, *, file: str) -> People:
    """`people.yaml` → `People`; raises `Problems` with every contradiction and its place."""
    doc = document.parse(text, file=file)
    found = list(check.problems(doc.data, SCHEMA, lambda path: str(doc.place(path))))
    if not found:
        found = [*_disguises(doc), *_contradictions(doc)]
    if found:
        raise Problems(found)
    data = doc.data
    humans = {folded(name): _person(folded(name), raw) for name, raw in data["people"].items()}
    bare = People(humans=humans)

    def ids(names: list[str]) -> frozenset[str]:
        return frozenset(p.id for p in map(bare.find, names) if p)

    def one(name: str) -> str:
        person = bare.find(name)
        assert person is not None
        return person.id

    return People(
        humans=humans,
        groups={folded(name): ids(members) for name, members in data.get("groups", {}).items()},
        delegations=tuple(
            Delegation(
                giver=one(raw["from"]),
                to=one(raw["to"]),
                since=date.fromisoformat(raw["since"]) if "since" in raw else date.min,
                until=date.fromisoformat(raw["until"]),
            )
            for raw in data.get("delegations", ())
        ),
        break_glass=ids(data.get("break_glass", [])),
        alert=tuple(data.get("alert", ())),
        services=frozenset(data.get("services", ())),
        deferrals={letter: _terms(raw) for letter, raw in data.get("deferrals", {}).items()},
    )


def _person(name: str, raw: Mapping[str, Any]) -> Person:
    return Person(
        id=name,
        name=raw["name"],
        employee_id=raw.get("employee_id", ""),
        accounts=frozenset(raw.get("accounts", ())),
        also=frozenset(raw.get("also", ())),
        keys=tuple(_key(key) for key in raw.get("keys", ())),
        mail=raw.get("mail", ""),
        language=raw.get("language", ""),
        manager=raw.get("manager", ""),
        roles=frozenset(raw.get("roles", ())),
        office=raw.get("office", ""),
    )


def _terms(raw: Mapping[str, Any]) -> Terms:
    slots = raw["approve"] if isinstance(raw["approve"], list) else [raw["approve"]]
    return Terms(
        approve=tuple(map(dict, slots)),
        within=duration.seconds(raw["within"]) if "within" in raw else None,
    )


def _key(text: str) -> str:
    """Kind and key of a public key, without its comment."""
    return " ".join(text.split()[:2])


def _contradictions(doc: document.Document) -> Iterator[Invalid]:
    """What would make one name two humans, one human two, or a name nobody's."""

    def problem(path: document.Path, what: str, next_move: str) -> Invalid:
        return Invalid(what, where=str(doc.place(path)), next_move=next_move)

    owner: dict[tuple[str, str], str] = {}
    for person, path, kind, value in _claims(doc.data):
        other = owner.setdefault((kind, value), person)
        if other != person:
            what = "this key" if kind == "key" else f"the {kind} {value!r}"
            yield problem(
                path,
                f"{what} is {other}'s already",
                "one entry is one human: put all their accounts into one",
            )
    for account in doc.data.get("services", ()):
        if ("account", account) in owner:
            yield problem(("services",), f"{account!r} is a human's account", "take it out of one of the two")
    folds: dict[str, str] = {}
    for group in doc.data.get("groups", {}):
        if folds.setdefault(folded(group), group) != group:
            yield problem(("groups", group), f"the group {group!r} stands here twice", "keep one of the two")
    known = {name for kind, name in owner if kind == "name"}
    for path, name in _references(doc.data):
        if folded(name) not in known:
            yield problem(path, f"{name!r} is nobody in this file", "add the person, or take the name out")


def _disguises(doc: document.Document) -> Iterator[Invalid]:
    """Names that are not what they look like."""
    for name in doc.data["people"]:
        if not _ID.fullmatch(name):
            what = f"{visible(name)} is no sign-in name in plain Latin letters"
            where = str(doc.place(("people", name)))
            yield Invalid(what, where=where, next_move="write it like thomas.klein@kranich.example")
    for path, text in _texts(doc.data):
        if has_look_alikes(text):
            what = f"{visible(text)} holds characters that are not what they look like"
            yield Invalid(what, where=str(doc.place(path)), next_move="type it again by hand")


def _claims(data: Mapping[str, Any]) -> Iterator[tuple[str, document.Path, str, str]]:
    """(person, place, kind, value): every name, account and key that an entry calls its own."""
    for person, raw in data["people"].items():
        at = ("people", person)
        yield person, at, "name", folded(person)
        if "employee_id" in raw:
            yield person, (*at, "employee_id"), "name", folded(raw["employee_id"])
        for field_, kind, form in (
            ("also", "name", folded),
            ("accounts", "account", str),
            ("keys", "key", _key),
        ):
            for number, value in enumerate(raw.get(field_, ())):
                yield person, (*at, field_, number), kind, form(value)


def _references(data: Mapping[str, Any]) -> Iterator[tuple[document.Path, str]]:
    for person, raw in data["people"].items():
        if "manager" in raw:
            yield ("people", person, "manager"), raw["manager"]
    for group, members in data.get("groups", {}).items():
        yield from ((("groups", group, n), name) for n, name in enumerate(members))
    yield from ((("break_glass", n), name) for n, name in enumerate(data.get("break_glass", ())))
    for letter, raw in data.get("deferrals", {}).items():
        slots = raw["approve"] if isinstance(raw["approve"], list) else [raw["approve"]]
        for slot in slots:
            if "person" in slot:
                yield ("deferrals", letter, "approve"), slot["person"]
    for n, raw in enumerate(data.get("delegations", ())):
        yield from ((("delegations", n, end), raw[end]) for end in ("from", "to"))


def _texts(value: Any, path: document.Path = ()) -> Iterator[tuple[document.Path, str]]:
    """Every text, keys included."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield (*path, key), key
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, number))
