"""The unmodified yfinance client, made to end in time and to fail in words that can be acted on.

The library keeps one session, one cookie, one configuration and several caches per process. Here one lock guards all
of that, its files lie in a folder of this process alone, and its cache of past answers (which keeps failures, and
prices from before the latest split) is emptied before every question.
"""

from __future__ import annotations

import atexit
import importlib
import json
import math
import shutil
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tradeterm.core.errors import (
    BadAnswer,
    SourceBusy,
    SourceDown,
    SourceError,
    SourceRefused,
    StoreUnwritable,
)
from tradeterm.core.exchanges import zone_of
from tradeterm.core.time import DAY_NS, from_ns
from tradeterm.data.sources.allowance import Gathered
from tradeterm.data.sources.session import one_line
from tradeterm.data.sources.wire import retry_after, status_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.core.types import FloatArray, IntArray
    from tradeterm.data.sources.wire import Patience

__all__ = ["NAME", "Rows", "YahooClient", "limit_error"]

NAME = "yahoo"
_CHART = "/v8/finance/chart/"
_LIMIT = "within the last 730 days"
_LOCK = threading.Lock()
_COLUMNS = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
_SHAPE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
# A body shorter than its announced length, as curl and requests call it.
_CUT = ("IncompleteRead", "ChunkedEncodingError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of an answer, oldest first, shape (R,) each; rows without any price are left out.

    ts : instant of the row, ns UTC (daily: midnight of the exchange)
    day : 00:00 UTC of the exchange's date of the row, ns
    open, high, low, close, volume : split-adjusted up to the moment of the answer
    split_day, split : date and ratio (new per old) of the splits in the range
    dividend_day, dividend : date and cash per unit, split-adjusted, of the dividends in the range
    """

    ts: IntArray
    day: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    split_day: IntArray
    split: FloatArray
    dividend_day: IntArray
    dividend: FloatArray

    def __len__(self) -> int:
        return len(self.ts)

    def without_last(self) -> Rows:
        """Rows but the last; the events of the range stay."""
        priced = ("ts", "day", *_COLUMNS)
        shorter: dict[str, Any] = {name: getattr(self, name)[:-1] for name in priced}
        return replace(self, **shorter)


class YahooClient:
    """Asks for charts, one at a time in the whole process; every request ends in time."""

    def __init__(self, patience: Patience, session: Any = None) -> None:
        self._patience = patience
        self._given = session
        self._session: Any = None
        self._symbol = ""

    def chart(self, ticker: str, *, symbol: str, interval: str, start_ns: int, end_ns: int, calendar: str) -> Rows:
        """Return rows of [start, end).

        ticker, symbol : Yahoo's name of the instrument, and our own for messages

        Raises
        ------
        SourceError
            Whatever went wrong, by kind: busy, down, refused, unknown symbol, bad answer.
        """
        with _LOCK:
            library = _library()
            self._symbol = symbol
            if self._session is None:
                self._session = self._watched(self._given or _new_session())
            data = library.data.YfData(session=self._session)
            data.cache_get.cache_clear()
            try:
                return self._rows(library, ticker, interval, start_ns, end_ns, zone_of(calendar))
            except SourceError:
                _forget_cookies(library, data, self._session)
                raise
            except importlib.import_module("peewee").PeeweeException as failure:
                # Its files, in the folder of this process.
                raise StoreUnwritable(tempfile.gettempdir(), one_line(str(failure))) from failure
            except (OSError, library.exceptions.YFException, *_SHAPE) as failure:
                _forget_cookies(library, data, self._session)
                raise _translated(symbol, failure, library.exceptions) from failure

    def _rows(self, library: Any, ticker: str, interval: str, start_ns: int, end_ns: int, zone: str) -> Rows:
        # Known beforehand, so that the library spends no request, or ten on an unknown symbol, to learn it.
        library.cache.get_tz_cache().store(ticker.upper(), zone)
        with warnings.catch_warnings():
            # It uses pandas in ways that a later pandas will change; both are pinned.
            warnings.simplefilter("ignore", DeprecationWarning)
            frame = library.Ticker(ticker, session=self._session).history(
                start=from_ns(start_ns),
                end=from_ns(end_ns),
                interval=interval,
                prepost=False,
                actions=True,
                auto_adjust=False,
                keepna=True,
            )
            return _rows(frame)

    def _watched(self, session: Any) -> Any:
        """Session with limits on every request, which turns a refused chart into an error at once.

        The library would ask again by itself, without a wait and with another cookie, and hide the status.
        """
        ask = session.request
        limits, silence = _limits(self._patience)
        session.curl_options = {**session.curl_options, **silence}

        def request(method: str, url: str, **options: Any) -> Any:
            found = Gathered(self._patience.largest_mb)
            taken = {"timeout": limits, "content_callback": _taker(found)}
            try:
                answer = ask(method, url, **{**options, **taken})
            except OSError:
                if found.too_large:
                    raise BadAnswer(NAME, self._symbol, found.excess) from None
                raise
            if body := found.body:
                answer.content = body
            if _CHART in url and answer.status_code >= 400:
                raise _refusal(self._symbol, answer)
            return answer

        session.request = request
        return session


def limit_error(symbol: str, found: str, first: str) -> SourceError:
    """Error for hourly bars from further back than the service keeps them."""
    return SourceError(NAME, symbol, found, f"ask from {first} on, or import older bars from a file")


def _limits(patience: Patience) -> tuple[tuple[float, float], dict[Any, int]]:
    """Limits of a request as the client takes them, for connecting and for the rest, and curl's own for silence."""
    from curl_cffi import CurlOpt

    connect_s = min(patience.connect_s, patience.answer_s)
    # Curl counts bytes a second, in whole seconds; the answer's own limit is exact.
    silence = {CurlOpt.LOW_SPEED_LIMIT: 1, CurlOpt.LOW_SPEED_TIME: math.ceil(patience.read_s)}
    return (connect_s, patience.answer_s - connect_s), silence


def _taker(found: Gathered) -> Callable[[bytes], int]:
    from curl_cffi.curl import CURL_WRITEFUNC_ERROR

    def take(part: bytes) -> int:
        return len(part) if found.add(part) else CURL_WRITEFUNC_ERROR

    return take


def _new_session() -> Any:
    from curl_cffi.requests import Session

    return Session(impersonate="chrome")


@lru_cache(maxsize=1)
def _library() -> Any:
    # 0.9 s. Its caches (time zones, cookies) are for this process alone: nothing that one run stored can harm the next.
    try:
        folder = tempfile.mkdtemp(prefix="tradeterm-yahoo-")
    except OSError as failure:
        raise StoreUnwritable("the folder of temporary files", failure.strerror or str(failure)) from failure
    # Before the library registers its own: it closes its files first.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with warnings.catch_warnings():
        library = importlib.import_module("yfinance")
    library.set_tz_cache_location(folder)
    library.config.debug.hide_exceptions = False
    return library


def _rows(frame: Any) -> Rows:
    prices = {name: frame[column].to_numpy(dtype=np.float64) for name, column in _COLUMNS.items()}
    # Wall clock of the exchange, as if it were UTC: its whole days are the exchange's dates.
    day = frame.index.tz_localize(None).as_unit("ns").asi8 // DAY_NS * DAY_NS
    split, dividend = (frame[name].to_numpy(dtype=np.float64) for name in ("Stock Splits", "Dividends"))
    # A row without prices stands for an event on a day without a bar, or for an hour without a trade.
    priced = ~np.all([np.isnan(prices[name]) for name in ("open", "high", "low", "close")], axis=0)
    return Rows(
        ts=np.array(frame.index.tz_convert("UTC").as_unit("ns").asi8, dtype=np.int64)[priced],
        day=day[priced],
        **{name: values[priced] for name, values in prices.items()},
        split_day=day[split != 0],
        split=split[split != 0],
        dividend_day=day[dividend != 0],
        dividend=dividend[dividend != 0],
    )


def _forget_cookies(library: Any, data: Any, session: Any) -> None:
    """Let the next question begin with new ones: a stale or odd cookie would fail every one to come."""
    session.cookies.clear()
    library.cache.get_cookie_cache().store("curlCffi", None)
    # It has no door for this. Its second way to a cookie, once taken, is never left again where it fails.
    data._cookie = data._crumb = None
    data._cookie_strategy = "basic"


def _refusal(symbol: str, answer: Any) -> SourceError:
    """Error that the status of an answer stands for, with the service's own words where it gives any."""
    try:
        said = one_line(str(answer.json()["chart"]["error"]["description"]))
    except (LookupError, TypeError, ValueError):
        said = ""
    if _LIMIT in said:
        return limit_error(symbol, said, "a later day")
    wait_s = retry_after(answer.headers.get("Retry-After"), time.time())
    failure = status_error(NAME, symbol, answer.status_code, found=said, retry_after_s=wait_s)
    if isinstance(failure, SourceRefused):
        # It takes no key that could be wrong: this is how it turns clients or addresses away for a while.
        return SourceRefused(NAME, symbol, failure.found, "ask again in an hour, or from another address")
    return failure


def _translated(symbol: str, failure: Exception, errors: Any) -> SourceError:
    said = one_line(str(failure))
    if isinstance(failure, errors.YFRateLimitError):
        return SourceBusy(NAME, symbol, "too many requests")
    if isinstance(failure, errors.YFTickerMissingError):
        return BadAnswer(NAME, symbol, f"an answer without bars ({said})")
    if isinstance(failure, errors.YFException):
        return SourceDown(NAME, symbol, f"no chart ({said})")
    if isinstance(failure, json.JSONDecodeError):
        return BadAnswer(NAME, symbol, "an answer that is no JSON")
    if type(failure).__name__ in _CUT:
        return BadAnswer(NAME, symbol, "an answer that ends before its end")
    if isinstance(failure, OSError):
        in_time = " in time" if "Timeout" in type(failure).__name__ else ""
        return SourceDown(NAME, symbol, f"no whole answer{in_time} ({type(failure).__name__})")
    return BadAnswer(NAME, symbol, f"an answer of another shape ({type(failure).__name__}: {said})")
