"""One symbol in full, against files that were made by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tradeterm.config.settings import Settings
from tradeterm.core.errors import UsageError
from tradeterm.core.ids import canonical_json
from tradeterm.core.market import Actions, AssetClass, BarKey, Timeframe
from tradeterm.core.time import HOUR_NS, from_iso, iso
from tradeterm.data.counting import with_gaps
from tradeterm.data.merging import picked
from tradeterm.data.quarantine import QuarantinedRow, quarantine, quarantine_path
from tradeterm.store.actions import ActionStore
from tradeterm.views import data, series
from tradeterm.views.series import Action, FileDetail, Gap, Piece, SeriesView

NOW = from_iso("2026-11-21T01:45:51Z")
DAY = from_iso("2026-11-20")
HOURS = BarKey(AssetClass.CRYPTO, "BTC/USDT", Timeframe.H1)


def hours(stores: Any, *present: int, **meta: Any) -> None:
    """Store hours of one day of a coin, counting its gaps as every writer does."""
    opens = [iso(DAY + hour * HOUR_NS) for hour in present]
    known = [iso(DAY + (hour + 1) * HOUR_NS) for hour in present]
    stores.store_bars("BTC/USDT", Timeframe.H1, opens, known, asset_class=AssetClass.CRYPTO, **meta)
    bars = stores.bars.read(HOURS)
    stores.bars.write(HOURS, bars, with_gaps(HOURS, bars, stores.bars.meta(HOURS)))


def build(stores: Any, settings: Settings, symbol: str = "BTC/USDT") -> SeriesView:
    return series.build(stores.workspace, NOW, symbol, config=settings.config)


def only(view: SeriesView) -> FileDetail:
    (found,) = view.files
    return found


def restate(stores: Any, timeframe: str, ts: str, before: list[Any], after: list[Any], *runs: str) -> None:
    payload = {
        "symbol": "BTC/USDT",
        "timeframe": timeframe,
        "ts": ts,
        "found_at": "2026-11-21T00:00:00Z",
        "source": "binance",
        "before": before,
        "after": after,
        "runs": list(runs),
    }
    stores.ledger.append("restatement", f"BTC/USDT|{timeframe}|{ts}|x", payload)


def test_gaps_are_listed_with_their_ends_and_their_bars(stores: Any, settings: Settings) -> None:
    # 03 to 07 and 12 to 17 are missing, and 20 alone, which is no gap.
    hours(stores, 0, 1, 2, 8, 9, 10, 11, 18, 19, 21)
    found = only(build(stores, settings))
    assert found.gap_bars == 5
    assert found.gaps == (
        Gap(from_ns=DAY + 12 * HOUR_NS, to_ns=DAY + 17 * HOUR_NS, bars=6),
        Gap(from_ns=DAY + 3 * HOUR_NS, to_ns=DAY + 7 * HOUR_NS, bars=5),
    )
    assert found.scattered == 1
    assert found.row.gaps == 2


def test_a_day_without_a_session_is_no_gap(stores: Any, settings: Settings) -> None:
    # Thanksgiving, a half day, a week end.
    opens = ["2026-11-25T14:30:00Z", "2026-11-27T14:30:00Z", "2026-11-30T14:30:00Z"]
    known = ["2026-11-25T21:00:00Z", "2026-11-27T18:00:00Z", "2026-11-30T21:00:00Z"]
    stores.store_bars("SPY", Timeframe.DAILY, opens, known)
    found = only(build(stores, settings, "SPY"))
    assert (found.gaps, found.scattered) == ((), 0)


def test_the_detail_and_the_overview_say_the_same_of_a_file(stores: Any, settings: Settings) -> None:
    hours(stores, 0, 1, 2, 8)
    restate(stores, "1h", "2026-11-20T01:00:00Z", [1, 1, 1, 1, 5], [1, 1, 1, 2, 5])
    overview = data.build(stores.workspace, NOW, config=settings.config)
    assert only(build(stores, settings)).row == next(row for row in overview.series if row.symbol == "BTC/USDT")


def test_a_restatement_is_told_value_by_value(stores: Any, settings: Settings) -> None:
    hours(stores, 0, 1, 2)
    restate(stores, "1h", "2026-11-20T01:00:00Z", [1, 4, 1, 2, None], [1, 5, 1, 3, None], "run-1", "run-2")
    restate(stores, "daily", "2026-11-20T00:00:00Z", [1, 1, 1, 1, 1], [2, 1, 1, 1, 1])
    found = only(build(stores, settings)).restatements
    assert [(change.field, change.before, change.after) for change in found] == [("high", 4, 5), ("close", 2, 3)]
    assert {(change.ts_ns, change.source, change.runs) for change in found} == {
        (DAY + HOUR_NS, "binance", ("run-1", "run-2"))
    }
    assert found[0].found_ns == from_iso("2026-11-21T00:00:00Z")


def test_derived_bars_show_what_changed_in_the_bars_they_are_built_from(stores: Any, settings: Settings) -> None:
    hours(stores, 0, 1, 2, 3)
    restate(stores, "1h", "2026-11-20T01:00:00Z", [1, 4, 1, 2, 9], [1, 5, 1, 2, 9])
    times = (["2026-11-20T00:00:00Z"], ["2026-11-20T04:00:00Z"])
    derived = {"asset_class": AssetClass.CRYPTO, "source": "derived:1h", "derived": True, "extra": {"origin": "kraken"}}
    stores.store_bars("BTC/USDT", Timeframe.H4, *times, **derived)
    _, found = build(stores, settings).files
    assert found.row.restated == 0
    assert [(change.timeframe, change.field) for change in found.restatements] == [("1h", "high")]
    assert found.provenance is not None
    assert (found.provenance.origin, found.provenance.derived_from) == ("kraken", ("1h",))


def rejected(line: int, rule: str = "ohlc-consistency", file: str = "own.csv") -> QuarantinedRow:
    return QuarantinedRow(file=file, line=line, rule=rule, detail="why", raw=f"row {line}", found_at_ns=NOW)


def test_quarantined_rows_are_listed_and_counted(stores: Any, settings: Settings) -> None:
    hours(stores, 0, 1, 2)
    rows = [rejected(9), rejected(4), rejected(7, "negative-volume"), rejected(1, file="a.csv")]
    quarantine(stores.workspace.data, HOURS, rows)
    found = only(build(stores, settings))
    assert found.row.quarantined == 4
    assert found.quarantined == (rows[3], rows[2], rows[1], rows[0])


def test_quarantined_rows_that_cannot_be_read_are_unknown_not_none(stores: Any, settings: Settings) -> None:
    hours(stores, 0, 1, 2)
    path = quarantine_path(stores.workspace.data, HOURS)
    path.parent.mkdir()
    path.write_bytes(b"PAR1 and nothing else")
    found = only(build(stores, settings))
    assert (found.row.quarantined, found.quarantined) == (None, None)
    assert path.name in found.problems[0]
    assert found.gaps == ()
    assert data.build(stores.workspace, NOW, config=settings.config).quarantined is None


def test_provenance_names_source_pieces_note_adjustment_and_fingerprint(stores: Any, settings: Settings) -> None:
    extra = {
        "note": "today's values",
        "pieces": [["binance", "2026-11-20T00:00:00Z"], ["kraken", "2026-11-20T02:00:00Z"]],
    }
    hours(stores, 0, 1, 2, source="kraken", adjustment="split", extra=extra)
    found = only(build(stores, settings)).provenance
    assert found is not None
    assert (found.path, found.size_bytes) == ("data/crypto/BTC-USDT_1h.parquet", stores.bars.path(HOURS).stat().st_size)
    assert (found.source, found.note, found.adjustment, found.calendar) == ("kraken", "today's values", "split", "24/7")
    assert found.pieces == (
        Piece(source="binance", from_ns=DAY),
        Piece(source="kraken", from_ns=DAY + 2 * HOUR_NS),
    )
    assert found.fingerprint == stores.bars.fingerprint(HOURS)


def test_actions_are_listed_newest_first_with_the_time_they_were_asked_for(stores: Any, settings: Settings) -> None:
    stores.store_bars("SPY", Timeframe.DAILY, ["2026-11-20T14:30:00Z"], ["2026-11-20T21:00:00Z"])
    assert build(stores, settings, "SPY").actions is None
    days = [from_iso("2026-03-20T13:30:00Z"), from_iso("2026-06-19T13:30:00Z")]
    given = Actions(ex_ns=np.array(days), kind=("split", "dividend"), value=np.array([4.0, 1.75]))
    ActionStore(stores.workspace.data).merge("SPY", given, source="yahoo", start_ns=0, end_ns=DAY)
    found = build(stores, settings, "SPY").actions
    assert found is not None
    assert (found.source, found.asked_from_ns, found.asked_until_ns) == ("yahoo", 0, DAY)
    assert found.events == (
        Action(ex_ns=days[1], kind="dividend", value=1.75),
        Action(ex_ns=days[0], kind="split", value=4.0),
    )


def test_a_restated_action_is_told_with_its_value(stores: Any, settings: Settings) -> None:
    hours(stores, 0, 1)
    restate(stores, "dividend", "2026-06-19T13:30:00Z", [1.75], [None], "run-1")
    found = build(stores, settings)
    assert only(found).restatements == ()
    ActionStore(stores.workspace.data).merge(
        "BTC/USDT",
        Actions(ex_ns=np.array([DAY]), kind=("split",), value=np.array([2.0])),
        source="y",
        start_ns=0,
        end_ns=1,
    )
    actions = build(stores, settings).actions
    assert actions is not None
    (change,) = actions.restatements
    assert (change.field, change.before, change.after, change.runs) == ("dividend", 1.75, None, ("run-1",))


@pytest.mark.parametrize("cut", ["footer", "middle"])
def test_a_damaged_file_is_a_sentence_and_hides_no_other(stores: Any, settings: Settings, cut: str) -> None:
    hours(stores, *range(24))
    times = (["2026-11-20"], ["2026-11-21"])
    stores.store_bars("BTC/USDT", Timeframe.DAILY, *times, asset_class=AssetClass.CRYPTO)
    path = stores.bars.path(HOURS)
    whole = path.read_bytes()
    # Cut off, or a few bytes of a page altered: that one's footer still reads well.
    path.write_bytes(whole[:-20] if cut == "footer" else whole[:60] + bytes(20) + whole[80:])
    damaged, daily = build(stores, settings).files
    assert (damaged.row.symbol, damaged.gaps, damaged.provenance) == ("BTC/USDT", None, None)
    (problem,) = damaged.problems
    assert "BTC-USDT_1h.parquet" in problem
    assert "\n" not in problem
    assert daily.gaps == ()
    found, bars = series.read(stores.workspace, NOW, HOURS, config=settings.config)
    assert only(found) == damaged
    assert bars is None


def test_a_damaged_file_is_not_also_missing(stores: Any, settings: Settings) -> None:
    hours(stores, 0)
    stores.bars.path(HOURS).write_bytes(b"PAR1 cut")
    rows = [row for row in data.build(stores.workspace, NOW, config=settings.config).series if "BTC" in row.symbol]
    assert [(row.symbol, row.state) for row in rows] == [("BTC/USDT", "unreadable")]


def test_a_file_of_another_programs_calendar_has_unknown_gaps(stores: Any, settings: Settings) -> None:
    stores.store_bars(
        "BTC/USDT",
        Timeframe.H1,
        ["2026-11-20"],
        ["2026-11-20T01:00:00Z"],
        asset_class=AssetClass.CRYPTO,
        calendar="XXXX",
    )
    found = only(build(stores, settings))
    assert (found.gaps, found.scattered, found.row.due_ns) == (None, None, None)


def test_an_instrument_without_files_says_what_to_do(stores: Any, settings: Settings) -> None:
    found = only(build(stores, settings, "QQQ"))
    assert (found.row.state, found.gaps, found.provenance) == ("missing", None, None)
    assert "tradeterm data update" in found.problems[0]


@pytest.mark.parametrize(("symbol", "near"), [("BTC-USDT", "BTC/USDT"), ("spy", "SPY"), ("SPYY", "SPY")])
def test_a_name_that_nothing_has_is_refused_with_the_nearest(
    stores: Any, settings: Settings, symbol: str, near: str
) -> None:
    hours(stores, 0)
    with pytest.raises(UsageError, match=f"did you mean '{near}'"):
        build(stores, settings, symbol)


def test_the_detail_is_json_and_equal_when_built_again(stores: Any, settings: Settings) -> None:
    hours(stores, 0, 1, 2, 8)
    quarantine(stores.workspace.data, HOURS, [rejected(9)])
    first = build(stores, settings)
    document = json.loads(canonical_json(first.to_json()))
    assert document["schema"] == "tradeterm.series.v1"
    (file,) = document["files"]
    assert file["gaps"] == [{"from": "2026-11-20T03:00:00Z", "to": "2026-11-20T07:00:00Z", "bars": 5}]
    assert file["quarantined"][0]["line"] == 9
    assert file["row"]["symbol"] == "BTC/USDT"
    assert build(stores, settings) == first


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(
    stores: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours(stores, 0, 1, 2)
    plain = type(stores.bars).read_whole
    replaced = []

    def read_whole(self: Any, key: BarKey) -> Any:
        bars, meta = plain(self, key)
        if not replaced:
            replaced.append(key)
            longer = picked(bars, np.array([0, 1, 2, 2]))
            longer.ts[-1] += HOUR_NS
            longer.known_at[-1] += HOUR_NS
            self.write(key, longer, meta)
        return bars, meta

    monkeypatch.setattr(type(stores.bars), "read_whole", read_whole)
    found, bars = series.read(stores.workspace, NOW, HOURS, config=settings.config)
    assert bars is not None
    assert (only(found).row.rows, len(bars)) == (4, 4)
