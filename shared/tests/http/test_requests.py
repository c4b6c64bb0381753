"""What a caller gets for a good request, and what for a bad one."""

import asyncio
import json
from uuid import uuid4

import httpx
import pytest
import structlog
from amtsbus.auth import Role
from amtsbus.postgres import Database
from amtsbus.testing.tokens import ApiClient

OAK = {"species": "oak"}


async def rows(database: Database, table: str) -> int:
    count: int = await database.pool.fetchval(f"SELECT count(*) FROM {table}")
    return count


def kind(answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["status"] == answer.status_code
    problem: str = answer.json()["type"]
    return problem.removeprefix("urn:amtsbus:problem:")


async def test_a_sponsored_tree_is_stored_with_its_event_in_one_transaction(client: ApiClient, database: Database):
    rung = []
    database.on_append = lambda: rung.append(1)
    answer = await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/v1/trees/{answer.json()['tree_id']}"
    assert (await rows(database, "trees"), await rows(database, "amtsbus.events")) == (1, 1)
    assert rung == [1]


async def test_a_rule_that_forbids_it_undoes_everything(client: ApiClient, database: Database):
    rung = []
    database.on_append = lambda: rung.append(1)
    answer = await client.post("/v1/trees", json={"species": "bonsai"}, headers=client.as_(Role.CITIZEN))
    assert (answer.status_code, kind(answer)) == (422, "too-small")
    assert answer.json()["detail"] == "A bonsai needs no sponsor."
    assert (await rows(database, "trees"), await rows(database, "amtsbus.events")) == (0, 0)
    assert await rows(database, "amtsbus.idempotency_keys") == 0
    assert rung == []


async def test_somebody_elses_tree_is_not_found(client: ApiClient):
    mine = await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
    path = mine.headers["location"]
    stranger = client.as_(Role.CITIZEN, person_id=uuid4())
    theirs = await client.get(path, headers=stranger)
    none = await client.get(f"/v1/trees/{uuid4()}", headers=stranger)
    assert theirs.status_code == none.status_code == 404
    assert theirs.json() | {"trace_id": ""} == none.json() | {"trace_id": ""}
    assert (await client.get(path, headers=client.as_(Role.CITIZEN))).status_code == 200
    assert (await client.get(path, headers=client.as_(Role.CLERK))).status_code == 200


async def test_a_change_names_the_version_that_it_was_made_on(client: ApiClient):
    me = client.as_(Role.CITIZEN)
    path = (await client.post("/v1/trees", json=OAK, headers=me)).headers["location"] + "/plaque"
    form = {"plaque": "Käthe Müller"}
    assert kind(await client.put(path, json=form, headers=me)) == "if-match-missing"
    for malformed in ("3", "*", 'W/"1"', '"1", "2"', '"-1"', '"01"', "ä"):
        headers = httpx.Headers(me | {"If-Match": malformed}, encoding="utf-8")
        answer = await client.put(path, json=form, headers=headers)
        assert (answer.status_code, kind(answer)) == (400, "if-match-malformed"), malformed
    changed = await client.put(path, json=form, headers=me | {"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = await client.put(path, json=form, headers=me | {"If-Match": '"1"'})
    assert (stale.status_code, kind(stale)) == (412, "version-changed")
    refused = await client.put(path, json={"plaque": "Nobody"}, headers=me | {"If-Match": '"2"'})
    assert (refused.status_code, kind(refused)) == (403, "forbidden")


async def test_a_get_cannot_write_unless_it_records_who_reads(client: ApiClient, database: Database):
    tree_id = (await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))).json()["tree_id"]
    answer = await client.get(f"/v1/trees/{tree_id}/file", headers=client.as_(Role.CLERK, sub="the-curious"))
    assert answer.json() == ["the-curious"]
    assert await rows(database, "viewings") == 1


async def test_pages_follow_each_other_without_gap_or_repetition(client: ApiClient):
    for species in ("ash", "beech", "birch", "elm", "oak"):
        await client.post("/v1/trees", json={"species": species}, headers=client.as_(Role.CITIZEN))
    seen, after = [], None
    while True:
        page = (await client.get("/v1/trees", params={"limit": 2} | ({"after": after} if after else {}))).json()
        seen += [tree["species"] for tree in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ["ash", "beech", "birch", "elm", "oak"]


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "W10",
        "WzFd",
        "W10=",
        "bnVsbA",
        "WyJhIl0",
        "WyJhIiwiYiJd",
        "🦊",
        "x" * 2001,
        "WyJhXHUwMDAwIiwiYiJd",
        "WyJcdWQ4MDAiLCJiIl0",
    ],
)
async def test_a_cursor_of_something_else_is_refused(client: ApiClient, after: str):
    answer = await client.get("/v1/trees", params={"after": after})
    assert answer.status_code == 422
    assert kind(answer) in {"cursor-invalid", "validation"}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1e3", "9" * 50])
