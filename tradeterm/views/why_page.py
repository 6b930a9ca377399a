"""The answer to "why" as a page that is read from top to bottom: sections of sentences and tables, for every face."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradeterm.core.time import from_ns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradeterm.engine.explain import Asked, Met, Why
    from tradeterm.views.why import Fill, OrderFate, WhyView

__all__ = ["Section", "sections"]

_NOTHING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, sentences, and a table; a column that begins with ``>`` is aligned right.

    marked : rows of the table that made something smaller; warned : whether the sentences are a warning
    """

    title: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    marked: frozenset[int] = frozenset()
    warned: bool = False


def sections(view: WhyView) -> tuple[Section, ...]:
    """Lay out one answer, in the order of the steps."""
    found = [_when(view), _regime(view.why), _wishes(view.why)]
    if not view.why.idle:
        found += [_limits(view.why), _weight(view.why), _order(view)]
    return (*found, _read(view))


def _percent(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}%}" if math.isfinite(value) else _NOTHING


def _number(value: float) -> str:
    if not math.isfinite(value):
        return _NOTHING
    text = f"{value:,.8f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _money(value: float) -> str:
    return f"{value:,.2f}" if math.isfinite(value) else _NOTHING


def _instant(ns: int) -> str:
    return from_ns(ns).strftime("%Y-%m-%d %H:%MZ")


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _when(view: WhyView) -> Section:
    lines = []
    warned = view.sample is True or view.fill_at == "close"
    if view.sample:
        lines.append("SAMPLE: bars are made up")
    if view.fill_at == "close":
        lines.append("OPTIMISTIC: fills at the last close, which the decision has already seen")
    if view.asked_ns != view.decision_ns:
        lines.append(
            f"asked for {_instant(view.asked_ns)}; the newest decision by then is {_instant(view.decision_ns)}"
        )
    if view.decision_ns != view.stands_ns:
        lines.append(
            f"at {_instant(view.decision_ns)} the decision of {_instant(view.stands_ns)} stands: "
            "wishes, limits and lots are those of then; so is what follows"
        )
    why = view.why
    lines.append(
        f"NAV {_money(why.nav)}, drawdown {_percent(why.drawdown, 2)}, ladder {why.ladder}"
        if math.isfinite(why.nav)
        else "NAV is unknown: what is held may be reduced, nothing is added"
    )
    return Section(
        title=f"{view.symbol} at {_instant(view.stands_ns)}, run {view.run_id}", lines=tuple(lines), warned=warned
    )


def _regime(why: Why) -> Section:
    rows = tuple(
        (
            axis.axis,
            axis.state if axis.status != "unknown" else f"UNKNOWN, as {axis.state}",
            axis.status if axis.status == "fresh" or axis.last is None else f"{axis.status}, last {axis.last}",
            _number(axis.reading),
            _number(axis.reference),
        )
        for axis in why.regime
    )
    return Section(title="Regime", columns=("axis", "state", "input is", ">reading", ">against"), rows=rows)


def _wishes(why: Why) -> Section:
    if why.idle:
        return Section(title="Wishes", lines=("no strategy asked for it, and nothing was held",))
    concerned = [asked for asked in why.asked if asked.weight or asked.before or asked.held]
    lines = [line for asked in concerned for line in _reasons(asked)]
    rows = tuple(
        (
            asked.strategy,
            _percent(asked.weight),
            _percent(asked.budget),
            _number(asked.multiplier),
            _percent(asked.wish),
            _percent(asked.before),
            _percent(asked.held),
        )
        for asked in why.asked
    )
    total = ("net", "", "", "", "", _percent(why.desired), _percent(why.position))
    columns = ("strategy", ">weight", ">budget", ">override", ">wish", ">asks for", ">holds")
    return Section(title="Wishes: weight x budget x override", lines=tuple(lines), columns=columns, rows=(*rows, total))


def _reasons(asked: Asked) -> list[str]:
    """Why a budget isn't the configured one, and what a person has set."""
    lines = []
    if asked.because:
        lines.append(f"{asked.strategy}: budget {_percent(asked.base, 2)} cut by {_joined(asked.because)}")
    if asked.multiplier != 1.0:
        lines.append(f"{asked.strategy}: override x{asked.multiplier:g}")
    if asked.flag:
        lines.append(f"{asked.strategy}: {asked.flag}")
    return lines


