"""Text with a row per bar: names found, delimiter found, cells kept as they are with the line each row stands on."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tradeterm.core.errors import NotBars
from tradeterm.data.files.grid import Grid, pair_of
from tradeterm.data.files.nameless import nameless
from tradeterm.data.files.names import TIMES, YFINANCE, is_header, plain_name

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.data.files.wanted import Wanted

__all__ = ["grid_of_text"]

_DELIMITERS = (",", ";", "\t", "|")
# Notes, addresses and titles stand above the names; more of them than this are no file of bars.
_PREAMBLE_LINES = 20
_SHOWN = 60


class _Head(NamedTuple):
    """Names of a file, and where its rows begin."""

    names: tuple[str, ...]
    delimiter: str
    first_row: int
    tickers: tuple[str, ...] = ()
    shape: str = ""


def grid_of_text(path: Path, text: str, wanted: Wanted) -> Grid:
    """Read text.

    Raises
    ------
    NotBars
        When it is empty or no CSV, or no line names a time and prices.
    """
    lines = list(io.StringIO(text, newline=""))
    head = _head(lines, wanted)
    if head is None:
        first = next((line for line in lines if line.strip()), "")
        shown = "".join(letter if letter.isprintable() else " " for letter in first[:_SHOWN]).strip()
        raise NotBars(path, f"no known header ('{shown}')" if first else "is empty")
    return _rows(path, lines, head)


def _head(lines: list[str], wanted: Wanted) -> _Head | None:
    for place in range(min(len(lines), _PREAMBLE_LINES)):
        for delimiter in _DELIMITERS:
            rows = [_cells(line, delimiter) for line in lines[place : place + 3]]
            found = _two_levels(rows, delimiter, place) or _one_level(rows[0], delimiter, place, wanted)
            if found is not None:
                return found
    for place, line in enumerate(lines[:_PREAMBLE_LINES]):
        for delimiter in _DELIMITERS:
            known = nameless([_cells(text, delimiter) for text in lines[place : place + _PREAMBLE_LINES]])
            if known is not None and line.strip():
                return _Head(known.names, delimiter, place, (), known.shape)
    return None


def _one_level(names: list[str], delimiter: str, place: int, wanted: Wanted) -> _Head | None:
    pairs = [pair_of(name) for name in names]
    if any(pairs):
        fields = [pair[0] if pair else name for pair, name in zip(pairs, names, strict=True)]
        tickers = tuple(pair[1] if pair else "" for pair in pairs)
        return _Head(tuple(fields), delimiter, place + 1, tickers, YFINANCE) if wanted.is_header(fields) else None
    own = tuple(map(wanted.own, names))
    return _Head(own, delimiter, place + 1) if wanted.is_header(own) else None


def _two_levels(rows: list[list[str]], delimiter: str, place: int) -> _Head | None:
    """Names of fields and of tickers in two lines, in either order; the name of the time stands alone in a third."""
    if len(rows) < 3 or not len(rows[0]) == len(rows[1]) == len(rows[2]) > 1:
        return None
    if any(rows[2][1:]) or plain_name(rows[2][0]) not in TIMES:
        return None
    for fields, tickers in ((rows[0], rows[1]), (rows[1], rows[0])):
        names = [rows[2][0], *fields[1:]]
        if is_header(names):
            return _Head(tuple(names), delimiter, place + 3, ("", *tickers[1:]), YFINANCE)
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        found = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return [""]
    return [cell.strip() for cell in found] or [""]


def _rows(path: Path, lines: list[str], head: _Head) -> Grid:
    reader = csv.reader(lines[head.first_row :], delimiter=head.delimiter, skipinitialspace=True)
    places, rows = [], []
    try:
        for row in reader:
            if any(row) and not row[0].startswith("#"):
                places.append(head.first_row + reader.line_num)
                rows.append(row)
    except csv.Error as failure:
        line = head.first_row + reader.line_num
        raise NotBars(path, f"line {line} is no CSV ({failure})", "mend that line") from failure
    width = len(head.names)
    crowded = np.array([len(row) > width and any(map(str.strip, row[width:])) for row in rows], dtype=np.bool_)
    even = [row if len(row) == width else (row + [""] * width)[:width] for row in rows]
    columns = [list(map(str.strip, column)) for column in zip(*even, strict=True)] or [[] for _ in head.names]
    raw = [lines[place - 1].rstrip("\r\n") for place in places]
    return Grid(
        names=head.names,
        columns=columns,
        lines=places,
        raw=raw,
        crowded=crowded,
        tickers=head.tickers,
        shape=head.shape,
    )
