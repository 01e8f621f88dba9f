"""Distinguished names: whatever a name is made of, it parses back to the same parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_exec.dn import Dn, canonical, escape, first_value, fold, parse, same_name
from runbook_exec.errors import Invalid

BASE = parse("OU=Benutzer,DC=corp,DC=example")
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda v: v.strip()
)
HOSTILE = ["a,b", "a+b", 'a"b', "a\\b", "#a", " a", "a ", "  ", " ", "a\0b", "a\nb", "a;b", "<a>", "a=b", "Weiß",
           "\u202eevil", "x,DC=other", "\\2C", "a\\", "{{ 7*7 }}", "İpek", "аdmin", "O'Neill", "*)(uid=*"]  # fmt: skip


@given(VALUES)
def test_every_value_survives_being_part_of_a_name(value):
    made = BASE.child("CN", value)
    assert parse(str(made)) == made
    assert parse(str(made)).name == value


@given(st.lists(st.tuples(st.sampled_from(["CN", "ou", "2.5.4.3"]), VALUES), min_size=1, max_size=4))
def test_every_name_parses_back_from_its_text(pairs):
    made = Dn(tuple((pair,) for pair in pairs))
    assert parse(str(made)) == made


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_a_clear_refusal(text):
    try:
        parsed = parse(text)
    except Invalid as refused:
        told = refused.what
    else:
        told = "is no distinguished name"
        assert parse(str(parsed)) == parsed
    assert "is no distinguished name" in told


@given(VALUES)
def test_the_canonical_form_is_a_name_and_its_own_canonical_form(value):
    once = BASE.child("CN", value).canonical
    assert canonical(once) == once


@given(VALUES)
def test_no_value_leaves_the_base(value):
    assert BASE.child("CN", value).is_inside(BASE)
    assert len(BASE.child("CN", value).rdns) == 4


@pytest.mark.parametrize("value", [v for v in HOSTILE if v.strip()])
def test_hostile_values_stay_one_part(value):
    made = BASE.child("CN", value)
    assert made.parent == BASE
    assert "\0" not in str(made)
    assert "\n" not in str(made)


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_an_empty_name_is_refused(value):
    with pytest.raises(Invalid, match="empty CN"):
        BASE.child("CN", value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CN=a,", "ends in ','"),
        ("CN", "no '='"),
        ("=a", "no attribute type"),
        ("CN=a\\", "no escape"),
        ("CN=a\\zz", "no escape"),
        ('CN="a"', "must be written"),
        ("CN=a\0b", "raw NUL"),
        ("CN=#zz", "#hex"),
        ("CN=#040161 x", "follows"),
        ("C N=a", "no attribute type"),
    ],
)
def test_what_is_no_name_is_refused_and_says_why(text, why):
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert why in caught.value.what


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=Anna,DC=x", "cn=anna,dc=X"),
        ("CN=Wei\\C3\\9F,DC=x", "CN=Weiß,DC=x"),
        ("CN=a\\,b,DC=x", "CN=a\\2Cb, DC=x"),
        ("CN=a+OU=b,DC=x", "ou=B+cn=A,dc=x"),
        ("CN=#0C0161,DC=x", "CN=a,DC=x"),
        ("OID.2.5.4.3=a", "2.5.4.3=a"),
        ("CN=a ,DC=x", "CN=a,DC=x"),
        ("CN=a\\?,DC=x", "CN=a?,DC=x"),
        ("CN=a;DC=x", "CN=a,DC=x"),
    ],
)
def test_two_spellings_are_one_name(one, other):
    assert same_name(one, other)
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), [("CN=Weiß,DC=x", "CN=Weiss,DC=x"), ("CN=a\\ ,DC=x", "CN=a,DC=x")])
def test_two_names_stay_two(one, other):
    assert not same_name(one, other)
    assert canonical(one) != canonical(other)


def test_a_look_alike_base_is_not_inside():
    assert not parse("CN=a,OU=NotBenutzer,DC=corp,DC=example").is_inside(BASE)
    assert not parse("CN=a,OU=Benutzer\\,DC\\=corp,DC=example").is_inside(BASE)
    assert not parse("DC=corp,DC=example").is_inside(BASE)
    assert parse("cn=a,ou=benutzer,dc=CORP,dc=example").is_inside(BASE)


def test_bytes_that_are_no_text_survive():
    assert str(parse("CN=a\\FF,DC=x")) == "CN=a\\FF,DC=x"


def test_only_what_must_be_escaped_is_escaped():
    assert escape("Weiß, Anna") == "Weiß\\, Anna"
    assert escape("a#b c") == "a#b c"
    assert escape("") == ""


@pytest.mark.parametrize(
    ("value", "low"), [("ÄÖÜ", "äöü"), ("İpek", "İpek"), ("ẞ", "ẞ"), ("Đorđe", "đorđe"), ("АБ", "аб")]
)
def test_only_case_that_every_server_ignores_is_folded(value, low):
    assert fold(value) == low


@pytest.mark.parametrize(
    ("text", "called"),
    [
        (r"CN=Weiß\, Anna,OU=Benutzer,DC=x", "Weiß, Anna"),
        (r"CN=a\3Db,DC=x", "a=b"),
        ("CN=Anna Weiß\\0ADEL:0f1e,CN=Deleted Objects,DC=x", "Anna Weiß"),
        ("7c1f-no-name", "7c1f-no-name"),
    ],
)
def test_people_are_called_by_the_first_value_of_their_name(text, called):
    assert first_value(text) == called


@pytest.mark.parametrize("text", ["Ӻ", "Ӷ", "Ⱥ", "Ɐ", "ẞ", "İ"])
def test_a_letter_that_an_older_server_does_not_fold_stays(text):
    assert fold(text) == text
