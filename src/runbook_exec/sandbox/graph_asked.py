"""One request to the double and its answer, whether it came alone or inside a `$batch`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from runbook_exec.sandbox.graph_query import Query
from runbook_exec.sandbox.graph_refusal import bad, denied


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, its path cut at the slashes and decoded."""

    method: str
    path: tuple[str, ...]
    url: str
    """Address of the resource without its query, for `@odata.nextLink`."""
    options: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    app: str
    roles: Collection[str]
    app_id: str = ""
    """Its client id."""

    @property
    def query(self) -> Query:
        return Query(self.options, self.headers.get("consistencylevel", "").lower() == "eventual")

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object."""
        if not isinstance(self.body, dict):
            raise bad("Unable to read JSON request payload. Please ensure Content-Type header is set.")
        return self.body

    def need(self, *roles: str) -> None:
        """Refuse unless the application has one of these permissions."""
        if not set(roles) & set(self.roles):
            raise denied()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, body and headers."""

    status: int
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
