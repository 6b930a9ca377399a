"""A kernel that was compiled once is loaded again, and an edit in what it calls is followed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import tradeterm

PACKAGE = Path(tradeterm.__file__).parent
SCRIPT = """
import sys
from pathlib import Path
from tradeterm.config.kernels import use_kernel_cache
use_kernel_cache(cache=Path(sys.argv[1]))
import numpy as np
from tradeterm.engine.book import Market, Plan
from tradeterm.engine.portfolio import contribute
no = np.zeros((1, 1), dtype=np.bool_)
market = Market(*(np.zeros(1),) * len(Market._fields))._replace(carried=no)
ones = np.ones((1, 1))
plan = Plan(np.ones((1, 1, 1)), ones, ones, np.full((1, 1), 3, dtype=np.int8), no[0], np.full(1, 9.0))
out = np.zeros((1, 1))
contribute(market, plan, 0, np.zeros(1, dtype=np.uint64), 1, np.zeros(1), np.zeros((1, 1)), out)
print(out[0, 0], sum(contribute.stats.cache_hits.values()))
"""


def test_a_kernel_follows_an_edit_in_what_it_calls(tmp_path: Path) -> None:
    home = tmp_path / "tradeterm"
    home.mkdir()
    shutil.copy(PACKAGE / "__init__.py", home)
    for room in ("core", "config", "engine"):
        shutil.copytree(PACKAGE / room, home / room, ignore=shutil.ignore_patterns("__pycache__"))

    def answer() -> list[str]:
        cache = str(tmp_path / "cache")
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA", "TRADETERM"))}
        environ |= {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, cache], capture_output=True, text=True, check=True, cwd=tmp_path, env=environ
        )
        return done.stdout.split()

    assert answer() == ["1.0", "0"]
    assert answer() == ["1.0", "1"]
    # ``contribute`` stays as it is: only its callee changes
    source = home / "engine" / "portfolio.py"
    text = source.read_text()
    assert text.count("    return wish\n") == 1
    source.write_text(text.replace("    return wish\n", "    return wish * 2.0\n"))
    assert answer()[0] == "2.0"
    risk = home / "engine" / "risk.py"
    risk.write_text(risk.read_text() + "\n# edited\n")
    assert answer() == ["2.0", "0"]
