"""What a crash is tried on: a runbook, its far sides, and what they themselves say was done to them."""

from __future__ import annotations

import json
import re
import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")
RUN = re.compile(r"\d{6}-[23456789abcdefghjkmnpqrstvwxyz]{5}")


class Trial(ABC):
    """One runbook on its far sides. Each `key` (a login, say) is a run of its own that meets no other."""

    name: str
    steps: str
    """The steps, as YAML."""
    renewed: frozenset[str] = frozenset()
    """Effects that may come again: they set a secret that died with the process, so a new one is made."""

    @abstractmethod
    def connections(self) -> dict[str, Any]:
        """For `runbook.yaml`."""

    @abstractmethod
    def effects(self, key: str) -> Counter[str]:
        """Every write that the far sides carried out for this key, by their own logs."""

    @abstractmethod
    def state(self, key: str) -> Any:
        """What is so at the far sides for this key, without times and made-up ids."""

    def happened(self, key: str, step: str) -> bool:
        """What a person finds who looks whether a step in doubt happened."""
        raise AssertionError(f"step {step} of {self.name} should never be in doubt")

    def project(self, folder: Path, *, lease: str = "60s") -> Path:
        """A fresh project folder."""
        folder.mkdir(parents=True)
        (folder / "runbooks").mkdir()
        (folder / "runbooks" / "trial.yaml").write_text(
            "runbook: trial\ntitle: {en: Trial, de: Probe}\nsubject: '{{ login }}'\n"
            "inputs: {type: object, required: [login], properties: {login: {type: string}}}\n"
            "sections:\n  - title: {en: All, de: Alles}\n    steps:\n" + self.steps
        )
        shutil.copytree(REPOSITORY / "templates", folder / "templates")
        here = {"kind": "real", "ask_before_writing": False, "connections": self.connections()}
        (folder / "runbook.yaml").write_text(
            json.dumps({"client": "kranich", "lease": lease, "environments": {"here": here}})
        )
        return folder

    def command(self, key: str) -> list[str]:
        """The arguments of `runbook` that begin a run."""
        return ["run", "trial", "-i", f"login={key}"]

    resume: tuple[str, ...] = ()
    """What `runbook resume RUN` is given besides."""


def anonymous(value: Any, key: str) -> Any:
    """The value with what differs between two runs replaced: the key, ids, the run's name."""
    text = json.dumps(value, sort_keys=True, default=str)
    text = re.sub(re.escape(key), "KEY", text, flags=re.IGNORECASE)
    return json.loads(PORT.sub("PORT", RUN.sub("RUN", ID.sub("ID", text))))


def counted(effects: Iterator[Any], key: str) -> Counter[str]:
    return Counter(json.dumps(anonymous(effect, key), sort_keys=True) for effect in effects)


@contextmanager
def secret_file(folder: Path, name: str, value: str) -> Iterator[str]:
    """A reference to a secret for `runbook.yaml`."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(value)
    yield f"file:{path}"
