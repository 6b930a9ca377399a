"""Commands that reach a source: through FRED's own client to a service on the loopback, every other host denied."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wire.guard import loopback_only
from wire.loopback import Fault, Reply, Request, Stub

from tradeterm.cli.commands.init import write_workspace
from tradeterm.cli.diagnostics import run
from tradeterm.core.market import AssetClass, BarKey, Timeframe
from tradeterm.core.time import iso
from tradeterm.data.sources import probing
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger

Run = Callable[..., tuple[int, dict[str, Any]]]
KEY = "0123456789abcdef0123456789abcdef"
SERIES = "GACDFSA066MSFRBPHI"
PATH = "/fred/series/observations"
# Each month is published on its third Thursday and, but for the newest, revised a month later.
PUBLISHED = [
    ("2024-01-01", "2024-01-18", -10.6),
    ("2024-01-01", "2024-02-15", -10.4),
    ("2024-02-01", "2024-02-15", 5.2),
    ("2024-02-01", "2024-03-21", 5.0),
    ("2024-03-01", "2024-03-21", 3.2),
]
MONTHLY = BarKey(AssetClass.MACRO, "PHILLY_FED", Timeframe.MONTHLY)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """FRED's JSON route; ``rows`` of it may be changed by the test."""
    with loopback_only(), Stub() as stub:
        rows = list(PUBLISHED)

        def observations(request: Request) -> Reply:
            assert request.query["series_id"] == SERIES
            assert request.query["api_key"] == KEY
            told = [{"date": date, "realtime_start": at, "value": str(value)} for date, at, value in rows]
            return Reply({"count": len(told), "observations": told})

        stub.route(PATH, observations)
        stub.rows = rows  # type: ignore[attr-defined]  # the test's handle on what the service tells
        monkeypatch.setattr("tradeterm.data.sources.fred_client.JSON_URL", stub.url + PATH)
        monkeypatch.setitem(probing.HOSTS, "fred", stub.url + "/")
        yield stub


