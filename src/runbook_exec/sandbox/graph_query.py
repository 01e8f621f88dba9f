"""The part of OData's query language that the double understands: `$filter`, `$select`, pages, `$count`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from runbook_exec.sandbox.graph_refusal import Refusal, bad

Body = Mapping[str, Any]
Test = Callable[[Body], bool]

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|([A-Za-z_][A-Za-z0-9_/]*)|([(),:])|(-?\d+))")
_FUNCTIONS = {"startswith": str.startswith, "endswith": str.endswith, "contains": str.__contains__}
_ADVANCED = ("ne", "not", "endswith")
NOT_FILTERABLE = frozenset({"assignedPlans", "aboutMe", "signInSessionsValidFromDateTime", "mailboxSettings"})


def unsupported(message: str) -> Refusal:
    """400 for a query that needs more than was asked for, or cannot be answered."""
    return Refusal(400, "Request_UnsupportedQuery", message)


@dataclass(frozen=True)
class Query:
    """What the query string of a request asks for."""

    options: Mapping[str, str]
    eventual: bool
    """The header `ConsistencyLevel: eventual` was sent."""

    @property
    def advanced(self) -> bool:
        return self.eventual and self.options.get("$count", "").lower() == "true"

    def select(self, known: Iterable[str], usual: Iterable[str] | None) -> tuple[str, ...] | None:
        """The properties to show; None means all."""
        text = self.options.get("$select", "")
        if not text:
            return None if usual is None else tuple(usual)
        names = tuple(name.strip() for name in text.split(","))
        check_known(names, known)
        return names

    def page(self, found: Sequence[Body], *, url: str, known: frozenset[str]) -> dict[str, Any]:
        """Filter, count and cut a collection; the rest is reached by `@odata.nextLink`."""
        if "$search" in self.options:
            raise unsupported("Request with $search query parameter is not modelled by the rehearsal.")
        if "$count" in self.options and not self.eventual:
            raise unsupported("$count is only supported with the header ConsistencyLevel: eventual.")
        if "$filter" in self.options:
            test = _Filter(self.options["$filter"], known, advanced=self.advanced).test()
            found = [body for body in found if test(body)]
        size, start = self._whole("$top", 100), self._whole("$skiptoken", 0)
        if not 1 <= size <= 999:
            raise bad("Invalid page size specified: it must be between 1 and 999 inclusive.")
        answer: dict[str, Any] = {}
        if self.advanced:
            answer["@odata.count"] = len(found)
        if start + size < len(found):
            rest = {**self.options, "$skiptoken": str(start + size)}
            text = "&".join(f"{name}={quote(value, safe='')}" for name, value in rest.items())
            answer["@odata.nextLink"] = f"{url}?{text}"
        return {**answer, "value": found[start : start + size]}

    def _whole(self, name: str, default: int) -> int:
        text = self.options.get(name, str(default))
        if not text.isdigit():
            raise bad(f"Invalid value '{text}' for {name}.")
        return int(text)


def check_known(names: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a property that the type does not have."""
    wrong = next((name for name in names if name not in set(known) and name != "*"), None)
    if wrong is not None:
        raise Refusal(
            400, "BadRequest", f"Could not find a property named '{wrong}' on type 'microsoft.graph'."
        )


class _Filter:
    """Recursive descent over `or`, `and`, `not`, comparisons, `in`, functions and `any`."""

    def __init__(self, text: str, known: frozenset[str], *, advanced: bool) -> None:
        self.text, self.known, self.advanced = text, known, advanced
        self.tokens = self._cut(text)
        self.at = 0

    def test(self) -> Test:
        found = self._either()
        if self.at < len(self.tokens):
            raise self._wrong()
        return found

    def _cut(self, text: str) -> list[str]:
        tokens, place = [], 0
        text = text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._wrong()
            tokens.append(match[0].strip())
            place = match.end()
        return tokens

    def _either(self) -> Test:
        tests = [self._both()]
        while self._took("or"):
            tests.append(self._both())
        return lambda body: any(test(body) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._took("and"):
            tests.append(self._one())
        return lambda body: all(test(body) for test in tests)

    def _one(self) -> Test:
        if self._took("not"):
            self._needs_advanced("not")
            inner = self._one()
            return lambda body: not inner(body)
        if self._took("("):
            grouped = self._either()
            self._want(")")
            return grouped
        name = self._next()
        if name.lower() in _FUNCTIONS:
            return self._function(name.lower(), lambda body, key: body.get(key))
        if name.endswith("/any"):
            return self._any(name.removesuffix("/any"))
        self._check(name)
        return self._comparison(lambda body: body.get(name))

    def _comparison(self, value: Callable[[Body], Any]) -> Test:
        word = self._next()
        if word == "in":
            self._want("(")
            wanted = [self._literal()]
            while self._took(","):
                wanted.append(self._literal())
            self._want(")")
            return lambda body: _folded(value(body)) in wanted
        if word not in {"eq", "ne"}:
            raise self._wrong()
        self._needs_advanced(word)
        literal = self._literal()
        if word == "eq":
            return lambda body: bool(_folded(value(body)) == literal)
        return lambda body: bool(_folded(value(body)) != literal)

    def _function(self, name: str, value: Callable[[Body, str], Any]) -> Test:
        self._needs_advanced(name)
        self._want("(")
        key = self._next()
        self._check(key)
        self._want(",")
        literal = self._literal()
        self._want(")")
        return lambda body: _FUNCTIONS[name](str(_folded(value(body, key)) or ""), str(literal))

    def _any(self, name: str) -> Test:
        self._check(name)
        self._want("(")
        variable = self._next()
        self._want(":")
        if self._next() != variable or self._next() != "eq":
            raise self._wrong()
        literal = self._literal()
        self._want(")")
        return lambda body: any(_folded(entry) == literal for entry in body.get(name) or ())

    def _literal(self) -> Any:
        token = self._next()
        if token.startswith("'"):
            return token[1:-1].replace("''", "'").casefold()
        if token in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[token]
        raise self._wrong()

    def _check(self, name: str) -> None:
        check_known([name], self.known)
        if name in NOT_FILTERABLE:
            raise unsupported(f"Unsupported or invalid query filter clause specified for property '{name}'.")

    def _needs_advanced(self, word: str) -> None:
        if word in _ADVANCED and not self.advanced:
            raise unsupported(
                f"Operator '{word}' is only supported with ConsistencyLevel: eventual and $count=true."
            )

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            raise self._wrong()
        self.at += 1
        return self.tokens[self.at - 1]

    def _took(self, token: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == token:
            self.at += 1
            return True
        return False

    def _want(self, token: str) -> None:
        if self._next() != token:
            raise self._wrong()

    def _wrong(self) -> Refusal:
        return Refusal(400, "BadRequest", f"Invalid filter clause: {self.text}")


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
