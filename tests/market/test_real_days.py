"""The daily book of ten real years and the ladder at work, against pandas on the files: NAV, rungs and re-arming."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
import yaml
from desks import ROOT
from real_desks import DAYS, GOLD, MARKET, THERE, RealDesk

from tradeterm.store.ledger import Ledger

pytestmark = [pytest.mark.market, THERE, pytest.mark.xdist_group("real desks")]

PAGE = (ROOT / "docs" / "first-real-run.md").read_text(encoding="utf-8")
DAY = pd.Timedelta(days=1)
CAPITAL = 100_000.0
DERISK, HALT, RECOVERY, RESUME = 0.15, 0.20, 0.10, pd.Timedelta(days=90)
FACTORS = {"NORMAL": 1.0, "DERISKED": 0.5, "HALTED": 0.0}

UNCAPPED = ("system.limits.asset=1", "system.limits.classes.crypto=1", "regime_budgets.rules=[]")
WIDE = (
    *UNCAPPED,
    "models.strategies.0.budget=0.3",
    "models.strategies.1.budget=0.1",
    "models.strategies.2.budget=0.6",
)
SINCE = ("--start", "2018-01-01")


class Run(NamedTuple):
    """A stored run: what the command said, and its tables by name."""

    told: dict[str, Any]
    folder: Path

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / f"{name}.parquet")

    @property
    def nav(self) -> pd.DataFrame:
        return self.table("nav").set_index("ts")


def backtest(desk: RealDesk, *words: str, sets: tuple[str, ...] = ()) -> Run:
    """Run, or verify, the daily book to the end of the files of SPY and QQQ."""
    told = desk("backtest", "run", "--end", "2024-08-30", *words, *(part for key in sets for part in ("--set", key)))
    return Run(told, desk.root / "results" / "runs" / str(told["run_id"]))


@pytest.fixture(scope="module")
def book(days: RealDesk) -> Run:
    return backtest(days)


@pytest.fixture(scope="module")
def wide(days: RealDesk) -> Run:
    """What halts three times, and resumes by itself."""
    return backtest(days, *SINCE, sets=(*WIDE, f"system.ladder.resume_after_days={RESUME.days}"))


@pytest.fixture(scope="module")
def closes() -> pd.DataFrame:
    """Newest close known at each midnight, straight from the files; one column per symbol."""
    columns = {}
    for name, symbol, *_ in (*DAYS, *GOLD):
        frame = pd.read_csv(MARKET / name, parse_dates=["ts"])
        # New York closes before midnight UTC, a coin's day at midnight: both are known at the end of their date.
        columns[symbol] = frame.set_index(frame["ts"].dt.floor("D") + DAY)["close"]
    return pd.DataFrame(columns).sort_index().ffill()


@pytest.fixture(scope="module")
def sessions() -> pd.DatetimeIndex:
    frame = pd.read_csv(MARKET / "SPY_1d__yahoo.csv.gz", parse_dates=["ts"])
    return pd.DatetimeIndex(frame["ts"].dt.floor("D"))


def nav_of(run: Run, closes: pd.DataFrame) -> pd.Series:
    """NAV at each decision from the fills alone: cash, and what is held at the newest closes."""
    fills, times = run.table("trades"), run.nav.index
    signed = fills["quantity"].where(fills["side"] == "BUY", -fills["quantity"])
    paid = signed * fills["price"] + fills["fee"] + fills["slippage"]
    # A fill at the very instant of a decision is that decision's own.
    after = times[times.searchsorted(fills["at"], side="right")]
    cash = CAPITAL - paid.groupby(after).sum().reindex(times, fill_value=0.0).cumsum()
    moved = signed.groupby([after, fills["symbol"]]).sum().unstack(fill_value=0.0)
    held = moved.reindex(times, fill_value=0.0).cumsum()
    return cash + (held * closes.reindex(times)[held.columns]).sum(axis=1)


def climbed(nav: pd.Series, resume: pd.Timedelta | None) -> pd.DataFrame:
    """Drawdown and rung at each decision by the words of docs/risk.md."""
    rung, peak, halted_at, rows = "NORMAL", CAPITAL, nav.index[0], []
    for time, value in nav.items():
        if rung == "HALTED" and resume is not None and time - halted_at >= resume:
            rung, peak = "NORMAL", value
        peak = max(peak, value)
        drawdown = 1.0 - value / peak
        if rung != "HALTED" and drawdown >= HALT:
            rung, halted_at = "HALTED", time
        elif rung == "NORMAL" and drawdown >= DERISK:
            rung = "DERISKED"
        elif rung == "DERISKED" and drawdown < RECOVERY:
            rung = "NORMAL"
        rows.append((drawdown, rung))
    return pd.DataFrame(rows, index=nav.index, columns=["drawdown", "ladder"])


def changes(ladder: pd.Series) -> pd.DataFrame:
    """Decisions at which the rung is another than before."""
    before = ladder.shift(fill_value="NORMAL")
    return pd.DataFrame({"before": before, "after": ladder})[before != ladder]


def test_the_daily_book_has_the_figures_of_the_page(book: Run, days: RealDesk) -> None:
    certificate, metrics = book.told["certificate"], book.told["metrics"]
    assert certificate["ok"]
    assert certificate["decisions"] == 3531
    assert len(book.table("trades")) == 1263
    assert (book.told["sample"], metrics["trades"], set(book.nav["ladder"])) == (False, 182, {"NORMAL"})
    assert metrics["total_return"] == pytest.approx(2.1958, abs=5e-5)
    assert metrics["sharpe"] == pytest.approx(1.4302, abs=5e-5)
    assert metrics["max_drawdown"] == pytest.approx(-0.1176, abs=5e-5)
    shown = days("backtest", "show", str(book.told["run_id"]))
    owners = [shown["metrics"], *(shown["strategies"][name] for name in NAMES)]
    for key, title, form in ROWS:
        cells = [form.format(owner[key] * (100 if "%" in form else 1)) for owner in owners]
        assert f"| {title} | {' | '.join(cells)} |" in PAGE
    for row in shown["stress"]:
        if row["scenario"] != "as run":
            assert STRESS.format(**{**row, **{key: 100 * row[key] for key in ("total_return", "max_drawdown")}}) in PAGE


NAMES = ("EquityTrendModel_v1", "IndexMeanReversionModel_v1", "CryptoMomentumModel_v1")
ROWS = (
    ("total_return", "total return", "{:.1f} %"),
    ("cagr", "CAGR", "{:.1f} %"),
    ("sharpe", "Sharpe", "{:.2f}"),
    ("max_drawdown", "max drawdown", "{:.1f} %"),
    ("trades", "round trips", "{:d}"),
    ("exposure", "exposure", "{:.1f} %"),
)
STRESS = "| {scenario} | {total_return:.1f} % | {sharpe:.2f} | {max_drawdown:.1f} % |"


def test_nav_follows_from_the_fills_and_the_closes_of_the_files(book: Run, wide: Run, closes: pd.DataFrame) -> None:
    for run in (book, wide):
        found = nav_of(run, closes)
        pd.testing.assert_series_equal(found, run.nav["nav"], check_names=False, rtol=1e-11, check_freq=False)


def test_holding_spy_made_what_its_file_says(book: Run, closes: pd.DataFrame) -> None:
    held = book.table("days").set_index("ts")["benchmark"]
    assert held.index[[0, -1]].strftime("%F").tolist() == ["2015-01-01", "2024-08-31"]
    expected = CAPITAL * closes["SPY"].reindex(held.index) / closes["SPY"].asof(held.index[0])
    pd.testing.assert_series_equal(held, expected, check_names=False, rtol=1e-12, check_freq=False)
    assert f"{100 * (expected.iloc[-1] / CAPITAL - 1):.1f} %" in PAGE


def test_a_day_on_the_daily_grid_needs_no_hours(days: RealDesk) -> None:
    day = days("daily", "--asof", "2024-08-30")
    assert [step["status"] for step in day["steps"]] == ["done", "done", "skipped", "done", "done", "done", "done"]
    with Ledger.reader(days.root / "results") as ledger:
        signals = [fact.payload for fact in ledger.facts("signal")]
    assert {(item["symbol"], item["timeframe"]) for item in signals} == {
        (symbol, "daily") for symbol in ("SPY", "QQQ", "GLD", "BTC/USDT")
    }


@pytest.mark.parametrize("resumes", [True, False])
def test_every_rung_is_taken_at_the_first_decision_past_its_level(
    days: RealDesk, wide: Run, closes: pd.DataFrame, resumes: bool
) -> None:
    run = wide if resumes else backtest(days, *SINCE, sets=WIDE)
    expected = climbed(nav_of(run, closes), RESUME if resumes else None)
    assert run.nav["ladder"].astype(str).tolist() == expected["ladder"].tolist()
    pd.testing.assert_series_equal(
        run.nav["drawdown"], expected["drawdown"], atol=1e-10, check_names=False, check_freq=False
    )
    # In pandas' own words: since it was last rearmed, no decision before it was past the level.
    found = changes(run.nav["ladder"].astype(str))
    assert len(found) == (14 if resumes else 1)
    for time in found.index[found["after"] == "HALTED"]:
        rearmed = found.index[(found["before"] == "HALTED") & (found.index < time)].max()
        since = nav_of(run, closes).loc[rearmed if pd.notna(rearmed) else None : time]
        drawdown = 1.0 - since / since.cummax().clip(lower=CAPITAL if pd.isna(rearmed) else 0.0)
        assert drawdown.iloc[-1] >= HALT > drawdown.iloc[:-1].max()


def test_the_book_does_what_its_rung_says(wide: Run, sessions: pd.DatetimeIndex) -> None:
    targets, wishes, nav = wide.table("weights"), wide.table("attribution"), wide.nav
    ladder = nav["ladder"].astype(str)
    asked = (wishes["weight"] * wishes["budget"]).groupby([wishes["ts"], wishes["symbol"]]).sum()
    rows = targets.set_index(["ts", "symbol"])["target"]
    # No cap cuts this book: the ladder alone stands between a wish and its target.
    factor = pd.Series(ladder.map(FACTORS).reindex(rows.index.get_level_values("ts")).to_numpy(), rows.index)
    pd.testing.assert_series_equal(
        rows, factor * asked.reindex(rows.index, fill_value=0.0), rtol=1e-12, check_names=False
    )
    counted = factor[asked.reindex(rows.index, fill_value=0.0) > 0.0].value_counts()
    assert counted.min() > 100, counted
    fills = wide.table("trades")
    assert set(fills["side"][fills["ts"].map(ladder) == "HALTED"]) == {"SELL"}
    for time, change in changes(ladder).iterrows():
        if change["after"] == "HALTED":
            flat = sessions[sessions >= time][0] + DAY
            halt = nav.loc[flat : time + RESUME]
            assert (halt["gross"] == 0.0).all()
            assert halt["nav"].nunique() == 1


def test_a_halt_is_rearmed_after_its_days_with_the_peak_at_that_nav(days: RealDesk, wide: Run) -> None:
    found = changes(wide.nav["ladder"].astype(str))
    halts, rearmed = found.index[found["after"] == "HALTED"], found.index[found["before"] == "HALTED"]
    assert halts.strftime("%F").tolist() == ["2018-01-17", "2020-03-10", "2022-06-15"]
    assert (rearmed - halts == RESUME).all()
    assert (wide.nav.loc[rearmed, "drawdown"] == 0.0).all()
    stopped = backtest(days, *SINCE, sets=WIDE)
    later = stopped.nav.loc[halts[0] + DAY :]
    assert (later["nav"].nunique(), later["gross"].max()) == (1, 0.0)
    assert stopped.table("trades")["at"].max() < halts[0] + DAY
    assert f"{100 * stopped.told['metrics']['total_return']:.1f} %" in PAGE


def test_the_page_tells_every_step_of_the_ladder(wide: Run, sessions: pd.DatetimeIndex) -> None:
    nav = wide.nav
    for time, change in changes(nav["ladder"].astype(str)).iterrows():
        # Whatever trades had its chance by the end of the next session.
        after = nav.loc[sessions[sessions >= time][0] + DAY]
        now = nav.loc[time]
        cells = [
            f"{time:%F}",
            f"{change['before']} to {change['after']}",
            f"{100 * now['drawdown']:.1f} %",
            f"{now['nav']:,.0f}",
            f"{100 * now['gross']:.1f} %",
            f"{100 * after['gross']:.1f} %",
        ]
        assert f"| {' | '.join(cells)} |" in PAGE


def test_without_rules_and_caps_the_book_of_the_page_is_halved_in_march_2020(days: RealDesk, closes) -> None:
    run = backtest(days, sets=UNCAPPED)
    expected = climbed(nav_of(run, closes), None)
    assert run.nav["ladder"].astype(str).tolist() == expected["ladder"].tolist()
    found = changes(expected["ladder"])
    assert [(f"{time:%F}", rung) for time, rung in found["after"].items()] == [
        ("2020-03-13", "DERISKED"),
        ("2020-08-02", "NORMAL"),
    ]
    assert expected["drawdown"].max() == pytest.approx(0.1646, abs=5e-5)


def test_what_the_macro_rules_cost_the_daily_book(days: RealDesk) -> None:
    given = yaml.safe_load((ROOT / "configs" / "base" / "regime_budgets.yaml").read_text())["regime_budgets"]["rules"]
    others = [rule for rule in given if "macro" not in rule["when"]]
    assert len(given) - len(others) == 2
    metrics = backtest(days, sets=(f"regime_budgets.rules={json.dumps(others)}",)).told["metrics"]
    said = f"the daily one {100 * metrics['total_return']:.1f} % at {100 * metrics['max_drawdown']:.1f} %"
    assert said in PAGE


def test_without_the_ladder_the_page_has_another_run(days: RealDesk, wide: Run) -> None:
    free = backtest(days, *SINCE, sets=(*WIDE, "system.ladder.derisk=0.98", "system.ladder.halt=0.99"))
    for run in (free, wide):
        metrics = run.told["metrics"]
        assert f"{-100 * metrics['max_drawdown']:.1f} %" in PAGE
        assert f"{100 * metrics['total_return']:.1f} %" in PAGE
