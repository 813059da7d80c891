"""The HTTP edge: bodies are bounded, whatever length they name."""

import asyncio

import pytest

from common import http

pytestmark = pytest.mark.usefixtures("logged")


async def pieces(total: int, size: int = 65_536):
    sent = 0
    while sent < total:
        yield b"x" * min(size, total - sent)
        sent += size


async def test_a_body_of_the_limit_passes_with_its_length_named_and_without(client):
    named = await client.post("/raw", content=b"x" * http.MAX_BODY)
    chunked = await client.post("/raw", content=pieces(http.MAX_BODY))
    assert (named.status_code, named.json()) == (200, http.MAX_BODY)
    assert (chunked.status_code, chunked.json()) == (200, http.MAX_BODY)


async def test_one_byte_more_is_refused_with_its_length_named_and_without(client):
    # IN-G21 for the control plane: the length that is named is not trusted, the bytes that come are counted.
    for answer in (
        await client.post("/raw", content=b"x" * (http.MAX_BODY + 1)),
        await client.post("/raw", content=pieces(http.MAX_BODY + 1)),
        await client.post("/raw", content=pieces(http.MAX_BODY + 1), headers={"content-length": "1"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("length", ["1048577", "-1", "1e3", "x", "9" * 5000, "", "1 1"])
async def test_a_length_that_is_too_large_or_no_number_is_refused_before_anything_is_read(app, length):
    read = []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    answer = await _call(app, [(b"content-length", length.encode())], receive)
    assert answer["status"] in {400, 413}
    assert read == []


async def test_a_body_without_end_is_not_read_to_its_end(app):
    read = 0

    async def receive():
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    answer = await asyncio.wait_for(_call(app, [(b"content-type", b"application/json")], receive), 10)
    assert answer["status"] == 413
    assert read <= http.MAX_BODY // 65_536 + 1


async def _call(app, headers, receive):
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/things",
        "raw_path": b"/things",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "server": ("probe", 80),
        "client": ("127.0.0.1", 1),
    }
    sent = []

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]
