"""The daily run: the whole flow, once; what was killed ends in the same state; what is done is not done twice."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from desks import STOCKED, Bench, copied
from fault.dying import answers

from tradeterm import killfile
from tradeterm.core.errors import FactConflict, LockHeld, SourceDown
from tradeterm.core.market import Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, HOUR_NS, iso
from tradeterm.daily import STEPS, DailyResult, run_daily
from tradeterm.data.crew import Supplier
from tradeterm.data.sources.sample import SampleMarket
from tradeterm.research.plan import open_sources, publication_rules
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger
from tradeterm.store.locks import file_lock

ASOF = STOCKED + 7 * DAY_NS
PRICES = ("open", "high", "low", "close")
SCRIPT = Path(__file__).parent / "fault" / "dying_daily.py"


def daily(bench: Bench, *, asof_ns: int = ASOF, seed: int | None = None) -> DailyResult:
    with bench.ledger() as ledger:
        return run_daily(bench.settings, ledger, asof_ns=asof_ns, seed=seed)


def files(bench: Bench) -> dict[str, bytes]:
    """What lies in the workspace, apart from logs, locks, caches and SQLite's own files."""
    found = {}
    for part in ("data", "results"):
        for path in sorted((bench.root / part).rglob("*")):
            inside = path.relative_to(bench.root).as_posix()
            if (
                path.is_file()
                and "logs/" not in inside
                and ".frames/" not in inside
                # Made from the ledger, whose chain holds when each fact was recorded.
                and "results/scores/" not in inside
                and "ledger" not in path.name
                and "lock" not in path.name
            ):
                found[inside] = path.read_bytes()
    return {name: content for name, content in found.items() if not name.endswith(".index.json")}


@pytest.fixture(scope="module")
def undisturbed_bench(stocked_bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A workspace after one daily run; tests copy it, or only read."""
    bench = copied(stocked_bench, tmp_path_factory.mktemp("undisturbed") / "workspace")
    daily(bench)
    return bench


@pytest.fixture(scope="module")
def undisturbed(undisturbed_bench: Bench) -> tuple[dict, dict]:
    return undisturbed_bench.facts(), files(undisturbed_bench)


@pytest.fixture
def lived(undisturbed_bench: Bench, tmp_path: Path) -> Bench:
    """A workspace of the test's own, after one daily run."""
    return copied(undisturbed_bench, tmp_path / "lived")


def test_the_whole_flow_runs_and_records_each_step(bench: Bench) -> None:
    result = daily(bench)
    assert [step.name for step in result.steps] == list(STEPS)
    assert [step.status for step in result.steps] == ["done", "done", "skipped", "done", "done", "done", "done"]
    assert result.exit_code == 0
    with bench.ledger() as ledger:
        assert [fact.payload["step"] for fact in ledger.facts("step")] == list(STEPS)
        assert len(ledger.facts("signal")) == 6
        assert ledger.verify().ok
    for what, path in result.written:
        if what == "logs":
            continue  # the command sets them up, not the pipeline
        assert (bench.root / path).exists(), path
    page = (bench.root / result.steps[-1].outputs["path"]).read_text()
    assert "SAMPLE: bars are made up" in page
    assert "| EquityTrendModel_v1@1.0.0 | SPY |" in page


def test_the_same_asof_twice_writes_nothing_twice(lived: Bench, undisturbed: tuple[dict, dict]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (lived.root / "data").rglob("*.parquet")}
    again = daily(lived)
    assert all(step.repeated for step in again.steps)
    assert (lived.facts(), files(lived)) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in (lived.root / "data").rglob("*.parquet")} == before


def test_two_workspaces_with_the_same_past_agree_on_every_fact(
    bench: Bench, undisturbed: tuple[dict, dict], tmp_path: Path
) -> None:
    other = copied(bench, tmp_path / "other")
    daily(other)
    assert (other.facts(), files(other)) == undisturbed


