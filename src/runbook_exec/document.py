"""YAML text → plain data with the place of every part; refuses what is dangerous before building.

The file is scanned as events first: size, depth, aliases, anchors, tags and duplicate
keys are refused there, since the C loader crashes on deep nesting and aliases can be
bombs. Plain scalars follow YAML 1.2, but `012` and `0x1f` stay text: `NO`, `on` and `1:30`
are strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from runbook_exec.errors import Invalid, Problems
from runbook_exec.model import Place

MAX_BYTES = 256 * 1024
MAX_DEPTH = 50

Path = tuple[str | int, ...]

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of what stands around them: a reviewer would read another text."""

_NOTHING = {"", "~", "null", "Null", "NULL"}
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)([eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Document:
    """Plain data, and where each part of it stands."""

    data: Any
    places: dict[Path, Place] = field(default_factory=dict)
    plain: dict[Path, str] = field(default_factory=dict)
    """The text of each unquoted number or truth value: `12`, `true`."""

    def place(self, path: Path) -> Place:
        """Where a part stands, or the nearest part around it that stands somewhere."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path]


def parse(text: str | bytes, *, file: str) -> Document:
    """Parse one YAML document; everything that is refused carries file:line:column, all at once."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        raise Invalid(
            f"the file has more than {MAX_BYTES} bytes",
            where=f"{file}:1:1",
            next_move="split it: a checklist of that length helps nobody",
        )
    builder = _Builder(file)
    try:
        for event in yaml.parse(_decoded(raw, file), Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        builder.problems.append(_no_yaml(error, raw, file))
    except Invalid as error:
        builder.problems.append(error)
    if len(builder.problems) == 1:
        raise builder.problems[0]
    if builder.problems:
        raise Problems(builder.problems)
    return Document(builder.root, builder.places, builder.plain)


def _decoded(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        place = Place(file, before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        raise Invalid(
            f"byte 0x{raw[error.start]:02x} is no UTF-8", where=str(place), next_move="save the file as UTF-8"
        ) from error


def _no_yaml(error: yaml.YAMLError, raw: bytes, file: str) -> Invalid:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        lines = raw.decode().split("\n")
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        if place.line > len(lines):  # the parser takes the end for a line of its own
            place = Place(file, len(lines), len(lines[-1]) + 1)
        said = ", ".join(part for part in (error.context, error.problem) if part)
        line = lines[place.line - 1]
        tab = "\t" in line[: len(line) - len(line.lstrip())]
        return Invalid(
            f"this is no YAML: {said}",
            where=str(place),
            next_move="indent with spaces, not tabs" if tab else "check quotes and indentation",
        )
    if isinstance(error, yaml.reader.ReaderError):
        before = raw.decode()[: error.position]
        place = Place(file, before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1)
        return Invalid(
            f"the character U+{ord(chr(error.character)):04X} is not allowed",
            where=str(place),
            next_move="remove it, or write it as an escape in double quotes",
        )
    return Invalid(f"this is no YAML: {error}", where=f"{file}:1:1", next_move="check quotes and indentation")


class _Builder:
    """Builds data from events, with an explicit stack instead of recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Any = None
        self.places: dict[Path, Place] = {(): Place(file, 1, 1)}
        self.plain: dict[Path, str] = {}
        self.problems: list[Invalid] = []
        self._stack: list[tuple[dict[Any, Any] | list[Any], Path]] = []
        self._key: list[str | None] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        mark = event.start_mark
        place = Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1, 1)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse(place, "a second document begins here", "keep one document in a file")
        elif isinstance(event, yaml.AliasEvent):
            raise Invalid(
                "aliases (*name) are not allowed", where=str(place), next_move="write the value out"
            )
        elif isinstance(event, yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if event.anchor:
                self._refuse(
                    place,
                    f"anchors (&{event.anchor}) are not allowed",
                    "write the value out where it is used",
                )
            if isinstance(event, yaml.ScalarEvent) and (hidden := _TURNING & set(event.value)):
                self._refuse(
                    place,
                    f"holds the invisible character U+{ord(min(hidden)):04X}, which turns the text around it",
                    "type the text again by hand",
                )
            if event.tag:
                self._refuse(place, f"tags ({event.tag}) are not allowed", "drop the tag")
            self._node(event, place)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._stack.pop()
            self._key.pop()

    def _node(self, event: yaml.NodeEvent, place: Place) -> None:
        if self._stack and isinstance(self._stack[-1][0], dict) and self._key[-1] is None:
            self._take_key(event, place)
            return
        path = self._path()
        self.places.setdefault(path, place)
        if isinstance(event, yaml.ScalarEvent):
            self._put(self._scalar(event, path))
            return
        if len(self._stack) >= MAX_DEPTH:
            raise Invalid(
                f"nested deeper than {MAX_DEPTH} levels", where=str(place), next_move="flatten the structure"
            )
        container: dict[Any, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(container)
        self._stack.append((container, path))
        self._key.append(None)

    def _take_key(self, event: yaml.NodeEvent, place: Place) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            raise Invalid(
                "a key must be a plain word", where=str(place), next_move="quote it if it holds { or ["
            )
        container, path = self._stack[-1]
        if event.value == "<<":
            self._refuse(place, "merging (<<) is not allowed", "write the keys out")
        if event.value in container:
            self._refuse(place, f"the key {event.value!r} stands here twice", "keep one of the two")
        self._key[-1] = event.value
        self.places[(*path, event.value)] = place

    def _path(self) -> Path:
        if not self._stack:
            return ()
        container, path = self._stack[-1]
        key = self._key[-1]
        return (*path, len(container) if key is None else key)

    def _put(self, value: Any) -> None:
        if not self._stack:
            self.root = value
            return
        container, _ = self._stack[-1]
        if isinstance(container, list):
            container.append(value)
        else:
            container[self._key[-1]] = value
            self._key[-1] = None

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        text = event.value
        if event.style is not None and event.style != "":
            return text
        value: Any = text
        if text in _NOTHING:
            return None
        if text in _TRUTH:
            value = _TRUTH[text]
        elif _INTEGER.fullmatch(text):
            value = int(text)
        elif _FLOAT.fullmatch(text):
            value = float(text)
        if not isinstance(value, str):
            self.plain[path] = text
        return value

    def _refuse(self, place: Place, what: str, next_move: str) -> None:
        self.problems.append(Invalid(what, where=str(place), next_move=next_move))