def _limits(why: Why) -> Section:
    lines = []
    if not why.movable:
        lines.append("it can't trade before the next decision: what it holds takes room from the others")
    elif why.passes is not None and math.isfinite(why.passes):
        lines.append(f"the largest net size that no limit would cut is {_percent(why.passes)}, all else equal")
    lines += [f"{met.limit} is as tight as that by {_joined(met.because)}" for met in why.met if met.because]
    return Section(
        title="Limits, in their order; sizes of NAV",
        lines=tuple(lines),
        columns=("limit", "", ">value", ">wanted", ">headroom", ">would pass", ">before", ">after"),
        rows=tuple(map(_met, why.met)),
        marked=frozenset(place for place, met in enumerate(why.met) if met.cut),
    )


def _met(met: Met) -> tuple[str, ...]:
    ladder = met.limit.startswith("ladder")
    return (
        met.limit,
        f"CUT x{met.factor:.4g}" if met.cut else "ok",
        f"x{met.cap:g}" if ladder else _percent(met.cap, 2),
        _percent(met.wanted),
        _percent(met.headroom),
        _NOTHING if met.passes is None else _percent(met.passes),
        _percent(met.before),
        _percent(met.after),
    )


def _weight(why: Why) -> Section:
    rows = (
        ("net wish", _percent(why.desired)),
        ("x what limits leave", f"{why.scale:.6f}"),
        ("= final weight", _percent(why.target)),
        ("held", _percent(why.position)),
        ("delta", f"{why.delta:+.3%}" if math.isfinite(why.delta) else _NOTHING),
    )
    return Section(title="Weight", columns=("", ">of NAV"), rows=rows)


def _order(view: WhyView) -> Section:
    why, order = view.why, view.order
    lines = [f"close {_number(why.mark)}; {_number(why.quantity)} held, {_number(why.aim)} wanted in whole lots"]
    if order is None:
        lines.append(f"no order: {why.kept}" if why.kept else "no order")
        return Section(title="Order and fill", lines=tuple(lines))
    side = "BUY" if why.order > 0.0 else "SELL"
    kind = "at the market" if not math.isfinite(why.limit) else f"limit {_number(why.limit)}"
    lines.append(f"order: {side} {_number(abs(why.order))} {kind}")
    if not math.isclose(order.quantity, why.order, rel_tol=1e-9):
        lines.append(f"after the split before the fill: {_number(abs(order.quantity))}")
    if view.fill is not None:
        lines += _filled(view.fill)
    if order.because:
        lines += _unfilled(order)
    return Section(title="Order and fill", lines=tuple(lines), marked=frozenset(), warned=bool(order.because))


def _filled(fill: Fill) -> list[str]:
    return [
        f"filled: {fill.side} {_number(fill.quantity)} at {_number(fill.price)} ({fill.how}), "
        f"the bar that opens {_instant(fill.at_ns)}",
        f"notional {_money(fill.notional)}, fee {_money(fill.fee)}, slippage {_money(fill.slippage)}",
    ]


def _unfilled(order: OrderFate) -> list[str]:
    filled, size = abs(order.filled), abs(order.quantity)
    found = [f"{_number(filled)} of {_number(size)} filled: {order.because}"]
    if order.limit is not None and order.low is not None and order.high is not None and not filled:
        found.append(f"limit {_number(order.limit)}; the bar traded {_number(order.low)} to {_number(order.high)}")
    if order.room is not None:
        volume = _NOTHING if order.volume is None else _number(order.volume)
        found.append(f"its bar traded {volume}; an order may take {_number(order.room)} of it, so that much passes")
    if order.shortage is not None:
        short = order.shortage
        found.append(
            f"{short.limit}: {_percent(short.asked)} asked by all increases of that instant, "
            f"{_percent(short.headroom)} there; {_number(short.passes)} of this one would have passed whole"
        )
    return found


def _read(view: WhyView) -> Section:
    rows = tuple(
        (
            item.symbol,
            item.timeframe,
            f"{item.rows:,}",
            (item.first or "")[:10],
            (item.last or "")[:10],
            item.fingerprint,
        )
        for item in view.read
    )
    lines = tuple(f"{name} {value}" for name, value in view.hashes.items())
    return Section(
        title="What was read",
        lines=lines,
        columns=("symbol", "bars", ">rows", "first", "last", "fingerprint"),
        rows=rows,
    )
