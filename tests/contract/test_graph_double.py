"""What the Graph double answers to plain HTTP: Graph's habits, its traps and its words."""

from __future__ import annotations

import ssl

import httpx
import pytest
from graph_double import tenant

from runbook_exec.sandbox.graph_sync import SyncInbox

ANNA = "anna.weiss@kranich.example"
NEW = {
    "accountEnabled": True,
    "displayName": "Neu",
    "mailNickname": "neu",
    "userPrincipalName": "neu@kranich.example",
    "passwordProfile": {"password": "Kranich-2026-x"},
}


@pytest.fixture
def graph(tmp_path):
    with tenant(tmp_path) as running:
        running.client = httpx.Client(
            verify=ssl.create_default_context(cafile=running.settings["ca"]), trust_env=False
        )
        with running.client:
            yield running


@pytest.fixture
def wrong_on_purpose(graph_record):
    """What a test asks in here is no request that we would send; the description need not know it."""
    yield
    graph_record.fresh()


def token(graph, *, write=True, **form):
    connection = graph.connection(write=write)
    form = {
        "grant_type": "client_credentials",
        "client_id": connection["client_id"],
        "client_secret": connection["client_secret"].reveal(),
        "scope": "https://graph.microsoft.com/.default",
    } | form
    return graph.client.post(f"{connection['authority']}/{connection['tenant']}/oauth2/v2.0/token", data=form)


def ask(graph, method, path, body=None, *, write=True, **headers):
    bearer = token(graph, write=write).json()["access_token"]
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return graph.client.request(
        method,
        graph.settings["url"] + path,
        json=body,
        headers={"Authorization": f"Bearer {bearer}", **names},
    )


def error(response):
    return response.status_code, response.json()["error"]["code"], response.json()["error"]["message"]


def test_an_error_has_graphs_form(graph):
    body = ask(graph, "GET", "/users/niemand@kranich.example").json()
    assert set(body["error"]) == {"code", "message", "innerError"}
    assert set(body["error"]["innerError"]) == {"date", "request-id", "client-request-id"}


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"client_secret": "falsch"}, (401, "invalid_client")),
        ({"client_id": "wer"}, (400, "unauthorized_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
    ],
)
def test_no_token_without_the_right_papers(graph, form, told):
    response = token(graph, **form)
    assert (response.status_code, response.json()["error"]) == told


def test_a_forged_token_opens_nothing(graph):
    bearer = token(graph).json()["access_token"]
    for forged in ("x", bearer[:-4] + "AAAA", "a.b.c"):
        response = graph.client.get(
            graph.settings["url"] + "/users", headers={"Authorization": f"Bearer {forged}"}
        )
        assert response.status_code == 401


def test_the_planning_application_reads_and_never_writes(graph):
    assert ask(graph, "GET", "/users", write=False).status_code == 200
    assert error(ask(graph, "POST", "/users", NEW, write=False))[:2] == (403, "Authorization_RequestDenied")


def test_a_user_shows_little_until_asked_for_more(wrong_on_purpose, graph):
    graph.person(department="Finanzen")
    assert "department" not in ask(graph, "GET", f"/users/{ANNA}").json()
    shown = ask(graph, "GET", f"/users/{ANNA}?$select=department,usageLocation").json()
    assert shown["department"] == "Finanzen"
    assert shown["usageLocation"] is None
    assert ask(graph, "GET", f"/users/{ANNA}?$select=departement").status_code == 400


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"userPrincipalName": ANNA},
            "Another object with the same value for property userPrincipalName already exists.",
        ),
        ({"mail": ANNA}, "Another object with the same value for property proxyAddresses already exists."),
        ({"passwordProfile": {"password": "neuneuneu"}}, "The specified password does not comply"),
        ({"passwordProfile": {"password": "Neu-2026-xyz"}}, "The specified password does not comply"),
        ({"userPrincipalName": "müller@kranich.example"}, "Property userPrincipalName is invalid."),
        ({"userPrincipalName": "neu@fremd.example"}, "You must use one of the verified domain names"),
        ({"mailNickname": None}, "mailNickname"),
        ({"usageLocation": "Deutschland"}, "usage location is invalid"),
        ({"givenName": "x" * 65}, "maximum allowed limit of 64"),
        ({"haircut": "short"}, "Could not find a property named 'haircut'"),
    ],
)
def test_a_bad_user_is_refused_in_graphs_words(wrong_on_purpose, graph, fields, told):
    graph.person(proxyAddresses=[f"SMTP:{ANNA}"])
    status, _, message = error(ask(graph, "POST", "/users", {**NEW, **fields}))
    assert status == 400
    assert told in message


