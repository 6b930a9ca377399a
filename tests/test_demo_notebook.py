"""docs/DEMO.ipynb runs from top to bottom on the sample market, and its figures are those of the stores."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tradeterm.config.workspace import Workspace
from tradeterm.views import signals, strategy_metrics

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "DEMO.ipynb"


@pytest.fixture
def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_kept_without_outputs(notebook: Any) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    nbformat.validate(notebook)


def test_the_notebook_runs_and_its_figures_are_those_of_the_stores(
    notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "IPYTHONDIR",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "TMPDIR",
        "MPLCONFIGDIR",
    ):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    for name in ("TRADETERM_WORKSPACE", "TRADETERM_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    run = NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()

    code = [cell for cell in run.cells if cell.cell_type == "code"]
    kinds = [{kind for output in cell.outputs for kind in output.get("data", {})} for cell in code]
    assert [place for place, found in enumerate(kinds) if "image/png" in found] == [2, 3, 4], "three cells draw"
    assert not [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]

    summary = ast.literal_eval(code[-1].outputs[0]["data"]["text/plain"])
    workspace = Workspace(Path(summary["workspace"]))
    view = signals.build(workspace, 0, newest=1_000)
    assert summary["signals"] == view.total == 6 * 6
    assert summary["scored"] == view.rates[0].n > 10
    assert summary["hit_rate"] == pytest.approx(view.rates[0].rate, rel=1e-12)
    scored = [row for row in view.signals if row.hit is not None and row.prob is not None]
    assert summary["brier"] == pytest.approx(sum((row.prob - row.hit) ** 2 for row in scored) / len(scored), rel=1e-12)
    metrics = strategy_metrics.build(workspace)
    assert metrics is not None
    assert summary["max_drawdown"] == pytest.approx(metrics.portfolio["max_drawdown"], rel=1e-12)
