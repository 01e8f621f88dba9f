"""The static YAML inventory: which hosts and groups there are, and which names it defines.

Read by us as well as by Ansible, so that a host is known before anything is started, and
so that nothing else than a YAML file (no script, no plugin) is ever run as an inventory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from runbook_exec.errors import Invalid

_RANGE = re.compile(r"\[(\d+|[a-zA-Z]):(\d+|[a-zA-Z])\]")
MOST_OF_A_RANGE = 10_000


class _Loader(yaml.SafeLoader):
    """Reads `!vault` and `!unsafe` values as the text they hold."""


_Loader.add_multi_constructor("!", lambda loader, _, node: getattr(node, "value", None))


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Names only; connection details stay Ansible's business."""

    file: Path
    groups: Mapping[str, tuple[str, ...]]
    """Every group, `all` among them, with its hosts and those of its children."""
    hosts: tuple[str, ...]
    variables: frozenset[str]
    """Names that the inventory gives a value; a step may not override them."""

    def resolve(self, names: Sequence[str]) -> tuple[str, ...]:
        """The hosts that these names of hosts and groups mean; raises `Invalid` for unknown ones."""
        found: dict[str, None] = {}
        for name in names:
            if name not in self.groups and name not in self.hosts:
                known = [*self.groups, *self.hosts]
                close = get_close_matches(name, known, 1)
                raise Invalid(
                    f"the inventory knows no host or group {name!r}",
                    where=str(self.file),
                    next_move=f"did you mean {close[0]!r}?"
                    if close
                    else "known: " + ", ".join(sorted(known)[:20]),
                )
            members = self.groups.get(name, (name,))
            if not members:
                raise Invalid(
                    f"the group {name!r} has no hosts",
                    where=str(self.file),
                    next_move="add a host to it, or name another group",
                )
            found.update(dict.fromkeys(members))
        return tuple(found)


def load(file: Path) -> Inventory:
    """Read an inventory file; raises `Invalid` where it is no static YAML inventory."""
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise Invalid(
            f"the inventory cannot be read: {error.strerror}",
            where=str(file),
            next_move="correct `inventory:` of the ansible connection",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Invalid(
            "the inventory is no YAML file",
            where=str(file),
            next_move="turn it into one: ansible-inventory -i OLD --list --yaml --output inventory/hosts.yaml",
        ) from error
    if not isinstance(data, Mapping):
        raise Invalid("the inventory is empty", where=str(file), next_move="add hosts below `all:`")
    reader = _Reader(file)
    for name, body in data.items():
        reader.group(str(name), body)
    return reader.inventory()


class _Reader:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.direct: dict[str, dict[str, None]] = {}
        self.children: dict[str, dict[str, None]] = {}
        self.variables: set[str] = set()

    def group(self, name: str, body: Any, depth: int = 0) -> None:
        if not isinstance(body, Mapping | None) or depth > 50:
            raise Invalid(f"the group {name!r} is no mapping", where=str(self.file))
        body = body or {}
        hosts = self.direct.setdefault(name, {})
        children = self.children.setdefault(name, {})
        for pattern, values in (body.get("hosts") or {}).items():
            hosts.update(dict.fromkeys(expanded(str(pattern), self.file)))
            self.variables |= {str(key) for key in values or {}}
        self.variables |= {str(key) for key in body.get("vars") or {}}
        for child, inner in (body.get("children") or {}).items():
            children[str(child)] = None
            self.group(str(child), inner, depth + 1)

    def inventory(self) -> Inventory:
        groups = {name: tuple(dict.fromkeys(self._members(name, frozenset()))) for name in self.direct}
        hosts = tuple(dict.fromkeys(host for members in groups.values() for host in members))
        groups["all"] = hosts
        return Inventory(
            file=self.file, groups=groups, hosts=hosts, variables=frozenset(self.variables) | self._files()
        )

    def _members(self, name: str, seen: frozenset[str]) -> Iterator[str]:
        yield from self.direct.get(name, ())
        for child in self.children.get(name, ()):
            if child not in seen:
                yield from self._members(child, seen | {name})

    def _files(self) -> set[str]:
        """Names defined in group_vars/ and host_vars/ beside the inventory."""
        names: set[str] = set()
        for kind in ("group_vars", "host_vars"):
            for file in sorted((self.file.parent / kind).rglob("*.y*ml")):
                data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - same
                names |= {str(key) for key in data or {}}
        return names


def expanded(pattern: str, file: Path) -> Iterator[str]:
    """`web[01:03]` → web01, web02, web03, as Ansible reads it."""
    found = _RANGE.search(pattern)
    if not found:
        yield pattern
        return
    first, last = found.groups()
    if first.isdigit() and last.isdigit():
        width = len(first) if first.startswith("0") else 0
        count = range(int(first), int(last) + 1)
        steps = [str(number).zfill(width) for number in count[: MOST_OF_A_RANGE + 1]]
    else:
        steps = [chr(code) for code in range(ord(first[0]), ord(last[0]) + 1)]
    if not steps or len(steps) > MOST_OF_A_RANGE:
        raise Invalid(
            f"the range in {pattern!r} has no hosts or too many",
            where=str(file),
            next_move="write it as [first:last]",
        )
    for step in steps:
        yield from expanded(pattern[: found.start()] + step + pattern[found.end() :], file)