def test_a_conflict_names_its_property(graph):
    graph.person(upn="neu@kranich.example")
    details = ask(graph, "POST", "/users", NEW).json()["error"]["details"]
    assert [(detail["code"], detail["target"]) for detail in details] == [
        ("ObjectConflict", "userPrincipalName")
    ]


def test_a_synced_user_is_read_only_but_for_what_the_cloud_owns(graph):
    graph.person(onPremisesSyncEnabled=True)
    refused = ask(graph, "PATCH", f"/users/{ANNA}", {"department": "X", "usageLocation": "DE"})
    assert "on-premises mastered" in error(refused)[2]
    assert ask(graph, "PATCH", f"/users/{ANNA}", {"usageLocation": "DE"}).status_code == 204
    link = {"@odata.id": f"{graph.settings['url']}/users/{graph.person('hans.chef')['id']}"}
    assert ask(graph, "PUT", f"/users/{ANNA}/manager/$ref", link).status_code == 400


def test_the_deleted_come_back_or_need_a_new_name(graph):
    user = graph.person()
    assert ask(graph, "DELETE", f"/users/{ANNA}").status_code == 204
    assert ask(graph, "GET", f"/users/{ANNA}").status_code == 404
    assert ask(graph, "GET", f"/directory/deletedItems/{user['id']}").json()["id"] == user["id"]
    graph.person()
    where = f"/directory/deletedItems/{user['id']}/restore"
    assert "userPrincipalName" in error(ask(graph, "POST", where))[2]
    graph.cloud.soft_delete(graph.cloud.user(ANNA)["id"])
    back = ask(graph, "POST", where).json()
    assert back["userPrincipalName"] == ANNA


def test_the_trap_deletes_the_person(wrong_on_purpose, graph):
    user = graph.person()
    group = graph.cloud.add_group({"displayName": "Finanzen"}, members=[user["id"]])
    assert ask(graph, "DELETE", f"/groups/{group['id']}/members/{user['id']}").status_code == 204
    assert graph.cloud.user(ANNA) is None


def test_members_are_refused_in_graphs_words(graph):
    user = graph.person()
    group = graph.cloud.add_group({"displayName": "Finanzen"})
    where = f"/groups/{group['id']}/members"
    link = {"@odata.id": f"{graph.settings['url']}/directoryObjects/{user['id']}"}
    assert error(ask(graph, "DELETE", f"{where}/{user['id']}/$ref"))[:2] == (404, "Request_ResourceNotFound")
    assert ask(graph, "POST", f"{where}/$ref", link).status_code == 204
    assert "already exist" in error(ask(graph, "POST", f"{where}/$ref", link))[2]
    nobody = {"@odata.id": f"{graph.settings['url']}/directoryObjects/nobody"}
    assert ask(graph, "POST", f"{where}/$ref", nobody).status_code == 404


def test_twenty_members_in_one_patch_and_none_where_one_is_wrong(graph):
    people = [graph.person(f"p{n}")["id"] for n in range(21)]
    group = graph.cloud.add_group({"displayName": "Alle"})
    links = [f"{graph.settings['url']}/directoryObjects/{key}" for key in people]
    where = f"/groups/{group['id']}"
    assert ask(graph, "PATCH", where, {"members@odata.bind": links}).status_code == 400
    assert ask(graph, "PATCH", where, {"members@odata.bind": [*links[:2], links[0] + "x"]}).status_code == 404
    assert graph.cloud.group("Alle")["_members"] == []
    assert ask(graph, "PATCH", where, {"members@odata.bind": links[:20]}).status_code == 204


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"addLicenses": []}, "The missing parameters are: removeLicenses"),
        ({"addLicenses": [{"skuId": "SPB"}], "removeLicenses": []}, "invalid usage location"),
        ({"addLicenses": [], "removeLicenses": ["SPB"]}, "does not have a corresponding license"),
    ],
)
def test_licences_are_refused_in_graphs_words(wrong_on_purpose, graph, body, told):
    graph.person()
    sku = graph.licensing.sku("SPB")["skuId"]
    body = {"addLicenses": [{"skuId": sku} for _ in body["addLicenses"]]} | (
        {"removeLicenses": [sku for _ in body["removeLicenses"]]} if "removeLicenses" in body else {}
    )
    assert told in error(ask(graph, "POST", f"/users/{ANNA}/assignLicense", body))[2]


