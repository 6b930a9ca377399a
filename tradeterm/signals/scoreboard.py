"""Scores of every signal in the ledger, brought up to its newest row.

What has been read is kept as columns (``results/scores/columns.parquet``), so that only new facts are read again. Both
files are made from the ledger alone, may be deleted, and are not believed unless the ledger holds the row they name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.scores import Decay, Group, Month
from tradeterm.core.time import from_iso
from tradeterm.engine.scores import rank_correlation, reliability, score
from tradeterm.signals.outcomes import LAGS
from tradeterm.signals.scorefile import Scores, behind, folder_of, plain_group, read_scores, write_scores
from tradeterm.store.atomic import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tradeterm.core.types import BoolArray, FloatArray, IntArray
    from tradeterm.store.chain import Row
    from tradeterm.store.ledger import LedgerReader

__all__ = ["count_scores", "update_scores"]

_AXES = ("equity", "volatility", "crypto", "macro")
_SIDES = {"long": 1.0, "short": -1.0, "flat": 0.0}
# Facts read at a time: a ledger of millions does not fit into memory.
_AT_ONCE = 50_000
_NUMBERS = ("side", "prob", "ev", "cost", "gross", "net", *(f"lag_{lag}" for lag in LAGS))
_COUNTS = ("seq", "ts", "horizon")
_WORDS = ("symbol", "model", *_AXES)


@dataclass
class _Columns:
    """Signals and their outcomes, one row each in the order of recording.

    numbers : NaN where there is none (``net`` is NaN until a signal has matured)
    words : codes into ``names``
    """

    counts: dict[str, IntArray]
    numbers: dict[str, FloatArray]
    words: dict[str, IntArray]
    names: dict[str, list[str]]
    seq: int = 0
    hash: str = ""

    @classmethod
    def empty(cls) -> _Columns:
        return cls(
            counts={name: np.empty(0, dtype=np.int64) for name in _COUNTS},
            numbers={name: np.empty(0) for name in _NUMBERS},
            words={name: np.empty(0, dtype=np.int64) for name in _WORDS},
            names={name: [] for name in _WORDS},
        )

    def __len__(self) -> int:
        return len(self.counts["seq"])


def update_scores(results: Path, ledger: LedgerReader) -> None:
    """Bring the files up to the ledger's newest signal and outcome; what is current is not written again."""
    kept = [read_scores(results, ledger, of_symbols=each) for each in (False, True)]
    if all(each is not None and not behind(ledger, each) for each in kept):
        return
    columns = _read_columns(results, ledger)
    _take_in(columns, ledger)
    _write_columns(results, columns)
    write_scores(results, _scores(columns))


def count_scores(ledger: LedgerReader) -> Scores:
    """Score what the ledger holds, from its facts alone; nothing is kept."""
    columns = _Columns.empty()
    _take_in(columns, ledger)
    return _scores(columns)


# From facts to columns


def _take_in(columns: _Columns, ledger: LedgerReader) -> None:
    while rows := ledger.rows(["signal", "outcome"], after=columns.seq, most=_AT_ONCE):
        _take_rows(columns, ledger, rows)


def _take_rows(columns: _Columns, ledger: LedgerReader, rows: list[Row]) -> None:
    signals = [row for row in rows if row.kind == "signal"]
    before = len(columns)
    _add_signals(columns, [(row.seq, json.loads(row.payload)) for row in signals])
    place = {row.key: before + number for number, row in enumerate(signals)}
    for row in rows:
        if row.kind == "outcome":
            at = place[row.key] if row.key in place else _place(columns, ledger, row.key)
            if at is not None:
                _add_outcome(columns, at, json.loads(row.payload))
    columns.seq, columns.hash = rows[-1].seq, rows[-1].hash


def _place(columns: _Columns, ledger: LedgerReader, key: str) -> int | None:
    signal = ledger.get("signal", key)
    if signal is None:
        return None
    return int(np.searchsorted(columns.counts["seq"], signal.seq))


