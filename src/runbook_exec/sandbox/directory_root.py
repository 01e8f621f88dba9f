"""What the directory says about itself: the root entry, and the schema that clients read."""

from __future__ import annotations

from runbook_exec.sandbox import directory_names as names
from runbook_exec.sandbox.directory_accounts import generalized_time
from runbook_exec.sandbox.directory_attributes import ATTRIBUTES
from runbook_exec.sandbox.directory_classes import CLASSES, TRAITS, lineage
from runbook_exec.sandbox.directory_writes import FIRST_USN, Writes

PAGED, SHOW_DELETED, SHOW_RECYCLED = (
    "1.2.840.113556.1.4.319",
    "1.2.840.113556.1.4.417",
    "1.2.840.113556.1.4.2064",
)
TREE_DELETE, PERMISSIVE, NO_REFERRALS = (
    "1.2.840.113556.1.4.805",
    "1.2.840.113556.1.4.1413",
    "1.2.840.113556.1.4.1339",
)
SD_FLAGS = "1.2.840.113556.1.4.801"
CONTROLS = (PAGED, SHOW_DELETED, SHOW_RECYCLED, TREE_DELETE, PERMISSIVE, NO_REFERRALS, SD_FLAGS)

START_TLS, WHO_AM_I = "1.3.6.1.4.1.1466.20037", "1.3.6.1.4.1.4203.1.11.3"
RECYCLE_BIN = "766ddcd8-acd0-445e-f3b9-a7f9b6744f2a"

_SYNTAX = {
    "text": "1.3.6.1.4.1.1466.115.121.1.15",
    "int": "1.3.6.1.4.1.1466.115.121.1.27",
    "long": "1.2.840.113556.1.4.906",
    "bool": "1.3.6.1.4.1.1466.115.121.1.7",
    "time": "1.3.6.1.4.1.1466.115.121.1.24",
    "oid": "1.3.6.1.4.1.1466.115.121.1.38",
    "dn": "1.3.6.1.4.1.1466.115.121.1.12",
    "bytes": "1.3.6.1.4.1.1466.115.121.1.40",
}


def root_entry(writes: Writes) -> dict[str, list[str]]:
    """The root entry (rootDSE)."""
    base, now = writes.base, writes.clock()
    configuration = f"CN=Configuration,{base}"
    dns = ".".join(value for _, value in names.parse(base))
    ntds = f"CN=NTDS Settings,CN=DC01,CN=Servers,CN=Wuppertal,CN=Sites,{configuration}"
    return {
        "currentTime": [generalized_time(now)],
        "subschemaSubentry": [schema_dn(base)],
        "dsServiceName": [ntds],
        "namingContexts": [base, configuration, f"CN=Schema,{configuration}"],
        "defaultNamingContext": [base],
        "schemaNamingContext": [f"CN=Schema,{configuration}"],
        "configurationNamingContext": [configuration],
        "rootDomainNamingContext": [base],
        "supportedControl": list(CONTROLS),
        "supportedLDAPVersion": ["3", "2"],
        "supportedLDAPPolicies": ["MaxPageSize", "MaxValRange", "MaxConnections"],
        "highestCommittedUSN": [str(writes.tree.highest("usn", FIRST_USN))],
        "supportedSASLMechanisms": [],
        "dnsHostName": [f"dc01.{dns}"],
        "ldapServiceName": [f"{dns}:dc01$@{dns.upper()}"],
        "serverName": [ntds.partition(",")[2]],
        "supportedCapabilities": [
            "1.2.840.113556.1.4.800",
            "1.2.840.113556.1.4.1670",
            "1.2.840.113556.1.4.1791",
            "1.2.840.113556.1.4.1935",
            "1.2.840.113556.1.4.2080",
            "1.2.840.113556.1.4.2237",
        ],
        "isSynchronized": ["TRUE"],
        "isGlobalCatalogReady": ["TRUE"],
        "supportedExtension": [START_TLS, WHO_AM_I],
        "domainFunctionality": ["7"],
        "forestFunctionality": ["7"],
        "domainControllerFunctionality": ["7"],
        "msDS-EnabledFeature": [
            f"CN=Recycle Bin Feature,CN=Optional Features,CN=Directory Service,CN=Windows NT,CN=Services,{configuration}"
        ],
    }


def schema_dn(base: str) -> str:
    """The name of the entry that holds the schema."""
    return f"CN=Aggregate,CN=Schema,CN=Configuration,{base}"


def schema_entry(base: str) -> dict[str, list[str]]:
    """The schema as RFC 4512 4.2 writes it, as far as the double knows it."""
    return {
        "objectClass": ["top", "subSchema"],
        "cn": ["Aggregate"],
        "distinguishedName": [schema_dn(base)],
        "attributeTypes": [
            f"( {kind.oid} NAME '{kind.name}' SYNTAX '{_SYNTAX[kind.kind]}'"
            + (" SINGLE-VALUE" if kind.single else "")
            + (" NO-USER-MODIFICATION" if kind.own else "")
            + " )"
            for kind in ATTRIBUTES.values()
        ],
        "objectClasses": [_object_class(name) for name in CLASSES],
    }


def _object_class(name: str) -> str:
    found = CLASSES[name]
    if found.name == "top":
        tied = {attribute for names_ in TRAITS.values() for attribute in names_}
        held = [kind.name for kind in ATTRIBUTES.values() if kind.name not in tied]
    else:
        held = sorted({attribute for trait in found.traits for attribute in TRAITS[trait]})
    above = f" SUP {found.above}" if found.above else ""
    kind = "STRUCTURAL" if found.structural or len(lineage(name)) > 1 else "ABSTRACT"
    may = f" MAY ({' $ '.join(held)} )" if held else ""
    return f"( {found.oid} NAME '{found.name}'{above} {kind}{may} )"
