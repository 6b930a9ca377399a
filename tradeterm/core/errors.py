"""One tree of errors; each class carries the exit code of the command that meets it.

TradetermError                1  failed
├── UsageError                2  wrong usage or configuration
│   ├── WorkspaceNotFound
│   ├── BadInstant
│   └── ConfigError
│       ├── UnknownKey
│       ├── BadValue
│       └── BadConfigFile
├── DataError                 1
│   ├── NotBars                  the file or frame holds no bars at all
│   ├── NotLabels             2  a file of labels that can't be used
│   ├── BarsUnreadable           a stored file is damaged
│   ├── MissingBars              nothing stored for what was asked
│   ├── BadMarket                prices or fills that no decision can be taken on
│   ├── SourceError              a data service didn't give what was asked
│   │   ├── SourceRefused        it wants a key, or refuses the one it was given
│   │   ├── UnknownSymbol     2  it has no such symbol
│   │   ├── OutOfReach           it gives no bars that old
│   │   ├── SourceBusy           it asks to be asked less often
│   │   ├── SourceDown           no answer in time, or an error of its own
│   │   └── BadAnswer            an answer that can't be true, or is none
│   └── StaleData             4  partly done, or data too old to act on
├── StoreError                1
│   ├── StoreUnwritable          full disk, read-only folder
│   ├── FactConflict             a second, different answer for one key
│   ├── LedgerBroken             the hash chain does not verify
│   ├── RunMismatch              the same run id, other bits
│   ├── RunNotFound           2
│   ├── ModelNotFound         2
│   ├── BundleRefused            a model's file is not what its manifest names
│   └── LockHeld              3  another process holds the lock
├── StrategyError             1
│   ├── StrategyNotFound      2
│   ├── StrategyBroken           the file does not load
│   ├── NotTrainable             no model can be fitted on what is known
│   └── BadWeights               weights outside the contract
├── RiskHalt                  5
├── ReconciliationBreak       6
├── KillLatched               7
├── CertificateFailed         8
└── GateRefused               9

A message is one line: what was found, where, what to do.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BadAnswer",
    "BadConfigFile",
    "BadInstant",
    "BadMarket",
    "BadValue",
    "BadWeights",
    "BarsUnreadable",
    "BundleRefused",
    "CertificateFailed",
    "ConfigError",
    "DataError",
    "FactConflict",
    "GateRefused",
    "KillLatched",
    "LedgerBroken",
    "LockHeld",
    "MissingBars",
    "ModelNotFound",
    "NotBars",
    "NotLabels",
    "NotTrainable",
    "OutOfReach",
    "ReconciliationBreak",
    "RiskHalt",
    "RunMismatch",
    "RunNotFound",
    "SourceBusy",
    "SourceDown",
    "SourceError",
    "SourceRefused",
    "StaleData",
    "StoreError",
    "StoreUnwritable",
    "StrategyBroken",
    "StrategyError",
    "StrategyNotFound",
    "TradetermError",
    "UnknownKey",
    "UnknownSymbol",
    "UsageError",
    "WorkspaceNotFound",
    "nearest",
]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word closest to ``word``, or None when nothing is close."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


class TradetermError(Exception):
    """Base of every error that a person is meant to read."""

    exit_code = 1


class UsageError(TradetermError):
    """Wrong arguments or configuration."""

    exit_code = 2


class WorkspaceNotFound(UsageError):
    """No folder with ``configs/`` from the start upward."""

    def __init__(self, start: object) -> None:
        super().__init__(f"{start}: no workspace here or above (no configs/ folder); run `tradeterm init DIR`")


class BadInstant(UsageError):
    """A text that is no date or instant."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"'{text}' is no date or instant; write 2024-08-30, 2024-08-30T16:00Z or today",
        )


class ConfigError(UsageError):
    """A configuration that can't be used."""


