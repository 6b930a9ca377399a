"""The compiler decorators of the engine: no Python objects, no GIL, cached when a safe cache folder is set.

Numba's own cache does not see edits in callees, so compiled code is kept only in a folder that
:mod:`tradeterm.config.kernels` has named by a hash of all engine sources; anywhere else kernels are compiled
in memory.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from numba import config as numba_config

# Numba asks for scipy's linear algebra, which no kernel uses and which takes 0.1 s to import.
_ABSENT = "scipy.linalg.cython_blas"
if _ABSENT not in sys.modules:
    sys.modules[_ABSENT] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath
    finally:
        del sys.modules[_ABSENT]

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["inner", "kernel", "maker", "merged", "pasted"]

F = TypeVar("F", bound="Callable[..., object]")

_FOLDER = str(getattr(numba_config, "CACHE_DIR", ""))
_CACHED = "tradeterm" in _FOLDER and "kernels" in _FOLDER


_OPTIONS: dict[str, Any] = {"nogil": True, "cache": _CACHED, "error_model": "numpy", "no_cfunc_wrapper": True}
# Counting references to the dozens of arrays of a book at each call costs more than what most kernels compute.
_BORROWS: dict[str, Any] = {"_nrt": False}


def kernel(function: F) -> F:
    """Compile ``function`` to machine code that runs without the GIL, on arrays that it is given and makes none.

    ``fastmath`` stays off and floating-point contraction is not asked for: the same input gives the same bits.
    """
    return cast("F", numba.njit(**(_OPTIONS | _BORROWS))(function))


def inner(function: F) -> F:
    """Compile ``function`` for other kernels alone; Python can't call it.

    Taking dozens of arrays out of Python's tuples is as much code as most kernels are, and half of the time to compile.
    """
    return cast("F", numba.njit(**(_OPTIONS | _BORROWS | {"no_cpython_wrapper": True}))(function))


def pasted(function: F) -> F:
    """Compile ``function`` into each kernel that calls it: to hand a book's arrays over costs more than a few lines."""
    return cast("F", numba.njit(inline="always", **(_OPTIONS | _BORROWS))(function))


def merged(function: F) -> F:
    """Compile ``function`` by itself and let the machine code be part of each kernel that calls it.

    As fast as :func:`pasted`; for more than a few lines it takes less time to compile. What is private to its module is
    for kernels alone, as with :func:`inner`.
    """
    alone = function.__name__.startswith("_")
    options = _OPTIONS | _BORROWS | {"no_cpython_wrapper": alone, "forceinline": True}
    return cast("F", numba.njit(**options)(function))


def maker(function: F) -> F:
    """Compile ``function`` as :func:`kernel` does, where it makes arrays or hands out views of them."""
    return cast("F", numba.njit(**_OPTIONS)(function))
