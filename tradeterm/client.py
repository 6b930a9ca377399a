"""A small typed client of ``tradeterm serve``: standard library only, for programs that don't want the engine.

    with Client() as desk:
        for signal in desk.predict().signals:
            print(signal.symbol, signal.side, signal.prob)

``python -m tradeterm.client health`` is a health check for containers: it prints the health and exits 0 when the
service answers and can read its ledger; with ``--strict`` only when nothing at all is degraded. The address is
TRADETERM_API_URL, else http://127.0.0.1:8710; the token TRADETERM_API_TOKEN.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, fields
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

__all__ = [
    "DEFAULT_URL",
    "ApiError",
    "Client",
    "Daily",
    "Health",
    "Metrics",
    "Outcome",
    "Page",
    "Predictions",
    "Signal",
    "StrategyMetrics",
    "Unreachable",
]

_T = TypeVar("_T")

DEFAULT_URL = "http://127.0.0.1:8710"
# What a whole answer may take; the largest page has some 300 kB.
_LARGEST = 50_000_000


class Unreachable(Exception):
    """No answer, or one that isn't of this service."""


class ApiError(Exception):
    """The service said why it doesn't answer."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail = status, title, detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal as it was made; fields as in docs/signals.md, None is unknown."""

    seq: int
    key: str
    ts: datetime
    symbol: str
    strategy: str
    model_version: str
    horizon: int
    timeframe: str | None
    side: Literal["long", "short", "flat"]
    prob: float | None
    ev: float | None
    sample: int | None
    cost: float | None
    bar: datetime | None
    config_hash: str
    run_id: str
    recorded: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a signal: signed returns before and after costs; hit is None for a flat one."""

    entry_at: datetime
    exit_at: datetime
    entry_price: float | None
    exit_price: float | None
    gross: float | None
    net: float | None
    hit: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Signals of the newest daily run that predicted; ``reason`` says why there are none."""

    asof: datetime | None
    daily_id: str | None
    profile: str | None
    made_up: bool | None
    partial: bool | None
    finished: bool | None
    steps: dict[str, str]
    withheld: tuple[str, ...]
    refused: tuple[str, ...]
    signals: tuple[Signal, ...]
    reason: str | None
    ledger_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the history, the last recorded first; ``next`` asks for the page behind it, None on the last."""

    signals: tuple[tuple[Signal, Outcome | None], ...]
    limit: int
    next: int | None
    reason: str | None
    ledger_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyMetrics:
    """Metrics of one strategy of a run."""

    name: str
    version: str
    budget: float | None
    metrics: dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Metrics of a certified run; ``definitions`` says what each is, ``reason`` why there are none."""

    run_id: str | None
    name: str | None
    kind: str | None
    profile: str | None
    made_up: bool | None
    optimistic: bool | None
    start: datetime | None
    end: datetime | None
    certificate: bool | None
    portfolio: dict[str, float | None]
    strategies: tuple[StrategyMetrics, ...]
    definitions: dict[str, str]
    reason: str | None
    readable: bool
    ledger_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """The newest daily run: its age since the as-of instant, and that of the newest bar it knew."""

    daily_id: str
    profile: str
    made_up: bool
    asof: datetime
    recorded: datetime
    age_hours: int
    state: Literal["done", "partial", "unfinished"]
    data_last: datetime | None
    data_age_hours: int | None
    failed: int
    stale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Health; ``ledger_seq`` is None when the ledger can't be read, ``kill_reason`` None while nothing is latched."""

    status: Literal["ok", "degraded"]
    reasons: tuple[str, ...]
    at: datetime
    daily: Daily | None
    killed: bool
    kill_reason: str | None
    open_incidents: int | None
    ledger_seq: int | None


