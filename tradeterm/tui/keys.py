"""Every key of the workstation, once: source of the bindings, the help screen, the palette and ``docs/keys.md``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

__all__ = ["KILL_KEYS", "NOUNS", "PANES", "PLACES", "REGISTRY", "Key", "bindings", "keys_of", "markdown"]

Where = Literal[
    "everywhere", "work", "table", "modal", "series", "run", "why", "data", "runs", "book", "regime", "board", "orders"
]

# Never printable, as an input would take those, and in no user's keymap.
KILL_KEYS = frozenset({"f9", "ctrl+g"})

PANES: tuple[str, ...] = ("data", "runs", "book", "regime", "board", "orders")
NOUNS = {
    "data": "Data",
    "runs": "Backtest runs",
    "book": "Portfolio & risk",
    "regime": "Regime",
    "board": "Lifecycle board",
    "orders": "Orders",
}
PLACES: dict[str, str] = {
    "everywhere": "Everywhere",
    "work": "Work screen",
    "table": "Tables",
    "modal": "Modals",
    "series": "Detail of a bar file",
    "run": "One run in full",
    "why": "Why a decision came out as it did",
    **{name: f"Pane {number}, {NOUNS[name]}" for number, name in enumerate(PANES, 1)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key and what it does.

    keys : Textual's names, all for the same action; shown : what people read
    action : Textual action with its owner (``app.`` or ``screen.``)
    label : one or two words for the footer, which shows it only if ``footer``
    palette : whether the command palette offers it
    """

    id: str
    keys: tuple[str, ...]
    shown: str
    action: str
    label: str
    help: str
    where: Where
    footer: bool = False
    palette: bool = True


def _key(
    id: str, keys: str, action: str, label: str, help: str, where: Where, *, shown: str = "", **options: bool
) -> Key:
    names = tuple(keys.split())
    return Key(
        id=f"tradeterm.{id}",
        keys=names,
        shown=shown or ", ".join(names),
        action=action,
        label=label,
        help=help,
        where=where,
        **options,
    )


