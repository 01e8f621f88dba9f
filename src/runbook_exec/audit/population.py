"""What HR (or a request list) says happened: the population that the journal is held against. Pure.

A source is anything that gives `Happening`s: a CSV file now, the store of a webhook as well.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from runbook_exec import check, document
from runbook_exec.errors import Invalid, Problems
from runbook_exec.journal import folded
from runbook_exec.model import Duty

MOST = 200_000
"""Lines of a population file; more is a slip of the pen."""


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that should have led to a run."""

    id: str
    """Unique within its source."""
    duty: Duty
    person: str
    """As written; compared as the journal compares subjects."""
    day: date
    """The first working day, the last one, the day of the request."""
    name: str = ""
    place: str = ""
    """Where it stands: `hr.csv:17`."""

    @property
    def about(self) -> str:
        return folded(self.person)


class Source(Protocol):
    """Where a population comes from."""

    @property
    def name(self) -> str:
        """How a reader calls it."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says, so that a sample can be drawn again."""

    def happenings(self) -> tuple[Happening, ...]:
        """Everything that it knows, the period left aside."""


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "delimiter": {"type": "string", "minLength": 1, "maxLength": 1, "description": "one character"},
        "date": {"type": "string", "description": "how days are written: %d.%m.%Y"},
        "columns": {
            "type": "object",
            "description": "our name of a column → the heading in the file",
            "properties": {
                name: {"type": "string", "minLength": 1} for name in ("id", "event", "person", "date", "name")
            },
            "additionalProperties": False,
        },
        "events": {
            "type": "object",
            "description": "what the file calls an event → joiner, leaver, access or ignore",
            "additionalProperties": {"enum": [*(duty.value for duty in Duty), "ignore"]},
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """How a file is read: its headings, its words for events, its way to write days."""

    delimiter: str = ","
    date: str = "%Y-%m-%d"
    columns: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)

    def heading(self, name: str) -> str:
        return self.columns.get(name, name)

    def duty(self, written: str) -> Duty | None:
        """The control that an event belongs to, or None where it is to be ignored; KeyError for others."""
        found = self.events[written] if self.events else written
        if found == "ignore":
            return None
        try:
            return Duty(found)
        except ValueError:
            raise KeyError(written) from None


def mapping(text: str | bytes, *, file: str) -> Mapped:
    """A mapping from YAML, checked."""
    doc = document.parse(text, file=file)
    found = list(check.problems(doc.data, SCHEMA, lambda path: str(doc.place(path))))
    if found:
        raise Problems(found)
    return Mapped(**doc.data)


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """A population from a CSV file with one heading line, in UTF-8."""

    text: bytes
    file: str
    mapped: Mapped = Mapped()

    @property
    def name(self) -> str:
        return self.file

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text).hexdigest()

    def happenings(self) -> tuple[Happening, ...]:
        """Every line that is an event; a line that cannot be read is an error, never left out."""
        rows = csv.DictReader(io.StringIO(self._decoded(), newline=""), delimiter=self.mapped.delimiter)
        self._check_headings(rows.fieldnames or ())
        found: list[Happening] = []
        problems: list[Invalid] = []
        seen: dict[str, str] = {}
        for row in rows:
            place = f"{self.file}:{rows.line_num}"
            try:
                one = self._happening(row, place)
            except Invalid as error:
                problems.append(error)
                continue
            if one is None:
                continue
            if one.id in seen:
                what = f"the id {one.id!r} stands in {seen[one.id]} already"
                problems.append(Invalid(what, where=place, next_move="give each event an id of its own"))
            seen[one.id] = place
            found.append(one)
            if len(found) > MOST:
                raise Invalid(f"more than {MOST} events", where=self.file, next_move="name a shorter period")
        if problems:
            raise Problems(problems)
        return tuple(found)

    def _decoded(self) -> str:
        try:
            return self.text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Invalid("is no UTF-8", where=self.file, next_move="export it as CSV in UTF-8") from error

    def _check_headings(self, there: Any) -> None:
        missing = [
            self.mapped.heading(n) for n in ("event", "person", "date") if self.mapped.heading(n) not in there
        ]
        if missing:
            raise Invalid(
                f"has no column {', '.join(map(repr, missing))}, but {', '.join(map(repr, there)) or 'nothing'}",
                where=self.file,
                next_move="say what its columns are called: --mapping FILE, with columns: and delimiter:",
            )

    def _happening(self, row: Mapping[str, str | None], place: str) -> Happening | None:
        def cell(name: str) -> str:
            return (row.get(self.mapped.heading(name)) or "").strip()

        try:
            duty = self.mapped.duty(cell("event"))
        except KeyError:
            raise Invalid(
                f"{cell('event')!r} is no event that is known",
                where=place,
                next_move="name it in the mapping under events:, if only as ignore",
            ) from None
        if duty is None:
            return None
        if not cell("person"):
            raise Invalid("nobody is named", where=place, next_move="give the person's id")
        try:
            day = datetime.strptime(cell("date"), self.mapped.date).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            raise Invalid(
                f"{cell('date')!r} is no day as in {self.mapped.date}",
                where=place,
                next_move="correct it, or say how days are written: date: in the mapping",
            ) from None
        person = cell("person")
        known = cell("id") or f"{duty.value}/{person}/{day.isoformat()}"
        return Happening(id=known, duty=duty, person=person, day=day, name=cell("name"), place=place)


@dataclass(frozen=True, kw_only=True)
class NoSource:
    """No population was given: only what the journal knows."""

    name: str = ""
    digest: str = hashlib.sha256(b"").hexdigest()

    def happenings(self) -> tuple[Happening, ...]:
        return ()
