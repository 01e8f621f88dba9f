"""Action cases as data: arguments + what is read → the change. One YAML file a case.

says: creates a disabled account where none exists    # the sentence that must be true
example: true                                         # shown on the action's page
with: {dn: …}                                         # as in a runbook; a secret: {$secret: its rule}
facts:                                                # what reading answers; others do not exist
  - {kind: ldap.entry, key: "cn=…", state: {cn: Anna}}
change: {target: …, before: {…}, after: {…}, …}       # any fields of Change, compared one by one
undo: {before: {…}, after: {…}}                       # optional; or  irreversible: part of the reason
afterwards: [{kind: …, key: …, state: {…}}]           # what undoing reads, where the change's own effects do not say it
error: {kind: refused, what: part of the sentence}    # instead of change
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from runbook_exec.action import Action, find, make_args
from runbook_exec.change import Assumed, Change, Deferred, Evidence, Irreversible, Ref
from runbook_exec.plan import gather
from runbook_exec.secret import Secret
from runbook_exec.values import plain

FOLDER = Path(__file__).parent / "actions"


@dataclass(frozen=True)
class Case:
    file: Path
    body: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.file.relative_to(FOLDER).with_suffix(""))

    @property
    def action(self) -> Action[Any]:
        found = find(self.file.parent.name)
        assert found is not None, f"{self.file.parent.name} is no action"
        return found

    def args(self) -> Any:
        return make_args(self.action, _values(self.body.get("with", {})), where=self.id)

    def read(self, refs):
        facts = {Ref(f["kind"], f["key"]): _state(f) for f in self.body.get("facts", [])}
        return {ref: facts.get(ref) for ref in refs}

    def read_by_id(self, refs):
        """As `read`; what was read by its name can be read by its immutable id, too."""
        facts = self.body.get("facts", [])
        names = {f["state"]["id"]: f["key"] for f in facts if f["state"] and "id" in f["state"]}
        asked = {ref: Ref(ref.kind, names.get(ref.key, ref.key)) for ref in refs}
        found = self.read([ref for ref in asked.values() if ref.kind != "ldap.place"])
        places = {
            ref: {"dn": names[ref.key]} for ref in refs if ref.kind == "ldap.place" and ref.key in names
        }
        return {ref: places.get(ref) or found.get(asked[ref]) for ref in refs}

    def read_afterwards(self, refs):
        """What the case says about the world once its change is made."""
        facts = {Ref(f["kind"], f["key"]): f["state"] for f in self.body.get("afterwards", [])}
        return {ref: facts[ref] for ref in refs if ref in facts}

    def change(self) -> Change:
        args = self.args()
        return self.action.plan(args, gather(self.action, args, self.read))


def _values(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$secret"}:
            return Secret.planned(value["$secret"])
        if set(value) == {"$deferred"}:
            step, _, path = value["$deferred"].partition(".")
            return Deferred(step, path)
        return {key: _values(item) for key, item in value.items()}
    return [_values(item) for item in value] if isinstance(value, list) else value


def _state(fact: dict[str, Any]) -> Any:
    return Assumed(fact["state"], step=fact["assumed"]) if "assumed" in fact else fact["state"]


def every_case() -> list[Case]:
    return [Case(file, yaml.safe_load(file.read_text())) for file in sorted(FOLDER.glob("*/*.yaml"))]


def differences(case: Case, change: Change) -> dict[str, Any]:
    """Fields of the change that are not as the case says: name → (expected, got)."""
    wanted = case.body["change"]
    unknown = set(wanted) - {f.name for f in fields(Change)}
    assert not unknown, f"{case.id}: {unknown} are no fields of a change"
    got = {name: plain(getattr(change, name)) for name in wanted}
    return {name: (wanted[name], got[name]) for name in wanted if wanted[name] != got[name]}


def undone(case: Case, change: Change) -> Change | Irreversible:
    return case.action.undo(change, Evidence(answer={}, undo=case.body.get("evidence", {})))