REGISTRY: tuple[Key, ...] = (
    _key(
        "kill",
        "f9 ctrl+g",
        "app.kill",
        "KILL",
        "Latch the kill switch at once: no new orders, working ones are cancelled. Never asks, any number of times.",
        "everywhere",
        shown="F9, ctrl+g",
    ),
    _key("theme", "t", "app.next_theme", "theme", "Next theme.", "everywhere"),
    _key("screenshot", "ctrl+s", "app.picture", "screenshot", "Save the screen as SVG below results/.", "everywhere"),
    *(
        _key(
            f"pane.{name}",
            str(number),
            f"screen.pane({number})",
            NOUNS[name],
            f"Go to pane {number}, {NOUNS[name]}.",
            "work",
        )
        for number, name in enumerate(PANES, 1)
    ),
    _key("next_pane", "tab", "screen.step(1)", "next pane", "Next pane.", "work", palette=False),
    _key("previous_pane", "shift+tab", "screen.step(-1)", "previous pane", "Previous pane.", "work", palette=False),
    _key(
        "filter",
        "slash",
        "screen.filter",
        "filter",
        "Show only rows that hold a text; begin with ! for those that don't.",
        "work",
        shown="/",
        footer=True,
    ),
    _key("next_match", "n", "screen.next_match", "next", "Next row that matches, from the top after the last.", "work"),
    _key("clear", "escape", "screen.clear", "clear", "Clear the filter, leave the zoom.", "work", shown="esc"),
    _key("zoom", "z", "screen.zoom", "zoom", "Show this pane alone, and back.", "work", footer=True),
    _key("refresh", "r", "screen.refresh_now", "refresh", "Read the stores again now.", "work"),
    _key("daily", "D", "screen.daily", "daily", "Run today's daily as a process of its own.", "work", footer=True),
    _key("output", "w", "screen.output", "output", "What the last command printed.", "work"),
    _key("session", "s", "screen.session", "session", "What a paper or live session needs.", "work"),
    _key(
        "help",
        "question_mark f1",
        "app.help",
        "help",
        "Keys of the focused pane.",
        "everywhere",
        shown="?, F1",
        footer=True,
    ),
    _key(
        "palette",
        "colon ctrl+p",
        "app.command_palette",
        "menu",
        "Every action by its name.",
        "everywhere",
        shown=":, ctrl+p",
        palette=False,
        footer=True,
    ),
    _key(
        "quit",
        "q ctrl+q",
        "app.quit",
        "quit",
        "Leave the workstation; commands that it started run on to their end.",
        "work",
        shown="q, ctrl+q",
        footer=True,
    ),
    _key(
        "detail",
        "enter",
        "screen.detail",
        "detail",
        "All there is about the row under the cursor.",
        "table",
    ),
    _key("down", "j down", "cursor_down", "down", "Row below.", "table", shown="j, down", palette=False),
    _key("up", "k up", "cursor_up", "up", "Row above.", "table", shown="k, up", palette=False),
    _key("left", "h left", "screen.beside(-1)", "left", "Pane to the left.", "table", shown="h, left", palette=False),
    _key(
        "right", "l right", "screen.beside(1)", "right", "Pane to the right.", "table", shown="l, right", palette=False
    ),
    _key("top", "g home", "scroll_top", "top", "First row.", "table", shown="g, home", palette=False),
    _key("bottom", "G end", "scroll_bottom", "bottom", "Last row.", "table", shown="G, end", palette=False),
    _key("page_down", "pagedown", "page_down", "page down", "A page down.", "table", palette=False),
    _key("page_up", "pageup", "page_up", "page up", "A page up.", "table", palette=False),
    _key("close", "escape", "screen.leave", "close", "Close without doing anything.", "modal", shown="esc"),
    _key(
        "fewer_bars", "plus equals_sign", "screen.zoom(1)", "fewer bars", "Half as many bars.", "series", shown="+, ="
    ),
    _key("more_bars", "minus", "screen.zoom(-1)", "more bars", "Twice as many bars.", "series", shown="-"),
    _key("earlier", "left h", "screen.scroll_bars(-1)", "earlier", "Earlier bars.", "series", shown="h, left"),
    _key("later", "right l", "screen.scroll_bars(1)", "later", "Later bars.", "series", shown="l, right"),
    _key("newest", "0", "screen.newest", "newest", "The newest bars, one to a candle.", "series"),
    _key("part_before", "left h", "screen.part(-1)", "part before", "The part before.", "run", shown="h, left"),
    _key("next_part", "right l", "screen.part(1)", "next part", "The next part.", "run", shown="l, right"),
    _key(
        "filter_trades",
        "slash",
        "screen.filter",
        "filter",
        "Show only trips or fills that hold a text; begin with ! for those that don't.",
        "run",
        shown="/",
    ),
    _key("why_trade", "y", "screen.why", "why", "Why the trade under the cursor was decided.", "run", palette=False),
    _key(
        "earlier_decision",
        "left h",
        "screen.step(-1)",
        "earlier",
        "Earlier decision.",
        "why",
        palette=False,
        shown="h, left",
    ),
    _key(
        "later_decision",
        "right l",
        "screen.step(1)",
        "later",
        "Later decision.",
        "why",
        palette=False,
        shown="l, right",
    ),
    _key("last_decision", "0", "screen.last", "last", "The last decision of the run.", "why", palette=False),
    _key("next_symbol", "n", "screen.symbol(1)", "next symbol", "Same decision, next symbol.", "why", palette=False),
    _key(
        "previous_symbol",
        "N",
        "screen.symbol(-1)",
        "previous symbol",
        "Same decision, symbol before.",
        "why",
        palette=False,
    ),
    _key("ask", "a", "screen.ask", "ask", "Ask for another symbol and time.", "why", palette=False),
    _key(
        "bar",
        "b",
        "screen.bar",
        "bar",
        "The bar that filled the order, or the last one that was known.",
        "why",
        palette=False,
    ),
    _key("update", "u", "screen.update", "update", "Fetch what is new: `tradeterm data update`.", "data", footer=True),
    _key(
        "validate",
        "v",
        "screen.validate",
        "check",
        "Check every stored bar: `tradeterm data validate`.",
        "data",
        footer=True,
    ),
    _key(
        "import",
        "i",
        "screen.import_file",
        "import",
        "Take a file of bars: `tradeterm data import FILE`.",
        "data",
        footer=True,
    ),
    _key("output_here", "o", "screen.output", "output", "What the last command printed.", "data", palette=False),
    _key(
        "backtest",
        "b",
        "screen.backtest",
        "backtest",
        "Start a backtest: `tradeterm backtest run`.",
        "runs",
        footer=True,
    ),
    _key(
        "mark",
        "space",
        "screen.mark",
        "compare",
        "Mark a run, four at most; enter then shows the marked ones side by side.",
        "runs",
        footer=True,
        palette=False,
    ),
    _key("sort", "S", "screen.sort_runs", "sort", "Next order: recorded, Sharpe, CAGR, drawdown and others.", "runs"),
    _key(
        "report",
        "e",
        "screen.report",
        "report",
        "Make pictures and page of the run under the cursor: `tradeterm backtest report`.",
        "runs",
        footer=True,
    ),
    _key(
        "book_performance",
        "p",
        "screen.performance",
        "performance",
        "What the book of this pane made: exposure, turnover, models, attribution.",
        "book",
        footer=True,
    ),
    _key(
        "regime_performance",
        "p",
        "screen.performance",
        "performance",
        "What the book and each model made in each regime, with n and intervals.",
        "regime",
        footer=True,
    ),
    _key(
        "scores",
        "a",
        "screen.scores",
        "scores",
        "How good signals were: hit rate, reliability, information coefficient.",
        "orders",
    ),
    _key(
        "why_run",
        "y",
        "screen.why",
        "why",
        "Why the run under the cursor decided as it did: wishes, limits, order, fill, bar.",
        "runs",
        footer=True,
    ),
    _key(
        "why_position",
        "y",
        "screen.why",
        "why",
        "Why the position under the cursor is what it is: wishes, limits, order, fill, bar.",
        "book",
        footer=True,
    ),
    _key("promote", "p", "screen.promote", "promote", "What the gate to the next stage still needs.", "board"),
)


def keys_of(where: str) -> tuple[Key, ...]:
    """Return the keys of one place, in the order of the registry."""
    return tuple(key for key in REGISTRY if key.where == where)


def bindings(*places: Where) -> list[Binding]:
    """Return the bindings of these places, without the kill keys, which are caught before any binding."""
    return [
        Binding(",".join(key.keys), key.action, key.label, show=key.footer, tooltip=key.help, id=key.id)
        for key in REGISTRY
        if key.where in places and key.id != "tradeterm.kill"
    ]


def markdown() -> str:
    """Return the text of ``docs/keys.md``."""
    parts = ["# Keys\n"]
    for place, title in PLACES.items():
        found = keys_of(place)
        if found:
            rows = [f"| `{key.shown.replace('|', chr(92) + '|')}` | {key.help} |" for key in found]
            parts.append("\n".join([f"## {title}\n", "| key | what it does |", "|---|---|", *rows, ""]))
    return "\n".join(parts)
