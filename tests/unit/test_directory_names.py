"""Names and numbers as the directory double reads and writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.sandbox import directory_accounts as accounts
from runbook_exec.sandbox import directory_names as names

values = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
names_of_entries = st.lists(
    st.tuples(st.sampled_from(["CN", "OU", "DC"]), values), min_size=1, max_size=4
).map(tuple)


@given(names_of_entries)
def test_a_name_that_was_written_is_read_as_it_was(parts):
    assert names.parse(names.join(parts)) == parts


def test_a_blank_at_the_end_is_escaped_behind_a_backslash_too():
    assert names.parse(names.join((("CN", "\\ "),))) == (("CN", "\\ "),)


@given(names_of_entries)
def test_folding_twice_is_folding_once(parts):
    assert names.key(names.key(names.join(parts))) == names.key(names.join(parts))


@pytest.mark.parametrize(
    ("spelling", "parts"),
    [
        ("CN=Anna, OU=Leute ,DC=x", (("CN", "Anna"), ("OU", "Leute"), ("DC", "x"))),
        (r"CN=Weiß\, Anna,DC=x", (("CN", "Weiß, Anna"), ("DC", "x"))),
        (r"CN=Wei\C3\9F,DC=x", (("CN", "Weiß"), ("DC", "x"))),
        (r"CN=am Ende\ ,DC=x", (("CN", "am Ende "), ("DC", "x"))),
        ("2.5.4.3=Anna;DC=x", (("2.5.4.3", "Anna"), ("DC", "x"))),
        ("", ()),
    ],
)
def test_every_spelling_of_a_name_is_read(spelling, parts):
    assert names.parse(spelling) == parts


@pytest.mark.parametrize(
    "text", ["Anna", "CN=", "CN=Anna,", "=Anna", "CN=a+SN=b", 'CN="Anna"', "CN=\\", "CN=Anna,,DC=x", "C N=x"]
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError, match=r"distinguished name|empty|bare|ends in"):
        names.parse(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Müller", "muller"), ("Meißner", "MEISSNER"), ("ＡＢＣ", "abc"), ("é", "é"), ("Øresund", "oresund")],
)
def test_case_accents_and_width_fold_away(one, other):
    assert names.fold(one) == names.fold(other)


@pytest.mark.parametrize(("one", "other"), [("Müller", "Mueller"), ("аdmin", "admin"), ("æ", "ae")])
def test_other_letters_stay_other_letters(one, other):
    assert names.fold(one) != names.fold(other)


def test_a_security_id_has_two_forms():
    text = "S-1-5-21-3117466213-1043372287-2270421153-500"
    assert accounts.sid_text(accounts.sid_bytes(text)) == text
    assert accounts.sid_bytes("S-1-5-32-544").hex() == "01020000000000052000000020020000"


def test_windows_counts_from_1601():
    assert accounts.windows_time(datetime(1970, 1, 1, tzinfo=UTC)) == 116444736000000000
    moment = datetime(2026, 11, 24, 7, 0, 0, 123456, tzinfo=UTC)
    assert accounts.from_windows_time(accounts.windows_time(moment)) == moment


def test_generalized_time_is_utc_whatever_the_zone():
    from zoneinfo import ZoneInfo

    summer = datetime(2026, 7, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))
    assert accounts.generalized_time(summer) == "20260701070000.0Z"


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("Sommer-2026", True),
        ("sommer2026", False),
        ("Sommernacht", False),
        ("Sommer2026", True),
        ("sommer-2026", True),
        ("Anna-2026!", False),
        ("Xweiss-Rot1", False),
        ("Ät-2026xyz", True),
        ("密码密码-2026a", True),
    ],
)
def test_a_complex_password_has_three_kinds_and_no_name_in_it(password, good):
    assert accounts.is_complex(password, login="aweiss", display_name="Anna Weiss") is good


def test_a_kept_password_is_not_readable_and_only_it_fits():
    kept = accounts.hashed("Sommer-2026")
    assert "Sommer" not in str(kept)
    assert accounts.fits("Sommer-2026", kept)
    assert not accounts.fits("Sommer-2027", kept)
    assert not accounts.fits("", None)
    assert accounts.hashed("Sommer-2026") != kept


def test_an_interval_is_counted_in_hundred_nanoseconds():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    gap = accounts.windows_time(start + timedelta(minutes=30)) - accounts.windows_time(start)
    assert gap == 18_000_000_000
