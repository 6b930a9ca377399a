"""Answers that never end and answers without measure, below the level of what a service says."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import requests
from wire.adapters import redirected
from wire.case import QUICK
from wire.loopback import Fault, Reply, Stub
from wire.proxy import Authority, ConnectProxy
from wire.yahoo_service import CHART
from wire.yahoo_service import redirected as yahoo_session
from yfinance.data import SingletonMeta

from tradeterm.core.errors import BadAnswer, SourceDown, SourceError
from tradeterm.data.sources.allowance import Allowance, Gathered, limit_transport
from tradeterm.data.sources.session import bound, transport_error
from tradeterm.data.sources.yahoo_client import YahooClient

SOON = replace(QUICK, answer_s=0.25)
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
MB = 1_000_000


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        yield made


class Clock:
    """Time that passes when a test says so: at once, or by a step whenever it is asked for."""

    def __init__(self) -> None:
        self.now, self.step = 1000.0, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_a_read_may_wait_as_long_as_it_would_and_no_longer_than_what_is_left() -> None:
    clock = Clock()
    allowance = Allowance(replace(QUICK, answer_s=60.0), clock=clock)
    assert allowance.wait_s(15.0) == 15.0
    assert allowance.wait_s(None) == 60.0
    clock.now += 50
    assert allowance.wait_s(15.0) == 10.0
    clock.now += 10
    with pytest.raises(TimeoutError):
        allowance.wait_s(15.0)
    allowance.begin()
    assert allowance.wait_s(15.0) == 15.0


def test_an_answer_that_drips_for_hours_ends_at_its_limit() -> None:
    clock = Clock()
    allowance = Allowance(replace(QUICK, answer_s=60.0), clock=clock)
    waits = []
    for _ in range(60):
        # A byte comes each second, long before any limit of silence.
        waits.append(allowance.wait_s(15.0))
        clock.now += 1
    assert waits == [*[15.0] * 46, *map(float, range(14, 0, -1))]
    with pytest.raises(TimeoutError):
        allowance.wait_s(15.0)


def test_a_body_may_grow_to_its_limit() -> None:
    found = Gathered(1)
    assert found.add(b"a" * (MB - 1))
    assert found.add(b"b")
    assert len(found.body) == MB
    assert not found.add(b"c")
    assert not found.add(b"")
    assert (found.too_large, found.body) == (True, b"")


@pytest.fixture
def slow() -> Iterator[Callable[[bytes, bytes], str]]:
    """A service that says something at once, and then one thing over and over until its client hangs up."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def started(first: bytes, then: bytes) -> str:
            def serve() -> None:
                try:
                    while True:
                        client, _ = listener.accept()
                        threading.Thread(target=drip, args=(client, first, then), daemon=True).start()
                except OSError:
                    # The test is over.
                    return

            threading.Thread(target=serve, daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        def drip(client: socket.socket, first: bytes, then: bytes) -> None:
            with client:
                try:
                    client.recv(65536)
                    client.sendall(first)
                    while not over.wait(0.01):
                        client.sendall(then)
                except OSError:
                    return

        yield started
        over.set()


DRIPS = pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(b"", b"H", id="status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", id="headers"),
        pytest.param(HEAD + b"\r\n", b"0", id="length of a chunk"),
        pytest.param(HEAD + b"\r\n1;x=", b"x", id="extension of a chunk"),
        pytest.param(HEAD + b"\r\nFFFF\r\n", b" ", id="chunk"),
        pytest.param(HEAD + b"\r\n", b"1\r\n \r\n", id="chunks"),
        pytest.param(HEAD + b"\r\n0\r\n", b"A: b\r\n", id="trailers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b" ", id="body of a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b" ", id="body without one"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="preliminary answers"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", b" ", id="body of a redirect"),
    ],
)


@DRIPS
def test_wherever_it_drips_a_session_of_requests_ends_in_time(slow, session, first: bytes, then: bytes) -> None:
    bound(session, SOON)
    url, began = slow(first, then), time.monotonic()
    with pytest.raises(requests.RequestException) as caught:
        session.request("GET", url)
    assert time.monotonic() - began < 10 * SOON.answer_s
    found = transport_error("acme", "SPY", caught.value)
    # More than a hundred headers are refused before the time is over.
    assert isinstance(found, SourceDown)
    assert "in time" in str(found) or b"A: b" in then


@DRIPS
def test_wherever_it_drips_a_transport_of_httpx_ends_in_time(slow, first: bytes, then: bytes) -> None:
    allowance = Allowance(SOON)
    transport = httpx.HTTPTransport()
    limit_transport(transport, allowance)
    with httpx.Client(transport=transport, timeout=5.0, trust_env=False) as client:
        began = time.monotonic()
        allowance.begin()
        with pytest.raises(httpx.ReadTimeout):
            client.get(slow(first, then))
        assert time.monotonic() - began < 10 * SOON.answer_s