@pytest.mark.parametrize("some", [8, pytest.param(60, marks=pytest.mark.long)])
def test_a_kill_anywhere_and_the_same_command_again_end_in_the_same_state(
    bench: Bench, undisturbed: tuple[dict, dict], tmp_path: Path, some: int
) -> None:
    """Killed before and after each kind of write, in every step: renames, syncs and ledger appends."""
    (points,) = answers(SCRIPT, [(0, copied(bench, tmp_path / "counted").root)], iso(ASOF))
    assert points > 60
    chosen = sorted({1, 2, points - 1, points, *range(3, points, max(1, points // some))})
    benches = {number: copied(bench, tmp_path / f"hurt{number}") for number in chosen}
    told = answers(SCRIPT, [(number, hurt.root) for number, hurt in benches.items()], iso(ASOF))
    assert told == [-signal.SIGKILL] * len(chosen)
    for number, hurt in benches.items():
        store = BarStore(hurt.workspace.data)
        assert all(len(store.read(key)) for key in list(store.keys()))
        daily(hurt)
        assert hurt.facts() == undisturbed[0], number
        kept = files(hurt)
        assert {name: kept[name] for name in undisturbed[1]} == undisturbed[1], number
        with Ledger.reader(hurt.workspace.results) as reader:
            assert reader.verify().ok, number


def test_signals_get_their_outcomes_when_their_horizon_has_passed(lived: Bench) -> None:
    for days in (1, 2, 20):
        daily(lived, asof_ns=ASOF + days * DAY_NS)
    with lived.ledger() as ledger:
        outcomes = {fact.key for fact in ledger.facts("outcome")}
        first = [fact for fact in ledger.facts("signal") if fact.payload["ts"] == iso(ASOF)]
        assert {fact.key for fact in first} <= outcomes
        newest = [fact for fact in ledger.facts("signal") if fact.payload["ts"] == iso(ASOF + 20 * DAY_NS)]
        assert newest
        assert not {fact.key for fact in newest} & outcomes


def test_a_second_answer_for_a_signal_is_refused_and_becomes_an_incident(lived: Bench) -> None:
    signals = {key: payload for key, payload in lived.facts().items() if key[0] == "signal"}
    path = lived.workspace.strategies / "equity_trend.py"
    path.write_text(path.read_text().replace("rising / len(panel.symbols)", "~rising / len(panel.symbols)"))
    result = daily(lived)
    assert result.steps[STEPS.index("predict")].status == "partial"
    assert result.exit_code == 4
    assert {key: payload for key, payload in lived.facts().items() if key[0] == "signal"} == signals
    with lived.ledger() as ledger:
        said = [fact.payload["what"] for fact in ledger.facts("incident")]
    assert any("already recorded" in text and "EquityTrendModel_v1" in text for text in said)


def test_a_source_that_fails_for_one_symbol_does_not_stop_the_others(bench: Bench) -> None:
    mixed = bench.with_sets(
        "universe.instruments=["
        "{symbol: SPY, asset_class: equity, calendar: XNYS, source: sample},"
        "{symbol: QQQ, asset_class: equity, calendar: XNYS, source: import},"
        "{symbol: BTC/USDT, asset_class: crypto, calendar: 24/7, source: sample, lot: 0.00001},"
        "{symbol: ETH/USDT, asset_class: crypto, calendar: 24/7, source: sample, lot: 0.0001},"
        "{symbol: VIX, asset_class: macro, calendar: XNYS, source: sample},"
        "{symbol: T10Y2Y, asset_class: macro, calendar: XNYS, source: sample},"
        "{symbol: PMI, asset_class: macro, calendar: XNYS, source: sample}]"
    )
    result = daily(mixed)
    refresh = result.steps[0]
    assert refresh.status == "partial"
    assert [item["bars"] for item in refresh.outputs["failed"]] == ["QQQ 1h"]
    assert result.steps[STEPS.index("predict")].outputs["withheld"] == ["QQQ"]
    assert result.exit_code == 4
    assert [step.status for step in result.steps[3:]] == ["done", "done", "done", "done"]
    with mixed.ledger() as ledger:
        assert ["QQQ" in fact.payload["what"] for fact in ledger.facts("incident")] == [True]
        assert {fact.payload["symbol"] for fact in ledger.facts("signal")} == {"SPY", "BTC/USDT", "ETH/USDT"}
    facts = mixed.facts()
    assert all(step.repeated for step in daily(mixed).steps), "the same failure again is no new attempt"
    assert mixed.facts() == facts


def test_a_failed_refresh_is_tried_again_and_what_it_held_back_is_predicted(bench: Bench) -> None:
    broken = bench.workspace.data / "equities" / "QQQ_1h.parquet"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    first = daily(bench)
    assert (first.exit_code, first.steps[0].status) == (4, "partial")
    broken.write_bytes(whole)
    second = daily(bench)
    assert (second.exit_code, second.steps[0].status) == (0, "done")
    assert second.daily_id != first.daily_id
    with bench.ledger() as ledger:
        assert len(ledger.facts("signal")) == 6
        assert ledger.verify().ok
    third = daily(bench)
    assert third.daily_id == second.daily_id
    assert all(step.repeated for step in third.steps)


def test_bars_that_ended_long_ago_are_said_and_not_acted_on(bench: Bench) -> None:
    idle = bench.with_sets(
        *(f"universe.instruments.{item.symbol}.source=import" for item in bench.settings.config.universe.instruments)
    )
    store = BarStore(bench.workspace.data)
    for key in list(store.keys()):
        meta = store.meta(key)
        source = "import:made.csv" if meta.source == "sample" else meta.source
        extra = {name: "import:made.csv" if value == "sample" else value for name, value in meta.extra.items()}
        store.write(key, store.read(key), replace(meta, source=source, extra=extra))
    result = daily(idle, asof_ns=STOCKED + 30 * DAY_NS)
    assert result.exit_code == 4
    assert "SPY h4" in result.steps[0].outputs["stale"]
    with idle.ledger() as ledger:
        assert ledger.facts("signal") == []
    page = (idle.root / result.steps[-1].outputs["path"]).read_text()
    assert "none: bars overdue by 2" in page
    assert "- SPY h4: bars are overdue" in page


def test_a_daily_run_records_what_a_source_told_differently_and_who_stood_in(bench: Bench) -> None:
    """The first source changes an hour of BTC that a run has read, and has no SPY."""
    daily(bench, asof_ns=STOCKED)
    with bench.ledger() as ledger:
        (before,) = [fact.key for fact in ledger.facts("run")]
    changing = Supplier(make=lambda: Changing(publication_rules(bench.settings.config)))
    with bench.ledger() as ledger:
        sources = open_sources(bench.settings) | {"sample": changing}
        result = run_daily(bench.settings, ledger, asof_ns=ASOF, sources=sources)
        (fact,) = ledger.facts("restatement")
    assert (fact.payload["symbol"], fact.payload["ts"]) == ("BTC/USDT", iso(STOCKED - 3 * HOUR_NS))
    assert fact.payload["after"][4] == pytest.approx(2 * fact.payload["before"][4])
    assert fact.payload["runs"] == [before]
    outputs = result.steps[0].outputs
    assert [item["bars"] for item in outputs["failed"]] == ["SPY 1h"]
    assert [(item["bars"], item["source"]) for item in outputs["tries"]] == [("SPY 1h", "sample")]
    assert result.exit_code == 4


class Changing(SampleMarket):
    """A market that has doubled the volume of one hour, and forgotten a symbol."""

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        if instrument.symbol == "SPY":
            raise SourceDown("sample", "SPY", "HTTP 503")
        bars = super().bars(instrument, timeframe, start_ns, end_ns)
        if instrument.symbol != "BTC/USDT":
            return bars
        return replace(bars, volume=np.where(bars.ts == STOCKED - 3 * HOUR_NS, 2 * bars.volume, bars.volume))


def test_one_daily_at_a_time(bench: Bench) -> None:
    lock = bench.workspace.results / "daily.lock"
    with file_lock(lock, "the daily run", timeout_s=0.0), pytest.raises(LockHeld, match="the daily run is held by"):
        daily(bench)
    assert bench.facts() == {}


def test_a_daily_under_kill_reports_says_so_and_records_the_kill(bench: Bench) -> None:
    killfile.trip(bench.workspace.results, "operator:cli", "drill")
    result = daily(bench)
    assert result.killed is not None
    assert result.exit_code == 0
    assert killfile.latched(bench.workspace.results)
    with bench.ledger() as ledger:
        assert [fact.payload["reason"] for fact in ledger.facts("kill")] == ["drill"]
        assert len(ledger.facts("signal")) == 6


def test_another_seed_is_another_daily_run(bench: Bench) -> None:
    assert daily(bench, seed=1).daily_id != daily(bench, seed=2).daily_id


def test_a_fact_that_is_there_with_another_content_is_never_overwritten(lived: Bench) -> None:
    with lived.ledger() as ledger:
        step = ledger.facts("step")[0]
        with pytest.raises(FactConflict):
            ledger.append("step", step.key, step.payload | {"status": "partial"})
        assert json.dumps(ledger.facts("step")[0].payload) == json.dumps(step.payload)


def restate(bench: Bench, symbol: str, change: Callable[[Bars], Bars]) -> None:
    """Change the stored bars of a series, as a source does that revises its past."""
    store = BarStore(bench.workspace.data)
    for key in list(store.keys()):
        if key.symbol == symbol:
            store.write(key, change(store.read(key)), store.meta(key))


def test_a_macro_series_whose_past_is_revised_changes_no_recorded_transition_and_stops_no_daily_run(
    bench: Bench,
) -> None:
    quiet = bench.with_sets(*(f"universe.instruments.{name}.source=import" for name in ("PMI", "VIX", "T10Y2Y")))
    daily(quiet, asof_ns=STOCKED)
    recorded = {key: payload for key, payload in quiet.facts().items() if key[0] == "regime"}
    assert any(key[1].startswith("macro|") for key in recorded)
    restate(bench, "PMI", lambda bars: replace(bars, **{name: getattr(bars, name) + 0.1 for name in PRICES}))
    daily(quiet, asof_ns=STOCKED + DAY_NS)
    after = {key: payload for key, payload in quiet.facts().items() if key[0] == "regime"}
    assert recorded.items() <= after.items()
    assert all(json.loads(payload)["ts"] > iso(STOCKED) for key, payload in after.items() if key not in recorded)
    with quiet.ledger() as ledger:
        (newest,) = [fact for fact in ledger.facts("regime_state") if fact.payload["asof"] == iso(STOCKED + DAY_NS)]
        assert chain_ends(ledger, newest.key.split("|")[1])["macro"] == newest.payload["axes"]["macro"]["state"]


def chain_ends(ledger: Ledger, judged_by: str) -> dict[str, str]:
    """State in which the recorded transitions of each axis end, once each has begun where the one before ended."""
    ends: dict[str, str] = {}
    changes = [fact.payload for fact in ledger.facts("regime") if fact.payload["judged_by"] == judged_by]
    for change in sorted(changes, key=lambda payload: str(payload["ts"])):
        assert ends.get(change["axis"], change["from"]) == change["from"] != change["to"], change
        ends[change["axis"]] = change["to"]
    return ends


def test_a_restated_past_that_changes_the_present_is_a_transition_at_the_next_decision(bench: Bench) -> None:
    quiet = bench.with_sets("universe.instruments.VIX.source=import")
    daily(quiet, asof_ns=STOCKED)
    restate(bench, "VIX", lambda bars: replace(bars, **{name: np.full(len(bars.ts), 40.0) for name in PRICES}))
    daily(quiet, asof_ns=STOCKED + DAY_NS)
    with quiet.ledger() as ledger:
        before, after = sorted(ledger.facts("regime_state"), key=lambda fact: str(fact.payload["asof"]))
        shown = [fact.payload["axes"]["volatility"]["state"] for fact in (before, after)]
        assert (shown[0] != "HIGH", shown[1]) == (True, "HIGH")
        (news,) = [
            fact.payload
            for fact in ledger.facts("regime")
            if fact.payload["ts"] > iso(STOCKED) and fact.payload["axis"] == "volatility"
        ]
        assert (news["ts"], news["from"], news["to"]) == (iso(STOCKED + 4 * HOUR_NS), shown[0], "HIGH")
        assert chain_ends(ledger, after.key.split("|")[1])["volatility"] == "HIGH"


class WithoutIndex(SampleMarket):
    """A market whose volatility index is down."""

    def bars(self, instrument: Instrument, timeframe: Timeframe, start_ns: int, end_ns: int) -> Bars:
        if instrument.symbol == "VIX":
            raise SourceDown("sample", "VIX", "HTTP 503")
        return super().bars(instrument, timeframe, start_ns, end_ns)


def test_a_second_attempt_at_the_same_instant_may_judge_the_regime_anew(bench: Bench) -> None:
    down = Supplier(make=lambda: WithoutIndex(publication_rules(bench.settings.config)))
    with bench.ledger() as ledger:
        sources = open_sources(bench.settings) | {"sample": down}
        first = run_daily(bench.settings, ledger, asof_ns=ASOF, sources=sources)
    second = daily(bench)
    # The signals are the same answer; the regime as it was seen first stays with them.
    assert (first.exit_code, second.exit_code) == (4, 0)
    with bench.ledger() as ledger:
        assert {fact.payload["regime"]["volatility"] for fact in ledger.facts("signal")} == {"UNKNOWN"}
    with bench.ledger() as ledger:
        keys = [run.steps[STEPS.index("predict")].outputs["regime"] for run in (first, second)]
        facts = [ledger.get("regime_state", key) for key in keys]
        told = [fact.payload["axes"]["volatility"]["status"] for fact in facts if fact is not None]
        assert told == ["unknown", "fresh"]
        assert chain_ends(ledger, keys[0].split("|")[1])["volatility"] == "UNKNOWN"
    daily(bench, asof_ns=ASOF + DAY_NS)
    with bench.ledger() as ledger:
        assert chain_ends(ledger, keys[0].split("|")[1])["volatility"] in ("LOW", "NORMAL", "HIGH")
