"""Hand-worked answers, and a second implementation in plain Python over drawn bars of every exchange."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from golden_years import Session, golden_sessions
from hypothesis import given
from hypothesis import strategies as st
from rows import daily_rows, h4_rows

from tradeterm.core.exchanges import CALENDARS
from tradeterm.core.market import Bars
from tradeterm.core.time import H4_NS, HOUR_NS, MINUTE_NS, from_iso
from tradeterm.data.resample import (
    complete_until,
    in_session,
    opens_of_closes,
    resample_daily,
    resample_h4,
    source_closes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Source bars in plain Python: open of each, then open, high, low, close, volume."""

    calendar: str
    step: int
    sessions: tuple[Session, ...]
    rows: dict[int, tuple[float, ...]]
    until: int

    @property
    def closes(self) -> dict[int, int]:
        """When each bar closes: its length later, at the latest where trading ends or the next bar opens."""
        found = {}
        opens = list(self.rows)
        for place, opened in enumerate(opens):
            ends = [last for item in self.sessions for first, last in item.stretches if first <= opened < last]
            following = opens[place + 1 : place + 2]
            found[opened] = min(opened + self.step, *ends, *following)
        return found

    @property
    def bars(self) -> Bars:
        """The same as the program has them."""
        ts = np.array(list(self.rows), dtype=np.int64)
        prices = np.array(list(self.rows.values()), dtype=np.float64).reshape(len(ts), 5)
        names = ("open", "high", "low", "close", "volume")
        cells = {name: prices[:, place] for place, name in enumerate(names)}
        return Bars(ts=ts, known_at=source_closes(self.calendar, ts, self.step), **cells)


