"""What an auditor gets: population, sample, approvals, lines, departures, from the real command."""

from __future__ import annotations

import hashlib
import re
import stat

import pytest
from audit_desk import HR, controlled, numbers, rows
from gating import Office, make_key

PERIOD = ("--from", "2000-01-01", "--to", "2099-12-31")


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    (tmp_path / "desk").mkdir()
    return controlled(Office(tmp_path / "desk", monkeypatch, capsys))


def granted(office, who):
    office.begin(who=who)
    office.decide("boss")
    office.decide("noor")
    assert office.resume().code == 0
    return office.run


def evidence(office, *more, control="access", name="out"):
    folder = office.folder / name
    said = office("mia", "evidence", *PERIOD, "--control", control, "--to-folder", str(folder), *more)
    assert said.code == 0, said.err
    return folder, said


def test_events_without_a_run_and_runs_without_an_event_are_found(office):
    asked, alone = granted(office, "77"), granted(office, "78")
    day = "2026-01-05"
    (office.folder / "hr.csv").write_text(f"{HR}e1,access,77,{day},Ann\ne2,access,79,{day},Bo\n")
    folder, said = evidence(office, "--population", "hr.csv")
    found = {row["Key"]: row for row in rows(folder, "population")}
    assert found["event:e2"]["Runs"] == ""
    assert found[f"run:{alone}"]["Event"] == ""
    sorts = {(row["Key"], row["Departure"]) for row in rows(folder, "departures")}
    assert {("event:e2", "no run"), (f"run:{alone}", "no event")} <= sorts
    assert said.out.startswith("access: ")
    assert asked in {row["Runs"] for row in found.values()}


def test_each_approval_is_shown_with_its_plan_and_verified_again(office):
    run = granted(office, "77")
    folder, _ = evidence(office)
    words = rows(folder, "approvals")
    assert [(w["Who"], w["Verified again"]) for w in words] == [
        ("Boss (boss@x.example)", "holds"),
        ("Noor (noor@x.example)", "holds"),
    ]
    assert {w["For plan"] for w in words} == {office.digest()}
    assert {w["Is the plan that was opened"] for w in words} == {"yes"}
    assert rows(folder, "departures") == []
    assert {row["Run"] for row in rows(folder, "items")} == {run}


def test_an_approval_of_somebody_who_is_gone_is_told_as_not_proven(office):
    granted(office, "77")
    office.replace("people.yaml", "  noor@x.example: {name: Noor, accounts: [noor], employee_id: '2'}\n", "")
    office.replace("people.yaml", "noor@x.example, kim", "kim")
    folder, _ = evidence(office)
    (row,) = rows(folder, "departures")
    assert (row["Departure"], row["Step"]) == ("approval not proven", "approve")
    assert "nobody any more" in row["What"]


def test_a_signature_is_checked_again_and_shown(office):
    key, public = make_key(office.folder, "noor-key")
    office.replace("people.yaml", "accounts: [noor]", f"accounts: [noor], keys: [{public}]")
    office.begin()
    office.decide("boss")
    office.decide("noor", "approve", "--key", str(key))
    office.resume()
    folder, _ = evidence(office)
    (noor,) = [row for row in rows(folder, "approvals") if "noor" in row["Who"]]
    assert noor["Signed"].startswith("ssh SHA256:")
    assert noor["Verified again"] == "holds"


def test_planned_and_done_stand_side_by_side(office):
    granted(office, "77")
    folder, _ = evidence(office)
    told, again = rows(folder, "lines")
    assert told["Outcome"] == again["Outcome"] == "as planned"
    assert told["Step"] == "told"
    assert told["Read back"]


def test_a_cancelled_run_is_a_departure(office):
    office.begin()
    office("mia", "cancel", office.run, "--reason", "wrong person")
    folder, _ = evidence(office)
    (row,) = rows(folder, "departures")
    assert (row["Departure"], row["What"]) == ("cancelled", "wrong person")


def test_broken_glass_is_an_item_of_its_own_with_its_review_or_its_absence(office):
    office.begin()
    office("kim", "break-glass", office.run, "--reason", "house on fire", "--digest", office.digest()[:32])
    office.resume()
    folder, _ = evidence(office, control="emergency")
    (item,) = rows(folder, "items")
    assert item["Key"].startswith(f"glass:{office.run}/")
    assert "not reviewed" in {row["Departure"] for row in rows(folder, "departures")}
    office("boss", "after-review", office.run, "--reason", "it was right")
    after, _ = evidence(office, control="emergency", name="after")
    assert {row["Departure"] for row in rows(after, "departures")} == {"broken glass"}
    page = (after / "evidence.html").read_text()
    assert "house on fire" in page
    assert "Boss (boss@x.example)" in page
    assert "it was right" in page


def test_a_look_at_broken_glass_can_come_too_late(office):
    office.replace(
        "runbooks/grant.yaml", "control: access", "control: {is: [access, emergency], within: 1ms}"
    )
    office.begin()
    office("kim", "break-glass", office.run, "--reason", "fire", "--digest", office.digest()[:32])
    office("boss", "after-review", office.run, "--reason", "it was right")
    folder, _ = evidence(office, control="emergency")
    assert "late" in {row["Departure"] for row in rows(folder, "departures")}


