"""Which services may be looked at from outside, and where they answer. A file of the project says so.

Only what stands there is ever connected to: an input names a service and never an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from runbook_exec import document
from runbook_exec.check import nearest
from runbook_exec.errors import Invalid


class Outside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a service answers its clients."""

    address: str
    port: int
    server_name: str = ""
    """The name that its certificate must bear; empty: the address."""
    ca: str = ""
    """File of the certificate authority, below the project; empty: those of this machine."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service of the file."""

    name: str
    outside: Outside
    folder: Path
    """What `ca` is below."""

    @property
    def ca(self) -> Path | None:
        return self.folder / self.outside.ca if self.outside.ca else None


def load(folder: Path, file: str) -> Mapping[str, Service]:
    """The services of a file that say where they answer. Other keys of theirs are for runbooks."""
    path = folder / file
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"the file of services cannot be read: {error.strerror}",
            where=str(path),
            next_move="correct `services:` of the connection `probe`",
        ) from error
    body: Any = document.parse(text, file=file).data
    if not isinstance(body, Mapping):
        raise Invalid("it is no list of services by name", where=str(path))
    found = {}
    for name, entry in body.items():
        if isinstance(entry, Mapping) and "outside" in entry:
            found[str(name)] = Service(name=str(name), outside=_outside(entry, path, name), folder=folder)
    return found


def one(services: Mapping[str, Service], name: str) -> Service:
    """The service of this name; says what is near where there is none."""
    if name not in services:
        raise Invalid(
            f"nobody says where the service {name!r} answers",
            where="inventory of services",
            next_move=nearest(name, sorted(services)) if services else "add it, with `outside:`",
        )
    return services[name]


def _outside(entry: Mapping[str, Any], path: Path, name: object) -> Outside:
    try:
        return msgspec.convert(entry["outside"], Outside)
    except msgspec.ValidationError as error:
        raise Invalid(
            str(error), where=f"{path}: {name}: outside", next_move="address, port, server_name, ca"
        ) from error
