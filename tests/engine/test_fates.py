"""What came of orders: one hand-made case for each word, and the numbers of a cut against the kernel's fills."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from books import Book, hand_book, random_book
from replays import replay_of

from tradeterm.engine.book import NO_FILL
from tradeterm.engine.fates import (
    CLOSED,
    DELISTED,
    ENDS,
    FATES,
    NO_BAR,
    NO_TRADING,
    NO_VOLUME,
    NOT_REACHED,
    SHARE,
    SHORT,
    SPLIT_AWAY,
    WHOLE,
    Fates,
    fates,
)


def fate_of(**given: Any) -> Fates:
    """What came of the orders of a book of one instrument: 500 lots wanted of 100,000 in cash."""
    return fates(replay_of(hand_book([[100.0]] * 2, [[[0.5]]] * 2, **given)))


NAN = math.nan


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param({}, WHOLE, id="whole"),
        pytest.param({"tradable": [[False], [True]]}, CLOSED, id="closed"),
        pytest.param({"fill_open": [[NAN], [100.0]]}, NO_BAR, id="no-bar"),
        pytest.param({"volume": [[0.0], [1.0]]}, NO_TRADING, id="no-trading"),
        pytest.param({"limit": 0.01}, NOT_REACHED, id="not-reached"),
        pytest.param({"share": 0.1}, NO_VOLUME, id="no-volume"),
        pytest.param({"share": 0.1, "volume": 100.0}, SHARE, id="share"),
        pytest.param({"fill_open": [[300.0], [100.0]], "gross_cap": 1.0}, SHORT, id="short"),
        pytest.param({"gone": 0}, DELISTED, id="delisted"),
        pytest.param({"split": [[0.001], [1.0]]}, SPLIT_AWAY, id="split-away"),
    ],
)
def test_every_order_has_its_word(given: dict[str, Any], code: int) -> None:
    found = fate_of(**given)
    assert FATES[int(found.fate[0])] == FATES[code]


def test_the_last_decision_of_a_run_has_no_bar_yet() -> None:
    found = fates(replay_of(hand_book([[100.0]], [[[0.5]]], fill_open=[[NAN]])))
    assert found.fate.tolist() == [ENDS]


def test_cash_that_was_short_is_told_with_what_was_asked_and_what_there_was() -> None:
    found = fate_of(fill_open=[[300.0], [100.0]], gross_cap=1.0)
    shortage = found.shortages[0]
    assert (found.order[0], found.filled[0]) == (500.0, 333.0)
    assert (shortage.limit, shortage.asked, shortage.headroom) == ("cash", 1.5, 1.0)
    assert shortage.passes == pytest.approx(500.0 / 1.5)


def test_the_share_of_the_bar_and_the_limit_are_those_of_the_fill() -> None:
    shared = fate_of(share=0.1, volume=100.0)
    assert (shared.room[0], shared.filled[0], shared.volume[0]) == (10.0, 10.0, 100.0)
    limited = fate_of(limit=0.01, fill_low=[[99.5], [99.5]])
    assert (limited.limit[0], limited.low[0], limited.filled[0]) == (99.0, 99.5, 0.0)
    split = fate_of(limit=0.01, split=[[2.0], [1.0]], fill_open=[[50.0], [50.0]])
    assert split.limit[0] == 49.5
    assert split.order[0] == 1000.0


def busy(seed: int) -> Book:
    """A random book with more room for wishes than for fills: orders are cut by bars, cash and headroom."""
    book = random_book(seed, at_fill=False, shorts=seed % 2 == 0)
    caps = np.minimum(book.terms.gross_cap, 1.0) if seed % 2 == 0 else np.ones_like(book.terms.gross_cap)
    return book.but(gross_cap=caps, band=np.zeros(1))


def reduction(position: float, order: float) -> float:
    return math.copysign(min(abs(order), abs(position)), order) if order * position < 0.0 else 0.0


@pytest.mark.parametrize("seed", range(60))
def test_filled_lots_follow_from_what_is_told_of_each_order(seed: int) -> None:
    run = replay_of(busy(seed))
    found, market = fates(run), run.market
    told = 0
    for k, (row, j) in enumerate(zip(found.rows.tolist(), found.columns.tolist(), strict=True)):
        order, filled = float(found.order[k]), float(found.filled[k])
        assert abs(filled) <= abs(order) * (1 + 1e-12)
        assert filled * order >= 0.0
        assert (found.fate[k] == WHOLE) == (order != 0.0 and abs(filled) >= abs(order) * (1 - 1e-12))
        if found.fate[k] not in (WHOLE, SHARE, SHORT):
            assert filled == 0.0
        if found.fate[k] == SHARE:
            assert abs(filled) == pytest.approx(found.room[k])
        if found.fate[k] == SHORT:
            told += 1
            shortage = found.shortages[k]
            assert shortage.asked > shortage.headroom >= 0.0
            ratio = float(market.split[row, j]) if market.split.shape[0] else 1.0
            cut = reduction(float(run.record.position[0, row, j]) * ratio, order)
            rest = min(abs(order - cut), found.room[k] - abs(cut))
            fits = rest * shortage.headroom / shortage.asked
            step = 1.0 if market.rounds[j] else 0.0
            assert abs(filled - cut) == pytest.approx(fits, abs=step + 1e-6)
            assert shortage.passes <= rest
    assert set(found.shortages) == set(np.flatnonzero(found.fate == SHORT).tolist())
    assert told == len(found.shortages)


def test_the_random_books_have_orders_of_every_kind() -> None:
    seen: set[int] = set()
    limits: set[str] = set()
    for seed in range(60):
        found = fates(replay_of(busy(seed)))
        seen |= set(found.fate.tolist())
        limits |= {shortage.limit.partition(" ")[0] for shortage in found.shortages.values()}
    assert seen >= {WHOLE, CLOSED, NO_BAR, NO_TRADING, NOT_REACHED, SHARE, SHORT}
    assert limits == {"cash", "gross", "class"}


@pytest.mark.parametrize("seed", range(20))
def test_an_order_that_the_bar_would_not_fill_is_one_the_kernel_did_not_fill(seed: int) -> None:
    run = replay_of(busy(seed))
    found = fates(run)
    if len(run.record.how[0]):
        how = run.record.how[0][found.rows, found.columns]
        assert ((how == NO_FILL) == (found.filled == 0.0)).all()
