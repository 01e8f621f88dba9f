"""The page of an action, made from the action itself and its tested examples."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from runbook_exec.action import Action, Rights, args_schema
from runbook_exec.change import Json, Nature

_NATURES = {
    Nature.WRITES: "Writes, and reads back what it wrote. Running it again changes nothing more.",
    Nature.BLIND: "Has an effect that cannot be read back; the plan shows the exact request. "
    "It is never repeated by itself.",
    Nature.HUMAN: "A person does it and confirms it.",
    Nature.WAITS: "Only reads, until something is so.",
    Nature.COMPUTES: "Only computes; it has no effect outside the run.",
}

_CERTAINTIES = {
    Nature.WRITES: "*read and computed* (●); *known once an earlier step is done* (○) where a value is missing",
    Nature.BLIND: "*cannot be read back* (?)",
    Nature.HUMAN: "*a person does it* (☐)",
    Nature.WAITS: "*read and computed* (●)",
    Nature.COMPUTES: "*read and computed* (●)",
}


def page(action: Action[Any], cases_folder: Path) -> str:
    """The action's page in Markdown. Without the cases (an installed wheel) it has no example."""
    parts = [
        f"# `{action.name}`",
        inspect.cleandoc(type(action).__doc__ or ""),
        _facts(action),
        "## Arguments",
        *_arguments(args_schema(action)),
        "## Values for later steps",
        _outputs(action),
        *_rights(action.rights),
        *_examples(action, cases_folder),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def index(actions: Iterable[Action[Any]]) -> str:
    """The list of all actions with their first sentences."""
    rows = [
        [f"[`{each.name}`]({each.name}.md)", inspect.cleandoc(type(each).__doc__ or "").partition("\n\n")[0]]
        for each in actions
    ]
    head = "# Actions\n\nWhat may stand after `uses:`. `runbook docs ACTION` shows the same pages."
    return f"{head}\n\n{_table(['action', 'what it does'], rows)}\n"


def write(actions: Iterable[Action[Any]], folder: Path, cases_folder: Path) -> list[Path]:
    """Write the page of every action and the list of them; gives the files."""
    every = list(actions)
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{each.name}.md": page(each, cases_folder) for each in every} | {"README.md": index(every)}
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in pages]


def _facts(action: Action[Any]) -> str:
    certainty = _CERTAINTIES[action.nature]
    if action.provider == "ansible":
        certainty = "*said by the tool's own check mode* (◐)"
    nature = _NATURES[action.nature]
    if action.nature is Nature.WRITES and not action.rereads:
        nature = "Writes. An ordinary read cannot show the effect, so it is proven in another way afterwards."
    lines = [f"- {nature}", f"- In a plan: {certainty}."]
    if action.destructive:
        lines.append("- Takes something away.")
    if action.nature in {Nature.WRITES, Nature.BLIND}:
        lines.append(f"- {_undo(action)}")
    return "\n".join(lines)


def _undo(action: Action[Any]) -> str:
    if not action.undoable:
        return "Cannot be taken back: the step needs `irreversible:` and the reason."
    if type(action).can_undo is not Action.can_undo:
        return "Can be taken back, depending on its arguments; otherwise the step needs `irreversible:`."
    return "Can be taken back, value by value, from what was read before."


def _arguments(schema: Mapping[str, Any]) -> Iterator[str]:
    defs = schema["$defs"]
    main = schema["$ref"].rpartition("/")[2]
    yield _fields(defs[main]) if defs[main].get("properties") else "None."
    for name, body in defs.items():
        if name != main and body.get("properties"):
            yield f"### {name}"
            yield body.get("description", "")
            yield _fields(body)


def _fields(body: Mapping[str, Any]) -> str:
    required = set(body.get("required", ()))
    rows = [
        [
            f"`{name}`",
            _kind(sub),
            "required" if name in required else _default(sub),
            sub.get("description", ""),
        ]
        for name, sub in body["properties"].items()
    ]
    return _table(["argument", "type", "if left out", "meaning"], rows)


def _kind(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"secret": True}:
            return "secret"
        case {"$ref": str(ref)}:
            return ref.rpartition("/")[2]
        case {"anyOf": list(some)}:
            return " or ".join(dict.fromkeys(_kind(each) for each in some if each.get("type") != "null"))
        case {"enum": list(values)}:
            return " or ".join(f"`{value}`" for value in values)
        case {"type": "array", "items": dict(items)} if items:
            return f"list of {_kind(items)}"
        case {"type": "array"}:
            return "list"
        case {"type": "object", "additionalProperties": dict(items)} if items:
            return f"mapping of {_kind(items)}"
        case {"type": str(kind)}:
            return {
                "string": "text",
                "boolean": "true or false",
                "object": "mapping",
                "integer": "whole number",
            }.get(kind, kind)
    return "any"


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return "" if default in (None, "", [], {}) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _outputs(action: Action[Any]) -> str:
    always = {"changed": "whether it changed anything", "skipped": "whether its `when:` was false"}
    rows = [[f"`{name}`", meaning] for name, meaning in {**action.outputs, **always}.items()]
    return _table(["name", "meaning"], rows)


def _rights(rights: Rights) -> Iterator[str]:
    if not rights.read and not rights.apply:
        return
    yield "## Rights that it needs"
    yield "The least, in the far side's own names; `runbook doctor` compares them with what is there."
    rows = [["to plan", _alternatives(rights.read)], ["to apply", _alternatives(rights.apply)]]
    yield _table(["", "rights"], [row for row in rows if row[1]])


def _alternatives(rights: tuple[str | tuple[str, ...], ...]) -> str:
    return ", ".join(right if isinstance(right, str) else " or ".join(right) for right in rights)


def _examples(action: Action[Any], cases_folder: Path) -> Iterator[str]:
    files = sorted((cases_folder / action.name).glob("*.yaml"))
    cases = [
        case for file in files if (case := yaml.safe_load(file.read_text(encoding="utf-8"))).get("example")
    ]
    if cases:
        yield "## Examples" if len(cases) > 1 else "## Example"
    for case in cases:
        yield f"{_sentence(case['says'])}:"
        yield f"```yaml\n{_step(action, case)}```"
        says = (case.get("change") or {}).get("says")
        if says:
            yield f"The plan says: “{says['en']}”, in German: “{says['de']}”."


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return text[:1].upper() + text[1:]


def _step(action: Action[Any], case: Mapping[str, Any]) -> str:
    name = action.name.partition(".")[2].removesuffix("_")
    step: dict[str, Json] = {"id": name, "title": {"en": "…", "de": "…"}, "uses": action.name}
    if case.get("with"):
        step["with"] = _as_written(case["with"])
    if action.nature in {Nature.WRITES, Nature.BLIND} and not action.can_undo(case.get("with") or {}):
        step["irreversible"] = "the reason, for the person who approves it"
    return yaml.safe_dump([step], allow_unicode=True, sort_keys=False, width=100, default_flow_style=None)


def _as_written(value: Json) -> Json:
    """A case's arguments as they would stand in a runbook: expressions for secrets and later values."""
    if isinstance(value, Mapping):
        if set(value) == {"$secret"}:
            return "{{ password.value }}"
        if set(value) == {"$deferred"}:
            return "{{ " + str(value["$deferred"]) + " }}"
        return {name: _as_written(item) for name, item in value.items()}
    return [_as_written(item) for item in value] if isinstance(value, list) else value


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *[[_cell(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
