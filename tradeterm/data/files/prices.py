"""Which columns of a file are prices and volume of bars, or the values of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tradeterm.core.errors import NotBars
from tradeterm.data.files.names import ENDS, OF_PRICES, PRICES, TICKERS, TIMES, UNNAMED, plain_name
from tradeterm.data.files.numerals import is_missing
from tradeterm.data.files.volumes import find_volume
from tradeterm.data.recognised import Recognised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tradeterm.data.files.wanted import Wanted

__all__ = ["Taken", "find_prices", "find_values"]

_MOST_SHOWN = 6


class Taken(NamedTuple):
    """Cells of the columns that are needed, and what is to be said of them."""

    columns: dict[str, Sequence[Any]]
    recognised: tuple[Recognised, ...] = ()


def find_prices(
    path: Path,
    names: Mapping[int, str],
    cells: Callable[[int], Sequence[Any]],
    named: Mapping[str, int],
    wanted: Wanted,
) -> Taken | None:
    """Find open, high, low, close and volume; of several sets of columns the first, the next where that is blank.

    names : by place; named : places that a person named

    Raises
    ------
    NotBars
        When one of them is there more often than the others.
    """
    plain = {place: plain_name(name) for place, name in names.items()}
    found = {name: [named[name]] if name in named else _called(plain, OF_PRICES[name]) for name in PRICES}
    if "value" in named or not all(found.values()):
        return None
    sets = min(map(len, found.values()))
    for name, places in found.items():
        if len(places) != sets:
            listed = ", ".join(names[place] for place in places)
            raise NotBars(path, f"has {len(places)} columns of the {name} ({listed})", "rename what isn't meant")
    volume = find_volume(names, wanted.symbol, chosen=named.get("volume"))
    of_set = volume.places if len(volume.places) == sets else volume.places[:1] * sets
    parts = [
        {name: cells(found[name][number]) for name in PRICES} | ({"volume": cells(of_set[number])} if of_set else {})
        for number in range(sets)
    ]
    columns, filled = _first_filled(parts)
    said = [*_told(names, found, named), *([volume.recognised] if volume.recognised else []), *filled]
    return Taken(columns, tuple(said))


def find_values(
    path: Path,
    names: Mapping[int, str],
    cells: Callable[[int], Sequence[Any]],
    named: Mapping[str, int],
    wanted: Wanted,
) -> Taken | None:
    """Find the values of a series: the column called value, or after the series, or the only one.

    Raises
    ------
    NotBars
        When the file holds several series, and none is called as this one.
    """
    if "value" in named:
        place = named["value"]
        return Taken({"value": cells(place)}, (Recognised("value", names[place], "named with --column"),))
    plain = {place: plain_name(name) for place, name in names.items()}
    other = [place for place, name in plain.items() if name not in {*TIMES, *ENDS, *UNNAMED, *TICKERS}]
    for choice in (
        [place for place in other if plain[place] == "value"],
        [place for place in other if wanted.is_meant(names[place])],
        other,
    ):
        if len(choice) == 1:
            said = () if plain[choice[0]] == "value" else (Recognised("value", names[choice[0]], "by its name"),)
            return Taken({"value": cells(choice[0])}, said)
    if any(name == "observation date" for name in plain.values()):
        listed = ", ".join(names[place] for place in other[:_MOST_SHOWN])
        hint = f"name one with --column, such as value={names[other[0]]}" if other else "a column of values is needed"
        raise NotBars(path, f"holds {len(other)} series ({listed})", hint)
    return None


def _called(plain: Mapping[int, str], known: Sequence[str]) -> list[int]:
    """Places of the columns that have the first of these names that occurs."""
    return next((found for name in known if (found := [at for at, here in plain.items() if here == name])), [])


def _told(
    names: Mapping[int, str], found: Mapping[str, Sequence[int]], named: Mapping[str, int]
) -> tuple[Recognised, ...]:
    """What is said of prices under other names than the plain ones."""
    taken = {name: names[places[0]] for name, places in found.items()}
    other = {name: theirs for name, theirs in taken.items() if plain_name(theirs) != name}
    if not other:
        return ()
    why = "named with --column" if set(other) & set(named) else "by their names"
    return (Recognised("columns", ", ".join(f"{name} = {theirs}" for name, theirs in other.items()), why),)


def _first_filled(parts: Sequence[dict[str, Sequence[Any]]]) -> tuple[dict[str, Sequence[Any]], tuple[Recognised, ...]]:
    """Cells of the first set; in rows in which that lacks a price, those of the next one that lacks none."""
    columns, told = dict(parts[0]), []
    for number, other in enumerate(parts[1:], start=2):
        lacking = _lacking(columns)
        taken = lacking & ~_lacking(other)
        differs = sum(
            any(mine != theirs for mine, theirs in zip(one, two, strict=True))
            for one, two, skip in zip(_rows(columns), _rows(other), lacking | _lacking(other), strict=True)
            if not skip
        )
        columns = {
            name: [theirs if use else mine for mine, theirs, use in zip(cells, other[name], taken, strict=True)]
            for name, cells in columns.items()
        }
        filled = int(np.count_nonzero(taken))
        why = f"of {len(parts)} sets of columns the first, set {number} where that is blank; {differs} rows differ"
        told.append(Recognised("columns", f"set {number} in {filled} rows", why))
    return columns, tuple(told)


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*(columns[name] for name in columns), strict=True))


def _lacking(columns: Mapping[str, Sequence[Any]]) -> Any:
    rows = zip(*(columns[name] for name in PRICES), strict=True)
    return np.array([any(map(is_missing, row)) for row in rows], dtype=np.bool_)
