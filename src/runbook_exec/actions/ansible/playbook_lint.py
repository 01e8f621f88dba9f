"""What our playbooks may not contain, told with file, line and column.

Check mode is only as honest as the playbook: `check_mode: false`, lookups and tasks that
run on this machine act for real in a dry run. A playbook with a finding is not run at all,
so the read-only session rests on this as much as `runbook doctor` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from runbook_exec.actions.ansible import playbook_rules as rules
from runbook_exec.errors import Invalid, Problems

Keys = Mapping[str, tuple[yaml.Node, yaml.Node]]

_LOOKUP = re.compile(r"\b(?:lookup|query|q)\b\s*\)?\s*\(")
_THIS_MACHINE = re.compile(r"localhost|127\.0\.0\.1")


def problems(playbook: Path, *, root: Path, secrets: Sequence[str] = ()) -> list[Invalid]:
    """Everything that forbids running this playbook. `secrets` are the variables that hold some."""
    walk = _Walk(root=root.resolve(), secrets=frozenset(secrets))
    for name in rules.PLUGIN_FOLDERS:
        folder = playbook.parent / name
        if folder.exists():
            what = "holds code that Ansible would run on this machine"
            walk.found.append(Invalid(what, where=walk.shown(folder), next_move="remove the folder"))
    _File(walk, playbook.resolve()).look(as_playbook=True)
    return walk.found


def refuse(playbook: Path, *, root: Path, secrets: Sequence[str] = ()) -> None:
    """Raise all problems of a playbook at once."""
    found = problems(playbook, root=root, secrets=secrets)
    if len(found) == 1:
        raise found[0]
    if found:
        raise Problems(found)


def every_playbook(folder: Path) -> Iterator[Path]:
    """Playbooks of a project: the files that hold plays, not those that hold tasks to include."""
    for file in sorted(folder.glob("**/*.y*ml")):
        if re.search(r"^\s*-?\s*hosts\s*:", file.read_text(encoding="utf-8"), re.MULTILINE):
            yield file


@dataclass(kw_only=True)
class _Walk:
    """Through one playbook and what it includes."""

    root: Path
    """Includes may not lead out of this folder."""
    secrets: frozenset[str]
    found: list[Invalid] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def shown(self, file: Path) -> str:
        """The path as people know it, from the project folder on."""
        base = self.root.parent
        return str(file.resolve().relative_to(base)) if file.resolve().is_relative_to(base) else str(file)


class _File:
    """One file of plays or of tasks."""

    def __init__(self, walk: _Walk, file: Path) -> None:
        self.walk, self.file = walk, file

    def look(self, *, as_playbook: bool) -> None:
        if self.file in self.walk.seen:
            return
        self.walk.seen.add(self.file)
        tree = self._tree()
        if tree is None:
            return
        for text in _texts(tree):
            if _LOOKUP.search(text.value):
                self.say(
                    text, "looks something up on this machine, in a dry run too", "pass it as a variable"
                )
        for node in tree.value:
            self._play(node) if as_playbook else self._task(node)

    def say(self, node: yaml.Node | None, what: str, next_move: str) -> None:
        where = self.walk.shown(self.file)
        if node is not None and node.start_mark is not None:
            where += f":{node.start_mark.line + 1}:{node.start_mark.column + 1}"
        self.walk.found.append(Invalid(what, where=where, next_move=next_move))

    def _tree(self) -> yaml.SequenceNode | None:
        """The file's list, or None with a finding."""
        try:
            text = self.file.read_text(encoding="utf-8")
            aliases = [e for e in yaml.parse(text, Loader=yaml.SafeLoader) if isinstance(e, yaml.AliasEvent)]
            if aliases:
                # a merge key could bring in what this walk does not see
                self.say(None, f"uses the alias *{aliases[0].anchor}", "write it out")
                return None
            tree = yaml.compose(text, Loader=yaml.SafeLoader)
        except OSError as error:
            self.say(None, f"cannot be read: {error.strerror}", "correct the path")
            return None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            self.say(None, f"is no YAML: {error}", "check quotes and indentation")
            return None
        if isinstance(tree, yaml.SequenceNode):
            return tree
        self.say(tree, "is no list of plays or tasks", "begin each with `- name:`")
        return None

    def _play(self, node: yaml.Node) -> None:
        keys = _mapping(node)
        for name, (_, value) in keys.items():
            if _short(name) == "import_playbook":
                self._include(value, as_playbook=True)
        self._keywords(keys)
        hosts = keys.get("hosts")
        if hosts and any(_THIS_MACHINE.search(text.value) for text in _texts(hosts[1])):
            self.say(hosts[1], "runs on this machine", "hosts: all, since the step names the hosts")
        self._hidden(node, keys)
        self._lists(keys)

    def _task(self, node: yaml.Node) -> None:
        keys = _mapping(node)
        self._keywords(keys)
        self._hidden(node, keys)
        self._lists(keys)
        for name in keys:
            if name not in rules.TASK_KEYWORDS and not name.startswith("with_"):
                self._module(name, keys)

    def _lists(self, keys: Keys) -> None:
        for name in rules.TASK_LISTS:
            if name in keys and isinstance(keys[name][1], yaml.SequenceNode):
                for task in keys[name][1].value:
                    self._task(task)

    def _keywords(self, keys: Keys) -> None:
        for name, (key, value) in keys.items():
            if name in rules.FORBIDDEN_KEYWORDS:
                what, next_move = rules.FORBIDDEN_KEYWORDS[name]
                self.say(key, f"{name}: {what}", next_move)
            if name.startswith("with_"):
                self.say(key, f"{name}: looks up its items on this machine", "use loop:")
            if name == "check_mode" and not _is_true(value):
                self.say(key, "check_mode: makes the task act in a dry run too", "remove it")

    def _module(self, name: str, keys: Keys) -> None:
        key, value = keys[name]
        short = _short(name)
        if "." not in name:
            what = f"{name} is a short name: a file beside the playbook could stand in for it"
            self.say(key, what, f"write ansible.builtin.{name}")
        elif short in rules.FORBIDDEN_MODULES:
            what, next_move = rules.FORBIDDEN_MODULES[short]
            self.say(key, f"{short} {what}", next_move)
        elif short in rules.INCLUDES:
            self._include(value, as_playbook=False)
        elif short in rules.COMMANDS:
            self._command(short, key, {*_mapping(value), *_mapping(keys.get("args", (key, key))[1])}, keys)

    def _command(self, short: str, key: yaml.Node, given: set[str], keys: Keys) -> None:
        if not given & {"creates", "removes"}:
            what = f"{short} without creates: or removes: is skipped by check mode, so no plan can show it"
            self.say(key, what, "say which file it creates or removes, or use a module")
        if "changed_when" not in keys:
            self.say(key, f"{short} without changed_when: always claims a change", "add changed_when:")

    def _include(self, value: yaml.Node, *, as_playbook: bool) -> None:
        node = _mapping(value).get("file", (value, value))[1]
        if not isinstance(node, yaml.ScalarNode) or "{{" in node.value:
            self.say(node, "includes what only a run decides", "name the file")
            return
        target = (self.file.parent / node.value).resolve()
        if not target.is_relative_to(self.walk.root):
            self.say(node, "leads out of playbooks/", "move the file")
            return
        _File(self.walk, target).look(as_playbook=as_playbook)

    def _hidden(self, node: yaml.Node, keys: Keys) -> None:
        """Whatever reads a secret says `no_log: true`; the tasks of a play or block are looked at one by one."""
        if "no_log" in keys and _is_true(keys["no_log"][1]):
            return
        own = [value for name, (_, value) in keys.items() if name not in rules.TASK_LISTS]
        words = {word for value in own for text in _texts(value) for word in re.findall(r"\w+", text.value)}
        for name in sorted(self.walk.secrets & words):
            self.say(node, f"reads the secret {name!r} and would show it", "add no_log: true")


def _short(name: str) -> str:
    return name.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


def _mapping(node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): (key, value) for key, value in node.value}


def _texts(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    match node:
        case yaml.ScalarNode():
            yield node
        case yaml.SequenceNode():
            for item in node.value:
                yield from _texts(item)
        case yaml.MappingNode():
            for key, value in node.value:
                yield from _texts(key)
                yield from _texts(value)


def _is_true(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and str(node.value).lower() in {"true", "yes"}
