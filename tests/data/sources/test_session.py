from __future__ import annotations

import pytest
import requests
from wire.case import QUICK
from wire.loopback import Fault, Reply

from tradeterm.core.errors import BadAnswer, SourceBusy, SourceDown, SourceRefused
from tradeterm.core.time import from_iso
from tradeterm.data.sources.session import bound, one_line, transport_error


@pytest.fixture
def session():
    with requests.Session() as made:
        made.trust_env = False
        yield made


def failure(session: requests.Session, url: str) -> requests.RequestException:
    with pytest.raises(requests.RequestException) as caught:
        session.request("GET", url)
    return caught.value


def test_every_request_is_bounded_whatever_its_client_asks_for(stub, session):
    bound(session, QUICK)
    stub.route("/", lambda _: Reply({"a": 1}))
    stub.fail_next(Fault.STALLED)
    with pytest.raises(requests.RequestException):
        session.request("GET", stub.url, timeout=None)


def test_a_redirect_is_heard_and_not_followed(stub, session):
    heard = bound(session, QUICK)
    stub.route("/", lambda _: Reply(b"", 307, {"Location": "/elsewhere"}))
    session.request("GET", stub.url, allow_redirects=True)
    assert heard.status == 307
    assert len(stub.log) == 1


def test_what_a_reply_says_is_heard_until_the_next_request(stub, session):
    heard = bound(session, QUICK)
    stub.route("/", lambda _: Reply(b"", 429, {"Retry-After": "11"}))
    session.request("GET", stub.url)
    assert (heard.status, heard.retry_after_s) == (429, 11.0)
    assert heard.date_ns is not None
    assert heard.date_ns > from_iso("2024-01-01")
    stub.fail_next(Fault.RESET)
    failure(session, stub.url)
    assert (heard.status, heard.retry_after_s, heard.date_ns) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "expected"), [(401, SourceRefused), (429, SourceBusy), (503, SourceDown), (302, BadAnswer)]
)
def test_a_status_stands_for_an_error(stub, session, status, expected):
    heard = bound(session, QUICK)
    stub.route("/", lambda _: Reply(b"", status))
    session.request("GET", stub.url)
    found = heard.error("alpaca", "SPY", "no")
    assert type(found) is expected
    assert f"HTTP {status}, no" in str(found)


def test_a_good_status_stands_for_none(stub, session):
    heard = bound(session, QUICK)
    stub.route("/", lambda _: Reply({}))
    assert heard.error("alpaca", "SPY", "") is None
    session.request("GET", stub.url)
    assert heard.error("alpaca", "SPY", "") is None


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (Fault.STALLED, SourceDown, "no whole answer in time"),
        (Fault.TRUNCATED, BadAnswer, "cut short"),
        (Fault.RESET, SourceDown, "the connection failed"),
    ],
)
def test_a_request_without_a_usable_reply_is_an_error_without_its_url(stub, session, fault, expected, words):
    bound(session, QUICK)
    stub.route("/", lambda _: Reply({"a": "b" * 100}))
    stub.fail_next(fault)
    found = transport_error("alpaca", "SPY", failure(session, f"{stub.url}/x?secret=1"))
    assert type(found) is expected
    assert words in str(found)
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("two\nlines  and\tmore", "two lines and more"),
        ("<html><body>Hello</body></html>", "a page of HTML"),
        ("403 Forbidden <html>", "403 Forbidden a page of HTML"),
        ("x" * 200, "x" * 157 + "..."),
        ("", ""),
    ],
)
def test_what_a_service_said_becomes_one_short_line(said, line):
    assert one_line(said) == line
