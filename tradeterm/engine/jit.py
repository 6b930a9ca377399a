"""The one compiler decorator of the engine: no Python objects, no GIL, cached when a safe cache folder is set.

Numba's own cache does not see edits in callees, so compiled code is kept only in a folder that
:mod:`tradeterm.config.kernels` has named by a hash of all engine sources; anywhere else kernels are compiled
in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numba
from numba import config as numba_config

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["kernel"]

F = TypeVar("F", bound="Callable[..., object]")

_FOLDER = str(getattr(numba_config, "CACHE_DIR", ""))
_CACHED = "tradeterm" in _FOLDER and "kernels" in _FOLDER


def kernel(function: F) -> F:
    """Compile ``function`` to machine code that runs without the GIL.

    ``fastmath`` stays off and floating-point contraction is not asked for: the same input gives the same bits.
    """
    return cast("F", numba.njit(nogil=True, cache=_CACHED, error_model="numpy")(function))
