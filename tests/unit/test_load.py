"""YAML becomes a runbook, or a list of everything that is wrong with it, each with its place."""

from __future__ import annotations

import json
import textwrap

import pytest

from runbook_exec import load
from runbook_exec.errors import Invalid, Problems
from runbook_exec.model import Mode, OnFailure

HEAD = "runbook: trial\ntitle: {en: Trial, de: Probe}\n"
ONE = "sections:\n  - title: {en: A, de: B}\n    steps:\n      - {id: one, title: {en: x, de: y}, uses: memory.thing}\n"


def parsed(text, **files):
    def fetch(name):
        return files[name]

    return load.parse(textwrap.dedent(text), file="x.yaml", fetch=fetch)


def step(body: str):
    return parsed(f"{HEAD}sections:\n  - title: {{en: A, de: B}}\n    steps:\n      - {body}\n")


def problems(text, **files) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        parsed(text, **files)
    found = caught.value.problems if isinstance(caught.value, Problems) else [caught.value]
    assert all(problem.next_move for problem in found), [str(p) for p in found]
    return [(problem.where, problem.what) for problem in found]


def test_everything_written_arrives():
    book = parsed("""
        runbook: trial
        title: {en: Trial, de: Probe}
        ticket: required
        subject: "{{ name }}"
        inputs: {type: object, properties: {name: {type: string}}}
        guards: {max_changes: 3, protected: [crown]}
        triggers: [{hr: {event: x}}]
        sections:
          - title: {en: A, de: B}
            steps:
              - id: one
                title: {en: x, de: y}
                uses: memory.thing
                with: {key: a}
                when: "{{ name }}"
                for_each: "{{ name }}"
                as: each
                mode: challenge
                retry: {attempts: 3, backoff: 500ms}
                timeout: 5m
                on_failure: continue
                irreversible: because
              - id: ok
                gate: {all: [{person: mia}], expires: 48h}
                when: "{{ name }}"
              - parallel:
                  - {id: two, title: {en: x, de: y}, uses: memory.thing}
                  - {id: three, title: {en: x, de: y}, mode: read-do, with: {items: [a]}}
    """)
    one, ok, two, three = book.steps()
    assert (one.uses, one.args, one.when, one.for_each, one.item) == (
        "memory.thing", {"key": "a"}, "{{ name }}", "{{ name }}", "each",
    )  # fmt: skip
    assert (one.mode, one.retry.attempts, one.retry.backoff, one.timeout) == (Mode.CHALLENGE, 3, 0.5, 300)
    assert (one.on_failure, one.irreversible, one.parallel) == (OnFailure.CONTINUE, "because", "")
    assert (ok.gate.rule, ok.gate.expires, ok.title["de"]) == (
        {"all": [{"person": "mia"}]},
        172800,
        "Freigabe",
    )
    assert two.parallel == three.parallel != ""
    assert (three.uses, three.args) == ("people.confirm", {"title": {"en": "x", "de": "y"}, "items": ["a"]})
    assert (book.ticket, book.subject, book.guards.max_changes, book.guards.protected) == (
        "required", "{{ name }}", 3, ("crown",),
    )  # fmt: skip
    assert [tuple(s.id for s in batch) for batch in book.batches()] == [("one",), ("ok",), ("two", "three")]
    assert str(one.place) == "x.yaml:12:9"
    assert str(book.place((*three.path, "with", "items", 0))) == "x.yaml:29:78"


