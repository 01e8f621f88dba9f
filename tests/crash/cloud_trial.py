"""Graph: two accounts that are made, a membership, a change, with the double's log as witness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from crash.trial import Trial, counted
from graph_double import Tenant


class Cloud(Trial):
    """Graph: two accounts that are made, a membership, a licence."""

    name = "cloud"
    steps = (
        "".join(
            f"""
      - id: word_{who}
        title: {{en: Password, de: Kennwort}}
        uses: secret.generate
        with: {{length: 16}}
      - id: {who}
        title: {{en: Account, de: Konto}}
        uses: graph.user
        with:
          upn: "{{{{ login }}}}-{who}@kranich.example"
          display_name: "{{{{ login }}}} {who}"
          usage_location: DE
          password: "{{{{ word_{who}.value }}}}"
"""
            for who in ("one", "two")
        )
        + """
      - id: member
        title: {en: Member, de: Mitglied}
        uses: graph.group_members
        with: {group: Trial, add: ["{{ one.upn }}", "{{ two.upn }}"]}
      - id: title
        title: {en: Title, de: Titel}
        uses: graph.user
        with: {upn: "{{ one.upn }}", job_title: Disponentin}
"""
    )

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.group = tenant.cloud.add_group(
            {"displayName": "Trial", "mailNickname": "trial", "securityEnabled": True, "mailEnabled": False}
        )

    def connections(self) -> dict[str, Any]:
        return {"graph": self.tenant.settings}

    def effects(self, key: str) -> Counter[str]:
        return counted(self._writes(key), key)

    def _writes(self, key: str) -> Iterator[Any]:
        ids = self._ids(key)
        for one in self.tenant.writes():
            told = f"{one['path']} {one['body']}"
            if (
                one["status"] < 300
                and one["path"].count("/") >= 1
                and (key in told or any(i in told for i in ids))
            ):
                if "$batch" in one["path"] or "/oauth2/" in one["path"]:
                    continue
                yield [one["method"], one["path"], one["body"]]

    def _ids(self, key: str) -> list[str]:
        return [user["id"] for user in self.tenant.cloud.users() if key in user["userPrincipalName"]]

    def state(self, key: str) -> Any:
        group = self.tenant.cloud.group(self.group["id"])
        return [
            {
                **{
                    name: user.get(name)
                    for name in ("userPrincipalName", "displayName", "usageLocation", "jobTitle")
                },
                "member": user["id"] in group["_members"],
            }
            for user in self.tenant.cloud.users()
            if key in user["userPrincipalName"]
        ]
