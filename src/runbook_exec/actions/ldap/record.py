"""LDAP attributes as plain JSON, and what differs between an entry and what is wanted."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence

from runbook_exec.actions.ldap.dialect import Mod
from runbook_exec.change import Deferred, Json, State
from runbook_exec.dn import same_name
from runbook_exec.errors import Invalid

SECRET = frozenset(
    {
        "userpassword", "unicodepwd", "dbcspwd", "ntpwdhistory", "lmpwdhistory", "pwdhistory",
        "supplementalcredentials", "krbprincipalkey", "sambantpassword", "sambalmpassword",
        "ms-mcs-admpwd", "mslaps-password", "mslaps-encryptedpassword", "mslaps-encryptedpasswordhistory",
        "msds-managedpassword", "msfve-recoverypassword", "initialauthincoming", "initialauthoutgoing",
        "trustauthincoming", "trustauthoutgoing", "currentvalue", "priorvalue", "authpassword", "olcrootpw",
    }
)  # fmt: skip
"""Never read into a state, never set from a plain value: passwords, their hashes, recovery keys."""

LISTS = frozenset(
    {
        "objectclass", "member", "uniquemember", "memberof", "memberuid", "proxyaddresses", "othermailbox",
        "othertelephone", "othermobile", "otherhomephone", "showinaddressbook", "directreports",
        "managedobjects", "serviceprincipalname", "sidhistory", "publicdelegates", "postofficebox",
    }
)  # fmt: skip
"""Attributes that always read as a list; any other is one text, or a list where it has several values."""

NAMES = frozenset(
    {
        "manager", "secretary", "seealso", "owner", "managedby", "assistant", "member", "uniquemember",
        "memberof", "altrecipient", "publicdelegates", "roleoccupant", "showinaddressbook",
    }
)  # fmt: skip
"""Attributes whose values are names of entries, so that two spellings may be the same value."""

FIXED = frozenset(
    {
        "objectclass", "objectguid", "entryuuid", "objectsid", "distinguishedname", "entrydn", "memberof",
        "useraccountcontrol", "pwdlastset", "pwdreset", "lockouttime", "pwdaccountlockedtime", "isdeleted",
        "admincount", "dn", "id", "enabled", "locked",
    }
)  # fmt: skip
"""What no action sets as a plain attribute: the server owns it, or another action does."""

SERVERS_OWN = frozenset(
    {
        "dn", "id", "enabled", "locked", "memberof", "distinguishedname", "instancetype", "whencreated",
        "whenchanged", "usncreated", "usnchanged", "name", "objectcategory", "samaccounttype",
        "dscorepropagationdata", "pwdchangedtime", "pwdreset", "pwdaccountlockedtime", "admincount",
        "iscriticalsystemobject", "showinadvancedviewonly", "useraccountcontrol", "pwdlastset", "lockouttime",
        "badpwdcount", "badpasswordtime", "lastlogon", "lastlogoff", "lastlogontimestamp", "logoncount",
        "pwdfailuretime", "authtimestamp", "pwdlastsuccess", "ms-ds-consistencyguid",
        "msds-externaldirectoryobjectid",
    }
)  # fmt: skip
"""What the server (or the sync) keeps by itself: nobody's edit, and never written again."""

BORN_WITH = frozenset(
    {
        "accountexpires", "codepage", "countrycode", "primarygroupid", "objectsid", "samaccountname",
        "grouptype", "objectclass", "cn", "sn",
    }
)  # fmt: skip
"""What Active Directory gives every new entry, for runs that did not record it."""

Wanted = str | int | bool | list[str] | None
"""A value as a runbook writes it; None or an empty text means: absent."""

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*")


def to_json(name: str, values: Sequence[bytes]) -> Json:
    """The values of one attribute as they came, in a steady order."""
    read = [_text(value) for value in values]
    if len(read) == 1 and name.lower() not in LISTS:
        return read[0]
    return sorted(read, key=str)


def to_bytes(value: Json) -> list[bytes]:
    """The other way: what `to_json` gave, or what a runbook wrote."""
    if isinstance(value, list | tuple):
        return [one for item in value for one in to_bytes(item)]
    if isinstance(value, Mapping):
        return [base64.b64decode(value["$bytes"])]
    return [] if value is None else [str(value).encode()]


