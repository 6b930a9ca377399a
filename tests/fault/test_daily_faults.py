"""What goes wrong around a daily run ends in one line, the right exit code, and nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from desks import SHORT, Bench, settings_of

from tradeterm.core.time import iso
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore

ASOF = "2024-06-03"
SETS = [part for text in SHORT for part in ("--set", text)]

# Root may write everywhere and has no disk quota, so a run becomes somebody else, or gets a limit, before it starts.
# Everything is imported by a run that works; the one after it meets the closed folder.
_THEN_READ_ONLY = """
import os, sys
from pathlib import Path
from tradeterm.__main__ import main
words = sys.argv[1:]
sys.argv = ["tradeterm", *words]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
results = Path("results")
for path in (results, *results.rglob("*")):
    path.chmod(0o555 if path.is_dir() else 0o444)
if os.geteuid() == 0:
    os.setuid(65534)
sys.argv = ["tradeterm", *[word.replace("2024-06-03", "2024-06-04") for word in words]]
sys.exit(main())
"""
# A writer that waits for the ledger's lock gives up sooner.
_IMPATIENT = "from tradeterm.store.ledger import Ledger; Ledger.__init__.__kwdefaults__['timeout_s'] = 0.5; "
_FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "
_MAIN = "import sys; from tradeterm.__main__ import main; sys.argv[0] = 'tradeterm'; sys.exit(main())"


def tradeterm(root: Path, *words: str, before: str = "", main: str = _MAIN) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", before + main, *words],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TRADETERM_WORKSPACE": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error; a traceback or a second line fails the test."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert "Traceback" not in done.stderr
    assert len(lines) == 1, done.stderr
    return lines[0]


def daily(root: Path, **options: str) -> subprocess.CompletedProcess[str]:
    return tradeterm(root, "daily", "--asof", ASOF, *SETS, **options)


@pytest.fixture
def public(stocked_bench: Bench) -> Iterator[Bench]:
    """A workspace where everybody may go and write: pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        root = Path(made) / "workspace"
        shutil.copytree(stocked_bench.root, root)
        for path in (root, *root.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        yield Bench(settings_of(root))


def test_a_read_only_results_folder_is_named_and_nothing_in_it_changes(public: Bench) -> None:
    done = daily(public.root, main=_THEN_READ_ONLY)
    assert done.returncode == 1
    assert f"{public.root}/results" in said(done)
    assert "make the folder writable" in said(done)
    with Ledger.reader(public.workspace.results) as reader:
        assert reader.verify().ok
        assert len(reader.facts("daily")) == 1


def test_a_full_disk_ends_in_one_line_and_the_same_command_later_in_a_whole_run(bench: Bench) -> None:
    done = daily(bench.root, before=_FULL)
    assert done.returncode == 1
    line = said(done)
    assert "can't be written" in line
    assert "File too large" in line
    assert "free space" in line
    store = BarStore(bench.workspace.data)
    assert all(len(store.read(key)) for key in list(store.keys()))
    assert RunStore(bench.workspace.results).ids() == []
    again = daily(bench.root)
    assert again.returncode == 0, again.stderr
    with Ledger.reader(bench.workspace.results) as reader:
        assert reader.verify().ok
        assert len(reader.facts("step")) == 7


def test_a_truncated_bar_file_is_named_with_what_to_do(bench: Bench) -> None:
    path = bench.workspace.data / "equities" / "SPY_daily.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    done = tradeterm(bench.root, "backtest", "run", "--end", ASOF, *SETS)
    assert done.returncode == 1
    assert "SPY_daily.parquet" in said(done)
    assert "move it away and run `tradeterm data update`" in said(done)
    assert path.read_bytes() == whole[: len(whole) // 2]
    path.unlink()
    assert daily(bench.root).returncode == 0


def test_a_ledger_held_by_a_frozen_writer_is_lock_held_and_readers_go_on(bench: Bench) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from tradeterm.store.locks import fair_lock\n"
            "with fair_lock(Path(sys.argv[1]) / 'ledger.lock', 'the ledger', timeout_s=5.0):\n"
            "    print('held', flush=True); time.sleep(600)",
            str(bench.workspace.results),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        done = daily(bench.root, before=_IMPATIENT)
        assert done.returncode == 3
        assert str(holder.pid) in said(done)
        assert tradeterm(bench.root, "status", "--json").returncode == 0
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert daily(bench.root).returncode == 0


def test_a_ledger_row_altered_by_hand_is_named_by_verify(bench: Bench) -> None:
    assert daily(bench.root).returncode == 0
    raw = sqlite3.connect(bench.workspace.results / "ledger.sqlite")
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f'DROP TRIGGER "{name}"')
    seq, key = raw.execute("SELECT seq, key FROM facts WHERE kind = 'signal' LIMIT 1").fetchone()
    raw.execute("UPDATE facts SET payload = replace(payload, 'horizon\":', 'horizon\":1') WHERE seq = ?", (seq,))
    raw.commit()
    raw.close()
    done = tradeterm(bench.root, "ledger", "verify")
    assert done.returncode == 1
    assert f"row {seq}" in done.stdout + done.stderr
    assert key in done.stdout + done.stderr


def test_a_strategy_that_raises_is_named_with_its_time(bench: Bench) -> None:
    path = bench.workspace.strategies / "equity_trend.py"
    path.write_text(path.read_text().replace("days = panel.days", "days = panel.weeks", 1))
    done = tradeterm(bench.root, "backtest", "run", "--end", ASOF, *SETS)
    assert done.returncode == 1
    assert "EquityTrendModel_v1 at 2024-06-04T00:00:00Z: raised AttributeError" in said(done)


def test_the_end_is_the_same_after_a_data_folder_was_emptied(bench: Bench) -> None:
    assert daily(bench.root).returncode == 0
    before = {
        key: BarStore(bench.workspace.data).fingerprint(key) for key in list(BarStore(bench.workspace.data).keys())
    }
    for path in (bench.root / "data").rglob("*.parquet"):
        path.unlink()
    done = tradeterm(bench.root, "data", "update", "--asof", ASOF)
    assert done.returncode == 0, done.stderr
    store = BarStore(bench.workspace.data)
    assert {key: store.fingerprint(key) for key in before} == before
    assert iso(int(store.read(next(iter(before))).known_at[-1])) <= "2024-06-04T00:00:00Z"
