"""One of each read model, as of a fixed instant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe
from tradeterm.core.scores import Bin, Decay, Group, Month, Score
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, from_iso
from tradeterm.data.quarantine import QuarantinedRow
from tradeterm.engine.benchmark import RELATIONS
from tradeterm.engine.explain import AxisState as Axis4
from tradeterm.engine.explain import Decided, Rule, explain
from tradeterm.research.performance import (
    Benchmark,
    ByState,
    Performance,
    PeriodReturn,
    StrategyCurve,
    Trip,
)
from tradeterm.views.board import BoardView, Check, StrategyRow
from tradeterm.views.book import BookView, Cut, LadderState, LimitUse, Position, Share
from tradeterm.views.candles import Shown
from tradeterm.views.comparison import ComparisonView, Difference, Measure
from tradeterm.views.data import DataView
from tradeterm.views.orders import NO_SESSION, OrdersView
from tradeterm.views.performance import PerformanceView
from tradeterm.views.refreshes import SourceRow
from tradeterm.views.regime import Axis, Budget, Limit, RegimeView
from tradeterm.views.regime import Change as Turn
from tradeterm.views.runs import Audited, Certified, Point, RunRow, RunsView, RunView, Stressed, Trade
from tradeterm.views.series import Action, ActionsDetail, Change, FileDetail, Gap, Piece, Provenance, SeriesView
from tradeterm.views.signals import HitRate, OutcomesView, SignalRow, SignalsView
from tradeterm.views.status import AxisState, StatusView
from tradeterm.views.stored import SeriesRow
from tradeterm.views.why import Fill, OrderFate, Read, WhyView

NOW = from_iso("2026-11-21T01:45:51Z")
ASOF = from_iso("2026-11-21T00:00:00Z")


def series(symbol: str, asset_class: str, timeframe: str, **changes: Any) -> SeriesRow:
    values: dict[str, Any] = {
        "symbol": symbol,
        "asset_class": asset_class,
        "timeframe": timeframe,
        "source": "sample" if timeframe == "1h" or asset_class == "macro" else "derived:1h",
        "sample": True,
        "rows": 12_345,
        "first_ns": from_iso("2017-01-03"),
        "last_ns": from_iso("2026-11-20T20:00:00Z"),
        "known_ns": from_iso("2026-11-20T21:00:00Z"),
        "due_ns": from_iso("2026-11-23T21:00:00Z"),
        "late_hours": 0,
        "gaps": 0,
        "quarantined": 0,
        "restated": 0,
        "state": "ok",
        "problem": None,
    }
    return SeriesRow(**(values | changes))


DATA = DataView(
    series=(
        series("SPY", "equity", "1h"),
        series("SPY", "equity", "h4"),
        series("QQQ", "equity", "h4"),
        series("BTC/USDT", "crypto", "h4", gaps=2),
        series("ETH/USDT", "crypto", "h4"),
        series(
            "VIX",
            "macro",
            "daily",
            source="import:vix.csv",
            sample=False,
            late_hours=26,
            state="LATE",
            last_ns=from_iso("2026-11-19"),
            source_problem="file is gone",
        ),
        series("T10Y2Y", "macro", "daily"),
        series("PMI", "macro", "monthly", quarantined=2, last_ns=from_iso("2026-10-01")),
    ),
    sources=(
        SourceRow(
            source="sample",
            tried_ns=from_iso("2026-11-21T00:05:11Z"),
            success_ns=from_iso("2026-11-21T00:05:11Z"),
            files=8,
            failed=0,
            problem=None,
        ),
        SourceRow(
            source="import",
            tried_ns=from_iso("2026-11-21T00:05:20Z"),
            success_ns=from_iso("2026-11-14T00:05:20Z"),
            files=0,
            failed=1,
            problem="file is gone",
        ),
    ),
    ok=7,
    late=1,
    bad=0,
    gaps=2,
    quarantined=2,
    restated=0,
)


# The detail of BTC/USDT h4: gaps, changes in the hours that it is built from, rejected rows, two sources.
KEY = BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.H4)
CHANGED = {
    "timeframe": "1h",
    "ts_ns": from_iso("2026-11-18T14:00:00Z"),
    "found_ns": from_iso("2026-11-20T00:05:11Z"),
    "source": "binance",
    "runs": ("a41f00aa11bb", "9c0200aa11bb"),
}
DETAIL = SeriesView(
    symbol="BTC/USDT",
    files=(
        FileDetail(
            row=next(row for row in DATA.series if row.symbol == "BTC/USDT"),
            gap_bars=5,
            gaps=(
                Gap(from_ns=from_iso("2024-03-01T04:00:00Z"), to_ns=from_iso("2024-03-02T00:00:00Z"), bars=6),
                Gap(from_ns=from_iso("2018-02-08T00:00:00Z"), to_ns=from_iso("2018-02-09T16:00:00Z"), bars=11),
            ),
            scattered=3,
            restatements=(
                Change(field="close", before=97_210.0, after=97_210.5, **CHANGED),
                Change(field="volume", before=1234.5678, after=1240.25, **CHANGED),
            ),
            quarantined=(
                QuarantinedRow(
                    file="btc.csv",
                    line=4711,
                    rule="ohlc-consistency",
                    detail="high is not the highest or low not the lowest of the bar",
                    raw="2024-02-29T23:00:00Z,61000.0,60900.0,60850.0,61100.0,12.5",
                    found_at_ns=from_iso("2026-11-19"),
                ),
            ),
            provenance=Provenance(
                path="data/crypto/BTC-USDT_h4.parquet",
                size_bytes=1_270_734,
                written_ns=from_iso("2026-11-21T00:05:11Z"),
                source="derived:1h",
                origin="kraken",
                derived_from=("1h",),
                pieces=(
                    Piece(source="binance", from_ns=from_iso("2017-08-17T04:00:00Z")),
                    Piece(source="kraken", from_ns=from_iso("2026-11-19T08:00:00Z")),
                ),
                note="volume of one venue alone",
                adjustment="none",
                calendar="24/7",
                fingerprint="7b023da807532b6ff98bbfb9fcc1182b",
            ),
        ),
    ),
    actions=ActionsDetail(
        source="yahoo",
        asked_from_ns=0,
        asked_until_ns=from_iso("2026-11-21"),
        events=(Action(ex_ns=from_iso("2026-06-19"), kind="dividend", value=1.75),),
        restatements=(),
        problem=None,
    ),
)


def shown_bars(count: int = 12_345, *, flat: bool = False) -> Shown:
    """Bars of four hours in waves, some rising, some falling; flat ones have one value each."""
    places = np.arange(count)
    close = 90_000.0 + 8_000.0 * np.sin(places / 11.0) + 900.0 * np.sin(places * 1.7)
    opened = close if flat else np.concatenate((close[:1], close[:-1]))
    reach = 0.0 if flat else 300.0 + 250.0 * np.cos(places * 0.9)
    ts = from_iso("2026-11-20T20:00:00Z") - H4_NS * places[::-1]
    return Shown(
        Bars(
            ts=ts,
            open=opened,
            high=np.maximum(opened, close) + reach,
            low=np.minimum(opened, close) - reach,
            close=close,
            volume=np.full(count, np.nan) if flat else 1000.0 + 600.0 * np.sin(places / 5.0),
            known_at=ts + H4_NS,
        )
    )


def run_row(run_id: str, name: str, **changes: Any) -> RunRow:
    values: dict[str, Any] = {
        "run_id": run_id,
        "name": name,
        "kind": "backtest",
        "profile": "sample",
        "timeframe": "h4",
        "fill": "next_open",
        "start_ns": from_iso("2018-01-01"),
        "end_ns": ASOF,
        "strategies": ("EquityTrendModel_v1", "CryptoMomentumModel_v1"),
        "versions": ("1.0.0", "1.0.0"),
        "recorded_ns": ASOF,
        "sharpe": 1.21,
        "sortino": 1.8,
        "cagr": 0.112,
        "max_drawdown": -0.17,
        "total_return": 1.31,
        "volatility": 0.093,
        "win_rate": 0.54,
        "trades": 214.0,
        "exposure": 0.36,
        "turnover": 3.6,
        "bps_score": 0.71,
        "bps_robust": 61.2,
        "certificate": Certified(
            ok=True,
            checked=160,
            decisions=19_477,
            coverage="a sample",
            audit=Audited(ok=True, fills=412, residual=4e-16),
        ),
        "ladder": "NORMAL",
        "sample": True,
    }
    return RunRow(**(values | changes))


RUNS = RunsView(
    runs=(
        run_row("a41f00aa11bb", "daily snapshot", kind="snapshot"),
        run_row("9c0200aa11bb", "tight limits", cagr=0.061, sharpe=0.94, max_drawdown=-0.11, bps_score=0.55),
        run_row(
            "77de00aa11bb",
            "peeks ahead",
            cagr=None,
            sharpe=None,
            max_drawdown=None,
            bps_score=None,
            trades=None,
            certificate=Certified(ok=False, checked=160, decisions=19_477, coverage="a sample", audit=None),
        ),
    ),
    total=3,
)


def points(count: int) -> tuple[Point, ...]:
    """A NAV that rises in waves, and its drawdown."""
    found, peak = [], 0.0
    for day in range(count):
        nav = 100_000.0 * (1.0 + day / 400 + 0.06 * math.sin(day / 9))
        peak = max(peak, nav)
        found.append(Point(ts_ns=ASOF - (count - day) * DAY_NS, nav=nav, drawdown=nav / peak - 1.0))
    return tuple(found)


RUN = RunView(
    row=RUNS.runs[0],
    metrics={"total_return": 1.31, "cagr": 0.112, "sharpe": 1.21, "max_drawdown": -0.17, "trades": 214},
    strategies={"EquityTrendModel_v1": {"total_return": 0.8, "sharpe": 1.1, "trades": 120}},
    stress=(
        Stressed(scenario="as run", total_return=1.31, cagr=0.112, sharpe=1.21, max_drawdown=-0.17),
        Stressed(scenario="costs x 2", total_return=1.02, cagr=0.094, sharpe=1.03, max_drawdown=-0.18),
        Stressed(scenario="best asset dropped", total_return=None, cagr=None, sharpe=None, max_drawdown=None),
    ),
    failures=(),
    points=points(400),
    trades=(
        Trade(
            ts_ns=ASOF - 4 * HOUR_NS,
            at_ns=ASOF - 3 * HOUR_NS,
            symbol="SPY",
            side="BUY",
            quantity=12.0,
            price=589.1,
            notional=7069.2,
            fee=0.71,
            slippage=1.41,
        ),
    ),
    fills=1,
)


def by_state(axis: str, state: str, owner: str, n: int, mean: float | None) -> ByState:
    known = mean is not None
    return ByState(
        axis=axis,
        state=state,
        owner=owner,
        n=n,
        share=n / 399,
        mean=mean,
        mean_interval=(mean - 3e-4, mean + 3e-4) if mean is not None else None,
        annual=0.1 if known else None,
        sharpe=1.1 if known else None,
        sharpe_interval=(-0.2, 2.4) if known else None,
    )


def performance() -> Performance:
    """A run of 399 days in two models, beside a benchmark that grew steadily."""
    made = points(400)
    nav = tuple(point.nav for point in made)
    models = ("EquityTrendModel_v1", "CryptoMomentumModel_v1")
    states = (("equity", "BULL", 300, 3.2e-4), ("equity", "BEAR", 86, -1.1e-4), ("equity", "NEUTRAL", 13, None))
    trips = [
        Trip(
            owner=owner,
            symbol="SPY",
            side="LONG",
            entry_ns=ASOF - (40 - 2 * place) * DAY_NS,
            exit_ns=ASOF - (39 - 2 * place) * DAY_NS if place < 19 else ASOF,
            quantity=12.0,
            entry_price=580.0,
            exit_price=580.0 + 3.0 * (place % 5 - 1),
            gross=36.0 * (place % 5 - 1),
            cost=2.12,
            net=36.0 * (place % 5 - 1) - 2.12,
            share=(36.0 * (place % 5 - 1) - 2.12) / 6960.0,
            bars=6,
        )
        for owner in ("portfolio", models[0])
        for place in range(20)
    ]
    return Performance(
        run_id="a41f00aa11bb",
        periods_per_year=365,
        ts_ns=tuple(point.ts_ns for point in made),
        nav=nav,
        interest=(0.0,) * 400,
        drawdown=tuple(point.drawdown for point in made),
        gross=(None, *(0.5 + 0.2 * math.sin(day / 20) for day in range(399))),
        net=(None, *(0.5 + 0.2 * math.sin(day / 20) for day in range(399))),
        turnover=(0.0, *(0.01 + 0.01 * math.cos(day / 7) for day in range(399))),
        rolling_sharpe=(*(None,) * 182, *(1.0 + math.sin(day / 30) for day in range(218))),
        rolling_days=182,
        metrics=RUN_METRICS,
        strategy_metrics={name: RUN_METRICS | {"sharpe": 0.9} for name in models},
        strategies=tuple(
            StrategyCurve(
                name=name,
                pnl=tuple(part * (value - nav[0]) for value in nav),
                gross=tuple(part * 0.6 for _ in nav),
                turnover=tuple(part * 0.01 for _ in nav),
            )
            for name, part in zip(models, (0.7, 0.3), strict=True)
        ),
        benchmarks=(
            Benchmark(
                key="benchmark",
                name="buy and hold of SPY",
                nav=tuple(100_000.0 * (1.0 + day / 1000) for day in range(400)),
                metrics={"cagr": 0.09, "sharpe": 0.6, "max_drawdown": -0.24} | dict.fromkeys(RELATIONS, 0.5),
            ),
        ),
        months=tuple(
            PeriodReturn(year=2025 + month // 12, month=month % 12 + 1, value=0.03 * math.sin(month))
            for month in range(9, 23)
        ),
        years=(PeriodReturn(year=2025, month=None, value=0.021), PeriodReturn(year=2026, month=None, value=-0.012)),
        trips=tuple(trips),
        regimes=tuple(by_state(*row[:2], owner, *row[2:]) for owner in ("portfolio", *models) for row in states),
        stress=({"scenario": "as it was", "sharpe": 1.21}, {"scenario": "costs x 3", "sharpe": 0.84}),
        assumptions=("market orders fill at the bar's open, without market impact",),
        conventions={"sharpe": "ratio; mean(r) / std(r) * sqrt(365)", "interval": "95 %, blocks of days"},
    )


RUN_METRICS = {"total_return": 1.31, "cagr": 0.112, "sharpe": 1.21, "max_drawdown": -0.17, "trades": 214}
PERFORMANCE = PerformanceView(row=RUNS.runs[0], performance=performance())
COMPARISON = ComparisonView(
    runs=RUNS.runs[:2],
    metrics=(Measure(name="sharpe", values=(1.21, 0.94)), Measure(name="max_drawdown", values=(-0.17, -0.11))),
    common=(Measure(name="sharpe", values=(1.1, 0.9)),),
    common_days=399,
    common_start_ns=ASOF - 400 * DAY_NS,
    common_end_ns=ASOF,
    correlation=((1.0, 0.97), (0.97, 1.0)),
    differences=(Difference(key="system.limits.gross", values=(1.2, 0.5)),),
    note="same window: the 399 days of each run are the same",
)


def position(symbol: str, asset_class: str, target: float, actual: float, strategy: str) -> Position:
    return Position(
        symbol=symbol,
        asset_class=asset_class,
        quantity=52.0,
        mark=589.1,
        target=target,
        actual=actual,
        delta=target - actual,
        order=0.0,
        strategies=(Share(strategy=strategy, before=target, after=target),),
    )


BOOK = BookView(
    origin="simulated",
    run_id="a41f00aa11bb",
    profile="sample",
    sample=True,
    asof_ns=ASOF,
    age_hours=1,
    certified=True,
    nav=101_234.55,
    cash=36_039.5,
    gross=0.644,
    day_change=-0.0042,
    residual=0.0,
    positions=(
        position("SPY", "equity", 0.31, 0.303, "EquityTrendModel_v1"),
        position("QQQ", "equity", 0.14, 0.141, "EquityTrendModel_v1"),
        position("BTC/USDT", "crypto", 0.12, 0.121, "CryptoMomentumModel_v1"),
        position("ETH/USDT", "crypto", 0.08, 0.079, "CryptoMomentumModel_v1"),
    ),
    limits=(
        LimitUse(name="gross", now=0.644, cap=1.2, binding=False),
        LimitUse(name="max asset", now=0.303, cap=0.4, binding=False),
        LimitUse(name="class crypto", now=0.2, cap=0.2, binding=True),
        LimitUse(name="drawdown", now=0.012, cap=0.15, binding=False),
    ),
    cuts=(Cut(limit="class crypto", symbol=None, wanted=0.23, cap=0.2, headroom=0.0, passes=0.2),),
    ladder=LadderState(state="NORMAL", drawdown=0.012, peak=102_464.0, derisk_at=0.15, halt_at=0.2, recovery=0.1),
    history=points(31),
)


def axis(name: str, state: str, symbol: str, value: float, **changes: Any) -> Axis:
    values: dict[str, Any] = {
        "axis": name,
        "state": state,
        "last": state,
        "status": "fresh",
        "stale": False,
        "age_hours": 0.0,
        "since_ns": from_iso("2026-10-02"),
        "input": symbol,
        "value": value,
        "reference": 541.0,
    }
    return Axis(**(values | changes))


REGIME = RegimeView(
    asof_ns=ASOF,
    age_hours=1,
    stale=False,
    axes=(
        axis("equity", "BULL", "SPY", 589.1),
        axis("volatility", "NORMAL", "VIX", 18.2, last="LOW", status="unknown", stale=True, age_hours=50.0),
        axis("crypto", "RISK_ON", "BTC/USDT", 97_210.0),
        axis("macro", "EXPANSION", "PMI", 52.1),
    ),
    budgets=(
        Budget(strategy="EquityTrendModel_v1", base=0.6, now=0.6),
        Budget(strategy="IndexMeanReversionModel_v1", base=0.25, now=0.25),
        Budget(strategy="CryptoMomentumModel_v1", base=0.15, now=0.075),
    ),
    limits=(Limit(name="gross", base=1.2, now=0.8), Limit(name="crypto class", base=0.2, now=0.2)),
    changes=(
        Turn(ts_ns=from_iso("2026-11-03T16:00:00Z"), axis="volatility", before="LOW", after="NORMAL", value=16.1),
        Turn(ts_ns=from_iso("2026-10-02T20:00:00Z"), axis="equity", before="NEUTRAL", after="BULL", value=571.0),
    ),
)

BOARD = BoardView(
    strategies=(
        StrategyRow(
            name="EquityTrendModel_v1",
            version="1.0.0",
            file="equity_trend.py",
            content_hash="ab" * 32,
            error=None,
            stage="research",
            budget=0.6,
            gate="candidate",
            evidence="a41f00aa11bb",
            checks=(
                Check(what="Sharpe", need=">= 1", have="1.1", passed=True),
                Check(what="drawdown", need="<= 25%", have="31.0%", passed=False),
                Check(what="round trips", need=">= 20", have="-", passed=None),
            ),
        ),
        StrategyRow(
            name="broken_one",
            version="",
            file="broken_one.py",
            content_hash="cd" * 32,
            error="line 3: NameError: name 'ctx' is not defined",
            stage="research",
            budget=None,
            gate="candidate",
            evidence=None,
            checks=(),
        ),
    ),
    broken=1,
    problem=None,
)

ORDERS = OrdersView(session="none", message=NO_SESSION, kill=None, events=())


def signal(symbol: str, side: str, day: str, **changes: Any) -> SignalRow:
    values: dict[str, Any] = {
        "key": f"{day}|{symbol}",
        "ts_ns": from_iso(day),
        "symbol": symbol,
        "strategy": "EquityTrendModel_v1",
        "model_version": "EquityTrendModel_v1@1.0.0",
        "horizon": 6,
        "side": side,
        "prob": 0.56,
        "ev": 0.0037,
        "sample": 321,
        "replayed": False,
        "matured": False,
        "exit_at_ns": None,
        "gross": None,
        "net": None,
        "hit": None,
        "restated_net": None,
    }
    return SignalRow(**(values | changes))


SIGNALS = SignalsView(
    signals=(
        signal("SPY", "long", "2026-11-21T00:00:00Z"),
        signal("QQQ", "flat", "2026-11-21T00:00:00Z", prob=None, ev=None),
        signal(
            "SPY",
            "long",
            "2026-11-20T00:00:00Z",
            matured=True,
            exit_at_ns=from_iso("2026-11-20T20:00:00Z"),
            net=0.0123,
            hit=True,
        ),
        signal(
            "QQQ",
            "long",
            "2026-11-20T00:00:00Z",
            matured=True,
            exit_at_ns=from_iso("2026-11-20T20:00:00Z"),
            net=-0.004,
            hit=False,
        ),
    ),
    total=4,
    waiting=2,
    rates=(HitRate(strategy="all", rate=0.5, n=2), HitRate(strategy="EquityTrendModel_v1", rate=0.5, n=2)),
)


def status(**changes: Any) -> StatusView:
    values: dict[str, Any] = {
        "workspace": "/desk",
        "mode": "SAMPLE",
        "profile": "sample",
        "sample": True,
        "kill": None,
        "nav": 101_234.55,
        "day_change": -0.0042,
        "drawdown": 0.012,
        "ladder": "NORMAL",
        "snapshot_run_id": "a41f00aa11bb",
        "snapshot_asof_ns": ASOF,
        "snapshot_age_hours": 1,
        "regimes": (
            AxisState(axis="equity", state="BULL", status="fresh", age_hours=0.0, stale=False),
            AxisState(axis="volatility", state="NORMAL", status="unknown", age_hours=50.0, stale=True),
            AxisState(axis="crypto", state="RISK_ON", status="fresh", age_hours=0.0, stale=False),
            AxisState(axis="macro", state="EXPANSION", status="fresh", age_hours=0.0, stale=False),
        ),
        "regimes_asof_ns": ASOF,
        "daily_id": "b83000000000",
        "daily_asof_ns": ASOF,
        "bps_score": 0.71,
        "timeframe": "h4",
        "next_decision_ns": from_iso("2026-11-21T04:00:00Z"),
        "session": "none",
        "heartbeat_ns": None,
        "problem": None,
    }
    return StatusView(**(values | changes))


STATUS = status()

WHY_SYMBOLS = ("SPY", "BTC/USDT", "ETH/USDT")
WHY_AT = from_iso("2026-11-20T16:00:00Z")


def _decided() -> Decided:
    """A decision where crypto asks for more than its class may have."""
    flat, wishes = np.zeros((2, 3)), np.array([[0.6, 0.0, 0.0], [0.0, 0.8, 0.7]])
    budget = np.array([0.54, 0.2])
    return Decided(
        time_ns=WHY_AT,
        strategies=("EquityTrendModel_v1", "CryptoMomentumModel_v1"),
        symbols=WHY_SYMBOLS,
        classes=("crypto", "equity"),
        weights=wishes,
        budget=budget,
        base=np.array([0.6, 0.2]),
        multiplier=np.ones((2, 3)),
        flags=flat.astype(np.int8),
        contribution=wishes * budget[:, None],
        held=np.array([[0.32, 0.0, 0.0], [0.0, 0.09, 0.121]]),
        own_cap=np.array([math.inf, 0.35]),
        position=np.array([0.32, 0.09, 0.121]),
        movable=np.array([False, True, True]),
        asset_class=np.array([1, 0, 0]),
        asset_cap=np.full(3, 0.4),
        class_cap=np.array([0.2, math.inf]),
        gross_cap=1.2,
        net_cap=math.inf,
        nav=101_234.55,
        drawdown=0.012,
        ladder="NORMAL",
        ladder_factor=1.0,
        mark=np.array([589.1, 97_210.0, 3_310.0]),
        unit=np.array([1.0, 0.0001, 0.001]),
        lots=np.array([55.0, 937.0, 3_700.0]),
        aim=np.array([55.0, 1_110.0, 2_854.0]),
        order=np.array([0.0, 173.0, -846.0]),
        limit=np.full(3, math.nan),
        band=0.005,
        least=np.zeros(3),
        rules=(
            Rule(
                axis="macro",
                state="SLOWDOWN",
                multipliers={"EquityTrendModel_v1": 0.9},
                caps={"class crypto": 0.2},
            ),
        ),
        regime=(
            Axis4(axis="equity", state="BULL", last="BULL", status="fresh", reading=589.1, reference=541.25),
            Axis4(axis="macro", state="SLOWDOWN", last="SLOWDOWN", status="fresh", reading=51.2, reference=-0.12),
        ),
    )


def why_view(run_id: str, symbol: str | None, at_ns: int | None) -> WhyView:
    """The answer for any question: always the same decision."""
    name = symbol or WHY_SYMBOLS[0]
    why = explain(_decided(), WHY_SYMBOLS.index(name))
    return WhyView(
        run_id=run_id,
        symbol=name,
        asset_class="equity" if name == "SPY" else "crypto",
        symbols=WHY_SYMBOLS,
        fill_at="next_open",
        timeframe="h4",
        sample=True,
        asked_ns=WHY_AT + 5 * HOUR_NS if at_ns is None else at_ns,
        decision_ns=WHY_AT + H4_NS,
        stands_ns=WHY_AT,
        earlier_ns=WHY_AT - 2 * H4_NS,
        later_ns=WHY_AT + 3 * H4_NS,
        why=why,
        order=OrderFate(
            quantity=why.order,
            filled=why.order,
            limit=None,
            because="",
            low=None,
            high=None,
            room=None,
            volume=None,
            shortage=None,
        )
        if why.order
        else None,
        fill=Fill(
            at_ns=WHY_AT,
            side="BUY" if why.order > 0 else "SELL",
            how="market",
            quantity=abs(why.order),
            price=97_230.5,
            notional=1_682.09,
            fee=1.68,
            slippage=0.84,
        )
        if why.order
        else None,
        read=tuple(
            Read(
                symbol=each,
                timeframe="h4",
                rows=12_345,
                first="2017-01-03T00:00:00Z",
                last="2026-11-20T16:00:00Z",
                fingerprint="7b023da807532b6ff98bbfb9fcc1182b",
            )
            for each in (name, *(other for other in WHY_SYMBOLS if other != name))
        ),
        hashes={"config": "6edb2a13e052", "code": "fbdf0af74d57", "data": "7ee518b0c9c01ca9d0d34f962bc47d22"},
    )


WHY = why_view("a41f00aa11bb", "BTC/USDT", None)

VIEWS: dict[str, Any] = {
    "status": STATUS,
    "data": DATA,
    "runs": RUNS,
    "book": BOOK,
    "regime": REGIME,
    "board": BOARD,
    "orders": ORDERS,
    "signals": SIGNALS,
}


def group(by: str, name: str, n: int, *, curves: bool = False) -> Group:
    """Scores that could be: most of what was said came a little less often."""
    bins = [(0.42, 0.40, 60), (0.51, 0.49, 210), (0.58, 0.55, 320), (0.66, 0.61, 90)]
    months = [(f"2026-{month:02}", 40, 18 + month) for month in range(1, 12)]
    decay = [(1, 0.061), (2, 0.048), (3, 0.041), (5, 0.022), (6, 0.018)]
    return Group(
        by=by,
        name=name,
        signals=n + 12,
        waiting=12,
        score=Score(
            n=n,
            directional=n,
            hits=n * 11 // 20,
            hit_rate=0.55,
            low=0.51,
            high=0.59,
            mean_net=0.0012,
            predicted=n,
            brier=0.243,
            brier_base=0.2475,
            ic=0.018,
            ic_n=n,
        ),
        bins=tuple(
            Bin(low=said // 0.1 / 10, high=said // 0.1 / 10 + 0.1, n=count, predicted=said, hit_rate=came)
            for said, came, count in bins
        )
        if curves
        else (),
        months=tuple(Month(month=month, n=count, hits=hits) for month, count, hits in months) if curves else (),
        decay=tuple(Decay(lag=lag, n=n, ic=ic, hit_rate=0.54) for lag, ic in decay) if curves else (),
    )


SCORES = OutcomesView(
    symbol=None,
    outcomes=SIGNALS.signals,
    rates=SIGNALS.rates,
    whole=group("all", "all", 680, curves=True),
    models=(group("model", "EquityTrendModel_v1@1.0.0", 680, curves=True),),
    regimes=(group("regime", "equity BULL", 500), group("regime", "equity BEAR", 180)),
    symbols=(group("symbol", "SPY", 340), group("symbol", "QQQ", 340)),
    restated=3,
    uncounted=0,
)
