"""Secrets by reference: where a value is that must not stand in a file, and the value itself.

`env:NAME`, `file:/path`, `credential:NAME` (systemd), `keyring:service/name`; looked up when a connection
is opened, and never kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from runbook_exec.change import Json
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret

SECRET_KEYS = frozenset({"password", "secret", "token", "passphrase", "secret_access_key"})
"""Keys of a connection whose values must be references, also as the end of a name: `client_secret`."""


def looked_up(key: str, value: Json, where: str) -> Json:
    """A connection's value with its reference looked up; secret keys give a `Secret`."""
    if isinstance(value, Mapping):
        return {name: looked_up(name, item, where) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    if not is_reference(value):
        return value
    text = _look_up(value, f"{where}, {key}")
    return Secret(text, rule=key) if is_secret(key) else text


def is_secret(key: str | int) -> bool:
    """Whether the value under a key of this name must be a reference."""
    return isinstance(key, str) and bool({key.lower(), key.lower().rpartition("_")[2]} & SECRET_KEYS)


def secret_at(reference: str, where: str) -> Secret:
    """What a reference names. Raises `Invalid` for a value that is none."""
    if not is_reference(reference):
        raise Invalid(
            f"{reference!r} is no reference", where=where, next_move="write it as file:/path or env:NAME"
        )
    return Secret(_look_up(reference, where), rule=where)


_REFERENCES = ("env:", "file:", "credential:", "keyring:")


def is_reference(value: str) -> bool:
    """Whether a text says where a value is, instead of being one."""
    return value.startswith(_REFERENCES)


def _look_up(reference: str, where: str) -> str:
    kind, _, name = reference.partition(":")
    if kind == "env":
        found = os.environ.get(name)
    elif kind == "file":
        found = _text(Path(name))
    elif kind == "credential":
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        found = _text(Path(folder) / Path(name).name) if folder else None
    else:
        found = _from_keyring(name, where)
    if not found:
        raise Invalid(
            f"{reference} names nothing", where=where, next_move="set it; `runbook doctor` checks again"
        )
    return found


def _from_keyring(name: str, where: str) -> str | None:
    try:
        import keyring
    except ModuleNotFoundError as error:
        raise Invalid(
            "keyring: needs the package keyring", where=where, next_move="pip install keyring"
        ) from error
    service, _, user = name.partition("/")
    found: str | None = keyring.get_password(service, user)
    return found


def _text(path: Path) -> str:
    try:
        return read(path).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Invalid("is no text", where=str(path), next_move="save the secret as UTF-8") from error


def read(path: Path) -> bytes:
    """A file's bytes; says what to do where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"cannot be read: {error.strerror}",
            where=str(path),
            next_move="correct the name in runbook.yaml, or make the file readable for whoever runs this",
        ) from error
