from __future__ import annotations

import os
import socket

import pytest
from wire.guard import Egress, loopback_only
from wire.loopback import Fault, Stub


def caught_connection() -> list[str]:
    """What a client library does: it takes the refusal for an outage."""
    with loopback_only() as denied:
        with pytest.raises(Egress):
            socket.create_connection(("192.0.2.1", 80))
        noted = list(denied)
        denied.clear()
    return noted


def caught_lookup() -> None:
    with loopback_only():
        assert socket.getaddrinfo("localhost", 80)
        with pytest.raises(Egress, match=r"egress denied: example\.org"):
            socket.getaddrinfo("example.org", 443)


def test_a_host_beyond_the_loopback_is_refused_and_noted() -> None:
    assert caught_connection() == ["192.0.2.1"]


def test_a_name_is_not_even_looked_up_and_a_caught_refusal_fails_the_test() -> None:
    with pytest.raises(AssertionError, match=r"beyond the loopback were asked for: \['example\.org'\]"):
        caught_lookup()


def test_proxies_of_the_machine_are_taken_away_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    with loopback_only():
        assert "HTTPS_PROXY" not in os.environ
    assert os.environ["HTTPS_PROXY"] == "http://proxy.example.org:3128"


def test_faults_meet_the_next_requests_on_their_path_and_no_others(stub: Stub) -> None:
    stub.fail_next(Fault.EMPTY, 2, path="/bars", skip=1)
    for path in ("/bars", "/crumb", "/bars", "/bars/SPY", "/bars"):
        with socket.create_connection(("127.0.0.1", stub.port)) as line:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            while line.recv(4096):
                pass
    faults = [request.fault for request in stub.asked()]
    assert faults == [None, None, Fault.EMPTY, Fault.EMPTY, None]
    assert [request.path for request in stub.asked("/crumb")] == ["/crumb"]
