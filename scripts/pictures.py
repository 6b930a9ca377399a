"""Make the pictures of the documentation: the workstation on a workspace of its own, after some daily runs.

Run from the repository: make pictures. Needs no network; the bars are the sample market's up to a fixed day, so
that the pictures change only when the program does.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
DAYS = ("2024-06-12", "2024-06-25", "2024-06-26", "2024-06-27")
# Name, columns, rows, keys pressed before the picture is taken.
PICTURES = (
    ("workstation", 160, 48, ""),
    ("portfolio-80x24", 80, 24, "3"),
    # BTC/USDT h4, the eleventh row.
    ("bars-80x24", 80, 24, ",".join(["1", *["j"] * 10, "enter"])),
    # The regimes of the book's run.
    ("run-80x24", 80, 24, "4,p"),
    ("killed-80x24", 80, 24, "6,f9"),
)


def main() -> int:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) / "desk"
        for part in ("configs", "strategies"):
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        for day in DAYS:
            subprocess.run(
                [sys.executable, "-m", "tradeterm", "daily", "--workspace", str(root), "--asof", day],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        os.environ.pop("NO_COLOR", None)
        IMAGES.mkdir(exist_ok=True)
        _report(root)
        for name, columns, rows, keys in PICTURES:
            svg = asyncio.run(_picture(root, columns, rows, [key for key in keys.split(",") if key]))
            (IMAGES / f"{name}.svg").write_text(svg)
            print(IMAGES.relative_to(ROOT) / f"{name}.svg")
            (root / "results" / "KILL").unlink(missing_ok=True)
    return 0


def _report(root: Path) -> None:
    """Make the report of the newest run, and take one picture from it."""
    subprocess.run(
        [sys.executable, "-m", "tradeterm", "backtest", "report", "--workspace", str(root)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (made,) = (root / "results" / "plots").glob("*/equity.svg")
    # On a ground of its own: a page of documentation may be dark.
    text = made.read_text().replace(
        '<g id="patch_1">', '<rect width="100%" height="100%" fill="white"/><g id="patch_1">'
    )
    (IMAGES / "report-equity.svg").write_text(text)
    print(IMAGES.relative_to(ROOT) / "report-equity.svg")


async def _picture(root: Path, columns: int, rows: int, keys: list[str]) -> str:
    from tradeterm.config.load import load_settings
    from tradeterm.config.workspace import Workspace
    from tradeterm.core.time import MINUTE_NS, asof_instant
    from tradeterm.tui.app import TradetermApp

    workspace = Workspace(root)
    now = asof_instant(DAYS[-1], 0) + 9 * MINUTE_NS
    app = TradetermApp(workspace, load_settings(workspace, profile="sample", env={}), clock=lambda: now)
    async with app.run_test(size=(columns, rows)) as pilot:
        await pilot.pause(4.0)
        for key in keys:
            await pilot.press(key)
        await pilot.pause(1.5)
        return app.export_screenshot(title="tradeterm")


if __name__ == "__main__":
    sys.exit(main())
