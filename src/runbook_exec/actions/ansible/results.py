"""What an Ansible process said: its events as results of tasks on hosts.

Only names, outcomes and differences are taken from an event. Texts pass the redaction
net first, so that a secret that a module repeats goes no further.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from runbook_exec.change import Json

LONGEST_MESSAGE = 4000
NOT_SEEN = "check mode does not look at it"

_PASSING = re.compile(r"/ansible-(local|tmp)-|/\.ansible/tmp/")
"""Files that Ansible makes for one run: another name each time, so no part of a plan."""

Redact = Callable[[str], str]


class Outcome(StrEnum):
    """How a task ended on a host."""

    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a task changes, as its module shows it."""

    thing: str
    """The path or name, where the module says one."""
    before: Json
    after: Json


@dataclass(frozen=True, kw_only=True)
class Result:
    """One task on one host."""

    host: str
    task: str
    module: str
    outcome: Outcome
    place: str = ""
    """file:line of the task."""
    message: str = ""
    """What the module said when it failed."""
    reason: str = ""
    """Why it was skipped."""
    unseen: bool = False
    """True where it was skipped because check mode cannot look at it."""
    hidden: bool = False
    """True for `no_log`: what it did is not shown."""
    differences: tuple[Difference, ...] = ()
    told: Mapping[str, Json] | None = None
    """What a debug task said, where that is a mapping."""
    seconds: float = 0.0


@dataclass(kw_only=True)
class Report:
    """All that one process said, growing while it runs."""

    results: list[Result] = field(default_factory=list)
    failed: frozenset[str] = frozenset()
    """Hosts on which it ended in failure; rescued and ignored failures are none."""
    unreachable: frozenset[str] = frozenset()
    complete: bool = False
    """True once Ansible counted up at its end."""
    nobody: bool = False
    """True where no host was left to work on."""
    said: list[str] = field(default_factory=list)
    """Lines outside of any task; where it broke down, they say why."""
    stopped: bool = False
    """True where we ended it at the deadline."""
    code: int | None = None

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(result.host for result in self.results))

    def of(self, outcome: Outcome) -> list[Result]:
        return [result for result in self.results if result.outcome is outcome]


def net(secrets: Sequence[str]) -> Redact:
    """Replaces each secret, and its usual encodings, by ***."""
    forms: set[str] = set()
    for secret in secrets:
        raw = secret.encode()
        forms |= {
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            repr(secret)[1:-1],
            quote(secret, safe=""),
            base64.b64encode(raw).decode(),
            base64.b64encode(secret.encode("utf-16-le")).decode(),
        }
    ordered = sorted((form for form in forms if form), key=len, reverse=True)

    def redact(text: str) -> str:
        for form in ordered:
            text = text.replace(form, "***")
        return text

    return redact


def take(report: Report, event: Mapping[str, Any], redact: Redact) -> Result | None:
    """Put an event into the report; gives the result if a task ended on a host."""
    data = event.get("event_data") or {}
    match event.get("event"):
        case "runner_on_ok" | "runner_on_skipped" | "runner_on_failed" | "runner_on_unreachable" as kind:
            result = _result(kind, event, data, redact)
            report.results.append(result)
            return result
        case "runner_item_on_skipped" if "false_condition" not in (data.get("res") or {}):
            report.results.append(_unseen_element(data, redact))
        case "playbook_on_stats":
            report.complete = True
            report.failed = frozenset(data.get("failures") or {})
            report.unreachable = frozenset(data.get("dark") or {})
        case "playbook_on_no_hosts_matched":
            report.nobody = True
        case "verbose" | "error" | "warning" | "system_warning":
            report.said.extend(redact(line) for line in str(event.get("stdout") or "").splitlines())
    return None


def _result(kind: str, event: Mapping[str, Any], data: Mapping[str, Any], redact: Redact) -> Result:
    answer: Mapping[str, Any] = data.get("res") or {}
    stdout = str(event.get("stdout") or "").lstrip()
    hidden = "censored" in answer
    outcome = {
        "runner_on_skipped": Outcome.SKIPPED,
        "runner_on_failed": Outcome.FAILED,
        "runner_on_unreachable": Outcome.UNREACHABLE,
    }.get(kind)
    if outcome is None:
        # a censored answer keeps only what the screen shows
        changed = stdout.startswith("changed:") if hidden else bool(answer.get("changed"))
        outcome = Outcome.CHANGED if changed else Outcome.OK
    reason, unseen = _why_skipped(stdout, redact) if outcome is Outcome.SKIPPED else ("", False)
    return Result(
        host=str(data.get("host", "")),
        task=redact(str(data.get("task", ""))),
        module=str(data.get("resolved_action") or data.get("task_action") or ""),
        outcome=outcome,
        place=str(data.get("task_path") or ""),
        message=redact(_message(answer))[:LONGEST_MESSAGE],
        reason=reason,
        unseen=unseen,
        hidden=hidden,
        differences=tuple(_differences(answer, redact)) if outcome is Outcome.CHANGED and not hidden else (),
        told=_told(data, answer, redact) if not hidden else None,
        seconds=round(float(data.get("duration") or 0), 2),
    )


