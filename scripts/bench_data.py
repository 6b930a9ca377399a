"""Measure the panel, validation and appends of many symbols, as ratios to a bare pyarrow read of the same files.

Every figure is of a process of its own; each round takes them one after the other, and ratios are of one round. The
market is made: a random walk per symbol, H4 and daily bars, ten years without a gap.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tradeterm.config.kernels import use_kernel_cache
from tradeterm.core.market import AssetClass, BarKey, Bars, FillBars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, H4_NS, HOUR_NS, from_iso, iso
from tradeterm.store.bar_table import BarMeta
from tradeterm.store.bars import BarStore

START = from_iso("2015-01-01")
BARS = 21_900
ROOM = 1 << 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=1000, help="symbols (default 1000: about 22 million H4 bars)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--folder", type=Path, help="where the bars are made, and kept; a temporary folder without it")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        use_kernel_cache()
        print(json.dumps(PARTS[given.part](given.folder, given.symbols)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / "crypto").exists():
            print(f"making {given.symbols} symbols ...", file=sys.stderr)
            make(folder, given.symbols)
        measure(folder, given.symbols, given.rounds)


def measure(folder: Path, symbols: int, rounds: int) -> None:
    files = list((folder / "crypto").glob("*.parquet"))
    size = sum(path.stat().st_size for path in files) / 1e9
    print(f"{symbols} symbols x {BARS:,} H4 bars and their days: {len(files)} files, {size:.2f} GB")
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    part("cold", folder, symbols)  # kernels and calendars are compiled and kept
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for name in ("bare", "cold", "kept", "validate"):
            found.setdefault(name, []).append(part(name, folder, symbols))
    bare = [item["seconds"] for item in found["bare"]]
    print(f"\n{'':34}{'median':>10}{'spread':>18}{'to the bare read':>20}")
    for name, title in (
        ("bare", "bare read, pyarrow, all columns"),
        ("cold", "panel and fills, nothing kept"),
        ("kept", "panel and fills, nothing changed"),
        ("validate", "validation"),
    ):
        seconds = [item["seconds"] for item in found[name]]
        ratios = [one / other for one, other in zip(seconds, bare, strict=True)]
        spread = f"{min(seconds):.3g} to {max(seconds):.3g} s"
        print(f"{title:34}{statistics.median(seconds):>8.3g} s{spread:>18}{statistics.median(ratios):>18.2f} x")
    cold = found["cold"][0]
    times = cold["peak_gb"] / cold["arrays_gb"]
    print(f"\npeak memory of the cold panel: {cold['peak_gb']:.2f} GB, {times:.2f} x its arrays")
    print(f"until it is also kept on the disk: {statistics.median(item['kept_s'] for item in found['cold']):.3g} s")
    print(f"findings of the validation: {int(found['validate'][0]['findings'])}")
    print("\nappending one bar to each of 100 files, per file:")
    for bars in (2_190, 21_900, 87_600):
        took = [part(f"append{bars}", folder, symbols)["milliseconds"] for _ in range(rounds)]
        print(f"  files of {bars:>6,} bars {statistics.median(took):>8.2f} ms ({min(took):.2f} to {max(took):.2f})")


def part(name: str, folder: Path, symbols: int) -> dict[str, float]:
    words = [sys.executable, __file__, "--part", name, "--folder", str(folder), "--symbols", str(symbols)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def make(folder: Path, symbols: int) -> None:
    store = BarStore(folder)
    for number in range(symbols):
        for key, bars in made(number):
            store.write(key, bars, meta_of(key))


def made(number: int) -> list[tuple[BarKey, Bars]]:
    rng = np.random.default_rng(number)
    ts = START + H4_NS * np.arange(BARS, dtype=np.int64)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, BARS))), 2) + 0.01
    opens = np.concatenate((close[:1], close[:-1]))
    high = np.round(np.maximum(opens, close) * (1.0 + 0.004 * rng.random(BARS)), 2) + 0.01
    low = np.maximum(np.round(np.minimum(opens, close) * (1.0 - 0.004 * rng.random(BARS)), 2) - 0.01, 0.001)
    volume = np.round(rng.gamma(2.0, 1000.0, BARS)) + 1.0
    cells = {"open": opens, "high": high, "low": low, "close": close, "volume": volume}
    symbol = f"S{number:04d}/USDT"
    fill = FillBars(open=opens, high=high, low=low, volume=volume, at=ts)
    flat = np.zeros(BARS, dtype=np.int64)
    whole = Bars(ts=ts, known_at=ts + H4_NS, straddles=flat, fill=fill, **cells)
    days = BARS // 6
    by_day = {name: values[: days * 6].reshape(days, 6) for name, values in cells.items()}
    daily = Bars(
        ts=ts[: days * 6 : 6].copy(),
        known_at=ts[: days * 6 : 6] + DAY_NS,
        open=by_day["open"][:, 0].copy(),
        high=by_day["high"].max(axis=1),
        low=by_day["low"].min(axis=1),
        close=by_day["close"][:, -1].copy(),
        volume=by_day["volume"].sum(axis=1),
    )
    return [
        (BarKey(AssetClass.CRYPTO, symbol, Timeframe.H4), whole),
        (BarKey(AssetClass.CRYPTO, symbol, Timeframe.DAILY), daily),
    ]


def meta_of(key: BarKey) -> BarMeta:
    return BarMeta(
        symbol=key.symbol,
        asset_class=key.asset_class,
        timeframe=key.timeframe,
        calendar="24/7",
        source="derived:1h",
        derived=True,
    )


def bare(folder: Path, symbols: int) -> dict[str, float]:
    import pyarrow.parquet as pq

    files = sorted((folder / "crypto").glob("*.parquet"))
    begin = time.perf_counter()
    for path in files:
        pq.read_table(path)
    return {"seconds": time.perf_counter() - begin}


def panel(folder: Path, symbols: int, *, kept: bool) -> dict[str, float]:
    from tradeterm.data.panel import MarketRequest, build_market

    items = tuple(
        Instrument(symbol=f"S{number:04d}/USDT", asset_class=AssetClass.CRYPTO, calendar="24/7", lot=0.0)
        for number in range(symbols)
    )
    asof = START + H4_NS * BARS
    request = MarketRequest(instruments=items, timeframe="h4", asof_ns=asof, roles={}, publication={}, carry_limit=5)
    if not kept:
        shutil.rmtree(folder / ".frames", ignore_errors=True)
        # A virtual machine gives free pages back to its host, and pays for each when it is touched again: 2.7 GB of
        # them may cost more than all that is measured here. They are touched and freed before.
        warm = np.ones(int(2.9e6 * symbols) // 8)
        del warm
    begin = time.perf_counter()
    market = build_market(BarStore(folder), request, cache_bytes=ROOM)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    arrays = sum(
        getattr(part, name).nbytes
        for part in (market.panel, market.panel.days, market.fills)
        for name in part.__slots__
        if isinstance(getattr(part, name), np.ndarray)
    )
    while not kept and not list((folder / ".frames").glob("*.frame")):
        time.sleep(0.01)
    kept_s = time.perf_counter() - begin
    return {"seconds": seconds, "peak_gb": peak, "arrays_gb": arrays / 1e9, "kept_s": kept_s}


def validation(folder: Path, symbols: int) -> dict[str, float]:
    from tradeterm.data.findings import ValidationRules
    from tradeterm.data.validate import validate

    begin = time.perf_counter()
    found = validate(BarStore(folder), ValidationRules(), START + H4_NS * BARS)
    return {"seconds": time.perf_counter() - begin, "findings": len(found)}


def append(bars: int, files: int = 100) -> dict[str, float]:
    from tradeterm.data.merging import merge_answer, picked

    with tempfile.TemporaryDirectory() as folder:
        store = BarStore(Path(folder))
        keys = [BarKey(AssetClass.CRYPTO, f"S{number}/USDT", Timeframe.H1) for number in range(files)]
        rng = np.random.default_rng(7)
        close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, bars + 1))), 2) + 0.01
        ts = START + HOUR_NS * np.arange(bars + 1, dtype=np.int64)
        whole = Bars(ts=ts, known_at=ts + HOUR_NS, open=close, high=close, low=close, close=close, volume=close)
        for key in keys:
            store.write(key, picked(whole, slice(0, bars)), meta_of(key))
        begin = time.perf_counter()
        for key in keys:
            with store.locked(key):
                stored, meta = store.read_whole(key)
                store.write(key, merge_answer(stored, picked(whole, slice(bars - 9, bars + 1))).bars, meta)
        seconds = time.perf_counter() - begin
        assert store.meta(keys[-1]).last_ts == int(ts[-1]), iso(int(ts[-1]))
    return {"milliseconds": 1e3 * seconds / files}


PARTS = {
    "bare": bare,
    "cold": lambda folder, symbols: panel(folder, symbols, kept=False),
    "kept": lambda folder, symbols: panel(folder, symbols, kept=True),
    "validate": validation,
    **{f"append{bars}": lambda folder, symbols, bars=bars: append(bars) for bars in (2_190, 21_900, 87_600)},
}

if __name__ == "__main__":
    main()
