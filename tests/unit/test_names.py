"""What is promised about names, for any text at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runbook_exec import names
from runbook_exec.errors import Invalid

LOGIN = re.compile(r"[a-z0-9]([a-z0-9._-]{0,18}[a-z0-9])?")
LOCAL = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
LANGUAGES = st.sampled_from(["de", "en", "sv", "tr", "sr", "cs", "xx"])
NAMES = st.text(max_size=80) | st.text("aäößÅøłğİđñéẞ -'.", max_size=80)


def candidates(first, last, language="de"):
    how = {"language": language, "employee_id": "4711"}
    return (
        names.logins(first, last, patterns=["{given:1}{surname}", "{given:2}{surname}"], **how),
        names.local_parts(first, last, patterns=["{given}.{surname}"], **how),
    )


def possible(make, *args):
    try:
        return make(*args)
    except Invalid:
        return None


@given(NAMES, NAMES, LANGUAGES)
def test_every_proposal_keeps_the_rules_for_any_name(first, last, language):
    found = possible(candidates, first, last, language)
    assume(found)
    logins, local_parts = found
    assert all(LOGIN.fullmatch(login) for login in logins), logins
    assert all(LOCAL.fullmatch(local) for local in local_parts), local_parts
    assert not names.RESERVED & {*logins, *local_parts}
    assert len(set(logins)) == len(logins)


@given(NAMES, NAMES)
def test_names_with_a_letter_of_the_alphabet_always_get_a_login(first, last):
    assume(any("a" <= c <= "z" for c in first + last))
    assert candidates(first, last)


@given(NAMES, NAMES)
def test_whoever_folds_the_same_never_gets_the_same_login(first, last):
    found = possible(candidates, first, last)
    assume(found)
    logins, _ = found
    taken = names.free(logins, [])
    other = names.free(logins, [taken.upper()])
    assert other is not None
    assert names.fold(other) != names.fold(taken)


@given(st.text(max_size=40))
def test_folding_is_stable_and_blind_to_case_and_accents(text):
    assert names.fold(names.fold(text)) == names.fold(text)
    assert names.fold(text.lower().upper().lower()) == names.fold(text.lower())


@given(NAMES, NAMES)
def test_common_names_fit_the_directory_and_differ_when_folded(first, last):
    display = names.display_name(first, last)
    assume(display)
    found = names.common_names(display)
    assert all(len(name) <= names.COMMON_NAME_LENGTH for name in found)
    assert len({names.fold(name) for name in found}) == len(found)


@given(st.text(max_size=40))
def test_a_cleaned_name_holds_nothing_invisible(text):
    clean = possible(lambda: names.cleaned(text, what="name"))
    assume(clean is not None)
    assert clean == " ".join(clean.split())
    assert all(c.isprintable() for c in clean)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller", "Muller"),
        ("Meißner", "Meissner"),
        ("İPEK", "ipek"),
        ("Łukasz", "lukasz"),
        ("Anna  Weiß", "anna weiss"),
    ],
)
def test_names_that_a_directory_takes_for_the_same_fold_alike(one, other):
    assert names.fold(one) == names.fold(other)


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("Müller", "de", "mueller"),
        ("Müller", "tr", "muller"),
        ("Åse", "no", "aase"),
        ("Åsa", "sv", "asa"),
        ("Bjørn", "da", "bjoern"),
        ("Łukasz", "pl", "lukasz"),
        ("Yağmur", "tr", "yagmur"),
        ("Đorđe", "sr", "djordje"),
        ("Đức", "vi", "duc"),
        ("Þórður", "is", "thordur"),
        ("STRAẞE", "de", "strasse"),
        ("a\u0308", "de", "ae"),
        ("ﬁnk", "de", "fink"),
        ("Ｗｅｂ", "de", "web"),
    ],
)
def test_letters_become_ascii_by_the_habit_of_their_language(text, language, wanted):
    assert names.ascii_word(text, language) == wanted


@pytest.mark.parametrize("name", ["аdmin", "Αnna", "Mаria Weber", "Groß-Вeber"])
def test_look_alikes_of_two_scripts_in_one_word_are_refused(name):
    with pytest.raises(Invalid, match="mixes"):
        names.cleaned(name, what="surname")


def test_a_whole_name_that_only_looks_latin_is_doubted():
    assert names.doubts("Сосо") == ("Сосо is written in Cyrillic letters that look like Latin ones",)
    assert names.doubts("Weber") == ()


@pytest.mark.parametrize("name", ["李小龍", "さくら子", "김민준", "Ναταλία", "محمد"])
def test_names_in_one_script_are_no_mixture(name):
    assert names.cleaned(name, what="surname") == name


def test_a_role_is_nobodys_login():
    assert names.logins("", "Admin", patterns=["{surname}"])[0] == "admin2"


def test_a_number_after_a_number_is_no_other_persons_number():
    logins = names.logins("A", "B", patterns=["{id}"], employee_id="471")
    assert logins[:2] == ("471", "471-2")


def test_twenty_letters_leave_room_for_the_number():
    logins = names.logins("Anna", "Schnarrenberger-Wolfenbüttel", patterns=["{given:1}{surname}"])
    assert logins[0] == "aschnarrenbergerwolf"
    assert logins[1] == "aschnarrenbergerwol2"
    assert logins[-1] == "aschnarrenbergerwo20"
