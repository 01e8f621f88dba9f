"""Request Tracker 5, the real one: rights, refusals, silence, and what a person wrote there."""

from __future__ import annotations

import socket

import pytest
from servers import rt

from runbook_exec.action import Rights, find_provider
from runbook_exec.errors import Failed, Invalid, NoPen, NotAllowed, Unreachable
from runbook_exec.secret import Secret
from runbook_exec.tickets import open_desk

NEEDED = Rights(read=("ShowTicket",), apply=("CreateTicket", "ModifyTicket", "CommentOnTicket"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with rt.running(tmp_path_factory.mktemp("rt") / "desk", rt.golden(tmp_path_factory)) as running:
        yield running


@pytest.fixture
def ticket(server, request):
    """One that we opened."""
    with open_desk({**server.connection, "client": "kranich"}, write=True) as desk:
        return desk.open(key=f"{request.node.name}/ask", title="Onboard Anna", text="begins on Monday")


def as_user(server, name, *, write=True):
    return open_desk({**server.as_user(name), "client": "kranich"}, write=write)


def test_a_user_without_the_right_is_refused_in_words(server, ticket):
    with as_user(server, "reader") as desk:
        assert desk.read(ticket)["title"] == "Onboard Anna"
        for write in (
            lambda: desk.open(key="no", title="t", text="t"),
            lambda: desk.comment(ticket, key="no", text="t", author="a"),
            lambda: desk.close(ticket, key="no"),
        ):
            with pytest.raises(NotAllowed):
                write()
    with as_user(server, "reader") as desk:
        assert desk.read(ticket)["status"] == "open"
        assert desk.read(ticket)["comments"] == []


def test_a_wrong_token_is_refused_and_never_shown(server):
    connection = {**server.connection, "token": Secret("1-2-not-this-one")}
    with open_desk(connection, write=True) as desk, pytest.raises(NotAllowed) as caught:
        desk.read("1")
    assert "not-this-one" not in str(caught.value)


def test_the_transport_itself_lets_no_write_of_a_reader_through(server, ticket):
    with as_user(server, "desk", write=False) as desk:
        with pytest.raises(NoPen):
            desk._wire.send("PUT", f"/ticket/{ticket}", {"Status": "resolved"})
        assert desk.read(ticket)["status"] == "open"


def test_doctor_names_the_rights_that_are_missing(server, ticket):
    provider = find_provider("ticket")
    (answers, *rest) = provider.check({**server.connection, "client": "kranich"}, NEEDED)
    assert answers.ok
    assert "Request Tracker 5" in answers.what
    assert rest == []
    (_, missing) = provider.check({**server.as_user("reader"), "client": "kranich"}, NEEDED)
    assert not missing.ok
    assert missing.what == "missing rights: CommentOnTicket, CreateTicket, ModifyTicket"
    (refused,) = provider.check({**server.as_user("nobody_here"), "client": "kranich"}, NEEDED)
    assert not refused.ok


def test_a_queue_that_is_not_there_is_said_in_words(server):
    with as_user(server, "desk") as desk, pytest.raises(NotAllowed, match="queue 'attic'"):
        desk.open(key="attic", title="t", text="t", queue="attic")


def test_what_a_person_wrote_has_no_key_of_ours(server, ticket):
    with as_user(server, "desk") as desk:
        body = {"Subject": "Onboard Anna", "Content": "is the laptop there?", "ContentType": "text/plain"}
        desk._wire.send("POST", f"/ticket/{ticket}/comment", body)
        desk.comment(ticket, key="r1/said", text="yes", author="runbook")
        found = desk.read(ticket)
    assert found["text"] == "begins on Monday"
    assert [(c["key"], c["text"]) for c in found["comments"]] == [
        ("", "is the laptop there?"),
        ("r1/said", "yes"),
    ]


def test_a_ticket_that_a_person_opened_can_be_told_on(server):
    with as_user(server, "desk") as desk:
        number = desk._wire.send("POST", "/ticket", {"Queue": "it", "Subject": "[urgent] Anna"})["id"]
        desk.comment(number, key="r1/said", text="seen", author="runbook")
        found = desk.read(number)
    assert (found["title"], found["text"]) == ("[urgent] Anna", "")
    assert [c["key"] for c in found["comments"]] == ["r1/said"]


def test_a_rejected_ticket_counts_as_closed_and_stays_as_it_is(server, ticket):
    with as_user(server, "desk") as desk:
        desk._wire.send("PUT", f"/ticket/{ticket}", {"Status": "rejected"})
        desk.close(ticket, key="r1/close")
        assert desk.read(ticket)["status"] == "closed"
        assert desk._wire.get(f"/ticket/{ticket}")["Status"] == "rejected"


def test_a_file_with_another_alphabet_in_its_name_arrives_whole(server, ticket):
    content = "<h1>Prüfung</h1>\n".encode()
    with as_user(server, "desk") as desk:
        desk.attach(ticket, key="r1/plan", name="Plan für Анна.html", kind="text/html", content=content)
        (kept,) = desk.read(ticket)["attachments"]
        assert kept["name"].isascii()
        assert desk.content(ticket, "r1/plan") == content


def test_a_desk_that_does_not_answer_is_unreachable_and_nothing_was_sent():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    connection = {"system": "rt", "url": f"http://127.0.0.1:{port}", "token": Secret("1-2-3"), "queue": "it"}
    with open_desk(connection, write=True) as desk, pytest.raises(Unreachable) as caught:
        desk.open(key="k", title="t", text="t")
    assert not caught.value.sent


def test_a_desk_that_breaks_off_after_a_write_leaves_it_open_whether_it_was_taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        connection = {"system": "rt", "url": url, "token": Secret("1-2-3"), "timeout": 0.2}
        with open_desk(connection, write=True) as desk, pytest.raises(Unreachable) as caught:
            desk._wire.send("POST", "/ticket", {})
    assert caught.value.sent


@pytest.mark.parametrize("url", ["http://desk.example", "ftp://127.0.0.1", "desk.example", ""])
def test_a_token_never_leaves_this_machine_in_clear(url):
    with (
        pytest.raises(Invalid, match="no address"),
        open_desk({"system": "rt", "url": url, "token": Secret("1-2-3")}, write=False),
    ):
        pass


def test_a_key_too_long_for_the_far_side_is_refused(server):
    with as_user(server, "desk") as desk, pytest.raises(Invalid, match="too long"):
        desk.open(key="k" * 400, title="t", text="t")


def test_a_ticket_of_nobody_takes_no_file(server):
    with as_user(server, "desk") as desk, pytest.raises(Failed, match="no ticket"):
        desk.attach("999999", key="k", name="n", kind="text/plain", content=b"x")
