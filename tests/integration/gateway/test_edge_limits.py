"""How much, how slowly and how many at once the server of calls takes (IN-G20, G21, G34, FAULT-40)."""

import asyncio
import contextlib

import psutil
import pytest

from gateway.domain import edge
from gateway.jobs.serving import Limits
from tests.support import edge_server
from tests.support.edge_server import HOST, Plain, is_refused, post
from tests.support.waiting import until as until_now


@pytest.fixture
async def door():
    async with edge_server.opened(Plain()) as made:
        yield made


def long_line(length):
    frame = len("POST / HTTP/1.1")
    return post("/" + "x" * (length - frame))


def headers_of(count, size):
    """So many headers of so many bytes together, the host among them."""
    lines = [f"A{n:02d}: " for n in range(count - 1)]
    used = len("Host: gateway\r\n") + sum(len(line) + 2 for line in lines)
    lines[-1] += "x" * (size - used)
    return post("/x", *lines)


class TestTooMuch:
    async def test_a_request_line_of_8_kib_is_read_and_a_longer_one_is_414(self, door):
        """IN-G20."""
        assert (await door.ask(long_line(edge.MAX_LINE))).status == 200
        await is_refused(door, long_line(edge.MAX_LINE + 1), 414)
        await is_refused(door, long_line(64 * 1024), 414)

    async def test_64_headers_are_read_and_more_are_431(self, door):
        """IN-G34."""
        assert (await door.ask(headers_of(64, 2000))).status == 200
        await is_refused(door, headers_of(65, 2000), 431)
        await is_refused(door, headers_of(200, 5000), 431)

    async def test_headers_of_16_kib_are_read_and_more_are_431(self, door):
        assert (await door.ask(headers_of(10, edge.MAX_HEADER_BYTES))).status == 200
        await is_refused(door, headers_of(10, edge.MAX_HEADER_BYTES + 1), 431)

    async def test_a_header_without_end_is_cut_off(self, door):
        caller = await door.connect()
        await caller.send(b"POST /x HTTP/1.1\r\n" + HOST + b"A: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                await caller.send(b"x" * 4096)
        assert (await caller.answer()).status == 431
        assert [seen.refused for seen in door.app.seen] == [431]

    @pytest.mark.parametrize("opening", [b"1;", b"1\r\na\r\n0\r\nA: "], ids=["an extension", "a trailer"])
    async def test_what_a_body_says_beside_its_bytes_is_bounded_and_so_is_memory(self, door, opening):
        """IN-G21: the parser gathers it, and no byte of the body comes that could be counted."""
        caller = await door.connect()
        await caller.send(post("/x", "Transfer-Encoding: chunked") + opening)
        before = psutil.Process().memory_info().rss
        with contextlib.suppress(ConnectionError):
            for _ in range(512):
                await caller.send(b"x" * 65_536)
        assert psutil.Process().memory_info().rss - before < 5 * 1024 * 1024
        assert (await caller.answer()).status == 400

    async def test_an_answer_reaches_a_caller_that_is_still_sending(self, door):
        """IN-G21: 413 is read although most of the body was never taken; a reset would have overtaken it."""
        caller = await door.connect()
        await caller.send(post("/early", "Content-Length: 4000000"))
        for _ in range(30):
            await caller.send(b"x" * 100_000)
        answer = await caller.answer()
        assert (answer.status, answer.closes) == (413, True)
        assert await caller.rest() == b""


class TestTooSlow:
    async def test_a_head_that_does_not_come_whole_in_time_is_408(self, door, monkeypatch):
        """Slowloris: each byte comes, the head never ends."""
        monkeypatch.setattr(edge, "HEAD_WITHIN", 0.4)
        caller = await door.connect()
        sending = asyncio.create_task(_drip(caller, b"POST /x HTTP/1.1\r\n" + HOST + b"A: " + b"x" * 4000))
        answer = await caller.answer()
        sending.cancel()
        assert (answer.status, answer.body, answer.closes) == (408, b"", True)
        assert [seen.refused for seen in door.app.seen] == [408]

    async def test_the_second_head_of_a_connection_has_no_more_time_than_the_first(self, door, monkeypatch):
        monkeypatch.setattr(edge, "HEAD_WITHIN", 0.4)
        caller = await door.connect()
        await caller.ask(post(body=b"x"))
        await caller.send(post()[:20])
        assert (await caller.answer()).status == 408

    async def test_a_connection_on_which_nothing_comes_is_ended_in_silence(self, door, monkeypatch):
        monkeypatch.setattr(edge, "HEAD_WITHIN", 0.3)
        monkeypatch.setattr(edge, "IDLE_WITHIN", 0.6)
        loop = asyncio.get_running_loop()
        caller = await door.connect()
        assert await caller.rest() == b""
        caller = await door.connect()
        await caller.ask(post())
        began = loop.time()
        assert await caller.rest() == b""
        assert loop.time() - began >= 0.6
        assert [seen.refused for seen in door.app.seen] == [0]

    async def test_empty_lines_keep_no_connection_alive(self, door, monkeypatch):
        monkeypatch.setattr(edge, "HEAD_WITHIN", 0.4)
        caller = await door.connect()
        sending = asyncio.create_task(_drip(caller, b"\r\n" * 2000))
        assert await caller.rest() == b""
        sending.cancel()
        assert door.app.seen == []

    async def test_an_answer_that_is_not_taken_is_cut_off(self, door, monkeypatch):
        """A caller that asks for much and reads nothing holds its memory only so long."""
        monkeypatch.setattr(edge, "TAKEN_WITHIN", 0.4)
        door.app.answer = b"x" * 50_000_000
        caller = await door.connect()
        await caller.send(post())
        await asyncio.to_thread(until_now, lambda: door.app.seen)
        assert door.server.connections == 1
        await asyncio.to_thread(until_now, lambda: door.server.connections == 0)

    async def test_a_request_in_work_is_not_hurried(self, door, monkeypatch):
        for name in ("HEAD_WITHIN", "IDLE_WITHIN", "LINGER"):
            monkeypatch.setattr(edge, name, 0.1)
        caller = await door.connect()
        await caller.send(post("/held", body=b"x"))
        with pytest.raises(TimeoutError):
            await caller.answer(within=1.2)
        await door.app.release()
        assert (await caller.answer()).body == b"x"


async def _drip(caller, raw):
    with contextlib.suppress(ConnectionError):
        for byte in raw:
            await caller.send(bytes([byte]))
            await asyncio.sleep(0.005)


class TestTooMany:
    async def test_connections_beyond_the_limit_are_told_so_and_end(self):
        async with edge_server.opened(Plain(), Limits(connections=4)) as door:
            held = [await door.connect() for _ in range(4)]
            for caller in held:
                await caller.ask(post())
            answer = await door.ask(post())
            assert (answer.status, answer.closes) == (503, True)
            assert door.app.seen[-1].refused == 503
            assert [(await caller.ask(post())).status for caller in held] == [200] * 4
            await held.pop().close()
            await asyncio.to_thread(until_now, lambda: door.server.connections < 5)
            assert (await door.ask(post())).status in {200, 503}

    async def test_far_beyond_the_limit_connections_are_cut_unheard(self):
        async with edge_server.opened(Plain(), Limits(connections=4)) as door:
            most = door.server.server_state.most_connections
            callers = [await door.connect() for _ in range(most + 20)]
            await asyncio.to_thread(until_now, lambda: door.server.server_state.cut == 20)
            assert door.server.connections <= most
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await callers[-1].ask(post())
