"""What every test shares: kernels are compiled once for all test processes, and no property has a deadline."""

from __future__ import annotations

import gc
import getpass
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tradeterm.config.kernels import use_kernel_cache

CACHE = Path(tempfile.gettempdir()) / f"tradeterm-tests-{getpass.getuser()}"
# For calendars, and for every process that a test starts.
os.environ["XDG_CACHE_HOME"] = str(CACHE)

# Before the first import of numba, which reads its folder once. The folder is named by a hash of the engine's
# sources: an edited kernel is compiled anew, an unchanged one is loaded by every worker. No home directory.
use_kernel_cache(cache=CACHE)

# The first example of a process may compile kernels: how long it took says nothing.
settings.register_profile("tradeterm", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("tradeterm")

# Helpers of several rooms lie beside the rooms.
sys.path.insert(0, str(Path(__file__).parent))


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what was imported, and look less often: it took a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.fixture(scope="session")
def stocked_bench(tmp_path_factory):  # type: ignore[no-untyped-def]  # imported late, after the kernel folder is named
    """Sample bars up to June 2024, made once per process; tests copy it and never write into it."""
    from desks import stocked

    return stocked(tmp_path_factory.mktemp("stocked") / "workspace")


@pytest.fixture
def bench(stocked_bench, tmp_path):  # type: ignore[no-untyped-def]  # as above
    """A workspace of the test's own, with sample bars."""
    from desks import copied

    return copied(stocked_bench, tmp_path / "workspace")
