"""Looks at what every far side of the rehearsal holds about one person. Reads only, while the sandbox runs or not."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from runbook_exec.errors import Invalid
from runbook_exec.sandbox import look_access
from runbook_exec.sandbox.directory import Directory, Found
from runbook_exec.sandbox.directory_names import fold, parse
from runbook_exec.sandbox.faults import Faults
from runbook_exec.sandbox.graph_cloud import USERS, Body, Cloud
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.shelf import Shelf
from runbook_exec.sandbox.tickets import FOLDER as DESK
from runbook_exec.tickets.local import FILE

_SHOWN = (
    "displayName",
    "sAMAccountName",
    "userPrincipalName",
    "mail",
    "employeeID",
    "department",
    "title",
    "l",
    "preferredLanguage",
)
_SHOWN_CLOUD = (
    "id",
    "displayName",
    "userPrincipalName",
    "mail",
    "accountEnabled",
    "userType",
    "usageLocation",
    "employeeId",
)


def look_person(folder: Path, who: str) -> dict[str, Any]:
    """By place (directory, cloud, licences, aws, access, mails, home, tickets): what is there about a person, as plain data.

    `who` is a login, an address or the part before its @, an employee id, or a full name.
    None or an empty list where a place has nothing.
    """
    if not (folder / "company.sqlite").exists():
        raise Invalid("there is no rehearsal company yet", next_move="run `runbook sandbox start`")
    with closing(Shelf(folder / "company.sqlite")) as shelf:
        faults = Faults(shelf)
        directory, cloud = Directory(shelf, faults), Cloud(shelf, faults)
        entry = _in_directory(directory, fold(who))
        user = _in_cloud(cloud, fold(who), entry)
        if entry is None and user is None:
            raise Invalid(
                f"neither the directory nor the cloud knows {who!r}",
                next_move="name a login, an address, an employee id or a full name",
            )
        sam = entry.one("sAMAccountName") if entry else None
        return {
            "directory": _entry(entry) if entry else None,
            "cloud": _user(user, cloud) if user else None,
            "licences": _licences(user, cloud) if user else [],
            "aws": _aws(shelf, entry, user),
            "access": look_access.access(user, cloud) if user else {},
            "mails": list(_mails(shelf, _addresses(entry, user))),
            "home": list(_homes(folder, sam)) if sam else [],
            "tickets": list(_tickets(folder / DESK / FILE, _called(entry, user))),
        }


def _in_directory(directory: Directory, who: str) -> Found | None:
    """The live entry first, then a deleted one."""
    people = [
        entry
        for entry in directory.everything(deleted=True)
        if entry.attributes["objectClass"][-1] == "user" and who in _names(entry)
    ]
    return next((entry for entry in people if not entry.deleted), people[0] if people else None)


def _names(entry: Found) -> set[str]:
    known = [
        entry.one(n) or ""
        for n in ("sAMAccountName", "userPrincipalName", "mail", "employeeID", "displayName")
    ]
    return {fold(name) for name in (*known, known[1].partition("@")[0]) if name}


def _in_cloud(cloud: Cloud, who: str, entry: Found | None) -> Body | None:
    """The user who belongs to the entry, or who is so called."""
    for user in (*cloud.users(), *cloud.deleted("user")):
        if entry is not None and user.get("onPremisesSamAccountName") == entry.one("sAMAccountName"):
            return user
        name = str(user.get("_name") or user["userPrincipalName"])
        called = (
            name,
            name.partition("@")[0],
            user.get("mail"),
            user.get("displayName"),
            user.get("employeeId"),
        )
        if entry is None and who in {fold(str(word)) for word in called if word}:
            return user
    return None


def _entry(entry: Found) -> dict[str, Any]:
    shown = {name: value for name in _SHOWN if (value := entry.one(name))}
    return {
        "where": entry.dn,
        "state": "deleted" if entry.deleted else "enabled" if entry.enabled else "disabled",
        **shown,
        "manager": parse(manager)[0][1] if (manager := entry.one("manager")) else None,
        "groups": sorted(parse(dn)[0][1] for dn in entry.attributes.get("memberOf", ())),
    }


def _user(user: Body, cloud: Cloud) -> dict[str, Any]:
    shown = {name: user[name] for name in _SHOWN_CLOUD if user.get(name) is not None}
    manager = cloud.shelf.get(USERS, str(user.get("_manager")))
    groups = sorted(g["displayName"] for g in cloud.groups() if user["id"] in g["_members"])
    box = user.get("_mailbox") if Licensing(cloud).mailbox_ready(user) else None
    return {
        **shown,
        "state": "deleted" if user.get("deletedDateTime") else "live",
        "synced": bool(user.get("onPremisesSyncEnabled")),
        "manager": manager["userPrincipalName"] if manager else None,
        "mailbox": _mailbox(box) if box else None,
        "groups": groups,
    }


def _mailbox(box: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": box["userPurpose"],
        "language": box["language"]["locale"],
        "timeZone": box["timeZone"],
    }


def _licences(user: Body, cloud: Cloud) -> list[dict[str, str]]:
    licensing = Licensing(cloud)
    found = []
    for sku_id, sources in licensing.held(user).items():
        named = [s if s == "direct" else str((cloud.group(s) or {}).get("displayName", s)) for s in sources]
        found.append({"licence": licensing.sku(sku_id)["skuPartNumber"], "from": ", ".join(named)})
    return found


def _aws(shelf: Shelf, entry: Found | None, user: Body | None) -> dict[str, Any] | None:
    """The person's user in AWS and groups in Identity Center; found by login or UPN."""
    upn = entry.one("userPrincipalName") if entry else user["userPrincipalName"] if user else None
    names = {fold(str(name)) for name in (upn, entry.one("sAMAccountName") if entry else None) if name}
    for _, body in shelf.items("aws"):
        if names & {fold(str(body[key])) for key in ("user", "name") if body[key]}:
            return {key: value for key, value in body.items() if key != "name"}
    return None


