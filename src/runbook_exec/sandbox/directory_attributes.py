"""The attributes that the directory knows: number, kind, how many values, how long.

Names, numbers and limits are those of the published AD schema (MS-ADA1 to MS-ADA3) and
of its extension by Exchange, as far as a service desk meets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["text", "int", "long", "bool", "time", "oid", "dn", "bytes"]


@dataclass(frozen=True)
class Attribute:
    """One attribute type."""

    name: str
    oid: str
    kind: Kind
    single: bool
    longest: int | None = None
    """Characters; more is a constraint violation."""
    own: bool = False
    """Kept by the directory itself; nobody else writes it."""


_ARCS = {"a": "1.2.840.113556.1.4", "b": "1.2.840.113556.1.2"}

# name, number (a., b.: the two arcs of Microsoft), kind, one value (1) or many (*), longest, own
_TABLE = """
accountExpires a.159 long 1
adminCount a.150 int 1
allowedAttributes a.913 oid * own
allowedAttributesEffective a.914 oid * own
allowedChildClasses a.911 oid * own
allowedChildClassesEffective a.912 oid * own
assistant a.652 dn 1
badPasswordTime a.49 long 1 own
badPwdCount a.12 int 1 own
c 2.5.4.6 text 1 3
canonicalName a.916 text * own
cn 2.5.4.3 text 1 64
co b.131 text 1 128
codePage a.16 int 1
comment a.156 text 1
company b.146 text 1 64
countryCode a.25 int 1
createTimeStamp 2.5.18.1 time 1 own
dc 0.9.2342.19200300.100.1.25 text 1 255
department b.141 text 1 64
departmentNumber 2.16.840.1.113730.3.1.2 text *
description 2.5.4.13 text * 1024
directReports b.436 dn * own
displayName b.13 text 1 256
distinguishedName 2.5.4.49 dn 1 own
division a.261 text 1 256
dNSHostName a.619 text 1 2048
employeeID a.35 text 1 16
employeeNumber b.610 text 1 512
employeeType b.613 text 1 256
facsimileTelephoneNumber 2.5.4.23 text 1 64
gecos 1.3.6.1.1.1.1.2 text 1 10240
gidNumber 1.3.6.1.1.1.1.1 int 1
givenName 2.5.4.42 text 1 64
gPLink a.891 text 1
gPOptions a.892 int 1
groupType a.750 int 1
homeDirectory a.44 text 1
homeDrive a.45 text 1
homePhone 0.9.2342.19200300.100.1.20 text 1 64
info b.81 text 1 1024
initials 2.5.4.43 text 1 6
instanceType b.1 int 1 own
ipPhone a.721 text 1 64
isCriticalSystemObject a.868 bool 1
isDeleted b.48 bool 1 own
isRecycled a.2058 bool 1 own
jpegPhoto 0.9.2342.19200300.100.1.60 bytes *
l 2.5.4.7 text 1 128
lastKnownParent a.781 dn 1 own
lastLogoff a.51 long 1 own
lastLogon a.52 long 1 own
lastLogonTimestamp a.1696 long 1 own
legacyExchangeDN a.655 text 1
location a.222 text 1 1024
lockoutDuration a.60 long 1
lockOutObservationWindow a.61 long 1
lockoutThreshold a.73 int 1
lockoutTime a.662 long 1
loginShell 1.3.6.1.1.1.1.4 text 1 1024
logonCount a.169 int 1 own
logonHours a.64 bytes 1
mail 0.9.2342.19200300.100.1.3 text 1 256
mailNickname b.447 text 1 64
managedBy a.653 dn 1
managedObjects a.654 dn * own
manager 0.9.2342.19200300.100.1.10 dn 1
maxPwdAge a.74 long 1
member 2.5.4.31 dn *
memberOf b.102 dn * own
minPwdAge a.78 long 1
minPwdLength a.79 int 1
mobile 0.9.2342.19200300.100.1.41 text 1 64
modifyTimeStamp 2.5.18.2 time 1 own
mS-DS-ConsistencyGuid a.1360 bytes 1
msDS-AllowedToDelegateTo a.1787 text *
msDS-LastKnownRDN a.2067 text 1 255 own
msDS-PrincipalName a.1865 text 1
msDS-ResultantPSO a.2022 dn 1 own
msDS-SupportedEncryptionTypes a.1963 int 1
msDS-ReplAttributeMetaData a.1707 text * own
msDS-ReplValueMetaData a.1708 text * own
msDS-User-Account-Control-Computed a.1460 int 1
msDS-UserPasswordExpiryTimeComputed a.1996 long 1
msExchHideFromAddressLists a.7000.102.73 bool 1
msExchRecipientTypeDetails a.7000.102.50624 long 1
msExchRemoteRecipientType a.7000.102.50623 long 1
msExchUsageLocation a.7000.102.50838 text 1 2
name a.1 text 1 255 own
nTSecurityDescriptor b.281 bytes 1
objectCategory a.782 dn 1
objectClass 2.5.4.0 oid *
objectGUID a.2 bytes 1 own
objectSid a.146 bytes 1 own
operatingSystem a.363 text 1
operatingSystemServicePack a.365 text 1
operatingSystemVersion a.364 text 1
otherFacsimileTelephoneNumber a.646 text * 64
otherHomePhone b.277 text * 64
otherIpPhone a.722 text *
otherLoginWorkstations a.91 text * 1024
otherMobile a.647 text * 64
otherPager b.118 text * 64
otherTelephone b.18 text * 64
ou 2.5.4.11 text * 64
pager 0.9.2342.19200300.100.1.42 text 1 64
physicalDeliveryOfficeName 2.5.4.19 text 1 128
postalAddress 2.5.4.16 text * 4096
postalCode 2.5.4.17 text 1 40
preferredLanguage 2.16.840.1.113730.3.1.39 text 1
primaryGroupID a.98 int 1 own
profilePath a.139 text 1
proxyAddresses b.210 text * 1123
publicDelegates b.238 dn *
publicDelegatesBL b.239 dn * own
pwdHistoryLength a.95 int 1
pwdLastSet a.96 long 1
pwdProperties a.93 int 1
roomNumber 0.9.2342.19200300.100.1.6 text *
sAMAccountName a.221 text 1 256
sAMAccountType a.302 int 1 own
scriptPath a.62 text 1
servicePrincipalName a.771 text *
showInAddressBook a.644 dn *
showInAdvancedViewOnly b.169 bool 1
sIDHistory a.609 bytes * own
sn 2.5.4.4 text 1 64
st 2.5.4.8 text 1 128
street 2.5.4.9 text 1 1024
streetAddress b.256 text 1 1024
subSchemaSubEntry 2.5.18.10 dn * own
systemFlags a.375 int 1 own
targetAddress b.352 text 1 1123
telephoneNumber 2.5.4.20 text 1 64
thumbnailPhoto 2.16.840.1.113730.3.1.35 bytes 1
title 2.5.4.12 text 1 128
tokenGroups a.1301 bytes * own
uid 0.9.2342.19200300.100.1.1 text *
uidNumber 1.3.6.1.1.1.1.0 int 1
unicodePwd a.90 bytes 1
unixHomeDirectory 1.3.6.1.1.1.1.3 text 1 2048
uPNSuffixes a.890 text *
url a.749 text *
userAccountControl a.8 int 1
userCertificate 2.5.4.36 bytes *
userPassword 2.5.4.35 bytes *
userPrincipalName a.656 text 1 1024
userWorkstations a.86 text 1 1024
uSNChanged b.120 long 1 own
uSNCreated b.19 long 1 own
wellKnownObjects a.618 dn * own
whenChanged b.3 time 1 own
whenCreated b.2 time 1 own
wWWHomePage b.464 text 1 2048
"""


def _rows() -> list[str]:
    rows = _TABLE.split("\n")
    rows += [f"extensionAttribute{n} b.{422 + n if n <= 10 else 588 + n} text 1 1024" for n in range(1, 16)]
    rows += [f"msDS-cloudExtensionAttribute{n} a.{2213 + n} text 1" for n in range(1, 21)]
    return [row for row in rows if row]


def _attribute(row: str) -> Attribute:
    name, number, kind, many, *more = row.split()
    arc, _, rest = number.partition(".")
    limits = [int(word) for word in more if word.isdigit()]
    return Attribute(
        name=name,
        oid=f"{_ARCS[arc]}.{rest}" if arc in _ARCS else number,
        kind=cast("Kind", kind),
        single=many == "1",
        longest=limits[0] if limits else None,
        own="own" in more,
    )


ATTRIBUTES: dict[str, Attribute] = {
    attribute.name.lower(): attribute for attribute in map(_attribute, _rows())
}
"""By lower-case name."""

LINKS: dict[str, str] = {
    "member": "memberOf",
    "manager": "directReports",
    "managedBy": "managedObjects",
    "publicDelegates": "publicDelegatesBL",
    "assistant": "",
    "showInAddressBook": "",
}
"""Attributes that point at other entries, and their back-links. Kept as ids, so they follow every move."""

BACK_LINKS: dict[str, str] = {back: forward for forward, back in LINKS.items() if back}

ACCOUNT_OWNED = frozenset({
    *BACK_LINKS, "badPasswordTime", "badPwdCount", "lastLogoff", "lastLogon", "lastLogonTimestamp",
    "logonCount", "objectSid", "primaryGroupID", "sAMAccountType", "sIDHistory",
})  # fmt: skip
"""Kept by AD's account manager, which refuses in its own words."""

CONSTRUCTED = frozenset({
    "allowedAttributes", "allowedAttributesEffective", "allowedChildClasses", "allowedChildClassesEffective",
    "canonicalName", "createTimeStamp", "modifyTimeStamp", "msDS-PrincipalName", "msDS-ReplAttributeMetaData",
    "msDS-ReplValueMetaData", "msDS-ResultantPSO",
    "msDS-User-Account-Control-Computed", "msDS-UserPasswordExpiryTimeComputed", "subSchemaSubEntry",
    "tokenGroups",
})  # fmt: skip
"""Computed on reading, and only where asked for by name."""
