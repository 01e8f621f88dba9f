"""Bad input through the real command: refused with its place and the next move, or taken literally everywhere."""

from __future__ import annotations

import json
import re

import pytest
from rehearsal_desk import company, project

PLACE = re.compile(r"[\w./-]+\.(yaml|json):\d+:\d+")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A project whose company is not up: what is wrong with inputs is told before anybody is asked."""
    return project(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        yield made


HOSTILE = [
    "{{ 7*7 }}",
    "{% raw %}",
    "O'Neill'); DROP TABLE person;--",
    '"quoted"',
    "x,ou=Admins",
    "a+b=c",
    "a\\b",
    "<b>",
    "#a",
    "a;b",
    "a\nb",
    "a\tb",
    "a\0b",
    "a\x1b[2Jb",
    "ab\u202edc",
    "a\u200bb",
    "A" * 300,
    "$(id)",
    "../../x",
    "-rf",
    "",
    " ",
]
FIELDS = ["given_name", "surname", "manager", "employee_id"]


@pytest.mark.parametrize("at", range(0, len(HOSTILE), len(FIELDS)))
def test_a_hostile_name_is_refused_with_its_place_and_said_without_tricks(shelf, at):
    names = dict(zip(FIELDS, HOSTILE[at : at + len(FIELDS)], strict=False))
    wanted = {field for field, name in names.items() if name or field != "given_name"}  # some have one name
    said = shelf("plan", "onboard-employee", "--inputs", shelf.inputs(**names), "--json")
    assert said.code == 3
    assert {error["kind"] for error in said.errors} == {"invalid"}
    assert all(error["next"] for error in said.errors)
    if all(PLACE.fullmatch(error["where"]) for error in said.errors):
        return  # an invisible character, found while the file was read
    assert {error["where"] for error in said.errors} >= {f"input person.{field}" for field in wanted}


def test_what_is_wrong_is_shown_with_nothing_invisible_in_it(shelf):
    names = {"given_name": "a\x1b[2J\u009bb", "surname": "x\r\ny"}
    said = shelf("plan", "onboard-employee", "--inputs", shelf.inputs(**names))
    assert said.code == 3
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", said.all)


@pytest.mark.parametrize(
    ("change", "where", "told"),
    [
        ({"profile": "pirates"}, "input person.profile", "management, hr"),
        ({"start_date": "2027-02-30"}, "input person.start_date", "2027-01-04"),
        ({"start_date": 20270104}, "input person.start_date", "written as 2027-01-04"),
        ({"employee_id": ["1"]}, "input person.employee_id", "the number that HR keeps"),
        ({"salary": 1}, "input person.salary", "allowed:"),
        ({"manager": "thomas klein"}, "input person.manager", "sign-in name"),
        ({"surname": None}, "input person.surname", "the surname as in the passport"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_wanted(shelf, change, where, told):
    said = shelf("run", "onboard-employee", "--inputs", shelf.inputs(**change), "--json")
    assert said.code == 3
    assert [error["where"] for error in said.errors] == [where]
    assert told in said.errors[0]["next"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("person: {surname: Mü}".encode("latin-1"), "no UTF-8"),
        (b"a: '" + b"x" * 300_000 + b"'", "262144 bytes"),
        (b'{"person": ', "no YAML"),
        (b"- a", "names with values"),
        (b"a: &x 1\nb: *x", "not allowed"),
        (b"person: " + b"[" * 45 + b"]" * 45, "not a mapping"),
    ],
)
def test_an_inputs_file_that_is_none_is_refused_with_its_place(shelf, content, told):
    (shelf.folder / "odd.yaml").write_bytes(content)
    said = shelf("plan", "onboard-employee", "--inputs", "odd.yaml")
    assert said.code == 3, said.all
    assert told in said.err
    assert "next: " in said.err
    assert PLACE.search(said.err) or "odd.yaml: " in said.err or "input person" in said.err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "-i person.employee_id=…"),
        (["-i", "person=5"], "not a mapping"),
        (["-i", "=x"], "name=value"),
        (["--inputs", "nowhere.yaml"], "name an existing file"),
        (["-e", "nowhere"], "allowed: sandbox"),
    ],
)
def test_a_wrong_command_line_is_told_what_to_write(shelf, args, told):
    given = [] if not args or args[0] in {"-i", "--inputs"} else ["--inputs", shelf.inputs()]
    said = shelf("plan", "onboard-employee", *given, *args)
    assert said.code == 3, said.all
    assert told in said.err


def test_a_broken_runbook_is_told_in_one_go_with_every_place(shelf):
    (shelf.folder / "runbooks" / "broken.yaml").write_text(
        "runbook: broken\n"
        "title: {en: Broken}\n"
        "sections:\n"
        "  - title: {en: All, de: Alles}\n"
        "    steps:\n"
        "      - {id: a, title: {en: A, de: A}, uses: ldap.usr, with: {}}\n"
        "      - {id: a, title: {en: A, de: A}, uses: ldap.enabled, with: {dn: '{{ later.dn }}', enabled: maybe}}\n"
        "      - {id: later, title: {en: L, de: L}, uses: mail.send, with: {to: x, wrong: 1}, surprise: 1}\n"
        "      - {id: b, title: {en: B, de: B}, uses: assert.that, with: {that: '{{ 1 + }}', says: {en: x, de: x}}}\n"
    )
    said = shelf("lint", "broken")
    (shelf.folder / "runbooks" / "broken.yaml").unlink()
    assert said.code == 3
    lines = {int(found[1]) for found in re.finditer(r"broken\.yaml:(\d+):\d+", said.all)}
    assert lines >= {8}, said.all  # structure first; a document of the wrong shape is not read further
    assert "'surprise' is not known here" in said.all


def test_a_stack_trace_is_shown_only_if_asked_for(shelf):
    asked = ("plan", "onboard-employee", "-i", "=x")
    assert "Traceback" not in shelf(*asked).err
    assert "Traceback" in shelf("--debug", *asked).err


def test_a_company_that_is_not_up_is_told_with_the_command_that_starts_it(shelf):
    for command in (["plan", "onboard-employee", "--inputs", shelf.inputs()], ["doctor"]):
        said = shelf(*command)
        assert said.code == 4
        assert "runbook sandbox start" in said.err


LITERAL = "Zoë ,+\"\\<>;=# '); DROP TABLE person;-- {{ 7*7 }} {% raw %} $(id) `id` ${HOME} %n <b>&amp;</b>"

RUNBOOK = {
    "runbook": "literal",
    "title": {"en": "Literal", "de": "Wörtlich"},
    "ticket": "create",
    "subject": "{{ number }}",
    "inputs": {
        "type": "object",
        "required": ["number", "name"],
        "properties": {"number": {"type": "string"}, "name": {"type": "string"}},
    },
    "sections": [
        {
            "title": {"en": "All", "de": "Alles"},
            "steps": [
                {
                    "id": "ticket",
                    "title": {"en": "Ticket", "de": "Ticket"},
                    "uses": "ticket.open",
                    "with": {
                        "key": "literal-{{ number }}",
                        "title": "About {{ name }}",
                        "text": "{{ name }}",
                    },
                },
                {
                    "id": "account",
                    "title": {"en": "Account", "de": "Konto"},
                    "uses": "ldap.user",
                    "with": {
                        "ou": "{{ site.locations['Wuppertal'].ou }}",
                        "cn": "{{ name[:64] }}",
                        "employee_id": "{{ number }}",
                        "sam": "zliteral",
                        "upn": "zoe.literal@kranich.example",
                        "given_name": "{{ name[:64] }}",
                        "surname": "{{ name[:64] }}",
                        "display_name": "{{ name }}",
                        "enabled": False,
                        "attributes": {"department": "{{ name[:64] }}"},
                    },
                },
                {
                    "id": "note",
                    "title": {"en": "Note", "de": "Notiz"},
                    "uses": "ansible.playbook",
                    "with": {
                        "playbook": "note.yml",
                        "hosts": "fileservers",
                        "vars": {"note": "{{ name }}"},
                    },
                    "irreversible": "only a note",
                },
                {
                    "id": "welcome",
                    "title": {"en": "Mail", "de": "Mail"},
                    "uses": "mail.send",
                    "with": {
                        "to": "zoe.literal@kranich.example",
                        "template": "literal",
                        "language": "en",
                        "values": {"name": "{{ name }}"},
                    },
                    "irreversible": "a mail",
                },
                {
                    "id": "close",
                    "title": {"en": "Close", "de": "Schließen"},
                    "uses": "ticket.close",
                    "with": {"ticket": "{{ ticket.id }}", "text": "{{ name }} done"},
                },
            ],
        }
    ],
}
PLAYBOOK = """\
- name: Note
  hosts: all
  gather_facts: false
  tasks:
    - name: Note
      ansible.builtin.copy: {dest: "{{ homes_root }}/note.txt", content: "{{ note }}", mode: "0600"}
