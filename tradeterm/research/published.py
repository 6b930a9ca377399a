"""``results/metrics_<run_id>.json``: the metrics of a run where other tools look for them, beside its own folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tradeterm.core.ids import canonical_json
from tradeterm.store.atomic import write_bytes_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["metrics_path", "publish_metrics"]

# What of the run's manifest says whose metrics these are.
_NAMED = ("timeframe", "fill", "sizing", "start", "end", "decisions", "config_hash", "code_hash", "data_hash")


def metrics_path(results_dir: Path, run_id: str) -> Path:
    """Where the metrics of a run are published."""
    return results_dir / f"metrics_{run_id}.json"


def publish_metrics(
    results_dir: Path, run_id: str, manifest: Mapping[str, Any], metrics: Mapping[str, Any], *, certified: bool
) -> Path:
    """Write the file, the same for the same run; without a certificate it says so and holds no number."""
    document = {
        "schema": "tradeterm.metrics.v1",
        "run_id": run_id,
        "certificate": "ok" if certified else "FAILED",
        **{name: manifest[name] for name in _NAMED},
        **metrics,
    }
    text = json.dumps(json.loads(canonical_json(document)), indent=2, sort_keys=True, ensure_ascii=False)
    path = metrics_path(results_dir, run_id)
    # The run's own folder is what counts: this copy is made again by running it again.
    write_bytes_atomic(path, f"{text}\n".encode(), durable=False)
    return path
