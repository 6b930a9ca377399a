"""The report of a run: pictures and page, the same bytes each time, nothing without a certificate."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from desks import STOCKED, Bench

from tradeterm.core.errors import CertificateFailed, StoreError
from tradeterm.core.time import from_iso
from tradeterm.engine.benchmark import RELATIONS
from tradeterm.engine.by_state import BY_STATE
from tradeterm.engine.metrics import DEFINITIONS
from tradeterm.engine.periods import PERIODS
from tradeterm.research.backtest import run_backtest
from tradeterm.research.performance import Performance, read_performance
from tradeterm.research.plots import PICTURES
from tradeterm.research.reporting import write_report
from tradeterm.store.runs import RunStore

PEEKS = """
import numpy as np
from tradeterm.strategy_api import Lookback, VectorStrategy, carried

class Peek(VectorStrategy):
    name = "Peek_v1"
    version = "1.0.0"
    universe = ("SPY",)

    @property
    def lookback(self):
        return Lookback(bars=2)

    def weights(self, panel, regime):
        close = carried(panel, panel.close)
        return np.where(np.vstack([close[1:], close[-1:]]) > close, 1.0, 0.0)
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, stocked_bench: Bench) -> tuple[Bench, str, dict[str, Any]]:
    """A run of a year, kept once for all tests here, and its fact."""
    from desks import copied

    bench = copied(stocked_bench, tmp_path_factory.mktemp("report") / "workspace")
    with bench.ledger() as ledger:
        result = run_backtest(bench.settings, ledger, name="<b>a & b", start_ns=from_iso("2023-06-01"), end_ns=STOCKED)
    return bench, result.run_id, result.fact


def made(kept: tuple[Bench, str, dict[str, Any]], into: Path) -> dict[str, bytes]:
    bench, run_id, fact = kept
    write_report(RunStore(bench.workspace.results), into, run_id, fact)
    return {path.name: path.read_bytes() for path in (into / "plots" / run_id).iterdir()}


def read(kept: tuple[Bench, str, dict[str, Any]]) -> Performance:
    bench, run_id, _ = kept
    found = read_performance(RunStore(bench.workspace.results), run_id)
    assert found is not None
    return found


def test_two_makings_are_byte_equal_and_making_again_changes_nothing(
    kept: tuple[Bench, str, dict[str, Any]], tmp_path: Path
) -> None:
    first, second = made(kept, tmp_path / "one"), made(kept, tmp_path / "two")
    assert first == second
    assert made(kept, tmp_path / "one") == first
    assert set(first) == {"index.html"} | {f"{name}.{kind}" for name in PICTURES for kind in ("png", "svg")}


