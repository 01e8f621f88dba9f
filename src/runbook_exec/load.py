"""YAML → `Runbook`: structure checked against the format, every problem told with its place.

Loading imports no action; what `uses:` and `with:` mean is checked by `lint`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from runbook_exec import check, document, duration, runbook_format
from runbook_exec.errors import Invalid, Problems, RunbookError
from runbook_exec.model import GateRule, Guards, Mode, OnFailure, Place, Retry, Runbook, Section, Step

Path_ = tuple[str | int, ...]


def load(path: Path) -> Runbook:
    """Read a runbook file and the schemas it names; raises `Problems` with all that is wrong."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"cannot be read: {error.strerror}",
            where=str(path),
            next_move="`runbook list` shows the runbooks",
        ) from error

    def fetch(name: str) -> str:
        return (path.parent / name).read_text(encoding="utf-8")

    return parse(
        text.decode("utf-8", errors="replace") if b"\x00" in text else text, file=str(path), fetch=fetch
    )


def parse(text: str | bytes, *, file: str, fetch: Callable[[str], str]) -> Runbook:
    """Build a `Runbook` from text; `fetch` reads a schema file by the relative path in `$ref`."""
    doc = document.parse(text, file=file)
    return _Reader(doc, text.decode() if isinstance(text, bytes) else text, file, fetch).runbook()


