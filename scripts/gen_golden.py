"""Write tests/research/golden/metrics.json: the metrics of one fixed run of the sample profile.

Run it when a change of the engine is meant to change results, and say so in the commit: python scripts/gen_golden.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))


def main() -> int:
    from tradeterm.config.kernels import use_kernel_cache

    use_kernel_cache()
    from desks import stocked

    sys.path.insert(0, str(ROOT / "tests" / "research"))
    from test_golden import GOLDEN, golden_run

    with tempfile.TemporaryDirectory() as made:
        found = golden_run(stocked(Path(made) / "workspace"))
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(GOLDEN.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