class Client:
    """Asks one service; answers that have not changed are not sent again.

    url : where it listens; a path before its own is kept, so it may stand behind a proxy
    token : TRADETERM_API_TOKEN's value where the service asks for one
    timeout_s : of each read
    One object serves one thread at a time. No redirect is followed and no proxy of the environment is asked, so that
    the token goes to this address alone.
    """

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{url}' is no address of a service; write http://HOST:PORT")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._url, self._base, self._token = url, parts.path.rstrip("/"), token
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._held: dict[str, tuple[str, dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        self._connection.close()

    def predict(self) -> Predictions:
        """Return the newest signals."""
        found = self._get("/predict", "predict")
        return Predictions(
            **_named(found, "daily_id", "profile", "made_up", "partial", "finished", "reason"),
            asof=_instant(found["asof"]),
            steps={item["step"]: item["status"] for item in found["steps"]},
            withheld=tuple(found["withheld"]),
            refused=tuple(found["refused"]),
            signals=tuple(map(_signal, found["signals"])),
            ledger_seq=found["ledger"]["seq"],
        )

    def page(
        self, *, limit: int = 50, cursor: int | None = None, symbol: str | None = None, strategy: str | None = None
    ) -> Page:
        """Return one page of the history."""
        found = self._get("/history", "history", limit=limit, cursor=cursor, symbol=symbol, strategy=strategy)
        return Page(
            **_named(found, "limit", "next", "reason"),
            signals=tuple((_signal(item["signal"]), _outcome(item["outcome"])) for item in found["signals"]),
            ledger_seq=found["ledger"]["seq"],
        )

    def history(
        self, *, symbol: str | None = None, strategy: str | None = None, at_once: int = 500
    ) -> Iterator[tuple[Signal, Outcome | None]]:
        """Yield every signal, the last recorded first, each once, whatever is recorded meanwhile."""
        cursor = None
        while True:
            page = self.page(limit=at_once, cursor=cursor, symbol=symbol, strategy=strategy)
            yield from page.signals
            cursor = page.next
            if cursor is None:
                return

    def metrics(self, run_id: str | None = None) -> Metrics:
        """Return the metrics of a run, of the newest daily snapshot without one.

        Raises
        ------
        ApiError
            Status 404 when no such run is recorded.
        """
        found = self._get("/metrics", "metrics", run_id=run_id)
        plain = ("run_id", "name", "kind", "profile", "made_up", "optimistic", "certificate", "portfolio")
        return Metrics(
            **_named(found, *plain, "definitions", "reason", "readable"),
            start=_instant(found["start"]),
            end=_instant(found["end"]),
            strategies=tuple(_made(StrategyMetrics, item) for item in found["strategies"]),
            ledger_seq=found["ledger"]["seq"],
        )

    def health(self) -> Health:
        """Return the health, also that of a service that can't read its ledger."""
        found = self._get("/health", "health", accepted=(200, 503))
        kill, ledger = found["kill"], found["ledger"]
        return Health(
            **_named(found, "status", "open_incidents"),
            reasons=tuple(found["reasons"]),
            at=_sure(found["at"]),
            daily=_daily(found["daily"]),
            killed=kill is not None,
            kill_reason=None if kill is None else kill["reason"],
            ledger_seq=None if ledger is None else ledger["seq"],
        )

    def _get(
        self, path: str, layout: str, *, accepted: tuple[int, ...] = (200,), **query: str | int | None
    ) -> dict[str, Any]:
        asked = {name: value for name, value in query.items() if value is not None}
        target = f"{self._base}{path}{'?' + urlencode(asked) if asked else ''}"
        held = self._held.get(target)
        headers = {"Accept": "application/json", "Connection": "close"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if held is not None:
            headers["If-None-Match"] = held[0]
        status, tag, body = self._exchange(target, headers)
        if status == 304 and held is not None:
            return held[1]
        found = self._parsed(status, body)
        if "title" in found or status not in accepted:
            raise ApiError(status, str(found.get("title", "")), str(found.get("detail", "no reason given")))
        if found.get("schema") != f"tradeterm.{layout}.v1":
            raise Unreachable(f"{self._url}: answers in layout {found.get('schema')}, not tradeterm.{layout}.v1")
        if tag is not None:
            # Only the newest answer: a walk through the history asks for each page once.
            self._held = {target: (tag, found)}
        return found

    def _exchange(self, target: str, headers: Mapping[str, str]) -> tuple[int, str | None, bytes]:
        try:
            self._connection.request("GET", target, headers=dict(headers))
            answer = self._connection.getresponse()
            body = answer.read(_LARGEST + 1)
        except (OSError, HTTPException) as problem:
            raise Unreachable(f"{self._url}: no answer ({problem or type(problem).__name__})") from problem
        finally:
            self._connection.close()
        if len(body) > _LARGEST:
            raise Unreachable(f"{self._url}: an answer of more than {_LARGEST // 1_000_000} MB")
        return answer.status, answer.headers.get("ETag"), body

    def _parsed(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unreachable(f"{self._url}: answered {status} without JSON; is it `tradeterm serve`?")
        return found


def _named(found: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names}


def _sure(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else _sure(text)


def _signal(found: dict[str, Any]) -> Signal:
    return _made(Signal, found, ts=_sure(found["ts"]), bar=_instant(found["bar"]), recorded=_sure(found["recorded"]))


def _outcome(found: dict[str, Any] | None) -> Outcome | None:
    if found is None:
        return None
    return _made(Outcome, found, entry_at=_sure(found["entry_at"]), exit_at=_sure(found["exit_at"]))


def _daily(found: dict[str, Any] | None) -> Daily | None:
    if found is None:
        return None
    return _made(
        Daily,
        found,
        asof=_sure(found["asof"]),
        recorded=_sure(found["recorded"]),
        data_last=_instant(found["data_last"]),
    )


def _made(kind: type[_T], found: Mapping[str, Any], **known: Any) -> _T:
    """Make one of ours; what a newer service adds to its layout is left out."""
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]  # a dataclass each time
    return kind(**{name: known[name] if name in known else found[name] for name in names})


def _main(words: list[str]) -> int:
    if words not in (["health"], ["health", "--strict"]):
        sys.stderr.write("usage: python -m tradeterm.client health [--strict]\n")
        return 2
    url, token = os.environ.get("TRADETERM_API_URL") or DEFAULT_URL, os.environ.get("TRADETERM_API_TOKEN") or None
    try:
        with Client(url, token=token) as client:
            found = client.health()
    except (ApiError, Unreachable, ValueError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    sys.stdout.write(f"{found.status}{': ' + '; '.join(found.reasons) if found.reasons else ''}\n")
    good = found.status == "ok" if "--strict" in words else found.ledger_seq is not None
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
