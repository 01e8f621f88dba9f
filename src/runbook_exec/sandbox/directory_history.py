"""What AD keeps of changes: of each attribute and each link value the last one, with its time and number.

Served as AD serves it (MS-ADTS 3.1.1.3.1.1.3 ff.): `msDS-ReplAttributeMetaData` and
`msDS-ReplValueMetaData`, one XML text a value, each with a NUL at its end. Nobody's name is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.sax.saxutils import escape

from runbook_exec.sandbox.directory_attributes import CONSTRUCTED, LINKS
from runbook_exec.sandbox.directory_entry import Entry

NEVER = "1601-01-01T00:00:00Z"
DSA = "7d3c1a52-6a0e-4c58-9f2b-2f8e51c0a001"
"""The one controller's invocation id."""
_LOCAL = frozenset(
    {
        "badPasswordTime", "badPwdCount", "lastLogoff", "lastLogon", "logonCount", "uSNChanged", "uSNCreated",
        "whenChanged", "distinguishedName",
    }
) | CONSTRUCTED  # fmt: skip
"""Kept by each controller for itself; a replica has no word of them."""


def note(draft: Entry, before: Entry | None, *, time: str, usn: str) -> None:
    """Write down what differs between an entry and what it was, as changed at `time` (generalized)."""
    at = _iso(time)
    for name in _changed(draft, before):
        version = int(draft.history.get(name, ["0"])[0]) + 1
        draft.history[name] = [str(version), at, usn]
    for name in LINKS:
        was, now = set(before.links.get(name, ()) if before else ()), set(draft.links.get(name, ()))
        for target in was ^ now:
            old = draft.link_history.setdefault(name, {}).get(target, ["0", at, "", "", ""])
            gone = at if target in was else NEVER
            draft.link_history[name][target] = [str(int(old[0]) + 1), old[1], at, usn, gone]


def _changed(draft: Entry, before: Entry | None) -> Iterator[str]:
    old = before or Entry(guid=draft.guid, dn="")
    for store in ("attributes", "binary"):
        now, was = getattr(draft, store), getattr(old, store)
        yield from sorted(
            n for n in {*now, *was} if n not in _LOCAL and n not in LINKS and now.get(n) != was.get(n)
        )
    if draft.password != old.password:
        yield "unicodePwd"
    if draft.deleted != old.deleted:
        yield "isDeleted"
    if draft.dn != old.dn:
        yield "name"


def backdate(entry: Entry, since: str, time: str) -> None:
    """Let what happened to an entry since a moment have happened at `time` instead (both ISO 8601, to the second)."""

    def then(at: str) -> str:
        return time if at >= since else at

    entry.history = {name: [version, then(at), usn] for name, (version, at, usn) in entry.history.items()}
    for targets in entry.link_history.values():
        for target, (version, made, at, usn, gone) in targets.items():
            targets[target] = [version, then(made), then(at), usn, gone]


def attributes(entry: Entry, dsa: str) -> list[str]:
    """One value for each attribute."""
    return [
        _xml(
            "DS_REPL_ATTR_META_DATA",
            pszAttributeName=name,
            dwVersion=version,
            ftimeLastOriginatingChange=at,
            uuidLastOriginatingDsaInvocationID=DSA,
            usnOriginatingChange=usn,
            usnLocalChange=usn,
            pszLastOriginatingDsaDN=dsa,
        )
        for name, (version, at, usn) in sorted(entry.history.items())
    ]


def links(entry: Entry, dsa: str, name_of: Callable[[str], str]) -> list[str]:
    """One value for each link, those that were taken away included; `name_of` gives an entry's name by its id."""
    return [
        _xml(
            "DS_REPL_VALUE_META_DATA",
            pszAttributeName=attribute,
            pszObjectDn=name_of(target),
            cbData="0",
            pbData="",
            ftimeDeleted=gone,
            ftimeCreated=made,
            dwVersion=version,
            ftimeLastOriginatingChange=at,
            uuidLastOriginatingDsaInvocationID=DSA,
            usnOriginatingChange=usn,
            usnLocalChange=usn,
            pszLastOriginatingDsaDN=dsa,
        )
        for attribute, targets in sorted(entry.link_history.items())
        for target, (version, made, at, usn, gone) in sorted(targets.items())
        if name_of(target)
    ]


def _xml(kind: str, **fields: str) -> str:
    body = "".join(f"\t<{name}>{escape(value)}</{name}>\n" for name, value in fields.items())
    return f"<{kind}>\n{body}</{kind}>\n\0"


def _iso(time: str) -> str:
    """`20261125010537.0Z` → `2026-11-25T01:05:37Z`."""
    return f"{time[:4]}-{time[4:6]}-{time[6:8]}T{time[8:10]}:{time[10:12]}:{time[12:14]}Z"
