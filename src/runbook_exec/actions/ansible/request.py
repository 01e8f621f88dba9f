"""What a step asks of Ansible: which playbook or module, where, with which values.

A request is pure data and holds no secret, only the rule of each. Its canonical JSON is
the key of the `ansible.check` fact: what check mode says about exactly this request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runbook_exec.actions.ansible.variables import checked_name, wrapped
from runbook_exec.change import Json, Ref
from runbook_exec.errors import Invalid
from runbook_exec.values import canonical

KIND = "ansible.check"

_PLAYBOOK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9_-]*)*\.ya?ml")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")

MODULES = frozenset({
    "blockinfile", "copy", "file", "group", "hostname", "lineinfile", "package", "replace",
    "service", "systemd_service", "user",
})  # fmt: skip
"""Modules of ansible.builtin that a step may use alone: their check mode is honest, and none of them
runs a command of the caller's or reads files of this machine."""

_NO_FREE_SHELL = ("validate", "cmd", "free_form")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One playbook or one module, its hosts and its values."""

    hosts: tuple[str, ...]
    """Names of hosts or groups of the inventory, never patterns."""
    playbook: str = ""
    module: str = ""
    values: Mapping[str, Json] = field(default_factory=dict)
    """Variables of the playbook, or arguments of the module."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Name → rule of each secret; its value travels apart."""
    back: Mapping[str, Json] | None = None
    """The request that takes this one back, if the step names one."""

    @property
    def title(self) -> str:
        """How people call it: the playbook's file or the module's short name."""
        return self.playbook or self.module.removeprefix("ansible.builtin.")

    @property
    def target(self) -> str:
        return f"{', '.join(self.hosts)}: {self.title}"

    @property
    def ref(self) -> Ref:
        return Ref(KIND, canonical(self.plain()).decode())

    def plain(self) -> dict[str, Json]:
        """The request as JSON that can be shown and kept."""
        kept: dict[str, Json] = {"hosts": list(self.hosts)}
        for name in ("playbook", "module", "values", "secrets", "back"):
            value = getattr(self, name)
            if value:
                kept[name] = value
        return kept


def request(
    *,
    hosts: str | Sequence[str],
    playbook: str = "",
    module: str = "",
    values: Mapping[str, Json],
    secrets: Mapping[str, str],
    back: Mapping[str, Json] | None = None,
) -> Request:
    """A request whose names are all checked; raises `Invalid` for what could be anything else than data."""
    names = [hosts] if isinstance(hosts, str) else list(hosts)
    if not names:
        raise Invalid("no host is named", next_move="give the name of a host or group of the inventory")
    made = Request(
        hosts=tuple(dict.fromkeys(_checked_host(name) for name in names)),
        playbook=_checked_playbook(playbook) if playbook else "",
        module=_checked_module(module) if module else "",
        values=dict(values),
        secrets=dict(secrets),
        back=back,
    )
    for name in (*made.values, *made.secrets):
        if made.playbook:
            checked_name(name)
        else:
            _checked_argument(name)
    twice = sorted(set(made.values) & set(made.secrets))
    if twice:
        raise Invalid(f"{twice[0]!r} is given both openly and as a secret", next_move="remove one of the two")
    if made.module:
        _no_local_files(made)
    wrapped(made.values)
    return made


def parsed(key: str | Mapping[str, Json]) -> Request:
    """The request behind the key of a fact, or behind its plain form; checked again."""
    body: dict[str, Any] = dict(json.loads(key) if isinstance(key, str) else key)
    return request(
        hosts=body["hosts"],
        playbook=body.get("playbook", ""),
        module=body.get("module", ""),
        values=body.get("values", {}),
        secrets=body.get("secrets", {}),
        back=body.get("back"),
    )


def _checked_host(name: Json) -> str:
    if not isinstance(name, str) or not _HOST.fullmatch(name):
        raise Invalid(
            f"{name!r} is no name of a host or group",
            next_move="patterns are not taken: list the hosts or groups by name",
        )
    return name


def _checked_playbook(path: str) -> str:
    if not _PLAYBOOK.fullmatch(path):
        raise Invalid(
            f"{path!r} is no playbook of this project",
            next_move="give its path inside the folder playbooks/, for example home_drive.yml",
        )
    return path


def _checked_module(name: str) -> str:
    short = name.removeprefix("ansible.builtin.")
    if short not in MODULES:
        raise Invalid(
            f"the module {name!r} cannot be used by a step alone",
            next_move="allowed: " + ", ".join(sorted(MODULES)) + "; for anything else write a playbook",
        )
    return f"ansible.builtin.{short}"


def _checked_argument(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) or name in _NO_FREE_SHELL:
        raise Invalid(
            f"the argument {name!r} is not taken here: it would let a step run a command of its own",
            next_move="remove it, or write a playbook",
        )
    return name


def _no_local_files(made: Request) -> None:
    given = {*made.values, *made.secrets}
    if "src" in given and made.module.endswith(".copy") and made.values.get("remote_src") is not True:
        raise Invalid(
            "copy with src would read a file of this machine",
            next_move="give content:, or remote_src: true for a file of the host",
        )
