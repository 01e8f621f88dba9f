"""YAML → `Runbook`: structure checked against the format, every problem told with its place.

Loading imports no action; what `uses:` and `with:` mean is checked by `lint`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from runbook_exec import check, document, duration, runbook_format
from runbook_exec.errors import Invalid, Problems
from runbook_exec.input_schema import Fetch, InputSchema
from runbook_exec.model import (
    Control,
    Deferrable,
    Duty,
    GateRule,
    Guards,
    Later,
    Mode,
    OnFailure,
    Place,
    Retry,
    Runbook,
    Section,
    Step,
)

Path_ = tuple[str | int, ...]

_MODES = {
    "people.confirm": "read-do",
    "people.ask": "read-do",
    "people.verify_caller": "read-do",
    "people.challenge": "challenge",
}
"""Actions that are a person's item by themselves, and how it is confirmed."""

MOST_WAYS = 200
"""A gate that can be opened in more ways than this is understood by nobody."""


def load(path: Path) -> Runbook:
    """Read a runbook file and the schemas it names; raises `Problems` with all that is wrong."""
    try:
        text = _bytes(path)
    except (OSError, ValueError) as error:
        raise Invalid(
            f"cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            next_move="`runbook list` shows the runbooks",
        ) from error
    return parse(text, file=str(path), fetch=lambda name: _bytes(path.parent / name))


def _bytes(path: Path) -> bytes:
    """The file, or just enough of it to see that it is too large."""
    with path.open("rb") as file:
        return file.read(document.MAX_BYTES + 1)


def parse(text: str | bytes, *, file: str, fetch: Fetch) -> Runbook:
    """Build a `Runbook` from text; `fetch` reads a schema file by the relative path in `$ref`."""
    doc = document.parse(text, file=file)
    return _Reader(doc, text.decode() if isinstance(text, bytes) else text, file, fetch).runbook()


