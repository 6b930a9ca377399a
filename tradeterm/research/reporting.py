"""The report of a run as files: ``results/plots/<run_id>/``, made on demand from the run's own folder.

Making it again gives the same bytes. Each file is replaced whole, the page last, so that it never names a picture that
is not there. Nothing of a run is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradeterm.research.page_html import render_html
from tradeterm.research.performance import read_performance
from tradeterm.store.atomic import write_bytes_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tradeterm.research.performance import Performance
    from tradeterm.store.runs import RunStore

__all__ = ["PAGE", "plots_folder", "write_report"]

PAGE = "index.html"


def plots_folder(results_dir: Path, run_id: str) -> Path:
    """Where the report of a run is."""
    return results_dir / "plots" / run_id


def write_report(
    store: RunStore, results_dir: Path, run_id: str, fact: Mapping[str, Any]
) -> tuple[tuple[Path, ...], Performance | None]:
    """Make the report; returns its files, the page first, and what it shows (None without a certificate).

    fact : the run as the ledger has it

    Raises
    ------
    RunNotFound, StoreError
        When the run is not stored, or a file of it is missing or damaged.
    StoreUnwritable
        When the folder can't be written.
    """
    found = read_performance(store, run_id) if fact["certificate"]["ok"] is True else None
    pictures = _pictures(found)
    folder = plots_folder(results_dir, run_id)
    made = {f"{name}.{kind}": data for name, kinds in pictures.items() for kind, data in kinds.items()}
    page = render_html(
        run_id=run_id,
        name=str(fact["name"]),
        facts=_facts(fact),
        warnings=_warnings(fact),
        certificate=_certificate(fact),
        found=found,
        pictures={name: kinds["svg"] for name, kinds in pictures.items()},
    )
    for name, data in (made | {PAGE: page.encode()}).items():
        # Made again at any time: never torn is enough.
        write_bytes_atomic(folder / name, data, durable=False)
    return (folder / PAGE, *(folder / name for name in made)), found


def _pictures(found: Performance | None) -> dict[str, dict[str, bytes]]:
    if found is None:
        return {}
    # matplotlib takes half a second to import.
    from tradeterm.research.plots import draw

    return draw(found)


def _facts(fact: Mapping[str, Any]) -> dict[str, str]:
    strategies = [f"{item['name']} {item['version']} (budget {item['budget']:.0%})" for item in fact["strategies"]]
    return {
        "window": f"{fact['start']} to {fact['end']}, {fact['timeframe']}",
        "fill": "at the last close" if fact["fill"] == "close" else "at the next open",
        "profile": str(fact["profile"]),
        "strategies": ", ".join(strategies),
        "hashes": f"config {fact['config_hash']}, code {fact['code_hash']}, data {fact['data_hash']}",
    }


def _warnings(fact: Mapping[str, Any]) -> list[str]:
    said = []
    if fact["certificate"]["ok"] is not True:
        said.append("The look-ahead certificate FAILED: no metrics are shown.")
    if fact["made_up"]:
        said.append("SAMPLE: bars are made up.")
    if fact["fill"] == "close":
        said.append("OPTIMISTIC: fills at the last close, which the decision has already seen.")
    return said


def _certificate(fact: Mapping[str, Any]) -> str:
    found = fact["certificate"]
    word = "no look-ahead found" if found["ok"] is True else "failed"
    return f"Certificate: {word}; {found['coverage']}."