def test_a_licence_of_a_group_is_not_taken_from_the_user(graph):
    user = graph.person(usageLocation="DE")
    graph.cloud.add_group({"displayName": "LG"}, members=[user["id"]])
    graph.licensing.license_group("LG", ["SPB"])
    body = {"addLicenses": [], "removeLicenses": [graph.licensing.sku("SPB")["skuId"]]}
    assert "inherited from a group" in error(ask(graph, "POST", f"/users/{ANNA}/assignLicense", body))[2]


def test_a_group_without_seats_marks_its_member_with_a_violation(graph):
    user = graph.person(usageLocation="DE")
    graph.cloud.add_group({"displayName": "LG"}, members=[user["id"]])
    graph.licensing.license_group("LG", ["SPE_F1"])
    shown = ask(graph, "GET", f"/users/{ANNA}?$select=assignedLicenses,licenseAssignmentStates").json()
    assert shown["assignedLicenses"] == []
    assert [state["error"] for state in shown["licenseAssignmentStates"]] == ["CountViolation"]


def test_a_young_object_is_not_seen_yet_and_a_changed_one_looks_old(graph):
    graph.faults.on("graph-lag", seconds=60)
    assert ask(graph, "POST", "/users", NEW).status_code == 201
    assert ask(graph, "GET", "/users/neu@kranich.example").status_code == 404
    graph.faults.off("graph-lag")
    graph.person(department="alt")
    graph.faults.on("graph-stale", seconds=60)
    assert ask(graph, "PATCH", f"/users/{ANNA}", {"department": "neu"}).status_code == 204
    assert ask(graph, "GET", f"/users/{ANNA}?$select=department").json()["department"] == "alt"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("$filter=startswith(displayName,'anna')", [ANNA]),
        ("$filter=displayName eq 'O''Neill'", ["o'neill@kranich.example"]),
        ("$filter=mail eq null and accountEnabled eq true", [ANNA, "o'neill@kranich.example"]),
        ("$filter=userPrincipalName in ('anna.weiss@kranich.example','x@y')", [ANNA]),
        ("$filter=proxyAddresses/any(p:p eq 'smtp:aw@kranich.example') or displayName eq 'x'", [ANNA]),
        ("$filter=(displayName eq 'x' or department eq 'Finanzen')", [ANNA]),
        ("$top=1", [ANNA]),
    ],
)
def test_users_are_found_by_filter(graph, query, found):
    graph.person(department="Finanzen", proxyAddresses=["smtp:aw@kranich.example"])
    graph.person("o'neill", displayName="O'Neill")
    body = ask(graph, "GET", f"/users?{query}").json()
    assert [user["userPrincipalName"] for user in body["value"]] == found


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$filter=endswith(mail,'@x.y')", "Request_UnsupportedQuery"),
        ("$filter=department ne 'X'", "Request_UnsupportedQuery"),
        ("$filter=not(department eq 'X')", "Request_UnsupportedQuery"),
        ("$count=true", "Request_UnsupportedQuery"),
        ('$search="displayName:anna"', "Request_UnsupportedQuery"),
        ("$filter=haircut eq 'short'", "BadRequest"),
        ("$filter=displayName eq 'x", "BadRequest"),
        ("$filter=displayName eq", "BadRequest"),
        ("$top=5000", "Request_BadRequest"),
    ],
)
def test_a_query_that_needs_more_is_refused(graph, query, code):
    assert error(ask(graph, "GET", f"/users?{query}"))[:2] == (400, code)


def test_an_advanced_query_names_its_consistency(graph):
    graph.person(department="Finanzen")
    query = "$filter=department ne 'X'&$count=true"
    body = ask(graph, "GET", f"/users?{query}", ConsistencyLevel="eventual").json()
    assert body["@odata.count"] == 1


def test_pages_lead_to_each_other(graph):
    for number in range(5):
        graph.person(f"p{number}")
    body, seen = ask(graph, "GET", "/users?$top=2&$select=id").json(), []
    while True:
        seen += body["value"]
        if "@odata.nextLink" not in body:
            break
        body = ask(graph, "GET", body["@odata.nextLink"].removeprefix(graph.settings["url"])).json()
    assert len({user["id"] for user in seen}) == 5


def batch(graph, *items):
    return ask(graph, "POST", "/$batch", {"requests": list(items)})


def get(key, url="/organization", **more):
    return {"id": key, "method": "GET", "url": url, **more}


