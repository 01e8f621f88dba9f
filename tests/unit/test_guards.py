"""Who is protected is protected under every spelling of the name."""

from __future__ import annotations

import pytest

from runbook_exec.change import Change
from runbook_exec.guards import line_refusals
from runbook_exec.plan_line import Line, Status


def refused(target: str, *protected: str, writes: tuple[str, ...] = (), identity: str | None = None) -> bool:
    change = Change(
        action="x.y",
        target=target,
        before={"a": 1},
        after={"a": 2},
        says={"en": "x", "de": "x"},
        writes=writes,
        identity=identity,
    )
    line = Line(step="s", title={}, section=0, status=Status.CHANGE, change=change)
    return bool(list(line_refusals([line], {"break-glass": protected})))


@pytest.mark.parametrize(
    ("named", "target"),
    [
        ("CN=Notfall,OU=Admins,DC=x", "cn=notfall,ou=admins,dc=x"),
        ("CN=Notfall, OU=Admins, DC=x", "CN=Notfall,OU=Admins,DC=x"),
        (r"CN=Notfall\2C 1,DC=x", r"CN=Notfall\, 1,DC=x"),
        ("notfall@x.example", "Notfall@X.example"),
        (" notfall@x.example", "notfall@x.example"),
        ("notfall@x.example", "/users/notfall@x.example"),
        ("notfall@x.example", "/users/Notfall%40x.example/manager/$ref"),
    ],
)
def test_a_protected_name_is_known_however_it_is_spelt(named, target):
    assert refused(target, named)
    assert refused("another", named, writes=(target,))


def test_the_immutable_id_protects_too():
    assert refused("CN=Renamed,DC=x", "0F1E", identity="0f1e")


@pytest.mark.parametrize(
    "target", ["CN=Notfall 2,OU=Admins,DC=x", "anna@x.example", "/users/anna@x.example", ""]
)
def test_others_are_free(target):
    assert not refused(target, "CN=Notfall,OU=Admins,DC=x", "notfall@x.example")
