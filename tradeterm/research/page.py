"""The page of one daily run, in Markdown: regime, signals, the book and what limits cut, the snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradeterm.engine.regime import AXES
from tradeterm.research.report import SUMMARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["render_page"]

_NOTHING = "-"


def _percent(value: float | None, digits: int = 1) -> str:
    return _NOTHING if value is None else f"{100.0 * value:.{digits}f} %"


def _number(value: float | None, digits: int = 2) -> str:
    return _NOTHING if value is None else f"{value:,.{digits}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" for _ in head) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def render_page(
    *,
    asof: str,
    profile: str,
    made_up: bool,
    signals: Sequence[Mapping[str, Any]],
    regime: Mapping[str, Any],
    book: Mapping[str, Any],
    snapshot: Mapping[str, Any],
) -> str:
    """Return the page as Markdown, from facts alone."""
    made = " SAMPLE: bars are made up." if made_up else ""
    lines = [f"# Daily {asof}", "", f"Profile {profile}.{made}", ""]
    lines += ["## Regime", "", *_regime(regime)]
    lines += ["## Signals", "", *_signals(signals)]
    lines += ["## Book (simulated; no session trades)", "", *_book(book)]
    lines += ["## Backtest snapshot", "", *_snapshot(snapshot)]
    return "\n".join(lines)


def _regime(regime: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            axis,
            entry["state"] if entry["status"] != "unknown" else f"UNKNOWN (shown as {entry['state']})",
            entry["status"],
            entry["since"] or _NOTHING,
            f"{entry['input'] or _NOTHING} {_number(entry['value'])}",
        ]
        for axis in AXES
        if (entry := regime["axes"].get(axis)) is not None
    ]
    lines = _table(["axis", "state", "input is", "since", "input"], rows)
    budgets = [[row["strategy"], _percent(row["base"]), _percent(row["now"])] for row in regime["budgets"]]
    return lines + _table(["budget", "normal", "now"], budgets)


def _signals(signals: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            item["model_version"],
            item["symbol"],
            item["side"],
            _number(item["prob"]),
            _percent(item["ev"], 2),
            str(item["sample"]),
            f"{item['horizon']} {item['timeframe']} bars",
        ]
        for item in signals
    ]
    return _table(["model", "symbol", "side", "prob", "ev", "n", "horizon"], rows)


def _book(book: Mapping[str, Any]) -> list[str]:
    lines = [
        f"NAV {_number(book['nav'])}, ladder {book['ladder']['state']}, "
        f"drawdown {_percent(book['ladder']['drawdown'])}.",
        "",
    ]
    rows = [
        [
            item["symbol"],
            f"{item['quantity']:g}",
            _percent(item["weight"]),
            _percent(item["target"]),
            _order(item),
            ", ".join(f"{name} {_percent(part['after'])}" for name, part in item["strategies"].items()) or _NOTHING,
        ]
        for item in book["positions"]
    ]
    lines += _table(["symbol", "held", "weight", "target", "order at the next open", "by strategy"], rows)
    cuts = [
        [
            item["limit"],
            item["symbol"] or "sum",
            _percent(item["wanted"]),
            _percent(item["cap"]),
            _percent(item["passes"]),
        ]
        for item in book["cuts"]
    ]
    return lines + (_table(["limit that cut", "of", "wanted", "cap", "passes"], cuts) if cuts else [])


def _order(item: Mapping[str, Any]) -> str:
    if item["overdue_hours"]:
        return f"none: bars overdue by {item['overdue_hours'] / 24.0:.0f} days"
    return f"{item['order']:+g}" if item["order"] else _NOTHING


def _snapshot(snapshot: Mapping[str, Any]) -> list[str]:
    if not snapshot["certificate"]:
        return [f"Run {snapshot['run_id']}: the look-ahead certificate failed, so no metrics are shown.", ""]
    metrics = snapshot["metrics"]
    lines = [f"Run {snapshot['run_id']}, certificate ok.", ""]
    return lines + _table(["metric", "value"], [[name, _number(metrics.get(name), 4)] for name in SUMMARY])
