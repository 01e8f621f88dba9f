"""One look at a service from outside, as a client has it: whether it answers, and by which certificate.

| kind         | key               | state                                                                  |
|--------------|-------------------|------------------------------------------------------------------------|
| `probe.port` | name of a service | up: a connection is taken · why not                                    |
| `probe.tls`  | name of a service | up, trusted, why not · fingerprint, subject, names, issuer, begins, ends |

A certificate that is expired or not trusted is read all the same: that is what the look is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runbook_exec.actions.probe.services import Service
from runbook_exec.change import State
from runbook_exec.errors import Invalid

if TYPE_CHECKING:
    import ssl

SECONDS = 5.0
"""For one connection."""


def port(service: Service) -> State:
    """Whether it takes a connection."""
    import socket

    try:
        with socket.create_connection((service.outside.address, service.outside.port), timeout=SECONDS):
            return {"up": True, "why": ""}
    except OSError as error:
        return {"up": False, "why": _why(error)}


def tls(service: Service) -> State:
    """The certificate that clients are shown, and whether they believe it."""
    import ssl

    trusted, why = True, ""
    context = ssl.create_default_context(cafile=str(service.ca) if service.ca else None)
    try:
        shown = _shown(service, context)
    except ssl.SSLCertVerificationError as error:
        trusted, why = False, str(error.verify_message)
    except OSError as error:
        return {"up": False, "trusted": False, "why": _why(error)}
    if not trusted:
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
        try:
            shown = _shown(service, blind)
        except OSError as error:
            return {"up": False, "trusted": False, "why": _why(error)}
    return {"up": True, "trusted": trusted, "why": why, **_told(shown)}


def fingerprint(pem: str) -> str:
    """SHA-256 of the first certificate in a PEM text; raises `Invalid` where there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256()).hex()
    except ValueError as error:
        raise Invalid(
            "that is no certificate", where="certificate", next_move="the PEM text of one"
        ) from error


def _shown(service: Service, context: ssl.SSLContext) -> bytes:
    import socket

    place = (service.outside.address, service.outside.port)
    name = service.outside.server_name or service.outside.address
    with (
        socket.create_connection(place, timeout=SECONDS) as line,
        context.wrap_socket(line, server_hostname=name) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def _told(der: bytes) -> dict[str, object]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    found = x509.load_der_x509_certificate(der)
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = sorted(names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        dns = []
    return {
        "fingerprint": found.fingerprint(hashes.SHA256()).hex(),
        "subject": found.subject.rfc4514_string(),
        "names": dns,
        "issuer": found.issuer.rfc4514_string(),
        "begins": found.not_valid_before_utc.isoformat(),
        "ends": found.not_valid_after_utc.isoformat(),
    }


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
