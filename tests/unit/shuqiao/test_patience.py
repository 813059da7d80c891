"""Calls are sent again only where nothing can have happened yet, so often and so long, and no longer."""

import socket
import threading

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuqiao import Away, Gateway, Patience
from tests.support.scripted_gateway import METHOD_KEY, UNIT_KEY, away, failure, scripted, success

REFUSED = httpx2.ConnectError("refused")


def call(told, **more):
    with told.gateway(**more) as gateway:
        return gateway.call("streets", METHOD_KEY, {"a": "b"})


@pytest.mark.parametrize("trouble", [REFUSED, httpx2.ConnectTimeout("slow"), away(Retry_After="1")])
def test_where_nothing_was_sent_or_the_platform_asks_for_it_the_same_is_sent_again(trouble):
    told = scripted(trouble, trouble, success([1]))
    assert call(told).data == [1]
    assert len({(request.content, *request.headers.raw) for request in told.seen}) == 1
    assert len(told.seen) == 3


def test_three_tries_and_no_more():
    told = scripted(REFUSED)
    with pytest.raises(Away, match="ConnectError"):
        call(told)
    assert (len(told.seen), told.slept) == (3, [0.2, 0.4])


@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.ReadTimeout("x"),
        httpx2.WriteTimeout("x"),
        httpx2.ReadError("x"),
        httpx2.WriteError("x"),
        httpx2.RemoteProtocolError("x"),
        away(),
        away(Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
        away(Retry_After="-1"),
        away(Retry_After="9" * 400),
    ],
)
def test_what_may_have_reached_the_platform_is_never_sent_again(trouble):
    told = scripted(trouble, success([]))
    with pytest.raises(Away):
        call(told)
    assert (len(told.seen), told.slept) == (1, [])


def test_a_refusal_after_a_503_is_the_answer():
    told = scripted(away(Retry_After="1"), failure("207"), success([]))
    assert call(told).code == "207"
    assert len(told.seen) == 2


def test_why_the_platform_is_away_is_told():
    with pytest.raises(Away, match="overload"):
        call(scripted(away(Retry_After="1", X_Reason="overload")))


def test_one_waits_as_long_as_the_platform_says():
    told = scripted(away(Retry_After="3"), success([]))
    call(told)
    assert told.slept == [3.0]


def test_a_wait_beyond_the_bound_is_not_begun():
    told = scripted(away(Retry_After="11"), success([]))
    with pytest.raises(Away):
        call(told)
    assert (len(told.seen), told.slept) == (1, [])


@given(
    tries=st.integers(1, 20),
    within=st.floats(0.1, 100),
    takes=st.floats(0, 30),
    told=st.lists(st.sampled_from([REFUSED, *(away(Retry_After=str(n)) for n in (0, 1, 7, 60))]), min_size=1),
)
def test_never_more_tries_and_never_a_try_begun_after_the_bound(tries, within, takes, told):
    script = scripted(*told)
    begun = []
    script.takes = takes
    original = script.sleep

    def sleep(seconds):
        original(seconds)
        begun.append(script.now)

    script.sleep = sleep
    with pytest.raises(Away):
        call(script, tries=tries, within=within)
    assert len(script.seen) == 1 + len(script.slept) <= tries
    assert all(at < within for at in begun)
    timeouts = [request.extensions["timeout"]["read"] for request in script.seen]
    assert all(at + given_ <= within + 1e-6 for at, given_ in zip(begun, timeouts[1:], strict=True))


def test_a_port_where_nobody_listens_is_tried_until_somebody_does():
    """A real connection: refused at first, then taken."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        sent = success([1])
        raw = b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + b"".join(
            name + b": " + value + b"\r\n" for name, value in sent.headers.raw
        )
        taken: list[bytes] = []

        def serve():
            with held.accept()[0] as connection:
                taken.append(connection.recv(65536))
                connection.sendall(raw + b"\r\n" + sent.content)

        serving = threading.Thread(target=serve)

        def begin(_seconds):
            if not serving.is_alive():
                held.listen()
                serving.start()

        patience = Patience(sleep=begin)
        with Gateway(f"http://127.0.0.1:{held.getsockname()[1]}", UNIT_KEY, patience=patience) as gateway:
            assert gateway.call("streets", METHOD_KEY).data == [1]
        serving.join()
    assert len(taken) == 1
