"""Lint finds what load cannot see: actions, arguments, references, safety, words; each at its line."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from runbook_exec import load
from runbook_exec.errors import Problems
from runbook_exec.lint import lint, refuse_problems
from runbook_exec.testing import FarSide, registered

T = "title: {en: x, de: y}"


@pytest.fixture(autouse=True)
def _actions():
    with registered(FarSide()):
        yield


def book(steps: str, inputs: str = "", head: str = ""):
    text = f"runbook: trial\ntitle: {{en: Trial, de: Probe}}\n{head}"
    if inputs:
        text += f"inputs: {{type: object, properties: {inputs}}}\n"
    body = textwrap.indent(textwrap.dedent(steps).strip("\n").replace("T,", f"{T},"), "      ")
    text += f"sections:\n  - title: {{en: A, de: B}}\n    steps:\n{body}\n"
    text += "" if "subject:" in head else "subject: somebody\n"  # a gate has to know whom it is about
    return load.parse(text, file="x.yaml", fetch=lambda name: "")


def found(steps: str, inputs: str = "", head: str = "") -> list[str]:
    problems = lint(book(steps, inputs, head))
    assert all(problem.next_move for problem in problems)
    return [f"{problem.where}: {problem.what} → {problem.next_move}" for problem in problems]


def thing(name="two", **more) -> str:
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"- {{id: {name}, T, uses: memory.thing, with: {{key: a}}{rest}}}"


READS = '- {{id: two, T, uses: memory.thing, with: {{key: "{}"}}}}'


def test_a_good_runbook_has_no_problems():
    steps = """
- {id: word, T, uses: memory.word, with: {text: "{{ person.name }} {{ site.x }} {{ run.id }}"}}
- {id: ok, gate: {person: "{{ person.boss | default('mia') }}"}}
- {id: each, T, for_each: "{{ names }}", as: one, uses: memory.thing, with: {key: "{{ one }}", set: {a: "{{ word.value }}"}}}
- {id: pw, T, uses: memory.password, with: {key: a, password: "{{ word.secret }}"}, irreversible: no old one}
- {id: two, T, when: "{{ each.changed and not word.skipped }}", uses: memory.thing, with: {key: "{{ each.each | map(attribute='id') | join }}"}}
- {id: three, T, uses: memory.thing, with: {key: "{{ two.id | default('x') }}"}}
- {id: hi, T, mode: read-do, with: {items: ["a"]}, irreversible: a person did it}
"""
    inputs = "{person: {type: object, required: [name], properties: {name: {type: string}, boss: {type: string}}}, names: {type: array}}, required: [person, names]"
    assert found(steps, inputs) == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("nope", "x.yaml:8:69: step 'two', with.key reads 'nope', which is no input and no step"),
        ("wrod.value", "did you mean 'word'?"),
        ("word.valeu", "but memory.word never gives 'valeu' → did you mean 'value'?"),
        ("two.id", "the step itself"),
        ("last.id", "which comes later (x.yaml:9:9)"),
        ("ok.x", "which is a gate and gives no value"),
        ("run.nosuch", "which a run does not have"),
        ("word.value | uper", "did you mean 'upper'?"),
        ("word.value is nosuch", "No test named"),
        ("word.value +", "no expression that can be computed"),
        ("word.value } ", "no expression that can be computed"),
        ("1 / 0", "can never be computed"),
        ("'a' * 9999999", "can never be computed"),
        ("word.value ~ ('x' | int)", "can never be computed"),
    ],
)
def test_an_expression_that_can_never_be_planned_is_found(expression, said):
    steps = f"""