def _told(data: Mapping[str, Any], answer: Mapping[str, Any], redact: Redact) -> Mapping[str, Json] | None:
    """The mapping that a debug task says: how a playbook that only looks hands its findings on."""
    said = answer.get("msg")
    is_debug = str(data.get("resolved_action") or data.get("task_action")).endswith("debug")
    if not is_debug or not isinstance(said, Mapping):
        return None
    found: Mapping[str, Json] = json.loads(redact(json.dumps(said)))
    return found


def _unseen_element(data: Mapping[str, Any], redact: Redact) -> Result:
    """One element of a loop that check mode passed over."""
    answer: Mapping[str, Any] = data.get("res") or {}
    return Result(
        host=str(data.get("host", "")),
        task=redact(str(data.get("task", ""))),
        module=str(data.get("resolved_action") or ""),
        outcome=Outcome.SKIPPED,
        place=str(data.get("task_path") or ""),
        reason=redact(_message(answer))[:LONGEST_MESSAGE] or NOT_SEEN,
        unseen=True,
    )


def _message(answer: Mapping[str, Any]) -> str:
    """The module's own words; where there are several, the first that says something."""
    failed = [
        item for item in answer.get("results") or [] if isinstance(item, Mapping) and item.get("failed")
    ]
    for source in (*failed, answer):
        for name in ("msg", "stderr", "module_stderr", "stdout", "censored"):
            text = source.get(name)
            if isinstance(text, str) and text.strip():
                return text.strip()
    return ""


def _why_skipped(stdout: str, redact: Redact) -> tuple[str, bool]:
    """(why, whether check mode is the reason). Only the screen says it, behind `=>`."""
    _, _, tail = stdout.partition("=> ")
    try:
        answer = json.loads(tail)
    except ValueError:
        answer = {}
    if "false_condition" in answer:
        return redact(f"its condition is false: {answer['false_condition']}"), False
    if "No items" in str(answer.get("skipped_reason", "")) or "No items" in str(
        answer.get("skip_reason", "")
    ):
        return "there is nothing to loop over", False
    if not answer:
        # a loop whose elements were all skipped shows them one by one and nothing here
        return "every element was skipped", False
    said = str(answer.get("msg") or answer.get("skip_reason") or NOT_SEEN)
    return redact(said)[:LONGEST_MESSAGE], True


def _differences(answer: Mapping[str, Any], redact: Redact) -> list[Difference]:
    """What the module shows; for each changed element of a loop at least that it changed."""
    items = answer.get("results")
    if isinstance(items, list):
        changed = [item for item in items if isinstance(item, Mapping) and item.get("changed")]
        return [d for item in changed for d in _differences({**item, "results": None}, redact)]
    found = answer.get("diff") or []
    parts = [part for part in (found if isinstance(found, list) else [found]) if isinstance(part, Mapping)]
    shown = [_difference(part, answer, redact) for part in parts]
    thing = str(answer.get("path") or answer.get("dest") or answer.get("name") or "")
    return shown or [Difference(thing=redact(thing), before=None, after=None)]


def _difference(part: Mapping[str, Any], answer: Mapping[str, Any], redact: Redact) -> Difference:
    before, after = part.get("before"), part.get("after", part.get("prepared"))
    path = after.get("path") if isinstance(after, Mapping) else None
    headers = [str(part.get(name) or "").partition(" (")[0] for name in ("before_header", "after_header")]
    header = next((text for text in headers if text and not _PASSING.search(text)), "")
    thing = path or header or answer.get("path") or answer.get("dest") or ""
    return Difference(
        thing=redact(str(thing)), before=_cleaned(before, redact), after=_cleaned(after, redact)
    )


def _cleaned(value: Json, redact: Redact) -> Json:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        # times of access are no state that anybody wants
        return {k: _cleaned(v, redact) for k, v in value.items() if k not in {"atime", "mtime"}}
    if isinstance(value, list):
        return [_cleaned(item, redact) for item in value]
    return value