class UnknownKey(ConfigError):
    """A key that no schema field has."""

    def __init__(self, where: object, key: str, known: Iterable[str]) -> None:
        near = nearest(key.rpartition(".")[2], known)
        hint = f"did you mean '{near}'?" if near else "see `tradeterm config show` for the keys"
        super().__init__(f"{where}: unknown key '{key}'; {hint}")
        self.key = key


class BadValue(ConfigError):
    """A value of the wrong type or out of its range."""

    def __init__(self, where: object, key: str, found: object, expected: str) -> None:
        super().__init__(f"{where}: {key} was {found!r}; {expected}")
        self.key = key


class BadConfigFile(ConfigError):
    """A file that is no YAML mapping, or can't be read."""

    def __init__(self, where: object, found: str) -> None:
        super().__init__(f"{where}: {found}; expected a YAML mapping")


class DataError(TradetermError):
    """Bars that can't be used."""


class NotBars(DataError):
    """A file that holds no bars at all; nothing was changed."""

    def __init__(
        self, where: object, found: str, remedy: str = "expected columns of time, open, high, low, close"
    ) -> None:
        super().__init__(f"{where}: {found}; {remedy} (nothing was changed)")


class NotLabels(DataError):
    """A file of labels that can't be read, or a line of it that can't be used."""

    exit_code = 2

    def __init__(self, where: object, found: str, remedy: str) -> None:
        super().__init__(f"{where}: {found}; {remedy}")


class BarsUnreadable(DataError):
    """A stored file is damaged."""

    def __init__(self, path: object, found: str) -> None:
        super().__init__(f"{path}: {found}; move it away and run `tradeterm data update` or import it again")


class MissingBars(DataError):
    """Nothing is stored for what was asked."""

    def __init__(self, what: str, remedy: str = "run `tradeterm data update`, or `tradeterm data import FILE`") -> None:
        super().__init__(f"{what}: no bars stored; {remedy}")


class BadMarket(DataError):
    """Prices or fills that no decision can be taken on."""

    def __init__(self, symbol: str, when: str, found: str) -> None:
        super().__init__(f"{symbol} at {when}: {found}; run `tradeterm data validate`, then mend the bars")


class SourceError(DataError):
    """A data service didn't give what was asked; ``attempts`` says how often it was asked."""

    remedy = "run `tradeterm data update` again later"

    def __init__(self, source: str, symbol: str, found: str, remedy: str = "") -> None:
        super().__init__(source, symbol, found, remedy)
        self.source, self.symbol, self.found = source, symbol, found
        if remedy:
            self.remedy = remedy
        self.attempts = 1

    def __str__(self) -> str:
        times = f" (asked {self.attempts} times)" if self.attempts > 1 else ""
        return f"{self.source} {self.symbol}: {self.found}{times}; {self.remedy}"


class SourceRefused(SourceError):
    """The service wants a key, or refuses the one it was given."""

    remedy = "check the service's key in the environment or .env (`tradeterm doctor`)"


class UnknownSymbol(SourceError):
    """The service has no such symbol."""

    exit_code = 2
    remedy = "check the symbol and its source in configs/base/universe.yaml"


class OutOfReach(SourceError):
    """Bars older than the service gives: leaving them out would be a hole that nobody sees."""

    remedy = "bring the missing bars in with `tradeterm data import FILE`, or use another source"


