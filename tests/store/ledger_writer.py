"""A process of its own that records facts and says so; started by the tests, not collected by them.

Arguments: results folder, name, number of facts (0 = until killed). One line on stdout per acknowledged fact when there
is no end, else one line with the longest wait in seconds.
"""

from __future__ import annotations

import sys
import time
from itertools import count
from pathlib import Path

from tradeterm.store.ledger import Ledger


def main(folder: str, name: str, number: int) -> None:
    with Ledger(Path(folder), clock=time.time_ns) as ledger:
        longest = 0.0
        for index in range(number) if number else count():
            before = time.monotonic()
            ledger.append("made", f"{name}-{index}", {"by": name, "index": index})
            longest = max(longest, time.monotonic() - before)
            if not number:
                print(index, flush=True)
    if number:
        print(longest)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
