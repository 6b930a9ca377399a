from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tradeterm.core.errors import BarsUnreadable, LockHeld, MissingBars, StoreUnwritable
from tradeterm.core.market import AssetClass, BarKey, Bars, FillBars, Timeframe
from tradeterm.core.time import H4_NS, from_iso
from tradeterm.store.bars import BarMeta, BarStore
from tradeterm.store.locks import file_lock

_BTC = BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.H4)
_START = from_iso("2024-08-30")


def _meta(key: BarKey = _BTC, **more: Any) -> BarMeta:
    return BarMeta(
        symbol=key.symbol,
        asset_class=key.asset_class,
        timeframe=key.timeframe,
        calendar="24/7",
        source="sample",
        **more,
    )


def _bars(rows: int = 6, price: float = 100.0) -> Bars:
    ts = _START + H4_NS * np.arange(rows, dtype=np.int64)
    open_ = price + np.arange(rows, dtype=np.float64)
    volume = np.full(rows, 5.0)
    volume[-1:] = np.nan
    return Bars(
        ts=ts, known_at=ts + H4_NS, open=open_, high=open_ + 2, low=open_ - 2, close=open_ + 1, volume=volume
    )  # fmt: skip


def _with_fills(rows: int = 6) -> Bars:
    bars = _bars(rows)
    gone = np.arange(rows) == rows - 1
    fill = FillBars(
        open=np.where(gone, np.nan, bars.open),
        high=np.where(gone, np.nan, bars.high),
        low=np.where(gone, np.nan, bars.low),
        volume=np.where(gone, 0.0, 7.0),
        at=np.where(gone, -1, bars.ts + 1),
    )
    return replace(bars, straddles=np.arange(rows) % 2, fill=fill)


