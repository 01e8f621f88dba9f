"""The `inputs:` of a runbook as one schema without references, and what is wrong with it.

Everything after this sees one plain schema: whoever asks whether an input is secret, what
its type is or which parts it has need not follow references.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from runbook_exec import check, document
from runbook_exec.document import Document
from runbook_exec.errors import Invalid, Problems
from runbook_exec.model import Path

Fetch = Callable[[str], str | bytes]
"""Reads a file beside the runbook by its relative path."""

MOST_PARTS = 5_000

_MAPS = {"properties", "patternProperties", "dependentSchemas"}
_LISTS = {"allOf", "anyOf", "oneOf", "prefixItems"}
_SINGLE = {
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
    "unevaluatedProperties", "unevaluatedItems",
}  # fmt: skip
_NOTES = {"title", "description", "default", "examples", "deprecated", "$comment", "secret"}
_OTHERS = {
    "type", "enum", "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minContains",
    "maxContains", "minProperties", "maxProperties", "required", "dependentRequired", "readOnly", "writeOnly",
    "contentEncoding", "contentMediaType",
}  # fmt: skip
_DROPPED = {"$schema", "$id", "$defs", "$comment"}
_KNOWN = sorted({*_MAPS, *_LISTS, *_SINGLE, *_NOTES, *_OTHERS, *_DROPPED, "$ref"})

RESERVED = frozenset(
    "site run self and or not in is if else true false none True False None loop caller varargs kwargs".split()  # noqa: SIM905
)
"""Names that an expression cannot read, or that mean something else there."""


class InputSchema:
    """Reads the schema at `inputs:` of a document; what is wrong goes to `problems`."""

    def __init__(self, doc: Document, file: str, fetch: Fetch) -> None:
        self.problems: list[Invalid] = []
        self.raw: dict[str, Any] = {}
        """The content of each file that was named, by its path beside the runbook."""
        self._docs: dict[str, Document] = {"": doc}
        self._root: dict[str, Path] = {"": ("inputs",)}
        self._file, self._fetch = file, fetch
        self._parts = 0

    def read(self, raw: Any) -> dict[str, Any]:
        """The schema with every reference replaced by what it names."""
        found = self._schema(raw, "", ("inputs",), (), plain=True)
        schema = found if isinstance(found, dict) else {"type": "object"}
        if not self.problems:
            self._check_whole(schema)
        properties = schema.get("properties", {})
        for name in properties if isinstance(properties, Mapping) else ():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in RESERVED:
                self._problem(
                    "",
                    ("inputs", "properties", name),
                    f"no expression can read an input named {name!r}",
                    "use letters, digits and _, and no word that expressions use",
                )
        if schema.get("properties") and "additionalProperties" not in schema:
            schema["additionalProperties"] = False  # a slip in -i must not pass unseen
        return schema

    def _check_whole(self, schema: dict[str, Any]) -> None:
        import jsonschema_rs

        try:
            jsonschema_rs.Draft202012Validator(schema, offline=True)
        except jsonschema_rs.ValidationError as error:
            path = tuple(error.instance_path)
            self._problem("", ("inputs", *path), f"this is no JSON Schema: {error.message}", "correct it")
        except (ValueError, TypeError) as error:
            said = str(error).partition("\n")[0]
            self._problem("", ("inputs",), f"this is no JSON Schema: {said}", "correct it")
        if schema.get("type", "object") != "object":
            self._problem(
                "", ("inputs", "type"), "inputs have names, so their type is object", "type: object"
            )

    # One schema

    def _schema(self, raw: Any, file: str, path: Path, trail: tuple[str, ...], *, plain: bool) -> Any:
        """`plain`: an input can be found here by its path, so that a secret would be wrapped."""
        self._parts += 1
        if isinstance(raw, bool) or self._parts > MOST_PARTS:
            if self._parts == MOST_PARTS + 1:
                self._problem(
                    "", ("inputs",), f"the inputs have more than {MOST_PARTS} parts", "simplify them"
                )
            return True if self._parts > MOST_PARTS else raw
        if not isinstance(raw, dict):
            self._problem(file, path, "a schema is a mapping here", "write type: … and what else counts")
            return True
        self._keywords(raw, file, path)
        self._secret(raw, file, path, plain=plain)
        own = {
            key: self._part(key, value, file, (*path, key), trail, plain=plain)
            for key, value in raw.items()
            if key not in _DROPPED and key != "$ref"
        }
        if "$ref" not in raw:
            return own
        return self._joined(self._target(raw["$ref"], file, path, trail, plain=plain), own, file, path)

    def _part(
        self, key: str, value: Any, file: str, path: Path, trail: tuple[str, ...], *, plain: bool
    ) -> Any:
        if key in _MAPS and isinstance(value, dict):
            inside = plain and key == "properties"
            return {n: self._schema(v, file, (*path, n), trail, plain=inside) for n, v in value.items()}
        if key in _LISTS and isinstance(value, list):
            return [self._schema(v, file, (*path, n), trail, plain=False) for n, v in enumerate(value)]
        if key in _SINGLE:
            return self._schema(value, file, path, trail, plain=plain and key == "items")
        return value

    def _keywords(self, raw: Mapping[str, Any], file: str, path: Path) -> None:
        for key in raw:
            if key not in _KNOWN and not key.startswith("x-"):
                self._problem(
                    file, (*path, key), f"{key!r} is no keyword of a schema", check.nearest(key, _KNOWN)
                )

    def _secret(self, raw: Mapping[str, Any], file: str, path: Path, *, plain: bool) -> None:
        secret = raw.get("secret", False)
        if not isinstance(secret, bool):
            self._problem(file, (*path, "secret"), "secret is true or false", "secret: true")
        if secret is not True:
            return
        if raw.get("type") != "string" and "$ref" not in raw:
            self._problem(file, (*path, "secret"), "a secret is a text", "add type: string")
        if not plain:
            self._problem(
                file,
                (*path, "secret"),
                "a secret stands where it would not be found",
                "put it under properties",
            )
        for key in ("default", "enum", "const", "examples"):
            if key in raw:
                self._problem(
                    file, (*path, key), f"a secret is not written down as its {key}", f"remove {key}:"
                )

    # References

    def _target(self, ref: Any, file: str, path: Path, trail: tuple[str, ...], *, plain: bool) -> Any:
        if not isinstance(ref, str):
            self._problem(file, (*path, "$ref"), "$ref is the path of a file, or #/…", "correct it")
            return {}
        name, _, fragment = ref.partition("#")
        target = self._file_name(name, file) if name else file
        key = f"{target}#{fragment}"
        if target is None or key in trail or (not name and fragment == ""):
            self._problem(
                file,
                (*path, "$ref"),
                f"$ref {ref!r} leaves the folder" if target is None else f"$ref {ref!r} leads to itself",
                "put the schema beside the runbook" if target is None else "write the part out",
            )
            return {}
        if target and not self._loaded(target, file, path):
            return {}
        at = (*self._root[target], *_pointer(fragment))
        found = _at(self._docs[target].data, at)
        if found is None:
            self._problem(file, (*path, "$ref"), f"$ref {ref!r} leads nowhere", "correct the path")
            return {}
        return self._schema(found, target, at, (*trail, key), plain=plain)

    @staticmethod
    def _file_name(name: str, file: str) -> str | None:
        whole = posixpath.normpath(posixpath.join(posixpath.dirname(file), name))
        outside = (
            "://" in name or "\\" in name or PurePosixPath(whole).is_absolute() or whole.startswith("..")
        )
        return None if outside else whole

    def _loaded(self, name: str, file: str, path: Path) -> bool:
        if name in self._docs:
            return True
        shown = posixpath.join(posixpath.dirname(self._file), name)
        try:
            doc = document.parse(self._fetch(name), file=shown)
        except (OSError, KeyError, ValueError):
            self._problem(file, (*path, "$ref"), f"the schema {name!r} does not exist", "correct the path")
            return False
        except Problems as error:
            self.problems += error.problems
            return False
        except Invalid as error:
            self.problems.append(error)
            return False
        if not isinstance(doc.data, dict):
            self._problem(
                file, (*path, "$ref"), f"the schema {name!r} holds no mapping", "write type: object …"
            )
            return False
        self._docs[name], self._root[name], self.raw[name] = doc, (), doc.data
        return True

    def _joined(self, target: Any, own: dict[str, Any], file: str, path: Path) -> Any:
        if not isinstance(target, dict):
            return own or target
        for key in sorted((target.keys() & own.keys()) - _NOTES):
            self._problem(
                file, (*path, key), f"{key!r} stands here and in what $ref names", "keep it in one of the two"
            )
        return {**target, **own}

    def _problem(self, file: str, path: Path, what: str, next_move: str) -> None:
        place = str(self._docs[file].place(path))
        self.problems.append(Invalid(what, where=place, next_move=next_move))


def _pointer(fragment: str) -> Path:
    parts = fragment.removeprefix("/").split("/") if fragment else []
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _at(data: Any, path: Path) -> Any:
    for key in path:
        if isinstance(data, list) and isinstance(key, str) and key.isdigit():
            key = int(key)  # noqa: PLW2901
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data
