"""All stored bars of some instruments laid out on the decision grid, once, and mapped again while no file changed.

A frame holds everything that is stored, whatever the instant it was made for: a market as of an instant is a slice of
it (:mod:`tradeterm.data.panel`). Files are read by a few threads, each of which lays out a block of columns at a time,
so that no more than these files are held beside the frame itself.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import xxhash

from tradeterm.config.code import source_hash
from tradeterm.core.errors import DataError, StoreUnwritable
from tradeterm.core.ids import content_hash
from tradeterm.core.market import BarKey, FillBars, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, iso
from tradeterm.data.calendar import is_tradable
from tradeterm.data.knowing import refuse_known_too_early
from tradeterm.data.missing import carried_times, expected_closes, source_step
from tradeterm.data.provenance import refuse_other_hours
from tradeterm.data.scale import action_columns, refuse_uncovered
from tradeterm.engine.adjust import Factors, bar_factors, factor_known, split_known
from tradeterm.engine.layout import carry, place, spread
from tradeterm.store.arrays import ArraySpec, new_arrays, read_arrays, save_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tradeterm.core.market import Actions, Bars, Instrument
    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.store.bar_table import BarMeta
    from tradeterm.store.bars import BarStore

    _Part = tuple[IntArray, Any]

__all__ = ["BLOCK_ROWS", "PRICES", "Asked", "Frame", "chained", "frame_of"]

PRICES = ("open", "high", "low", "close")
_CELLS = (*PRICES, "volume")
_COLUMNS = 8
_SLACK_NS = 8 * DAY_NS
_WRITTEN_AT_ONCE = 64 << 20
_NEVER = int(np.iinfo(np.int64).max)
BLOCK_ROWS = 256
# What a digest of rows is fed with: everything else follows from these, the calendar and the actions.
_DIGESTED = {
    "panel": (*_CELLS, "bar_no", "known_at"),
    "days": tuple(f"days.{name}" for name in (*_CELLS, "bar_no", "known_at")),
    "fills": tuple(f"fills.{name}" for name in ("open", "high", "low", "volume", "at")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What shapes a frame.

    instruments : its columns; timeframe : its grid; actions : corporate actions by symbol
    carry_limit : bars in a row that are carried where none came, 0 for none
    """

    instruments: tuple[Instrument, ...]
    timeframe: Literal["h4", "daily"]
    actions: Mapping[str, Actions]
    carry_limit: int

    @property
    def step_ns(self) -> int:
        """Distance of two decisions."""
        return H4_NS if self.timeframe == "h4" else DAY_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Arrays by name, (T, N) in the order of the instruments; those of the daily panel begin with ``days.``.

    factors : what corporate actions do, by column; None without any
    first : row of the first own bar; rows before it hold nothing
    """

    arrays: Mapping[str, Any]
    factors: tuple[Factors | None, ...]
    first: int

    def digest(self, part: Literal["panel", "days", "fills"], stop: int) -> str:
        """Hash of the rows [first, stop) of a part, whatever comes after them."""
        chain = self.arrays[f"chain.{part}"]
        block = (stop - self.first) // BLOCK_ROWS
        before = chain[block].tobytes() if block > 0 else b""
        start = self.first + block * BLOCK_ROWS
        return _rows_digest(self.arrays, part, start, stop, before).hex()


def frame_of(store: BarStore, asked: Asked, *, until_ns: int, cache_bytes: int) -> Frame:
    """Return a frame that reaches to ``until_ns`` at least.

    cache_bytes : room on the disk for frames, 0 keeps none

    Raises
    ------
    MissingBars
        When nothing is stored for an instrument.
    DataError
        When two bars of one instrument became known between two decisions, its H4 and daily bars can't be adjusted
        alike, stored bars keep other hours than the instrument, or are said to be known before they ended.
    BadMarket
        When an action can't be: a dividend as high as the price, an ex-date after its interval's fill bar.
    """
    path = store.data_dir / ".frames" / f"{_identity(store, asked)}.frame"
    found = read_arrays(path) if cache_bytes else None
    if found is not None and found.head["end"] >= until_ns:
        return _framed(found.arrays, asked, int(found.head["first"]))
    with _Builder(store, asked, until_ns) as builder:
        arrays = new_arrays(builder.specs())
        first = builder.fill(arrays)
    if cache_bytes:
        _keep(path, arrays, {"first": first, "end": builder.end}, until_ns=until_ns, cache_bytes=cache_bytes)
    return _framed(arrays, asked, first)


def _keep(path: Path, arrays: dict[str, Any], head: dict[str, int], *, until_ns: int, cache_bytes: int) -> None:
    """Write a frame down; a large one beside the work that it was made for."""
    # The market as of an instant hides what follows its last decision, in these very arrays.
    hidden = int(np.searchsorted(arrays["times"], until_ns, side="right")) - 1
    whole = dict(arrays)
    instead = {
        name: (hidden, values[hidden : hidden + 1].copy())
        for name, values in whole.items()
        if name.startswith("fills.")
    }

    def save() -> None:
        # A full disk or a folder that can't be written costs time at each start and nothing else.
        with suppress(StoreUnwritable):
            save_arrays(path, whole, head, keep_bytes=cache_bytes, instead=instead if hidden >= 0 else None)

    if sum(values.nbytes for values in whole.values()) < _WRITTEN_AT_ONCE:
        save()
    else:
        threading.Thread(target=save, name="frame").start()


def chained(arrays: Mapping[str, Any], part: str, first: int, rows: int, out: Any) -> None:
    """Write into ``out`` (blocks + 1, 16) the digest of the rows before each block."""
    before = b""
    for block in range(1, len(out)):
        start = first + (block - 1) * BLOCK_ROWS
        if start + BLOCK_ROWS > rows:
            break
        before = _rows_digest(arrays, part, start, start + BLOCK_ROWS, before)
        out[block] = np.frombuffer(before, dtype=np.uint8)


def _rows_digest(arrays: Mapping[str, Any], part: str, start: int, stop: int, before: bytes) -> bytes:
    digest = xxhash.xxh3_128(before)
    for name in _DIGESTED[part]:
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name][start:stop]).data)
    return digest.digest()


def _identity(store: BarStore, asked: Asked) -> str:
    """Name of a frame: what was asked, the files as they are, and the code that lays them out."""
    return content_hash(
        {
            "code": source_hash(("core", "engine", "data", "store"), ("numpy", "numba", "pyarrow", "xxhash")),
            "calendars": version("exchange_calendars"),
            "timeframe": asked.timeframe,
            "carry": asked.carry_limit,
            "instruments": [[item.symbol, item.asset_class.value, item.calendar] for item in asked.instruments],
            "files": [store.stamp(key) for item in asked.instruments for key in _keys(item, asked)],
            "actions": {
                item.symbol: [acted.ex_ns.tolist(), list(acted.kind), acted.value.tolist()]
                for item in asked.instruments
                if (acted := asked.actions.get(item.symbol)) is not None
            },
        }
    )[:32]


def _keys(item: Instrument, asked: Asked) -> tuple[BarKey, ...]:
    daily = BarKey(item.asset_class, item.symbol, Timeframe.DAILY)
    return (daily, BarKey(item.asset_class, item.symbol, Timeframe.H4)) if asked.timeframe == "h4" else (daily,)


def _framed(arrays: Mapping[str, Any], asked: Asked, first: int) -> Frame:
    starts = arrays["factors.start"].tolist()
    has = arrays["factors.has"]
    factors = [
        Factors(**{name: arrays[f"factors.{name}"][start:stop] for name in ("ex_ns", "price", "split", "cash")})
        if has[column]
        else None
        for column, (start, stop) in enumerate(pairwise(starts))
    ]
    return Frame(arrays=arrays, factors=tuple(factors), first=first)


class _Daily(NamedTuple):
    """Daily bars of one column; the first action that is not in its factors takes effect at ``pending``."""

    bars: Bars
    meta: BarMeta
    factors: Factors | None
    pending: int = _NEVER


class _Own(NamedTuple):
    """Own bars of one column: values as signals see them, and the raw closes.

    rows : of the bars that came; absent : rows of those that are carried, each with the close before it
    """

    rows: IntArray
    cells: dict[str, FloatArray]
    known_at: IntArray
    raw_close: FloatArray
    absent: IntArray
    closes: FloatArray

    @property
    def first(self) -> int:
        """Row of the first bar, -1 without any."""
        return int(self.rows[0]) if len(self.rows) else -1

    def ordinals(self) -> tuple[IntArray, IntArray]:
        """Ordinals of the bars that came and of the carried ones, counted together."""
        came, absent = np.arange(len(self.rows), dtype=np.int64), np.arange(len(self.absent), dtype=np.int64)
        if len(self.absent):
            absent += np.searchsorted(self.rows, self.absent)
            if self.absent[0] < self.rows[-1]:
                came += np.searchsorted(self.absent, self.rows)
        return came, absent

    def all_rows(self) -> IntArray:
        """Rows of both, ascending."""
        return np.sort(np.concatenate((self.rows, self.absent))) if len(self.absent) else self.rows


class _Fill(NamedTuple):
    rows: IntArray
    bars: FillBars


class _Builder:
    """Reads the files and lays them out; a block of columns is the work of one thread."""

    def __init__(self, store: BarStore, asked: Asked, until_ns: int) -> None:
        self._store, self._asked, self._until = store, asked, until_ns
        self._stack = ExitStack()
        self._step = asked.step_ns
        self._daily: list[_Daily] = []
        self._day_rows: dict[int, IntArray] = {}
        self._expected: dict[tuple[str, int, int], IntArray] = {}
        self._local = threading.local()
        self._times = self._day_times = np.empty(0, dtype=np.int64)
        self.end = until_ns

    def __enter__(self) -> _Builder:
        workers = min(8, os.cpu_count() or 1)
        self._pool = self._stack.enter_context(ThreadPoolExecutor(max_workers=workers, thread_name_prefix="align"))
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def specs(self) -> dict[str, ArraySpec]:
        """Read the daily bars and the footers of the others: what arrays there will be."""
        asked, columns = self._asked, len(self._asked.instruments)
        self._daily = list(self._pool.map(self._read_daily, asked.instruments))
        known = [_Known.of(item.bars) for item in self._daily]
        if asked.timeframe == "h4":
            known = list(self._pool.map(self._known_h4, asked.instruments))
        firsts = [item.first for item in known if item is not None]
        lasts = [item.last for item in known if item is not None]
        if firsts:
            # Beyond what is stored, so that the frame still serves when time has passed and nothing has come.
            pending = min(item.pending for item in self._daily)
            self.end = max(self._until, min(max(lasts) + _SLACK_NS, pending))
            first = _decision(min(firsts), self._step)
            count = max(0, (self.end - first) // self._step + 1)
            self._times = first + self._step * np.arange(count, dtype=np.int64)
        if asked.timeframe == "h4":
            items = zip(asked.instruments, self._daily, strict=True)
            self._day_times = _union([part for item, found in items for part in self._day_decisions(item, found)])
        return self._specs(columns, sum(len(item.factors) for item in self._daily if item.factors is not None))

    def _specs(self, columns: int, actions: int) -> dict[str, ArraySpec]:
        asked, rows, days = self._asked, len(self._times), len(self._day_times)
        found = {"times": ArraySpec("<i8", (rows,))}
        found |= _panel_specs("", (rows, columns), asked.carry_limit > 0)
        if asked.timeframe == "h4":
            found |= {"daily_row": ArraySpec("<i8", (rows, columns)), "days.times": ArraySpec("<i8", (days,))}
            found |= _panel_specs("days.", (days, columns), asked.carry_limit > 0)
            found["chain.days"] = ArraySpec("|u1", (days // BLOCK_ROWS + 1, 16))
        acted = any(item.factors is not None for item in self._daily)
        fills = ["open", "high", "low", "volume", "mark", *(("split", "dividend", "factor") if acted else ())]
        found |= {f"fills.{name}": ArraySpec("<f8", (rows, columns)) for name in fills}
        found |= {"fills.at": ArraySpec("<i8", (rows, columns)), "fills.tradable": ArraySpec("|b1", (rows, columns))}
        found |= {f"chain.{part}": ArraySpec("|u1", (rows // BLOCK_ROWS + 1, 16)) for part in ("panel", "fills")}
        found |= {"factors.start": ArraySpec("<i8", (columns + 1,)), "factors.has": ArraySpec("|b1", (columns,))}
        found |= {f"factors.{name}": ArraySpec("<f8", (actions,)) for name in ("price", "split", "cash")}
        return found | {"factors.ex_ns": ArraySpec("<i8", (actions,))}

    def fill(self, arrays: dict[str, Any]) -> int:
        """Fill the arrays; returns the row of the first own bar."""
        asked = self._asked
        arrays["times"][:] = self._times
        self._put_factors(arrays)
        blocks = range(0, len(asked.instruments), _COLUMNS)
        if asked.timeframe == "h4":
            arrays["days.times"][:] = self._day_times
            for _ in self._pool.map(lambda start: self._days_block(arrays, start), blocks):
                pass
        firsts = [found for found in self._pool.map(lambda start: self._block(arrays, start), blocks) if found >= 0]
        first = min(firsts, default=0)
        for part in ("panel", "fills", "days"):
            if f"chain.{part}" in arrays:
                at, rows = (0, len(self._day_times)) if part == "days" else (first, len(self._times))
                arrays[f"chain.{part}"][:] = 0
                chained(arrays, part, at, rows, arrays[f"chain.{part}"])
        return first

    def _read_daily(self, item: Instrument) -> _Daily:
        key = BarKey(item.asset_class, item.symbol, Timeframe.DAILY)
        bars, meta = self._store.read_whole(key)
        refuse_other_hours(self._store, key, meta, item.calendar)
        refuse_known_too_early(key, bars, meta)
        actions = self._asked.actions.get(item.symbol)
        if actions is None or not len(actions):
            return _Daily(bars, meta, None)
        # One that is announced for later is taken when its time has come: it changes nothing yet.
        until = max(self._until, int(bars.known_at.max(initial=0)))
        factors = bar_factors(bars, meta.adjustment, actions, until_ns=until, symbol=item.symbol)
        later = actions.ex_ns[actions.ex_ns >= until]
        return _Daily(bars, meta, factors, int(later.min(initial=_NEVER)))

    def _known_h4(self, item: Instrument) -> _Known | None:
        return _Known.of_footer(self._store.meta(BarKey(item.asset_class, item.symbol, Timeframe.H4)))

    def _put_factors(self, arrays: dict[str, Any]) -> None:
        at = 0
        arrays["factors.start"][0] = 0
        for column, item in enumerate(self._daily):
            arrays["factors.has"][column] = item.factors is not None
            if item.factors is not None:
                stop = at + len(item.factors)
                for name in ("ex_ns", "price", "split", "cash"):
                    arrays[f"factors.{name}"][at:stop] = getattr(item.factors, name)
                at = stop
            arrays["factors.start"][column + 1] = at

    def _days_block(self, arrays: dict[str, Any], start: int) -> None:
        owns = [
            self._own(item, found.bars, found.factors, self._day_times, H4_NS, DAY_NS)
            for item, found in self._column_range(start)
        ]
        self._put_own(arrays, "days.", start, owns, len(self._day_times))
        for column, own in enumerate(owns, start):
            self._day_rows[column] = own.all_rows()

    def _column_range(self, start: int) -> Iterator[tuple[Instrument, _Daily]]:
        stop = start + _COLUMNS
        return zip(self._asked.instruments[start:stop], self._daily[start:stop], strict=True)

    def _block(self, arrays: dict[str, Any], start: int) -> int:
        """Lay out one block of columns; returns the row of its first own bar, -1 without any."""
        owns: list[_Own] = []
        fills: list[_Fill] = []
        for item, daily in self._column_range(start):
            bars, source_ns = self._own_bars(item, daily)
            owns.append(self._own(item, bars, daily.factors, self._times, self._step, source_ns))
            fills.append(self._fill_part(bars))
        rows = len(self._times)
        self._put_own(arrays, "", start, owns, rows)
        self._put_fills(arrays, start, owns, fills)
        if self._asked.timeframe == "h4":
            self._put_daily_rows(arrays, start, len(owns))
        return min((own.first for own in owns if own.first >= 0), default=-1)

    def _own_bars(self, item: Instrument, daily: _Daily) -> tuple[Bars, int]:
        """Bars of the grid's own timeframe, and how long the source bars behind them are."""
        if self._asked.timeframe == "daily":
            return daily.bars, DAY_NS
        key = BarKey(item.asset_class, item.symbol, Timeframe.H4)
        bars, meta = self._store.read_whole(key)
        refuse_other_hours(self._store, key, meta, item.calendar)
        refuse_known_too_early(key, bars, meta)
        if daily.factors is not None:
            if meta.adjustment != daily.meta.adjustment:
                raise DataError(
                    f"{item.symbol}: its h4 bars have adjustment {meta.adjustment}, its daily bars "
                    f"{daily.meta.adjustment}; import both alike"
                )
            refuse_uncovered(item.symbol, self._asked.actions[item.symbol], bars, daily.bars)
        return bars, source_step(meta)

    def _own(
        self, item: Instrument, bars: Bars, factors: Factors | None, times: IntArray, step: int, source_ns: int
    ) -> _Own:
        bars = _with_bars(bars)
        cells = {name: getattr(bars, name) for name in _CELLS}
        decisions = _decisions(bars.known_at, step)
        _refuse_two(item, decisions, bars.ts, step)
        if factors is not None:
            price, split = factor_known(factors, bars.known_at), split_known(factors, bars.known_at)
            cells = {name: values / split if name == "volume" else values * price for name, values in cells.items()}
        rows = self._rows(times, decisions)
        absent = self._rows(times, self._absent(item, decisions, step, source_ns))
        closes = cells["close"][np.searchsorted(rows, absent) - 1] if len(absent) else cells["close"][:0]
        return _Own(rows, cells, bars.known_at, bars.close, absent, closes)

    def _rows(self, times: IntArray, decisions: IntArray) -> IntArray:
        if times is self._times and len(times):
            even: IntArray = (decisions - times[0]) // self._step
            return even
        found: IntArray = np.searchsorted(times, decisions).astype(np.int64)
        return found

    def _day_decisions(self, item: Instrument, daily: _Daily) -> tuple[IntArray, IntArray]:
        """Decisions at which a daily bar of an instrument became known, and at which one is carried."""
        there = _decisions(daily.bars.known_at[_there(daily.bars)], H4_NS)
        return there, self._absent(item, there, H4_NS, DAY_NS)

    def _absent(self, item: Instrument, there: IntArray, step: int, source_ns: int) -> IntArray:
        """Decisions at which a bar of an instrument is carried."""
        limit = self._asked.carry_limit
        if limit <= 0 or not len(there):
            return there[:0]
        name = (item.calendar, step, source_ns)
        if name not in self._expected:
            first = min(int(found.bars.ts[0]) for found in self._daily if len(found.bars))
            first = min(first, int(self._times[0])) if len(self._times) else first
            closes = expected_closes(item.calendar, first - DAY_NS, self.end, source_ns)
            self._expected[name] = np.unique(_decisions(closes, step))
        expected = self._expected[name]
        return carried_times(there, expected[expected <= self.end], limit)

    def _fill_part(self, bars: Bars) -> _Fill:
        fill = bars.fill
        if fill is None:
            fill = FillBars(open=bars.open, high=bars.high, low=bars.low, volume=bars.volume, at=bars.ts)
        if not len(self._times):
            return _Fill(bars.ts[:0], fill)
        # A bar that opened before the first decision has no decision to fill.
        decided = fill.at // self._step * self._step
        kept = (fill.at >= 0) & (decided >= self._times[0]) & (decided <= self._times[-1])
        if not kept.all():
            fill = FillBars(**{name: getattr(fill, name)[kept] for name in FillBars.__slots__})
            decided = decided[kept]
        return _Fill((decided - self._times[0]) // self._step, fill)

    def _put_fills(self, arrays: dict[str, Any], start: int, owns: Sequence[_Own], fills: Sequence[_Fill]) -> None:
        rows = len(self._times)
        for name in ("open", "high", "low", "volume"):
            parts = [((part.rows, getattr(part.bars, name)),) for part in fills]
            self._put(arrays[f"fills.{name}"], start, parts, np.nan, rows)
        self._put(arrays["fills.at"], start, [((part.rows, part.bars.at),) for part in fills], -1, rows)
        mark = self._block_of(arrays["fills.mark"], rows, len(owns), np.nan)
        for column, own in enumerate(owns):
            carry(own.rows, own.raw_close, mark, column)
        stop = start + len(owns)
        items = self._asked.instruments[start:stop]
        for column, item in enumerate(items):
            arrays["fills.tradable"][:, start + column] = is_tradable(item.calendar, self._times, self._step)
        if "fills.split" in arrays:
            at = arrays["fills.at"]
            for column, (item, daily) in enumerate(self._column_range(start)):
                own = owns[column]
                seen = np.full((rows, 1), -1, dtype=np.int64)
                carry(own.rows, own.known_at, seen, 0)
                acted = action_columns(item.symbol, daily.factors, self._times, at[:, start + column], seen[:, 0])
                mark[:, column] *= acted.mark
                for name in ("split", "dividend", "factor"):
                    arrays[f"fills.{name}"][:, start + column] = getattr(acted, name)
        spread(mark, arrays["fills.mark"], start)

    def _put_daily_rows(self, arrays: dict[str, Any], start: int, columns: int) -> None:
        """Row in the daily panel of each instrument's newest own bar, at every decision."""
        rows = len(self._times)
        out = self._block_of(arrays["daily_row"], rows, columns, -1)
        for column in range(columns):
            there = self._day_rows[start + column]
            at = np.searchsorted(self._times, self._day_times[there]).astype(np.int64)
            inside = at < rows
            carry(at[inside], there[inside], out, column)
        spread(out, arrays["daily_row"], start)

    def _put_own(self, arrays: dict[str, Any], prefix: str, start: int, owns: Sequence[_Own], rows: int) -> None:
        for name in _CELLS:
            added = [own.closes if name != "volume" else np.zeros(len(own.absent)) for own in owns]
            parts = [((own.rows, own.cells[name]), (own.absent, new)) for own, new in zip(owns, added, strict=True)]
            self._put(arrays[f"{prefix}{name}"], start, parts, np.nan, rows)
        times = self._times if prefix == "" else self._day_times
        known = [((own.rows, own.known_at), (own.absent, times[own.absent])) for own in owns]
        self._put(arrays[f"{prefix}known_at"], start, known, -1, rows)
        counted = [tuple(zip((own.rows, own.absent), own.ordinals(), strict=True)) for own in owns]
        self._put(arrays[f"{prefix}bar_no"], start, counted, -1, rows)
        if f"{prefix}filled" in arrays:
            flags = [((own.absent, np.ones(len(own.absent), dtype=np.bool_)),) for own in owns]
            self._put(arrays[f"{prefix}filled"], start, flags, False, rows)

    def _put(self, out: Any, start: int, columns: Sequence[Sequence[_Part]], otherwise: float, rows: int) -> None:
        """Lay columns out in a block that stays in the processor's cache, then copy it: rows of it are one line."""
        block = self._block_of(out, rows, len(columns), otherwise)
        for column, parts in enumerate(columns):
            for at, values in parts:
                if len(at):
                    place(at, values, block, column)
        spread(block, out, start)

    def _block_of(self, like: Any, rows: int, columns: int, otherwise: float) -> Any:
        """Return the block of that type that this thread works in, filled with a value."""
        blocks = self._local.__dict__
        name = f"{like.dtype.str} {rows} {columns}"
        if name not in blocks:
            blocks[name] = np.empty((rows, columns), dtype=like.dtype)
        blocks[name][:] = otherwise
        return blocks[name]


class _Known(NamedTuple):
    """When the first and the last bar of a file became known."""

    first: int
    last: int

    @classmethod
    def of(cls, bars: Bars) -> _Known | None:
        known = bars.known_at[_there(bars)]
        return cls(int(known[0]), int(known[-1])) if len(known) else None

    @classmethod
    def of_footer(cls, meta: BarMeta) -> _Known | None:
        # The first may be of a row with fill prices only: a few empty rows at the start, which are cut.
        if meta.first_known_at is None or meta.last_known_at is None:
            return None
        return cls(meta.first_known_at, meta.last_known_at)


def _panel_specs(prefix: str, shape: tuple[int, int], carried: bool) -> dict[str, ArraySpec]:
    found = {f"{prefix}{name}": ArraySpec("<f8", shape) for name in _CELLS}
    found |= {f"{prefix}{name}": ArraySpec("<i8", shape) for name in ("bar_no", "known_at")}
    return found | ({f"{prefix}filled": ArraySpec("|b1", shape)} if carried else {})


def _with_bars(bars: Bars) -> Bars:
    """Rows with a bar, without what an order could be filled with."""
    there = _there(bars)
    if there.all():
        return bars
    return Bars(**{name: getattr(bars, name)[there] for name in ("ts", "known_at", *_CELLS)})


def _there(bars: Bars) -> BoolArray:
    """Rows with a bar: an H4 row may hold fill prices only."""
    return np.isfinite(bars.close)


def _decision(known_at: int, step: int) -> int:
    return -(-known_at // step) * step


def _decisions(known_at: IntArray, step: int) -> IntArray:
    """First decision time at or after each instant."""
    found: IntArray = -(-known_at // step) * step
    return found


def _union(decisions: Sequence[IntArray]) -> IntArray:
    """Sorted instants that are in one of them; of one grid."""
    there = [item for item in decisions if len(item)]
    if not there:
        return np.empty(0, dtype=np.int64)
    first, last = min(int(item.min()) for item in there), max(int(item.max()) for item in there)
    seen = np.zeros((last - first) // H4_NS + 1, dtype=np.bool_)
    for item in there:
        seen[(item - first) // H4_NS] = True
    found: IntArray = first + H4_NS * np.flatnonzero(seen)
    return found


def _refuse_two(item: Instrument, decisions: IntArray, ts: IntArray, step: int) -> None:
    clash = np.flatnonzero(np.diff(decisions) <= 0)
    if len(clash):
        first = int(clash[0])
        raise DataError(
            f"{item.symbol}: bars of {iso(int(ts[first]))} and {iso(int(ts[first + 1]))} are known in one "
            f"{'H4' if step == H4_NS else 'daily'} decision; run `tradeterm data validate`, then import the file again"
        )
