"""Every request that the Graph double saw, held against Microsoft's published description.

The double writes requests and answers to the file that RUNBOOK_GRAPH_RECORD names; after
each test the new lines are checked. The description is found by RUNBOOK_GRAPH_DESCRIPTION
(a file) or in `shared/graph/` beside the checkout; without it nothing is checked, and the one
test that says so skips.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE = "shared/graph/msgraph-v1.0-slice.json"

NOT_DESCRIBED = (
    # The slice has no navigation below these; their properties are checked by hand against the reference.
    re.compile(r"GET /contacts$"),
    re.compile(r"GET /directory/deletedItems/microsoft\.graph\.(user|group)$"),
    re.compile(r"GET /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/\w+$"),
    re.compile(r"GET /users/[^/]+/transitiveMemberOf/microsoft\.graph\.directoryRole$"),
    re.compile(
        r"DELETE /users/[^/]+/authentication/(softwareOath|email|windowsHelloForBusiness|platformCredential)Methods/"
    ),
    re.compile(r"(GET|POST|DELETE) /users/[^/]+/sponsors(/|$)"),
    re.compile(r"GET /servicePrincipals/"),
    re.compile(r"POST /oauth2PermissionGrants$"),
    re.compile(r"GET /devices/[^/]+/registeredOwners$"),
    re.compile(r"GET /informationProtection/bitlocker/recoveryKeys$"),
    re.compile(r"(GET|POST|DELETE) /drives/[^/]+/items/root/(permissions|invite)(/|$)"),
)
REQUIRED = {
    ("POST", "/users"): (
        "accountEnabled",
        "displayName",
        "mailNickname",
        "passwordProfile",
        "userPrincipalName",
    ),
    ("POST", "/groups/{group-id}/members/$ref"): ("@odata.id",),
    ("POST", "/users/{user-id}/assignLicense"): ("addLicenses", "removeLicenses"),
}
"""Required lists are missing from the published description."""
ALSO = {
    ("POST", "/directory/deletedItems/{id}/restore"): {"newUserPrincipalName", "autoReconcileProxyConflict"},
}
"""Bodies that the reference page documents and the published description leaves out."""


def description_file() -> Path | None:
    named = os.environ.get("RUNBOOK_GRAPH_DESCRIPTION")
    beside = [ROOT.parent / FILE, ROOT.parent.parent / FILE]
    return (
        next((path for path in [Path(named)] if path.is_file()), None)
        if named
        else next((path for path in beside if path.is_file()), None)
    )


class Description:
    """Microsoft's description of the requests and answers, as a judge."""

    def __init__(self, file: Path) -> None:
        self.body = json.loads(file.read_text())
        self.paths = {path: path.strip("/").split("/") for path in self.body["paths"]}

    def complaints(self, entry: dict[str, Any]) -> Iterator[str]:
        """What is wrong with one recorded request and its answer."""
        asked = f"{entry['method']} {entry['path']}"
        if any(pattern.match(asked) for pattern in NOT_DESCRIBED):
            return
        template = self.template(entry["segments"])
        operation = self.body["paths"].get(template, {}).get(entry["method"].lower())
        if operation is None:
            # A request that Graph itself refuses as unknown is the test's own business.
            if entry["status"] != 400:
                yield f"{asked}: the description has no such request"
            return
        yield from (f"{asked}: {wrong}" for wrong in self._request(entry, template, operation))
        yield from (f"{asked}: answer {entry['status']}: {wrong}" for wrong in self._answer(entry, template))

    def template(self, segments: list[str]) -> str | None:
        """The path that fits with the fewest parameters."""
        fitting = [path for path, parts in self.paths.items() if _fits(parts, segments)]
        return min(fitting, key=lambda path: path.count("{"), default=None)

    def _request(self, entry: dict[str, Any], template: str, operation: dict[str, Any]) -> Iterator[str]:
        body, wanted = entry["body"], "requestBody" in operation
        if body is not None and not wanted and set(body) - ALSO.get((entry["method"], template), set()):
            yield "has a body, and the description has none"
        if body is not None and wanted:
            yield from self._invalid(_Spot(template, entry["method"].lower(), "requestBody"), body)
            lacking = [name for name in REQUIRED.get((entry["method"], template), ()) if name not in body]
            yield from (f"lacks {name}" for name in lacking)
        yield from self._unknown_selection(entry, operation)

    def _unknown_selection(self, entry: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
        selected = entry["options"].get("$select")
        for parameter in operation.get("parameters", ()):
            allowed = parameter.get("schema", {}).get("items", {}).get("enum")
            # Of a directoryObject the description knows two properties; the real thing is a user or group.
            whole = allowed and set(allowed) != {"id", "deletedDateTime"}
            if selected and parameter.get("name") == "$select" and whole:
                yield from (f"selects {n}, which is unknown" for n in selected.split(",") if n not in allowed)

    def _answer(self, entry: dict[str, Any], template: str) -> Iterator[str]:
        answer = entry["answer"]
        if answer is None:
            return
        status = "2XX" if entry["status"] < 300 else "default"
        if "error" in answer:
            # The description leaves innerError without its documented properties.
            answer = {
                "error": {name: value for name, value in answer["error"].items() if name != "innerError"}
            }
        yield from self._invalid(_Spot(template, entry["method"].lower(), status), answer)

    def _invalid(self, spot: _Spot, value: Any) -> Iterator[str]:
        validator = self._validator(spot.template, spot.method, spot.part)
        if validator is not None:
            yield from (
                f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(value)
            )

    @cache  # noqa: B019 - one description lives as long as the tests
    def _validator(self, template: str, method: str, part: str) -> Any:
        import jsonschema_rs

        operation = self.body["paths"][template][method]
        holder = operation[part] if part == "requestBody" else operation["responses"].get(part)
        holder = self._followed(holder)
        schema = (holder or {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return None
        whole = {**schema, "components": {"schemas": self.body["components"]["schemas"]}}
        return jsonschema_rs.Draft202012Validator(whole)

    def _followed(self, part: Any) -> Any:
        while isinstance(part, dict) and "$ref" in part:
            found: Any = self.body
            for key in part["$ref"].removeprefix("#/").split("/"):
                found = found[key.replace("~1", "/")]
            part = found
        return part


class _Spot:
    def __init__(self, template: str, method: str, part: str) -> None:
        self.template, self.method, self.part = template, method, part


def _fits(parts: list[str], segments: list[str]) -> bool:
    return len(parts) == len(segments) and all(
        part.startswith("{") or part.lower() == segment.lower()
        for part, segment in zip(parts, segments, strict=True)
    )


@cache
def description() -> Description | None:
    file = description_file()
    return Description(file) if file else None


class Record:
    """The file that doubles append to while the tests of one process run."""

    def __init__(self, file: Path) -> None:
        self.file, self.seen, self.checked = file, 0, 0

    def fresh(self) -> list[dict[str, Any]]:
        """What was written since the last look."""
        if not self.file.exists() or self.file.stat().st_size == self.seen:
            return []
        with self.file.open() as lines:
            lines.seek(self.seen)
            text = lines.read()
        self.seen += len(text.encode())
        return [json.loads(line) for line in text.splitlines()]

    def complaints(self) -> list[str]:
        judge = description()
        entries = self.fresh() if judge else []
        self.checked += len(entries)
        return [wrong for entry in entries for wrong in judge.complaints(entry)]


@pytest.fixture(scope="session")
def graph_record(tmp_path_factory):
    """Where every double of this process, and of the processes that it starts, records."""
    record = Record(tmp_path_factory.mktemp("graph") / "requests.jsonl")
    before = os.environ.get("RUNBOOK_GRAPH_RECORD")
    os.environ["RUNBOOK_GRAPH_RECORD"] = str(record.file)
    yield record
    if before is None:
        del os.environ["RUNBOOK_GRAPH_RECORD"]
    else:
        os.environ["RUNBOOK_GRAPH_RECORD"] = before


@pytest.fixture(autouse=True)
def _graph_requests_fit_the_description(graph_record):
    yield
    wrong = graph_record.complaints()
    assert not wrong, "\n".join(wrong)
