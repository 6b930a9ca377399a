"""Portfolio and risk: the book of the newest snapshot, which is simulated, since no session has traded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.time import DAY_NS, from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.views.base import View, hours_since, number
from tradeterm.views.newest import newest_step
from tradeterm.views.runs import Point, day_points

if TYPE_CHECKING:
    from tradeterm.config.workspace import Workspace

__all__ = ["BookView", "Cut", "LadderState", "LimitUse", "Position", "Share", "build"]

_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one strategy wants of an instrument, before and after risk, fractions of NAV."""

    strategy: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One instrument of the book; weights are fractions of NAV, delta = target - actual."""

    symbol: str
    asset_class: str
    quantity: float | None
    mark: float | None
    target: float | None
    actual: float | None
    delta: float | None
    order: float | None
    strategies: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """How much of a limit is used; ``binding`` when it held the book back."""

    name: str
    now: float | None
    cap: float | None
    binding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What risk took from a wish, and what size would have passed."""

    limit: str
    symbol: str | None
    wanted: float | None
    cap: float | None
    headroom: float | None
    passes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderState:
    """Drawdown ladder; drawdown and its lines are positive fractions."""

    state: str
    drawdown: float | None
    peak: float | None
    derisk_at: float | None
    halt_at: float | None
    recovery: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookView(View):
    """The present book; ``run_id`` None and everything empty while no daily run has ended.

    origin : "simulated": the backtest's book, no broker's
    history : NAV of the last 30 days
    """

    SCHEMA: ClassVar[str] = "tradeterm.book.v1"

    origin: str
    run_id: str | None
    profile: str | None
    sample: bool
    asof_ns: int | None
    age_hours: int | None
    certified: bool | None
    nav: float | None
    cash: float | None
    gross: float | None
    day_change: float | None
    residual: float | None
    positions: tuple[Position, ...]
    limits: tuple[LimitUse, ...]
    cuts: tuple[Cut, ...]
    ladder: LadderState | None
    history: tuple[Point, ...]


def build(workspace: Workspace, now_ns: int, *, profile: str | None = None) -> BookView:
    """Read the book of the newest snapshot.

    Raises
    ------
    StoreError
        When the ledger or a file of the run can't be read.
    """
    with Ledger.reader(workspace.results) as ledger:
        step = newest_step(ledger, "snapshot", profile=profile)
    if step is None:
        return _nothing(profile)
    run_id = str(step.outputs["run_id"])
    store = RunStore(workspace.results)
    book = store.document(run_id, "book")
    points = day_points(store.table(run_id, "nav"))
    asof = from_iso(str(book["asof"]))
    return BookView(
        origin="simulated",
        run_id=run_id,
        profile=step.profile,
        sample=step.made_up,
        asof_ns=asof,
        age_hours=hours_since(asof, now_ns),
        certified=step.outputs.get("certificate") is True,
        nav=number(book["nav"]),
        cash=number(book["cash"]),
        gross=number(book["gross"]),
        day_change=_day_change(points),
        residual=number(book["residual"]),
        positions=tuple(map(_position, book["positions"])),
        limits=tuple(map(_limit, book["limits"])),
        cuts=tuple(map(_cut, book["cuts"])),
        ladder=_ladder(book["ladder"]),
        history=points[-_DAYS - 1 :],
    )


def _nothing(profile: str | None) -> BookView:
    return BookView(
        origin="simulated",
        run_id=None,
        profile=profile,
        sample=False,
        asof_ns=None,
        age_hours=None,
        certified=None,
        nav=None,
        cash=None,
        gross=None,
        day_change=None,
        residual=None,
        positions=(),
        limits=(),
        cuts=(),
        ladder=None,
        history=(),
    )


def _day_change(points: tuple[Point, ...]) -> float | None:
    """Change over the newest day; unknown where the day before has no point."""
    if len(points) < 2 or points[-1].ts_ns - points[-2].ts_ns > 4 * DAY_NS or not points[-2].nav:
        return None
    return points[-1].nav / points[-2].nav - 1.0


def _position(item: dict[str, Any]) -> Position:
    return Position(
        symbol=str(item["symbol"]),
        asset_class=str(item["asset_class"]),
        quantity=number(item["quantity"]),
        mark=number(item["mark"]),
        target=number(item["target"]),
        actual=number(item["weight"]),
        delta=number(item["delta"]),
        order=number(item.get("order")),
        strategies=tuple(
            Share(strategy=name, before=number(share["before"]), after=number(share["after"]))
            for name, share in item["strategies"].items()
        ),
    )


def _limit(item: dict[str, Any]) -> LimitUse:
    return LimitUse(
        name=str(item["name"]), now=number(item["now"]), cap=number(item["cap"]), binding=item["binding"] is True
    )


def _cut(item: dict[str, Any]) -> Cut:
    return Cut(
        limit=str(item["limit"]),
        symbol=item["symbol"] or None,
        **{name: number(item.get(name)) for name in ("wanted", "cap", "headroom", "passes")},
    )


def _ladder(item: dict[str, Any]) -> LadderState:
    return LadderState(
        state=str(item["state"]),
        **{name: number(item[name]) for name in ("drawdown", "peak", "derisk_at", "halt_at", "recovery")},
    )
