"""Stored corporate actions through a whole backtest: the same decisions in other units, certified, counted in NAV."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from desks import STOCKED, Bench

from tradeterm.core.market import Actions, AssetClass, BarKey, Bars, FillBars, Timeframe
from tradeterm.core.time import DAY_NS, from_iso, iso
from tradeterm.data.calendar import sessions
from tradeterm.engine.lookahead import Sampling, certify
from tradeterm.engine.replay import BookSpec, Costs, Replay, replay
from tradeterm.research.backtest import Prepared, prepare, run_backtest
from tradeterm.research.desk import actions_of
from tradeterm.store.actions import ActionStore
from tradeterm.store.bars import BarStore

EX = int(sessions("XNYS").open_ns[np.searchsorted(sessions("XNYS").date_ns, from_iso("2024-03-20"))])
_CELLS = ("open", "high", "low", "close")


def store_action(bench: Bench, kind: str, value: float) -> None:
    actions = Actions(ex_ns=np.array([EX]), kind=(kind,), value=np.array([value]))
    ActionStore(bench.workspace.data).merge("SPY", actions, source="test", start_ns=EX - DAY_NS, end_ns=EX + DAY_NS)


def quarter_prices(bench: Bench) -> None:
    """Raw SPY bars as if it had split 4:1 at EX: a quarter of the price from then on, four times the volume."""
    store = BarStore(bench.workspace.data)
    for timeframe in (Timeframe.H4, Timeframe.DAILY):
        key = BarKey(AssetClass.EQUITY, "SPY", timeframe)
        bars, meta = store.read(key), store.meta(key)
        ratio = np.where(bars.known_at > EX, 4.0, 1.0)
        cells = {name: getattr(bars, name) / ratio for name in _CELLS}
        fill = None
        if bars.fill is not None:
            after = np.where(bars.fill.at >= EX, 4.0, 1.0)
            prices = {name: getattr(bars.fill, name) / after for name in ("open", "high", "low")}
            fill = FillBars(**prices, volume=bars.fill.volume * after, at=bars.fill.at)
        store.write(
            key,
            Bars(
                **cells, ts=bars.ts, known_at=bars.known_at, volume=bars.volume * ratio, straddles=bars.straddles,
                fill=fill,
            ),
            meta,
        )  # fmt: skip


def whole(prepared: Prepared) -> Replay:
    """Run again without lots and the band, so that nothing is rounded."""
    spec: BookSpec = replace(
        prepared.run.spec,
        instruments=tuple(replace(item, lot=0.0) for item in prepared.run.spec.instruments),
        band=0.0,
    )
    market = prepared.market
    return replay(market.panel, market.fills, market.regime, spec, start_ns=prepared.start_ns)


def test_nothing_stored_is_no_action(bench: Bench) -> None:
    assert actions_of(bench.workspace.data, ["SPY", "QQQ"]) == {}
    store_action(bench, "split", 4.0)
    assert list(actions_of(bench.workspace.data, ["SPY", "QQQ"])) == ["SPY"]


def test_a_split_changes_no_weight_by_a_bit_and_nav_by_nothing_but_lots(bench: Bench) -> None:
    before = prepare(bench.settings, end_ns=STOCKED)
    store_action(bench, "split", 4.0)
    quarter_prices(bench)
    after = prepare(bench.settings, end_ns=STOCKED)
    assert before.run.record.held[0, :, 0, 0].any()
    for name in ("close", "high", "volume"):
        np.testing.assert_array_equal(getattr(after.market.panel, name), getattr(before.market.panel, name))
        np.testing.assert_array_equal(getattr(after.market.panel.days, name), getattr(before.market.panel.days, name))
    np.testing.assert_array_equal(after.run.weights, before.run.weights)
    np.testing.assert_array_equal(after.run.frame.state, before.run.frame.state)
    np.testing.assert_allclose(after.run.record.nav, before.run.record.nav, rtol=2e-3)
    np.testing.assert_allclose(whole(after).record.nav, whole(before).record.nav, rtol=1e-9)
    assert after.run_id != before.run_id


def test_a_dividend_moves_no_row_before_it_and_is_paid_once(bench: Bench) -> None:
    before = prepare(bench.settings, end_ns=STOCKED)
    store_action(bench, "dividend", 1.75)
    after = prepare(bench.settings, end_ns=STOCKED)
    run, market = after.run, after.run.market
    ex = int(np.searchsorted(run.times, EX, side="right")) - 1
    for name in ("nav", "cash", "position", "held", "target"):
        np.testing.assert_array_equal(
            getattr(run.record, name)[0, : ex + 1], getattr(before.run.record, name)[0, : ex + 1]
        )
    spy = run.panel.column("SPY")
    assert np.flatnonzero(market.dividend[:, spy]).tolist() == [ex]
    assert run.record.position[0, ex, spy] > 0
    paid = run.record.position[0, ex, spy] * 1.75
    # what the row's own orders traded is the same; the raw marks too
    assert run.record.nav[0, ex + 1] - before.run.record.nav[0, ex + 1] == pytest.approx(paid, abs=1e-6)


@pytest.mark.parametrize("fill", ["next_open", "close"])
def test_the_certificate_holds_through_actions(bench: Bench, fill: str) -> None:
    store_action(bench, "split", 4.0)
    quarter_prices(bench)
    found = prepare(bench.with_sets(f"system.fill={fill}").settings, end_ns=STOCKED)
    near = np.searchsorted(found.run.times, EX)
    assert found.run.record.held[0, near : near + 2].any()
    checked = certify(found.run, found.market.regime, sampling=Sampling(newest=300, changed=50, drawn=20), seed=1)
    assert checked.ok, checked.differences[:1]


def test_a_fill_at_the_close_is_before_what_follows_it(bench: Bench) -> None:
    """Bought at the close that was seen: the split and the dividend after it change no money."""
    store_action(bench, "split", 4.0)
    quarter_prices(bench)
    spec_of = lambda prepared: replace(  # noqa: E731 - one use
        prepared.run.spec, fill="close", costs={"equity": Costs(fee=0.0, slippage=0.0)}
    )
    after = prepare(bench.settings, end_ns=STOCKED)
    run = replay(after.market.panel, after.market.fills, after.market.regime, spec_of(after), start_ns=after.start_ns)
    spy = run.panel.column("SPY")
    own = run.market.own_bar[:, spy]
    scaled = run.market.fill_open[own, spy] * run.market.factor[own, spy]
    np.testing.assert_array_equal(scaled, run.panel.close[run.first_row :][own, spy])


def test_a_kept_run_says_which_actions_it_read(bench: Bench) -> None:
    store_action(bench, "dividend", 1.75)
    with bench.ledger() as ledger:
        result = run_backtest(
            bench.settings, ledger, name="test", start_ns=from_iso("2024-02-01"), end_ns=from_iso("2024-04-01")
        )
    manifest = (result.path / "manifest.json").read_text()
    assert '"actions"' in manifest
    assert iso(EX) in manifest
    assert result.proof.ok
