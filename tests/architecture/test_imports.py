from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "numpy",
    "pandas",
    "numba",
    "duckdb",
    "pyarrow",
    "textual",
    "plotext",
    "sklearn",
    "scipy",
    "exchange_calendars",
    "pydantic",
    "loguru",
    "yaml",
    "fastapi",
    "starlette",
    "uvicorn",
    "prometheus_client",
    "matplotlib",
}


def loaded_by(code: str, *, cwd: Path = ROOT) -> set[str]:
    """Top-level modules in a fresh interpreter after running ``code``."""
    program = f"import sys\n{code}\nsys.stderr.write('\\n'.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return set(done.stderr.split())


def test_the_rooms_import_only_from_below() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_the_package_itself_imports_nothing() -> None:
    assert not loaded_by("import tradeterm") & (HEAVY | {"typer", "rich", "json", "sqlite3"})


def test_the_command_table_and_the_help_load_nothing_heavy() -> None:
    code = "from tradeterm.cli.diagnostics import run\nassert run(['--help']) == 0"
    assert not loaded_by(code) & (HEAVY | {"rich", "sqlite3"})


def test_status_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    code = "from tradeterm.cli.diagnostics import run\nassert run(['status', '--json']) == 0"
    assert not loaded_by(code, cwd=tmp_path) & (HEAVY | {"rich"})


def test_no_command_module_loads_its_libraries_before_it_runs() -> None:
    modules = sorted(path.stem for path in (ROOT / "tradeterm/cli/commands").glob("[a-z]*.py"))
    assert len(modules) > 10
    code = "\n".join(f"import tradeterm.cli.commands.{name}" for name in modules)
    assert not loaded_by(code) & HEAVY


def test_the_configuration_loads_no_arrays() -> None:
    code = "import tradeterm.config.load, tradeterm.config.log, tradeterm.config.kernels"
    assert not loaded_by(code) & {"numpy", "pandas", "numba", "pyarrow", "duckdb", "textual"}


def test_kill_needs_the_standard_library_alone(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    code = (
        "import sys; sys.argv = ['tradeterm', 'kill', '--reason', 'test']\n"
        "from tradeterm.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert ended.code == 0"
    )
    third_party = {
        name
        for name in loaded_by(code, cwd=tmp_path)
        if name not in sys.stdlib_module_names and not name.startswith(("_", "sitecustomize", "usercustomize"))
    }
    # What an editable installation puts into every interpreter is not ours to judge.
    assert {name for name in third_party if "distutils" not in name and "editable" not in name} == {"tradeterm"}
    assert (tmp_path / "results" / "KILL").exists()


@pytest.mark.parametrize("room", ["core", "engine"])
def test_the_pure_rooms_call_no_clock_environment_or_file(room: str) -> None:
    forbidden_calls = {"open", "input", "print", "exec", "eval", "__import__"}
    for path in (ROOT / "tradeterm" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in forbidden_calls, f"{path}:{node.lineno}"
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"now", "utcnow", "today", "getenv"}, f"{path}:{node.lineno}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "default_rng":
                assert node.args, f"{path}:{node.lineno}: a generator without a seed"
