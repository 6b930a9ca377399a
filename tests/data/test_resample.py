"""Hand-worked answers, and a second implementation in plain Python over drawn bars."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeterm.core.market import Bars
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, MINUTE_NS, from_iso
from tradeterm.data.calendar import expected_opens, sessions
from tradeterm.data.resample import (
    complete_until,
    in_session,
    opens_of_closes,
    resample_daily,
    resample_h4,
    source_closes,
)

_GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


def _bars(rows: list[list[Any]], calendar: str, step_ns: int) -> Bars:
    ts = np.array([from_iso(row[0]) for row in rows], dtype=np.int64)
    prices = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 5)
    return Bars(
        ts=ts,
        known_at=source_closes(calendar, ts, step_ns),
        open=prices[:, 0],
        high=prices[:, 1],
        low=prices[:, 2],
        close=prices[:, 3],
        volume=prices[:, 4],
    )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _h4_rows(bars: Bars) -> list[list[Any]]:
    assert bars.fill is not None
    assert bars.straddles is not None
    fill = bars.fill
    return [
        [
            int(bars.ts[row]),
            int(bars.known_at[row]),
            *(_plain(float(getattr(bars, name)[row])) for name in ("open", "high", "low", "close", "volume")),
            int(bars.straddles[row]),
            int(fill.at[row]) if fill.at[row] >= 0 else None,
            *(_plain(float(getattr(fill, name)[row])) for name in ("open", "high", "low", "volume")),
        ]
        for row in range(len(bars))
    ]


def _daily_rows(bars: Bars) -> list[list[Any]]:
    return [
        [
            int(bars.ts[row]),
            int(bars.known_at[row]),
            *(float(getattr(bars, name)[row]) for name in ("open", "high", "low", "close", "volume")),
        ]
        for row in range(len(bars))
    ]


def _in_ns(row: list[Any]) -> list[Any]:
    return [from_iso(cell) if isinstance(cell, str) else cell for cell in row]


@pytest.mark.parametrize("path", _GOLDEN, ids=lambda path: path.stem)
def test_bars_of_known_days_match_answers_worked_out_by_hand(path):
    case = json.loads(path.read_text())
    step = case["step_minutes"] * MINUTE_NS
    source = _bars(case["bars"], case["calendar"], step)
    until = from_iso(case["until"]) if "until" in case else complete_until(case["calendar"], source, step)
    assert _h4_rows(resample_h4(source, until)) == [_in_ns(row) for row in case["h4"]]
    assert _daily_rows(resample_daily(source, case["calendar"], until)) == [_in_ns(row) for row in case["daily"]]


def _drawn(calendar: str, step_ns: int, start_day: int, days: int, seed: int, kept: float) -> Bars:
    start = from_iso("2023-10-20") + start_day * DAY_NS
    every = expected_opens(calendar, start, start + days * DAY_NS, step_ns)
    rng = np.random.default_rng(seed)
    ts = every[rng.random(len(every)) < kept]
    body = np.round(rng.uniform(10, 20, (2, len(ts))), 2)
    return Bars(
        ts=ts,
        known_at=source_closes(calendar, ts, step_ns),
        open=body[0],
        close=body[1],
        high=body.max(axis=0) + np.round(rng.random(len(ts)), 2),
        low=body.min(axis=0) - np.round(rng.random(len(ts)), 2),
        volume=rng.integers(0, 1000, len(ts)).astype(np.float64),
    )


def _reference_h4(source: Bars, until: int) -> list[list[Any]]:
    """One loop over bars, one over intervals; nothing shared with the code under test."""
    known: dict[int, list[int]] = {}
    opened: dict[int, list[int]] = {}
    for row in range(len(source)):
        start, close = int(source.ts[row]), int(source.known_at[row])
        g = start - start % H4_NS
        opened.setdefault(g, []).append(row)
        while not g < close <= g + H4_NS:
            g += H4_NS
        known.setdefault(g, []).append(row)
    found = []
    for g in sorted(known.keys() | opened.keys()):
        if g + H4_NS > until:
            continue
        rows, fills = known.get(g, []), opened.get(g, [])
        whole = [row for row in fills if source.known_at[row] <= g + H4_NS]
        lead = fills[:1] if fills and fills[0] not in whole else []
        highs = [float(source.high[row]) for row in whole] + [float(source.open[row]) for row in lead]
        lows = [float(source.low[row]) for row in whole] + [float(source.open[row]) for row in lead]
        crossing = any(source.ts[row] < g for row in rows) or any(source.known_at[row] > g + H4_NS for row in fills)
        found.append(
            [
                g,
                int(source.known_at[rows[-1]]) if rows else g + H4_NS,
                float(source.open[rows[0]]) if rows else None,
                max(float(source.high[row]) for row in rows) if rows else None,
                min(float(source.low[row]) for row in rows) if rows else None,
                float(source.close[rows[-1]]) if rows else None,
                sum(float(source.volume[row]) for row in rows) if rows else None,
                int(crossing),
                int(source.ts[fills[0]]) if fills else None,
                float(source.open[fills[0]]) if fills else None,
                max(highs) if fills else None,
                min(lows) if fills else None,
                sum(float(source.volume[row]) for row in whole) if fills else 0.0,
            ]
        )
    return found


def _reference_daily(source: Bars, calendar: str, until: int) -> list[list[Any]]:
    days = sessions(calendar)
    near = slice(*np.searchsorted(days.open_ns, [from_iso("2023-10-18"), from_iso("2025-01-10")]).tolist())
    found = []
    for start, close in zip(days.open_ns[near].tolist(), days.close_ns[near].tolist(), strict=True):
        rows = [row for row in range(len(source)) if start <= source.ts[row] < close] if close <= until else []
        if rows:
            found.append(
                [
                    start,
                    close,
                    float(source.open[rows[0]]),
                    max(float(source.high[row]) for row in rows),
                    min(float(source.low[row]) for row in rows),
                    float(source.close[rows[-1]]),
                    sum(float(source.volume[row]) for row in rows),
                ]
            )
    return found


_CASES = given(
    calendar=st.sampled_from(["XNYS", "24/7"]),
    minutes=st.sampled_from([15, 30, 60]),
    start_day=st.integers(0, 420),
    days=st.integers(1, 6),
    seed=st.integers(0, 2**32),
    kept=st.sampled_from([0.1, 0.6, 1.0]),
    cut=st.integers(0, 200),
)


@_CASES
def test_h4_bars_equal_those_of_a_plain_loop(calendar, minutes, start_day, days, seed, kept, cut):
    source = _drawn(calendar, minutes * MINUTE_NS, start_day, days, seed, kept)
    until = from_iso("2023-10-20") + start_day * DAY_NS + cut * HOUR_NS
    assert _h4_rows(resample_h4(source, until)) == _reference_h4(source, until)


@_CASES
def test_daily_bars_equal_those_of_a_plain_loop(calendar, minutes, start_day, days, seed, kept, cut):
    source = _drawn(calendar, minutes * MINUTE_NS, start_day, days, seed, kept)
    until = from_iso("2023-10-20") + start_day * DAY_NS + cut * HOUR_NS
    assert _daily_rows(resample_daily(source, calendar, until)) == _reference_daily(source, calendar, until)


@_CASES
def test_no_row_is_known_before_its_last_bar_closes_nor_changed_by_later_bars(
    calendar, minutes, start_day, days, seed, kept, cut
):
    source = _drawn(calendar, minutes * MINUTE_NS, start_day, days, seed, kept)
    until = from_iso("2023-10-20") + start_day * DAY_NS + cut * HOUR_NS
    closed = source.known_at <= until
    early = Bars(**{name: getattr(source, name)[closed] for name in _COLUMNS})
    one, other = resample_h4(early, until), resample_h4(source, until)
    known = ~np.isnan(other.close)
    np.testing.assert_array_equal(one.ts[~np.isnan(one.close)], other.ts[known])
    for name in ("known_at", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(one, name)[~np.isnan(one.close)], getattr(other, name)[known])


_COLUMNS = ("ts", "open", "high", "low", "close", "volume", "known_at")


def test_no_bars_give_no_rows():
    empty = _bars([], "XNYS", HOUR_NS)
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
    source = _bars([[last_open, 1, 1, 1, 1, 1]], calendar, HOUR_NS)
    assert complete_until(calendar, source, HOUR_NS) == from_iso(complete) - 1
