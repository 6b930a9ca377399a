"""Scores of all signals in two small files, so that a million of them are shown as fast as a few.

``scores.json`` is what is shown of all, ``symbols.json`` what is shown of one symbol. They are made from the ledger and
vouch for nothing by themselves: each names the row of the chain that it was made at, and whoever reads it checks that
row. They can be deleted at any time. Standard library only, so that reading is cheap.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tradeterm.core.scores import Bin, Decay, Group, Month, Score
from tradeterm.store.atomic import write_bytes_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tradeterm.store.ledger import LedgerReader

__all__ = ["Scores", "behind", "folder_of", "plain_group", "read_scores", "write_scores"]

_LAYOUT = 1
_OF_SYMBOLS = ("symbol", "strategy and symbol")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Groups of the signals and outcomes that were recorded up to row ``seq`` of the ledger.

    found : each group as plain values, which are put into classes only where they are asked for
    """

    seq: int
    hash: str
    found: Sequence[dict[str, Any]]

    def of(self, by: str, *, whole: bool = False) -> tuple[Group, ...]:
        """Groups of one kind; with curves where they are wanted ``whole``."""
        return tuple(_group(item, whole=whole) for item in self.found if item["by"] == by)

    def named(self, by: str, name: str) -> Group | None:
        """One group with its curves, None where it holds no signal."""
        return next((_group(item, whole=True) for item in self.found if (item["by"], item["name"]) == (by, name)), None)


def folder_of(results: Path) -> Path:
    """Where the file, and the columns it is made from, are kept."""
    return results / "scores"


def plain_group(group: Group) -> dict[str, Any]:
    """Return a group as it is kept: as JSON gives it back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(group).items()}


def write_scores(results: Path, scores: Scores) -> None:
    """Replace both files."""
    of_symbols = [item for item in scores.found if item["by"] in _OF_SYMBOLS]
    shown = [_without_curves(item) if item["by"] in _OF_SYMBOLS else item for item in scores.found]
    _write(results, "symbols.json", scores, of_symbols)
    _write(results, "scores.json", scores, [item for item in shown if item["by"] != _OF_SYMBOLS[1]])


def read_scores(results: Path, ledger: LedgerReader, *, of_symbols: bool = False) -> Scores | None:
    """Return what is kept, symbols without their curves, or ``of_symbols`` these alone with them.

    None where there is nothing, or it is not of this ledger.
    """
    path = folder_of(results) / ("symbols.json" if of_symbols else "scores.json")
    try:
        found = json.loads(path.read_bytes())
        if found["layout"] != _LAYOUT or ledger.hash_of(found["seq"]) != found["hash"]:
            return None
        return Scores(seq=found["seq"], hash=found["hash"], found=found["groups"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def behind(ledger: LedgerReader, scores: Scores) -> int:
    """Return how many signals and outcomes were recorded since."""
    return sum(ledger.count(kind, after=scores.seq) for kind in ("signal", "outcome"))


def _write(results: Path, name: str, scores: Scores, groups: list[dict[str, Any]]) -> None:
    document = {"layout": _LAYOUT, "seq": scores.seq, "hash": scores.hash, "groups": groups}
    write_bytes_atomic(folder_of(results) / name, json.dumps(document, separators=(",", ":")).encode())


def _without_curves(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"bins": [], "months": [], "decay": []}


def _group(item: dict[str, Any], *, whole: bool) -> Group:
    return Group(
        by=item["by"],
        name=item["name"],
        signals=item["signals"],
        waiting=item["waiting"],
        score=Score(**item["score"]),
        bins=tuple(Bin(**each) for each in item["bins"]) if whole else (),
        months=tuple(Month(**each) for each in item["months"]) if whole else (),
        decay=tuple(Decay(**each) for each in item["decay"]) if whole else (),
    )
