"""What the double answers under `/users`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from runbook_exec.sandbox.graph_asked import Answer, Asked
from runbook_exec.sandbox.graph_cloud import USERS, Body, Cloud, stamp
from runbook_exec.sandbox.graph_licensing import Licensing
from runbook_exec.sandbox.graph_query import check_known
from runbook_exec.sandbox.graph_refusal import ON_PREMISES, TOO_SIMPLE, Refusal, bad, denied, missing

USUAL = (
    "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
    "preferredLanguage", "surname", "userPrincipalName", "id",
)  # fmt: skip
"""What a user shows without `$select`."""
MASTERED = frozenset((
    "displayName", "givenName", "surname", "mail", "mailNickname", "proxyAddresses", "userPrincipalName",
    "jobTitle", "department", "companyName", "officeLocation", "streetAddress", "city", "state",
    "postalCode", "country", "mobilePhone", "businessPhones", "faxNumber", "employeeId", "employeeType",
))  # fmt: skip
"""Read-only where the user is mastered on-premises."""
WRITABLE = MASTERED | {
    "accountEnabled", "usageLocation", "preferredLanguage", "passwordPolicies", "passwordProfile",
    "otherMails", "employeeHireDate", "employeeLeaveDateTime", "employeeOrgData", "ageGroup",
    "consentProvidedForMinor", "userType", "onPremisesImmutableId", "showInAddressList",
}  # fmt: skip
KNOWN = WRITABLE | {
    "id", "createdDateTime", "deletedDateTime", "assignedLicenses", "licenseAssignmentStates",
    "onPremisesSyncEnabled", "onPremisesSamAccountName", "onPremisesDistinguishedName",
    "onPremisesDomainName", "onPremisesLastSyncDateTime", "onPremisesSecurityIdentifier",
    "onPremisesUserPrincipalName", "onPremisesProvisioningErrors", "onPremisesExtensionAttributes",
    "signInSessionsValidFromDateTime", "lastPasswordChangeDateTime", "externalUserState", "creationType",
    "identities", "imAddresses", "securityIdentifier", "assignedPlans", "aboutMe", "mailboxSettings", "signInActivity",
}  # fmt: skip
GUARDED = frozenset({"accountEnabled", "passwordProfile", "mobilePhone", "businessPhones", "otherMails"})
"""What an application without a role of its own may not change for an administrator."""
REQUIRED = ("accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName")

READ = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
WRITE = ("User.ReadWrite.All", "Directory.ReadWrite.All")


class Users:
    """One method a request; the service finds it by path."""

    def __init__(self, cloud: Cloud, licensing: Licensing) -> None:
        self.cloud, self.licensing = cloud, licensing

    def find(self, key: str) -> Body:
        """The user as it is; 404 while it is absent or too young to be seen."""
        body = self.cloud.user(key)
        if body is None or self.cloud.seen(body) is None:
            raise missing(key)
        return body

    def show(self, body: Body, names: Iterable[str] | None) -> Body:
        """A user as it is shown: no private fields, licences computed."""
        seen = self.cloud.seen(body) or body
        whole: Body = {key: value for key, value in seen.items() if not key.startswith("_")}
        whole |= self.licensing.shown(seen)
        wanted = whole if names is None else {name: whole.get(name, _empty(name)) for name in names}
        if wanted.get("signInActivity", 0) is None:  # never signed in: left out
            del wanted["signInActivity"]
        return {"@odata.etag": f'W/"{seen["_version"]}"', **wanted}

    def collection(self, asked: Asked) -> Answer:
        asked.need(*READ)
        names = asked.query.select(KNOWN, USUAL)
        seen = [
            {**body, **self.licensing.shown(body)}
            for body in map(self.cloud.seen, self.cloud.users())
            if body
        ]
        page = asked.query.page(seen, url=asked.url, known=KNOWN)
        return Answer(status=200, body={**page, "value": [self.show(body, names) for body in page["value"]]})

    def one(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        return Answer(status=200, body=self.show(self.find(key), asked.query.select(KNOWN, USUAL)))

    def create(self, asked: Asked) -> Answer:
        asked.need(*WRITE)
        fields = asked.fields
        lacking = [name for name in REQUIRED if fields.get(name) in (None, "")]
        if lacking:
            raise bad("One or more property values specified are invalid: " + ", ".join(lacking))
        self._check_fields(fields)
        profile = dict(fields["passwordProfile"])
        _check_password(str(profile.get("password", "")), fields["userPrincipalName"])
        made = {name: value for name, value in fields.items() if name != "passwordProfile"}
        made["lastPasswordChangeDateTime"] = stamp(self.cloud.clock())
        body = self.cloud.add_user(
            {**made, "_must_change": bool(profile.get("forceChangePasswordNextSignIn", True))}
        )
        return Answer(status=201, body=self.show(body, USUAL))

    def change(self, asked: Asked, key: str) -> Answer:
        fields, body = asked.fields, self.find(key)
        self._need_for(asked, fields)
        if GUARDED & set(fields) and self._is_administrator(body["id"]):
            raise denied()
        self._check_fields(fields)
        if body.get("onPremisesSyncEnabled") and self._mastered(body, fields):
            raise bad(ON_PREMISES)
        wanted = asked.headers.get("if-match", "*")
        if wanted not in {"*", f'W/"{body["_version"]}"'}:
            raise Refusal(412, "PreconditionFailed", "The condition of If-Match is not met.")
        values = dict(fields)
        profile = values.pop("passwordProfile", None)
        if profile and profile.get("password"):
            _check_password(str(profile["password"]), body["userPrincipalName"])
            values["lastPasswordChangeDateTime"] = stamp(self.cloud.clock())
        self.cloud.change_user(body["id"], values)
        return Answer(status=204)

    def delete(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        self.cloud.soft_delete(self.find(key)["id"])
        return Answer(status=204)

    def manager(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        found = self.cloud.shelf.get(USERS, str(self.find(key).get("_manager")))
        if found is None:
            raise missing("manager")
        shown = self.show(found, asked.query.select(KNOWN, USUAL))
        return Answer(status=200, body={"@odata.type": "#microsoft.graph.user", **shown})

    def set_manager(self, asked: Asked, key: str) -> Answer:
        asked.need(*WRITE)
        body = self.find(key)
        if body.get("onPremisesSyncEnabled"):
            raise bad(ON_PREMISES)
        manager = self.find(referred(asked.fields)) if asked.method == "PUT" else None
        if manager is None and body.get("_manager") is None:
            raise missing("manager")
        self.cloud.keep(USERS, body, {**body, "_manager": manager["id"] if manager else None})
        return Answer(status=204)

    def groups_of(self, asked: Asked, key: str) -> Answer:
        asked.need(*READ)
        asked.need("GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All",
                   "Directory.Read.All")  # fmt: skip
        user_id = self.find(key)["id"]
        seen = [
            group
            for group in map(self.cloud.seen, self.cloud.groups())
            if group and user_id in group["_members"]
        ]
        page = asked.query.page(seen, url=asked.url, known=frozenset({"id", "displayName"}))
        names = asked.query.options.get(
            "$select", "id,displayName,mail,groupTypes,securityEnabled,mailEnabled"
        )
        value = [
            {"@odata.type": "#microsoft.graph.group"} | {name: group.get(name) for name in names.split(",")}
            for group in page["value"]
        ]
        return Answer(status=200, body={**page, "value": value})

    def assign_license(self, asked: Asked, key: str) -> Answer:
        asked.need("LicenseAssignment.ReadWrite.All", *WRITE)
        body, fields = self.find(key), asked.fields
        lacking = [
            name for name in ("addLicenses", "removeLicenses") if not isinstance(fields.get(name), list)
        ]
        if lacking:
            raise bad(
                "One or more parameters of the function import 'assignLicense' are missing from the request "
                f"payload. The missing parameters are: {', '.join(lacking)}."
            )
        changed = self.licensing.assign(body["id"], fields["addLicenses"], fields["removeLicenses"])
        return Answer(status=200, body=self.show(changed, USUAL))

    def revoke(self, asked: Asked, key: str) -> Answer:
        asked.need("User.RevokeSessions.All", *WRITE)
        body = self.find(key)
        self.cloud.keep(USERS, body, {**body, "signInSessionsValidFromDateTime": stamp(self.cloud.clock())})
        return Answer(status=200, body={"value": True})

    def _check_fields(self, fields: Mapping[str, Any]) -> None:
        check_known((name for name in fields if not name.startswith("@odata.")), WRITABLE)
        for name, longest in (("displayName", 256), ("givenName", 64), ("surname", 64), ("mailNickname", 64)):
            if len(str(fields.get(name) or "")) > longest:
                raise bad(f"Property {name} value length exceeds the maximum allowed limit of {longest}.")
        if "displayName" in fields and not fields["displayName"]:
            raise bad("Property displayName is required.")
        location = fields.get("usageLocation")
        if location is not None and not re.fullmatch(r"[A-Z]{2}", str(location)):
            raise bad("The specified usage location is invalid.")

    def _need_for(self, asked: Asked, fields: Mapping[str, Any]) -> None:
        narrow = {
            "accountEnabled": "User.EnableDisableAccount.All",
            "passwordProfile": "User-PasswordProfile.ReadWrite.All",
        }
        least = narrow.get(next(iter(fields), "")) if len(fields) == 1 else None
        asked.need(*WRITE, *([least] if least else []))

    def _is_administrator(self, user_id: str) -> bool:
        ids = {user_id, *(group["id"] for group in self.cloud.groups() if user_id in group["_members"])}
        return any(ids & set(role["members"]) for _, role in self.cloud.shelf.items("graph_roles"))

    @staticmethod
    def _mastered(body: Body, fields: Mapping[str, Any]) -> bool:
        mastered = MASTERED | ({"usageLocation"} if body.get("_usage_location_synced") else set())
        return bool(mastered & set(fields))


def referred(fields: Mapping[str, Any]) -> str:
    """The id at the end of an `@odata.id`."""
    match = re.search(
        r"/(?:directoryObjects|users|groups)(?:/|\(')([^/')]+)", str(fields.get("@odata.id", ""))
    )
    if match is None:
        raise bad("Invalid URL format specified in @odata.id.")
    return match[1]


def _check_password(password: str, name: str) -> None:
    kinds = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
    enough = sum(bool(re.search(kind, password)) for kind in kinds) >= 3
    local = name.partition("@")[0].casefold()
    if not 8 <= len(password) <= 256 or not enough or local in password.casefold():
        raise bad(TOO_SIMPLE)


def _empty(name: str) -> list[Any] | None:
    lists = ("proxyAddresses", "businessPhones", "otherMails", "imAddresses", "identities", "assignedPlans")
    return [] if name in lists or name.endswith("Errors") else None