class _Reader:
    def __init__(self, doc: document.Document, source: str, file: str, fetch: Callable[[str], str]) -> None:
        self.doc, self.source, self.file, self.fetch = doc, source, file, fetch
        self.problems: list[Invalid] = []
        self.schemas: dict[str, Any] = {}

    def runbook(self) -> Runbook:
        self._check((), self.doc.data, runbook_format.RUNBOOK)
        if not isinstance(self.doc.data, dict):
            raise Problems(self.problems)
        data = self.doc.data
        raw_sections = data.get("sections")
        sections = tuple(
            self._section(("sections", index), raw)
            for index, raw in enumerate(raw_sections if isinstance(raw_sections, list) else [])
            if isinstance(raw, dict)
        )
        inputs = self._resolved(data.get("inputs", {"type": "object"}), ("inputs",))
        self._check_inputs_schema(inputs)
        self._check_ids(sections)
        if self.problems:
            raise Problems(self.problems)
        guards = data.get("guards", {})
        return Runbook(
            name=data["runbook"],
            title=_words(data["title"]),
            file=self.file,
            digest=_digest({"document": data, "schemas": self.schemas}),
            source=self.source,
            schemas=self.schemas,
            inputs=inputs,
            subject=data.get("subject", ""),
            ticket=data.get("ticket", "optional"),
            guards=Guards(
                max_changes=guards.get("max_changes", 40), protected=tuple(guards.get("protected", ()))
            ),
            sections=sections,
            triggers=tuple(data.get("triggers", ())),
        )

    def _section(self, path: Path_, raw: dict[str, Any]) -> Section:
        steps: list[Step] = []
        items = raw.get("steps")
        for index, item in enumerate(items if isinstance(items, list) else []):
            at = (*path, "steps", index)
            if isinstance(item, dict) and "parallel" in item:
                steps += self._parallel(at, item)
            elif step := self._step(at, item):
                steps.append(step)
        return Section(title=_words(raw.get("title", "")), steps=tuple(steps))

    def _parallel(self, path: Path_, item: dict[str, Any]) -> list[Step]:
        self._check(path, item, runbook_format.PARALLEL)
        inner = item["parallel"]
        mark = "/".join(str(part) for part in path)
        found = []
        for index, raw in enumerate(inner if isinstance(inner, list) else []):
            at = (*path, "parallel", index)
            if isinstance(raw, dict) and ("gate" in raw or "parallel" in raw):
                self._problem(at, "a gate or another parallel cannot stand inside parallel", "move it out")
            elif step := self._step(at, raw, parallel=mark):
                found.append(step)
        return found

    def _step(self, path: Path_, raw: Any, *, parallel: str = "") -> Step | None:
        if not isinstance(raw, dict):
            self._problem(path, "a step is a mapping with id, title and uses", "write - id: …")
            return None
        human = "uses" not in raw and raw.get("mode", "auto") != "auto"
        schema = (
            runbook_format.GATE
            if "gate" in raw
            else runbook_format.HUMAN_STEP
            if human
            else runbook_format.STEP
        )
        if not self._check(path, raw, {**schema, "$defs": {"gate": runbook_format.GATE_RULE}}):
            return None
        place = self.doc.place(path)
        title = _words(raw.get("title", {"en": "Approval", "de": "Freigabe"} if "gate" in raw else ""))
        common: dict[str, Any] = {
            "id": raw["id"],
            "title": title,
            "place": place,
            "when": raw.get("when", ""),
        }
        if "gate" in raw:
            rule = {key: value for key, value in raw["gate"].items() if key != "expires"}
            expires = raw["gate"].get("expires")
            return Step(
                **common, gate=GateRule(rule=rule, expires=duration.seconds(expires) if expires else None)
            )
        retry = raw.get("retry", {})
        return Step(
            **common,
            uses=raw.get("uses", "people.confirm"),
            args=self._human_args(raw, title) if human else raw.get("with") or {},
            for_each=raw.get("for_each", ""),
            item=raw.get("as", "item"),
            mode=Mode(raw.get("mode", "auto")),
            retry=Retry(
                attempts=retry.get("attempts", 1), backoff=duration.seconds(retry.get("backoff", "2s"))
            ),
            timeout=duration.seconds(raw.get("timeout", "10m")),
            on_failure=OnFailure(raw.get("on_failure", "stop")),
            irreversible=raw.get("irreversible", ""),
            parallel=parallel,
        )

    @staticmethod
    def _human_args(raw: dict[str, Any], title: Mapping[str, str]) -> dict[str, Any]:
        return {"title": dict(title), **(raw.get("with") or {})}

    def _check_ids(self, sections: tuple[Section, ...]) -> None:
        seen: dict[str, Place] = {}
        for section in sections:
            for step in section.steps:
                if step.id in seen:
                    self.problems.append(
                        Invalid(
                            f"the id {step.id!r} is used twice, first at {seen[step.id]}",
                            where=str(step.place),
                            next_move="give this step another id",
                        )
                    )
                seen.setdefault(step.id, step.place)

    def _resolved(self, schema: Any, path: Path_) -> Any:
        """The schema with `$ref: file` replaced by that file's content."""
        if isinstance(schema, list):
            return [self._resolved(item, (*path, index)) for index, item in enumerate(schema)]
        if not isinstance(schema, dict):
            return schema
        name = schema.get("$ref")
        if isinstance(name, str) and not name.startswith("#"):
            return {**self._schema_file(name, path), **{k: v for k, v in schema.items() if k != "$ref"}}
        return {key: self._resolved(value, (*path, key)) for key, value in schema.items()}

    def _schema_file(self, name: str, path: Path_) -> dict[str, Any]:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            self._problem(path, f"$ref {name!r} leaves the folder", "put the schema beside the runbook")
            return {}
        if name not in self.schemas:
            try:
                self.schemas[name] = document.parse(self.fetch(name), file=name).data
            except OSError:
                self._problem((*path, "$ref"), f"the schema {name!r} does not exist", "correct the path")
                return {}
            except RunbookError as error:
                self._problem((*path, "$ref"), f"the schema {name!r} does not load: {error}", "")
                return {}
        found = self.schemas[name]
        return found if isinstance(found, dict) else {}

    def _check_inputs_schema(self, inputs: Any) -> None:
        import jsonschema_rs

        try:
            jsonschema_rs.Draft202012Validator(inputs)
        except (jsonschema_rs.ValidationError, ValueError, TypeError) as error:
            self._problem(("inputs",), f"inputs is no JSON Schema: {str(error).splitlines()[0]}", "")

    def _check(self, path: Path_, data: Any, schema: Mapping[str, Any]) -> bool:
        found = list(check.problems(data, schema, lambda inner: str(self.doc.place((*path, *inner)))))
        self.problems += found
        return not found

    def _problem(self, path: Path_, what: str, next_move: str) -> None:
        self.problems.append(Invalid(what, where=str(self.doc.place(path)), next_move=next_move))


def _words(title: Any) -> dict[str, str]:
    if isinstance(title, str):
        return {"en": title}
    return dict(title) if isinstance(title, Mapping) else {}


def _digest(data: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(data, order="deterministic")).hexdigest()