def get(state: State, name: str) -> Json:
    """An attribute's value whatever the spelling of its name; None where it is absent."""
    if state is None:
        return None
    if name in state:
        return state[name]
    return next((state[key] for key in state if key.lower() == name.lower()), None)


def spelling(state: State, name: str) -> str:
    """The attribute's name as the entry already spells it."""
    return next((key for key in state or () if key.lower() == name.lower()), name)


def normal(name: str, value: Wanted) -> Json:
    """What a runbook wrote, in the shape in which it will read back."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        kept = sorted({str(item) for item in value if item != ""})
        if not kept:
            return None
        return kept[0] if len(kept) == 1 and name.lower() not in LISTS else kept
    if not value:
        return None
    return [value] if name.lower() in LISTS else value


def equal(name: str, one: Json, other: Json) -> bool:
    """True if two values of an attribute mean the same to the server; order does not count."""
    if isinstance(one, Deferred) or isinstance(other, Deferred):
        return False
    ones, others = as_list(one), as_list(other)
    if len(ones) != len(others):
        return False
    return all(any(same_value(name, a, b) for b in others) for a in ones)


def same_value(name: str, one: Json, other: Json) -> bool:
    """True if two single values are the same: names of entries by meaning, all else to the letter."""
    if name.lower() in NAMES and isinstance(one, str) and isinstance(other, str):
        return same_name(one, other)
    return bool(one == other)


def as_list(value: Json) -> list[Json]:
    """One value, several or none, as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def differing(now: State, want: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """The wanted attributes that the entry does not have yet, as (before, after); others never appear."""
    before: dict[str, Json] = {}
    after: dict[str, Json] = {}
    for name, value in want.items():
        present = get(now, name)
        if not equal(name, present, value):
            spelled = spelling(now, name)
            before[spelled], after[spelled] = present, value
    return before, after


def edits(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[Mod]:
    """Attribute changes value by value, so that the server refuses if one was changed meanwhile."""
    mods: list[Mod] = []
    for name, new in after.items():
        if is_single_values(new):
            # Single values, each wanted or not: {"smtp:a@x": True, "smtp:b@x": False}.
            for kind, wants in (("delete", False), ("add", True)):
                values = [value for value, wanted in new.items() if wanted is wants]
                if values:
                    mods.append(Mod(name, kind, tuple(to_bytes(values))))
            continue
        olds, news = as_list(before.get(name)), as_list(new)
        gone = [old for old in olds if not any(same_value(name, old, new) for new in news)]
        come = [new for new in news if not any(same_value(name, old, new) for old in olds)]
        if gone:
            mods.append(Mod(name, "delete", tuple(to_bytes(gone))))
        if come:
            mods.append(Mod(name, "add", tuple(to_bytes(come))))
    return mods


def is_single_values(value: Json) -> bool:
    """True for values that are there or not, one by one: `{"smtp:a@x": true}`."""
    return isinstance(value, Mapping) and "$bytes" not in value


def laid(state: State, name: str, wanted: Mapping[str, bool]) -> Json:
    """An attribute as it will be once these single values are there or gone."""
    kept = [
        one for one in as_list(get(state, name)) if not any(same_value(name, one, value) for value in wanted)
    ]
    values = sorted([*kept, *(value for value, wants in wanted.items() if wants)], key=str)
    if not values:
        return None
    return values[0] if len(values) == 1 and name.lower() not in LISTS else values


def check_settable(names: Sequence[str], *, where: str) -> None:
    """Refuse attribute names that no plain value may set."""
    seen: set[str] = set()
    for name in names:
        low = name.lower()
        if not _ATTRIBUTE.fullmatch(name):
            raise Invalid(f"{name!r} is no attribute name", where=where, next_move="correct the name")
        if low.partition(";")[0] in SECRET:
            raise Invalid(
                f"{name} holds a secret and is not set as a plain value",
                where=where,
                next_move="use ldap.password",
            )
        if low.partition(";")[0] in FIXED:
            raise Invalid(
                f"{name} is not set as a plain attribute",
                where=where,
                next_move="use ldap.enabled, ldap.unlock, ldap.password, ldap.group_members or ldap.move",
            )
        if low in seen:
            raise Invalid(f"{name} is named twice", where=where, next_move="name it once")
        seen.add(low)


def _text(value: bytes) -> Json:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"$bytes": base64.b64encode(value).decode()}