def _add_signals(columns: _Columns, found: list[tuple[int, dict[str, Any]]]) -> None:
    payloads = [payload for _, payload in found]
    counts = {
        "seq": [seq for seq, _ in found],
        "ts": [from_iso(payload["ts"]) for payload in payloads],
        "horizon": [int(payload["horizon"]) for payload in payloads],
    }
    for name, whole in counts.items():
        columns.counts[name] = np.concatenate([columns.counts[name], np.array(whole, dtype=np.int64)])
    numbers = {
        "side": [_SIDES[payload["side"]] for payload in payloads],
        **{name: [_number(payload.get(name)) for payload in payloads] for name in ("prob", "ev", "cost")},
    }
    for name in _NUMBERS:
        values = numbers.get(name, [np.nan] * len(found))
        columns.numbers[name] = np.concatenate([columns.numbers[name], np.array(values, dtype=np.float64)])
    words = {
        "symbol": [str(payload["symbol"]) for payload in payloads],
        "model": [str(payload["model_version"]) for payload in payloads],
        **{axis: [str((payload.get("regime") or {}).get(axis, "UNKNOWN")) for payload in payloads] for axis in _AXES},
    }
    for name, texts in words.items():
        codes = {text: code for code, text in enumerate(columns.names[name])}
        new = np.array([codes.setdefault(text, len(codes)) for text in texts], dtype=np.int64)
        columns.names[name] = list(codes)
        columns.words[name] = np.concatenate([columns.words[name], new])


def _add_outcome(columns: _Columns, at: int, payload: dict[str, Any]) -> None:
    columns.numbers["gross"][at] = _number(payload.get("gross"))
    columns.numbers["net"][at] = _number(payload.get("net"))
    for lag, gross in payload.get("path", ()):
        column = columns.numbers.get(f"lag_{lag}")
        if column is not None:
            column[at] = _number(gross)


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


# Columns on the disk


def _path(results: Path) -> Path:
    return folder_of(results) / "columns.parquet"


def _read_columns(results: Path, ledger: LedgerReader) -> _Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(_path(results))
        said = json.loads(table.schema.metadata[b"scores"])
        if ledger.hash_of(said["seq"]) != said["hash"]:
            return _Columns.empty()
        return _Columns(
            counts={name: table[name].to_numpy().copy() for name in _COUNTS},
            numbers={name: table[name].to_numpy().copy() for name in _NUMBERS},
            words={name: table[name].to_numpy().copy() for name in _WORDS},
            names={name: list(said["names"][name]) for name in _WORDS},
            seq=said["seq"],
            hash=said["hash"],
        )
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException):
        return _Columns.empty()


def _write_columns(results: Path, columns: _Columns) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    said = {"seq": columns.seq, "hash": columns.hash, "names": columns.names}
    table = pa.table({**columns.counts, **columns.numbers, **columns.words})
    with replace_file(_path(results)) as temporary:
        pq.write_table(table.replace_schema_metadata({b"scores": json.dumps(said).encode()}), temporary)


# From columns to scores


def _scores(columns: _Columns) -> Scores:
    found = [plain_group(group) for group in _groups(columns)]
    return Scores(seq=columns.seq, hash=columns.hash, found=found)


def _groups(columns: _Columns) -> Iterator[Group]:
    everything = np.arange(len(columns))
    months = _months(columns.counts["ts"])
    yield _group(columns, months, "all", "all", everything)
    strategies, codes = _strategies(columns)
    yield from _by(columns, months, "strategy", codes, strategies)
    yield from _by(columns, months, "model", columns.words["model"], columns.names["model"])
    yield from _by(columns, months, "symbol", columns.words["symbol"], columns.names["symbol"])
    for axis in _AXES:
        names = [f"{axis} {state}" for state in columns.names[axis]]
        yield from _by(columns, months, "regime", columns.words[axis], names)
    symbols = columns.names["symbol"]
    pairs = [f"{strategy}|{symbol}" for strategy in strategies for symbol in symbols]
    yield from _by(columns, None, "strategy and symbol", codes * len(symbols) + columns.words["symbol"], pairs)


