"""The sources that a configuration names, each made when it is first asked; their modules are imported then too."""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from tradeterm.config.sources import SERVICES
from tradeterm.data.crew import Supplier
from tradeterm.data.provenance import MADE_UP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradeterm.config.schema import Config
    from tradeterm.config.secrets import Secrets
    from tradeterm.config.sources import SourcePatience
    from tradeterm.data.publication import PublicationRule
    from tradeterm.data.sources import Source
    from tradeterm.data.sources.wire import Line, Patience

__all__ = ["suppliers"]


def suppliers(config: Config, secrets: Secrets, publication: Mapping[str, PublicationRule]) -> dict[str, Supplier]:
    """Every source by name, whether the universe names it or not; the workers of one share its line.

    A key that is missing is no failure here: the source says so when it is asked for what needs one.
    """
    made = _Makers(config, secrets, publication)
    found = {MADE_UP: Supplier(make=made.sample)}
    for name in SERVICES:
        patience: SourcePatience = getattr(config.sources, name)
        found[name] = Supplier(make=getattr(made, name), workers=patience.workers)
    return found


class _Makers:
    def __init__(self, config: Config, secrets: Secrets, publication: Mapping[str, PublicationRule]) -> None:
        self._config, self._secrets, self._publication = config, secrets, publication
        self._names = config.universe.names
        # One per source, made here so that two workers never make two.
        self._lines = {name: _Once(partial(self._line, name)) for name in SERVICES}

    def sample(self) -> Source:
        from tradeterm.data.sources.sample import SampleMarket

        return SampleMarket(self._publication)

    def yahoo(self) -> Source:
        from tradeterm.data.sources.yahoo import Yahoo

        return Yahoo(line=self._lines["yahoo"](), symbols=self._names.get("yahoo"), publication=self._publication)

    def alpaca(self) -> Source:
        from tradeterm.data.sources.alpaca import Alpaca

        return Alpaca(
            self._secrets.alpaca_api_key,
            self._secrets.alpaca_secret_key,
            line=self._lines["alpaca"](),
            feed=self._config.sources.alpaca_feed,
            symbols=self._names.get("alpaca"),
        )

    def binance(self) -> Source:
        from tradeterm.data.sources.ccxt import Exchange

        return Exchange("binance", line=self._lines["binance"](), symbols=self._names.get("binance"))

    def kraken(self) -> Source:
        from tradeterm.data.sources.ccxt import Exchange

        return Exchange("kraken", line=self._lines["kraken"](), symbols=self._names.get("kraken"))

    def fred(self) -> Source:
        from tradeterm.data.sources.fred import Fred

        return Fred(
            self._secrets.fred_api_key, self._publication, line=self._lines["fred"](), ids=self._names.get("fred")
        )

    def _line(self, name: str) -> Line:
        from tradeterm.data.sources.wire import Line

        return Line(name, _patience(getattr(self._config.sources, name)))


class _Once:
    """Makes something when it is first wanted, for all threads the same."""

    def __init__(self, make: Callable[[], Line]) -> None:
        self._make, self._lock = make, Lock()
        self._made: Line | None = None

    def __call__(self) -> Line:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


def _patience(found: SourcePatience) -> Patience:
    from tradeterm.data.sources.wire import Patience

    return Patience(**found.model_dump(exclude={"workers"}))
