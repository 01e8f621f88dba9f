"""What every ticket system promises. A new one joins by a line in SYSTEMS."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack

import pytest
from servers import rt

from runbook_exec.errors import Failed, Invalid, NoPen
from runbook_exec.tickets import known_systems, open_desk


class Opener:
    """Opens desks of one system on the same tickets, as client, reader or writer."""

    def __init__(self, connection, stack, test):
        self.connection, self.stack, self.test = connection, stack, test

    def __call__(self, *, write=True, client="kranich"):
        # Tests share a server: each has clients of its own, so the keys of the others are not there.
        connection = {**self.connection, "client": f"{client} {self.test}"}
        return self.stack.enter_context(open_desk(connection, write=write))


def local(tmp_path, request=None):
    return {"system": "local", "project": str(tmp_path)}


def request_tracker(tmp_path, request):
    return request.getfixturevalue("rt_server").connection


SYSTEMS = {"local": local, "rt": request_tracker}


@pytest.fixture(scope="module")
def rt_server(tmp_path_factory):
    with rt.running(tmp_path_factory.mktemp("rt") / "desk", rt.golden(tmp_path_factory)) as server:
        yield server


@pytest.fixture(params=sorted(SYSTEMS))
def desk(request, tmp_path):
    with ExitStack() as stack:
        yield Opener(SYSTEMS[request.param](tmp_path, request), stack, request.node.name)


def opened(desk, key="r1/ask", **changes):
    values = {"title": "Onboard Anna Weiß", "text": "begins on Monday", "queue": "it", "requester": "hr"}
    return desk.open(key=key, **{**values, **changes})


def test_a_ticket_reads_back_as_it_was_opened(desk):
    ticket = opened(desk())
    assert desk(write=False).read(ticket) == {
        "id": ticket,
        "status": "open",
        "title": "Onboard Anna Weiß",
        "text": "begins on Monday",
        "queue": "it",
        "requester": "hr",
        "parent": "",
        "children": [],
        "comments": [],
        "attachments": [],
    }


def test_the_same_key_opens_no_second_ticket(desk):
    first = opened(desk())
    assert opened(desk(), title="again") == first
    assert desk().read(first)["title"] == "Onboard Anna Weiß"
    assert opened(desk(), key="r2/ask") != first


def test_a_ticket_is_found_by_its_key(desk):
    writer = desk()
    ticket = opened(writer)
    assert writer.find_by_key("r1/ask") == ticket
    assert writer.find_by_key("r1/other") is None


def test_a_repeated_comment_is_written_once(desk):
    writer = desk()
    ticket = opened(writer)
    for _ in range(2):
        writer.comment(ticket, key="r1/said", text="account made", author="runbook")
    writer.comment(ticket, key="r1/next", text="account made", author="runbook")
    said = [(c["key"], c["author"], c["text"]) for c in writer.read(ticket)["comments"]]
    assert said == [("r1/said", "runbook", "account made"), ("r1/next", "runbook", "account made")]


def test_a_repeated_attachment_is_kept_once_and_comes_back_unchanged(desk):
    writer = desk()
    ticket = opened(writer)
    content = bytes(range(256)) + "Grüße\r\n".encode()
    for _ in range(2):
        writer.attach(ticket, key="r1/end", name="checklist.md", kind="text/markdown", content=content)
    (kept,) = writer.read(ticket)["attachments"]
    assert (kept["key"], kept["name"], kept["kind"], kept["size"]) == (
        "r1/end",
        "checklist.md",
        "text/markdown",
        len(content),
    )
    assert writer.content(ticket, "r1/end") == content


def test_closing_and_reopening_can_be_repeated(desk):
    writer = desk()
    ticket = opened(writer)
    for _ in range(2):
        writer.close(ticket, key="r1/close", text="done", author="runbook")
    assert writer.read(ticket)["status"] == "closed"
    assert [c["text"] for c in writer.read(ticket)["comments"]] == ["done"]
    for _ in range(2):
        writer.reopen(ticket, key="r1/undo")
    assert writer.read(ticket)["status"] == "open"


def test_hostile_texts_come_back_as_they_were_written(desk):
    writer = desk()
    text = "'); DROP TABLE ticket; -- {{ 7*7 }} <script> \u202e ä\n" + "x" * 20_000
    ticket = opened(writer, title="'; --", text=text)
    writer.comment(ticket, key="'\"", text=text, author="<b>")
    found = writer.read(ticket)
    assert found["text"] == text
    assert found["comments"][0]["text"] == text


@pytest.mark.parametrize("number", ["999", "", "0", "-1", "abc", "１", "9" * 40, "1 OR 1=1"])
def test_a_ticket_that_does_not_exist_reads_as_none_and_takes_no_comment(desk, number):
    writer = desk()
    opened(writer, key="other")
    number = "998" if number == "1" else number
    assert writer.read(number) is None
    with pytest.raises(Failed, match="there is no ticket"):
        writer.comment(number, key="k", text="t", author="a")


def test_without_a_pen_nothing_can_be_written(desk):
    ticket = opened(desk())
    reader = desk(write=False)
    for write in (
        lambda: opened(reader, key="new"),
        lambda: reader.comment(ticket, key="k", text="t", author="a"),
        lambda: reader.attach(ticket, key="k", name="n", kind="text/plain", content=b""),
        lambda: reader.close(ticket, key="k"),
        lambda: reader.reopen(ticket, key="k"),
    ):
        with pytest.raises(NoPen):
            write()
    assert desk().read(ticket)["status"] == "open"


def test_a_reader_sees_what_is_written_after_it_came(desk):
    ticket = opened(desk())
    reader = desk(write=False)
    desk().comment(ticket, key="k", text="later", author="a")
    assert [c["text"] for c in reader.read(ticket)["comments"]] == ["later"]


def test_another_client_sees_none_of_it(desk):
    ticket = opened(desk(client="kranich"))
    other = desk(client="other")
    assert other.read(ticket) is None
    assert other.find_by_key("r1/ask") is None
    with pytest.raises(Failed):
        other.comment(ticket, key="k", text="t", author="a")
    assert opened(other) != ticket


def test_a_child_belongs_to_its_parent_and_both_say_so(desk):
    writer = desk()
    parent = opened(writer)
    children = [opened(writer, key=f"r1/child/{n}", parent=parent) for n in range(2)]
    assert opened(writer, key="r1/child/0", parent=parent) == children[0]
    assert writer.read(parent)["children"] == children
    assert [writer.read(child)["parent"] for child in children] == [parent, parent]


def test_doctor_gets_a_sentence(desk):
    assert "answers" in desk(write=False).about()


def test_every_system_is_in_the_contract():
    assert set(known_systems()) == set(SYSTEMS)


def test_an_unknown_system_is_refused_with_the_known_ones():
    with pytest.raises(Invalid, match="no ticket system 'hotline'") as caught:
        open_desk({"system": "hotline"}, write=False)
    assert "local" in caught.value.next_move


def test_the_local_desk_leaves_no_trace_of_a_dry_run(tmp_path):
    with open_desk(local(tmp_path), write=False) as reader:
        assert reader.read("1") is None
    assert list(tmp_path.iterdir()) == []


def test_sqlite_itself_refuses_a_reader_of_the_local_desk(tmp_path):
    with open_desk(local(tmp_path), write=True) as writer:
        opened(writer)
    with (
        open_desk(local(tmp_path), write=False) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reader._db.execute("DELETE FROM ticket")


def test_a_desk_of_a_newer_version_is_refused(tmp_path):
    with open_desk(local(tmp_path), write=True) as writer:
        writer._db.execute("PRAGMA user_version=7")
    with pytest.raises(Invalid, match="another version"), open_desk(local(tmp_path), write=True):
        pass


def test_a_desk_of_the_first_version_is_read_as_it_is_and_goes_on(tmp_path):
    with open_desk(local(tmp_path), write=True) as writer:
        parent = opened(writer)
        writer._db.executescript("ALTER TABLE ticket DROP COLUMN parent; PRAGMA user_version=1;")
    with open_desk(local(tmp_path), write=False) as reader:
        assert (reader.read(parent)["parent"], reader.read(parent)["children"]) == ("", [])
    with open_desk(local(tmp_path), write=True) as writer:
        child = opened(writer, key="child", parent=parent)
        assert writer.read(parent)["children"] == [child]


def test_a_damaged_desk_is_said_in_words(tmp_path):
    (tmp_path / ".runbook").mkdir()
    (tmp_path / ".runbook" / "desk.sqlite").write_bytes(b"this is no database at all, not even nearly" * 100)
    with pytest.raises(Failed, match="damaged"), open_desk(local(tmp_path), write=True):
        pass