def test_all_that_is_wrong_is_told_at_once_in_written_order():
    found = problems("""\
        runbook: Trial One
        title: {en: 5}
        colour: red
        guards: {max_changes: 0}
        sections:
          - title: {en: A, de: B}
            steps:
              - {id: One, title: x, uses: memory}
              - {id: two, uses: memory.thing, timeout: soon, with: []}
              - just text
              - {id: three, title: x, uses: memory.thing, on_failure: redo}
              - {id: four, gate: {all: []}}
              - parallel: [{id: five, title: x, uses: memory.thing}]
              - parallel: [{id: six, gate: {person: x}}, {parallel: []}]
          - {title: x}
    """)
    assert list(dict.fromkeys(where for where, _ in found)) == [
        "x.yaml:1:1", "x.yaml:2:9", "x.yaml:3:1", "x.yaml:4:10",
        "x.yaml:8:10", "x.yaml:8:29", "x.yaml:9:9", "x.yaml:9:39", "x.yaml:9:54", "x.yaml:10:9",
        "x.yaml:11:51", "x.yaml:12:27", "x.yaml:13:9", "x.yaml:14:20", "x.yaml:14:50", "x.yaml:15:5",
    ]  # fmt: skip
    assert ("x.yaml:3:1", "'colour' is not known here") in found
    assert any("'title' is missing" in what for where, what in found if where == "x.yaml:9:9")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("# only a comment", "the file is empty"),
        ("just text", "a runbook is a mapping"),
        ("[1, 2]", "a runbook is a mapping"),
        ("runbook: x", "'title' is missing"),
        (HEAD + "sections: 5", "not a list"),
        (HEAD + "sections: []", "too few parts"),
        (HEAD + "sections: [5]", "not a mapping"),
        (HEAD + ONE + "ticket: maybe", "none of the allowed values"),
        (HEAD + ONE + "inputs: 5", "not a mapping"),
        (HEAD + ONE + "subject: 5", "not a text"),
        (HEAD + ONE + "guards: {max_changes: true}", "not a whole number"),
    ],
)
def test_what_is_no_runbook_is_refused(text, said):
    assert any(said in what for _, what in problems(text))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{id: a, title: x, uses: ldap.user, when: true}", "not a text"),
        ("{id: a, title: x, uses: ldap.user, when: x == 1}", "does not have the form"),
        ("{id: a, title: x, uses: ldap.user, mode: manual}", "none of the allowed"),
        ("{id: a, title: x, uses: aws.s3_evidence, retry: {attempts: 99}}", "too large"),
        ("{id: a, title: x, uses: ldap.user, timeout: 5}", "not a text"),
        ("{id: a, title: x, uses: ldap.user, timeout: 99999w}", "no length of time"),
        ("{id: a, title: x, uses: ldap.user, timeout: 0s}", "no time at all"),
        ("{id: a, title: x}", "'uses' is missing"),
        ("{id: a, title: x, mode: auto}", "'uses' is missing"),
        ("{id: a-b, title: x, uses: ldap.user}", "does not have the form"),
        (f"{{id: {'a' * 41}, title: x, uses: ldap.user}}", "too long"),
        ("{id: a, gate: {person: x, group: y}}", "more than one of the allowed forms"),
        ("{id: a, gate: {count: 2}}", "exactly one of all, any, person, manager_of, group, role"),
        ("{id: a, gate: {expires: 48h}}", "exactly one of all, any"),
        ("{id: a, gate: {any: [{person: x, expires: 1h}]}}", "'expires' is not known here"),
        ("{id: a, gate: {person: x}, uses: ldap.user}", "'uses' is not known here"),
        ("{id: a, gate: {person: x, expires: 99999w}}", "no length of time"),
        ("{parallel: 5}", "not a list"),
        ("{parallel: [], id: x}", "'id' is not known here"),
        ("5", "a step is a mapping"),
    ],
)
def test_a_wrong_step_is_told_with_its_place(body, said):
    found = problems(f"{HEAD}sections:\n  - title: x\n    steps:\n      - {body}\n")
    assert any(said in what for _, what in found), found
    assert all(where.startswith("x.yaml:6:") for where, _ in found)


def test_an_id_used_twice_says_where_first():
    steps = "".join(f"      - {{id: one, title: x, uses: ldap.{n}}}\n" for n in ("user", "entry"))
    found = problems(f"{HEAD}sections:\n  - title: x\n    steps:\n{steps}")
    assert found == [("x.yaml:7:9", "the id 'one' is used twice, first at x.yaml:6:9")]


