"""A run's files alone give the explanation that the run itself would give, and where they can't they say so."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from desks import STOCKED, Bench

from tradeterm.config.workspace import Workspace
from tradeterm.core.errors import RunNotFound, StoreError, UsageError
from tradeterm.core.time import HOUR_NS, from_iso
from tradeterm.engine.decided import decided
from tradeterm.engine.explain import explain
from tradeterm.engine.replay import Replay
from tradeterm.research.backtest import keep, prepare
from tradeterm.research.decisions import decision_tables, kept_rows, terms_document
from tradeterm.research.tables import nav_table, trades_table
from tradeterm.store.runs import RunStore
from tradeterm.views.base import plain
from tradeterm.views.decisions import Decisions
from tradeterm.views.why import WhyView, build, explained, instant_of
from tradeterm.views.why_page import sections

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from books import hand_book, random_book
from replays import replay_of

MANIFEST = {
    "fill": "next_open",
    "timeframe": "h4",
    "config_hash": "c0",
    "code_hash": "k0",
    "data_hash": "d0",
    "strategies": [{"name": "Strategy0_v1", "version": "1.0.0", "content_hash": "s0"}],
    "read": [
        {"symbol": "VIX", "timeframe": "daily", "rows": 9, "first": None, "last": None, "fingerprint": "f1"},
        {"symbol": "SYM0", "timeframe": "h4", "rows": 5, "first": "2020", "last": "2021", "fingerprint": "f0"},
    ],
}


def store(workspace: Workspace, run: Replay, run_id: str = "made") -> None:
    """Write what a run keeps, as a backtest does."""
    kept = kept_rows(run)
    tables = {"nav": nav_table(run, run.times, kept), "trades": trades_table(run), **decision_tables(run, kept)}
    RunStore(workspace.results).write(run_id, tables, {"manifest": MANIFEST, "terms": terms_document(run)})


def view_of(workspace: Workspace, symbol: str, at_ns: int | None = None) -> WhyView:
    return build(workspace, "made", symbol, at_ns)


@pytest.mark.parametrize("seed", range(30))
def test_what_was_stored_explains_as_the_run_itself_does(stores: Any, seed: int) -> None:
    run = replay_of(random_book(seed))
    store(stores.workspace, run)
    kept = Decisions(stores.workspace, "made")
    rows = kept_rows(run).tolist()
    assert kept.kept_times.tolist() == run.times[rows].tolist()
    for row in rows:
        own, stored = decided(run, row), kept.at(int(run.times[row]))
        for j in range(len(own.symbols)):
            assert plain(explain(stored, j)) == plain(explain(own, j))


@pytest.mark.parametrize("seed", range(30))
def test_between_kept_decisions_nothing_differs_from_the_one_that_stands(stores: Any, seed: int) -> None:
    run = replay_of(random_book(seed, frictions=seed % 2 == 0))
    store(stores.workspace, run)
    kept = Decisions(stores.workspace, "made")
    record = run.record
    for row, time_ns in enumerate(run.times.tolist()):
        newest, stands = kept.standing(time_ns)
        before = int(np.searchsorted(run.times, stands))
        assert newest == time_ns
        assert before <= row
        for values in (record.contribution[0], record.scale[0], record.position[0], record.held[0], record.target[0]):
            assert (values[row] == values[before]).all()
        assert record.ladder[0, row] == record.ladder[0, before]
        assert before == row or (record.target[0, row] == record.position[0, row]).all()
        view = explained(kept, "SYM0", time_ns)
        assert (view.decision_ns, view.stands_ns) == (time_ns, stands)


@pytest.mark.parametrize("seed", range(20))
def test_final_weights_orders_and_fills_are_those_of_the_record(stores: Any, seed: int) -> None:
    run = replay_of(random_book(seed, at_fill=False))
    store(stores.workspace, run)
    kept = Decisions(stores.workspace, "made")
    record, unit = run.record, run.market.unit
    for row in kept_rows(run).tolist():
        for j, symbol in enumerate(kept.symbols):
            view = explained(kept, symbol, int(run.times[row]))
            net = record.contribution[0, row, :, j].sum() * record.scale[0, row, j]
            assert view.why.target == pytest.approx(net, abs=1e-12)
            lots = record.target[0, row, j] - record.position[0, row, j]
            assert view.why.order == pytest.approx(lots * unit[j])
            assert (view.order is not None) == (lots != 0.0)
            filled = record.filled[0, row, j] * unit[j]
            assert (view.fill is not None) == (filled != 0.0)
            if view.fill is not None and view.order is not None:
                assert view.fill.quantity == pytest.approx(abs(filled))
                assert view.order.filled == pytest.approx(filled)
                assert view.fill.at_ns == run.market.fill_at[row, j]
            for section in sections(view):
                assert all(len(line) == len(section.columns) for line in section.rows)


def test_a_real_run_is_explained_from_its_files(bench: Bench) -> None:
    prepared = prepare(bench.settings, end_ns=STOCKED)
    with bench.ledger() as ledger:
        keep(bench.settings, ledger, prepared, name="test", kind="backtest")
    kept = Decisions(bench.workspace, prepared.run_id)
    run = prepared.run
    rows = kept_rows(run)
    assert 100 < len(rows) < len(run.times) / 2
    for row in rows[::17].tolist():
        own = decided(run, row)
        for j, symbol in enumerate(own.symbols):
            view = explained(kept, symbol, int(run.times[row]))
            assert plain(view.why) == plain(explain(own, j))
            assert view.sample is True
    view = build(bench.workspace, prepared.run_id, "SPY", None)
    assert view.read[0].symbol == "SPY"
    manifest = RunStore(bench.workspace.results).document(prepared.run_id, "manifest")
    assert {item.fingerprint for item in view.read} == {item["fingerprint"] for item in manifest["read"]}
    assert view.hashes["data"] == manifest["data_hash"]
    assert [axis.axis for axis in view.why.regime] == ["equity", "volatility", "crypto", "macro"]
    assert view.to_json()["schema"] == "tradeterm.why.v1"


@pytest.fixture
def small(stores: Any) -> Workspace:
    """A run that buys at its second decision and then stands."""
    marks, wishes = [[100.0]] * 5, [[[0.0]], [[0.9]], [[0.9]], [[0.9]], [[0.9]]]
    store(stores.workspace, replay_of(hand_book(marks, wishes, asset_cap=0.5, band=0.01)))
    return stores.workspace


STEP = 4 * HOUR_NS


def test_an_instant_between_decisions_means_the_one_before(small: Workspace) -> None:
    view = view_of(small, "SYM0", 2 * STEP + HOUR_NS)
    assert (view.asked_ns, view.decision_ns, view.stands_ns) == (2 * STEP + HOUR_NS, 2 * STEP, 2 * STEP)
    assert any("the newest decision by then is 1970-01-01 08:00Z" in line for line in sections(view)[0].lines)


def test_a_day_means_all_of_it_and_nothing_means_the_last_decision(small: Workspace) -> None:
    assert instant_of("2024-05-31") == from_iso("2024-06-01")
    assert instant_of("2024-05-31T16:00:00Z") == from_iso("2024-05-31T16:00:00Z")
    assert [instant_of(text) for text in ("", "today", "now")] == [None] * 3
    assert view_of(small, "SYM0", None).decision_ns == 5 * STEP


def test_an_unchanged_decision_points_to_the_one_that_stands(small: Workspace) -> None:
    view = view_of(small, "SYM0", 4 * STEP)
    assert (view.decision_ns, view.stands_ns) == (4 * STEP, 3 * STEP)
    assert any("the decision of 1970-01-01 12:00Z stands" in line for line in sections(view)[0].lines)


def test_the_steps_are_told_from_wish_to_fill(small: Workspace) -> None:
    view = view_of(small, "SYM0", 2 * STEP)
    why = view.why
    assert (why.desired, why.target, why.passes, why.position) == (0.9, 0.5, 0.5, 0.0)
    assert [(met.limit, met.cut) for met in why.met] == [("asset", True), ("ladder NORMAL", False)]
    assert (why.order, view.order.filled if view.order else None) == (500.0, 500.0)
    assert view.fill is not None
    assert (view.fill.side, view.fill.quantity, view.fill.price) == ("BUY", 500.0, 100.0)
    assert (view.earlier_ns, view.later_ns) == (STEP, 3 * STEP)
    text = "\n".join(line for section in sections(view) for line in (*section.lines, *map(" ".join, section.rows)))
    assert "asset CUT x0.5556 50.00% 90.000% 50.000% 50.000% 90.000% 50.000%" in text
    assert "order: BUY 500 at the market" in text
    assert "filled: BUY 500 at 100 (market), the bar that opens 1970-01-01 08:00Z" in text
    assert "SYM0 h4 5 2020 2021 f0" in text


def test_an_instrument_that_nobody_wants_is_said_so(small: Workspace) -> None:
    view = view_of(small, "SYM0", STEP)
    assert view.why.idle
    assert view.why.met == ()
    assert any("no strategy asked for it" in line for section in sections(view) for line in section.lines)


@pytest.mark.parametrize(
    ("symbol", "at_ns", "told"),
    [
        ("SYM1", STEP, "trades no 'SYM1'; did you mean 'SYM0'"),
        ("SYM0", 0, "is before the first decision of run made"),
        ("SYM0", 6 * STEP, "is after the last decision of run made"),
    ],
)
def test_what_the_run_does_not_hold_is_refused_in_one_line(
    small: Workspace, symbol: str, at_ns: int, told: str
) -> None:
    with pytest.raises(UsageError, match="run made") as caught:
        view_of(small, symbol, at_ns)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_run_that_is_not_there_and_one_of_an_earlier_version_are_refused(small: Workspace) -> None:
    with pytest.raises(RunNotFound):
        build(small, "other", "SYM0", None)
    path = RunStore(small.results).path("made") / "nav.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["decided"]), path)
    with pytest.raises(StoreError, match="earlier version"):
        view_of(small, "SYM0")


@pytest.mark.parametrize(
    ("name", "column", "value"), [("weights", "target", 0.3), ("attribution", "before", 0.2), ("limits", "value", 0.1)]
)
def test_files_that_do_not_agree_are_never_explained(small: Workspace, name: str, column: str, value: float) -> None:
    path = RunStore(small.results).path("made") / f"{name}.parquet"
    table = pq.read_table(path)
    changed = pa.array([value if old else old for old in table.column(column).to_pylist()], type=pa.float64())
    pq.write_table(table.set_column(table.column_names.index(column), column, changed), path)
    with pytest.raises(StoreError, match="a file was changed"):
        view_of(small, "SYM0", 2 * STEP)


def lines_of(workspace: Workspace, at_ns: int, **given: Any) -> str:
    """The page of the first decision of a book that wants half of its money in one instrument."""
    run = replay_of(hand_book([[100.0]] * 3, [[[0.5]]] * 3, **given))
    store(workspace, run, "made")
    return "\n".join(line for section in sections(view_of(workspace, "SYM0", at_ns)) for line in section.lines)


NAN = float("nan")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tradable": [[False]] * 3}, "0 of 500 filled: the calendar expects no bar before the next decision"),
        ({"fill_open": [[NAN], [100.0], [100.0]]}, "0 of 500 filled: no bar came before the next decision"),
        ({"limit": 0.01, "fill_low": [[99.5]] * 3}, "limit 99; the bar traded 99.5 to 100"),
        ({"share": 0.1, "volume": 70.0}, "its bar traded 70; an order may take 7 of it, so that much passes"),
        (
            {"fill_open": [[300.0]] * 3, "gross_cap": 1.0},
            "cash: 150.000% asked by all increases of that instant, 100.000% there; 333.33333333 of this one",
        ),
        ({"least": 60_000.0}, "no order: 50,000.00 is below the smallest order of 60,000.00"),
        ({"band": 0.6}, "no order: 50.000% of NAV is inside the no-trade band of 60.000%"),
        ({"lot": 10_000.0}, "no order: less than one lot"),
        ({"strategy_cap": 0.2}, "order: BUY 200 at the market"),
        ({"split": [[2.0], [1.0], [1.0]], "fill_open": [[50.0]] * 3}, "after the split before the fill: 1,000"),
    ],
)
def test_why_not_all_was_filled_or_ordered_is_a_sentence(stores: Any, given: dict[str, Any], told: str) -> None:
    assert told in lines_of(stores.workspace, STEP, **given)


def test_the_word_optimistic_and_an_unknown_nav_stand_on_the_page(small: Workspace) -> None:
    view = view_of(small, "SYM0", 2 * STEP)
    assert any("OPTIMISTIC" in line for line in sections(replace(view, fill_at="close"))[0].lines)
    unknown = replace(view, why=replace(view.why, nav=NAN))
    assert any("NAV is unknown" in line for line in sections(unknown)[0].lines)
