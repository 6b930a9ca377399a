"""Makes the helpers beside the tests importable: made books, made panels and the second simulator."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
