"""What every test shares: kernels are compiled once for all test processes, and no property has a deadline."""

from __future__ import annotations

import getpass
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from tradeterm.config.kernels import use_kernel_cache

# Before the first import of numba, which reads its folder once. The folder is named by a hash of the engine's
# sources: an edited kernel is compiled anew, an unchanged one is loaded by every worker. No home directory.
use_kernel_cache(cache=Path(tempfile.gettempdir()) / f"tradeterm-tests-{getpass.getuser()}")

# The first example of a process may compile kernels: how long it took says nothing.
settings.register_profile("tradeterm", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.load_profile("tradeterm")
