"""`runbook.yaml`: which client and environments there are, and how each far side is reached.

Passwords never stand in it: a secret is a reference (`env:`, `file:`, `credential:`,
`keyring:`) that is looked up when a connection is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook_exec import almanac, check, document, duration
from runbook_exec.change import Json
from runbook_exec.errors import Invalid, Problems
from runbook_exec.references import is_reference, is_secret, looked_up, read, secret_at
from runbook_exec.secret import Secret

FILE = "runbook.yaml"
STATE = ".runbook"
LEASE = "60s"
DEADLINE = "3d"
ANCHOR_AGE = "24h"

_NAME = {"type": "string", "minLength": 1}
_ZONE = {**_NAME, "description": "where days and times of runbooks are: Europe/Berlin; UTC if left out"}
_REMINDERS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "pattern": duration.PATTERN},
    "maxItems": 10,
    "description": "after these times whoever may open a gate is reminded by mail: [1d, 3d]",
}
_ENVIRONMENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["sandbox", "real"], "description": "sandbox: the rehearsal company on loopback"},
        "ask_before_writing": {"type": "boolean"},
        "language": {"enum": ["en", "de"]},
        "timezone": _ZONE,
        "site": {"type": "object", "description": "values that runbooks read as site.…"},
        "connections": {"type": "object", "additionalProperties": {"type": "object"}},
        "people": {**_NAME, "description": "the file that says who is who: inventory/people.yaml"},
        "reminders": _REMINDERS,
        "decisions": {"enum": ["any", "signed"], "description": "signed: unsigned decisions do not count"},
        "protected": {
            "type": "object",
            "description": "far-side names by class that guards keep untouched",
            "additionalProperties": {"type": "array", "items": _NAME},
        },
    },
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["client", "environments"],
    "properties": {
        "client": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "description": "whose estate this is"},
        "language": {"enum": ["en", "de"]},
        "timezone": _ZONE,
        "default": {**_NAME, "description": "the environment that is used if none is named"},
        "site": {"type": "object"},
        "lease": {
            "type": "string",
            "pattern": duration.PATTERN,
            "description": "how long a run stays claimed by a process that does not answer any more; 60s",
        },
        "deadline": {
            "type": "string",
            "pattern": duration.PATTERN,
            "description": "when a step without a deadline of its own should be over; 3d",
        },
        "retention": {
            "type": "string",
            "pattern": duration.PATTERN,
            "description": "so long after a subject's last run it may not be erased: 180d",
        },
        "people": {**_NAME, "description": "the file that says who is who, for every environment"},
        "working_time": {
            "type": "object",
            "description": "when the desk works, for an auditor's figures; Monday to Friday, 8 to 17, in timezone",
            "properties": {
                "days": {
                    "type": "array",
                    "items": {"enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
                },
                "from": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
                "to": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
                "holidays": {"type": "array", "items": {"type": "string", "format": "date"}},
            },
            "additionalProperties": False,
        },
        "decisions": {"enum": ["any", "signed"]},
        "reminders": _REMINDERS,
        "blackbox": {
            "type": "object",
            "properties": {
                "key": {
                    "type": "string",
                    "pattern": "^(env|file|credential|keyring):.",
                    "description": "where the key is that signs checkpoints; else the program makes one",
                },
                "anchor_age": {
                    "type": "string",
                    "pattern": duration.PATTERN,
                    "description": "how old the newest anchor may be before `blackbox verify` calls it stale; 24h",
                },
                "anchors": {
                    "type": "array",
                    "description": "places out of our reach that get copies of checkpoints: docs/anchors.md",
                    "items": {
                        "type": "object",
                        "minProperties": 1,
                        "maxProperties": 1,
                        "properties": {
                            kind: {"type": "object"} for kind in ("ssh", "rfc3161", "s3", "ticket")
                        },
                        "additionalProperties": False,
                    },
                },
                "every": {
                    "type": "string",
                    "pattern": duration.PATTERN,
                    "description": "how often a copy is left while there is something new; 1h",
                },
            },
            "additionalProperties": False,
        },
        "environments": {"type": "object", "additionalProperties": _ENVIRONMENT, "minProperties": 1},
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One set of connections."""

    name: str
    client: str
    folder: Path
    is_sandbox: bool
    ask_before_writing: bool
    language: str
    site: Mapping[str, Json]
    connections: Mapping[str, Mapping[str, Json]]
    protected: Mapping[str, tuple[str, ...]]
    people: str = ""
    """The file that says who is who, below the project folder; empty: nobody is known."""
    timezone: str = "UTC"
    """Where the days and times of runbooks are."""
    reminders: tuple[float, ...] = ()
    """Seconds after which whoever may open a gate is reminded, where its rule does not say."""
    signed: bool = False
    """Unsigned decisions do not count here."""
    is_rehearsal: bool = False
    """The rehearsal company and nothing else: no connection of its own."""

    def connection(self, provider: str, *, write: bool) -> dict[str, Json]:
        """What a provider needs to open a session, references looked up.

        For a session that only reads, the keys under `planning` replace the others, so
        that planning can use an identity which has no right to write.
        """
        if provider not in self.connections:
            raise Invalid(
                f"the environment {self.name!r} has no connection {provider!r}",
                where=str(self.folder / FILE),
                next_move=f"add it under environments.{self.name}.connections; `runbook doctor` checks it",
            )
        found = dict(self.connections[provider])
        planning = found.pop("planning", {})
        merged = found if write else {**found, **planning}
        where = f"connection {provider!r} of environment {self.name!r}"
        added = {"project": str(self.folder), "client": self.client}
        return {**added, **{k: looked_up(k, v, where) for k, v in merged.items()}}


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with runbooks, playbooks, templates, inventory and `runbook.yaml`."""

    folder: Path
    settings: Mapping[str, Any]

    @property
    def state(self) -> Path:
        """Where the journal and the sandbox live."""
        return self.folder / STATE

    @property
    def client(self) -> str:
        return str(self.settings["client"])

    @property
    def language(self) -> str:
        return str(self.settings.get("language", "en"))

    @property
    def lease(self) -> float:
        """Seconds for which a run stays claimed without a sign of life."""
        return duration.seconds(self.settings.get("lease", LEASE))

    @property
    def deadline(self) -> float:
        """Seconds after which a step that has no deadline of its own is overdue."""
        return duration.seconds(self.settings.get("deadline", DEADLINE))

    @property
    def retention(self) -> float:
        """Seconds after the end of a subject's last run in which it may not be erased."""
        return duration.seconds(self.settings.get("retention", 0), where=str(self.folder / FILE))

    @property
    def anchor_age(self) -> float:
        """Seconds for which an anchor is new enough."""
        return duration.seconds(self.settings.get("blackbox", {}).get("anchor_age", ANCHOR_AGE))

    @property
    def blackbox(self) -> Mapping[str, Any]:
        """What `runbook.yaml` says about the black box."""
        found: Mapping[str, Any] = self.settings.get("blackbox", {})
        return found

    def blackbox_key(self) -> Secret | None:
        """The key that signs checkpoints, where `runbook.yaml` names one."""
        reference = self.settings.get("blackbox", {}).get("key")
        return secret_at(reference, "blackbox.key") if reference else None

    def environment(self, name: str | None, connections: Mapping[str, Any] | None = None) -> Environment:
        """The environment of this name (or the default one), with its site values complete.

        `connections` of a running sandbox are laid under what the file says.
        """
        chosen = name or str(self.settings.get("default", next(iter(self.settings["environments"]))))
        known = self.settings["environments"]
        if chosen not in known:
            raise Invalid(
                f"there is no environment {chosen!r}",
                where=str(self.folder / FILE),
                next_move=check.nearest(chosen, sorted(known)),
            )
        body = known[chosen]
        site = {**self.settings.get("site", {}), **body.get("site", {})}
        return Environment(
            name=chosen,
            client=self.client,
            folder=self.folder,
            is_sandbox=body.get("kind") == "sandbox",
            ask_before_writing=body.get("ask_before_writing", body.get("kind") != "sandbox"),
            language=body.get("language", self.language),
            timezone=body.get("timezone", self.settings.get("timezone", "UTC")),
            site=self._with_files(site),
            connections={**(connections or {}), **body.get("connections", {})},
            protected={k: tuple(v) for k, v in body.get("protected", {}).items()},
            people=body.get("people", self.settings.get("people", "")),
            reminders=tuple(map(duration.seconds, body.get("reminders", self.settings.get("reminders", ())))),
            signed=body.get("decisions", self.settings.get("decisions", "any")) == "signed",
            is_rehearsal=body.get("kind") == "sandbox" and not body.get("connections"),
        )

    def _with_files(self, value: Any) -> Any:
        """`{from: inventory/profiles.yaml}` → the content of that file."""
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"from"}:
            name = str(value["from"])
            return document.parse(read_inside(self.folder, name), file=name).data
        return {key: self._with_files(item) for key, item in value.items()}


