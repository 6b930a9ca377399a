"""What the screen and the doctor say of each source, from what was recorded of the questions to it."""

from __future__ import annotations

from typing import Any

import pytest

from tradeterm.config.settings import Settings
from tradeterm.core.market import Timeframe
from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.views import data
from tradeterm.views.refreshes import SourceRow, file_problems, refreshes, source_rows

NOW = from_iso("2026-11-21T01:45:51Z")
# When daily runs are recorded by the stores' own clock.
DAILY = "2026-11-21T00:05:11Z"


def rows(stores: Any, *configured: str, profile: str | None = None) -> dict[str, SourceRow]:
    with Ledger.reader(stores.workspace.results) as ledger:
        return {row.source: row for row in source_rows(refreshes(ledger, profile=profile), configured=configured)}


def daily(stores: Any, *, failed: bool = False, asof: str = "2026-11-21T00:00:00Z", **options: Any) -> None:
    error = [{"bars": "VIX daily", "error": "yahoo VIX: HTTP 503"}] if failed else []
    tries = [{"bars": "VIX daily", "source": "yahoo", "error": "yahoo VIX: HTTP 503"}] if failed else []
    bars = [
        {"bars": "SPY 1h", "source": "alpaca", "last": None},
        {"bars": "VIX daily", "source": "yahoo", "last": None},
    ]
    stores.daily(asof, refresh={"bars": bars, "failed": error, "tries": tries}, **options)


def test_a_source_that_was_never_asked_is_told_as_such(stores: Any) -> None:
    assert rows(stores) == {}
    assert rows(stores, "yahoo")["yahoo"] == SourceRow(
        source="yahoo", tried_ns=None, success_ns=None, files=0, failed=0, problem=None
    )


def test_the_newest_try_of_each_source_counts_whoever_asked(stores: Any) -> None:
    daily(stores, failed=True)
    stores.refresh("update", "2026-11-21T01:00:00Z", {"bars": "VIX daily", "source": "yahoo"})
    found = rows(stores, "yahoo", "alpaca")
    assert (found["yahoo"].tried_ns, found["yahoo"].files, found["yahoo"].failed) == (
        from_iso("2026-11-21T01:00:00Z"),
        1,
        0,
    )
    assert found["yahoo"].success_ns == from_iso("2026-11-21T01:00:00Z")
    # The update asked for one symbol: what is known of the other source is from the daily run before.
    assert (found["alpaca"].tried_ns, found["alpaca"].success_ns) == (from_iso(DAILY), from_iso(DAILY))


def test_an_older_update_does_not_hide_a_daily_run(stores: Any) -> None:
    stores.refresh("update", "2026-11-20T01:00:00Z", {"bars": "VIX daily", "source": "yahoo"})
    daily(stores, failed=True)
    found = rows(stores, "yahoo", "alpaca")
    assert (found["yahoo"].tried_ns, found["yahoo"].failed) == (from_iso(DAILY), 1)
    assert found["yahoo"].problem == "yahoo VIX: HTTP 503"
    assert found["yahoo"].success_ns == from_iso("2026-11-20T01:00:00Z")


def test_a_failed_file_counts_once_against_each_source_that_failed_it(stores: Any) -> None:
    tries = [{"source": "yahoo", "error": "yahoo: slow"}, {"source": "alpaca", "error": "alpaca: no key"}]
    stores.refresh(
        "download",
        "2026-11-21T01:00:00Z",
        {
            "bars": "SPY 1h",
            "source": "yahoo",
            "tries": tries,
            "error": "yahoo: slow; alpaca: no key",
            "state": "failed",
        },
        {"bars": "QQQ 1h", "source": "alpaca", "tries": tries[:1]},
    )
    found = rows(stores)
    assert (found["yahoo"].files, found["yahoo"].failed, found["yahoo"].problem) == (0, 2, "yahoo: slow")
    assert (found["alpaca"].files, found["alpaca"].failed, found["alpaca"].problem) == (1, 1, "alpaca: no key")
    assert found["yahoo"].success_ns is None


@pytest.mark.parametrize(("profile", "seen"), [("paper", {"yahoo"}), ("sample", set()), (None, {"yahoo"})])
def test_refreshes_are_those_of_the_profile(stores: Any, profile: str | None, seen: set[str]) -> None:
    stores.refresh("update", "2026-11-21T01:00:00Z", {"bars": "VIX daily", "source": "yahoo"}, profile="paper")
    assert rows(stores, profile=profile).keys() == seen


def test_the_problem_of_a_file_is_that_of_the_newest_try_for_it(stores: Any) -> None:
    daily(stores, failed=True)
    with Ledger.reader(stores.workspace.results) as ledger:
        assert file_problems(refreshes(ledger)) == {"VIX daily": "yahoo VIX: HTTP 503"}
    stores.refresh("update", "2026-11-21T01:00:00Z", {"bars": "VIX daily", "source": "yahoo"})
    with Ledger.reader(stores.workspace.results) as ledger:
        assert file_problems(refreshes(ledger)) == {}


def test_a_row_tells_that_its_source_failed_also_of_derived_bars(stores: Any, settings: Settings) -> None:
    times = (["2026-11-20T14:30:00Z"], ["2026-11-20T15:30:00Z"])
    stores.store_bars("SPY", Timeframe.H1, *times, source="alpaca")
    stores.store_bars("SPY", Timeframe.H4, *times, source="derived:1h", derived=True)
    stores.store_bars("QQQ", Timeframe.H1, *times, source="alpaca")
    tries = [{"source": "yahoo", "error": "yahoo SPY: HTTP 503"}]
    stores.refresh(
        "update",
        "2026-11-21T01:00:00Z",
        {"bars": "SPY 1h", "source": "alpaca", "tries": tries},
        {"bars": "SPY h4", "source": "alpaca"},
    )
    found = {
        (row.symbol, row.timeframe): row.source_problem
        for row in data.build(stores.workspace, NOW, config=settings.config).series
        if row.timeframe
    }
    assert found == {
        ("SPY", "1h"): "yahoo SPY: HTTP 503",
        ("SPY", "h4"): "yahoo SPY: HTTP 503",
        ("QQQ", "1h"): None,
    }
