"""Who may do what. Far simpler than AD's access control lists, with the same effects at the edges.

Everybody who has logged on may read everything that is live. Writing is delegated to an
account (`write`), and so is seeing deleted entries (`deleted`). A delegation does not
reach entries that carry `adminCount` 1; members of Domain Admins may do everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from runbook_exec.sandbox.directory_attributes import ATTRIBUTES
from runbook_exec.sandbox.directory_classes import allowed, children
from runbook_exec.sandbox.directory_entry import Entry
from runbook_exec.sandbox.directory_refusal import Code, refuse
from runbook_exec.sandbox.directory_tree import Tree
from runbook_exec.sandbox.directory_view import groups_of

WRITE, DELETED = "write", "deleted"


@dataclass(frozen=True)
class Actor:
    """Who asks: an account, or the rehearsal itself (`guid` None), which may do everything."""

    name: str
    guid: str | None = None

    def may(self, right: str, tree: Tree) -> bool:
        account = None if self.guid is None else tree.get(self.guid)
        if self.guid is None:
            return True
        return account is not None and (right in account.rights or is_admin(account, tree))

    def may_write(self, entry: Entry, tree: Tree) -> bool:
        """True where the actor may change, move or delete this entry, or create below it."""
        if self.guid is None:
            return True
        account = tree.get(self.guid)
        if account is None:
            return False
        if is_admin(account, tree):
            return True
        return WRITE in account.rights and entry.one("adminCount") != "1"

    def must_write(self, entry: Entry, tree: Tree) -> None:
        if not self.may_write(entry, tree):
            raise refuse(Code.insufficient_access_rights, "00002098")

    def attributes_effective(self, entry: Entry, tree: Tree) -> list[str]:
        """Attributes of this entry that the actor may write (allowedAttributesEffective)."""
        if not self.may_write(entry, tree):
            return []
        return sorted(name for name in allowed(entry.object_class) if not ATTRIBUTES[name.lower()].own)

    def children_effective(self, entry: Entry, tree: Tree) -> list[str]:
        """Classes of which the actor may create entries below this one."""
        return children(entry.object_class) if self.may_write(entry, tree) else []


REHEARSAL = Actor("the rehearsal")


def is_admin(account: Entry, tree: Tree) -> bool:
    """True for members of Domain Admins, directly or through groups."""
    return any(group.one("sAMAccountName") == "Domain Admins" for group in groups_of(account, tree))
