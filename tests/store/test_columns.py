"""Arrow columns from memory: what ``pyarrow.array`` makes of the same values, and no pandas for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from tradeterm.store.columns import instants, numbers, table, texts, words


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1000])
def test_columns_are_those_that_arrow_makes_itself(count: int) -> None:
    rng = np.random.default_rng(count)
    values, flags = rng.normal(size=count), rng.random(count) < 0.5
    whole = rng.integers(-5, 5, count)
    index = rng.integers(0, 3, count)
    names = ("", "naïve", "SPY")
    made = table(
        {
            "number": values,
            "whole": whole,
            "flag": flags,
            "known": numbers(values, flags),
            "at": instants(whole),
            "word": words(names, index),
            "text": texts([names[i] if there else None for i, there in zip(index, flags, strict=True)]),
        }
    )
    expected = pa.table(
        {
            "number": values,
            "whole": whole,
            "flag": flags,
            "known": pa.array(values, mask=~flags),
            "at": pa.array(whole, type=pa.timestamp("ns", tz="UTC")),
            "word": pa.array([names[i] for i in index], type=pa.string()),
            "text": pa.array([names[i] if there else None for i, there in zip(index, flags, strict=True)], pa.string()),
        }
    )
    made.validate(full=True)
    assert made.equals(expected)
    assert made.schema == expected.schema


def test_a_column_of_another_type_is_refused_and_one_with_gaps_in_memory_is_not() -> None:
    with pytest.raises(TypeError, match="float32"):
        table({"x": np.zeros(2, dtype=np.float32)})
    assert table({"x": np.arange(6.0)[::2]})["x"].to_pylist() == [0.0, 2.0, 4.0]


def test_columns_do_not_outlive_what_they_are_made_of() -> None:
    made = table({"x": np.arange(1000.0) + 1.0, "y": numbers(np.arange(1000.0), np.arange(1000) % 2 == 0)})
    np.random.default_rng(1).normal(size=100_000)
    assert made["x"].to_pylist() == [float(i) + 1.0 for i in range(1000)]
    assert made["y"].null_count == 500


def test_pandas_is_not_imported_for_them() -> None:
    code = (
        "import sys, io, numpy as np, pyarrow.parquet as pq\n"
        "from tradeterm.store.columns import table, words\n"
        "pq.write_table(table({'x': np.arange(3.0), 'w': words(('a',), np.zeros(3, dtype=int))}), io.BytesIO())\n"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
