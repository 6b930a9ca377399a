"""Calendars are kept in one folder for all test processes: no home directory is read."""

from __future__ import annotations

import getpass
import sys
import tempfile
from pathlib import Path

from tradeterm.data.calendar import use_calendar_cache

use_calendar_cache(Path(tempfile.gettempdir()) / f"tradeterm-tests-{getpass.getuser()}")

# What several files of this room share lies beside them.
sys.path.insert(0, str(Path(__file__).parent))
