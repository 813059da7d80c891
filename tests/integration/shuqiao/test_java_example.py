"""The example in Java, compiled and run: it believes what agrees with its digest, and ends with the code it says."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import pytest

from tests.support.java_compiler import Program, compiled
from tests.support.scripted_gateway import METHOD_KEY, TRACE, UNIT_KEY, answer, away, failure, success

SOURCE = Path(__file__).parents[3] / "docs" / "examples" / "Call.java"


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Program:
    return compiled(SOURCE, tmp_path_factory.mktemp("classes"))


class Telling:
    """A server that gives one answer, and remembers the last request."""

    def __init__(self) -> None:
        telling = self
        self.answer: httpx2.Response = success([])
        self.headers: dict[str, str] = {}
        self.path, self.body = "", b""

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                telling.headers = {name.lower(): value for name, value in self.headers.items()}
                telling.path, telling.body = self.path, self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(telling.answer.status_code)
                for name, value in telling.answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(telling.answer.content)

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def telling() -> Iterator[Telling]:
    made = Telling()
    serving = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    yield made
    made.server.shutdown()
    serving.join()
    made.server.server_close()


@pytest.fixture
def run(program, telling):
    def ask(*arguments, told, **more):
        telling.answer = told
        env = {"SHUQIAO_GATEWAY": f"http://127.0.0.1:{telling.server.server_port}"}
        return program.run(
            *arguments, env=env | {"SHUQIAO_UNIT_KEY": UNIT_KEY, "SHUQIAO_METHOD_KEY": METHOD_KEY} | more
        )

    return ask


def test_it_sends_the_keys_in_headers_and_the_parameters_as_a_form(run, telling):
    done = run("streets", "name=长宁 区&=x", "n__ge=1", told=success([{"name": "长宁"}]))

    assert (done.returncode, json.loads(done.stdout)["DATA"]) == (0, [{"name": "长宁"}])
    assert TRACE in done.stderr
    assert telling.path == "/streets"
    assert (telling.headers["x-unit-key"], telling.headers["x-method-key"]) == (UNIT_KEY, METHOD_KEY)
    assert parse_qs(telling.body.decode()) == {"name": ["长宁 区&=x"], "n__ge": ["1"]}


def test_what_does_not_agree_with_its_digest_is_not_shown(run):
    changed = answer(success([1]).content.replace(b"1]", b"2]"), Content_Digest=success([1]).headers["content-digest"])
    done = run("streets", told=changed)
    assert (done.returncode, done.stdout) == (3, "")
    assert "Content-Digest" in done.stderr


def test_what_has_no_digest_is_not_shown(run):
    told = success([1])
    del told.headers["content-digest"]
    assert run("streets", told=told).returncode == 3


@pytest.mark.parametrize(
    ("told", "code", "shown"),
    [
        (failure("206"), 1, '"206"'),
        (answer(b"", 429), 1, ""),
        (away(X_Reason="store", Retry_After="1"), 3, ""),
    ],
)
def test_it_ends_with_the_code_that_it_says(run, told, code, shown):
    done = run("streets", told=told)
    assert done.returncode == code
    assert shown in done.stdout
    assert UNIT_KEY not in done.stdout + done.stderr


def test_where_nobody_answers_it_says_so(run):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        done = run("streets", told=success([]), SHUQIAO_GATEWAY=f"http://127.0.0.1:{held.getsockname()[1]}")
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize(
    ("arguments", "more"), [([], {}), (["streets", "a"], {}), (["streets"], {"SHUQIAO_UNIT_KEY": ""})]
)
def test_a_mistake_in_use_sends_nothing(run, telling, arguments, more):
    done = run(*arguments, told=success([]), **more)
    assert (done.returncode, done.stdout, telling.path) == (2, "", "")