class SourceBusy(SourceError):
    """The service asks to be asked less often; after ``retry_after_s`` if it said so."""

    def __init__(
        self, source: str, symbol: str, found: str, remedy: str = "", *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(source, symbol, found, remedy)
        self.retry_after_s = retry_after_s


class SourceDown(SourceError):
    """No answer in time, a broken connection, or an error of the service itself."""


class BadAnswer(SourceError):
    """An answer that is cut, empty where it can't be, of another shape, or can't be true; nothing of it is used."""

    remedy = "nothing of it was stored; run `tradeterm data update` again later"


class StaleData(DataError):
    """Partly done, or too old to act on."""

    exit_code = 4


class StoreError(TradetermError):
    """The store can't do what was asked."""


class StoreUnwritable(StoreError):
    """A full disk or a read-only folder."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: can't be written ({reason}); free space or make the folder writable, then run again")


class FactConflict(StoreError):
    """A second, different answer for one key."""

    def __init__(self, kind: str, key: str, stored: str, offered: str) -> None:
        super().__init__(
            f"ledger {kind} '{key}': already recorded as {stored}, refused {offered}; "
            "facts are never rewritten, see `tradeterm incidents`",
        )
        self.kind, self.key = kind, key


class LedgerBroken(StoreError):
    """The hash chain does not verify."""


class RunMismatch(StoreError):
    """The same run id gave other bits."""

    def __init__(self, run_id: str, file: str) -> None:
        super().__init__(
            f"run {run_id}: {file} differs from what is stored; keep the stored run and report this "
            "(same configuration, data and code must give the same bits)",
        )


class RunNotFound(StoreError):
    """No run of that id in the workspace."""

    exit_code = 2

    def __init__(self, run_id: str, folder: object, known: Iterable[str]) -> None:
        near = nearest(run_id, known)
        hint = f"did you mean '{near}'?" if near else "see `tradeterm backtest list`"
        super().__init__(f"{folder}: no run '{run_id}'; {hint}")


class ModelNotFound(StoreError):
    """No model of that hash in the workspace."""

    exit_code = 2

    def __init__(self, model_hash: str, folder: object, known: Iterable[str]) -> None:
        near = nearest(model_hash, known)
        hint = f"did you mean '{near}'?" if near else "see `tradeterm models list`"
        super().__init__(f"{folder}: no model '{model_hash}'; {hint}")


class BundleRefused(StoreError):
    """A stored model whose files are not what was written; nothing of it is loaded."""

    def __init__(self, path: object, found: str) -> None:
        super().__init__(f"{path}: {found}; it is not loaded: move the model's folder away and run `tradeterm train`")


class LockHeld(StoreError):
    """Another process holds the lock."""

    exit_code = 3

    def __init__(self, what: str, holder: str) -> None:
        super().__init__(f"{what} is held by {holder}; wait for it to end, then run again")


class StrategyError(TradetermError):
    """A strategy that can't be used."""


class StrategyNotFound(StrategyError):
    """No strategy of that name in the workspace."""

    exit_code = 2

    def __init__(self, name: str, folder: object, known: Iterable[str]) -> None:
        near = nearest(name, known)
        hint = f"did you mean '{near}'?" if near else "see `tradeterm strategy list`"
        super().__init__(f"{folder}: no strategy '{name}'; {hint}")


class StrategyBroken(StrategyError):
    """A strategy file that does not load or raised."""

    def __init__(self, where: object, found: str) -> None:
        super().__init__(f"{where}: {found}; mend the file, then run `tradeterm strategy check`")


class NotTrainable(StrategyError):
    """No model can be fitted on what is known."""

    def __init__(self, strategy: str, when: str, found: str, remedy: str) -> None:
        super().__init__(f"{strategy} as of {when}: {found}; {remedy}")


class BadWeights(StrategyError):
    """Weights outside the contract."""

    def __init__(self, strategy: str, when: str, symbol: str, found: str) -> None:
        super().__init__(
            f"{strategy} at {when}: weight of {symbol} {found}; "
            "they lie in [0, 1] of the strategy's budget ([-1, 1] if it declares short), their absolute sum at most 1",
        )


class RiskHalt(TradetermError):
    """The drawdown ladder stands at halted."""

    exit_code = 5


class ReconciliationBreak(TradetermError):
    """Own records and the broker's differ."""

    exit_code = 6


class KillLatched(TradetermError):
    """The kill latch stands."""

    exit_code = 7


class CertificateFailed(TradetermError):
    """A decision changed when the future was cut off."""

    exit_code = 8


class GateRefused(TradetermError):
    """A promotion gate refused."""

    exit_code = 9