def _addresses(entry: Found | None, user: Body | None) -> set[str]:
    held = [entry.one("mail") if entry else None, entry.one("userPrincipalName") if entry else None]
    held += list(entry.attributes.get("proxyAddresses", ())) if entry else []
    held += [user.get("mail"), *user.get("proxyAddresses", ())] if user else []
    return {str(address).rpartition(":")[2].casefold() for address in held if address}


def _mails(shelf: Shelf, addresses: set[str]) -> Iterator[dict[str, Any]]:
    """Mails to any of the person's addresses, in the order of arrival."""
    for number, mail in shelf.items("mail"):
        if addresses & {receiver.casefold() for receiver in mail["receivers"]}:
            yield {
                "number": int(number),
                "to": mail["receivers"],
                "subject": mail["subject"],
                "text": mail["text"].replace("\r\n", "\n").strip(),
            }


def _homes(folder: Path, sam: str) -> Iterator[str]:
    """Home folders of this login on the file servers."""
    for homes in sorted((folder / "hosts").glob("*/homes")):
        if (homes / sam).is_dir():
            yield str(homes / sam)


def _called(entry: Found | None, user: Body | None) -> list[str]:
    """The employee id and the names by which tickets speak of the person."""
    names = [entry.one("employeeID"), entry.one("displayName")] if entry else []
    names += [user.get("employeeId"), user.get("displayName")] if user else []
    return sorted({name for name in names if name})


def _text(content: bytes) -> str:
    """An attachment as a person reads it."""
    return content.decode("utf-8", errors="replace").rstrip()


def _tickets(desk: Path, names: list[str]) -> Iterator[dict[str, Any]]:
    """Tickets of the rehearsal's desk whose title or key names the person as a whole word."""
    if not names or not desk.exists():
        return
    named = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, names)) + r")(?!\w)")
    with closing(sqlite3.connect(f"{desk.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
        db.row_factory = sqlite3.Row
        for row in db.execute("SELECT id, key, title, status FROM ticket ORDER BY id").fetchall():
            if named.search(row["title"]) or named.search(row["key"]):
                said = db.execute("SELECT text FROM comment WHERE ticket=? ORDER BY rowid", (row["id"],))
                files = db.execute(
                    "SELECT name, content FROM attachment WHERE ticket=? ORDER BY rowid", (row["id"],)
                )
                yield {
                    "number": row["id"],
                    "title": row["title"],
                    "status": row["status"],
                    "comments": [text for (text,) in said],
                    "attached": {name: _text(content) for name, content in files},
                }