- {{id: word, T, uses: memory.word, with: {{text: a}}}}
- {{id: ok, gate: {{person: x}}}}
{READS.format("{{ " + expression + " }}")}
- {{id: last, T, uses: memory.thing, with: {{key: a}}}}
"""
    (problem,) = found(steps)
    assert said in problem


def test_a_statement_or_comment_is_no_expression():
    (problem,) = found(READS.format("{{ 1 }}{% if x %}"))
    assert "only {{ expressions }}" in problem


def test_an_action_that_does_not_exist_is_found_at_its_word():
    (problem,) = found("- {id: two, T, uses: memory.thng}")
    assert problem.startswith("x.yaml:6:42: step 'two' uses 'memory.thng', which is no action → did you mean")


@pytest.mark.parametrize(
    ("with_", "said"),
    [
        ("{kye: a}", ["'key' is missing", "x.yaml:6:69: step 'two' (memory.thing) with.kye: 'kye' is not known here → did you mean 'key'?"]),
        ("{key: 5}", ["x.yaml:6:69: step 'two' (memory.thing) with.key: 5 is not a text → put it in quotes"]),
        ("{key: ''}", ["too short"]),
        ("{key: a, set: [1]}", ["x.yaml:6:77: step 'two' (memory.thing) with.set: this list is not a mapping"]),
        ("{key: [a]}", ["this list is not a text"]),
        ("{key: a, set: {'{{ x }}': 1}}", ["the name '{{ x }}' is not computed"]),
        ("{key: a, set: '{{ site.x }} and'}", ["is not a mapping"]),
        ("{key: a, set: '{{ site.x }}'}", []),
    ],
)  # fmt: skip
def test_an_argument_that_is_wrong_is_told_at_its_own_line(with_, said):
    problems = found(f"- {{id: two, T, uses: memory.thing, with: {with_}}}")
    assert len(problems) == len(said), problems
    assert all(any(part in problem for problem in problems) for part in said), problems


def test_an_argument_on_a_line_of_its_own_is_told_there():
    (problem,) = found(
        "- id: two\n  title: {en: x, de: y}\n  uses: memory.thing\n  with:\n    key: a\n    st: {}"
    )
    assert problem.startswith("x.yaml:11:11:")


def test_a_secret_written_in_clear_is_refused_without_repeating_it():
    (problem,) = found(
        "- {id: two, T, uses: memory.password, with: {key: a, password: hunter2}, irreversible: x}"
    )
    assert "a secret does not stand in a runbook" in problem
    assert "hunter2" not in problem


def test_a_duration_that_is_none_is_found():
    (problem,) = found("- {id: two, T, uses: memory.wait, with: {key: a, deadline: soon}}")
    assert "'soon' is no length of time" in problem
    assert found("- {id: two, T, uses: memory.wait, with: {key: a, deadline: '{{ site.d }}'}}") == []


# Steps that may not have run


@pytest.mark.parametrize(
    ("when", "expression", "clean"),
    [
        ("", "{{ one.id }}", False),
        ("", "{{ one.id | default('x') }}", True),
        ("", "{{ one.id if one.changed else 'x' }}", True),
        ("", "{{ site.a or one.id }}", True),
        ("", "{{ one.changed }}", True),
        ("{{ site.a }}", "{{ one.id }}", True),
        ("{{  site.a  }}", "{{ one.id }}", True),
        ("{{ not one.skipped }}", "{{ one.id }}", True),
        ("{{ site.b }}", "{{ one.id }}", False),
    ],
)
def test_an_output_of_a_step_that_may_be_skipped_is_read_with_care(when, expression, clean):
    when = f'when: "{when}", ' if when else ""
    steps = f"""
- {{id: one, T, when: "{{{{ site.a }}}}", uses: memory.thing, with: {{key: a}}}}
- {{id: two, T, {when}uses: memory.thing, with: {{key: "{expression}"}}}}
"""
    problems = found(steps)
    assert (problems == []) is clean, problems
    assert clean or "not there when 'one' is skipped" in problems[0]


def test_an_output_of_each_element_is_not_an_output_of_the_step():
    steps = f"""
- {{id: one, T, for_each: "{{{{ site.a }}}}", uses: memory.thing, with: {{key: "{{{{ item }}}}"}}}}
{READS.format("{{ one.id }}")}
"""
    (problem,) = found(steps)
    assert "runs for each of a list → one.each | map(attribute='id')" in problem


def test_steps_side_by_side_do_not_read_each_other():
    steps = f"""
- parallel:
    - {{id: one, T, uses: memory.thing, with: {{key: a}}}}
    {READS.format("{{ one.id }}")}
