"""Decisions of a stored run, read back from its files as the engine's explanation takes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.errors import StoreError, UsageError, nearest
from tradeterm.core.time import iso
from tradeterm.engine.explain import FLAGS, AxisState, Decided, Rule
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from tradeterm.config.workspace import Workspace

__all__ = ["Decisions"]

_OLD = "keeps no decisions: it was stored by an earlier version; `tradeterm backtest run` makes one that does"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One kept decision in the NAV table."""

    time_ns: int
    nav: float
    drawdown: float
    ladder: str


class Decisions:
    """The decisions that a run has kept; between them the one before stands.

    Raises
    ------
    RunNotFound, StoreError
        When there is no such run, it keeps no decisions, or a file of it is missing or damaged.
    """

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self.run_id = run_id
        self._store = RunStore(workspace.results)
        self.manifest = self._store.document(run_id, "manifest")
        with Ledger.reader(workspace.results) as ledger:
            fact = ledger.get("run", run_id)
        self.sample = None if fact is None else fact.payload.get("made_up") is True
        nav = self._table("nav")
        if "decided" not in nav.column_names:
            raise StoreError(f"run {run_id} {_OLD}")
        self._terms = self._store.document(run_id, "terms")
        self.symbols = tuple(str(item["symbol"]) for item in self._terms["instruments"])
        self.classes = tuple(str(name) for name in self._terms["classes"])
        self.unit = np.array([float(item["unit"]) for item in self._terms["instruments"]])
        self.share = _cap(self._terms["share"])
        self.times = _stamps(nav)
        self._nav = nav
        self._kept = np.flatnonzero(nav.column("decided").to_numpy())
        self.kept_times = self.times[self._kept]
        self._loaded: dict[str, tuple[Any, pa.Table]] = {}

    def column_of(self, symbol: str) -> int:
        """Place of a symbol; raises UsageError when the run does not hold it."""
        if symbol not in self.symbols:
            near = nearest(symbol.upper(), self.symbols)
            hint = f"did you mean '{near}'?" if near else f"it has {', '.join(self.symbols)}"
            raise UsageError(f"run {self.run_id} trades no '{symbol}'; {hint}")
        return self.symbols.index(symbol)

    def standing(self, at_ns: int) -> tuple[int, int]:
        """Newest decision at or before an instant, and the kept one that it is or repeats.

        Raises
        ------
        UsageError
            When the instant is before the first decision, or after the last one.
        """
        first, last = int(self.times[0]), int(self.times[-1])
        if not first <= at_ns <= last:
            when = "before the first" if at_ns < first else "after the last"
            known = f"{iso(first)} to {iso(last)}"
            raise UsageError(f"{iso(at_ns)} is {when} decision of run {self.run_id}; it decided from {known}")
        newest = int(self.times[np.searchsorted(self.times, at_ns, side="right") - 1])
        return newest, int(self.kept_times[np.searchsorted(self.kept_times, newest, side="right") - 1])

    def beside(self, symbol: str, kept_ns: int) -> tuple[int | None, int | None]:
        """Kept decisions before and after one that have anything to say of a symbol."""
        stamps, weights = self._at("weights")
        own = np.unique(stamps[weights.column("symbol").to_numpy(zero_copy_only=False) == symbol])
        place, after = np.searchsorted(own, kept_ns), np.searchsorted(own, kept_ns, side="right")
        return (int(own[place - 1]) if place else None), (int(own[after]) if after < len(own) else None)

    def at(self, kept_ns: int) -> Decided:
        """Read one kept decision."""
        row, terms = self._row(kept_ns), self._terms
        count, names = len(self.symbols), tuple(str(item["name"]) for item in terms["strategies"])
        limits = self._limits(kept_ns)
        weights, parts = self._weights(kept_ns), self._attribution(kept_ns, names)
        tight = limits["asset"]
        return Decided(
            time_ns=kept_ns,
            strategies=names,
            symbols=self.symbols,
            classes=self.classes,
            weights=parts["weight"],
            budget=np.array([limits[f"budget {name}"] for name in names]),
            base=np.array([float(item["budget"]) for item in terms["strategies"]]),
            multiplier=np.array(
                [
                    [float(item["multipliers"].get(symbol, 1.0)) for symbol in self.symbols]
                    for item in terms["strategies"]
                ]
            ).reshape(len(names), count),
            flags=parts["flag"].astype(np.int8),
            contribution=parts["before"],
            held=parts["held"],
            own_cap=np.array([_cap(item["cap"]) for item in terms["strategies"]]),
            position=weights["held"],
            movable=weights["movable"] != 0.0,
            asset_class=np.array([self.classes.index(item["asset_class"]) for item in terms["instruments"]]),
            asset_cap=np.array([min(_cap(item["cap"]), tight) for item in terms["instruments"]]),
            class_cap=np.array([limits[f"class {name}"] for name in self.classes]),
            gross_cap=limits["gross"],
            net_cap=limits["net"],
            nav=row.nav,
            drawdown=row.drawdown,
            ladder=row.ladder,
            ladder_factor=_ladder_factor(row, float(terms["derisk_scale"])),
            mark=weights["mark"],
            unit=self.unit,
            lots=weights["lots"],
            aim=weights["aim_lots"],
            order=weights["order_lots"],
            limit=weights["limit"],
            band=float(terms["band"]),
            least=np.array([float(item["least"]) for item in terms["instruments"]]),
            rules=tuple(Rule(**rule) for rule in terms["rules"]),
            regime=self._regime(kept_ns),
        )

    def target(self, kept_ns: int, symbol: str) -> float:
        """Weight that the run recorded; 0 where it recorded none."""
        return next((float(row["target"]) for row in self.rows("weights", kept_ns) if row["symbol"] == symbol), 0.0)

    def rows(self, name: str, ts_ns: int) -> Iterator[dict[str, Any]]:
        """Rows of a table at one instant, without their stamps."""
        stamps, table = self._at(name)
        start, stop = np.searchsorted(stamps, ts_ns), np.searchsorted(stamps, ts_ns, side="right")
        part = table.slice(int(start), int(stop - start))
        yield from part.to_pylist()

    def _table(self, name: str) -> pa.Table:
        return self._store.table(self.run_id, name)

    def _at(self, name: str) -> tuple[Any, pa.Table]:
        """Stamps of a table and what it holds beside them, in the order of the stamps."""
        if name not in self._loaded:
            table = self._table(name)
            stamps = _stamps(table)
            order = np.argsort(stamps, kind="stable")
            self._loaded[name] = stamps[order], _plain(table.drop_columns(["ts"])).take(order)
        return self._loaded[name]

    def _row(self, kept_ns: int) -> _Row:
        at = int(np.searchsorted(self.times, kept_ns))
        found = self._nav.slice(at, 1).select(["nav", "drawdown", "ladder"]).to_pylist()[0]
        return _Row(
            time_ns=kept_ns, nav=_known(found["nav"]), drawdown=_known(found["drawdown"]), ladder=found["ladder"]
        )

    def _weights(self, kept_ns: int) -> dict[str, Any]:
        found = {name: np.zeros(len(self.symbols)) for name in ("held", "lots", "aim_lots", "order_lots", "movable")}
        found |= {name: np.full(len(self.symbols), math.nan) for name in ("mark", "limit")}
        # Who is left out wants nothing and holds nothing: it takes no room, whether it can trade or not.
        found["movable"][:] = 1.0
        for row in self.rows("weights", kept_ns):
            j = self.symbols.index(row["symbol"])
            for name, values in found.items():
                values[j] = _known(row[name])
        return found

    def _attribution(self, kept_ns: int, names: tuple[str, ...]) -> dict[str, Any]:
        found = {name: np.zeros((len(names), len(self.symbols))) for name in ("weight", "before", "held", "flag")}
        for row in self.rows("attribution", kept_ns):
            place = names.index(row["strategy"]), self.symbols.index(row["symbol"])
            found["flag"][place] = FLAGS.index(row["flag"])
            for name in ("weight", "before", "held"):
                found[name][place] = row[name]
        return found

    def _limits(self, kept_ns: int) -> dict[str, float]:
        stamps, table = self._at("limits")
        known = table.slice(0, int(np.searchsorted(stamps, kept_ns, side="right")))
        return {row["name"]: _cap(row["value"]) for row in known.to_pylist()}

    def _regime(self, kept_ns: int) -> tuple[AxisState, ...]:
        stamps, table = self._at("regime")
        stop = int(np.searchsorted(stamps, kept_ns, side="right"))
        axes = table.column("axis").to_numpy(zero_copy_only=False)[:stop]
        found = {}
        for axis in dict.fromkeys(axes.tolist()):
            row = table.slice(int(np.flatnonzero(axes == axis)[-1]), 1).to_pylist()[0]
            found[axis] = AxisState(
                axis=axis,
                state=row["state"],
                last=row["last"] or None,
                status=row["status"],
                reading=_known(row["reading"]),
                reference=_known(row["reference"]),
            )
        return tuple(found.values())


def _ladder_factor(row: _Row, derisk_scale: float) -> float:
    if row.ladder == "HALTED" or not row.nav > 0.0:
        return 0.0
    return derisk_scale if row.ladder == "DERISKED" else 1.0


def _cap(value: float | None) -> float:
    return math.inf if value is None else float(value)


def _known(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(table: pa.Table) -> pa.Table:
    """Same table with instants as nanoseconds: as Python values they would bring pandas with them."""
    import pyarrow as pa

    for place, each in enumerate(table.schema):
        if pa.types.is_timestamp(each.type):
            table = table.set_column(place, each.name, table.column(place).cast(pa.int64()))
    return table


def _stamps(table: pa.Table) -> Any:
    import pyarrow as pa

    return table.column("ts").cast(pa.int64()).to_numpy()