@pytest.fixture
def tradeterm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    write_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("TRADETERM_WORKSPACE", "TRADETERM_PROFILE", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FRED_API_KEY", KEY)
    quick = ("attempts=1", "read_s=2.0", "connect_s=2.0")

    def called(*words: str) -> tuple[int, dict[str, Any]]:
        sets = [part for item in quick for part in ("--set", f"sources.fred.{item}")]
        code = run([*words, "--profile", "paper", *sets, "--json"])
        captured = capsys.readouterr()
        assert KEY not in captured.out + captured.err
        loaded: dict[str, Any] = json.loads(captured.out) if captured.out else {"error": captured.err}
        return code, loaded

    return called


def stored() -> list[tuple[str, float]]:
    bars = BarStore(Path("data")).read(MONTHLY)
    days = (bars.known_at // 86_400_000_000_000).astype("datetime64[D]").astype(str)
    return list(zip(days.tolist(), bars.close.tolist(), strict=True))


def test_a_series_comes_with_its_vintages_and_a_second_update_brings_nothing(service: Stub, tradeterm: Run) -> None:
    code, first = tradeterm("data", "download", "PHILLY_FED", "--asof", "2024-04-01")
    assert code == 0
    (item,) = first["items"]
    assert (item["source"], item["state"], item["added"], item["restated"]) == ("fred", "ok", 5, 0)
    assert stored() == [(at, value) for _, at, value in PUBLISHED]
    code, second = tradeterm("data", "update", "PHILLY_FED", "--asof", "2024-04-01")
    assert (code, second["items"][0]["added"], second["missing"]) == (0, 0, [])
    assert len(service.asked(PATH)) == 2


def test_a_changed_past_is_recorded_and_shown_and_what_was_known_stays(service: Stub, tradeterm: Run) -> None:
    tradeterm("data", "update", "PHILLY_FED", "--asof", "2024-04-01")
    service.rows[-1] = ("2024-03-01", "2024-03-21", 4.4)  # type: ignore[attr-defined]  # as above
    _, report = tradeterm("data", "update", "PHILLY_FED", "--asof", "2024-04-01")
    assert report["items"][0]["restated"] == 1
    assert [value for _, value in stored()][-2:] == [3.2, 4.4]
    with Ledger.reader(Path("results")) as ledger:
        (fact,) = ledger.facts("restatement")
    assert (fact.payload["source"], fact.payload["before"][3], fact.payload["after"][3]) == ("fred", 3.2, 4.4)
    _, status = tradeterm("data", "status")
    row = next(item for item in status["series"] if item["symbol"] == "PHILLY_FED")
    assert (row["restated"], status["restated"]) == (1, 1)


def test_a_service_that_fails_is_told_and_the_command_ends_with_4(service: Stub, tradeterm: Run) -> None:
    service.fail_next(Fault.ERROR_503, 1, path=PATH)
    code, report = tradeterm("data", "update", "PHILLY_FED", "--asof", "2024-04-01")
    assert (code, report["ok"], report["missing"]) == (4, False, ["PHILLY_FED monthly"])
    (tried,) = report["items"][0]["tries"]
    assert tried["source"] == "fred"
    assert "HTTP 503" in tried["error"]


def test_each_update_and_download_leaves_a_fact_of_what_each_source_gave(service: Stub, tradeterm: Run) -> None:
    tradeterm("data", "download", "PHILLY_FED", "--asof", "2024-04-01")
    service.fail_next(Fault.ERROR_503, 1, path=PATH)
    tradeterm("data", "update", "PHILLY_FED", "--asof", "2024-04-01")
    with Ledger.reader(Path("results")) as ledger:
        first, second = ledger.facts("refresh")
    assert [fact.key.partition("|")[2] for fact in (first, second)] == ["download", "update"]
    assert (first.payload["command"], first.payload["asof"], first.payload["profile"]) == (
        "download",
        "2024-04-02T00:00:00Z",
        "paper",
    )
    assert first.payload["items"] == [
        {
            "bars": "PHILLY_FED monthly",
            "source": "fred",
            "state": "ok",
            "added": 5,
            "restated": 0,
            "tries": [],
            "error": None,
        }
    ]
    (failed,) = second.payload["items"]
    assert (failed["state"], failed["tries"][0]["source"]) == ("failed", "fred")
    assert "HTTP 503" in failed["error"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["PHILLY"], "PHILLY is not in universe.instruments; did you mean 'PHILLY_FED'?"),
        (["SPY", "--source", "kraken"], "SPY has no source 'kraken'; its sources are yahoo, alpaca"),
        (["--source", "sample"], "source 'sample' serves no symbol"),
        (["--since", "someday"], "'someday' is no date"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_one_line(tradeterm: Run, words: list[str], expected: str) -> None:
    code, answer = tradeterm("data", "update", *words)
    assert code == 2
    assert expected in answer["error"]
    assert answer["error"].count("\n") == 1


def checks(tradeterm: Run, *words: str) -> dict[str, Any]:
    _, found = tradeterm("doctor", *words)
    return {check["what"]: check for check in found["checks"]}


def test_the_doctor_knows_each_source_and_asks_none_of_them_unasked(service: Stub, tradeterm: Run) -> None:
    found = checks(tradeterm)
    assert found["fred key"]["ok"] is True
    assert found["yahoo key"]["found"] == "needs none"
    # Another source serves the equities as well.
    assert found["alpaca key"]["ok"] is None
    assert "ALPACA_SECRET_KEY" in found["alpaca key"]["found"]
    assert found["fred last success"]["found"].startswith("none recorded")
    assert service.asked() == []


def test_a_source_without_its_key_is_broken_where_nothing_else_serves(tradeterm: Run) -> None:
    found = checks(tradeterm, "--set", "universe.instruments.SPY.source=alpaca")
    assert found["alpaca key"]["ok"] is False


def test_the_last_success_is_that_of_the_newest_refresh(tradeterm: Run) -> None:
    outputs = {
        "bars": [{"bars": "VIX daily", "source": "yahoo"}, {"bars": "T10Y2Y daily", "source": "fred"}],
        "failed": [{"bars": "T10Y2Y daily", "error": "HTTP 503"}],
    }
    with Ledger(Path("results"), clock=lambda: 1_700_006_400_000_000_000) as ledger:
        ledger.append("daily", "d1", {"asof": "2023-11-15T00:00:00Z", "profile": "paper"})
        ledger.append(
            "step", "d1:refresh", {"daily_id": "d1", "step": "refresh", "status": "partial", "outputs": outputs}
        )
    found = checks(tradeterm)
    assert found["yahoo last success"]["found"] == "2023-11-15T00:00:00Z"
    assert found["fred last success"]["found"].startswith("none recorded")


def test_an_update_by_hand_is_a_success_too(service: Stub, tradeterm: Run) -> None:
    tradeterm("data", "update", "PHILLY_FED", "--asof", "2024-04-01")
    with Ledger.reader(Path("results")) as ledger:
        (fact,) = ledger.facts("refresh")
    assert checks(tradeterm)["fred last success"]["found"] == iso(fact.recorded_at)
    _, status = tradeterm("data", "status")
    sources = {row["source"]: row for row in status["sources"]}
    assert sources["fred"] == {
        "source": "fred",
        "tried": iso(fact.recorded_at),
        "success": iso(fact.recorded_at),
        "files": 1,
        "failed": 0,
        "problem": None,
    }
    # Named in the universe, never asked.
    assert (sources["yahoo"]["tried"], sources["yahoo"]["success"]) == (None, None)


def test_the_doctor_tells_what_it_did_not_ask(tradeterm: Run) -> None:
    assert "--online" in checks(tradeterm)["yahoo reachable"]["found"]
    own = checks(tradeterm, "--set", "universe.instruments.SPY.source=import")
    assert "nothing to ask" in own["import"]["found"]
    assert own["import"]["ok"] is None


def test_online_it_asks_once_and_compares_the_clocks(service: Stub, tradeterm: Run) -> None:
    only_fred = "universe.instruments=[{symbol: PHILLY_FED, asset_class: macro, calendar: XNYS, source: fred}]"
    roles = "universe.roles={equity: null, volatility: null, crypto: null, slope: null, activity: PHILLY_FED}"
    found = checks(tradeterm, "--online", "--set", only_fred, "--set", roles)
    assert found["fred reachable"]["ok"] is True
    assert "PHILLY_FED monthly: no newer bar" in found["fred reachable"]["found"]
    assert found["fred clock"]["ok"] is True
    service.fail_next(Fault.ERROR_503, 1, path=PATH)
    found = checks(tradeterm, "--online", "--set", only_fred, "--set", roles)
    assert found["fred reachable"]["ok"] is False
    assert "HTTP 503" in found["fred reachable"]["found"]