"""
    assert "which runs at the same time" in found(steps)[0]


# Inputs


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("p.name", ""),
        ("p.nmae", "but the input has no 'nmae' → did you mean 'name'?"),
        ("p.nick", "which may be left out"),
        ("p.nick | default('')", ""),
        ("p.lang", ""),
        ("q", "which may be left out"),
        ("q.x | default('')", ""),
        ("p.free.anything", ""),
    ],
)
def test_what_is_read_of_an_input_must_be_there(expression, said):
    inputs = """{p: {type: object, required: [name, free], properties: {name: {type: string}, nick: {type: string},
      lang: {default: en}, free: {type: object}}}, q: {type: object, properties: {x: {}}}}, required: [p]"""
    problems = found(READS.format("{{ " + expression + " }}"), inputs.replace("\n", " "))
    assert bool(problems) is bool(said), problems
    assert not said or said in problems[0]


def test_a_condition_on_an_input_makes_reading_it_safe():
    steps = '- {id: two, T, when: "{{ p is defined }}", uses: memory.thing, with: {key: "{{ p }}"}}'
    assert found(steps, "{p: {type: string}}") == []


# when and for_each


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{{ 'yes' }}", "gives a text, which is neither true nor false"),
        ("{{ site.a }} and {{ site.b }}", "text around its expression"),
        ("{{ true }}", ""),
        ("{{ 1 == 1 }}", ""),
        ("{{ nope }}", "which is no input"),
    ],
)
def test_a_condition_that_is_none_is_found(when, said):
    problems = found(thing(when=f'"{when}"'))
    assert bool(problems) is bool(said), problems
    assert not said or said in problems[0]


@pytest.mark.parametrize(
    ("each", "said"),
    [
        ("{{ names }}", ""),
        ("{{ names | sort }}", ""),
        ("{{ password }}", "a secret, which is never a list"),
        ("{{ word }}", "an input that is a text"),
        ("{{ maybe }}", ""),
        ("{{ names }}{{ names }}", "text around its expression"),
    ],
)
def test_a_list_that_is_none_is_found(each, said):
    inputs = """{names: {type: array}, password: {type: string, secret: true}, word: {type: string},
     maybe: {type: [array, 'null']}}, required: [names, password, word, maybe]"""
    problems = found(thing(for_each=f'"{each}"'), inputs.replace("\n", ""))
    assert bool(problems) is bool(said), problems
    assert not said or said in problems[0]


def test_the_name_of_an_element_must_be_its_own():
    assert (
        "'word' is the name of something else"
        in found(thing(for_each='"{{ site.a }}"', **{"as": "word"}), "{word: {type: string}}")[0]
    )
    assert "has as: without for_each:" in found(thing(**{"as": "one"}))[0]


# Safety


@pytest.mark.parametrize("uses", ["memory.removal, with: {key: a}", "memory.mail, with: {to: a, text: b}"])
def test_a_step_without_a_way_back_says_so(uses):
    (problem,) = found(f"- {{id: two, T, uses: {uses}}}")
    assert "without a way back" in problem
    assert found(f"- {{id: two, T, uses: {uses}, irreversible: because}}") == []


def test_a_step_that_only_reads_is_not_irreversible():
    assert "only reads" in found("- {id: two, T, uses: memory.wait, with: {key: a}, irreversible: x}")[0]


def test_a_ticket_to_be_opened_needs_a_step_that_opens_it():
    (problem,) = found(thing(), head="ticket: create\n")
    assert problem.startswith("x.yaml:3:1: ticket: create, but no step opens a ticket")
    assert found(thing(), head="ticket: optional\n") == []


# Words


def test_each_title_is_there_in_every_language():
    text = "runbook: x\ntitle: Trial\nsections:\n  - title: {de: A}\n    steps:\n      - {id: a, title: {en: x, de: ' '}, uses: memory.thing, with: {key: a}}\n"
    problems = lint(load.parse(text, file="x.yaml", fetch=lambda name: ""))
    assert [(p.where, p.what) for p in problems] == [
        ("x.yaml:2:1", "the runbook's title has no 'de'"),
        ("x.yaml:4:5", "the section's title has no 'en'"),
        ("x.yaml:6:17", "step 'a': the title has no 'de'"),
    ]


def test_titles_and_reasons_are_shown_as_they_are():
    assert "is shown as it is" in found(thing().replace("T,", 'title: {en: "{{ x }}", de: y},'))[0]
    assert "is shown as it is" in found(thing(irreversible='"{{ site.x }}"'))[0]


@pytest.mark.parametrize("name", ["site", "run", "self", "and", "true", "none", "word"])
def test_a_step_has_a_name_that_expressions_can_read(name):
    assert any(
        "has the name of" in problem for problem in found(thing(f"'{name}'"), "{word: {type: string}}")
    )


def test_the_subject_reads_inputs_alone():
    (problem,) = found(thing(), head='subject: "{{ two.id }}"\n')
    assert problem.startswith(
        "x.yaml:3:1: the subject reads 'two.id', a step, but the subject is known before"
    )


def test_all_problems_are_refused_at_once():
    with pytest.raises(Problems) as caught:
        refuse_problems(
            book("- {id: a, title: x, uses: memory.nope}\n- {id: b, title: x, uses: memory.nope}")
        )
    assert len(caught.value.problems) == 4
    refuse_problems(book(thing()))


def test_a_gate_without_a_subject_is_found():
    text = f"runbook: t\n{T}\nsections:\n  - {T}\n    steps:\n      - {{id: ok, gate: {{person: boss}}}}\n"
    (problem,) = lint(load.parse(text, file="x.yaml", fetch=lambda name: ""))
    assert problem.where.startswith("x.yaml:6:")
    assert "subject:" in problem.next_move


def test_a_step_that_later_steps_read_cannot_be_put_off():
    steps = """
