"""What a time stamp proves, and what is refused: tokens made by `openssl ts`, and each byte of one changed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from servers import authority

from runbook_exec import time_stamp
from runbook_exec.time_stamp import BadToken

IMPRINT = hashlib.sha256(b"a checkpoint").digest()
NONCE = 2**63 + 5


def stamped(tsa, *, imprint=IMPRINT, nonce=NONCE):
    return time_stamp.token_of(tsa.stamp(time_stamp.request(imprint, nonce)))


def given(tsa):
    return time_stamp.certificates(tsa.certificate.read_bytes())


@pytest.fixture(scope="module")
def tsa(tmp_path_factory):
    return authority.made(tmp_path_factory.mktemp("tsa") / "rsa")


@pytest.fixture(scope="module")
def token(tsa):
    return stamped(tsa)


@pytest.mark.parametrize(
    "about", [{"key": "ec"}, {"digest": "sha512"}, {"key": "ec", "digest": "sha384", "named": "sha512"}]
)
def test_a_token_of_any_usual_key_proves_the_time(tmp_path, about):
    other = authority.made(tmp_path / "tsa", **about)
    at = time_stamp.check(stamped(other), IMPRINT, given(other), NONCE)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)


def test_an_earlier_certificate_beside_the_present_one_still_proves_its_tokens(tsa, token, tmp_path):
    newer = authority.made(tmp_path / "tsa", key="ec")
    assert time_stamp.check(token, IMPRINT, [*given(newer), *given(tsa)])


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 2**64 - 1])
def test_a_nonce_comes_back_as_it_went(tsa, nonce):
    assert time_stamp.check(stamped(tsa, nonce=nonce), IMPRINT, given(tsa), nonce)


def test_a_token_about_something_else_is_refused(tsa, token):
    with pytest.raises(BadToken, match="something else"):
        time_stamp.check(token, hashlib.sha256(b"another").digest(), given(tsa))


def test_a_token_for_another_request_is_refused(tsa, token):
    with pytest.raises(BadToken, match="nonce"):
        time_stamp.check(token, IMPRINT, given(tsa), NONCE + 1)


def test_a_token_of_an_authority_that_was_not_given_is_refused_though_it_brings_its_certificate(
    token, tmp_path
):
    stranger = authority.made(tmp_path / "tsa")
    with pytest.raises(BadToken, match="not given"):
        time_stamp.check(token, IMPRINT, given(stranger))
    with pytest.raises(BadToken, match="not given"):
        time_stamp.check(token, IMPRINT, [])


@pytest.mark.parametrize("about", [{"digest": "sha1"}, {"named": "sha1"}])
def test_sha1_is_refused_wherever_it_stands(tmp_path, about):
    other = authority.made(tmp_path / "tsa", **about)
    with pytest.raises(BadToken):
        time_stamp.check(stamped(other), IMPRINT, given(other))


def test_no_changed_byte_goes_unseen(tsa, token):
    """Wherever a byte of the token is changed, it proves nothing, or still exactly what it proved."""
    at, known = time_stamp.check(token, IMPRINT, given(tsa), NONCE), given(tsa)
    held = 0
    for place in range(0, len(token), 3):
        broken = bytearray(token)
        broken[place] ^= 0x55
        try:
            assert time_stamp.check(bytes(broken), IMPRINT, known, NONCE) == at
            held += 1
        except BadToken:
            pass
    # What is not signed: the authority's certificate in the token, which nobody looks at, and versions.
    assert held < len(token) / 3


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x30", b"\x30\x80\x00\x00", b"<html>" * 9, bytes(64), b"\x30\x84\xff\xff\xff\xff", b"\x1f" * 9],
)
def test_an_answer_that_is_no_time_stamp_is_refused(tsa, answer):
    with pytest.raises(BadToken):
        time_stamp.check(time_stamp.token_of(answer), IMPRINT, given(tsa))


def test_no_torn_token_is_believed(tsa, token):
    for end in range(0, len(token), 37):
        with pytest.raises(BadToken):
            time_stamp.check(token[:end], IMPRINT, given(tsa))


def test_a_refusal_gives_the_authority_s_reason(tsa):
    with pytest.raises(BadToken, match="refused"):
        time_stamp.token_of(tsa.stamp(b"no request"))


def test_a_certificate_that_is_for_more_than_time_stamps_is_refused(tmp_path, tsa):
    # openssl does not sign with such a one, so a good token meets a certificate of the same key.
    import subprocess

    (tmp_path / "key").write_bytes((tsa.folder / "tsa.key").read_bytes())
    command = [
        "openssl",
        "req",
        "-x509",
        "-key",
        tmp_path / "key",
        "-subj",
        "/CN=Web",
        "-out",
        tmp_path / "web.pem",
    ]
    subprocess.run([*command, "-addext", "extendedKeyUsage=serverAuth"], check=True, capture_output=True)
    (web,) = time_stamp.certificates((tmp_path / "web.pem").read_bytes())
    with pytest.raises(BadToken, match="time stamps alone"):
        time_stamp._may_stamp(web)