@DRIPS
def test_wherever_it_drips_a_session_of_curl_ends_in_time(slow, stub: Stub, first: bytes, then: bytes) -> None:
    SingletonMeta._instances.clear()
    url = slow(first, then)
    given = yahoo_session(stub)
    given.request = lambda method, _, **options: type(given).__base__.request(given, method, url, **options)
    client = YahooClient(SOON, given)
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        client.chart("SPY", symbol="SPY", interval="1d", start_ns=0, end_ns=10**18, calendar="XNYS")
    assert time.monotonic() - began < 40 * SOON.answer_s
    assert isinstance(caught.value, SourceDown)


def test_the_time_of_one_answer_is_not_that_of_the_next_on_the_same_connection(stub: Stub, session) -> None:
    clock = Clock()
    bound(session, replace(QUICK, answer_s=60.0), clock=clock)
    stub.route("/", lambda _: Reply({"a": 1}))
    for _ in range(3):
        assert session.request("GET", stub.url).json() == {"a": 1}
        clock.now += 59
    clock.step = 10
    stub.fail_next(Fault.DRIP)
    with pytest.raises(requests.RequestException, match="Read timed out"):
        session.request("GET", stub.url)
    clock.step = 0
    assert session.request("GET", stub.url).json() == {"a": 1}


def test_bodies_that_unpack_without_measure_are_refused_by_every_client(stub: Stub, session) -> None:
    packed = gzip.compress(b" " * (20 * MB), compresslevel=9)
    assert len(packed) < MB
    for path in ("/", CHART):
        stub.route(path, lambda _: Reply(packed, headers={"Content-Encoding": "gzip"}))
    bound(session, replace(QUICK, answer_s=10.0))
    with pytest.raises(requests.RequestException) as caught:
        session.request("GET", stub.url)
    found = transport_error("acme", "SPY", caught.value)
    assert isinstance(found, BadAnswer)
    assert "an answer of more than 1 MB" in str(found)
    SingletonMeta._instances.clear()
    client = YahooClient(replace(QUICK, answer_s=10.0), yahoo_session(stub))
    with pytest.raises(BadAnswer, match="an answer of more than 1 MB"):
        client.chart("SPY", symbol="SPY", interval="1d", start_ns=0, end_ns=10**18, calendar="XNYS")


def test_a_body_that_is_whole_is_unpacked_and_read_as_ever(stub: Stub, session) -> None:
    heard = bound(session, QUICK)
    text = '{"a": "' + "ü" * 10_000 + '"}'
    stub.route("/", lambda _: Reply(gzip.compress(text.encode()), headers={"Content-Encoding": "gzip"}))
    answer = session.request("GET", stub.url)
    assert (heard.status, answer.json()["a"], answer.content) == (200, "ü" * 10_000, text.encode())
    assert b"".join(answer.iter_content(100)) == text.encode()


def test_a_redirect_that_floods_is_refused_and_leads_nowhere(stub: Stub, session) -> None:
    bound(session, QUICK)
    stub.route("/", lambda _: Reply(b" " * (2 * MB), 302, {"Location": "/elsewhere"}))
    with pytest.raises(requests.RequestException, match="more than 1 MB"):
        session.request("GET", stub.url)
    assert [request.path for request in stub.log] == ["/"]


def test_adapters_that_are_mounted_later_are_limited_too(stub: Stub, session) -> None:
    bound(session, SOON)
    for prefix, adapter in redirected({"acme.example": stub.url}).adapters.items():
        session.mount(prefix, adapter)
    stub.fail_next(Fault.DRIP)
    with pytest.raises(requests.RequestException, match="Read timed out"):
        session.request("GET", "https://acme.example/x")


@pytest.mark.parametrize("fault", [Fault.DRIP, Fault.DRIP_HEAD, None])
def test_behind_a_proxy_and_tls_it_is_the_same(tmp_path: Path, session, fault: Fault | None) -> None:
    authority = Authority(tmp_path)
    with Stub(authority.server("acme.example")) as stub, ConnectProxy({"acme.example": stub.port}) as proxy:
        stub.route("/", lambda _: Reply({"a": 1}))
        session.proxies, session.verify = {"https": proxy.url}, str(authority.bundle)
        bound(session, replace(QUICK, connect_s=2.0, answer_s=0.5 if fault else 5.0))
        if fault is None:
            assert session.request("GET", "https://acme.example/x").json() == {"a": 1}
            return
        stub.fail_next(fault)
        with pytest.raises(requests.RequestException, match="Read timed out"):
            session.request("GET", "https://acme.example/x")
