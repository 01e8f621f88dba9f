"""YAML text → plain data with the place of every part; refuses what is dangerous before building.

The file is scanned as events first: size, depth, aliases, anchors, tags and duplicate
keys are refused there, since the C loader crashes on deep nesting and aliases can be
bombs. Plain scalars follow YAML 1.2: `NO`, `on` and `1:30` are strings.
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

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)([eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Document:
    """Plain data, and where each part of it stands."""

    data: Any
    places: dict[Path, Place] = field(default_factory=dict)
    plain: dict[Path, str] = field(default_factory=dict)
    """The text of each unquoted scalar that was not read as a string (`012` has none, `12` has)."""

    def place(self, path: Path) -> Place:
        """Where a part stands, or the nearest part around it that stands somewhere."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path]


def parse(text: str | bytes, *, file: str) -> Document:
    """Parse one YAML document; every refusal carries file:line:column."""
    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        raise Invalid(
            f"the file has {len(raw)} bytes, the limit is {MAX_BYTES}",
            where=file,
            next_move="split it: a checklist of that length helps nobody",
        )
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(
            f"byte {error.start} is no UTF-8", where=file, next_move="save the file as UTF-8"
        ) from error
    builder = _Builder(file)
    try:
        for event in yaml.parse(decoded, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise Invalid(
            f"this is no YAML: {said}", where=str(place), next_move="check quotes and indentation"
        ) from error
    except yaml.YAMLError as error:
        raise Invalid(f"this is no YAML: {error}", where=file) from error
    if builder.problems:
        raise Problems(builder.problems)
    return Document(builder.root, builder.places, builder.plain)


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
        if text in {"", "~", "null"}:
            value = None
        elif text in {"true", "false"}:
            value = text == "true"
        elif _INTEGER.fullmatch(text):
            value = int(text)
        elif _FLOAT.fullmatch(text):
            value = float(text)
        if not isinstance(value, str):
            self.plain[path] = text
        return value

    def _refuse(self, place: Place, what: str, next_move: str) -> None:
        self.problems.append(Invalid(what, where=str(place), next_move=next_move))