async def test_a_page_has_between_1_and_100_items(client: ApiClient, limit: str):
    answer = await client.get("/v1/trees", params={"limit": limit})
    assert (answer.status_code, kind(answer)) == (422, "validation")
    assert answer.json()["errors"][0] | {"detail": "", "code": ""} == {
        "in": "query",
        "pointer": "/limit",
        "detail": "",
        "code": "",
    }


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"", 422, "validation"),
        (b"{", 400, "json-broken"),
        (b"nonsense", 400, "json-broken"),
        (b'{"species": NaN}', 400, "json-broken"),
        (b'{"species": 1e999}', 422, "validation"),
        (b'{"species": "oak"} {"species": "ash"}', 400, "json-broken"),
        (b'{"species": "\xff\xfe"}', 400, "json-broken"),
        (b'{"species": "\xed\xa0\x80"}', 400, "json-broken"),
        (b'{"species": "\\ud800"}', 400, "json-broken"),
        (b'{"species": "a\\u0000b"}', 400, "nul-character"),
        (b'{"a\\u0000b": 1}', 400, "nul-character"),
        (b'{"species": "a\x00b"}', 400, "json-broken"),
        (b'\xef\xbb\xbf{"species": "oak"}', 400, "json-broken"),
        (b"[" * 100 + b"]" * 100, 400, "json-too-deep"),
        (b"[" * 100_000 + b"]" * 100_000, 400, "json-too-deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "json-too-deep"),
        (b"[]", 422, "validation"),
        (b"null", 422, "validation"),
        (b'"oak"', 422, "validation"),
        (b"1" * 5000, 400, "json-broken"),
        (b'{"species": null}', 422, "validation"),
        (b'{"species": 7}', 422, "validation"),
        (b'{"species": ["oak"]}', 422, "validation"),
        (b'{"species": ""}', 422, "validation"),
        (b'{"species": "   "}', 422, "validation"),
        (b'{"species": "oak\\nash"}', 422, "validation"),
        (b'{"species": "\\u202eoak"}', 422, "validation"),
        (b'{"species": "oak", "admin": true}', 422, "validation"),
        (json.dumps({"species": "x" * 201}).encode(), 422, "validation"),
        (json.dumps({"species": "oak", "remarks": ["x"] * 6}).encode(), 422, "validation"),
        (json.dumps({"species": "oak", "remarks": ["x" * 5001]}).encode(), 422, "validation"),
        (json.dumps({f"field{i}": i for i in range(5000)}).encode(), 422, "validation"),
    ],
)
async def test_a_bad_body_is_refused_with_a_reason_and_nothing_is_stored(
    client: ApiClient, database: Database, body: bytes, status: int, problem: str
):
    headers = client.as_(Role.CITIZEN) | {"Content-Type": "application/json"}
    answer = await client.post("/v1/trees", content=body, headers=headers)
    assert (answer.status_code, kind(answer)) == (status, problem), answer.text
    assert len(answer.json().get("errors", [])) <= 50
    assert await rows(database, "trees") == 0


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ('application/json; charset="UTF-8"', 201),
        ("application/vnd.parks+json", 201),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("text/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
        ("🦊".encode(), 415),
    ],
)
async def test_a_body_is_json_or_refused(client: ApiClient, content_type, status: int):
    headers = client.as_(Role.CITIZEN) | {"Content-Type": content_type}
    answer = await client.post("/v1/trees", content=b'{"species": "oak"}', headers=headers)
    assert answer.status_code == status, answer.text


async def test_what_was_sent_is_never_repeated_in_the_answer(client: ApiClient):
    secret = "Geheimnis-4711"
    form = {"species": 1, "plaque": secret + "\n", "planted": secret, "email": secret, "remarks": [{secret: secret}]}
    answer = await client.post("/v1/trees", json=form, headers=client.as_(Role.CITIZEN))
    assert answer.status_code == 422
    assert secret not in answer.text
    fields = {error["pointer"] for error in answer.json()["errors"]}
    assert fields == {"/species", "/plaque", "/planted", "/email", "/remarks/0"}


@pytest.mark.parametrize(
    "fragment",
    [
        "'; DROP TABLE trees; --",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "<script>alert(1)</script>",
        "%s%n",
        "🌳🦊👩‍👩‍👧",
        "Bäume\u0308",
    ],
)
async def test_fragments_of_other_languages_are_only_text(client: ApiClient, fragment: str):
    answer = await client.post("/v1/trees", json={"species": fragment}, headers=client.as_(Role.CITIZEN))
    if "\u200d" in fragment or answer.status_code == 201:
        assert answer.status_code == 201
        found = await client.get("/v1/trees", params={"species": answer.json()["species"]})
        assert len(found.json()["items"]) == 1


@pytest.mark.parametrize("path", ["/v1/trees/%00", "/v1/trees?species=%00", "/v1/trees/x%00y", "/%00"])
async def test_a_nul_in_the_address_is_refused(client: ApiClient, path: str):
    answer = await client.get(path, headers=client.as_(Role.CLERK))
    assert answer.status_code in (400, 404)
    assert kind(answer) in ("nul-character", "not-found")


@pytest.mark.parametrize(
    "path", ["/v1/trees/not-a-uuid", "/v1/trees/%F0%9F%A6%8A", "/v1/trees/%ff", "/v1/trees/" + "9" * 3000]
)
async def test_an_address_that_is_no_id_is_refused(client: ApiClient, path: str):
    answer = await client.get(path, headers=client.as_(Role.CLERK))
    assert (answer.status_code, kind(answer)) == (422, "validation")


