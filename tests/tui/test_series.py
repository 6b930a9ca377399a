"""The detail of a bar file: read beside the event loop, complete, and one clear sentence where it can't be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fixed_views import DATA, DETAIL, KEY, NOW, VIEWS, shown_bars
from textual.pilot import Pilot

from tradeterm.config.settings import Settings
from tradeterm.config.workspace import Workspace
from tradeterm.core.market import AssetClass, BarKey, Bars, Timeframe
from tradeterm.store.bars import BarMeta, BarStore
from tradeterm.tui.app import TradetermApp
from tradeterm.tui.messages import SeriesRead
from tradeterm.tui.screens.series import SeriesScreen
from tradeterm.tui.screens.series_lines import _value, series_lines
from tradeterm.tui.screens.work import WorkScreen
from tradeterm.tui.widgets.candles import CandleChart
from tradeterm.tui.widgets.lines import Lines
from tradeterm.views import series

MakeApp = Callable[..., TradetermApp]
MINUTES = BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.M1)


async def until(pilot: Pilot[Any], reached: Callable[[], bool]) -> None:
    while not reached():
        await pilot.pause(0.01)


def lines(app: TradetermApp) -> str:
    return str(app.screen.query_one(".scroll Lines", Lines).render())


def chart(app: TradetermApp) -> CandleChart:
    return app.screen.query_one(CandleChart)


async def opened(pilot: Pilot[Any]) -> SeriesScreen:
    """Open the detail of BTC/USDT h4."""
    await pilot.press("1", "j", "j", "j", "enter")
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, SeriesScreen)
    return screen


def store(workspace: Workspace, key: BarKey, count: int) -> None:
    """Store so many bars that end shortly before now."""
    step = key.timeframe.step_ns
    ts = NOW // step * step - step * np.arange(count, 0, -1)
    flat = np.full(count, 100.0)
    bars = Bars(ts=ts, open=flat, high=flat + 1, low=flat - 1, close=flat, volume=flat, known_at=ts + step)
    meta = BarMeta(
        symbol=key.symbol, asset_class=key.asset_class, timeframe=key.timeframe, calendar="24/7", source="kraken"
    )
    BarStore(workspace.data).write(key, bars, meta)


async def test_the_overview_is_shown_at_once_and_the_rest_when_it_is_read(make_app: MakeApp) -> None:
    app = make_app()
    app.read_series = lambda key: None  # type: ignore[assignment,method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "12,345" in lines(app)
        assert "reading the file" in lines(app)
        assert "reading the bars" in str(chart(app).render())
        app.post_message(SeriesRead(KEY, DETAIL, shown_bars()))
        await pilot.pause()
        assert "reading" not in lines(app)
        assert "12,345 bars" in str(chart(app).render())


@pytest.mark.parametrize("width", [60, 76, 130])
def test_all_there_is_about_a_file_is_told_and_nothing_is_cut(width: int) -> None:
    told = series_lines(DETAIL.files[0].row, DETAIL, width)
    assert all(line.cell_len <= width for line in told), [line.plain for line in told if line.cell_len > width]
    text = " ".join(" ".join(line.plain.split()) for line in told)
    for expected in (
        "2 of 5 or more bars in a row, 3 more bars missing in shorter runs",
        "2024-03-01 04:00Z 2024-03-02 00:00Z 6",
        "2018-02-08 00:00Z 2018-02-09 16:00Z 11",
        "1 of the 1h bars that these are built from",
        "2026-11-18 14:00Z close 97,210 97,210.5",
        "volume 1,234.5678 1,240.25",
        "found 2026-11-20 00:05Z by binance; runs that had read it: a41f00aa11bb, 9c0200aa11bb",
        "btc.csv, ohlc-consistency: high is not the highest or low not the lowest of the bar",
        "source derived:1h",
        "origin kraken",
        "binance from 2017-08-17 04:00Z; kraken from 2026-11-19 08:00Z",
        "note volume of one venue alone",
        "adjustment none: raw prices",
        "calendar 24/7",
        "fingerprint 7b023da807532b6ff98bbfb9fcc1182b",
        "file data/crypto/BTC-USDT_h4.parquet, 1,270,734 bytes",
        "1 by yahoo, asked from the start to 2026-11-21",
        "2026-06-19 dividend 1.75",
    ):
        assert expected in text, text
    assert "line47112024-02-29T23:00:00Z,61000.0,60900.0,60850.0,61100.0,12.5" in text.replace(" ", "")


def test_a_long_list_is_cut_with_the_number_of_what_is_left_out() -> None:
    file = DETAIL.files[0]
    assert file.gaps is not None
    many = replace(DETAIL, files=(replace(file, gaps=file.gaps * 150),))
    told = [line.plain for line in series_lines(file.row, many, 76)]
    assert sum(line.startswith("20") and line.split()[-1] in ("6", "11") for line in told) == 200
    assert "and 100 older ones: tradeterm data status SYMBOL --json has them all" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (97_210.0, "97,210"),
        (97_210.123456, "97,210.123456"),
        (0.00001234, "0.00001234"),
        (0.00001235, "0.00001235"),
        (1_234_567_890.25, "1,234,567,890.2"),
        (-0.38, "-0.38"),
        (100.0, "100"),
        (None, "-"),
    ],
)
def test_changed_values_keep_the_digits_that_changed(value: float | None, text: str) -> None:
    assert _value(value) == text


def test_what_is_unknown_is_not_none() -> None:
    file = replace(DETAIL.files[0], gaps=None, scattered=None, quarantined=None)
    text = "\n".join(line.plain for line in series_lines(file.row, replace(DETAIL, files=(file,)), 76))
    assert "gaps         unknown" in text
    assert "quarantined  unknown" in text


async def test_the_word_sample_stands_on_the_detail(make_app: MakeApp) -> None:
    app = make_app()
    app.read_series = lambda key: None  # type: ignore[assignment,method-assign]
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        assert "SAMPLE" in str(screen.query_one(".box").border_title)


async def test_values_without_a_range_are_drawn_as_a_line(make_app: MakeApp) -> None:
    app = make_app()
    app.read_series = lambda key: None  # type: ignore[assignment,method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        app.post_message(SeriesRead(KEY, DETAIL, shown_bars(flat=True)))
        await pilot.pause()
        assert any(0x2800 < ord(glyph) <= 0x28FF for glyph in str(chart(app).render()))


async def test_an_instrument_without_a_file_says_what_to_do(make_app: MakeApp, settings: Settings) -> None:
    from tradeterm.views import data

    found = data.build(settings.workspace, NOW, config=settings.config)
    app = make_app(views=VIEWS | {"data": found})
    async with app.run_test() as pilot:
        await pilot.press("1", "enter")
        assert not isinstance(app.screen, SeriesScreen)
        assert "tradeterm data update" in lines(app)


# Beside real files


@pytest.fixture
def watching(workspace: Workspace, settings: Settings) -> TradetermApp:
    """An app that polls its workspace."""
    return TradetermApp(workspace, settings, clock=lambda: NOW)


async def test_a_large_file_is_read_beside_the_loop(watching: TradetermApp, monkeypatch: pytest.MonkeyPatch) -> None:
    store(watching.workspace, MINUTES, 400_000)
    plain, let_go, reading = series.read, threading.Event(), threading.Event()
    threads = []

    def read(*values: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        reading.set()
        assert let_go.wait(60)
        return plain(*values, **options)

    monkeypatch.setattr(series, "read", read)
    async with watching.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "data" in watching.views)
        await pilot.press("1", "slash", *"1m", "enter", "enter")
        await until(pilot, reading.is_set)
        # The file is being read: keys work, the modal opens and closes, the switch trips.
        assert isinstance(watching.screen, SeriesScreen)
        await pilot.press("plus", "left", "0", "down", "escape")
        assert isinstance(watching.screen, WorkScreen)
        await pilot.press("enter", "f9")
        assert watching.workspace.kill_file.exists()
        let_go.set()
        await until(pilot, lambda: chart(watching).view is not None)
        assert threading.main_thread() not in threads
        view = chart(watching).view
        assert view is not None
        assert view.total == 400_000
        assert len(view.candles) <= 80
        # Drawing all of it is a matter of columns.
        await pilot.press(*["minus"] * 20)
        view = chart(watching).view
        assert view is not None
        assert (view.first, view.end, len(view.candles) <= 80) == (0, 400_000, True)


async def test_a_damaged_file_is_a_sentence_in_its_detail(watching: TradetermApp) -> None:
    key = BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.H1)
    store(watching.workspace, key, 3000)
    path = BarStore(watching.workspace.data).path(key)
    whole = path.read_bytes()
    # The footer is whole: only reading the bars finds it.
    path.write_bytes(whole[:200] + bytes(50) + whole[250:])
    async with watching.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "data" in watching.views)
        await pilot.press("1", "slash", *"btc", "enter", "enter")
        await until(pilot, lambda: "reading" not in lines(watching))
        drawn = " ".join(str(chart(watching).render()).split())
        assert drawn.startswith("! ")
        assert "BTC-USDT_1h.parquet" in drawn.replace(" ", "")
        assert "BTC-USDT_1h.parquet" in lines(watching).replace("\n", "")
        assert "Traceback" not in drawn + lines(watching)


async def test_facts_of_another_shape_are_a_sentence_in_the_detail(
    watching: TradetermApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*values: Any, **options: Any) -> Any:
        raise KeyError("found_at")

    monkeypatch.setattr(series, "read", read)
    store(watching.workspace, MINUTES, 10)
    async with watching.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "data" in watching.views)
        await pilot.press("1", "slash", *"1m", "enter", "enter")
        await until(pilot, lambda: "can't be shown (KeyError" in str(chart(watching).render()))


async def test_a_file_that_changes_is_read_again_while_its_detail_is_open(watching: TradetermApp) -> None:
    store(watching.workspace, MINUTES, 500)
    async with watching.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "data" in watching.views)
        await pilot.press("1", "slash", *"1m", "enter", "enter")
        await until(pilot, lambda: "500 bars" in str(chart(watching).render()))
        store(watching.workspace, MINUTES, 900)
        await until(pilot, lambda: "900 bars" in str(chart(watching).render()))


async def test_news_of_another_file_changes_nothing(make_app: MakeApp) -> None:
    app = make_app()
    asked: list[BarKey] = []
    app.read_series = asked.append  # type: ignore[assignment,method-assign]
    async with app.run_test() as pilot:
        await opened(pilot)
        rows = [replace(row, rows=1) if row.symbol == "SPY" else row for row in DATA.series]
        app.take_view("data", replace(DATA, series=tuple(rows)))
        app.post_message(SeriesRead(MINUTES, "another file", None))
        await pilot.pause()
        assert asked == [KEY]
        assert "another file" not in str(chart(app).render())
