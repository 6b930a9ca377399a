"""Array aliases. Shapes are stated where the arrays are."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoolArray", "FloatArray", "IndexArray", "IntArray", "StateArray"]

FloatArray: TypeAlias = NDArray[np.float64]
# Without a sign: the compiler needn't ask whether one counts from the end.
IndexArray: TypeAlias = NDArray[np.uint64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
StateArray: TypeAlias = NDArray[np.int8]
