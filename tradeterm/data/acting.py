"""Corporate actions, asked for and stored before the bars, so that no bar stands there without its split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeterm.core.market import AssetClass
from tradeterm.core.time import DAY_NS
from tradeterm.data.provenance import MADE_UP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.core.market import Instrument
    from tradeterm.data.sources import Source
    from tradeterm.store.actions import ActionRestatement, ActionStore

    RestatedActions = Callable[[str, tuple[ActionRestatement, ...], str], object]

__all__ = ["bring_actions"]

# Services book some actions late, and mend others: so far back they are asked for again.
_AGAIN_NS = 90 * DAY_NS


def bring_actions(
    store: ActionStore,
    instrument: Instrument,
    source: Source,
    *,
    whole: bool,
    asof_ns: int,
    restated: RestatedActions | None,
) -> int:
    """Store the actions of an equity up to an instant; return how many are new.

    whole : ask for all there are, not for those since the last time

    Another source than the last time is asked only for what is after that: sources round dividends differently.

    Raises
    ------
    DataError
        When the source doesn't give them.
    """
    if instrument.asset_class is not AssetClass.EQUITY or source.name == MADE_UP:
        return 0
    meta = store.meta(instrument.symbol)
    start = 0
    if meta is not None and meta.source != source.name:
        start = meta.asked_until_ns + 1
    elif meta is not None and not whole:
        start = max(0, meta.asked_until_ns - _AGAIN_NS)
    if start > asof_ns:
        return 0
    found = source.actions(instrument, start, asof_ns)
    merged = store.merge(instrument.symbol, found, source=source.name, start_ns=start, end_ns=asof_ns)
    if merged.restated and restated is not None:
        restated(instrument.symbol, merged.restated, source.name)
    return merged.added
