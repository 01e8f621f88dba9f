"""Values on their way out: plain JSON for journals and plans, and commitments for digests."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from runbook_exec.change import Assumed, Change, Deferred, Effect, Json
from runbook_exec.secret import Secret

THIS = "this"
"""What an action calls its own step in a `Deferred`; `named` puts the step's id there."""


def plain(value: Json) -> Json:
    """JSON that can be stored: a `Deferred` and a `Secret` become marked objects without a value."""
    if isinstance(value, Deferred):
        mark: dict[str, Json] = {"$deferred": value.label}
        return {**mark, "$parts": list(value.parts)} if value.parts else mark
    if isinstance(value, Secret):
        return {"$secret": value.rule}
    if isinstance(value, Mapping):
        items = dict.items(value) if isinstance(value, dict) else value.items()
        return {str(key): plain(item) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    return value


def lost_secrets(value: Json) -> Json:
    """Stored JSON → values: a marked secret comes back as one that has a rule and no value."""
    if isinstance(value, Mapping):
        if set(value) == {"$secret"}:
            return Secret.planned(value["$secret"])
        return {key: lost_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lost_secrets(item) for item in value]
    return value


def named(value: Json, step: str) -> Json:
    """The value with every "this" of an action replaced by the step's id."""
    if isinstance(value, Deferred):
        if value.step != THIS:
            return value
        renamed = Deferred(step, "", value.parts)
        renamed.label = step + value.label.removeprefix(THIS)
        return renamed
    if isinstance(value, Assumed):
        known = {key: named(item, step) for key, item in dict.items(value)}
        return Assumed(known, step=step if value.step == THIS else value.step)
    if isinstance(value, Mapping):
        return {key: named(item, step) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [named(item, step) for item in value]
    return value


def named_change(change: Change, step: str) -> Change:
    """The change with every "this" replaced by the step's id."""
    effects = tuple(
        Effect(effect.ref, named(effect.state, step), whole=effect.whole) for effect in change.effects
    )
    return replace(
        change,
        before=named(change.before, step),
        after=named(change.after, step),
        outputs=named(change.outputs, step),
        effects=effects,
    )


def canonical(value: Json) -> bytes:
    """The one byte form of a value: sorted keys, no spaces, UTF-8."""
    return msgspec.json.encode(plain(value), order="deterministic")


def digest(value: Json) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def commitment(key: bytes, value: Json) -> str:
    """A keyed digest: says that a value is the same without letting anyone guess it."""
    return hmac.new(key, canonical(value), hashlib.sha256).hexdigest()


def fits(shape: Json, value: Any) -> bool:
    """Whether a concrete value lies inside a stored shape, in which deferred parts may be anything.

    The shape is what `plain` made of arguments at planning time.
    """
    if isinstance(shape, Mapping):
        if "$deferred" in shape:
            return _fits_parts(shape.get("$parts"), value)
        plain_value = plain(value) if not isinstance(value, Mapping) else value
        if not isinstance(plain_value, Mapping) or set(shape) != set(plain_value):
            return False
        return all(fits(item, plain_value[key]) for key, item in shape.items())
    if isinstance(shape, list):
        value = list(value) if isinstance(value, list | tuple) else value
        return isinstance(value, list) and len(shape) == len(value) and all(map(fits, shape, value))
    return bool(canonical(shape) == canonical(value))


def _fits_parts(parts: list[str | None] | None, value: Any) -> bool:
    if parts is None:
        return True
    if not isinstance(value, str):
        return False
    fixed_start = parts[0] or ""
    fixed_end = parts[-1] or "" if len(parts) > 1 else ""
    if not value.startswith(fixed_start) or not value.endswith(fixed_end):
        return False
    rest = value[len(fixed_start) : len(value) - len(fixed_end)]
    for part in parts[1:-1]:
        if part is not None:
            _, found, rest = rest.partition(part)
            if not found:
                return False
    return len(value) >= len(fixed_start) + len(fixed_end)
