"""Which column is the volume in units of the instrument: the one named so, or after what is traded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tradeterm.data.files.names import VOLUMES, bare, plain_name
from tradeterm.data.recognised import Recognised

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Volume", "find_volume"]

_BASE = re.compile(r"[/:_-]")
_WORD = re.compile(r"vol(ume)?\b|\bvolume\b")


class Volume(NamedTuple):
    """Places of the volume, none where no column is surely it, and what is to be said of that."""

    places: tuple[int, ...]
    recognised: Recognised | None = None


def find_volume(names: Mapping[int, str], symbol: str, *, chosen: int | None = None) -> Volume:
    """Find the volume; a column that counts money, or that may do so, is none.

    names : by place
    chosen : the column that a person named
    """
    if chosen is not None:
        return Volume((chosen,), Recognised("volume", names[chosen], "named with --column"))
    plain = {place: plain_name(name) for place, name in names.items()}
    for known in VOLUMES:
        places = tuple(place for place, name in plain.items() if name == known)
        if places:
            said = None if known == "volume" else Recognised("volume", names[places[0]], "by its name")
            return Volume(places, said)
    alike = [place for place, name in plain.items() if _WORD.search(name)]
    if not alike:
        return Volume((), Recognised("volume", "none", "no column is called so"))
    base = _BASE.split(symbol)[0]
    own = [place for place in alike if bare(_WORD.sub("", plain[place])) == bare(base)]
    if len(own) == 1:
        return Volume((own[0],), Recognised("volume", names[own[0]], f"counts {base}"))
    listed = ", ".join(names[place] for place in alike)
    why = f"{listed}: no name says that it counts {base}; name one with --column, such as volume='{names[alike[0]]}'"
    return Volume((), Recognised("volume", "none", why))
