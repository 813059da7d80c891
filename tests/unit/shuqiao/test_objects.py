"""An object fetched: by a call that names it, from its link, compared with its digest, under no stranger's name."""

import hashlib
from uuid import UUID

import httpx2
import pytest

from shuqiao import objects
from shuqiao.errors import Away, BadArgument, Falsified, Refused
from tests.support.scripted_gateway import METHOD_KEY, failure, scripted, success

ID = UUID("01a209df-cc4f-77b5-89a6-0b85dc446b5e")
CONTENT = b"content" * 1000
LINK = "http://store/objects/mzj/x?versionId=1"


def told(**more):
    row = {"object_id": str(ID), "object_name": "../../x", "object_link": LINK}
    return success({**row, "object_sha256": hashlib.sha256(CONTENT).hexdigest(), **more})


def fetched(answers, folder, store=None):
    asked = []

    def serve(request):
        asked.append(str(request.url))
        return store(request) if store else httpx2.Response(200, content=CONTENT)

    with answers.gateway() as gateway, httpx2.Client(transport=httpx2.MockTransport(serve)) as http:
        path = objects.download(gateway, "s", METHOD_KEY, ID, folder, http=http)
    assert asked == [LINK]
    return path


def test_it_is_asked_for_by_its_key_and_lies_under_its_id(tmp_path):
    answers = scripted(told())
    path = fetched(answers, tmp_path)
    assert answers.form() == {"object_id": str(ID), "rsStructure": "KV"}
    assert (path.name, path.read_bytes()) == (str(ID), CONTENT)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("answer", "store", "error"),
    [
        (told(object_sha256="0" * 64), None, Falsified),
        (told(), lambda _: httpx2.Response(403), Refused),
        (told(), lambda _: (_ for _ in ()).throw(httpx2.ReadTimeout("x")), Away),
        (told(object_link=None), None, Refused),
        (success(None), None, Refused),
        (failure("203"), None, Refused),
    ],
)
def test_whatever_goes_wrong_nothing_is_kept(tmp_path, answer, store, error):
    with pytest.raises(error):
        fetched(scripted(answer), tmp_path, store)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_asked(tmp_path):
    answers = scripted(told())
    with pytest.raises(BadArgument):
        fetched(answers, tmp_path / "none")
    assert answers.seen == []


class Exchange:
    """The ingest as a provider sees it."""

    def __init__(self, states):
        self.states, self.posted = list(states), []

    def post(self, _service, path, body=None):
        self.posted.append((path, body))
        return {"object": {"id": str(ID)}, "url": LINK, "fields": {"key": "k"}}

    def get(self, _service, _path):
        return {"id": str(ID), "state": self.states.pop(0) if len(self.states) > 1 else self.states[0]}


@pytest.fixture
def store(monkeypatch):
    def make(status):
        monkeypatch.setattr(objects.httpx2, "post", lambda *_, **__: httpx2.Response(status))
        monkeypatch.setattr(objects.time, "sleep", lambda _: None)

    return make


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("end", ["registered", "refused"])
def test_an_object_is_handed_in_and_its_result_waited_for(store, file, end):
    store(204)
    there = Exchange(["received", "received", end])
    assert objects.upload(there, "e", file, note="n", values={"topic": "x"})["state"] == end
    wanted = {"entry": "e", "name": "a.pdf", "size": len(CONTENT), "note": "n", "values": {"topic": "x"}}
    assert there.posted == [("/objects", wanted), (f"/objects/{ID}/completion", None)]


def test_what_the_store_refuses_is_not_said_to_be_complete(store, file):
    store(400)
    there = Exchange(["awaited"])
    with pytest.raises(Refused):
        objects.upload(there, "e", file)
    assert len(there.posted) == 1


def test_one_that_is_held_is_told_as_no_answer_in_time(store, file):
    store(204)
    with pytest.raises(Away):
        objects.upload(Exchange(["received"]), "e", file, within=0.0)