def _same(one: Bars, other: Bars) -> None:
    for name in ("ts", "known_at", "open", "high", "low", "close", "volume", "straddles"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.ts.dtype == other.ts.dtype == np.int64
    if one.fill is None or other.fill is None:
        assert one.fill is other.fill
        return
    for name in ("open", "high", "low", "volume", "at"):
        np.testing.assert_array_equal(getattr(one.fill, name), getattr(other.fill, name))
    assert other.fill.at.dtype == np.int64


@pytest.mark.parametrize("bars", [_bars(), _with_fills(), _bars(0), _with_fills(1)], ids=["plain", "h4", "none", "one"])
def test_bars_come_back_as_they_were_written(tmp_path: Path, bars: Bars) -> None:
    store = BarStore(tmp_path)
    store.write(_BTC, bars, _meta())
    _same(store.read(_BTC), bars)


def test_the_file_is_where_the_key_says_and_any_tool_reads_its_instants(tmp_path: Path) -> None:
    BarStore(tmp_path).write(_BTC, _with_fills(), _meta())
    table = pq.read_table(tmp_path / "crypto" / "BTC-USDT_h4.parquet")
    for name in ("ts", "known_at", "fill_at"):
        assert table.schema.field(name).type == pa.timestamp("ns", tz="UTC")
    assert str(table.column("ts")[0].as_py()) == "2024-08-30 00:00:00+00:00"
    assert table.column("fill_at").null_count == 1
    assert table.schema.field("straddles").type == pa.bool_()
    assert json.loads(table.schema.metadata[b"tradeterm"])["symbol"] == "BTC/USDT"


def test_meta_comes_from_the_footer(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    meta = _meta(adjustment="split", derived=True, extra={"gaps": 2})
    store.write(_BTC, _bars(), meta)
    times = {"first_ts": _START, "last_ts": _START + 5 * H4_NS}
    known = {"first_known_at": _START + H4_NS, "last_known_at": _START + 6 * H4_NS}
    expected = replace(meta, rows=6, **times, **known)
    assert store.meta(_BTC) == expected
    store.write(_BTC, _bars(0), meta)
    assert store.meta(_BTC) == meta


def test_the_same_bars_give_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        store = BarStore(tmp_path / name)
        store.write(_BTC, _with_fills(5000), _meta(extra={"b": 1, "a": 2}))
        files.append(store.path(_BTC).read_bytes())
    assert files[0] == files[1]


def test_keys_are_found_with_the_symbol_from_the_metadata(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    assert store.keys() == []
    spy = BarKey(AssetClass.EQUITY, "SPY", Timeframe.H1)
    share = BarKey(AssetClass.EQUITY, "BRK-B", Timeframe.DAILY)
    pmi = BarKey(AssetClass.MACRO, "MY_PMI", Timeframe.MONTHLY)
    for key in (spy, share, pmi, _BTC):
        store.write(key, _bars(), _meta(key))
    (tmp_path / "equities" / "notes.parquet").write_bytes(b"")
    (tmp_path / "equities" / "SPY_weekly.parquet").write_bytes(b"")
    (tmp_path / "equities" / "QQQ_h4.parquet").write_bytes(b"damaged, but it is there")
    damaged = BarKey(AssetClass.EQUITY, "QQQ", Timeframe.H4)
    assert store.keys() == sorted([spy, share, pmi, _BTC, damaged])
    assert store.exists(damaged)


def test_a_copied_file_is_listed_by_its_name(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    store.write(_BTC, _bars(), _meta())
    store.path(_BTC).rename(tmp_path / "crypto" / "OLD-USDT_h4.parquet")
    assert store.keys() == [BarKey(AssetClass.CRYPTO, "OLD-USDT", Timeframe.H4)]


def test_what_is_not_stored_is_missing(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    assert not store.exists(_BTC)
    for question in (store.read, store.meta, store.fingerprint):
        with pytest.raises(MissingBars, match="BTC/USDT h4: no bars stored; run `tradeterm data update`"):
            question(_BTC)
    assert list(tmp_path.iterdir()) == []


def _flip(data: bytes) -> bytes:
    middle = len(data) // 3
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"open,high\n1,2\n" * 9, _flip],
    ids=["cut", "empty", "csv", "bit"],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, damage: Any) -> None:
    store = BarStore(tmp_path)
    store.write(_BTC, _with_fills(4000), _meta())
    path = store.path(_BTC)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BarsUnreadable, match=rf"{path}: can't be read.*move it away and run") as refused:
        store.read(_BTC)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda table: table.drop_columns(["close"]), "no column close"),
        (lambda table: table.drop_columns(["fill_low"]), "fill_low"),
        (lambda table: table.set_column(0, "ts", pa.array([1] * 6)), "column ts is int64, not an instant"),
        (
            lambda table: table.set_column(0, "ts", pa.array([None] * 6, pa.timestamp("s"))),
            "column ts has 6 empty rows",
        ),
        (lambda table: table.set_column(2, "open", pa.array(["x"] * 6)), "holds no bars"),
    ],
)
def test_a_parquet_file_of_another_shape_is_named(tmp_path: Path, change: Any, found: str) -> None:
    store = BarStore(tmp_path)
    store.write(_BTC, _with_fills(), _meta())
    pq.write_table(change(pq.read_table(store.path(_BTC))), store.path(_BTC))
    with pytest.raises(BarsUnreadable, match=found):
        store.read(_BTC)