async def test_unknown_addresses_and_methods_are_problems_too(client: ApiClient):
    assert kind(await client.get("/v2/trees")) == "not-found"
    assert kind(await client.get("/v1/trees/")) == "not-found"
    answer = await client.delete("/v1/trees")
    assert (answer.status_code, kind(answer)) == (405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"


async def test_a_number_that_postgres_cannot_hold_is_no_defect_of_the_service(client: ApiClient):
    answer = await client.get(
        f"/v1/trees/{uuid4()}/lightning", params={"times": 2**80}, headers=client.as_(Role.OPERATOR)
    )
    assert (answer.status_code, kind(answer)) == (422, "value-not-storable")


async def test_a_defect_tells_nothing_of_the_inside_but_the_log_tells_where_it_is(client: ApiClient):
    with structlog.testing.capture_logs() as lines:
        answer = await client.get(f"/v1/trees/{uuid4()}/lightning", headers=client.as_(Role.OPERATOR))
    [failed] = [line for line in lines if line["event"] == "request-failed"]
    assert failed["errors"][0]["type"] == "builtins.KeyError"
    assert failed["errors"][0]["at"][-1].endswith("get_lightning")
    assert "oak" not in str(lines)
    assert (answer.status_code, kind(answer)) == (500, "internal")
    assert "oak" not in answer.text
    assert "KeyError" not in answer.text
    assert answer.headers["traceparent"].split("-")[1] == answer.json()["trace_id"]


async def test_something_outside_that_is_away_is_a_503(client: ApiClient):
    answer = await client.post(f"/v1/trees/{uuid4()}/shouting", headers=client.as_(Role.OPERATOR))
    assert (answer.status_code, kind(answer)) == (503, "unavailable")
    assert answer.headers["retry-after"] == "2"


async def test_the_trace_goes_on_through_the_request(client: ApiClient, database: Database):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = client.as_(Role.CITIZEN) | {"traceparent": parent}
    answer = await client.post("/v1/trees", json=OAK, headers=headers)
    assert answer.headers["traceparent"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    stored = await database.pool.fetchval("SELECT traceparent FROM amtsbus.events")
    assert stored == answer.headers["traceparent"]
    for broken in ("", "nonsense", parent.upper(), "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ä"):
        latin = httpx.Headers({"traceparent": broken}, encoding="latin-1")
        answer = await client.get("/v1/trees", headers=latin)
        assert answer.headers["traceparent"].split("-")[1] not in ("0" * 32, "0af7651916cd43dd8448eb211c80319c")


async def test_no_answer_is_kept_or_guessed_at_by_a_browser(client: ApiClient):
    for answer in (await client.get("/v1/trees"), await client.get("/nowhere"), await client.get("/livez")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_deadlock_is_tried_again_by_itself(client: ApiClient, database: Database):
    import asyncpg

    from .parks import SEASON

    tree_id = (await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))).json()["tree_id"]
    SEASON.failures = [asyncpg.DeadlockDetectedError("deadlock detected")]
    answer = await client.post(f"/v1/trees/{tree_id}/waterings", headers=client.as_(Role.CITIZEN))
    assert (answer.status_code, answer.json()) == (200, {"nth": 1})


async def test_two_waterings_at_once_are_two_because_the_second_is_tried_again(client: ApiClient, database: Database):
    from amtsbus.errors import ConflictError

    from .parks import SEASON

    tree_id = (await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))).json()["tree_id"]
    SEASON.failures = [ConflictError("somebody else was quicker")]
    answer = await client.post(f"/v1/trees/{tree_id}/waterings", headers=client.as_(Role.CITIZEN))
    assert (answer.status_code, answer.json()) == (200, {"nth": 1})
    SEASON.failures = [ConflictError("somebody else was quicker")] * 2
    answer = await client.post(f"/v1/trees/{tree_id}/waterings", headers=client.as_(Role.CITIZEN))
    assert (answer.status_code, kind(answer)) == (409, "conflict")


async def test_a_decision_is_never_tried_again_by_itself(client: ApiClient, database: Database):
    from .parks import SEASON

    tree_id = (await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))).json()["tree_id"]
    SEASON.runs = 0
    answer = await client.post(f"/v1/trees/{tree_id}/felling", headers=client.as_(Role.CLERK))
    assert (answer.status_code, kind(answer)) == (409, "conflict")
    assert SEASON.runs == 1
    assert await rows(database, "trees") == 1


async def test_a_unique_constraint_that_a_race_has_met_is_a_conflict(client: ApiClient, database: Database):
    from .parks import SEASON

    tree_id = (await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))).json()["tree_id"]
    both_have_read = asyncio.Barrier(2)

    async def wait_for_the_other() -> None:
        await both_have_read.wait()

    SEASON.before_watering = wait_for_the_other
    answers = await asyncio.gather(
        *(client.post(f"/v1/trees/{tree_id}/waterings", headers=client.as_(Role.CITIZEN)) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
