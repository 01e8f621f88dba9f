"""Expressions: typed, strict, bounded; secrets stay shut; what is not known yet waits."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runbook_exec import render
from runbook_exec.change import Deferred
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret

SECRET = "hunter2-Straße"
HOSTILE = [
    "{{ 7*7 }}",
    "{% raw %}",
    "{{",
    "}}",
    "{# x #}",
    "{{ x }}\n",
    "a\r\nb",
    "\x00",
    "\u202e",
    "'\"",
    "%s",
]


def value(expression: str, **names):
    return render.render("{{ " + expression + " }}", names)


def refusal(expression: str, **names) -> Invalid:
    with pytest.raises(Invalid) as caught:
        value(expression, **names)
    return caught.value


@given(st.text() | st.sampled_from(HOSTILE))
@example("{{ ''.__class__ }}")
def test_a_value_from_outside_comes_out_as_it_went_in(text):
    assert value("x", x=text) == text
    assert render.render("a {{ x }} b{{ y.z }}", {"x": text, "y": {"z": text}}) == f"a {text} b{text}"


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)))  # fmt: skip
def test_a_single_expression_keeps_the_type_of_its_value(data):
    assert value("x", x=data) == data


def test_numbers_in_texts_are_never_added_up_to_other_numbers():
    assert render.render("{{ a }}{{ b }}", {"a": "1", "b": "0"}) == "10"
    assert value("a ~ b", a="1", b="0") == "10"


def test_a_trailing_newline_of_the_runbook_text_stays():
    assert render.render("Dear {{ x }},\n", {"x": "Anna"}) == "Dear Anna,\n"


@pytest.mark.parametrize("expression", ["x | int", "x | float", "'1e999' | float", "none | int", "[] | int"])
def test_what_is_no_number_does_not_become_nought(expression):
    assert refusal(expression, x="twelve")


def test_a_text_becomes_a_number_where_it_is_one():
    assert value("x | int", x=" 12 ") == 12
    assert value("x | float", x="1.5") == 1.5
    assert value("x | int(3)", x="twelve") == 3


def test_a_key_named_like_a_method_is_the_key():
    assert value("x.items", x={"items": 3}) == 3
    assert value("x['get']", x={"get": 4}) == 4
    assert value("x.get('a')", x={"a": 5}) == 5


def test_an_input_named_self_disturbs_nobody():
    assert render.render("{{ x }}", {"self": "a", "x": "b"}) == "b"


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("persom.name", "did you mean 'person'"),
        ("person.nam", "did you mean 'name'"),
        ("[nope]", "known names: person"),
        ("{'a': nope}", "known names: person"),
        ("person.name if false", "correct"),
    ],
)
def test_an_unknown_name_is_an_error_with_a_hint(expression, hint):
    assert hint in refusal(expression, person={"name": "x"}).next_move


@pytest.mark.parametrize(
    "expression",
    [
        "'a' * 10**8",
        "'a' * 100000000",
        "[1] * 100000000",
        "2 ** 99999999",
        "10 ** 10",
        "'%0999999999d' % 1",
        "'{:>999999999}'.format(1)",
        "x.format(1)",
        "x.format_map({})",
        "x.ljust(999999999)",
        "x.zfill(999999999)",
        "x.expandtabs(999999999)",
        "x.replace('', 'x')",
        "long | replace('', long)",
        "many | join(long)",
        "many | map('replace', '', long) | list",
        "[long, long, long, long]",
        "1.5 | round(999999999)",
        "1.5 | round(-999999999)",
        "'9' * 5 | int",
        "1e308 * 10",
        "1e999",
        "range(10**9)",
        "cycler()",
        "lipsum()",
        "dict(a=1)",
        "namespace(a=1)",
        "joiner()",
        "x.__class__",
        "x.__class__.__mro__[1].__subclasses__()",
        "x['__class__']",
        "[].append",
        "x | attr('__class__')",
        "x | xmlattr",
        "many | map(attribute='__class__') | list",
        "{}.update({1: 2})",
        "[1].append(2)",
        "{1: 2}",
        "x.upper",
        "self",
        "caller",
        "('x' | sum(start='y'))",
    ],
)
def test_what_is_not_needed_or_could_exhaust_the_machine_is_refused_at_once(expression):
    tracemalloc.start()
    began = time.monotonic()
    found = refusal(expression, x="x", long="a" * 60_000, many=[str(n) for n in range(60_000)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.what
    assert found.next_move
    assert peak < 60_000_000
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ " + "(" * 200_000 + " }}",
        "{{ " + "not " * 400 + "x }}",
        "{{ " + "-" * 900 + "1 }}",
        "{{ " + "9" * 5_000 + " }}",
        "{{ [" * 400 + "]" * 400 + " }}",
        "{{ x",
        "{{ x | nosuch }}",
        "{{ x is nosuch }}",
        "{{ }}",
        "{{ x.1.2.y( }}",
        "{% if x %}",
        "{% raw %}{{ x }}{% endraw %}",
        "{{ x }}{# y #}",
        "{{ x }} {% set y = 1 %}",
        "{{ 'a",
        "{{ x for x in y }}",
        "{{ lambda: 1 }}",
    ],
)
def test_what_is_no_expression_is_refused_when_it_is_read(text):
    with pytest.raises(Invalid) as caught:
        render.pieces(text)
    assert caught.value.next_move
    assert len(str(caught.value)) < 400


def test_an_unknown_filter_is_answered_with_the_nearest_known_one():
    assert "did you mean 'upper'" in refusal("x | uper", x="a").next_move


# Secrets


@pytest.mark.parametrize(
    "expression",
    [
        "s ~ ''",
        "s | string",
        "s | upper",
        "s | length",
        "s | list",
        "s | replace('a', 'b')",
        "[s] | join",
        "[s, s] | join(', ')",
        "[s] | map('string') | list",
        "[s] | map('upper') | join",
        "[[s] | map('string')]",
        "[s] | select('equalto', 'x') | list",
        "[s, t] | sort",
        "s == 'x'",
        "'x' == s",
        "s != 'x'",
        "s in ['x']",
        "'x' in s",
        "s in 'x'",
        "s < 'x'",
        "s + 'x'",
        "'x' + s",
        "'%s' % s",
        "'{}'.format(s)",
        "s.reveal()",
        "s['reveal']()",
        "s._value",
        "s['_value']",
        "s.rule",
        "[s] | map(attribute='_value') | list",
        "[s] | map(attribute='rule') | list",
        "{s: 1}",
        "s is eq 'x'",
        "s is string",
        "s is sameas s",
        "s[0]",
        "s[0:3]",
        "'x'.startswith(s)",
        "[s, t] | max",
        "[s, t] | unique | map('string') | list",
        "{'a': s}.get(s)",
        "s | default('x') | upper",
        "d.values() | join",
        "d | dictsort | join",
        "d | items | map('join') | list",
        "d | string",
        "'x' if s == 'x' else 'y'",
        "[d] | map(attribute='s') | map('length') | list",
    ],
)
def test_a_secret_never_becomes_text_and_never_answers_a_question(expression):
    names = {"s": Secret(SECRET), "t": Secret("other"), "d": {"s": Secret(SECRET)}}
    found = refusal(expression, **names)
    assert SECRET not in str(found)
    assert found.next_move


def test_a_secret_can_be_passed_on_by_itself_and_inside_a_structure():
    secret = Secret(SECRET)
    assert value("s", s=secret) is secret
    assert value("{'a': [s]}", s=secret) == {"a": [secret]}
    assert value("s | default('x')", s=secret) is secret
    assert value("s is defined", s=secret) is True


def test_a_text_around_a_secret_is_a_secret():
    joined = render.render("pw={{ s }}", {"s": Secret(SECRET, rule="r")})
    assert isinstance(joined, Secret)
    assert joined.reveal() == f"pw={SECRET}"
    planned = render.render("pw={{ s }}", {"s": Secret.planned("r")})
    assert isinstance(planned, Secret)
    assert planned.is_planned


def test_a_list_inside_a_longer_text_is_refused():
    for data in ([1], {"a": Secret(SECRET)}, [Deferred("make", "id")]):
        with pytest.raises(Invalid, match="list or a mapping"):
            render.render("x {{ d }}", {"d": data})


# Values still to come


@pytest.mark.parametrize(
    "expression",
    [
        "later",
        "later.id",
        "later.step",
        "later.label",
        "later.parts",
        "later['id']",
        "later[0]",
        "later.id.deeper",
        "later.get('x')",
        "later()",
        "later is defined",
        "later.id is defined",
        "later is not defined",
        "later is undefined",
        "later is none",
        "later is string",
        "later is mapping",
        "later is callable",
        "later is sameas 1",
        "later == 1",
        "later != 1",
        "1 == later",
        "later < 1",
        "1 < later",
        "later in [1]",
        "1 in later",
        "later in 'abc'",
        "later in {'a': 1}",
        "not later",
        "later and true",
        "later or true",
        "1 if later else 2",
        "-later",
        "later - 1",
        "1 - later",
        "later + 1",
        "'a' + later",
        "later * 2",
        "[later] ~ 'x'",
        "[[later]] | join",
        "{'a': later} | string",
        "later / 2",
        "2 // later",
        "2 % later",
        "later ~ 'x'",
        "'abc'[later]",
        "known[later]",
        "known.get(later)",
        "'x'.startswith(later)",
        "[later] | join",
        "[later, 1] | sort",
        "[1, later] | max",
        "[later] | sum",
        "[later] | unique | list",
        "[later] | map('upper') | list",
        "[later] | select('defined') | list",
        "[later] | map(attribute='id') | map('upper') | list",
        "later.id | default('x')",
        "later | default('x', true)",
        *[
            f"later | {name}"
            for name in render.FILTERS
            if name not in {"map", "replace", "selectattr", "rejectattr"}
        ],
        "later | map('upper') | list",
        "later | replace('a', 'b')",
        "later | selectattr('a') | list",
        "'a' | replace(later, 'b')",
        "{later: 1}",
    ],
)
def test_whatever_touches_a_value_to_come_waits_for_it(expression):
    assert isinstance(value(expression, later=Deferred("make"), known={"a": 1}), Deferred)


def test_a_short_circuit_needs_no_value_to_come():
    assert value("true or later", later=Deferred("make")) is True
    assert value("known if true else later", later=Deferred("make"), known=1) == 1
    assert value("[later.id, 1] | length", later=Deferred("make")) == 2


def test_a_text_around_a_value_to_come_keeps_its_fixed_pieces():
    text = render.render("{{ a }}-{{ later.id }}@{{ b }}.de", {"a": "x", "b": "y", "later": Deferred("make")})
    assert isinstance(text, Deferred)
    assert text.parts == ("x-", None, "@y.de")
    assert text.label == "x-⟨make.id⟩@y.de"


def test_a_secret_beside_a_value_to_come_is_no_fixed_piece():
    text = render.render("{{ s }}-{{ later.id }}", {"s": Secret(SECRET), "later": Deferred("make")})
    assert text.parts == (None, "-", None)
    assert SECRET not in text.label


# Conditions and names


def test_a_condition_is_true_or_false_or_waits():
    assert render.condition("{{ x == 1 }}", {"x": 1}) is True
    assert isinstance(render.condition("{{ x.y }}", {"x": Deferred("a")}), Deferred)
    with pytest.raises(Invalid, match="neither true nor false"):
        render.condition("{{ x }}", {"x": "yes"})
    with pytest.raises(Invalid, match="neither true nor false") as caught:
        render.condition("{{ x }}", {"x": Secret(SECRET)})
    assert SECRET not in str(caught.value)


def test_names_are_the_longest_dotted_paths():
    assert list(render.names("{{ a.b.c ~ a.b }} {{ d['e'] }} {{ [x.y] | map('upper') }}")) == [
        ("a", "b", "c"),
        ("d", "e"),
        ("x", "y"),
    ]


def test_what_is_read_only_after_asking_is_guarded():
    assert render.guarded("{{ a or b.c }} {{ d if e else f.g }} {{ h and i }}") == {"b", "d", "f", "i"}


def test_names_that_a_text_first_asks_for_are_guarded():
    assert render.guarded("{{ a.b | default('x') }} {{ c.d is defined }} {{ e.skipped }} {{ f.g }}") == {
        "a",
        "c",
        "e",
    }


@pytest.mark.parametrize(
    "text", ["{{ 1 / 0 }}", "{{ x and 1 / 0 }}", "{{ [x, 'a' * 9] }}", "{{ 'a' | int + 'b' }}"]
)
def test_a_constant_that_always_fails_is_found_without_any_value(text):
    assert render.failing_constant(text) is not None


@pytest.mark.parametrize(
    "text", ["{{ x / 0 }}", "{{ 1 + 1 }}", "{{ 'a' ~ x }}", "{{ ['a'] | join(', ') }}", "x"]
)
def test_other_expressions_are_left_for_planning(text):
    assert render.failing_constant(text) is None