- {id: word, T, uses: memory.word, with: {text: a}, deferrable: C}
- {id: ok, gate: {person: "{{ word.value }}"}}
- {id: two, T, uses: memory.thing, with: {key: "{{ word.value }}"}, deferrable: {class: A, within: 24h}}
"""
    (problem,) = found(steps)
    assert "step 'word' cannot be put off: ok, two read what it gives" in problem


def test_a_repeated_step_cannot_be_put_off_as_a_whole():
    (problem,) = found(
        "- {id: two, T, for_each: '{{ [1] }}', uses: memory.thing, with: {key: a}, deferrable: C}"
    )
    assert "cannot be put off as a whole" in problem


def test_a_control_says_whom_its_runs_are_about():
    nobody = replace(book(thing(), head="control: leaver\n"), subject="")
    assert [problem.what for problem in lint(nobody)] == [
        "an auditor could not tell whom a run of this control was about"
    ]


def test_the_days_of_a_control_are_known_before_any_step():
    head = 'control: {is: leaver, due: "{{ two.at }}"}\n'
    assert any("the control's due reads" in each for each in found(thing(), head=head))
    head = 'control: {is: leaver, due: "{{ last_day }}"}\n'
    assert found(thing(), inputs="{last_day: {type: string, default: ''}}", head=head) == []


def test_only_access_has_an_end():
    head = 'control: {is: joiner, until: "{{ run.id }}"}\n'
    assert any("only access has an end" in each for each in found(thing(), head=head))


HANDS_OUT = """
- {id: word, T, uses: secret.generate, with: {length: 16}}
- {id: given, T, mode: read-do, with: {reveal: {Password: "{{ word.value }}"}}}
"""
VERIFIED = "- {id: known, T, uses: people.verify_caller, with: {person: Anna}MORE}"


def test_nothing_is_handed_out_to_a_caller_whom_nobody_verified():
    (problem,) = found(HANDS_OUT, head="asked_by: phone\n")
    assert "step 'given' hands something out to a caller whom nobody has verified" in problem
    assert found(VERIFIED.replace("MORE", "") + HANDS_OUT, head="asked_by: phone\n") == []
    assert found(HANDS_OUT) == []


@pytest.mark.parametrize("more", [", when: '{{ 1 == 2 }}'", ", on_failure: continue", ", deferrable: C"])
def test_a_verification_that_may_be_left_out_is_none(more):
    assert found(VERIFIED.replace("MORE", more) + HANDS_OUT, head="asked_by: phone\n")


def test_a_challenge_takes_two_whatever_the_step_says():
    step = "- {id: serial, T, uses: people.challenge, with: {title: x, expect: [a]}, mode: read-do}"
    assert "takes two people" in found(step)[0]
