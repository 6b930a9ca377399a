"""The page of one daily run, in Markdown: orders, signals, outcomes, regime, book, snapshot, problems, models."""

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


def render_page(report: Mapping[str, Any]) -> str:
    """Return the page as Markdown, from the report's document alone; a part that is None was not asked for."""
    made = " SAMPLE: bars are made up." if report["made_up"] else ""
    lines = [f"# Daily {report['asof']}", "", f"Profile {report['profile']}, run {report['daily_id']}.{made}", ""]
    if report["problems"]:
        lines += ["## Data problems", "", *(f"- {line}" for line in report["problems"]), ""]
    if report["orders"] is not None:
        lines += ["## Tomorrow's orders (simulated; no session trades)", "", *_orders(report["orders"])]
    if report["signals"] is not None:
        lines += ["## Signals", "", *_signals(report["signals"])]
    lines += ["## Outcomes of the last day", "", *_matured(report["matured"])]
    if report["regime"] is not None:
        lines += ["## Regime", "", *_regime(report["regime"]), *_changes(report["regime_changes"])]
    if report["book"] is not None:
        lines += ["## Target portfolio", "", *_book(report["book"])]
    if report["snapshot"] is not None:
        lines += ["## Backtest snapshot", "", *_snapshot(report["snapshot"], report["before"])]
    lines += ["## Models in use", "", *_models(report["models"]), *_drift(report["drift"])]
    return "\n".join(lines)


def _orders(orders: Sequence[Mapping[str, Any]]) -> list[str]:
    if not orders:
        return ["None: the book is where it should be, within its band.", ""]
    rows = [
        [
            item["symbol"],
            item["side"],
            f"{abs(item['quantity']):g}",
            _number(item["price"]),
            _number(item["notional"]),
            _number(item["cost"]),
            f"{_percent(item['weight'])} to {_percent(item['target'])}",
            ", ".join(item["limits"]) or _NOTHING,
        ]
        for item in orders
    ]
    return _table(["symbol", "side", "quantity", "last close", "notional", "cost", "weight", "limit that binds"], rows)


def _matured(matured: Sequence[Mapping[str, Any]]) -> list[str]:
    if not matured:
        return ["None has matured.", ""]
    rows = [
        [
            item["signal"]["ts"],
            item["signal"]["model_version"],
            item["signal"]["symbol"],
            item["signal"]["side"],
            _number(item["signal"]["prob"]),
            _percent(item["outcome"]["net"], 2),
            {True: "hit", False: "miss", None: _NOTHING}[item["outcome"]["hit"]],
        ]
        for item in matured
    ]
    return _table(["decided", "model", "symbol", "side", "prob", "net", ""], rows)


def _changes(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    if not changes:
        return ["No change in the last day.", ""]
    rows = [[item["ts"], item["axis"], item["from"], item["to"], _number(item["value"])] for item in changes]
    return _table(["changed", "axis", "from", "to", "reading"], rows)


def _models(models: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            item.get("model_version", item["strategy"]),
            item["content_hash"][:12],
            _percent(item["budget"], 0),
            _training(item),
        ]
        for item in models
    ]
    return _table(["model", "code", "budget", "training"], rows)


def _training(item: Mapping[str, Any]) -> str:
    if not item["learned"]:
        return "rules, nothing to train"
    if item["trained"]:
        return f"trained tonight ({item['due']})"
    return f"due ({item['due']}), not trained" if item["due"] else "not due"


def _drift(drift: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        [item["strategy"], item["feature"], item["measure"], _number(item["value"]), str(item["n"]), item["band"]]
        for item in drift
    ]
    return _table(["drift of", "feature", "measure", "value", "n", "is"], rows) if rows else []


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


def _snapshot(snapshot: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[str]:
    if not snapshot["certificate"]:
        return [f"Run {snapshot['run_id']}: the look-ahead certificate failed, so no metrics are shown.", ""]
    metrics, then = snapshot["metrics"], (before or {}).get("metrics") or {}
    lines = [f"Run {snapshot['run_id']}, certificate ok.{_compared(before)}", ""]
    rows = [
        [
            name,
            _number(metrics.get(name), 4),
            _number(then.get(name), 4),
            _difference(metrics.get(name), then.get(name)),
        ]
        for name in SUMMARY
    ]
    return lines + _table(["metric", "value", "day before", "difference"], rows)


def _compared(before: Mapping[str, Any] | None) -> str:
    if before is None:
        return " No earlier snapshot to compare with."
    changed = f" ({' and '.join(before['changed'])} changed since)" if before["changed"] else ""
    return f" Beside it run {before['run_id']} of {before['asof']}{changed}."


def _difference(now: float | None, then: float | None) -> str:
    return _NOTHING if now is None or then is None else f"{now - then:+,.4f}"
