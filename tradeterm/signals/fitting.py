"""Fitting on one thread, on an instance that remembers nothing."""

from __future__ import annotations

import platform
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from tradeterm.core.errors import StrategyBroken
from tradeterm.engine.learning import CannotFit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadpoolctl import ThreadpoolController

    from tradeterm.core.types import FloatArray
    from tradeterm.engine.learning import Dataset, LearnedStrategy

__all__ = ["fitted", "one_thread", "processor"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the numeric libraries to one thread: sums over several come out in another order each time."""
    with _libraries().limit(limits=1):
        yield


@cache
def _libraries() -> ThreadpoolController:
    # Only what is loaded can be held.
    import_module("sklearn.linear_model")
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def processor() -> str:
    """Family of processors that gives the same bits: the machine, and the kernels that its linear algebra chose."""
    import_module("scipy.linalg")
    from threadpoolctl import threadpool_info

    kernels = {str(item.get("architecture")) for item in threadpool_info() if item.get("user_api") == "blas"}
    return " ".join([platform.machine(), *sorted(kernels)])


def fitted(strategy: LearnedStrategy, dataset: Dataset) -> dict[str, FloatArray]:
    """Fit on one thread, with an instance of its own.

    Raises
    ------
    CannotFit
        When the strategy says that the data can't be fitted, or a number that came of it is not finite.
    StrategyBroken
        When its own code raises anything else.
    """
    try:
        with one_thread():
            made = type(strategy)(strategy.params).fit(dataset)
        arrays = {name: np.ascontiguousarray(values, dtype=np.float64) for name, values in made.items()}
    except CannotFit:
        raise
    except Exception as failure:
        found = f"raised {type(failure).__name__}: {failure}"
        raise StrategyBroken(f"{strategy.name}.fit on {len(dataset)} decisions", found) from failure
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise CannotFit(f"'{name}' came out with numbers that are not finite")
    return arrays
