"""The compiler decorators of the engine: no Python objects, no GIL, cached when a safe cache folder is set.

Numba's own cache does not see edits in callees, so compiled code is kept only in a folder that
:mod:`tradeterm.config.kernels` has named by a hash of all engine sources; anywhere else kernels are compiled
in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from numba import config as numba_config

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["inner", "kernel"]

F = TypeVar("F", bound="Callable[..., object]")

_FOLDER = str(getattr(numba_config, "CACHE_DIR", ""))
_CACHED = "tradeterm" in _FOLDER and "kernels" in _FOLDER


_OPTIONS: dict[str, Any] = {"nogil": True, "cache": _CACHED, "error_model": "numpy", "no_cfunc_wrapper": True}


def kernel(function: F) -> F:
    """Compile ``function`` to machine code that runs without the GIL.

    ``fastmath`` stays off and floating-point contraction is not asked for: the same input gives the same bits.
    """
    return cast("F", numba.njit(**_OPTIONS)(function))


def inner(function: F) -> F:
    """Compile ``function`` for other kernels alone; Python can't call it.

    Taking dozens of arrays out of Python's tuples is as much code as most kernels are, and half of the time to compile.
    """
    return cast("F", numba.njit(**(_OPTIONS | {"no_cpython_wrapper": True}))(function))