def test_a_file_without_our_metadata_has_bars_but_no_meta(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    store.write(_BTC, _bars(), _meta())
    pq.write_table(pq.read_table(store.path(_BTC)).replace_schema_metadata(None), store.path(_BTC))
    _same(store.read(_BTC), _bars())
    with pytest.raises(BarsUnreadable, match="was not written by tradeterm"):
        store.meta(_BTC)


def test_a_fingerprint_is_of_the_bars_not_of_the_file(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    store.write(_BTC, _with_fills(), _meta())
    first = store.fingerprint(_BTC)
    store.write(_BTC, _with_fills(), _meta(extra={"gaps": 1}))
    assert store.fingerprint(_BTC) == first
    pq.write_table(pq.read_table(store.path(_BTC)), store.path(_BTC), compression="gzip")
    assert store.fingerprint(_BTC) == first


def test_every_column_counts_in_the_fingerprint(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    base = _with_fills()
    assert base.fill is not None
    variants = [base, replace(base, fill=None), replace(base, straddles=None)]
    for name in ("ts", "known_at", "open", "high", "low", "close", "volume", "straddles"):
        values = getattr(base, name).copy()
        values[0] = values[0] + 1 if name != "straddles" else 1 - values[0]
        variants.append(replace(base, **{name: values}))
    for name in ("open", "high", "low", "volume", "at"):
        values = getattr(base.fill, name).copy()
        values[0] += 1
        variants.append(replace(base, fill=replace(base.fill, **{name: values})))
    found = []
    for bars in variants:
        store.write(_BTC, bars, _meta())
        found.append(store.fingerprint(_BTC))
    assert len(set(found)) == len(variants) == 16


def test_an_unchanged_file_is_not_read_again_for_its_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BarStore(tmp_path).write(_BTC, _bars(), _meta())
    expected = BarStore(tmp_path).fingerprint(_BTC)
    (tmp_path / ".index.json").unlink()
    assert BarStore(tmp_path).fingerprint(_BTC) == expected
    monkeypatch.setattr(BarStore, "read", lambda store, key: pytest.fail("was read again"))
    assert BarStore(tmp_path).fingerprint(_BTC) == expected


def test_a_file_replaced_by_another_tool_gets_its_own_fingerprint(tmp_path: Path) -> None:
    store, other = BarStore(tmp_path / "here"), BarStore(tmp_path / "there")
    store.write(_BTC, _bars(), _meta())
    other.write(_BTC, _bars(price=200.0), _meta())
    first = store.fingerprint(_BTC)
    other.path(_BTC).replace(store.path(_BTC))
    assert store.fingerprint(_BTC) == content_of(tmp_path / "again", _bars(price=200.0)) != first


def content_of(folder: Path, bars: Bars) -> str:
    store = BarStore(folder)
    store.write(_BTC, bars, _meta())
    return store.fingerprint(_BTC)


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff", b'{"crypto/BTC-USDT_h4.parquet": [1, 2]}'])
def test_a_lost_or_damaged_index_costs_a_read_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    store = BarStore(tmp_path)
    store.write(_BTC, _bars(), _meta())
    expected = store.fingerprint(_BTC)
    (tmp_path / ".index.json").write_bytes(content)
    assert BarStore(tmp_path).fingerprint(_BTC) == expected


def test_an_index_that_cannot_be_written_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / ".index.json").mkdir()
    store = BarStore(tmp_path)
    store.write(_BTC, _bars(), _meta())
    assert store.fingerprint(_BTC) == content_of(tmp_path / "again", _bars())


def test_one_writer_per_file_also_across_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradeterm.store.bars._LOCK_TIMEOUT_S", 0.0)
    spy = BarKey(AssetClass.EQUITY, "SPY", Timeframe.H4)
    one, two = BarStore(tmp_path), BarStore(tmp_path)
    with one.locked(_BTC):
        one.write(_BTC, _bars(), _meta())
        two.write(spy, _bars(), _meta(spy))
        with pytest.raises(LockHeld, match=r"BTC-USDT_h4\.parquet is held by process \d+"):
            two.write(_BTC, _bars(), _meta())
        refused: list[Exception] = []

        def write() -> None:
            try:
                one.write(_BTC, _bars(), _meta())
            except LockHeld as held:
                refused.append(held)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert len(refused) == 1, "the same object on another thread waits too"
    two.write(_BTC, _bars(2), _meta())
    assert len(one.read(_BTC)) == 2


def test_a_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tradeterm.store.locks import file_lock\n"
        "with file_lock(Path(sys.argv[1]), 'x', timeout_s=0): os.kill(os.getpid(), 9)"
    )
    lock = tmp_path / "lock"
    assert subprocess.run([sys.executable, "-c", code, str(lock)], check=False).returncode == -9
    with file_lock(lock, "the file", timeout_s=0):
        assert lock.exists()


def test_a_failed_write_leaves_the_old_bars_and_no_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = BarStore(tmp_path)
    store.write(_BTC, _bars(), _meta())

    def full(table: pa.Table, where: Path, **options: Any) -> None:
        where.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreUnwritable, match=r"can't be written \(No space left on device\); free space"):
        store.write(_BTC, _bars(2), _meta())
    _same(store.read(_BTC), _bars())
    assert [path.name for path in (tmp_path / "crypto").iterdir()] == ["BTC-USDT_h4.parquet"]