def test_a_batch_answers_each_item_by_its_id_in_any_order(graph):
    answers = batch(graph, get("a"), get("b", "/users/niemand")).json()["responses"]
    assert {entry["id"]: entry["status"] for entry in answers} == {"a": 200, "b": 404}
    assert [entry["id"] for entry in answers] != ["a", "b"]


def test_a_batch_has_rules(graph):
    assert batch(graph, *[get(str(n)) for n in range(21)]).status_code == 400
    assert batch(graph, get("a"), get("A")).status_code == 400
    assert batch(graph).status_code == 400
    failed = batch(graph, get("a", "/users/niemand"), get("b", dependsOn=["a"])).json()["responses"]
    assert {entry["id"]: entry["status"] for entry in failed} == {"a": 404, "b": 424}
    bare = {"id": "a", "method": "PATCH", "url": "/users/x", "body": {}}
    assert batch(graph, bare).json()["responses"][0]["status"] == 400


def test_a_batch_is_throttled_item_by_item(graph):
    graph.faults.on("graph-throttled", times=1, seconds=0.5)
    answers = batch(graph, get("a"), get("b")).json()["responses"]
    slow = next(entry for entry in answers if entry["status"] == 429)
    assert slow["headers"]["Retry-After"] == "0.5"
    assert sorted(entry["status"] for entry in answers) == [200, 429]


def test_a_quota_is_counted_over_ten_seconds(graph):
    graph.faults.on("graph-quota", requests=1)
    assert ask(graph, "GET", "/organization").status_code == 200
    full = ask(graph, "GET", "/organization")
    assert full.status_code == 429
    assert 9 < float(full.headers["Retry-After"]) <= 10


def test_a_pass_obeys_the_policy(graph):
    user = graph.person()
    where = f"/users/{ANNA}/authentication/temporaryAccessPassMethods"
    assert error(ask(graph, "POST", where, {"lifetimeInMinutes": 5}))[0] == 400
    made = ask(graph, "POST", where, {"startDateTime": "2099-01-01T00:00:00Z"}).json()
    assert (made["isUsable"], made["methodUsabilityReason"]) == (False, "NotYetValid")
    assert ask(graph, "GET", f"{where}/{made['id']}").json()["temporaryAccessPass"] is None
    shelf = graph.rehearsal.shelf
    policy = shelf.get("graph_policies", "TemporaryAccessPass")
    shelf.put("graph_policies", "TemporaryAccessPass", {**policy, "state": "disabled"})
    assert error(ask(graph, "POST", where, {}))[0] == 400
    assert [body["_user"] for _, body in shelf.items("graph_passes")] == [user["id"]]


def test_the_log_is_a_witness_without_secrets(graph):
    ask(graph, "POST", "/users", NEW)
    (entry,) = graph.log()
    assert (entry["app"], entry["method"], entry["path"], entry["status"]) == ("apply", "POST", "/users", 201)
    assert entry["body"]["passwordProfile"] == {"password": "***"}


def test_a_tenant_that_is_started_again_is_the_same(tmp_path):
    from runbook_exec.sandbox import graph as double
    from runbook_exec.sandbox.rehearsal import open_rehearsal

    first = open_rehearsal(tmp_path)
    double.seed(first)
    double.Cloud(first.shelf, first.faults).add_user({"userPrincipalName": ANNA, "displayName": "Anna"})
    first.shelf.close()
    again = open_rehearsal(tmp_path)
    assert double.Cloud(again.shelf, again.faults).user(ANNA)["displayName"] == "Anna"
    again.shelf.close()


def test_a_sync_over_a_taken_name_makes_a_placeholder_and_notes_it(graph):
    graph.person(proxyAddresses=[f"SMTP:{ANNA}"])
    inbox = SyncInbox(graph.cloud)
    made = inbox.put_user(
        "anchor", {"userPrincipalName": ANNA, "displayName": "Anna Weiss", "proxyAddresses": [f"SMTP:{ANNA}"]}
    )
    assert made["userPrincipalName"].startswith("anna.weiss")
    assert made["userPrincipalName"].endswith("@kranich.onmicrosoft.com")
    assert made["proxyAddresses"] == []
    noted = {note["propertyCausingError"] for note in made["onPremisesProvisioningErrors"]}
    assert noted == {"userPrincipalName", "proxyAddresses"}
    inbox.remove_user("anchor")
    assert [gone["id"] for gone in graph.cloud.deleted("user")] == [made["id"]]