def _strategies(columns: _Columns) -> tuple[list[str], IntArray]:
    names: dict[str, int] = {}
    of_model = [names.setdefault(model.partition("@")[0], len(names)) for model in columns.names["model"]]
    return list(names), np.array(of_model, dtype=np.int64)[columns.words["model"]]


def _by(
    columns: _Columns, months: tuple[IntArray, list[str]] | None, by: str, codes: IntArray, names: list[str]
) -> Iterator[Group]:
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    for code in sorted(range(len(names)), key=names.__getitem__):
        rows = order[bounds[code] : bounds[code + 1]]
        if len(rows):
            yield _group(columns, months, by, names[code], rows)


def _group(columns: _Columns, months: tuple[IntArray, list[str]] | None, by: str, name: str, rows: IntArray) -> Group:
    """Score the signals of ``rows``; without ``months`` no curves are made."""
    matured = rows[np.isfinite(columns.numbers["net"][rows])]
    cut = {key: columns.numbers[key][matured] for key in ("side", "prob", "ev", "gross", "net")}
    told = (cut["side"] != 0.0) & np.isfinite(cut["prob"])
    whole = months is not None
    return Group(
        by=by,
        name=name,
        signals=len(rows),
        waiting=len(rows) - len(matured),
        score=score(**cut),
        bins=tuple(reliability(cut["prob"][told], cut["net"][told] > 0.0)) if whole else (),
        months=_by_month(months, matured, cut) if months is not None else (),
        decay=tuple(_decay(columns, matured)) if whole else (),
    )


def _months(ts: IntArray) -> tuple[IntArray, list[str]]:
    """Number of each signal's month, and the months' names."""
    of = ts.astype("datetime64[ns]").astype("datetime64[M]")
    names, codes = np.unique(of, return_inverse=True)
    return codes.astype(np.int64), [str(name) for name in names]


def _by_month(months: tuple[IntArray, list[str]], rows: IntArray, cut: dict[str, FloatArray]) -> tuple[Month, ...]:
    codes, names = months
    directional = cut["side"] != 0.0
    count = np.bincount(codes[rows][directional], minlength=len(names))
    hits = np.bincount(codes[rows][directional & (cut["net"] > 0.0)], minlength=len(names))
    return tuple(Month(month=names[m], n=int(count[m]), hits=int(hits[m])) for m in np.flatnonzero(count).tolist())


def _decay(columns: _Columns, rows: IntArray) -> Iterator[Decay]:
    """One entry per lag that some horizon reaches; at a signal's own horizon its outcome counts."""
    horizon = columns.counts["horizon"][rows]
    for lag in sorted({*LAGS, *np.unique(horizon).tolist()}):
        at_end = horizon == lag
        column = columns.numbers.get(f"lag_{lag}")
        between = column[rows] if column is not None else np.full(len(rows), np.nan)
        gross = np.where(at_end, columns.numbers["gross"][rows], between)
        there: BoolArray = np.isfinite(gross)
        if there.any():
            yield _faded(lag, columns, rows[there], gross[there])


def _faded(lag: int, columns: _Columns, rows: IntArray, gross: FloatArray) -> Decay:
    side, ev, cost = (columns.numbers[name][rows] for name in ("side", "ev", "cost"))
    directional = side != 0.0
    forecast = np.where(directional, side * ev, 0.0)
    known = np.isfinite(forecast)
    realised = np.where(directional, side, 1.0) * gross
    # With x = exit / entry the costs of both fills are cost (1 + x), and x is 1 + side * gross.
    net = gross[directional] - cost[directional] * (2.0 + realised[directional])
    return Decay(
        lag=lag,
        n=len(rows),
        ic=rank_correlation(forecast[known], realised[known]),
        hit_rate=float((net > 0.0).mean()) if len(net) else None,
    )