# The digest


def test_the_digest_counts_what_is_said_and_not_how_it_is_written():
    digest = parsed(HEAD + ONE).digest
    assert parsed("# a comment\n" + ONE + HEAD).digest == digest
    assert parsed(HEAD + ONE.replace("thing", "other")).digest != digest
    assert parsed(HEAD.replace("Probe", "Versuch") + ONE).digest != digest


def test_the_digest_counts_the_schemas_that_are_named():
    text = HEAD + ONE + "inputs: {$ref: person.yaml}"
    one = parsed(text, **{"person.yaml": "type: object"}).digest
    assert parsed(text, **{"person.yaml": "type: object # comment"}).digest == one
    assert parsed(text, **{"person.yaml": "{type: object, required: [x]}"}).digest != one


def test_a_stored_runbook_loads_again_to_the_same(tmp_path):
    (tmp_path / "schemas").mkdir()
    schema = "type: object\nproperties: {name: {type: string, description: 'Größe 😀'}}\n"
    (tmp_path / "schemas" / "p.yaml").write_text(schema, encoding="utf-8")
    text = "\ufeff" + HEAD + ONE + "inputs: {type: object, properties: {p: {$ref: schemas/p.yaml}}}"
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    book = load.load(tmp_path / "x.yaml")
    stored = json.loads(json.dumps(dict(book.schemas)))
    again = load.parse(book.source, file=book.file,
                       fetch=lambda name: json.dumps(stored[name], ensure_ascii=False))  # fmt: skip
    assert again == book


# Files


def test_a_file_that_is_not_there_or_no_file_says_so(tmp_path):
    for path in (tmp_path / "nope.yaml", tmp_path, tmp_path / "a\x00b"):
        with pytest.raises(Invalid, match="cannot be read"):
            load.load(path)


def test_a_huge_file_is_not_read_to_its_end(tmp_path):
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(Invalid, match="more than 262144 bytes"):
        load.load(tmp_path / "big.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a: \xff", "no UTF-8"), (b"a: \x00", "U+0000"), (b"runbook: [\n", "no YAML")],
)
def test_a_file_that_is_no_text_or_no_yaml_says_where(tmp_path, content, said):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(Invalid) as caught:
        load.load(tmp_path / "x.yaml")
    assert said in str(caught.value)
    assert "x.yaml:" in caught.value.where


@pytest.mark.parametrize(
    ("written", "duties"),
    [("joiner", ["joiner"]), ("[leaver, emergency]", ["leaver", "emergency"]), ("{is: access}", ["access"])],
)
def test_a_runbook_says_which_controls_its_runs_are_evidence_for(written, duties):
    text = f"""
    runbook: x
    title: {{en: x, de: x}}
    control: {written}
    sections: [{{title: {{en: x, de: x}}, steps: [{{id: a, title: {{en: x, de: x}}, uses: a.b}}]}}]
    """
    book = load.parse(textwrap.dedent(text), file="x.yaml", fetch=lambda name: "")
    assert [duty.value for duty in book.control.duties] == duties


def test_how_punctual_a_control_has_to_be_is_a_length_of_time():
    text = """
    runbook: x
    title: {en: x, de: x}
    control: {is: leaver, within: 4h, within_working_time: 1h}
    sections: [{title: {en: x, de: x}, steps: [{id: a, title: {en: x, de: x}, uses: a.b}]}]
    """
    book = load.parse(textwrap.dedent(text), file="x.yaml", fetch=lambda name: "")
    assert (book.control.within, book.control.within_working_time) == (14400.0, 3600.0)
    with pytest.raises(Problems):
        load.parse(textwrap.dedent(text.replace("4h", "soon")), file="x.yaml", fetch=lambda name: "")
