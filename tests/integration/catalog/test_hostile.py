"""What no client should send (IN-C1, C11, C12): refused with a code, never set, never a fault of ours."""

import pytest

from tests.support.catalog_steps import Unit
from tests.support.catalog_values import entry_body, service_body, text
from tests.support.hostile_requests import Given, none_is_our_fault


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


@pytest.mark.parametrize(
    "more",
    [
        {"status": "approved"},
        {"state": "published"},
        {"provider": "jyj"},
        {"provider_unit": "jyj"},
        {"code": "307001-000009"},
        {"id": 1},
        {"created_by": "jyj.bianzhi"},
        {"version": 7},
        {"structure": 9},
    ],
)
async def test_what_is_not_the_compilers_to_say_is_refused(catalog, unit, more):
    refused = await unit.compiler.post("/entries", entry_body(**more))

    assert (refused.status_code, refused.json()["code"]) == (422, "malformed")
    assert (await unit.compiler.get("/entries")).json() == []


async def test_nor_can_it_be_hidden_further_down(catalog, unit):
    code = await unit.published()
    bodies = [
        ("POST", "/entries", entry_body(items=[text("a", key_place=1) | {"table": "x"}])),
        ("PUT", f"/entries/{code}/draft", {"revision": 4, "content": entry_body(), "compiled_by": "x"}),
        ("POST", f"/entries/{code}/review", {"approve": True, "reviewed_by": "x"}),
        ("POST", "/services", {"code": "s", "entry": code, "content": service_body(), "provider": "jyj"}),
        ("POST", "/services", {"code": "s", "entry": code, "content": service_body(), "state": "active"}),
        ("POST", "/services", {"code": "s", "entry": code, "content": service_body(version=9)}),
        ("PUT", "/services/s/state", {"state": "active", "registered_by": "x"}),
    ]
    for method, path, body in bodies:
        refused = await unit.compiler.ask(method, path, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "malformed"), path


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": 10**9},
        {"limit": "many"},
        {"page": -1},
        {"sort": "password"},
        {"filter": "1=1"},
        {"after": "'; drop table entry"},
        {"provider": "X"},
        {"name": "a\x00b"},
        {"name": "a" * 101},
    ],
)
async def test_a_list_takes_what_it_names_and_nothing_else(catalog, unit, query):
    refused = await unit.compiler.get("/entries", params=query)

    assert (refused.status_code, refused.json()["code"]) == (422, "malformed")


@pytest.mark.parametrize("said", ["停\x00用", "停\x1b[31m用", "a" * 501, "  ", "\u200b\u2060"])
async def test_a_reason_is_a_text_that_can_be_kept_and_read(catalog, unit, said):
    code = await unit.published()
    refused = await unit.publisher.post(f"/entries/{code}/withdrawal", {"reason": said})

    assert (refused.status_code, refused.json()["code"]) == (422, "malformed")


async def test_texts_of_every_script_come_back_as_they_went_in(catalog, unit):
    said = "𠮷野家；<script>alert(1)</script>'; drop table entry; -- é 🙂 {{7*7}} ${jndi:x}"
    code = await unit.draft(abstract=said)

    assert (await unit.compiler.get(f"/entries/{code}")).json()["draft"]["content"]["abstract"] == said


async def test_a_body_of_a_megabyte_is_the_most(catalog, unit):
    refused = await unit.compiler.post("/entries", entry_body(abstract="a" * 1024 * 1024))

    assert (refused.status_code, refused.json()["code"]) == (413, "too-large")


async def test_no_request_makes_the_catalogue_fail(catalog, unit):
    entry, draft = await unit.published(), await unit.under_review()
    await unit.active(entry, "streets")
    await unit.registered(entry, "hidden")
    revision = (await unit.compiler.get(f"/entries/{entry}")).json()["revision"]
    code_set = {"id": "district", "name": "区划", "source": "试验", "codes": [{"code": "1", "name": "一"}]}
    bodies = {
        "POST /entries": entry_body(),
        "PUT /entries/{code}/draft": {"revision": revision, "content": entry_body()},
        "POST /entries/{code}/review": {"approve": False, "opinion": "再核"},
        "POST /entries/{code}/withdrawal": {"reason": "职责调整"},
        "POST /services": {"code": "new", "entry": entry, "content": service_body()},
        "PUT /services/{code}/state": {"state": "active", "reason": "恢复"},
        "POST /code-sets": code_set,
    }
    live = {"entries.code": [entry, draft], "services.code": ["streets", "hidden"]}
    await none_is_our_fault(catalog, Given(("mzj", "jyj", "nobody"), live, bodies), examples=150)
