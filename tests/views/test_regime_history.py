"""Regimes over time, from what daily runs recorded."""

from __future__ import annotations

from typing import Any

from tradeterm.core.time import from_iso, iso_date
from tradeterm.views import regime_history
from tradeterm.views.regime_history import RegimeHistory

ASOF = "2024-09-01T00:00:00Z"
KEY = f"{ASOF}|r0|c0|d0"
CHANGES = (
    ("equity", "2024-03-01", "UNKNOWN", "BULL"),
    ("volatility", "2024-05-01", "LOW", "NORMAL"),
    ("equity", "2024-06-01", "BULL", "UNKNOWN"),
    ("equity", "2024-07-01", "UNKNOWN", "BEAR"),
    ("equity", "2024-10-01", "BEAR", "BULL"),  # of a run of a later day, which isn't the newest
)


def recorded(stores: Any, changes: tuple[tuple[str, str, str, str], ...] = CHANGES) -> None:
    states = {"equity": "BEAR", "volatility": "NORMAL", "crypto": "RISK_ON", "macro": "SLOWDOWN"}
    axes = {axis: {"state": state, "status": "fresh"} for axis, state in states.items()}
    axes["macro"]["status"] = "unknown"
    stores.ledger.append("regime_state", KEY, {"asof": ASOF, "axes": axes})
    for axis, day, before, after in changes:
        ts = f"{day}T00:00:00Z"
        payload = {"axis": axis, "ts": ts, "from": before, "to": after, "value": 1.0, "judged_by": "r0"}
        stores.ledger.append("regime", f"{axis}|{ts}|r0", payload)
    other = {"axis": "equity", "ts": "2024-04-01T00:00:00Z", "from": "BULL", "to": "BEAR", "judged_by": "r9"}
    stores.ledger.append("regime", "equity|2024-04-01T00:00:00Z|r9", other)
    stores.daily(ASOF, predict={"signals": 0, "keys": [], "regime": KEY})


def told(view: RegimeHistory) -> dict[str, list[tuple[str, str, str | None]]]:
    return {
        item.axis: [(iso_date(span.from_ns), iso_date(span.to_ns), span.state) for span in item.spans]
        for item in view.axes
    }


def test_states_follow_one_another_from_the_first_change_to_the_newest_judgement(stores: Any) -> None:
    recorded(stores)
    view = regime_history.build(stores.workspace)
    assert (view.from_ns, view.to_ns) == (from_iso("2024-03-01"), from_iso(ASOF))
    assert told(view) == {
        "equity": [
            ("2024-03-01", "2024-06-01", "BULL"),
            ("2024-06-01", "2024-07-01", None),
            ("2024-07-01", "2024-09-01", "BEAR"),
        ],
        "volatility": [("2024-03-01", "2024-05-01", "LOW"), ("2024-05-01", "2024-09-01", "NORMAL")],
        "crypto": [("2024-03-01", "2024-09-01", "RISK_ON")],
        "macro": [("2024-03-01", "2024-09-01", None)],
    }
    assert [(item.axis, item.after) for item in view.changes] == [
        ("equity", "BEAR"),
        ("equity", "UNKNOWN"),
        ("volatility", "NORMAL"),
        ("equity", "BULL"),
    ]


def test_one_axis_keeps_the_time_of_all_and_lists_its_own_changes(stores: Any) -> None:
    recorded(stores)
    view = regime_history.build(stores.workspace, axis="volatility")
    assert list(told(view)) == ["volatility"]
    assert view.from_ns == from_iso("2024-03-01")
    assert [item.axis for item in view.changes] == ["volatility"]


def test_changes_that_are_too_many_are_counted(stores: Any) -> None:
    words = ("LOW", "NORMAL")
    days = [f"2023-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 13)]
    flips = [("volatility", day, words[n % 2], words[1 - n % 2]) for n, day in enumerate(days)]
    recorded(stores, (*flips, *CHANGES))
    view = regime_history.build(stores.workspace, axis="volatility")
    assert (len(view.changes), view.older) == (100, 45)
    assert iso_date(view.changes[0].ts_ns) == "2024-05-01"


def test_nothing_recorded_is_no_history(stores: Any) -> None:
    view = regime_history.build(stores.workspace)
    assert view.to_json() == {
        "schema": "tradeterm.regimes.v1",
        "from": None,
        "to": None,
        "axes": [],
        "changes": [],
        "older": 0,
    }
