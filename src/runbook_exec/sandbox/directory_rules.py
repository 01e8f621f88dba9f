"""What AD demands of an entry before it keeps it. Pure: a draft and the tree in, a refusal or nothing out."""

from __future__ import annotations

import base64
import re

from runbook_exec.sandbox import directory_accounts as accounts
from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox.directory_accounts import GroupKind
from runbook_exec.sandbox.directory_attributes import (
    ACCOUNT_OWNED,
    ATTRIBUTES,
    BACK_LINKS,
    CONSTRUCTED,
    LINKS,
    Attribute,
)
from runbook_exec.sandbox.directory_classes import CLASSES, allowed
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_refusal import Code, Refusal, refuse
from runbook_exec.sandbox.directory_tree import Tree

_FORBIDDEN_IN_LOGIN = set('"/\\[]:;|=,+*?<>') | {chr(number) for number in range(32)}
_SHAPES = {
    "int": re.compile(r"-?\d{1,10}"),
    "long": re.compile(r"-?\d{1,19}"),
    "bool": re.compile("TRUE|FALSE"),
    "time": re.compile(r"\d{14}(\.\d+)?Z"),
}


def attribute(name: str) -> Attribute:
    """The attribute of this name, whatever its case; refused where the schema has none."""
    found = ATTRIBUTES.get(name.lower())
    if found is None:
        raise Refusal(
            Code.no_such_attribute,
            "00000057: LdapErr: DSID-0C090D11, comment: Error in attribute conversion operation, data 0, v4563",
        )
    return found


def value_of(kind: Attribute, raw: bytes, tree: Tree) -> str:
    """A value from the wire as the shelf keeps it: text, base64, or the id that a link points at."""
    if kind.kind == "bytes":
        return base64.b64encode(raw).decode()
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise refuse(Code.invalid_attribute_syntax, "00000057", kind.name) from None
    if kind.kind == "dn":
        return _link(kind, text, tree)
    shape = _SHAPES.get(kind.kind)
    if not text or "\0" in text or (shape is not None and shape.fullmatch(text) is None):
        raise refuse(Code.invalid_attribute_syntax, "00000057", kind.name)
    if kind.longest is not None and len(text) > kind.longest:
        raise refuse(Code.constraint_violation, "00002082", kind.name)
    return text


def _link(kind: Attribute, text: str, tree: Tree) -> str:
    try:
        target = tree.at(text)
    except ValueError:
        raise refuse(Code.invalid_dn_syntax, "0000208F", text) from None
    if kind.name not in LINKS:
        return text
    if target is None or target.deleted:
        if kind.name == "member":
            raise refuse(Code.no_such_object, "00000525", "")
        raise refuse(Code.constraint_violation, "000020B5", kind.name)
    return target.guid


def check_writable(kind: Attribute, *, by_rehearsal: bool) -> None:
    """Refused for what the directory keeps itself; the rehearsal may write that too, to make history."""
    if kind.name in CONSTRUCTED or kind.name in BACK_LINKS or (kind.own and not by_rehearsal):
        if kind.name in ACCOUNT_OWNED:
            raise refuse(Code.unwilling_to_perform, "0000209A")
        raise refuse(Code.constraint_violation, "0000202F", kind.name)


def check(draft: Entry, tree: Tree) -> None:
    """Everything that must be so of a live entry before it is kept."""
    _check_schema(draft)
    if draft.object_class in {"user", "inetOrgPerson", "computer", "group"}:
        _check_login(draft, tree)
    if upn := draft.one("userPrincipalName"):
        _check_unique_upn(upn, draft, tree)
    if draft.object_class in {"user", "inetOrgPerson", "computer"}:
        _check_password_present(draft)


def _check_schema(draft: Entry) -> None:
    permitted = allowed(draft.object_class)
    for name, values in {**draft.attributes, **draft.links, **draft.binary}.items():
        if name not in permitted:
            raise refuse(Code.object_class_violation, "0000207D")
        if len(values) > 1 and (ATTRIBUTES[name.lower()].single or _kept_single(draft, name)):
            raise refuse(Code.constraint_violation, "00002081", name)


def _kept_single(draft: Entry, name: str) -> bool:
    """The account manager keeps one description on accounts and groups, whatever the schema says."""
    return name == "description" and "sAMAccountName" in draft.attributes