def test_the_sample_is_the_same_every_time_and_can_be_drawn_by_hand(office):
    for who in "abcd":
        granted(office, who)
    folder, _ = evidence(office, "--sample", "2")
    again, _ = evidence(office, "--sample", "2", name="again")
    population = rows(folder, "population")
    keys = [row["Key"] for row in population]
    seed = re.search(r"<code>(c\|access\|[^<]*)</code>", (folder / "evidence.html").read_text())[1]
    assert seed.endswith(hashlib.sha256("".join(f"{key}\n" for key in keys).encode()).hexdigest())
    by_hand = sorted(keys, key=numbers(seed, keys).get)[:2]
    assert {row["Key"] for row in population if row["Drawn"] == "yes"} == set(by_hand)
    assert [row["Key"] for row in rows(folder, "items")] == by_hand
    assert rows(again, "items") == rows(folder, "items")


def test_no_cell_is_a_formula_and_no_text_is_markup(office):
    office.begin(who="=HYPERLINK(1)")
    office("mia", "cancel", office.run, "--reason", "<script>alert(1)</script>")
    folder, _ = evidence(office)
    raw = (folder / "population.csv").read_text()
    assert '"\'=HYPERLINK(1)"' in raw
    page = (folder / "evidence.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_files_are_private_and_their_digests_stand_beside_them(office):
    granted(office, "77")
    folder, _ = evidence(office)
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_a_folder_that_holds_something_is_refused(office):
    (office.folder / "out").mkdir()
    (office.folder / "out" / "old.csv").write_text("")
    said = office(
        "mia", "evidence", *PERIOD, "--control", "access", "--to-folder", str(office.folder / "out")
    )
    assert said.code == 3
    assert "old.csv" in said.err


def test_runs_of_no_control_are_counted_and_named(office):
    office.write(
        "runbooks/grant.yaml",
        (office.folder / "runbooks/grant.yaml").read_text().replace("control: access\n", ""),
    )
    granted(office, "77")
    folder, said = evidence(office)
    assert rows(folder, "population") == []
    assert "declare no control: grant (1)" in said.out


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a,b\n1,2\n", "has no column"),
        (f"{HR}e1,promotion,77,2026-01-05,\n", "'promotion' is no event"),
        (f"{HR}e1,access,77,5.1.2026,\n", "is no day"),
        (f"{HR}e1,access,,2026-01-05,\n", "nobody is named"),
        (f"{HR}e1,access,7,2026-01-05,\ne1,access,8,2026-01-05,\n", "already"),
    ],
)
def test_a_population_that_cannot_be_read_is_refused(office, text, wrong):
    (office.folder / "hr.csv").write_text(text)
    said = office(
        "mia", "evidence", *PERIOD, "--control", "access", "--population", "hr.csv", "--to-folder", "o"
    )
    assert said.code == 3
    assert wrong in said.err


def test_a_file_of_another_shape_is_read_by_a_mapping(office):
    granted(office, "77")
    (office.folder / "hr.csv").write_bytes(b"Personalnr;Vorgang;Datum\n77;Antrag;05.01.2026\n")
    (office.folder / "map.yaml").write_text(
        "delimiter: ';'\ndate: '%d.%m.%Y'\ncolumns: {person: Personalnr, event: Vorgang, date: Datum}\n"
        "events: {Antrag: access, Umzug: ignore}\n"
    )
    folder, _ = evidence(office, "--population", "hr.csv", "--mapping", "map.yaml")
    assert any(row["Event"] == "access/77/2026-01-05" for row in rows(folder, "population"))


def test_the_papers_are_german_too(office):
    granted(office, "77")
    folder, said = evidence(office, "--lang", "de")
    assert said.out.startswith("Zugriffe: 1 in der Grundgesamtheit")
    assert {row["Ergebnis"] for row in rows(folder, "lines")} == {"wie geplant"}
    assert '<html lang="de">' in (folder / "evidence.html").read_text()


def test_a_run_whose_chain_is_broken_is_told_and_not_believed(office):
    import sqlite3

    run = granted(office, "77")
    db = sqlite3.connect(office.folder / ".runbook" / "journal.sqlite")
    db.execute("UPDATE events SET who = 'eve' WHERE run = ? AND seq = 3", (run,))
    db.commit()
    db.close()
    folder, said = evidence(office)
    assert {row["Departure"] for row in rows(folder, "departures")} == {"chain broken"}
    assert f"Not readable: {run}" in said.out


def test_an_erased_run_is_shown_as_erased_and_breaks_nothing(office):
    run = granted(office, "Zdenka Quixley")
    other = granted(office, "78")
    erased = office("mia", "subject", "erase", "Zdenka Quixley", "--reason", "request of 2026-11-02", "--yes")
    assert erased.code == 0, erased.err
    folder, said = evidence(office)
    assert {row["Run"] for row in rows(folder, "items")} == {run, other}
    assert {(row["Run"], row["Departure"]) for row in rows(folder, "departures")} == {(run, "erased")}
    assert "1 runs were erased" in said.out
    for file in folder.iterdir():
        assert "Quixley" not in file.read_text(encoding="utf-8-sig")
    words = [row for row in rows(folder, "approvals") if row["Run"] == run]
    assert {row["Who"] for row in words} == {"Boss (boss@x.example)", "Noor (noor@x.example)"}
