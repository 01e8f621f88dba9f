"""How directories tell when each attribute was changed: Active Directory's texts, Samba's bytes, numbers for names."""

from __future__ import annotations

import struct
import uuid

import pytest

from runbook_exec.actions.ldap import metadata
from runbook_exec.actions.ldap.history import History

ATTRIBUTE = b"""<DS_REPL_ATTR_META_DATA>
\t<pszAttributeName>userAccountControl</pszAttributeName>
\t<dwVersion>4</dwVersion>
\t<ftimeLastOriginatingChange>2026-11-25T01:05:37Z</ftimeLastOriginatingChange>
\t<uuidLastOriginatingDsaInvocationID>5499bce7-4fdc-4b29-99a7-62786a128eb7</uuidLastOriginatingDsaInvocationID>
\t<usnOriginatingChange>3947</usnOriginatingChange>
\t<usnLocalChange>3947</usnLocalChange>
\t<pszLastOriginatingDsaDN>CN=NTDS Settings,CN=DC1</pszLastOriginatingDsaDN>
</DS_REPL_ATTR_META_DATA>
\x00"""


def link(member, deleted="1601-01-01T00:00:00Z"):
    return (
        "<DS_REPL_VALUE_META_DATA><pszAttributeName>member</pszAttributeName>"
        f"<pszObjectDn>{member}</pszObjectDn><ftimeDeleted>{deleted}</ftimeDeleted>"
        "<ftimeCreated>2026-01-01T00:00:00Z</ftimeCreated><dwVersion>2</dwVersion>"
        "<ftimeLastOriginatingChange>2026-11-25T01:05:37Z</ftimeLastOriginatingChange>"
        "<usnOriginatingChange>7</usnOriginatingChange></DS_REPL_VALUE_META_DATA>\0"
    ).encode()


def test_an_attribute_as_active_directory_tells_it():
    (mark,) = metadata.from_xml([ATTRIBUTE])
    assert (mark.name, mark.at, mark.version, mark.usn) == (
        "userAccountControl",
        "2026-11-25T01:05:37+00:00",
        4,
        3947,
    )


def test_a_link_that_is_there_and_one_that_was_taken_away():
    there, gone = metadata.from_xml([link("CN=A &amp; B,DC=x"), link("CN=C,DC=x", "2026-11-25T01:05:37Z")])
    assert (there.link, there.removed) == ("CN=A & B,DC=x", False)
    assert (gone.link, gone.removed) == ("CN=C,DC=x", True)


@pytest.mark.parametrize("value", [b"", b"<x>", b"\xff\xfe", ATTRIBUTE.replace(b"2026-11-25T01:05:37Z", b"")])
def test_what_has_no_name_or_time_is_left_out(value):
    assert list(metadata.from_xml([value])) == []


@pytest.mark.parametrize(
    ("oid", "number"),
    [
        ("1.2.840.113556.1.4.8", 0x00090008),  # userAccountControl
        ("1.2.840.113556.1.2.141", 0x0002008D),  # department
        ("2.5.4.42", 0x0000002A),  # givenName
        ("0.9.2342.19200300.100.1.3", 0x00150003),  # mail
        ("2.16.840.1.113730.3.1.39", 0x00160027),  # preferredLanguage
        ("2.5.4.0", 0x00000000),  # objectClass
        ("1.3.6.1.4.1.99999.1", None),
    ],
)
def test_an_attribute_has_the_number_that_the_protocol_gives_it(oid, number):
    assert metadata.number_of(oid) == number


def test_attributes_as_samba_tells_them():
    seconds = 13_440_000_000  # since 1601
    entry = struct.pack("<IIQ16sQQ", 0x90008, 3, seconds, uuid.uuid4().bytes, 41, 42)
    unknown = struct.pack("<IIQ16sQQ", 0x80001234, 1, seconds, uuid.uuid4().bytes, 43, 44)
    value = struct.pack("<IIII", 1, 0, 2, 0) + entry + unknown
    first, second = metadata.from_bytes(value, {0x90008: "userAccountControl"})
    assert (first.name, first.version, first.usn) == ("userAccountControl", 3, 41)
    assert first.at.endswith("+00:00")
    assert second.name == "attribute 0x80001234"


def test_bytes_of_another_version_say_nothing():
    assert list(metadata.from_bytes(struct.pack("<IIII", 2, 0, 0, 0), {})) == []


class ManyLinks:
    """A server that gives 1,500 values at a time, as Active Directory does."""

    def __init__(self, total):
        self.values = [link(f"CN={n},DC=x") for n in range(total)]
        self.asked = []

    def search(self, base, query, *, scope, attributes):
        self.asked += attributes
        first = int(attributes[0].partition("range=")[2].partition("-")[0])
        return [(base, part(self.values, first))]


def part(values, first):
    some = values[first : first + 1500]
    end = "*" if first + 1500 >= len(values) else str(first + len(some) - 1)
    return {f"{metadata.LINKS};range={first}-{end}": some}


def test_a_group_of_many_is_read_part_by_part():
    wire = ManyLinks(3200)
    history = History(wire, None)
    assert history._ranged("CN=G,DC=x", part(wire.values, 0)) == wire.values
    assert wire.asked == [f"{metadata.LINKS};range=1500-*", f"{metadata.LINKS};range=3000-*"]
