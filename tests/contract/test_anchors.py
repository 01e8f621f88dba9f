"""What every anchor promises, against real far sides: sshd, an authority on `openssl ts`, moto's server, the desk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from servers import authority, cloud, sshd

from runbook_exec import anchors
from runbook_exec.anchors import Place, Signed, open_anchor
from runbook_exec.errors import Invalid, NotAllowed, RunbookError, Unreachable

pytestmark = pytest.mark.server

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
SCRIPT = Path(anchors.__file__).parent / "witness.sh"


def signed(number: int = 1, about: str = "head", client: str = "kranich") -> Signed:
    body = json.dumps({"checkpoint": number, "about": about, "client": client})
    digest = hashlib.sha256(body.encode()).hexdigest()
    return Signed(client=client, number=number, hash=digest, body=body, signatures={"key": "signature"})


@dataclass
class Far:
    """A far side of one kind: settings that reach it, and those that do not."""

    kind: str
    settings: dict[str, Any]
    place: Place
    nowhere: dict[str, Any] | None

    def open(self, **more: Any):
        return open_anchor(self.kind, {**self.settings, **more}, self.place)


def witness(folder: Path, server: sshd.Sshd) -> Path:
    """The account of `server` may only add copies to this folder from now on."""
    copies = folder / "copies"
    copies.mkdir()
    script = folder / "runbook-anchor"
    shutil.copy(SCRIPT, script)
    script.chmod(0o755)
    public = server.key.with_suffix(".pub").read_text()
    (server.folder / "authorized_keys").write_text(f'restrict,command="{script} {copies}" {public}')
    return copies


def reached(server: sshd.Sshd) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "user": server.user,
        "key": str(server.key),
        "known_hosts": str(server.known_hosts),
    }


def ssh(stack: ExitStack, folder: Path) -> Far:
    server = stack.enter_context(sshd.running(folder / "sshd"))
    witness(folder, server)
    away = {**reached(server), "port": sshd.free_port()}
    return Far("ssh", reached(server), Place(client="kranich", folder=folder), away)


def rfc3161(stack: ExitStack, folder: Path) -> Far:
    server = stack.enter_context(authority.running(folder / "tsa"))
    settings = {"url": server.url, "certificate": str(server.certificate)}
    away = {**settings, "url": f"http://127.0.0.1:{sshd.free_port()}/"}
    return Far("rfc3161", settings, Place(client="kranich", folder=folder), away)


def s3(stack: ExitStack, folder: Path) -> Far:
    server = stack.enter_context(cloud.running(folder / "moto"))
    settings = {"bucket": server.bucket("kept"), "retain": "30d", **server.connection()}
    away = {**settings, "endpoint": f"http://127.0.0.1:{sshd.free_port()}"}
    return Far("s3", settings, Place(client="kranich", folder=folder), away)


def ticket(stack: ExitStack, folder: Path) -> Far:
    connection = {"system": "local", "project": str(folder), "client": "kranich"}
    return Far("ticket", {}, Place(client="kranich", folder=folder, ticket=connection), None)


KINDS = {"ssh": ssh, "rfc3161": rfc3161, "s3": s3, "ticket": ticket}


@pytest.fixture(scope="module", params=anchors.KINDS)
def far(request, tmp_path_factory):
    with ExitStack() as stack:
        yield KINDS[request.param](stack, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def kept(far):
    """A far side that keeps copies."""
    if not far.open().keeps:
        pytest.skip("keeps no copies at the far side")
    return far


def test_a_receipt_is_plain_json_that_names_its_checkpoint(far):
    found = far.open().put(signed(1), NOW)
    assert json.loads(json.dumps(found)) == found
    wanted = {"checkpoint": 1, "hash": signed(1).hash, "kind": far.kind, "at": "2026-11-25T08:00:00+00:00"}
    assert {name: found[name] for name in wanted} == wanted
    assert found["anchor"] == far.open().name
    assert found["seen_at"]


def test_leaving_a_copy_twice_leaves_one(kept):
    for _ in range(2):
        kept.open().put(signed(2), NOW)
    assert [r["checkpoint"] for r in kept.open().fetch().receipts].count(2) == 1


def test_every_copy_comes_back_with_what_was_signed(kept):
    kept.open().put(signed(3, "Grüße aus Brno 花"), NOW)
    (found,) = [r for r in kept.open().fetch().receipts if r["checkpoint"] == 3]
    assert found["body"] == signed(3, "Grüße aus Brno 花").body
    assert found["signatures"] == {"key": "signature"}
    assert found["at"] == found["seen_at"]
    assert datetime.fromisoformat(found["at"]).tzinfo
    assert kept.open().fetch().unreadable == ()


def test_a_rewritten_checkpoint_lies_beside_the_one_before_and_replaces_nothing(kept):
    kept.open().put(signed(4, "as it was"), NOW)
    kept.open().put(signed(4, "as somebody wants it"), NOW)
    found = {r["hash"] for r in kept.open().fetch().receipts if r["checkpoint"] == 4}
    assert found == {signed(4, "as it was").hash, signed(4, "as somebody wants it").hash}


def test_a_far_side_that_is_down_says_so_and_in_time(far):
    if far.nowhere is None:
        pytest.skip("a file on this machine")
    with pytest.raises(Unreachable) as caught:
        open_anchor(far.kind, far.nowhere, far.place).put(signed(5), NOW)
    assert caught.value.where
    assert caught.value.next_move


def test_a_check_says_that_it_answers_and_what_cannot_be_known(far):
    found = far.open().check()
    assert found[0].ok
    assert all(one.ok for one in found), found


def test_a_check_leaves_no_copy(kept):
    before = len(kept.open().fetch().receipts)
    kept.open().check()
    assert len(kept.open().fetch().receipts) == before


def test_a_key_that_nobody_knows_is_refused(far):
    with pytest.raises(Invalid, match="nonsense"):
        far.open(nonsense=1)


# What one kind alone promises


@pytest.fixture
def host(tmp_path):
    with sshd.running(tmp_path / "sshd") as server:
        yield server, witness(tmp_path, server), Place(client="kranich", folder=tmp_path)


def test_a_copy_torn_at_the_other_host_is_told_and_never_written_over(host):
    server, copies, place = host
    torn = copies / f"{signed(7).name}.json"
    torn.write_text('2026-11-25T08:00:00Z {"checkpo')
    (copies / "checkpoint-000000000008-00.json").touch()
    anchor = open_anchor("ssh", reached(server), place)
    assert set(anchor.fetch().unreadable) == {torn.name, "checkpoint-000000000008-00.json"}
    with pytest.raises(RunbookError, match="holds something else"):
        anchor.put(signed(7), NOW)
    assert torn.read_text() == '2026-11-25T08:00:00Z {"checkpo'


def test_the_key_can_do_nothing_else_at_the_other_host(host, tmp_path):
    server, copies, place = host
    anchor = open_anchor("ssh", reached(server), place)
    anchor.put(signed(1), NOW)
    (kept,) = copies.iterdir()
    for words in (
        f"rm -f {kept}", "sh", "put", "put ../x", "put checkpoint-1.json;id", "put checkpoint-../../x.json", "put checkpoint-*.json",
        "put checkpoint-$(id).json", "put checkpoint-A.json", "",
    ):  # fmt: skip
        assert anchor._run(words, "x\n").returncode == 2, words
    assert list(copies.iterdir()) == [kept]
    assert anchor._run(f"put {kept.name}", "other\n").stdout.decode() == kept.read_text()


def test_a_key_that_can_run_anything_is_told(host):
    server, _, place = host
    public = server.key.with_suffix(".pub").read_text()
    (server.folder / "authorized_keys").write_text(public)
    finding = open_anchor("ssh", reached(server), place)._bound()
    assert not finding.ok
    assert "delete the copies" in finding.what


def test_a_host_that_shows_another_key_is_not_believed(host, tmp_path):
    server, copies, place = host
    other = sshd.new_key(tmp_path / "other").with_suffix(".pub").read_text()
    known = tmp_path / "known with a blank"
    known.write_text(f"[127.0.0.1]:{server.port} {other}")
    with pytest.raises(NotAllowed, match="another key"):
        open_anchor("ssh", {**reached(server), "known_hosts": str(known)}, place).put(signed(), NOW)
    assert not list(copies.iterdir())


def test_a_stranger_is_not_let_in(host, tmp_path):
    server, _, place = host
    key = sshd.new_key(tmp_path / "stranger")
    with pytest.raises(NotAllowed, match="does not let our key in"):
        open_anchor("ssh", {**reached(server), "key": str(key)}, place).put(signed(), NOW)


def test_a_folder_that_takes_no_files_is_found_by_the_check(host):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    server, copies, place = host
    copies.chmod(0o500)
    assert not all(one.ok for one in open_anchor("ssh", reached(server), place).check())


@pytest.mark.parametrize("host", ["-oProxyCommand=id", "a b", "", "host;id"])
def test_a_host_that_is_no_name_is_refused(host, tmp_path):
    settings = {"host": host, "user": "u", "key": "k", "known_hosts": "h"}
    with pytest.raises(Invalid):
        open_anchor("ssh", settings, Place(client="kranich", folder=tmp_path))


def test_a_bucket_without_lock_is_no_anchor(tmp_path):
    with cloud.running(tmp_path / "moto") as server:
        settings = {"bucket": server.bucket("open", lock=False), "retain": "30d", **server.connection()}
        anchor = open_anchor("s3", settings, Place(client="kranich", folder=tmp_path))
        assert not all(one.ok for one in anchor.check())
        with pytest.raises(RunbookError):
            anchor.put(signed(), NOW)


def test_a_copy_hidden_by_a_delete_marker_is_fetched_all_the_same(tmp_path):
    with cloud.running(tmp_path / "moto") as server:
        settings = {"bucket": server.bucket("kept"), "retain": "30d", **server.connection()}
        anchor = open_anchor("s3", settings, Place(client="kranich", folder=tmp_path))
        receipt = anchor.put(signed(), NOW)
        assert receipt["retain_until"].startswith("2026-12-25")
        server.client("s3").delete_object(Bucket="kept", Key=receipt["key"])
        assert [one["hash"] for one in anchor.fetch().receipts] == [signed().hash]


def test_a_comment_that_somebody_edited_is_told(tmp_path):
    import sqlite3
    from contextlib import closing

    far = ticket(ExitStack(), tmp_path)
    far.open().put(signed(), NOW)
    with closing(sqlite3.connect(tmp_path / ".runbook" / "desk.sqlite")) as db, db:
        db.execute("UPDATE comment SET text = replace(text, 'head', 'heed')")
    assert far.open().fetch().receipts == ()
    assert len(far.open().fetch().unreadable) == 1
    with pytest.raises(RunbookError, match="another text"):
        far.open().put(signed(), NOW)
