"""One page of HTML per run: pictures, tables and the definition of every word in it; needs no other file.

Colours are those of the reader's own light or dark setting. There is no script, and nothing is fetched.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from tradeterm.core.time import iso
from tradeterm.research.performance import BOOK
from tradeterm.research.plots import GRID, INK, PICTURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tradeterm.research.performance import ByState, Performance

__all__ = ["render_html"]

_DASH = "–"
_MOST_TRIPS = 200
_TILES = (
    ("total_return", "total return"),
    ("cagr", "CAGR"),
    ("volatility", "volatility"),
    ("sharpe", "Sharpe"),
    ("sortino", "Sortino"),
    ("max_drawdown", "max drawdown"),
    ("calmar", "Calmar"),
    ("win_rate", "win rate"),
    ("trades", "round trips"),
    ("exposure", "exposure"),
    ("turnover", "turnover a year"),
    ("bps_score", "BPS score"),
)
_PERCENTS = frozenset(
    (
        *("total_return", "cagr", "volatility", "max_drawdown", "var_95", "cvar_95", "psr", "best_day", "worst_day"),
        *("win_rate", "exposure", "time_in_market", "turnover", "alpha", "tracking_error"),
    )
)
_CSS = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #23262b; --faint: #6b7178; --line: #d9dce1;
  --card: #f5f6f8; --warn: #a8431a; --good: #2f6fb3; }
@media (prefers-color-scheme: dark) { :root { --ground: #15181c; --ink: #e4e6e9; --faint: #9aa1a9; --line: #343a41;
  --card: #1e2227; --warn: #ef9466; --good: #7db4ec; } }
body { margin: 0 auto; max-width: 1080px; padding: 1.5rem; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.45rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .2rem 0; } .faint { color: var(--faint); } .warn { color: var(--warn); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.tile { background: var(--card); border-radius: .4rem; padding: .5rem .7rem; }
.tile b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.tile span { color: var(--faint); font-size: .85rem; }
figure { margin: 1.4rem 0; } figure svg { width: 100%; height: auto; font-family: inherit; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--faint); font-weight: 500; } td.word, th.word { text-align: left; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; font-size: .85rem; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
"""


