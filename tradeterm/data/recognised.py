"""What was found out about a file, with the reason: nothing is taken as it seems without being said."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Recognised"]


class Recognised(NamedTuple):
    """One thing that the file itself says.

    what : ``timeframe``, ``tz``, ``label``, ``time``, ``volume``, ...
    why : what shows it
    """

    what: str
    value: str
    why: str
