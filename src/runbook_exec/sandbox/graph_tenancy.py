"""What the double answers about the tenant: subscriptions, domains, contacts, deleted items."""

from __future__ import annotations

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import DELETED, Body, Cloud
from runbook_exec.sandbox.graph_groups import KNOWN as GROUP_KNOWN
from runbook_exec.sandbox.graph_groups import READ as GROUP_READ
from runbook_exec.sandbox.graph_licensing import SKUS, Licensing
from runbook_exec.sandbox.graph_refusal import denied, missing
from runbook_exec.sandbox.graph_users import KNOWN as USER_KNOWN
from runbook_exec.sandbox.graph_users import READ as USER_READ
from runbook_exec.sandbox.graph_users import WRITE as USER_WRITE

ORGANISATION = ("Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All")
SUBSCRIPTIONS = ("LicenseAssignment.Read.All", "LicenseAssignment.ReadWrite.All", *ORGANISATION)
CONTACTS = ("OrgContact.Read.All", "Directory.Read.All")


class Tenancy:
    """One method a request; the service finds it by path."""

    def __init__(self, cloud: Cloud, licensing: Licensing) -> None:
        self.cloud, self.licensing = cloud, licensing

    def organisation(self, asked: Asked) -> Answer:
        asked.need(*ORGANISATION)
        return Answer(status=200, body={"value": [body for _, body in self.cloud.shelf.items("graph_org")]})

    def domains(self, asked: Asked) -> Answer:
        asked.need("Domain.Read.All", *ORGANISATION)
        return Answer(
            status=200, body={"value": [body for _, body in self.cloud.shelf.items("graph_domains")]}
        )

    def subscriptions(self, asked: Asked) -> Answer:
        asked.need(*SUBSCRIPTIONS)
        value = [
            {**_public(sku), "consumedUnits": self.licensing.consumed(sku)}
            for _, sku in self.cloud.shelf.items(SKUS)
        ]
        return Answer(status=200, body={"value": value})

    def contacts(self, asked: Asked) -> Answer:
        asked.need(*CONTACTS)
        known = frozenset({"id", "displayName", "mail", "mailNickname", "proxyAddresses"})
        page = asked.query.page(list(self.cloud.contacts()), url=asked.url, known=known)
        names = asked.query.select(known, None)
        value = [{n: b.get(n) for n in names} if names else _public(b) for b in page["value"]]
        return Answer(status=200, body={**page, "value": value})

    def deleted(self, asked: Asked, kind: str) -> Answer:
        asked.need(*(USER_READ if kind == "user" else GROUP_READ))
        if self.cloud.faults.look("graph-deleted-unseen") is not None:
            raise denied()
        known = USER_KNOWN if kind == "user" else GROUP_KNOWN
        page = asked.query.page(list(self.cloud.deleted(kind)), url=asked.url, known=known)
        names = asked.query.select(known, None)
        value = [{n: b.get(n) for n in names} if names else _public(b) for b in page["value"]]
        return Answer(status=200, body={**page, "value": value})

    def deleted_one(self, asked: Asked, key: str) -> Answer:
        asked.need(*USER_READ)
        gone = self.cloud.shelf.get(DELETED, key)
        if gone is None:
            raise missing(key)
        return Answer(status=200, body={"@odata.type": f"#microsoft.graph.{gone['_kind']}", **_public(gone)})

    def restore(self, asked: Asked, key: str) -> Answer:
        asked.need("User.DeleteRestore.All", *USER_WRITE)
        name = (asked.body or {}).get("newUserPrincipalName", "")
        back = self.cloud.restore(key, name=name)
        kind = "user" if "userPrincipalName" in back else "group"
        return Answer(status=200, body={"@odata.type": f"#microsoft.graph.{kind}", **_public(back)})

    def purge(self, asked: Asked, key: str) -> Answer:
        asked.need("User.DeleteRestore.All", *USER_WRITE)
        if self.cloud.shelf.get(DELETED, key) is None:
            raise missing(key)
        self.cloud.purge(key)
        return Answer(status=204)


def _public(body: Body) -> Body:
    return {key: value for key, value in body.items() if not key.startswith("_")}