class _Reader:
    def __init__(self, doc: document.Document, source: str, file: str, fetch: Fetch) -> None:
        self.doc, self.source, self.file, self.fetch = doc, source, file, fetch
        self.problems: list[Invalid] = []

    def runbook(self) -> Runbook:
        data = self.doc.data
        if not isinstance(data, dict):
            what = "the file is empty" if data is None else "a runbook is a mapping"
            raise Invalid(what, where=str(self.doc.place(())), next_move="begin with runbook: and its name")
        self._check((), data, runbook_format.RUNBOOK)
        raw_sections = data.get("sections")
        sections = tuple(
            self._section(("sections", index), raw)
            for index, raw in enumerate(raw_sections if isinstance(raw_sections, list) else [])
            if isinstance(raw, dict)
        )
        schema = InputSchema(self.doc, self.file, self.fetch)
        raw_inputs = data.get("inputs", {"type": "object"})
        inputs = schema.read(raw_inputs) if isinstance(raw_inputs, dict) else {}
        self.problems += schema.problems
        self._check_ids(sections)
        control = self._control(data.get("control", []))
        if self.problems:
            raise Problems(sorted(self.problems, key=_by_place))
        guards = data.get("guards", {})
        return Runbook(
            name=data["runbook"],
            title=_words(data["title"]),
            file=self.file,
            digest=_digest({"document": data, "schemas": schema.raw}),
            source=self.source,
            schemas=schema.raw,
            inputs=inputs,
            subject=data.get("subject", ""),
            ticket=data.get("ticket", "optional"),
            asked_by=data.get("asked_by", ""),
            guards=Guards(
                max_changes=guards.get("max_changes", 40), protected=tuple(guards.get("protected", ()))
            ),
            control=control,
            sections=sections,
            description=_words(data.get("description", "")),
            triggers=tuple(data.get("triggers", ())),
            places=self.doc.places,
        )

    def _control(self, raw: Any) -> Control:
        """The short form names duties only. Of what is no control the check has told already."""
        body = raw if isinstance(raw, dict) else {"is": raw}
        named = body.get("is", [])
        try:
            duties = tuple(map(Duty, [named] if isinstance(named, str) else named))
        except (TypeError, ValueError):
            return Control()

        def length(name: str) -> float | None:
            return self._seconds(("control", name), body[name]) if isinstance(body.get(name), str) else None

        return Control(
            duties=duties,
            due=str(body.get("due", "")),
            until=str(body.get("until", "")),
            within=length("within"),
            within_working_time=length("within_working_time"),
        )

    def _section(self, path: Path_, raw: dict[str, Any]) -> Section:
        steps: list[Step] = []
        opens = raw.get("not_before", "")
        items = raw.get("steps")
        for index, item in enumerate(items if isinstance(items, list) else []):
            at = (*path, "steps", index)
            if isinstance(item, dict) and "parallel" in item:
                steps += self._parallel(at, item)
            elif step := self._step(at, item):
                steps.append(step)
        if opens:
            steps = [replace(step, not_before=(opens, *step.not_before)) for step in steps]
        beside = raw.get("beside") is True
        if beside:
            steps = [replace(step, beside=True) for step in steps]
        return Section(
            title=_words(raw.get("title", "")), steps=tuple(steps), not_before=opens, beside=beside
        )

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
        if not self._check(path, raw, {**schema, "$defs": runbook_format.GATE_DEFS}):
            return None
        place = self.doc.place(path)
        title = _words(raw.get("title", {"en": "Approval", "de": "Freigabe"} if "gate" in raw else ""))
        common: dict[str, Any] = {
            "id": raw["id"],
            "title": title,
            "place": place,
            "when": raw.get("when", ""),
            "not_before": (raw["not_before"],) if "not_before" in raw else (),
            "path": path,
        }
        if "gate" in raw:
            return Step(**common, gate=self._gate((*path, "gate"), raw["gate"]))
        retry = raw.get("retry", {})
        return Step(
            **common,
            uses=raw.get("uses", "people.confirm"),
            args=self._human_args(raw, title) if human else raw.get("with") or {},
            within=raw.get("within", {}),
            for_each=raw.get("for_each", ""),
            item=raw.get("as", "item"),
            mode=Mode(raw.get("mode", _MODES.get(raw.get("uses", ""), "auto"))),
            retry=Retry(
                attempts=retry.get("attempts", 1),
                backoff=self._seconds((*path, "retry", "backoff"), retry.get("backoff", "2s")),
            ),
            timeout=self._seconds((*path, "timeout"), raw.get("timeout", "10m")),
            deadline=self._seconds((*path, "deadline"), raw["deadline"]) if "deadline" in raw else None,
            on_failure=OnFailure(raw.get("on_failure", "stop")),
            deferrable=self._deferrable((*path, "deferrable"), raw.get("deferrable")),
            irreversible=next(iter(self._reason(raw).values()), ""),
            irreversible_in=self._reason(raw),
            parallel=parallel,
        )

    @staticmethod
    def _reason(raw: dict[str, Any]) -> dict[str, str]:
        """Why a step cannot be taken back, English first."""
        words = _words(raw.get("irreversible") or {})
        return dict(sorted(words.items(), key=lambda pair: pair[0] != "en"))

    def _seconds(self, path: Path_, text: str) -> float:
        try:
            length = duration.seconds(text)
        except Invalid as error:
            self._problem(path, error.what, error.next_move)
            return 1.0
        if not length:
            self._problem(path, f"{text!r} is no time at all", "write how long it may take: 10m")
        return length

    def _deferrable(self, path: Path_, raw: Any) -> Deferrable | None:
        if raw is None:
            return None
        if isinstance(raw, str):
            return Deferrable(letter=raw)
        within = self._seconds((*path, "within"), raw["within"]) if "within" in raw else None
        return Deferrable(letter=raw["class"], within=within)

    def _gate(self, path: Path_, raw: dict[str, Any]) -> GateRule:
        rule = {key: value for key, value in raw.items() if key in (*runbook_format.RULE_KINDS, "count")}
        self._check_rule(path, rule)

        def later(name: str) -> Later | None:
            if name not in raw:
                return None
            self._check_rule((*path, name, "to"), raw[name]["to"])
            return Later(after=self._seconds((*path, name, "after"), raw[name]["after"]), to=raw[name]["to"])

        def length(name: str) -> float | None:
            return self._seconds((*path, name), raw[name]) if name in raw else None

        return GateRule(
            rule=rule,
            expires=length("expires"),
            holds=length("holds"),
            remind=self._reminders(path, raw),
            fallback=later("fallback"),
            escalate=later("escalate"),
        )

    def _reminders(self, path: Path_, raw: dict[str, Any]) -> tuple[float, ...] | None:
        if "remind" not in raw:
            return None
        return tuple(self._seconds((*path, "remind", n), text) for n, text in enumerate(raw["remind"]))

    def _check_rule(self, path: Path_, rule: Mapping[str, Any]) -> None:
        """A count that says nothing or can never be reached, and a rule that nobody understands, are refused."""
        kind = next(kind for kind in runbook_format.RULE_KINDS if kind in rule)
        count = rule.get("count", 1)
        if "count" in rule and kind in {"all", "person", "manager_of"}:
            self._problem((*path, "count"), f"count says nothing beside {kind}", "remove it")
        if kind == "any" and count > len(rule["any"]):
            self._problem((*path, "count"), f"{count} of {len(rule['any'])} can never agree", "lower count")
        for index, part in enumerate(rule[kind] if kind in {"all", "any"} else ()):
            self._check_rule((*path, kind, index), part)
        if _ways(rule) > MOST_WAYS:
            self._problem(
                path, f"there are more than {MOST_WAYS} ways to fulfil this rule", "make it simpler"
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

    def _check(self, path: Path_, data: Any, schema: Mapping[str, Any]) -> bool:
        found = list(check.problems(data, schema, lambda inner: str(self.doc.place((*path, *inner)))))
        self.problems += found
        return not found

    def _problem(self, path: Path_, what: str, next_move: str) -> None:
        self.problems.append(Invalid(what, where=str(self.doc.place(path)), next_move=next_move))


def _by_place(problem: Invalid) -> tuple[str, int, int]:
    place = re.search(r":(\d+):(\d+)$", problem.where)
    return (problem.where[: place.start()], int(place[1]), int(place[2])) if place else (problem.where, 0, 0)


def _ways(rule: Mapping[str, Any]) -> int:
    """In how many ways `all`, `any` and `count` can be fulfilled."""
    if "all" in rule:
        return math.prod(map(_ways, rule["all"]))
    if "any" not in rule:
        return 1
    chosen = [1] + [0] * len(rule["any"])
    for ways in map(_ways, rule["any"]):
        chosen = [n + ways * fewer for n, fewer in zip(chosen, [0, *chosen], strict=False)]
    return chosen[min(int(rule.get("count", 1)), len(chosen) - 1)]


def _words(title: Any) -> dict[str, str]:
    if isinstance(title, str):
        return {"en": title}
    return dict(title) if isinstance(title, Mapping) else {}


def _digest(data: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(data, order="deterministic")).hexdigest()