def read_inside(folder: Path, name: str) -> bytes:
    """A file of the project; one that lies outside of its folder is refused."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Invalid(f"{name!r} leaves the project folder", where=str(folder / FILE))
    return read(path)


def find_project(start: Path) -> Project:
    """The project that `start` is in: the nearest folder upwards that holds `runbook.yaml`."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return _load(folder)
    raise Invalid(
        f"no {FILE} in this folder or above it",
        where=str(start),
        next_move="`runbook init` makes a project here",
    )


def _load(folder: Path) -> Project:
    doc = document.parse(read(folder / FILE), file=FILE)
    found = list(check.problems(doc.data, SCHEMA, lambda path: str(doc.place(path))))
    if not found:
        found = [*_secrets_in_clear(doc), *_unknown_zones(doc)]
    if found:
        raise Problems(found)
    return Project(folder=folder, settings=doc.data)


def _unknown_zones(doc: document.Document) -> Any:
    for path in doc.places:
        if path[-1:] != ("timezone",) or len(path) not in {1, 3}:
            continue
        value: Any = doc.data
        for part in path:
            value = value[part]
        try:
            almanac.zone(value)
        except ValueError as error:
            yield Invalid(
                str(error),
                where=str(doc.place(path)),
                next_move="write a name of the IANA list: Europe/Berlin; or install the machine's tzdata",
            )


def _secrets_in_clear(doc: document.Document) -> Any:
    for path in doc.places:
        value: Any = doc.data
        for part in path:
            value = value[part]
        if path and is_secret(path[-1]) and not (isinstance(value, str) and is_reference(value)):
            yield Invalid(
                f"{path[-1]} stands here in clear",
                where=str(doc.place(path)),
                next_move="write a reference: env:NAME, file:/path, credential:NAME or keyring:service/name",
            )
