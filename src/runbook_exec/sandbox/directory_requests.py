"""What ldaptor decoded, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ldaptor.protocols import pureber

from runbook_exec.sandbox import directory_root as root
from runbook_exec.sandbox.directory_modify import Edit
from runbook_exec.sandbox.directory_refusal import Code, Refusal, refuse

Controls = dict[str, bytes | None]
"""Values of controls by their number."""

_VERBS: dict[int, Literal["add", "delete", "replace"]] = {0: "add", 1: "delete", 2: "replace"}


def named_controls(controls: Sequence[tuple[Any, Any, Any]]) -> Controls:
    """Controls by number; refused where a critical one is not known here."""
    found: Controls = {}
    for kind, critical, value in controls:
        if critical and text(kind) not in root.CONTROLS:
            raise refuse(Code.unavailable_critical_extension, "00000057", f"control {text(kind)}")
        found[text(kind)] = value
    return found


def paging(controls: Controls) -> tuple[int, bytes]:
    """Size and cookie of the paged results control (RFC 2696); (0, b"") where it is not there."""
    raw = controls.get(root.PAGED)
    if raw is None:
        return 0, b""
    try:
        (pair,) = pureber.berDecodeMultiple(raw, pureber.BERDecoderContext())
        return int(pair[0].value), bytes(pair[1].value)
    except (ValueError, IndexError, TypeError, AttributeError, pureber.BERExceptionInsufficientData):
        raise refuse(Code.protocol_error, "00000057", "paged results control") from None


def guard_password(given: Sequence[str] | dict[str, list[bytes]], *, secure: bool) -> None:
    """No password goes over a line on which anybody could listen."""
    if not secure and any(name.lower() == "unicodepwd" for name in given):
        raise refuse(Code.unwilling_to_perform, "0000001F")


def attributes(listed: Any) -> dict[str, list[bytes]]:
    """Names and values of an add request."""
    found: dict[str, list[bytes]] = {}
    for name, values in listed:
        found.setdefault(text(name.value), []).extend(bytes(value.value) for value in values)
    return found


def edits(listed: Any) -> list[Edit]:
    """The edits of a modify request, in their order."""
    found: list[Edit] = []
    for verb, (name, values) in listed:
        if verb.value not in _VERBS:
            raise Refusal(Code.protocol_error, "increment is not spoken here")
        found.append(Edit(_VERBS[verb.value], text(name.value), [bytes(value.value) for value in values]))
    return found


def text(raw: bytes | str) -> str:
    """Text, whether the decoder left it as bytes or not."""
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
