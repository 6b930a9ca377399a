"""Made books as replays: what the engine's readers of a run are given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from books import Book

from tradeterm.engine.regime import FRESH, RegimeFrame
from tradeterm.engine.replay import Ladder, Replay


def quiet_frame(times: np.ndarray) -> RegimeFrame:
    """Regime that stays where it is: BULL, NORMAL, RISK_ON, EXPANSION."""
    shape = (len(times), 4)
    state = np.tile(np.array([2, 1, 1, 2], dtype=np.int8), (len(times), 1))
    return RegimeFrame(
        times=times,
        state=state,
        last=state,
        status=np.full(shape, FRESH, dtype=np.int8),
        age_ns=np.zeros(shape, dtype=np.int64),
        reading=np.ones(shape),
        reference=np.zeros(shape),
    )


def replay_of(book: Book) -> Replay:
    """The run of a made book, with made names."""
    state, record = book.run()
    _, strategies, instruments = book.shape
    names = tuple(f"Strategy{m}_v1" for m in range(strategies))
    classes = tuple(f"class{c}" for c in range(book.classes))
    spec: Any = SimpleNamespace(
        names=names,
        classes=classes,
        members=tuple(SimpleNamespace(budget=1.0) for _ in names),
        instruments=tuple(
            SimpleNamespace(symbol=f"SYM{j}", asset_class=SimpleNamespace(value=classes[int(c)]))
            for j, c in enumerate(book.market.asset_class)
        ),
        rules=(),
        ladder=Ladder(),
        sizing="at_fill" if book.terms.at_fill[0] else "at_decision",
        fill="next_open",
    )
    panel: Any = SimpleNamespace(symbols=tuple(f"SYM{j}" for j in range(instruments)))
    return Replay(
        spec=spec,
        first_row=0,
        panel=panel,
        frame=quiet_frame(book.market.times),
        market=book.market,
        plan=book.plan,
        terms=book.terms,
        state=state,
        record=record,
        holdings=(None,) * strategies,
    )
