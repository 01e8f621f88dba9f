"""Values on their way out: plain JSON for journals and plans, and commitments for digests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
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
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=canonical)
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": str(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    return value


def lost_secrets(value: Json) -> Json:
    """Stored JSON → values: a marked secret comes back as one that has a rule and no value.

    A value that nobody had when it was stored comes back as one that is still to come.
    """
    if isinstance(value, Mapping):
        if "$deferred" in value:
            return _still_to_come(value)
        if set(value) == {"$secret"}:
            return Secret.planned(value["$secret"])
        return {key: lost_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lost_secrets(item) for item in value]
    return value


def _still_to_come(mark: Mapping[str, Json]) -> Deferred:
    deferred = Deferred(str(mark["$deferred"]).partition(".")[0], "", tuple(mark.get("$parts", ())))
    deferred.label = str(mark["$deferred"])
    return deferred


def kept(value: Json) -> Json:
    """The stored outputs of a step → values, as `lost_secrets`; what never became known is `Deferred` again."""
    if isinstance(value, Mapping):
        if "$deferred" in value:
            step, _, path = str(value["$deferred"]).partition(".")
            return Deferred(step, path, tuple(value.get("$parts", ())))
        return lost_secrets(value) if "$secret" in value else {key: kept(item) for key, item in value.items()}
    return [kept(item) for item in value] if isinstance(value, list) else value


def named(value: Json, step: str) -> Json:
    """The value with every "this" of an action replaced by the step's id."""
    if isinstance(value, Deferred):
        if value.step != THIS:
            return value
        renamed = Deferred(step, "", value.parts)
        renamed.label = _THIS.sub(step, value.label)
        return renamed
    if isinstance(value, Assumed):
        known = {key: named(item, step) for key, item in dict.items(value)}
        return Assumed(known, step=step if value.step == THIS else value.step)
    if isinstance(value, Mapping):
        return {key: named(item, step) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [named(item, step) for item in value]
    return value


_THIS = re.compile(rf"^{THIS}(?=[.\[]|$)|(?<=⟨){THIS}(?=[.\[⟩])")


def named_change(change: Change, step: str) -> Change:
    """The change with every "this" replaced by the step's id."""
    effects = tuple(
        Effect(effect.ref, named(effect.state, step), whole=effect.whole) for effect in change.effects
    )
    return replace(
        change,
        target=named(change.target, step),
        identity=named(change.identity, step),
        involves=named(change.involves, step),
        before=named(change.before, step),
        after=named(change.after, step),
        request=named(change.request, step),
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


def sealed(key: bytes, value: Json) -> Json:
    """The value with each known secret as a commitment: another secret gives another digest."""
    if isinstance(value, Secret) and not value.is_planned:
        return {"$secret": value.rule, "$commitment": commitment(key, value.reveal())}
    if isinstance(value, Mapping):
        return {name: sealed(key, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [sealed(key, item) for item in value]
    return value


def fits(shape: Json, value: Any) -> bool:
    """Whether a concrete value lies inside a stored shape, in which deferred parts may be anything.

    The shape is what `plain` made of arguments at planning time.
    """
    if isinstance(shape, Mapping):
        if "$deferred" in shape:
            return _fits_parts(shape.get("$parts"), value)
        plain_value = value if isinstance(value, Mapping) else plain(value)
        if not isinstance(plain_value, Mapping) or set(shape) != {str(name) for name in plain_value}:
            return False
        return all(fits(shape[str(name)], item) for name, item in plain_value.items())
    if isinstance(shape, list):
        value = list(value) if isinstance(value, list | tuple) else value
        return isinstance(value, list) and len(shape) == len(value) and all(map(fits, shape, value))
    return bool(canonical(shape) == canonical(value))


def _fits_parts(parts: list[str | None] | None, value: Any) -> bool:
    """Whether a text is the fixed parts in order, with anything in place of each None."""
    if parts is None:
        return True
    if _is_secret(value):
        return None in parts  # a secret text is compared nowhere; its rule is its line
    if not isinstance(value, str):
        return False
    start, *middle, end = [*parts, ""] if len(parts) == 1 else parts
    first, last = start or "", end or ""
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    rest = value[len(first) : len(value) - len(last)]
    for part in middle:
        if part:
            _, found, rest = rest.partition(part)
            if not found:
                return False
    return len(parts) > 1 or start is None or not rest


def _is_secret(value: Any) -> bool:
    return isinstance(value, Secret) or (isinstance(value, Mapping) and set(value) == {"$secret"})
