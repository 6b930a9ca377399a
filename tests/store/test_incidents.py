"""Incidents: recorded once, closed once with a reason, listed on a page that follows the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tradeterm.core.errors import UsageError
from tradeterm.core.time import from_iso
from tradeterm.store.incidents import close_incident, incidents, record_incident, write_incidents
from tradeterm.store.ledger import Ledger

NOW = from_iso("2026-11-21T00:05:00Z")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "results", clock=lambda: NOW) as made:
        yield made


def record(ledger: Ledger, what: str, at: str = "2026-11-21T00:00:00Z", *, standing: bool = False) -> str:
    return record_incident(ledger, at=at, run_id="d1", what=what, effect="older bars are used", standing=standing)


def test_the_same_incident_is_recorded_once_and_that_of_the_next_day_is_another(ledger: Ledger) -> None:
    assert record(ledger, "yahoo was down") == record(ledger, "yahoo was down")
    record(ledger, "yahoo was down", "2026-11-22T00:00:00Z")
    assert [(item.what, item.at[:10], item.state) for item in incidents(ledger)] == [
        ("yahoo was down", "2026-11-21", "open"),
        ("yahoo was down", "2026-11-22", "open"),
    ]


def test_a_standing_incident_is_the_same_one_on_every_day(ledger: Ledger) -> None:
    first = record(ledger, "a bad bar", standing=True)
    assert record(ledger, "a bad bar", "2026-11-22T00:00:00Z", standing=True) == first
    (only,) = incidents(ledger)
    assert (only.id, only.at, only.recorded_ns, only.run_id) == (first, "2026-11-21T00:00:00Z", NOW, "d1")


def test_closing_needs_one_open_incident_and_keeps_who_and_why(ledger: Ledger) -> None:
    key, other = record(ledger, "one"), record(ledger, "two")
    closed = close_incident(ledger, key[:8], at="2026-11-23T00:00:00Z", by="ana", reason="the feed is back")
    assert (closed.state, closed.closed_by, closed.reason) == ("closed", "ana", "the feed is back")
    assert {item.id: item.state for item in incidents(ledger)} == {key: "closed", other: "open"}
    with pytest.raises(UsageError, match="was closed by ana"):
        close_incident(ledger, key, at="2026-11-24T00:00:00Z", by="bo", reason="again")
    for name in ("", "zzz"):
        with pytest.raises(UsageError, match="0 have an id that begins so"):
            close_incident(ledger, name, at="2026-11-24T00:00:00Z", by="bo", reason="again")


def test_the_page_holds_every_incident_newest_first_and_is_left_alone_when_it_says_so(
    ledger: Ledger, tmp_path: Path
) -> None:
    page = tmp_path / "docs" / "incidents.md"
    write_incidents(tmp_path, ledger)
    assert not page.exists()
    record(ledger, "bars | of SPY\nare bad")
    key = record(ledger, "two", "2026-11-22T00:00:00Z")
    write_incidents(tmp_path, ledger)
    lines = [line for line in page.read_text().splitlines() if line.startswith("| 20")]
    assert [line.count("|") - line.count("\\|") for line in lines] == [7, 7]
    assert "two" in lines[0]
    assert "bars \\| of SPY are bad" in lines[1]
    assert "2026-11-21T00:05:00Z" in lines[1]
    before = page.stat().st_mtime_ns
    write_incidents(tmp_path, ledger)
    assert page.stat().st_mtime_ns == before
    close_incident(ledger, key, at="2026-11-23T00:00:00Z", by="ana", reason="mended")
    write_incidents(tmp_path, ledger)
    assert "closed by ana: mended" in page.read_text()
    page.unlink()
    write_incidents(tmp_path, ledger)
    assert "two" in page.read_text()