@st.composite
def markets(draw: st.DrawFn) -> Drawn:
    """A few sessions of any exchange, of any year that there is an answer file of, with holes."""
    calendar = draw(st.sampled_from(CALENDARS))
    step = draw(st.sampled_from([1, 5, 15, 30, 60])) * MINUTE_NS
    year = draw(st.sampled_from(sorted(golden_sessions(calendar))))
    every = golden_sessions(calendar)[year]
    first = draw(st.integers(0, len(every) - 1))
    held = every[first : first + draw(st.integers(1, 2 if step == MINUTE_NS else 6))]
    # Bars are counted from where trading begins, or from half a bar later: on the clock where it begins at :30.
    shift = draw(st.sampled_from([0, 0, step // 2]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kept = draw(st.sampled_from([0.05, 0.6, 1.0]))
    rows = {}
    for opened in (at for item in held for start, end in item.stretches for at in range(start + shift, end, step)):
        if rng.random() < kept:
            body = np.round(rng.uniform(10, 20, 2), 2)
            wicks = np.round(rng.random(2), 2)
            high, low = max(body) + wicks[0], min(body) - wicks[1]
            rows[opened] = tuple(map(float, (body[0], high, low, body[1], rng.integers(0, 1000))))
    until = held[0].open_ns + draw(st.integers(0, 200)) * HOUR_NS
    return Drawn(calendar=calendar, step=step, sessions=held, rows=rows, until=until)


def _reference_h4(drawn: Drawn) -> list[list[Any]]:
    """One loop over bars, one over intervals; nothing shared with the code under test."""
    closes = drawn.closes
    known: dict[int, list[int]] = {}
    opened: dict[int, list[int]] = {}
    for ts, close in closes.items():
        g = ts - ts % H4_NS
        opened.setdefault(g, []).append(ts)
        while not g < close <= g + H4_NS:
            g += H4_NS
        known.setdefault(g, []).append(ts)
    found = []
    for g in sorted(known.keys() | opened.keys()):
        if g + H4_NS > drawn.until:
            continue
        bars, fills = known.get(g, []), opened.get(g, [])
        whole = [ts for ts in fills if closes[ts] <= g + H4_NS]
        lead = fills[:1] if fills and fills[0] not in whole else []
        highs = [drawn.rows[ts][1] for ts in whole] + [drawn.rows[ts][0] for ts in lead]
        lows = [drawn.rows[ts][2] for ts in whole] + [drawn.rows[ts][0] for ts in lead]
        crossing = any(ts < g for ts in bars) or any(closes[ts] > g + H4_NS for ts in fills)
        found.append(
            [
                g,
                closes[bars[-1]] if bars else g + H4_NS,
                *(_together(drawn, bars) if bars else [None] * 5),
                int(crossing),
                fills[0] if fills else None,
                drawn.rows[fills[0]][0] if fills else None,
                max(highs) if fills else None,
                min(lows) if fills else None,
                sum(drawn.rows[ts][4] for ts in whole) if whole else None if fills else 0.0,
            ]
        )
    return found


def _together(drawn: Drawn, bars: list[int]) -> list[float]:
    rows = [drawn.rows[ts] for ts in bars]
    return [rows[0][0], max(row[1] for row in rows), min(row[2] for row in rows), rows[-1][3], sum(r[4] for r in rows)]


def _reference_daily(drawn: Drawn) -> list[list[Any]]:
    found = []
    for item in drawn.sessions:
        bars = [ts for ts in drawn.rows if item.open_ns <= ts < item.close_ns]
        if bars and item.close_ns <= drawn.until:
            found.append([item.open_ns, item.close_ns, *_together(drawn, bars)])
    return found


@given(markets())
def test_h4_bars_equal_those_of_a_plain_loop(drawn: Drawn) -> None:
    assert h4_rows(resample_h4(drawn.bars, drawn.until)) == _reference_h4(drawn)


@given(markets())
def test_daily_bars_equal_those_of_a_plain_loop(drawn: Drawn) -> None:
    assert daily_rows(resample_daily(drawn.bars, drawn.calendar, drawn.until)) == _reference_daily(drawn)


@given(markets())
def test_no_row_is_known_before_its_last_bar_closes_nor_changed_by_later_bars(drawn: Drawn) -> None:
    source, until = drawn.bars, drawn.until
    closed = source.known_at <= until
    early = Bars(**{name: getattr(source, name)[closed] for name in _COLUMNS})
    one, other = resample_h4(early, until), resample_h4(source, until)
    known = ~np.isnan(other.close)
    np.testing.assert_array_equal(one.ts[~np.isnan(one.close)], other.ts[known])
    for name in ("known_at", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(one, name)[~np.isnan(one.close)], getattr(other, name)[known])


_COLUMNS = ("ts", "open", "high", "low", "close", "volume", "known_at")


def _bars(calendar: str, *opens: str) -> Bars:
    ts = _ns(*opens)
    ones = np.ones(len(ts))
    known_at = source_closes(calendar, ts, HOUR_NS)
    return Bars(ts=ts, known_at=known_at, open=ones, high=ones, low=ones, close=ones, volume=ones)


def test_no_bars_give_no_rows():
    empty = _bars("XNYS")
    assert complete_until("XNYS", empty, HOUR_NS) == 0
    assert len(resample_h4(empty, from_iso("2024-01-01"))) == 0
    assert len(resample_daily(empty, "XNYS", from_iso("2024-01-01"))) == 0


def _ns(*texts: str) -> np.ndarray:
    return np.array([from_iso(text) for text in texts], dtype=np.int64)


def test_a_bar_ends_with_its_session_or_where_the_next_one_opens():
    opens = _ns("2024-11-27T19:30Z", "2024-11-27T20:30Z", "2024-11-29T14:30Z", "2024-11-29T15:00Z", "2024-11-29T17:30Z")
    closes = _ns(
        "2024-11-27T20:30Z", "2024-11-27T21:00Z", "2024-11-29T15:00Z", "2024-11-29T16:00Z", "2024-11-29T18:00Z"
    )
    np.testing.assert_array_equal(source_closes("XNYS", opens, HOUR_NS), closes)


def test_extended_hours_are_those_before_the_open_and_from_the_close_on():
    opens = _ns(
        "2024-03-08T14:00Z",
        "2024-03-08T14:30Z",
        "2024-03-08T20:59Z",
        "2024-03-08T21:00Z",
        "2024-03-09T15:00Z",
        "2024-07-04T15:00Z",
        "2025-01-09T15:00Z",
        "2024-11-29T18:30Z",
    )
    assert in_session("XNYS", opens).tolist() == [False, True, True, False, False, False, False, False]
    assert in_session("24/7", opens).all()


def test_close_labels_give_opens_that_never_overlap_the_bar_before():
    closes = _ns(
        "2024-03-08T14:00Z", "2024-03-08T14:30Z", "2024-03-08T15:30Z", "2024-03-08T15:30Z", "2024-03-11T14:30Z"
    )
    opens = _ns("2024-03-08T13:00Z", "2024-03-08T14:00Z", "2024-03-08T14:30Z", "2024-03-08T14:30Z", "2024-03-11T13:30Z")
    np.testing.assert_array_equal(opens_of_closes(closes, HOUR_NS), opens)


@pytest.mark.parametrize(
    ("calendar", "last_open", "complete"),
    [
        ("24/7", "2025-10-06T17:00Z", "2025-10-06T19:00Z"),
        ("XNYS", "2024-03-08T14:30Z", "2024-03-08T16:30Z"),
        ("XNYS", "2024-03-08T19:30Z", "2024-03-08T21:00Z"),
        ("XNYS", "2024-03-08T20:30Z", "2024-03-11T14:30Z"),
        ("XNYS", "2024-07-03T16:30Z", "2024-07-05T14:30Z"),
    ],
)
def test_nothing_is_missing_until_the_next_bar_would_have_closed(calendar, last_open, complete):
    source = _bars(calendar, last_open)
    assert complete_until(calendar, source, HOUR_NS) == from_iso(complete) - 1