"""


def test_a_hostile_name_that_the_schema_lets_in_is_literal_everywhere_and_run_by_nothing(desk):
    (desk.folder / "runbooks" / "literal.yaml").write_text(json.dumps(RUNBOOK))
    (desk.folder / "playbooks" / "note.yml").write_text(PLAYBOOK)
    letter = desk.folder / "templates" / "mail" / "literal"
    letter.mkdir()
    (letter / "en.txt").write_text("Subject: About {{ name }}\n\nHello {{ name }}.\n")
    (letter / "en.html").write_text("<p>Hello {{ name }}.</p>\n")

    said = desk("run", "literal", "-i", "number=7001", "-i", f"name={LITERAL}", "--rehearse")
    assert said.code == 0, said.all
    assert LITERAL in said.out

    entry = desk.entry("7001")
    assert (entry["displayName"], entry["department"], entry["sn"]) == (
        [LITERAL],
        [LITERAL[:64]],
        [LITERAL[:64]],
    )
    assert entry["cn"] == [LITERAL[:64]]
    assert entry["dn"].endswith(",OU=Benutzer,OU=Wuppertal,OU=Standorte,DC=corp,DC=kranich,DC=example")
    (mail,) = [mail for mail in desk.mails() if "zoe.literal@kranich.example" in mail["receivers"]]
    assert mail["subject"] == f"About {LITERAL}"
    assert f"Hello {LITERAL}." in mail["text"].replace("\r\n", "\n")
    assert "<b>&amp;</b>" not in mail["html"]
    assert "{{ 7*7 }}" in mail["html"]
    (ticket,) = [ticket for ticket in desk.tickets() if ticket["key"] == "literal-7001"]
    assert (ticket["title"], ticket["text"], ticket["status"]) == (f"About {LITERAL}", LITERAL, "closed")
    (note,) = (desk.sandbox / "hosts").glob("*/homes/note.txt")
    assert note.read_text() == LITERAL


def test_a_joiner_with_hostile_words_in_every_free_text_is_onboarded(desk):
    words = "V{{ 7*7 }},+\"\\<>;=#'); DROP"
    joiner = desk.joiner(surname="O'Neill-ʻOkina d’Arc", department=words, job_title=words)
    desk.runbook("plain", keep={"identity", "ticket", "account", "close"})
    said = joiner.run("plain")
    assert said.code == 0, said.all
    entry = joiner.entry
    assert (entry["sn"], entry["department"], entry["title"]) == (["O'Neill-ʻOkina d’Arc"], [words], [words])
    story, *_ = desk.attachments(desk.tickets()[-1]["id"])
    assert "O'Neill-ʻOkina d’Arc" in story
