"""The object classes that the directory knows, and which attributes each may hold.

Simplified from the AD schema: an attribute that is not tied to a group of classes here
may stand on any entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from runbook_exec.sandbox.directory_attributes import ATTRIBUTES


@dataclass(frozen=True)
class ObjectClass:
    """One object class; `above` is its superior."""

    name: str
    oid: str
    above: str
    rdn: str = "cn"
    category: str = ""
    """Common name of its schema entry, the value of objectCategory."""
    traits: frozenset[str] = frozenset()
    """Groups of attributes that its entries may hold, see TRAITS."""
    parents: frozenset[str] = frozenset({"organizationalUnit", "container", "domainDNS"})
    structural: bool = True


def _traits(*names: str) -> frozenset[str]:
    return frozenset(names)


_PERSON = ("personal", "mail", "place")
_ACCOUNT = (*_PERSON, "security", "account")

CLASSES: dict[str, ObjectClass] = {
    found.name.lower(): found
    for found in (
        ObjectClass("top", "2.5.6.0", "", structural=False),
        ObjectClass("person", "2.5.6.6", "top", category="Person", structural=False),
        ObjectClass("organizationalPerson", "2.5.6.7", "person", category="Person", structural=False),
        ObjectClass(
            "user",
            "1.2.840.113556.1.5.9",
            "organizationalPerson",
            category="Person",
            traits=_traits(*_ACCOUNT),
        ),
        ObjectClass(
            "inetOrgPerson",
            "2.16.840.1.113730.3.2.2",
            "user",
            category="Person",
            traits=_traits(*_ACCOUNT),
        ),
        ObjectClass(
            "computer",
            "1.2.840.113556.1.3.30",
            "user",
            category="Computer",
            traits=_traits(*_ACCOUNT, "machine"),
        ),
        ObjectClass(
            "contact",
            "1.2.840.113556.1.5.15",
            "organizationalPerson",
            category="Person",
            traits=_traits(*_PERSON),
        ),
        ObjectClass(
            "group",
            "1.2.840.113556.1.5.8",
            "top",
            category="Group",
            traits=_traits("security", "mail", "members"),
        ),
        ObjectClass(
            "organizationalUnit",
            "2.5.6.5",
            "top",
            rdn="ou",
            category="Organizational-Unit",
            traits=_traits("place", "unit"),
            parents=frozenset({"organizationalUnit", "domainDNS"}),
        ),
        ObjectClass("container", "1.2.840.113556.1.3.23", "top", category="Container"),
        ObjectClass("builtinDomain", "1.2.840.113556.1.5.4", "top", category="Builtin-Domain"),
        ObjectClass("domain", "1.2.840.113556.1.5.66", "top", rdn="dc", structural=False),
        ObjectClass(
            "domainDNS",
            "1.2.840.113556.1.5.67",
            "domain",
            rdn="dc",
            category="Domain-DNS",
            traits=_traits("domain", "unit"),
            parents=frozenset(),
        ),
    )
}
"""By lower-case name."""

_TRAITS: dict[str, str] = {
    "security": "sAMAccountName sAMAccountType sIDHistory tokenGroups objectSid",
    "account": """accountExpires badPasswordTime badPwdCount codePage countryCode homeDirectory homeDrive
        lastLogoff lastLogon lastLogonTimestamp lockoutTime logonCount logonHours loginShell gecos uidNumber
        unixHomeDirectory msDS-AllowedToDelegateTo msDS-SupportedEncryptionTypes otherLoginWorkstations
        primaryGroupID profilePath pwdLastSet scriptPath servicePrincipalName unicodePwd userAccountControl
        userPassword userPrincipalName userWorkstations preferredLanguage departmentNumber employeeNumber
        employeeType""",
    "personal": """assistant co company department division employeeID givenName
        homePhone initials ipPhone jpegPhoto manager mobile otherHomePhone otherIpPhone otherMobile otherPager
        pager postalAddress roomNumber sn thumbnailPhoto title userCertificate""",
    "mail": """legacyExchangeDN mail mailNickname msExchHideFromAddressLists msExchRecipientTypeDetails
        msExchRemoteRecipientType msExchUsageLocation otherTelephone proxyAddresses publicDelegates
        showInAddressBook targetAddress telephoneNumber"""
    + "".join(f" extensionAttribute{n}" for n in range(1, 16)),
    "place": "c facsimileTelephoneNumber l physicalDeliveryOfficeName postalCode st street streetAddress",
    "members": "groupType member",
    "machine": "dNSHostName location operatingSystem operatingSystemServicePack operatingSystemVersion",
    "unit": "gPLink gPOptions ou uPNSuffixes",
    "domain": """dc objectSid lockoutDuration lockOutObservationWindow lockoutThreshold maxPwdAge minPwdAge minPwdLength
        pwdHistoryLength pwdProperties""",
}

TRAITS: dict[str, frozenset[str]] = {name: frozenset(text.split()) for name, text in _TRAITS.items()}

_TIED = frozenset(name for names in TRAITS.values() for name in names)


def lineage(name: str) -> list[str]:
    """The values of objectClass for an entry of this class, `top` first."""
    line: list[str] = []
    while name:
        found = CLASSES[name.lower()]
        line.insert(0, found.name)
        name = found.above
    return line


def allowed(name: str) -> frozenset[str]:
    """Attributes that an entry of this class may hold."""
    held = frozenset().union(*(TRAITS[trait] for trait in CLASSES[name.lower()].traits))
    return held | frozenset(
        attribute.name for attribute in ATTRIBUTES.values() if attribute.name not in _TIED
    )


def children(name: str) -> list[str]:
    """Classes whose entries may lie directly under an entry of this class."""
    return [found.name for found in CLASSES.values() if found.structural and name in found.parents]