def test_a_users_own_plot_settings_change_no_byte(kept: tuple[Bench, str, dict[str, Any]], tmp_path: Path) -> None:
    import matplotlib as mpl

    before = made(kept, tmp_path / "one")
    with mpl.rc_context({"font.size": 30.0, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert made(kept, tmp_path / "two") == before


class Page(HTMLParser):
    """Tags in order, ids, and everything that would fetch something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "xlink:href", "data") and not str(value).startswith("#"):
                self.fetched.append(str(value))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page_of(kept: tuple[Bench, str, dict[str, Any]], into: Path) -> tuple[str, Page]:
    text = made(kept, into)["index.html"].decode()
    page = Page()
    page.feed(text)
    return text, page


def test_the_page_needs_no_other_file_and_runs_nothing(kept: tuple[Bench, str, dict[str, Any]], tmp_path: Path) -> None:
    text, page = page_of(kept, tmp_path)
    assert page.fetched == []
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert page.tags.count("svg") == len(PICTURES)
    assert len(page.ids) == len(set(page.ids))
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    for target in re.findall(r"url\(#([^)]+)\)", text):
        assert target in page.ids


def test_names_are_text_and_warnings_are_there(kept: tuple[Bench, str, dict[str, Any]], tmp_path: Path) -> None:
    text, page = page_of(kept, tmp_path)
    assert "<b>a" not in text
    assert "<b>a & b" in "".join(page.text)
    assert "SAMPLE: bars are made up." in text


def test_the_footer_defines_every_word_of_the_report(kept: tuple[Bench, str, dict[str, Any]], tmp_path: Path) -> None:
    text, _ = page_of(kept, tmp_path)
    found = read(kept)
    for name in (*DEFINITIONS, *PERIODS, *RELATIONS, *BY_STATE):
        assert f"<dt>{name}</dt>" in text
    assert "{A}" not in "".join(found.conventions.values())
    assert set(found.metrics) <= set(found.conventions)
    for item in found.benchmarks:
        assert set(item.metrics) <= set(found.conventions)


def test_figures_by_regime_are_those_of_pandas_on_the_stored_days(kept: tuple[Bench, str, dict[str, Any]]) -> None:
    bench, run_id, _ = kept
    store, found = RunStore(bench.workspace.results), read(kept)
    days = store.table(run_id, "days").to_pandas()
    parts = store.table(run_id, "strategy_days").to_pandas()
    navs = {"portfolio": days["nav"]}
    for name, own in parts.groupby("strategy"):
        navs[str(name)] = 100_000.0 + own["pnl"].reset_index(drop=True)
    assert {item.owner for item in found.regimes} == set(navs)
    counted: dict[tuple[str, str], int] = {}
    for item in found.regimes:
        returns = navs[item.owner].pct_change()
        # The state of the row before: that in which the day began.
        own = returns[days[item.axis].shift() == item.state]
        assert item.n == len(own)
        counted[item.axis, item.owner] = counted.get((item.axis, item.owner), 0) + item.n
        if item.mean is not None:
            assert item.mean == pytest.approx(own.mean(), rel=1e-9, abs=1e-15)
        if item.sharpe is not None:
            assert item.sharpe == pytest.approx(own.mean() / own.std() * np.sqrt(365), rel=1e-9)
        if item.sharpe_interval is not None:
            assert item.sharpe_interval[0] < item.sharpe_interval[1]
    assert set(counted.values()) == {len(days) - 1}
    assert sum(item.sharpe_interval is not None for item in found.regimes) > 10


def test_months_and_benchmarks_are_those_of_the_stored_days(kept: tuple[Bench, str, dict[str, Any]]) -> None:
    bench, run_id, _ = kept
    found = read(kept)
    days = RunStore(bench.workspace.results).table(run_id, "days").to_pandas()
    returns = days["nav"].pct_change().iloc[1:]
    returns.index = pd.DatetimeIndex(days["ts"].iloc[1:]) - pd.Timedelta(days=1)
    months = (1.0 + returns).resample("ME").prod() - 1.0
    assert [item.value for item in found.months] == pytest.approx(months.tolist(), rel=1e-9)
    assert [(item.year, item.month) for item in found.months] == [(at.year, at.month) for at in months.index]
    held = {item.key: item for item in found.benchmarks}
    assert held["benchmark"].name == "buy and hold of SPY"
    other = days["benchmark"].pct_change().iloc[1:]
    assert held["benchmark"].metrics["sharpe"] == pytest.approx(other.mean() / other.std() * np.sqrt(365), rel=1e-9)
    assert held["benchmark"].metrics["beta"] == pytest.approx(
        days["nav"].pct_change().cov(days["benchmark"].pct_change()) / other.var(), rel=1e-9
    )


def test_the_trips_of_the_report_add_up_to_the_metrics(kept: tuple[Bench, str, dict[str, Any]]) -> None:
    found = read(kept)
    own = [item for item in found.trips if item.owner == "portfolio"]
    assert len(own) == found.metrics["trades"]
    assert sum(item.net for item in own) / len(own) == pytest.approx(found.metrics["expectancy"], rel=1e-9)
    for item in own:
        assert item.share == pytest.approx(item.net / (item.quantity * item.entry_price), rel=1e-12)


def test_a_run_whose_certificate_failed_has_a_page_without_a_number(bench: Bench, tmp_path: Path) -> None:
    (bench.workspace.strategies / "peek.py").write_text(PEEKS)
    peeking = bench.with_sets("models.strategies=[{name: Peek_v1, budget: 1.0}]")
    with peeking.ledger() as ledger, pytest.raises(CertificateFailed):
        run_backtest(peeking.settings, ledger, name="peek", start_ns=None, end_ns=STOCKED)
    store = RunStore(peeking.workspace.results)
    (run_id,) = store.ids()
    with peeking.ledger() as ledger:
        fact = ledger.get("run", run_id)
    assert fact is not None
    files, found = write_report(store, tmp_path, run_id, fact.payload)
    assert found is None
    assert [path.name for path in files] == ["index.html"]
    text = files[0].read_text()
    assert "certificate FAILED: no metrics are shown" in text
    assert "<svg" not in text
    assert "Sharpe" not in text
    published = json.loads((peeking.workspace.results / f"metrics_{run_id}.json").read_text())
    assert published["certificate"] == "FAILED"
    assert "portfolio" not in published


def test_metrics_are_published_beside_the_run_and_say_whose_they_are(
    kept: tuple[Bench, str, dict[str, Any]],
) -> None:
    bench, run_id, _ = kept
    published = json.loads((bench.workspace.results / f"metrics_{run_id}.json").read_text())
    store = RunStore(bench.workspace.results)
    stored, manifest = store.document(run_id, "metrics"), store.document(run_id, "manifest")
    assert published["portfolio"] == stored["portfolio"]
    assert published["strategies"] == stored["strategies"]
    assert (published["run_id"], published["certificate"]) == (run_id, "ok")
    assert published["config_hash"] == manifest["config_hash"]


def test_a_run_without_its_day_table_is_an_error_that_says_what_to_do(
    kept: tuple[Bench, str, dict[str, Any]], tmp_path: Path
) -> None:
    import shutil

    bench, run_id, _ = kept
    shutil.copytree(bench.workspace.results / "runs" / run_id, tmp_path / "runs" / run_id)
    (tmp_path / "runs" / run_id / "days.parquet").unlink()
    with pytest.raises(StoreError, match=r"days\.parquet: can't be read \(it is missing\); .*run it again"):
        read_performance(RunStore(tmp_path), run_id)
