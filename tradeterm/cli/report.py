"""The report of a daily run on a terminal, from its document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradeterm.cli.output import money, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.cli.output import Page

__all__ = ["show_report"]

_SUMMARY = ("total_return", "cagr", "sharpe", "max_drawdown", "trades", "win_rate", "bps_score")


def show_report(page: Page, report: Mapping[str, Any]) -> None:
    """Show problems first, then what would be traded, and what it rests on."""
    for line in report["problems"]:
        page.line(f"! {line}")
    for item in report["drift"]:
        if item["band"] in ("moderate", "major"):
            page.line(f"! {item['strategy']}: {item['feature']} drifted, {item['measure']} {item['value']:.2f}")
    _orders(page, report)
    _signals(page, report)
    _regime(page, report)
    _portfolio(page, report)
    _snapshot(page, report)
    rows = [
        (item.get("model_version", item["strategy"]), item["content_hash"][:12], _training(item))
        for item in report["models"]
    ]
    page.line()
    page.table(("model in use", "code", "training"), rows)


def _orders(page: Page, report: Mapping[str, Any]) -> None:
    if report["orders"] is None:
        return
    page.line()
    page.line("tomorrow's orders, at the next open (simulated; no session trades)", style="bold")
    rows = [
        (
            item["symbol"],
            item["side"],
            f"{abs(item['quantity']):g}",
            money(item["price"]),
            money(item["notional"]),
            money(item["cost"]),
            f"{percent(item['weight'])} to {percent(item['target'])}",
            ", ".join(item["limits"]) or None,
        )
        for item in report["orders"]
    ]
    page.table(("symbol", "side", ">quantity", ">last close", ">notional", ">cost", "weight", "binds"), rows)


def _signals(page: Page, report: Mapping[str, Any]) -> None:
    if report["signals"] is not None:
        rows = [
            (item["symbol"], item["side"], item["prob"], percent(item["ev"]), item["sample"], item["model_version"])
            for item in report["signals"]
        ]
        page.line()
        page.table(("signal", "side", ">prob", ">ev", ">n", "model"), rows)
    if report["matured"]:
        rows = [
            (
                item["signal"]["ts"],
                item["signal"]["symbol"],
                item["signal"]["side"],
                item["signal"]["prob"],
                percent(item["outcome"]["net"], signed=True),
                item["outcome"]["hit"],
            )
            for item in report["matured"]
        ]
        page.line()
        page.table(("matured since yesterday", "symbol", "side", ">prob", ">net", "hit"), rows)


def _regime(page: Page, report: Mapping[str, Any]) -> None:
    if report["regime"] is None:
        return
    page.line()
    states = [
        f"{axis} {'UNKNOWN' if item['status'] == 'unknown' else item['state']}"
        for axis, item in report["regime"]["axes"].items()
    ]
    page.line("regime: " + ", ".join(states))
    for item in report["regime_changes"]:
        page.line(f"changed: {item['axis']} {item['from']} to {item['to']} at {item['ts']}")


def _portfolio(page: Page, report: Mapping[str, Any]) -> None:
    book = report["book"]
    if book is None:
        return
    rows = [
        (item["symbol"], f"{item['quantity']:g}", percent(item["weight"]), percent(item["target"]))
        for item in book["positions"]
    ]
    page.line()
    page.table(("portfolio", ">held", ">weight", ">target"), rows)
    page.line(f"NAV {money(book['nav'])}, ladder {book['ladder']['state']}, gross {percent(book['gross'])}")
    for item in book["cuts"]:
        page.line(
            f"cut by {item['limit']}: {item['symbol'] or 'the sum'} wanted {percent(item['wanted'])}, "
            f"{percent(item['passes'])} passes (cap {percent(item['cap'])})"
        )


def _snapshot(page: Page, report: Mapping[str, Any]) -> None:
    snapshot, before = report["snapshot"], report["before"]
    if snapshot is None:
        return
    page.line()
    if not snapshot["certificate"]:
        page.line(f"! backtest {snapshot['run_id']}: the look-ahead certificate failed, no metrics are shown")
        return
    then = (before or {}).get("metrics") or {}
    rows = [(name, snapshot["metrics"].get(name), then.get(name)) for name in _SUMMARY]
    page.table((f"backtest {snapshot['run_id']}", ">now", f">{before['asof'] if before else 'day before'}"), rows)


def _training(item: Mapping[str, Any]) -> str:
    if not item["learned"]:
        return "rules, nothing to train"
    if item["trained"]:
        return f"trained tonight ({item['due']})"
    return f"due ({item['due']}), not trained" if item["due"] else "not due"
