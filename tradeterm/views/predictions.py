"""Signals as they were made, in full: the newest ones, and the history in pages that don't move under appends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, number
from tradeterm.views.newest import newest_step

if TYPE_CHECKING:
    from tradeterm.config.workspace import Workspace
    from tradeterm.store.chain import Head
    from tradeterm.store.ledger import Fact, LedgerReader
    from tradeterm.views.newest import Step

__all__ = [
    "HistoryView",
    "LedgerPoint",
    "NewestView",
    "PastPrediction",
    "Prediction",
    "Realised",
    "StepState",
    "build_history",
    "build_newest",
    "steps_of",
]

# Facts read at once while a filter looks for enough of them.
_CHUNK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPoint:
    """The ledger's newest row when this was read: seq 0 while nothing is recorded."""

    seq: int
    hash: str

    @classmethod
    def of(cls, head: Head) -> LedgerPoint:
        """Take the tip of a ledger."""
        return cls(seq=head.seq, hash=head.hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One signal as it was made.

    seq : its row in the ledger
    prob : probability that the signed net return is positive; ev : mean signed net return, fraction; None when unknown
    sample : matured replay signals behind prob and ev; cost : of one fill, fraction of notional
    bar_ns : when the newest own bar it was made on became known; run_id : the daily run that made it
    """

    seq: int
    key: str
    ts_ns: int
    symbol: str
    strategy: str
    model_version: str
    horizon: int
    timeframe: str | None
    side: str
    prob: float | None
    ev: float | None
    sample: int | None
    cost: float | None
    bar_ns: int | None
    config_hash: str
    run_id: str
    recorded_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """What became of a signal; gross and net are signed returns, hit is None for a flat one."""

    entry_at_ns: int
    exit_at_ns: int
    entry_price: float | None
    exit_price: float | None
    gross: float | None
    net: float | None
    hit: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPrediction:
    """A signal with its outcome, None until its horizon has matured."""

    signal: Prediction
    outcome: Realised | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """How a step of the daily run ended: done, skipped or partial."""

    step: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestView(View):
    """The signals of the newest daily run that predicted, by as-of instant.

    partial : whether a step of that run was partly done; None without a run
    finished : whether it came to its last step; None without a run
    withheld : symbols without a signal, as their bars were stale
    refused : keys under which another signal was recorded before, which stands
    reason : why there are no signals, None where there are some
    """

    SCHEMA: ClassVar[str] = "tradeterm.predict.v1"

    ledger: LedgerPoint
    asof_ns: int | None
    daily_id: str | None
    profile: str | None
    made_up: bool | None
    partial: bool | None
    finished: bool | None
    steps: tuple[StepState, ...]
    withheld: tuple[str, ...]
    refused: tuple[str, ...]
    signals: tuple[Prediction, ...]
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryView(View):
    """One page of all signals, the last recorded first.

    next : cursor of the page behind this one, None on the last page; reason : why the page is empty
    """

    SCHEMA: ClassVar[str] = "tradeterm.history.v1"

    ledger: LedgerPoint
    signals: tuple[PastPrediction, ...]
    limit: int
    next: int | None
    reason: str | None


def build_newest(workspace: Workspace, *, profile: str | None = None) -> NewestView:
    """Read the newest signals; ``profile`` None takes the newest daily run of any.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as reader, reader.at_one_instant() as ledger:
        point = LedgerPoint.of(ledger.tip())
        step = newest_step(ledger, "predict", profile=profile)
        if step is None:
            return _nothing(point, profile)
        refused = tuple(str(key) for key in step.outputs.get("refused", ()))
        found = [ledger.get("signal", str(key)) for key in step.outputs.get("keys", ()) if key not in refused]
        states = steps_of(ledger, step.daily_id)
    signals = tuple(_prediction(fact) for fact in found if fact is not None)
    withheld = tuple(str(symbol) for symbol in step.outputs.get("withheld", ()))
    return NewestView(
        ledger=point,
        asof_ns=step.asof_ns,
        daily_id=step.daily_id,
        profile=step.profile,
        made_up=step.made_up,
        partial=any(state.status == "partial" for state in states),
        finished=any(state.step == "report" for state in states),
        steps=states,
        withheld=withheld,
        refused=refused,
        signals=signals,
        reason=None if signals else _why_none(step, withheld, refused),
    )


def build_history(
    workspace: Workspace,
    *,
    limit: int = 50,
    cursor: int | None = None,
    symbol: str | None = None,
    strategy: str | None = None,
) -> HistoryView:
    """Read one page; ``cursor`` is the ``next`` of the page before it.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    with Ledger.reader(workspace.results) as reader, reader.at_one_instant() as ledger:
        point = LedgerPoint.of(ledger.tip())
        # One more than is shown tells whether there is another page.
        found = _chosen(ledger, limit + 1, cursor, symbol, strategy)
        page = found[:limit]
        outcomes = {fact.seq: ledger.get("outcome", fact.key) for fact in page}
    return HistoryView(
        ledger=point,
        signals=tuple(PastPrediction(signal=_prediction(fact), outcome=_realised(outcomes[fact.seq])) for fact in page),
        limit=limit,
        next=page[-1].seq if len(found) > limit else None,
        reason=None if page else _why_empty(cursor, symbol, strategy),
    )


def steps_of(ledger: LedgerReader, daily_id: str) -> tuple[StepState, ...]:
    """Steps that a daily run has ended, in their order."""
    return tuple(
        StepState(step=str(fact.payload["step"]), status=str(fact.payload["status"]))
        for fact in ledger.facts("step", prefix=f"{daily_id}:")
    )


def _chosen(
    ledger: LedgerReader, wanted: int, before: int | None, symbol: str | None, strategy: str | None
) -> list[Fact]:
    found: list[Fact] = []
    chunk = wanted if symbol is None and strategy is None else _CHUNK
    while len(found) < wanted:
        facts = ledger.facts("signal", newest=chunk, before=before)
        found += [fact for fact in reversed(facts) if _asked(fact.payload, symbol, strategy)]
        if len(facts) < chunk:
            break
        before = facts[0].seq
    return found[:wanted]


def _asked(payload: dict[str, Any], symbol: str | None, strategy: str | None) -> bool:
    return symbol in (None, payload["symbol"]) and strategy in (None, _strategy(payload))


def _strategy(payload: dict[str, Any]) -> str:
    return str(payload["model_version"]).partition("@")[0]


def _nothing(point: LedgerPoint, profile: str | None) -> NewestView:
    under = f" under profile {profile}" if profile is not None else ""
    return NewestView(
        ledger=point,
        asof_ns=None,
        daily_id=None,
        profile=profile,
        made_up=None,
        partial=None,
        finished=None,
        steps=(),
        withheld=(),
        refused=(),
        signals=(),
        reason=f"no daily run has predicted{under} yet; run `tradeterm daily`",
    )


def _why_none(step: Step, withheld: tuple[str, ...], refused: tuple[str, ...]) -> str:
    parts = []
    if withheld:
        parts.append(f"bars of {', '.join(withheld)} were stale")
    if refused:
        parts.append(f"{len(refused)} signals were refused, as others are recorded under their keys")
    return f"daily run {step.daily_id} made no signal: {'; '.join(parts) or 'its strategies saw no bar'}"


def _why_empty(cursor: int | None, symbol: str | None, strategy: str | None) -> str:
    filters = [f"{name} {value}" for name, value in (("symbol", symbol), ("strategy", strategy)) if value is not None]
    what = f"no signal{' of ' + ', '.join(filters) if filters else ''} is recorded"
    return f"{what} before row {cursor}" if cursor is not None else f"{what} yet; `tradeterm daily` records them"


def _prediction(fact: Fact) -> Prediction:
    payload = fact.payload
    bar, sample, timeframe = payload.get("bar"), payload.get("sample"), payload.get("timeframe")
    return Prediction(
        seq=fact.seq,
        key=fact.key,
        ts_ns=from_iso(payload["ts"]),
        symbol=str(payload["symbol"]),
        strategy=_strategy(payload),
        model_version=str(payload["model_version"]),
        horizon=int(payload["horizon"]),
        timeframe=None if timeframe is None else str(timeframe),
        side=str(payload["side"]),
        prob=number(payload.get("prob")),
        ev=number(payload.get("ev")),
        sample=None if sample is None else int(sample),
        cost=number(payload.get("cost")),
        bar_ns=None if bar is None else from_iso(bar),
        config_hash=str(payload["config_hash"]),
        run_id=str(payload.get("run_id", "")),
        recorded_ns=fact.recorded_at,
    )


def _realised(fact: Fact | None) -> Realised | None:
    if fact is None:
        return None
    payload = fact.payload
    hit = payload.get("hit")
    return Realised(
        entry_at_ns=from_iso(payload["entry_at"]),
        exit_at_ns=from_iso(payload["exit_at"]),
        entry_price=number(payload.get("entry_price")),
        exit_price=number(payload.get("exit_price")),
        gross=number(payload.get("gross")),
        net=number(payload.get("net")),
        hit=hit if isinstance(hit, bool) else None,
    )
