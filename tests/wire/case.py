"""What one source states about itself so that the table of faults can try it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wire.loopback import Fault, Stub

from tradeterm.core.errors import BadAnswer, SourceBusy, SourceDown, SourceError, SourceRefused, UnknownSymbol
from tradeterm.data.sources.wire import Patience

if TYPE_CHECKING:
    from pathlib import Path

    from tradeterm.core.market import Instrument, Timeframe
    from tradeterm.data.sources import Source

# The same bars as without a fault; the same stamps with another value.
COMPLETE, CHANGED = "complete", "changed"
Outcome = type[SourceError] | str

# A stalled body ends by read_s, one that drips by answer_s; waits between attempts are injected and take no time.
QUICK = Patience(
    attempts=3,
    connect_s=0.2,
    read_s=0.2,
    answer_s=0.5,
    largest_mb=1,
    total_s=60.0,
    breaker_failures=50,
    requests_per_minute=6000,
)

EXPECTED: Mapping[Fault, Outcome] = {
    Fault.WRONG_KEY: SourceRefused,
    Fault.UNKNOWN_SYMBOL: UnknownSymbol,
    Fault.BUSY: SourceBusy,
    Fault.BUSY_RETRY_AFTER: SourceBusy,
    Fault.ERROR_500: SourceDown,
    Fault.ERROR_503: SourceDown,
    Fault.TRUNCATED: BadAnswer,
    Fault.EMPTY: BadAnswer,
    Fault.NO_ROWS: BadAnswer,
    Fault.HTML: BadAnswer,
    Fault.OTHER_SHAPE: BadAnswer,
    Fault.STALLED: SourceDown,
    Fault.DRIP: SourceDown,
    Fault.DRIP_HEAD: SourceDown,
    Fault.FLOOD: BadAnswer,
    Fault.RESET: SourceDown,
    Fault.PAGE_CUT: SourceDown,
    Fault.OUT_OF_ORDER: COMPLETE,
    Fault.REPEATED: COMPLETE,
    Fault.FUTURE: BadAnswer,
    Fault.CHANGED_PAST: CHANGED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a source is built with.

    patience, sleep : to be handed to the source's Line; sleep notes the waits in ``waits`` and takes no time
    folder : an empty folder of the test
    """

    stub: Stub
    patience: Patience
    folder: Path
    waits: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One source against the table of faults.

    name : the source's ``name``
    variant : tells several cases of one source apart
    data_path : requests whose path begins with it meet the faults (not those for cookies, markets, ...)
    serve : put routes and the service's own words for faults on the stub; the handler must know all of SHAPED, and
        its history should need two pages, so that PAGE_CUT means something
    build : the source, talking to the stub
    instrument, timeframe, start_ns, end_ns : what is asked
    rows : how many bars the whole answer has
    overrides : outcomes that differ from EXPECTED
    leaves_out : faults that can't happen to this source, and why
    secrets : texts that must not be in any error
    """

    name: str
    variant: str = ""
    data_path: str
    serve: Callable[[Stub], None]
    build: Callable[[Bench], Source]
    instrument: Instrument
    timeframe: Timeframe
    start_ns: int
    end_ns: int
    rows: int
    overrides: Mapping[Fault, Outcome] = field(default_factory=dict)
    leaves_out: Mapping[Fault, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.name}-{self.variant}" if self.variant else self.name

    def outcome(self, fault: Fault) -> Outcome:
        return self.overrides.get(fault, EXPECTED[fault])
