"""RFC 3161 time stamps: the request, and what a token proves. Standard library and `cryptography` alone.

The verifier of the black box loads this file from beside itself, so an auditor copies both.
A token is CMS SignedData (RFC 5652) around a TSTInfo (RFC 3161, 2.4.2). It is believed only under a
certificate that was given beforehand, never under one that it brings along; SHA-1 is refused everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa


class BadToken(ValueError):
    """A time stamp that proves nothing, and why."""


SHA2 = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_RSA = "1.2.840.113549.1.1.1"
_SIGNATURES = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
"""RSA (PKCS #1 v1.5) and ECDSA by their hash; RSA may also name the key alone (RFC 3370)."""
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
"""signingCertificateV2 (RFC 5816); the first version of it can only say SHA-1."""

_SEQUENCE, _SET, _INTEGER, _OCTETS, _OID, _TIME = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18


@dataclass(frozen=True)
class Node:
    """One DER element."""

    tag: int
    body: bytes
    raw: bytes

    def parts(self) -> list[Node]:
        """The elements inside."""
        found, at = [], 0
        while at < len(self.body):
            node = parse(self.body[at:], whole=False)
            found.append(node)
            at += len(node.raw)
        return found

    def want(self, tag: int) -> Node:
        """Itself, where it is of this kind."""
        if self.tag != tag:
            raise BadToken(f"an element has tag {self.tag:#04x} where {tag:#04x} belongs")
        return self

    @property
    def number(self) -> int:
        return int.from_bytes(self.want(_INTEGER).body, "big", signed=True)

    @property
    def oid(self) -> str:
        numbers, value = [], 0
        for byte in self.want(_OID).body:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(value)
                value = 0
        if not numbers:
            raise BadToken("an empty object identifier")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def parse(data: bytes, *, whole: bool = True) -> Node:
    """The first DER element of `data`; with `whole` there must be nothing after it."""
    if len(data) < 2 or data[0] & 0x1F == 0x1F:
        raise BadToken("the encoding ends too early or has a tag that none of this needs")
    length, start = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        start += count
        length = int.from_bytes(data[2:start], "big")
        if not 1 <= count <= 4 or length < 0x80 or data[2] == 0:
            raise BadToken("a length is not encoded by DER")
    end = start + length
    if end > len(data) or (whole and end != len(data)):
        raise BadToken("the encoding is torn, or something follows it")
    return Node(data[0], data[start:end], data[:end])


def encode(tag: int, body: bytes) -> bytes:
    """One DER element."""
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


def request(imprint: bytes, nonce: int) -> bytes:
    """A TimeStampReq over a SHA-256 hash that asks for the authority's certificate, too."""
    sha256 = encode(_OID, bytes.fromhex("608648016503040201"))
    algorithm = encode(_SEQUENCE, sha256 + encode(0x05, b""))
    hashed = encode(_SEQUENCE, algorithm + encode(_OCTETS, imprint))
    number = nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")
    parts = encode(_INTEGER, b"\x01") + hashed + encode(_INTEGER, number) + encode(0x01, b"\xff")
    return encode(_SEQUENCE, parts)


def token_of(answer: bytes) -> bytes:
    """The token in a TimeStampResp; raises with the authority's own reason where it refused."""
    parts = parse(answer).want(_SEQUENCE).parts()
    status = parts[0].want(_SEQUENCE).parts() if parts else []
    if not status:
        raise BadToken("the answer is empty")
    if status[0].number not in {0, 1} or len(parts) < 2:
        words = [text.body for node in status[1:2] if node.tag == _SEQUENCE for text in node.parts()]
        why = b"; ".join(words).decode(errors="replace") or f"status {status[0].number}"
        raise BadToken(f"the authority refused: {why}")
    return parts[1].raw


def certificates(pem: bytes) -> list[x509.Certificate]:
    """The authority's certificates in a PEM file: the present one, and those before it."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadToken(f"these are no certificates: {error}") from error


def check(
    token: bytes, imprint: bytes, given: Sequence[x509.Certificate], nonce: int | None = None
) -> datetime:
    """When the authority saw this SHA-256 hash. Raises `BadToken` unless one of the given certificates proves it."""
    try:
        return _checked(token, imprint, given, nonce)
    except (IndexError, ValueError, OverflowError) as error:
        if isinstance(error, BadToken):
            raise
        raise BadToken(f"the token cannot be read: {error}") from error


def _checked(token: bytes, imprint: bytes, given: Sequence[x509.Certificate], nonce: int | None) -> datetime:
    kind, content = parse(token).want(_SEQUENCE).parts()
    if kind.oid != _SIGNED_DATA:
        raise BadToken("this is no signed data")
    signed = parse(content.want(0xA0).body).want(_SEQUENCE).parts()
    inner = signed[2].want(_SEQUENCE).parts()
    if inner[0].oid != _TST_INFO:
        raise BadToken("what is signed is no time stamp")
    info = parse(inner[1].want(0xA0).body).want(_OCTETS).body
    signers = signed[-1].want(_SET).parts()
    if len(signers) != 1:
        raise BadToken("a time stamp has one signer")
    certificate = _proven(signers[0], info, given)
    at = _read_info(info, imprint, nonce)
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise BadToken("the certificate was not valid at that time")
    return at


def _read_info(info: bytes, imprint: bytes, nonce: int | None) -> datetime:
    version, _, hashed, _, moment, *more = parse(info).want(_SEQUENCE).parts()
    if version.number != 1:
        raise BadToken(f"a time stamp of version {version.number}")
    algorithm, value = hashed.want(_SEQUENCE).parts()
    if SHA2.get(algorithm.parts()[0].oid) != "sha256" or value.want(_OCTETS).body != imprint:
        raise BadToken("it is about something else")
    said = next((node.number for node in more if node.tag == _INTEGER), None)
    if nonce is not None and said != nonce:
        raise BadToken("it answers another request: the nonce differs")
    text = moment.want(_TIME).body.decode("ascii")
    form = "%Y%m%d%H%M%S.%fZ" if "." in text else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text, form).replace(tzinfo=UTC)


def _proven(signer: Node, info: bytes, given: Sequence[x509.Certificate]) -> x509.Certificate:
    """The given certificate under which the signature over `info` holds."""
    _, sid, digest, attributes, method, signature, *_ = signer.want(_SEQUENCE).parts()
    name = SHA2.get(digest.parts()[0].oid)
    if name is None:
        raise BadToken("it is signed with another hash than SHA-2")
    attributes.want(0xA0)
    found = {node.parts()[0].oid: node.parts()[1].want(_SET).parts()[0] for node in attributes.parts()}
    if {_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE} - set(found):
        raise BadToken("a signed attribute is missing (content type, digest, or certificate by SHA-2)")
    if found[_CONTENT_TYPE].oid != _TST_INFO:
        raise BadToken("what is signed is no time stamp")
    if found[_MESSAGE_DIGEST].want(_OCTETS).body != hashlib.new(name, info).digest():
        raise BadToken("the signature is over another time stamp")
    named = found[_SIGNING_CERTIFICATE].parts()[0].parts()[0].parts()
    by = "sha256" if named[0].tag == _OCTETS else SHA2.get(named.pop(0).parts()[0].oid, "")
    for certificate in given:
        der = certificate.public_bytes(serialization.Encoding.DER)
        if by and named[0].want(_OCTETS).body == hashlib.new(by, der).digest():
            break
    else:
        raise BadToken("it is signed by an authority whose certificate was not given")
    _is_signer(sid, certificate)
    _may_stamp(certificate)
    # What is signed is the attributes as a SET (RFC 5652, 5.4).
    _verify(
        certificate, method.parts()[0].oid, name, signature.want(_OCTETS).body, b"\x31" + attributes.raw[1:]
    )
    return certificate


def _is_signer(sid: Node, certificate: x509.Certificate) -> None:
    if sid.tag != _SEQUENCE:
        return  # by its key's identifier; the signed attribute names the certificate in any case
    if sid.parts()[1].number != certificate.serial_number:
        raise BadToken("the signer's serial number is another")


def _may_stamp(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        usage = None
    stamping = x509.oid.ExtendedKeyUsageOID.TIME_STAMPING
    if usage is None or not usage.critical or list(usage.value) != [stamping]:
        raise BadToken("the certificate is not for time stamps alone")


def _verify(certificate: x509.Certificate, method: str, digest: str, signature: bytes, data: bytes) -> None:
    key = certificate.public_key()
    name = digest if method == _RSA else _SIGNATURES.get(method, "")
    try:
        match key:
            case rsa.RSAPublicKey() if name:
                key.verify(signature, data, padding.PKCS1v15(), _HASHES[name])
            case ec.EllipticCurvePublicKey() if name:
                key.verify(signature, data, ec.ECDSA(_HASHES[name]))
            case ed25519.Ed25519PublicKey() if method == "1.3.101.112":
                key.verify(signature, data)
            case _:
                raise BadToken(f"it is signed in a way that is not known here ({method})")
    except InvalidSignature as error:
        raise BadToken("the signature does not hold") from error
