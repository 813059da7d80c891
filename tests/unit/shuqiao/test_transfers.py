"""A large file in parts, from the sender's side: what is there is not sent again, what is another's is."""

import hashlib
import os

import httpx2
import pytest

from shuqiao import transfers
from shuqiao.errors import Away, BadArgument, Refused
from shuqiao.transfers import Persistence

PART = 10
DATA = b"0123456789abcdefghijklmnopqrs"


def etag(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Exchange:
    """The two servers as a sender sees them: the ingest by its session, the object store by its links."""

    def __init__(self, monkeypatch, held=None, store=None):
        self.parts = dict(held or {})
        self.sent_numbers, self.completed, self.given_up = [], 0, 0
        self.trouble = []
        self.whole = False
        self.on_put = store or (lambda number, data: 200)
        monkeypatch.setattr(transfers.httpx2, "Client", lambda **_: self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def post(self, _service, path, body=None):
        if self.trouble:
            raise self.trouble.pop(0)
        if path == "/transfers":
            held = [{"number": n, "size": len(d), "etag": etag(d)} for n, d in self.parts.items()]
            common = {"size": body["size"], "part_bytes": PART, "parts": -(-body["size"] // PART)}
            return {"upload": {"id": "u"}, "held": held, "whole": self.whole, **common}
        if path.endswith("/links"):
            return [{"number": n, "size": PART, "url": f"http://s3/{n}"} for n in body["numbers"]]
        self.completed += 1
        return {}

    def delete(self, _service, _path):
        self.given_up += 1

    def put(self, url, content):
        number = int(url.rpartition("/")[2])
        self.sent_numbers.append(number)
        status = self.on_put(number, content)
        if isinstance(status, Exception):
            raise status
        if status == 200:
            self.parts[number] = content
        return httpx2.Response(status)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def exchange(monkeypatch):
    return lambda **given: Exchange(monkeypatch, **given)


def hurried(within=100.0):
    ticks = iter(range(10**6))
    return Persistence(within=within, sleep=lambda _: None, clock=lambda: float(next(ticks)))


def test_every_part_is_sent_and_the_file_is_said_to_be_whole(exchange, file):
    there, told = exchange(), []
    assert transfers.send(there, "e", file, sent=lambda done, of: told.append((done, of))) == "u"
    assert b"".join(there.parts[n] for n in (1, 2, 3)) == DATA
    assert there.completed == 1
    assert told[0] == (0, 29)
    assert told[-1] == (29, 29)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_is_there_already_is_not_sent_again(exchange, file):
    there = exchange(held={1: DATA[:10], 3: DATA[20:]})
    transfers.send(there, "e", file)
    assert there.sent_numbers == [2]


def test_a_part_that_is_not_this_files_is_sent_anew(exchange, file):
    there = exchange(held={1: b"something!", 2: DATA[10:20], 3: DATA[20:]})
    transfers.send(there, "e", file)
    assert there.sent_numbers == [1]


def test_a_file_that_is_whole_there_is_only_said_to_be(exchange, file):
    there = exchange()
    there.whole = True
    transfers.send(there, "e", file)
    assert (there.sent_numbers, there.completed) == ([], 1)


@pytest.mark.parametrize("trouble", [500, 403, httpx2.ReadTimeout("cut"), httpx2.ConnectError("cut")])
def test_after_a_cut_it_goes_on_with_what_is_missing(exchange, file, trouble):
    failed = []

    def store(number, _):
        if number == 2 and len(failed) < 3:
            failed.append(number)
            return trouble
        return 200

    there = exchange(store=store)
    transfers.send(there, "e", file, persistence=hurried())
    assert there.sent_numbers == [1, 2, 2, 2, 2, 3]


def test_without_any_progress_it_gives_up_and_says_how_to_go_on(exchange, file):
    there = exchange(store=lambda number, data: 500)
    with pytest.raises(Away, match="继续"):
        transfers.send(there, "e", file, persistence=hurried(within=10))
    assert there.completed == 0


def test_what_the_exchange_gave_up_meanwhile_begins_anew_and_other_refusals_end_it(exchange, file):
    there = exchange()
    there.trouble = [Refused(404, {"code": "transfer-unknown"}), Away("x")]
    transfers.send(there, "e", file, persistence=hurried())
    there.trouble = [Refused(429, {"code": "too-many-bytes"})]
    with pytest.raises(Refused):
        transfers.send(there, "e", file, persistence=hurried())


def test_a_file_that_changes_while_it_is_sent_is_not_handed_in(exchange, file):
    def store(_number, _data):
        os.utime(file, ns=(1, 1))
        return 200

    there = exchange(store=store)
    with pytest.raises(BadArgument):
        transfers.send(there, "e", file)
    assert (there.completed, there.given_up) == (0, 1)
