"""Signals of the past, made from one long run, are those of runs that end there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desks import STOCKED, Bench

from tradeterm.core.signals import Signal
from tradeterm.core.time import DAY_NS, H4_NS
from tradeterm.engine.replay import Replay
from tradeterm.research.backtest import Prepared, prepare
from tradeterm.research.desk import instruments
from tradeterm.research.freshness import stale
from tradeterm.signals.history import decisions_between, until
from tradeterm.signals.own_bars import read_own_bars
from tradeterm.signals.predict import predict, regime_words
from tradeterm.store.bars import BarStore


def signals(bench: Bench, run: Replay) -> list[Signal]:
    store = BarStore(bench.workspace.data)
    by_symbol = {item.symbol: item for item in instruments(bench.settings.config)}
    return predict(
        run,
        lambda symbol, timeframe: read_own_bars(store, by_symbol[symbol], timeframe),
        config_hashes=dict.fromkeys(run.spec.names, "c0ffee"),
        run_id="test",
    )


@pytest.fixture(scope="module")
def whole(stocked_bench: Bench) -> Prepared:
    return prepare(stocked_bench.settings, end_ns=STOCKED)


@pytest.mark.parametrize("days", [0, 1, 17, 100, 250])
def test_a_past_signal_is_the_one_that_a_run_up_to_then_gives(stocked_bench: Bench, whole: Prepared, days: int) -> None:
    end = STOCKED - days * DAY_NS
    then = prepare(stocked_bench.settings, end_ns=end)
    (row,) = decisions_between(whole.run, end, end, DAY_NS)
    part = until(whole.run, int(row))
    assert signals(stocked_bench, part) == signals(stocked_bench, then.run)
    assert stale(part) == stale(then.run)
    assert regime_words(part) == regime_words(then.run)


def test_a_replayed_signal_differs_in_nothing_but_its_mark(stocked_bench: Bench, whole: Prepared) -> None:
    (made, *_) = signals(stocked_bench, whole.run)
    marked = replace(made, replayed=True)
    assert marked.key == made.key
    assert marked.payload() == made.payload() | {"replayed": True}
    assert set(made.regime) == {"equity", "volatility", "crypto", "macro"}


def test_decisions_lie_on_the_grid_between_both_ends(whole: Prepared) -> None:
    rows = decisions_between(whole.run, STOCKED - 3 * DAY_NS, STOCKED, DAY_NS)
    assert [int(whole.run.times[row]) for row in rows] == [STOCKED - days * DAY_NS for days in (3, 2, 1, 0)]
    assert len(decisions_between(whole.run, STOCKED - 3 * DAY_NS, STOCKED, H4_NS)) == 19
