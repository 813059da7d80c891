"""What the server of calls takes and refuses, in raw bytes on a real socket (IN-G10, G20, G21, G24, G34, FAULT-40)."""

import asyncio
import contextlib

import pytest

from gateway.domain import edge
from tests.support import edge_server
from tests.support.edge_server import HOST, Plain, is_refused, post
from tests.support.waiting import until as until_now


@pytest.fixture
async def door():
    async with edge_server.opened(Plain()) as made:
        yield made


class TestOrdinaryRequests:
    async def test_a_request_arrives_as_it_was_sent(self, door):
        answer = await door.ask(post("/streets?a=b&c=%20", "X-Operator: 7", body=b"d=e"))
        assert (answer.status, answer.body, answer.closes) == (200, b"d=e", False)
        (seen,) = door.app.seen
        assert (seen.method, seen.path, seen.query, seen.refused) == ("POST", b"/streets", b"a=b&c=%20", 0)
        assert (b"x-operator", b"7") in seen.headers

    async def test_a_connection_serves_one_request_after_the_other(self, door):
        caller = await door.connect()
        for n in range(5):
            assert (await caller.ask(post(body=b"%d" % n))).body == b"%d" % n

    async def test_pipelined_requests_are_answered_in_their_order(self, door):
        caller = await door.connect()
        await caller.send(b"".join(post(body=b"%d" % n) for n in range(10)))
        assert [(await caller.answer()).body for _ in range(10)] == [b"%d" % n for n in range(10)]

    async def test_of_too_many_pipelined_requests_those_taken_are_answered_and_the_connection_ends(self, door):
        caller = await door.connect()
        await caller.send(post("/held", body=b"x") + b"".join(post(body=b"%d" % n) for n in range(200)))
        await door.app.release()
        found = [await caller.answer() for _ in range(edge.MAX_PIPELINED + 1)]
        assert [answer.closes for answer in found] == [False] * edge.MAX_PIPELINED + [True]
        assert await caller.rest() == b""
        assert len(door.app.seen) == edge.MAX_PIPELINED + 1

    async def test_a_request_may_come_in_single_bytes(self, door):
        caller = await door.connect()
        for byte in post("/streets?a=b", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"):
            await caller.send(bytes([byte]))
        assert (await caller.answer()).body == b"abcde"
        assert len(door.app.seen) == 1

    async def test_http_1_0_is_answered_and_its_connection_ended(self, door):
        caller = await door.connect()
        answer = await caller.ask(post(body=b"x", version="1.0"))
        assert (answer.status, answer.body, answer.closes) == (200, b"x", True)
        assert await caller.rest() == b""

    async def test_a_caller_may_close_its_side_before_the_answer(self, door):
        caller = await door.connect()
        await caller.send(post("/held", body=b"x"))
        await asyncio.to_thread(until_now, lambda: door.app.seen)
        caller.writer.write_eof()
        with pytest.raises(TimeoutError):
            await caller.answer(within=0.3)
        await door.app.release()
        assert (await caller.answer()).body == b"x"
        assert await caller.rest() == b""

    async def test_absolute_form_is_an_ordinary_request(self, door):
        await door.ask(post("http://elsewhere/streets?a=b"))
        assert (door.app.seen[0].path, door.app.seen[0].query) == (b"/streets", b"a=b")

    @pytest.mark.parametrize("target", ["//x", "/a;b", "/%2e%2e/x", "/x#y", "*"])
    async def test_a_strange_target_is_passed_on_as_it_is(self, door, target):
        """IN-G9: which service it is, the application decides."""
        assert (await door.ask(post(target))).status == 200
        assert door.app.seen[0].path == target.encode()

    @pytest.mark.parametrize("method", ["GET", "HEAD", "QUERY", "CONNECT", "PROPFIND"])
    async def test_a_known_method_reaches_the_application(self, door, method):
        target = "a:443" if method == "CONNECT" else "/streets"
        caller = await door.connect()
        await caller.send(f"{method} {target} HTTP/1.1\r\n".encode() + HOST + b"Connection: close\r\n\r\n")
        assert (await caller.rest()).startswith(b"HTTP/1.1 200 ")
        assert [(seen.method, seen.refused) for seen in door.app.seen] == [(method, 0)]

    async def test_a_body_is_awaited_with_continue(self, door):
        caller = await door.connect()
        assert (await caller.ask(post("/x", "Expect: 100-continue", "Content-Length: 3"))).status == 100
        assert (await caller.ask(b"abc")).body == b"abc"

    async def test_without_need_of_the_body_there_is_no_continue_and_the_connection_ends(self, door):
        caller = await door.connect()
        answer = await caller.ask(post("/early", "Expect: 100-continue", "Content-Length: 3"))
        assert (answer.status, answer.closes) == (413, True)
        assert await caller.rest() == b""

    @pytest.mark.parametrize(
        ("framing", "body"),
        [
            (["Content-Length: 5"], b"hello"),
            (["Transfer-Encoding: chunked"], b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        ],
    )
    @pytest.mark.parametrize("apart", [False, True])
    async def test_an_offer_of_http_2_is_let_pass_and_its_body_is_a_body(self, door, framing, body, apart):
        """As Java's own client sends it to every new address; the body must not be taken for the next request."""
        head = post("/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA", *framing)
        caller = await door.connect()
        for part in [head, body] if apart else [head + body]:
            await caller.send(part)
        assert (await caller.answer()).body == b"hello"
        assert (await caller.ask(post("/y", body=b"next"))).body == b"next"
        assert [seen.path for seen in door.app.seen] == [b"/x", b"/y"]

    async def test_trailers_say_nothing(self, door):
        raw = post("/x", "Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\nX-Unit-Key: cnu_x\r\n\r\n")
        assert (await door.ask(raw)).body == b"a"
        assert b"x-unit-key" not in dict(door.app.seen[0].headers)


MALFORMED = {
    "an unknown method": b"FOO /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method in lower case": b"post /x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a space in the target": b"POST /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "bytes that are no ASCII in the target": b"POST /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "ends of line without CR": b"POST /x HTTP/1.1\nHost: gateway\n\n",
    "a NUL in a header": b"POST /x HTTP/1.1\r\n" + HOST + b"A: b\0c\r\n\r\n",
    "a CR in a header": b"POST /x HTTP/1.1\r\n" + HOST + b"A: b\rc: d\r\n\r\n",
    "a folded header": b"POST /x HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n",
    "a space before the colon": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length : 3\r\n\r\nabc",
    "a header without a name": b"POST /x HTTP/1.1\r\n" + HOST + b": b\r\n\r\n",
    "no host": b"POST /x HTTP/1.1\r\n\r\n",
    "two hosts": b"POST /x HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "a length and an encoding": post("/x", "Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "an encoding and a length": post("/x", "Transfer-Encoding: chunked", "Content-Length: 3", body=b"0\r\n\r\n"),
    "two equal lengths": post("/x", "Content-Length: 3", "Content-Length: 3", body=b"abc"),
    "two lengths": post("/x", "Content-Length: 3", "Content-Length: 4", body=b"abcd"),
    "two lengths in one": post("/x", "Content-Length: 3, 3", body=b"abc"),
    "a signed length": post("/x", "Content-Length: +3", body=b"abc"),
    "a negative length": post("/x", "Content-Length: -1"),
    "a hexadecimal length": post("/x", "Content-Length: 0x3", body=b"abc"),
    "an endless length": post("/x", "Content-Length: 99999999999999999999999"),
    "another encoding": post("/x", "Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "an encoding beside chunked": post("/x", "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked and then another": post("/x", "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "chunked twice": post("/x", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": post("/x", "Transfer-Encoding: chunked", body=b"0\r\n\r\n", version="1.0"),
}
BAD_CHUNKS = {
    "no number": b"zz\r\n",
    "a chunk that is longer than it says": b"3\r\nabcd\r\n0\r\n\r\n",
    "a size without end": b"fffffffffffffffff\r\n",
    "ends of line without CR": b"3\nabc\n0\n\n",
    "a negative size": b"-1\r\n\r\n",
}


class TestMalformed:
    @pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
    async def test_what_is_malformed_or_ambiguous_is_400_and_the_connection_ends(self, door, raw):
        """IN-G21, G34: nothing that a proxy could have read differently is taken for a request."""
        assert (await is_refused(door, raw, 400)).refused == 400
        assert len(door.app.seen) == 1

    @pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
    async def test_nothing_after_it_is_taken_for_a_request(self, door, raw):
        caller = await door.connect()
        await caller.send(raw + post("/smuggled"))
        await caller.send(post("/smuggled"))
        assert (await caller.rest()).count(b"HTTP/1.1 ") == 1
        assert [seen.path for seen in door.app.seen] == [b""]

    @pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
    async def test_a_malformed_chunk_is_400_of_its_own_request(self, door, chunks):
        seen = await is_refused(door, post("/x", "Transfer-Encoding: chunked", body=chunks), 400)
        assert (seen.path, seen.refused, seen.fault) == (b"/x", 0, 400)
        assert len(door.app.seen) == 1

    async def test_a_refusal_waits_for_the_answers_before_it(self, door):
        """Else the caller would take it for the answer to its first request."""
        caller = await door.connect()
        await caller.send(post("/held", body=b"1") + post("/two", body=b"2") + b"nonsense\r\n\r\n")
        await door.app.release()
        found = [await caller.answer() for _ in range(3)]
        assert [(answer.status, answer.body) for answer in found] == [(200, b"1"), (200, b"2"), (400, b"")]
        assert await caller.rest() == b""

    @pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0"])
    async def test_another_version_is_505(self, door, version):
        assert (await is_refused(door, post(version=version), 505)).refused == 505

    async def test_the_opening_of_http_2_is_505(self, door):
        await is_refused(door, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(30), 505)

    async def test_a_request_without_a_version_is_505(self, door):
        await is_refused(door, b"POST /x\r\n\r\n", 505)

    async def test_a_head_that_breaks_off_is_400_and_a_connection_without_a_byte_is_nothing(self, door):
        caller = await door.connect()
        await caller.send(post()[:-2])
        caller.writer.write_eof()
        assert (await caller.answer()).status == 400
        silent = await door.connect()
        silent.writer.write_eof()
        assert await silent.rest() == b""
        assert [seen.refused for seen in door.app.seen] == [400]

    async def test_a_body_that_breaks_off_is_400(self, door):
        caller = await door.connect()
        await caller.send(post("/x", "Content-Length: 10", body=b"abc"))
        caller.writer.write_eof()
        assert (await caller.answer()).status == 400
        assert [(seen.path, seen.fault) for seen in door.app.seen] == [(b"/x", 400)]


class TestManyRefusals:
    async def test_a_thousand_refusals_leave_nothing_behind(self, door):
        for _ in range(100):
            await asyncio.gather(*(_once(door, raw) for raw in list(MALFORMED.values())[:10]))
        await asyncio.to_thread(until_now, lambda: door.server.connections == 0)
        assert not door.server.server_state.tasks


async def _once(door, raw):
    reader, writer = await asyncio.open_connection("127.0.0.1", door.server.port)
    writer.write(raw)
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    await writer.wait_closed()


async def test_an_application_that_fails_says_nothing_and_ends_its_connection():
    async def broken(scope, receive, send):
        raise RuntimeError("cnu_secret")

    async with edge_server.opened(broken) as door:
        caller = await door.connect()
        await caller.send(post())
        with contextlib.suppress(ConnectionResetError):
            assert await caller.rest() == b""


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: b", b"a\nb", b"a\rb"])
async def test_no_header_of_an_answer_can_hold_another(value):
    async def careless(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", value)]})
        await send({"type": "http.response.body", "body": b""})

    async with edge_server.opened(careless) as door:
        caller = await door.connect()
        await caller.send(post())
        with contextlib.suppress(ConnectionResetError):
            assert await caller.rest() == b""