def render_html(
    *,
    run_id: str,
    name: str,
    facts: Mapping[str, str],
    warnings: Sequence[str],
    certificate: str,
    found: Performance | None,
    pictures: Mapping[str, bytes],
) -> str:
    """Return the page.

    facts : what the run was made with, by name; warnings : what a reader must not overlook
    found : None when the certificate failed: then there is no number on the page
    pictures : SVG by the names of ``PICTURES``
    """
    body = [f"<h1>{escape(name)} <span class='faint'>run {escape(run_id)}</span></h1>"]
    body += [f"<p class='warn'>{escape(text)}</p>" for text in warnings]
    body += [f"<p>{escape(certificate)}</p>"]
    body += [f"<p class='faint'>{escape(key)}: {escape(text)}</p>" for key, text in facts.items()]
    if found is not None:
        body += _tiles(found)
        body += [_figure(key, title, pictures[key]) for key, (title, _) in PICTURES.items() if key in pictures]
        body += ["<h2>Metrics</h2>", _metrics(found), "<h2>Against benchmarks</h2>", _benchmarks(found)]
        body += ["<h2>Returns by month</h2>", _months(found), "<h2>By regime</h2>", _regimes(found)]
        body += ["<h2>Under stress</h2>", _stress(found)] if found.stress else []
        body += ["<h2>Round trips of the book</h2>", *_trips(found)]
        body += ["<h2>Assumptions</h2>", *(f"<p>{escape(text)}</p>" for text in found.assumptions)]
        body += ["<h2>Conventions</h2>", _conventions(found.conventions)]
    title = f"{escape(name)} {escape(run_id)}"
    return (
        "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{title}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _tiles(found: Performance) -> list[str]:
    tiles = [
        f"<div class='tile'><b>{_value(key, found.metrics.get(key))}</b><span>{label}</span></div>"
        for key, label in _TILES
    ]
    return ["<div class='tiles'>", *tiles, "</div>"]


def _figure(name: str, title: str, svg: bytes) -> str:
    return f"<figure aria-label='{escape(title)}'>{inlined(name, svg.decode())}</figure>"


def inlined(name: str, svg: str) -> str:
    """Return the element of a picture: ids that no other picture has, ink and grid in the colours of the page."""
    svg = svg[svg.index("<svg") :].rstrip()
    svg = re.sub(r"\bid=\"([^\"]+)\"", rf'id="{name}-\1"', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r"(xlink:href|href)=\"#", rf'\1="#{name}-', svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace(" font-family: 'DejaVu Sans';", "")
    return svg.replace(INK, "var(--ink)").replace(GRID, "var(--line)")


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _DASH
    if key in _PERCENTS:
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}" if abs(value) < 1e4 else f"{value:,.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Return a table whose first ``words`` columns are text; cells are escaped."""

    def line(cells: Sequence[str], tag: str) -> str:
        parts = [
            f"<{tag}{' class=word' if place < words else ''}>{escape(cell)}</{tag}>" for place, cell in enumerate(cells)
        ]
        return f"<tr>{''.join(parts)}</tr>"

    return "\n".join(
        ["<div class='wide'><table>", line(head, "th"), *(line(row, "td") for row in rows), "</table></div>"]
    )


def _metrics(found: Performance) -> str:
    parts = {"book": found.metrics, **found.strategy_metrics}
    rows = [[key, *(_value(key, values.get(key)) for values in parts.values())] for key in found.metrics]
    return _table(["", *parts], rows)


def _benchmarks(found: Performance) -> str:
    if not found.benchmarks:
        return "<p>none: nothing is known of any</p>"
    keys = list(found.benchmarks[0].metrics)
    rows = [
        [key, _value(key, found.metrics.get(key)), *(_value(key, item.metrics.get(key)) for item in found.benchmarks)]
        for key in keys
    ]
    return _table(["", "book", *(item.name for item in found.benchmarks)], rows)


def _months(found: Performance) -> str:
    months = {(item.year, item.month): item.value for item in found.months}
    rows = []
    for item in found.years:
        cells = [months.get((item.year, month)) for month in range(1, 13)]
        rows.append(
            [str(item.year), *(_DASH if cell is None else f"{cell:+.1%}" for cell in cells), f"{item.value:+.1%}"]
        )
    return _table(["", *(f"{month:02d}" for month in range(1, 13)), "year"], rows)


def _regimes(found: Performance) -> str:
    head = ("axis", "state", "of", "n days", "share", "mean a day, bp", "95 %", "annualised", "Sharpe", "95 %")
    return _table(head, [_by_state(item) for item in found.regimes], words=3)


def _stress(found: Performance) -> str:
    names = [name for name in found.stress[0] if name != "scenario"]
    rows = [[str(item["scenario"]), *(_value(name, item.get(name)) for name in names)] for item in found.stress]
    return _table(["scenario", *names], rows)


def _by_state(item: ByState) -> list[str]:
    return [
        item.axis,
        item.state,
        "book" if item.owner == BOOK else item.owner,
        f"{item.n:,}",
        f"{item.share:.1%}",
        _DASH if item.mean is None else f"{1e4 * item.mean:+.2f}",
        _interval(item.mean_interval, 1e4),
        _DASH if item.annual is None else f"{item.annual:+.1%}",
        _DASH if item.sharpe is None else f"{item.sharpe:+.2f}",
        _interval(item.sharpe_interval, 1.0),
    ]


def _interval(ends: tuple[float, float] | None, scale: float) -> str:
    return _DASH if ends is None else f"{scale * ends[0]:+.2f} to {scale * ends[1]:+.2f}"


def _trips(found: Performance) -> list[str]:
    own = [item for item in found.trips if item.owner == BOOK]
    rows = [
        [
            item.symbol,
            item.side,
            iso(item.entry_ns),
            iso(item.exit_ns),
            f"{item.quantity:g}",
            f"{item.entry_price:,.2f}",
            f"{item.exit_price:,.2f}",
            f"{item.cost:,.2f}",
            f"{item.net:+,.2f}",
            _DASH if item.share is None else f"{item.share:+.2%}",
            f"{item.bars:,}",
        ]
        for item in reversed(own[-_MOST_TRIPS:])
    ]
    head = ("symbol", "side", "entry", "exit", "quantity", "entry price", "exit price", "cost", "net", "return", "bars")
    told = f"the newest {len(rows)} of {len(own)}, closed" if len(own) > len(rows) else f"{len(own)}, closed"
    return [f"<p class='faint'>{told}; prices are raw, averaged over the trip's fills</p>", _table(head, rows, words=2)]


def _conventions(found: Mapping[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in found.items()) + "</dl>"
