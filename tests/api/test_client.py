"""The typed client against a real service on this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from tradeterm.client import ApiError, Client, Unreachable
from tradeterm.core.time import DAY_NS

ASOF = datetime(2026, 11, 21, tzinfo=UTC)
TOKEN = "a-token-of-twenty-five-ch"


def test_the_newest_signals_come_typed(client: Client) -> None:
    found = client.predict()
    assert (found.asof, found.partial, found.finished, found.made_up) == (ASOF, False, True, True)
    assert [signal.symbol for signal in found.signals] == ["SPY", "QQQ", "BTC/USDT"]
    first, flat, _ = found.signals
    assert (first.side, first.prob, first.ev, first.sample) == ("long", 0.5625, 0.004, 62)
    assert (first.ts, first.bar) == (ASOF, datetime(2026, 11, 20, 20, tzinfo=UTC))
    assert first.model_version == "Trend_v1@1.0.0"
    assert (flat.side, flat.prob, flat.ev) == ("flat", None, None)
    assert found.steps["train"] == "skipped"


def test_the_whole_history_comes_once_in_pages(client: Client) -> None:
    found = list(client.history(at_once=1))
    assert [signal.symbol for signal, _ in found] == ["BTC/USDT", "QQQ", "SPY", "QQQ"]
    outcome = found[-1][1]
    assert outcome is not None
    assert (outcome.net, outcome.hit) == (0.01, True)
    assert [outcome for _, outcome in found[:-1]] == [None, None, None]
    assert [signal.symbol for signal, _ in client.history(symbol="SPY", at_once=1)] == ["SPY"]


def test_a_walk_is_not_moved_by_what_is_recorded_meanwhile(client: Client, stocked: Any) -> None:
    walk = client.history(at_once=2)
    begun = [next(walk), next(walk)]
    stocked.signal(symbol="GLD")
    rest = list(walk)
    seqs = [signal.seq for signal, _ in (*begun, *rest)]
    assert len(set(seqs)) == 4
    assert seqs == sorted(seqs, reverse=True)


def test_metrics_come_with_their_definitions(client: Client) -> None:
    found = client.metrics()
    assert (found.run_id, found.certificate, found.optimistic) == ("aa84e5948312", True, False)
    assert found.portfolio == {"sharpe": 1.25, "recovery_days": None}
    assert [(item.name, item.budget, item.metrics) for item in found.strategies] == [("Trend_v1", 0.6, {"sharpe": 1.1})]
    assert found.definitions["sharpe"] == "ratio"
    assert client.metrics("aa84e5948312").run_id == "aa84e5948312"
    with pytest.raises(ApiError, match=r"^404 Not Found: no run 'bb' is recorded; "):
        client.metrics("bb")


def test_health_is_read_whatever_it_is(client: Client, stocked: Any) -> None:
    found = client.health()
    assert (found.status, found.killed, found.open_incidents) == ("ok", False, 0)
    assert found.daily is not None
    assert (found.daily.age_hours, found.daily.state, found.daily.data_age_hours) == (6, "done", 11)
    (stocked.workspace.results / "KILL").touch()
    found = client.health()
    assert (found.status, found.killed, found.kill_reason) == ("degraded", True, "")


def test_the_token_is_sent_and_a_wrong_one_is_told(stocked: Any, serving: Any) -> None:
    url = serving(stocked, token=TOKEN)
    with Client(url, token=TOKEN) as good:
        assert good.health().status == "ok"
    for token in (None, "another-token-of-some-length"):
        with Client(url, token=token) as bad, pytest.raises(ApiError, match=r"^401 Unauthorized: the token is missing"):
            bad.predict()


def test_what_has_not_changed_is_not_sent_again(client: Client, stocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    exchange = Client._exchange

    def seen(self: Client, *words: Any) -> Any:
        answer = exchange(self, *words)
        statuses.append(answer[0])
        return answer

    monkeypatch.setattr(Client, "_exchange", seen)
    first = client.predict()
    assert client.predict() == first
    stocked.daily(
        stocked.signal(symbol="GLD", ts_ns=1_795_219_200_000_000_000 + DAY_NS), asof_ns=1_795_305_600_000_000_000
    )
    assert [signal.symbol for signal in client.predict().signals] == ["GLD"]
    assert statuses == [200, 304, 200]


class _Odd(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        place = self.path.rpartition("/")[0]
        if place == "/moved":
            self.send_response(302)
            self.send_header("Location", "/elsewhere/health")
            self.end_headers()
            return
        _Odd.followed |= place == "/elsewhere"
        self.send_response(200)
        self.end_headers()
        self.wfile.write({"/page": b"<html>", "/list": b"[]"}.get(place, b'{"schema": "tradeterm.health.v9"}'))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    followed = False


@pytest.fixture
def odd() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Odd) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("/page", "answered 200 without JSON; is it `tradeterm serve`"),
        ("/list", "answered 200 without JSON"),
        ("/new", r"answers in layout tradeterm\.health\.v9, not tradeterm\.health\.v1"),
        ("/moved", "answered 302 without JSON"),
    ],
)
def test_an_answer_of_another_kind_is_refused_and_no_redirect_followed(odd: str, place: str, told: str) -> None:
    with Client(odd + place, token=TOKEN) as client, pytest.raises(Unreachable, match=told):
        client.health()
    assert not _Odd.followed


def test_nobody_there_is_one_line() -> None:
    with (
        Client("http://127.0.0.1:1") as client,
        pytest.raises(Unreachable, match=r"^http://127\.0\.0\.1:1: no answer \("),
    ):
        client.health()
    with pytest.raises(ValueError, match="is no address of a service"):
        Client("127.0.0.1:8710")


def check(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tradeterm.client", "health", *words]
    return subprocess.run(command, capture_output=True, text=True, env={"TRADETERM_API_URL": url}, check=False)


def test_the_health_check_fails_for_a_dead_service_and_not_for_a_degraded_one(stocked: Any, serving: Any) -> None:
    url = serving(stocked)
    assert (check(url).returncode, check(url).stdout) == (0, "ok\n")
    (stocked.workspace.results / "KILL").touch()
    assert check(url).returncode == 0
    strict = check(url, "--strict")
    assert strict.returncode == 1
    assert strict.stdout.startswith("degraded: kill latched at ")
    dead = check("http://127.0.0.1:1")
    assert dead.returncode == 1
    assert dead.stderr.startswith("error: http://127.0.0.1:1: no answer")
    assert check(url, "--wrong").returncode == 2


def test_the_client_needs_the_standard_library_alone() -> None:
    code = "import sys, tradeterm.client; print(sorted({n.partition('.')[0] for n in sys.modules}))"
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(sorted({n.partition('.')[0] for n in sys.modules}))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    more = set(eval(plain)) - set(eval(bare)) - set(sys.stdlib_module_names)
    assert more == {"tradeterm"}


def test_answers_are_of_one_state_while_somebody_records(stocked: Any, serving: Any) -> None:
    url, stop = serving(stocked), Event()

    def poll() -> set[int]:
        # Only signals are recorded meanwhile, so all other rows are as many in every state.
        others = set()
        with Client(url) as asking:
            while not stop.is_set():
                page = asking.page(limit=500)
                seqs = [signal.seq for signal, _ in page.signals]
                assert seqs == sorted(seqs, reverse=True)
                others.add(page.ledger_seq - len(seqs))
        return others

    with ThreadPoolExecutor(4) as pool:
        polls = [pool.submit(poll) for _ in range(4)]
        with stocked.ledger() as ledger:
            for number in range(40):
                made = stocked.made(symbol=f"S{number}")
                assert ledger.append("signal", made.key, made.payload())
            rows = ledger.tip().seq
        stop.set()
        seen = set.union(*(done.result() for done in polls))
    assert seen == {rows - 44}
