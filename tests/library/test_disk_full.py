"""A file system that is really full, on a host over real SSH: read, cleaned, brought back, extended behind a gate."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from rehearsal_desk import company
from servers import sshd as server
from servers.far_host import FarHost

from runbook_exec.errors import EXIT_WAITING

MB = 1024 * 1024
pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(400),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small file system"),
]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with server.running(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def mounted(tmp_path):
    """A file system of eight megabytes in memory, gone afterwards."""
    place = tmp_path / "srv"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "runbook-test", str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"nothing can be mounted here: {made.stderr.strip()}")
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=True)
        yield place


class Full:
    """The host, with a file system in which old logs and somebody's data lie."""

    def __init__(self, folder: Path, place: Path, sshd: server.Sshd, *, data: int) -> None:
        self.place, self.host = place, FarHost(folder)
        self.logs = place / "log"
        self.logs.mkdir()
        self.quarantine = self.host.far / "quarantine"
        self.quarantine.mkdir()
        remount = ["mount", "-o", "remount,size=16m", str(place)]
        self.host.variables |= {
            "quarantine_root": str(self.quarantine),
            "disks": {
                str(place): {
                    "limit": 90,
                    "clean": [{"folder": str(self.logs), "patterns": ["app.log.*"], "older": "7d"}],
                    "extend": remount,
                    "size": 16 * MB,
                }
            },
        }
        self.write("data.db", data)
        self.write("log/app.log", MB // 4)
        self.write("log/app.log.1", MB // 4)
        for number in (2, 3):
            self.write(f"log/app.log.{number}", MB, days=30)
        self.write("log/keep.me", MB // 8, days=30)
        self.host.connect(sshd)
        settings = self.host.desk.folder / "runbook.yaml"
        settings.write_text(settings.read_text().replace('"10m"', '"1m"'))

    def write(self, name: str, size: int, *, days: int = 0) -> None:
        (self.place / name).write_bytes(b"x" * size)
        past = time.time() - days * 86400
        os.utime(self.place / name, (past, past))

    def run(self, *more: str):
        return self.host.run("disk-full", *more, host="fs-brno", path=str(self.place))

    def names(self) -> set[str]:
        return {file.name for file in self.logs.iterdir()}

    def free(self) -> int:
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize


@pytest.fixture
def full(tmp_path, mounted, sshd):
    return lambda data: Full(tmp_path, mounted, sshd, data=data)


ALL = {"app.log", "app.log.1", "app.log.2", "app.log.3", "keep.me"}


def test_a_full_file_system_is_read_first_then_cleaned_by_the_list_alone_and_brought_back(full):
    disk = full(5 * MB)
    assert disk.free() < MB // 2
    planned = disk.host.desk("plan", "disk-full", "--inputs", inputs(disk))
    assert planned.code in {0, 2}, planned.all
    assert disk.names() == ALL
    assert list(disk.quarantine.iterdir()) == []

    said = disk.run()
    assert said.code == 0, said.all
    run = disk.host.desk.newest()
    assert disk.names() == ALL - {"app.log.2", "app.log.3"}
    assert disk.free() > 2 * MB
    kept = {file.name for file in disk.quarantine.rglob("*") if file.is_file()}
    assert kept == {"app.log.2", "app.log.3"}
    done = [e["body"]["step"] for e in disk.host.desk.events(run) if e["kind"] == "step.result"]
    assert done.index("consumers") < done.index("told") < done.index("clean") < done.index("after")
    assert "extend" not in done
    (ticket,) = disk.host.tickets()
    assert ticket["status"] == "closed"
    assert "data.db" in str(disk.host.comments())

    again = disk.run()
    assert again.code == 0, again.all
    assert "Nothing to change" in again.out

    undone = disk.host.desk("undo", run, "--yes")
    assert undone.code == 0, undone.all
    assert disk.names() == ALL
    assert {file.name for file in disk.quarantine.rglob("*") if file.is_file()} == set()


def test_where_cleaning_is_not_enough_an_it_lead_is_asked_before_anything_is_extended(full):
    disk = full(5 * MB)
    disk.write("more.db", MB // 4)
    (disk.logs / "app.log.2").unlink()
    (disk.logs / "app.log.3").unlink()
    disk.write("other.db", 2 * MB - MB // 4)
    said = disk.run()
    assert said.code == EXIT_WAITING, said.all
    run = disk.host.desk.newest()
    assert disk.host.desk("approvals").out.count(run)
    assert os.statvfs(disk.place).f_blocks * os.statvfs(disk.place).f_frsize == 8 * MB
    refused = disk.host.desk("approve", run, "--reason", "needed", "--yes")
    assert refused.code != 0, "whoever asks does not agree to it"


def test_a_quarantine_on_the_same_file_system_is_refused_since_it_frees_nothing(full, sshd):
    disk = full(5 * MB)
    disk.host.variables["quarantine_root"] = str(disk.place / "log")
    disk.host.connect(sshd)
    said = disk.run()
    assert said.code not in {0, EXIT_WAITING}
    assert "moving files there frees nothing" in said.all
    assert disk.names() == ALL


def test_a_link_in_the_list_leads_nowhere(full, sshd, tmp_path):
    disk = full(5 * MB)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "app.log.9").write_text("not ours")
    os.utime(elsewhere / "app.log.9", (0, 0))
    (disk.place / "link").symlink_to(elsewhere)
    disk.host.variables["disks"][str(disk.place)]["clean"][0]["folder"] = str(disk.place / "link")
    disk.host.connect(sshd)
    said = disk.run()
    assert said.code not in {0, EXIT_WAITING}
    assert "is a link" in said.all
    assert (elsewhere / "app.log.9").exists()


def test_in_the_rehearsal_company_a_lead_agrees_and_the_file_system_grows(mounted, tmp_path):
    with company(tmp_path / "desk") as desk:
        (tmp_path / "quarantine").mkdir()
        file = desk.folder / "inventory" / "sandbox.yaml"
        inventory = yaml.safe_load(file.read_text())
        size = {"limit": 90, "clean": [], "size": 16 * MB}
        size["extend"] = ["mount", "-o", "remount,size=16m", str(mounted)]
        inventory["all"]["vars"] |= {
            "quarantine_root": str(tmp_path / "quarantine"),
            "disks": {str(mounted): size},
        }
        file.write_text(json.dumps(inventory))
        (mounted / "data.db").write_bytes(b"x" * (8 * MB - MB // 4))
        (desk.folder / "in.json").write_text(json.dumps({"host": "fs-brno", "path": str(mounted)}))
        said = desk("run", "disk-full", "--inputs", "in.json", "--yes", "--rehearse")
        if said.code == EXIT_WAITING:
            run = desk.newest()
            assert os.statvfs(mounted).f_blocks * os.statvfs(mounted).f_frsize == 8 * MB
            agreed = desk("sandbox", "decide", run, "--as", "martin.keller@kranich.example")
            assert agreed.code == 0, agreed.all
            said = desk("resume", run, "--yes", "--rehearse")
        assert said.code == 0, said.all
        assert os.statvfs(mounted).f_blocks * os.statvfs(mounted).f_frsize == 16 * MB
        (ticket,) = desk.tickets()
        assert ticket["status"] == "closed"


def inputs(disk: Full) -> str:
    disk.host.write("in.json", {"host": "fs-brno", "path": str(disk.place)})
    return "in.json"
