"""What is generated from the code and kept beside it says what the code says: schemas, AsyncAPI, OpenAPI."""

import difflib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import shuqiao
from common import entry, events, host, schemas
from provision.plan import READS, SERVICES, database
from tests.support.subscriptions import parts_of, service_of

ROOT = Path(__file__).parents[2]
AGAIN = "the documents are not what the code says; `make docs` writes them anew"


def told_apart(kept: str, now: str) -> str:
    return "\n".join(list(difflib.unified_diff(kept.splitlines(), now.splitlines(), "kept", "now", n=1))[:40])


def test_the_locked_schemas_agree_with_the_declarations():
    done = subprocess.run(
        [sys.executable, "-m", "common.schemas", "check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_event_is_locked_and_nothing_else_is():
    assert {path.stem for path in schemas.FOLDER.glob("*.json")} == set(events.BY_TOPIC)


def test_the_callers_side_has_the_same_schema_of_an_entry():
    assert shuqiao.__file__ is not None
    theirs = Path(shuqiao.__file__).parent / "schemas" / "entry.json"
    assert json.loads(theirs.read_text()) == json.loads(schemas.ENTRY.read_text())
    assert json.loads(theirs.read_text()) == entry.EntryContent.model_json_schema(mode="validation")


@pytest.mark.parametrize("service", SERVICES)
def test_the_asyncapi_document_is_what_the_code_says(service):
    kept = (ROOT / "docs" / "events" / f"{database(service)}.yaml").read_text()
    now = host.asyncapi(parts_of(service), service_of(service))
    assert kept == now, f"{AGAIN}\n{told_apart(kept, now)}"


@pytest.mark.parametrize("service", SERVICES)
def test_the_openapi_document_is_what_the_code_says(service):
    kept = (ROOT / "docs" / "api" / f"{database(service)}.json").read_text()
    now = host.openapi(service_of(service))
    assert kept == now, f"{AGAIN}\n{told_apart(kept, now)}"


@pytest.mark.parametrize("service", SERVICES)
def test_the_asyncapi_document_names_every_event_that_is_read_or_written(service):
    document = yaml.safe_load((ROOT / "docs" / "events" / f"{database(service)}.yaml").read_text())
    assert document["asyncapi"] == "3.0.0"
    wanted = {event.topic for event in READS[service]} | {e.topic for e in events.ALL if e.owner == service}
    assert {channel["address"] for channel in document["channels"].values()} == wanted


def test_every_document_has_a_service():
    for folder, suffix in (("events", ".yaml"), ("api", ".json")):
        found = {path.name for path in (ROOT / "docs" / folder).iterdir()}
        assert found == {f"{database(service)}{suffix}" for service in SERVICES}


def test_the_documents_hold_no_secret_and_no_address_of_this_machine():
    for path in [*(ROOT / "docs" / "events").iterdir(), *(ROOT / "docs" / "api").iterdir()]:
        text = path.read_text()
        assert "password" not in text.lower() or path.name == "registry.json", path
        assert str(ROOT) not in text
        assert "127.0.0.1" not in text