def _check_login(draft: Entry, tree: Tree) -> None:
    login = draft.one("sAMAccountName")
    if login is None:
        raise refuse(Code.unwilling_to_perform, "00002077")
    longest = 256 if draft.object_class in {"group", "computer"} else 20
    if (
        not login.strip(". ")
        or len(login) > longest
        or _FORBIDDEN_IN_LOGIN & set(login)
        or login.endswith(".")
    ):
        raise refuse(Code.other, "00000523")
    wanted = names.fold(login)
    for other in tree:
        sam = other.one("sAMAccountName")
        if other.guid != draft.guid and not other.deleted and sam and names.fold(sam) == wanted:
            raise refuse(Code.entry_already_exists, "00000524")


def _check_unique_upn(upn: str, draft: Entry, tree: Tree) -> None:
    wanted = names.fold(upn)
    for other in tree:
        held = other.one("userPrincipalName")
        if other.guid != draft.guid and not other.deleted and held and names.fold(held) == wanted:
            raise refuse(Code.constraint_violation, "000021C8", "90290 (userPrincipalName)")


def _check_password_present(draft: Entry) -> None:
    """An enabled account has a password that the policy accepts, or says that it needs none."""
    if "userAccountControl" not in draft.attributes or "pwdLastSet" not in draft.attributes:
        raise refuse(Code.unwilling_to_perform, "00002077")
    control = draft.number("userAccountControl")
    if control & accounts.ACCOUNT_KINDS and control & (accounts.DISABLED | accounts.NO_PASSWORD_NEEDED):
        return
    if draft.password is None and not control & accounts.TRUSTED_COMPUTER:
        raise refuse(Code.unwilling_to_perform, "0000052D")


def check_group_type(before: Entry | None, draft: Entry) -> None:
    """A group has one scope; global and domain-local do not turn into each other directly."""
    scopes = GroupKind.GLOBAL | GroupKind.LOCAL | GroupKind.UNIVERSAL
    now = GroupKind.of(draft.one("groupType") or "0") & scopes
    if now not in {GroupKind.GLOBAL, GroupKind.LOCAL, GroupKind.UNIVERSAL}:
        raise refuse(Code.unwilling_to_perform, "00002141")
    was = now if before is None else GroupKind.of(before.one("groupType") or "0") & scopes
    if {was, now} == {GroupKind.GLOBAL, GroupKind.LOCAL}:
        raise refuse(Code.unwilling_to_perform, "00002142")


def check_place(draft_class: str, dn: str, tree: Tree) -> Entry:
    """The entry above this name; refused where it does not exist or may not hold an entry so named."""
    wanted, above = CLASSES[draft_class.lower()], names.parent(dn)
    rdn, parent = names.first(dn), tree.at(above) if above else None
    if parent is None or parent.deleted:
        raise missing(above, tree)
    if "\0" in rdn[1]:
        raise refuse(Code.invalid_dn_syntax, "0000208F", dn)
    if rdn[0].lower() != wanted.rdn or "\n" in rdn[1]:
        raise refuse(Code.naming_violation, "00002064", dn)
    if parent.object_class not in wanted.parents:
        raise refuse(Code.naming_violation, "00002099", dn)
    if len(rdn[1]) > (ATTRIBUTES[wanted.rdn].longest or 64):
        raise refuse(Code.constraint_violation, "00002082", wanted.rdn)
    return parent


def missing(dn: str, tree: Tree) -> Refusal:
    """A refusal (noSuchObject) with the nearest name above that does exist."""
    above = dn
    try:
        while above and ((found := tree.at(above)) is None or found.deleted):
            above = names.parent(above)
    except ValueError:
        return refuse(Code.invalid_dn_syntax, "0000208F", dn)
    return refuse(Code.no_such_object, "0000208D", above)


def check_password(password: str, draft: Entry, policy: Entry) -> None:
    """The domain's password policy: length and complexity."""
    good = accounts.is_complex(
        password, login=draft.one("sAMAccountName") or "", display_name=draft.one("displayName") or ""
    )
    if len(password) < policy.number("minPwdLength") or (policy.number("pwdProperties") & 1 and not good):
        raise refuse(Code.constraint_violation, "0000052D", "9005a (unicodePwd)")
