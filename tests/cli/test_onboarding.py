"""Onboarding through the real command: what the plan says, and what every far side holds afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from rehearsal_desk import company
from rehearsal_desk import load as load_company

COMPANY = load_company()
MEMBER_OF = "/users/anna.berg@kranich.example/memberOf?$select=displayName"
SKUS = ("SPB", "SPE_F1", "O365_w/o Teams Bundle_M3", "Microsoft_Teams_Enterprise_New")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with company(tmp_path_factory.mktemp("desk")) as made:
        for part in SKUS:
            made.buy(part, 200)
        made.runbook("whole", without={"home"})
        yield made


def holds(desk, joiner, sam, local):
    """The account, the licences and the mailbox, the mail and the ticket, as the profile wants them."""
    profile, address = COMPANY.profile(joiner.profile), f"{local}@kranich.example"
    entry = desk.entry(joiner.employee_id)
    assert entry["userAccountControl"] == ["512"]
    assert entry["pwdLastSet"] == ["0"], "the first password is to be changed at the first login"
    assert entry["userPrincipalName"] == [address]
    assert entry["sAMAccountName"] == [sam]
    assert entry["manager"] == [COMPANY.person(manager_of(joiner)).dn]

    user = desk.graph(f"/users/{address}?$select=accountEnabled,assignedLicenses,usageLocation,employeeId")
    parts = {sku["skuId"]: sku["skuPartNumber"] for sku in desk.graph("/subscribedSkus")["value"]}
    assert {parts[each["skuId"]] for each in user["assignedLicenses"]} == set(profile.skus)
    assert (user["accountEnabled"], user["employeeId"]) == (True, joiner.employee_id)
    assert user["usageLocation"] == COMPANY.site(joiner.location).country
    settings = desk.graph(f"/users/{address}/mailboxSettings")
    assert settings["language"]["locale"].startswith(joiner.language)

    (mail,) = [mail for mail in desk.mails() if address in mail["receivers"]]
    assert joiner.given_name in mail["text"]
    assert sam in mail["text"]
    assert mail["headers"]["Content-Language"] == joiner.language

    key = f"onboard-{joiner.employee_id}-{joiner.start_date}"
    (ticket,) = [ticket for ticket in desk.tickets() if ticket["key"] == key]
    story, _plan, _review = desk.attachments(ticket["id"])
    assert ticket["status"] == "closed"
    assert joiner.employee_id in ticket["title"]
    assert "Begrüßungsmail senden" in story or "Send the welcome mail" in story


def manager_of(joiner):
    return next(person.id for person in COMPANY.people if person.upn == joiner.manager)


def test_a_joiner_finds_everything_and_a_second_run_finds_nothing_to_do(desk):
    joiner, file = COMPANY.joiner("anna-berg"), "runbooks/examples/anna-berg.yaml"
    said = desk("run", "onboard-employee", "--inputs", file, "--rehearse", "--json")
    assert said.code == 0, said.all
    assert said.json["status"] == "done"
    holds(desk, joiner, "aberg", "anna.berg")
    (home,) = (desk.sandbox / "hosts").glob("*/homes/aberg")
    assert home.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in home.iterdir()] == ["LIESMICH.txt"]

    events = desk.events(said.json["run"])
    kinds = [event["kind"] for event in events]
    assert [*kinds[:2], kinds[-1]] == ["run.started", "run.planned", "run.done"]
    plan = {line["step"]: line for line in events[1]["body"]["lines"]}
    assert {line["status"] for step, line in plan.items() if step != "sound"} == {"change", "later"}
    certain = {step: line["certainty"] for step, line in plan.items()}
    assert (certain["account"], certain["home"], certain["licence"]) == ("exact", "reported", "deferred")
    assert (certain["welcome"], certain["laptop"]) == ("blind", "human")

    key = f"onboard-{joiner.employee_id}-{joiner.start_date}"
    errands = [ticket["title"] for ticket in desk.tickets() if (ticket["key"] or "").startswith(f"{key}/")]
    assert sorted(errands) == ["Badge for Anna Berg", "Laptop for Anna Berg", "Phone for Anna Berg"]
    assert "Team Vertrieb" in {group["displayName"] for group in desk.graph(MEMBER_OF)["value"]}

    before, runs = desk.everything(), len(desk("status", "--json").json)
    again = desk("run", "onboard-employee", "--inputs", file, "--rehearse")
    assert again.code == 0, again.all
    assert "Nothing to change" in again.out
    assert len(desk("status", "--json").json) == runs
    assert desk.everything() == before


CHAINS = (
    ("jana-mueller", "joerg-mueller", "eva-lindner", "leap-day"),
    ("anna-weiss-eszett", "anna-weiss", "paul-schreiber", "no-show"),
    ("zuzana-benesova", "marta-kowalski", "sixty-four-letters", "jakub-prochazka"),
    ("miriam-schmidtbauer", "thomas-klein", "arne-krueger"),
)
"""Who begins on one day, as four technicians take them on. Collisions stand in one chain."""
NAMES = {
    "jana-mueller": ("jamueller", "jana.mueller"),
    "joerg-mueller": ("jomueller", "joerg.mueller"),
    "eva-lindner": ("evlindner", "eva.lindner2"),
    "leap-day": ("hseidel", "hannah.seidel"),
    "anna-weiss-eszett": ("aweiss", "anna.weiss"),
    "anna-weiss": ("anweiss", "anna.weiss2"),
    "paul-schreiber": ("pschreiber", "paul.schreiber2"),
    "no-show": ("lpeters", "leon.peters"),
    "zuzana-benesova": ("zbenesova", "zuzana.benesova"),
    "marta-kowalski": ("mkowalski", "marta.kowalski2"),
    "sixty-four-letters": ("kwolkenbergerthalhau", "karl.wolkenbergerthalhausenfeldmeyer"),
    "miriam-schmidtbauer": ("mischmidtbauerlinden", "miriam.schmidtbauer-lindenthaler"),
    "thomas-klein": ("thklein", "thomas.klein2"),
    "jakub-prochazka": ("jprochazka", "jakub.prochazka"),
    "arne-krueger": ("arkrueger", "arne.krueger"),
}


def test_a_day_with_many_joiners_and_every_collision_of_the_company_ends_well(desk):
    def take_on(chain):
        return {
            key: desk("run", "whole", "--inputs", desk.inputs(key), "--rehearse", "--json") for key in chain
        }

    with ThreadPoolExecutor(len(CHAINS)) as technicians:
        ended = {key: said for part in technicians.map(take_on, CHAINS) for key, said in part.items()}
    for key, said in ended.items():
        assert said.code == 0, (key, said.all)
        holds(desk, COMPANY.joiner(key), *NAMES[key])
    assert len({desk.entry(COMPANY.joiner(key).employee_id)["dn"].lower() for key in ended}) == len(ended)
    assert "No run was begun" in desk("run", "whole", "--inputs", desk.inputs("anna-weiss")).out


def test_two_who_would_get_the_same_login_at_the_same_moment_never_share_it(desk):
    twins = [desk.joiner(given_name=given, surname="Zwilling") for given in ("Mia", "Max")]
    desk.runbook("account", keep={"identity", "ticket", "account", "close"})
    with ThreadPoolExecutor(2) as technicians:
        ended = list(technicians.map(lambda twin: twin.run("account"), twins))
    for twin, said in zip(twins, ended, strict=True):
        if said.code == 0:
            continue
        # The other was quicker: the names that this run proposed are taken by now.
        assert said.code in {5, 6}, said.all
        run = said.json["run"]
        planned = desk("resume", run, "--replan", "--yes", "--rehearse", "--json")
        if planned.code == 0:
            assert planned.json["status"] == "done"
            continue  # it had not settled on names yet
        assert planned.code == 6, planned.all
        assert f"`runbook cancel {run}` and run it again" in planned.errors[0]["next"]
        assert desk("cancel", run, "--reason", "the other was quicker").code == 0
        assert twin.run("account").code == 0
    (one, other) = [[t for t in desk.tickets() if twin.id in t["title"]] for twin in twins]
    assert (len(one), len(other)) == (1, 1)
    assert len({twin.entry["sAMAccountName"][0] for twin in twins}) == 2


@pytest.mark.parametrize("key", ["christine-baumann", "rolf-zimmer"])
def test_somebody_who_comes_back_is_brought_back_and_not_made_a_second_time(desk, key):
    joiner = COMPANY.joiner(key)
    (gone,) = [row for row, body in desk.table("directory") if _is(body, joiner)]
    said = desk("run", "whole", "--inputs", desk.inputs(key), "--rehearse", "--json")
    assert said.code == 0, said.all
    before = COMPANY.person(joiner.employee_id)
    holds(desk, joiner, before.sam, before.upn.partition("@")[0])
    assert [row for row, body in desk.table("directory") if _is(body, joiner)] == [gone]


def _is(body, joiner):
    return body["attributes"].get("employeeID") == [joiner.employee_id]


@pytest.mark.parametrize(
    ("change", "edit", "wanted"),
    [
        ({"manager": "nobody@kranich.example"}, None, ("account", "nobody is called that")),
        (
            {},
            ("locations", "OU=Benutzer,OU=Wuppertal", "OU=Nirgends,OU=Wuppertal"),
            ("account", "OU=Nirgends"),
        ),
        ({}, ("profiles", "GG_Rolle_Vertrieb", "GG_Rolle_Nirgends"), ("groups", "there is no group")),
        ({}, ("profiles", "- SPB", "- NIRGENDS"), ("licence", "no subscription NIRGENDS")),
    ],
)
def test_what_the_plan_cannot_find_is_told_before_anything_is_begun(desk, change, edit, wanted):
    joiner, (step, told) = desk.joiner(**change), wanted
    with desk.edited(*edit) if edit else nullcontext():
        said = joiner.run("whole")
    assert said.code == 6, said.all
    (error,) = said.errors
    assert f'step "{step}"' in error["where"]
    assert told in error["what"]
    assert error["next"]
    assert joiner.entry is None
    assert all(row["subject"] != joiner.id for row in desk("status", "--json").json)


def test_nobody_is_taken_on_as_their_own_manager(desk):
    own = {"employee_id": "1011", "given_name": "Thomas", "surname": "Klein", "start_date": "2027-03-01"}
    said = desk("run", "whole", "--inputs", desk.inputs(**own), "--rehearse", "--json")
    assert said.code == 6, said.all
    assert "the manager must be somebody else than the joiner" in said.all
    assert all(row["subject"] != "1011" for row in desk("status", "--json").json)
