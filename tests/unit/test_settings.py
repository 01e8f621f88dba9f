from __future__ import annotations

import pytest

from runbook_exec.errors import Invalid, Problems
from runbook_exec.secret import Secret
from runbook_exec.settings import find_project

GOOD = """
client: kranich
language: de
site: {domain: kranich.example, profiles: {from: inventory/profiles.yaml}}
environments:
  real:
    site: {domain: other.example}
    connections:
      ldap: {url: ldaps://dc, user: env:DESK_USER, password: env:DESK_PASSWORD, planning: {user: reader}}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("DESK_USER", "svc")
    monkeypatch.setenv("DESK_PASSWORD", "hidden")

    def make(text=GOOD):
        (tmp_path / "runbook.yaml").write_text(text)
        (tmp_path / "inventory").mkdir(exist_ok=True)
        (tmp_path / "inventory" / "profiles.yaml").write_text("sales: {groups: [a]}")
        return find_project(tmp_path)

    return make


def test_a_project_is_found_upwards(project, tmp_path):
    project()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_project(tmp_path / "a" / "b").folder == tmp_path


def test_outside_a_project_the_next_move_is_init(tmp_path):
    with pytest.raises(Invalid) as caught:
        find_project(tmp_path)
    assert "runbook init" in caught.value.next_move


def test_site_values_come_from_files_and_environments_go_first(project):
    site = project().environment("real").site
    assert site == {"domain": "other.example", "profiles": {"sales": {"groups": ["a"]}}}


def test_a_secret_is_looked_up_when_a_connection_is_opened_and_does_not_print(project):
    found = project().environment("real").connection("ldap", write=True)
    assert isinstance(found["password"], Secret)
    assert found["password"].reveal() == "hidden"
    assert "hidden" not in repr(found)
    assert found["user"] == "svc"


def test_planning_uses_its_own_identity(project):
    assert project().environment("real").connection("ldap", write=False)["user"] == "reader"


def test_a_reference_to_nothing_says_where(project, monkeypatch):
    monkeypatch.delenv("DESK_PASSWORD")
    with pytest.raises(Invalid) as caught:
        project().environment("real").connection("ldap", write=True)
    assert "'ldap'" in caught.value.where
    assert "env:DESK_PASSWORD" in caught.value.what


def test_a_password_in_clear_is_refused_with_its_place(project):
    with pytest.raises(Problems) as caught:
        project(GOOD.replace("env:DESK_PASSWORD", "summer2026"))
    assert "runbook.yaml:9:" in str(caught.value)
    assert "summer2026" not in str(caught.value)


def test_a_secret_of_our_own_name_is_one_too(project, monkeypatch):
    ldap = "ansible: {vars: {db_password: "
    clear = GOOD.replace("      ldap:", f"      {ldap}summer2026}}}}\n      ldap:")
    with pytest.raises(Problems) as caught:
        project(clear)
    assert "summer2026" not in str(caught.value)
    monkeypatch.setenv("DB", "hunter2")
    found = (
        project(clear.replace("summer2026", "env:DB")).environment("real").connection("ansible", write=True)
    )
    assert isinstance(found["vars"]["db_password"], Secret)


def test_a_secret_file_that_is_no_text_is_told_in_words(project, tmp_path):
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    made = project(GOOD.replace("env:DESK_PASSWORD", f"file:{tmp_path}/key")).environment("real")
    with pytest.raises(Invalid, match="is no text"):
        made.connection("ldap", write=True)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("client: kranich\n", "environments"),
        (GOOD.replace("language: de", "language: fr"), "fr"),
        (GOOD.replace("site: {domain: other", "sites: {domain: other"), "did you mean 'site'"),
    ],
)
def test_what_is_wrong_is_told_with_the_next_move(project, wrong, told):
    with pytest.raises(Problems) as caught:
        project(wrong)
    assert told in str(caught.value)


def test_a_site_file_cannot_leave_the_project(project):
    with pytest.raises(Invalid, match="leaves the project"):
        project(GOOD.replace("inventory/profiles.yaml", "../../etc/passwd")).environment("real")


def test_an_unknown_environment_is_asked_back(project):
    with pytest.raises(Invalid) as caught:
        project().environment("reel")
    assert "real" in caught.value.next_move


def test_a_real_environment_asks_before_it_writes(project):
    assert project().environment("real").ask_before_writing
