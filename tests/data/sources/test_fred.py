from __future__ import annotations

import gzip
import json
import logging
import os
import subprocess
import sys
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from golden_years import GOLDEN
from pydantic import SecretStr
from wire.case import QUICK
from wire.cases.fred import CFNAI, CSV_PATH, JSON_PATH, KEY, NOW, RULES, observations, serve_json
from wire.loopback import Fault, Reply, Request, Stub
from wire.proxy import Authority, ConnectProxy

from tradeterm.core.errors import BadAnswer, DataError, SourceDown, SourceRefused, UnknownSymbol
from tradeterm.core.market import AssetClass, Bars, Instrument, Timeframe
from tradeterm.core.time import DAY_NS, from_iso, iso
from tradeterm.data.publication import PublicationRule
from tradeterm.data.sources import Annotated
from tradeterm.data.sources.fred import Fred
from tradeterm.data.sources.wire import Line, Patience

if TYPE_CHECKING:
    from pathlib import Path

EMPIRE = Instrument(symbol="EMPIRE", asset_class=AssetClass.MACRO, calendar="XNYS")
SLOPE = Instrument(symbol="T10Y2Y", asset_class=AssetClass.MACRO, calendar="XNYS")
VIX = Instrument(symbol="VIX", asset_class=AssetClass.MACRO, calendar="XNYS")
PMI = Instrument(symbol="PMI", asset_class=AssetClass.MACRO, calendar="XNYS")
ALL_RULES = {
    **RULES,
    "EMPIRE": PublicationRule(kind="month_end_lag", at="08:30"),
    "PMI": PublicationRule(kind="month_end_lag", lag_days=1, at="10:00"),
    "T10Y2Y": PublicationRule(kind="next_business_day", at="09:00"),
    "VIX": PublicationRule(kind="session_close", at="16:15"),
}


def keyed(stub: Stub, *, now_ns: int = NOW, patience: Patience = QUICK, **more: Any) -> Fred:
    line = Line("fred", patience, sleep=lambda _: None)
    return Fred(SecretStr(KEY), ALL_RULES, base_url=stub.url + JSON_PATH, line=line, now=lambda: now_ns, **more)


def keyless(stub: Stub, **more: Any) -> Fred:
    line = Line("fred", QUICK, sleep=lambda _: None)
    return Fred(None, ALL_RULES, csv_url=stub.url + CSV_PATH, line=line, now=lambda: NOW, **more)


def serve(stub: Stub, *rows: tuple[str, str, str]) -> None:
    """Rows of realtime_start, date, value on the JSON route."""
    found = [{"realtime_start": real, "realtime_end": "9999-12-31", "date": date, "value": v} for real, date, v in rows]
    stub.route(JSON_PATH, lambda _: Reply({"count": len(found), "observations": found}))


def serve_csv(stub: Stub, text: str) -> None:
    stub.route(CSV_PATH, lambda _: Reply(text, headers={"Content-Type": "application/csv"}))


def told(bars: Bars) -> list[tuple[str, str, float]]:
    return [
        (iso(int(ts))[:10], iso(int(known)), float(value))
        for ts, known, value in zip(bars.ts, bars.known_at, bars.close, strict=True)
    ]


def as_of(bars: Bars, instant: str) -> dict[str, float]:
    """What was known then: of each period the last row known at that time."""
    return {period: value for period, known, value in told(bars) if known <= instant}


@pytest.mark.parametrize("path", sorted((GOLDEN / "publication").glob("vintages_*.json")), ids=lambda path: path.stem)
def test_each_vintage_is_known_when_the_answer_file_says(stub: Stub, path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    serve(stub, *((row[1], row[0], row[2]) for row in case["rows"]))
    line = Line("fred", QUICK, sleep=lambda _: None)
    rules = {"CFNAI": PublicationRule(**case["rule"])}
    fred = Fred(SecretStr(KEY), rules, base_url=stub.url + JSON_PATH, line=line, now=lambda: from_iso("2025-06-01"))
    bars = fred.bars(CFNAI, Timeframe.MONTHLY, 0, from_iso("2025-06-01"))
    news = [(row[0], iso(from_iso(row[3])), float(row[2])) for row in case["rows"] if row[3] is not None]
    assert told(bars) == news


def test_what_was_known_then_is_what_was_published_until_then(stub: Stub) -> None:
    # The Empire State survey: out in its own month, revised by the seasonal factors of February.
    serve(
        stub,
        ("2026-01-15", "2026-01-01", "7.7"),
        ("2026-02-17", "2026-01-01", "7.5"),
        ("2026-02-17", "2026-02-01", "7.1"),
        ("2026-03-16", "2026-03-01", "-0.2"),
    )
    now = from_iso("2026-04-01")
    source = keyed(stub, now_ns=now, ids={"EMPIRE": "GACDISA066MSFRBNY"})
    bars = source.bars(EMPIRE, Timeframe.MONTHLY, 0, now)
    assert as_of(bars, "2026-02-10T00:00:00Z") == {"2026-01-01": 7.7}
    # 08:30 in New York: 13:30 UTC in winter, 12:30 in summer.
    assert as_of(bars, "2026-02-17T13:29:59Z") == {"2026-01-01": 7.7}
    assert as_of(bars, "2026-02-17T13:30:00Z") == {"2026-01-01": 7.5, "2026-02-01": 7.1}
    assert as_of(bars, "2026-03-16T12:29:59Z") == {"2026-01-01": 7.5, "2026-02-01": 7.1}
    assert as_of(bars, "2026-03-16T12:30:00Z") == {"2026-01-01": 7.5, "2026-02-01": 7.1, "2026-03-01": -0.2}
    assert source.note(EMPIRE) == "alfred"


def test_vintages_are_asked_for_from_the_first_to_the_last_on_every_page(stub: Stub) -> None:
    serve_json(stub)
    bars = keyed(stub, page_rows=8).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
    assert len(bars) == 21
    questions = [request.query for request in stub.asked()]
    assert [query["offset"] for query in questions] == ["0", "8", "16"]
    for query in questions:
        assert query == {
            "series_id": "CFNAI",
            "file_type": "json",
            "api_key": KEY,
            "realtime_start": "1776-07-04",
            "realtime_end": "9999-12-31",
            "limit": "8",
            "offset": query["offset"],
        }


def test_a_later_start_cuts_periods_off_and_never_vintages(stub: Stub) -> None:
    serve_json(stub)
    source = keyed(stub)
    whole = source.bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
    part = source.bars(CFNAI, Timeframe.MONTHLY, from_iso("2024-06-01"), NOW)
    assert stub.asked()[-1].query["observation_start"] == "2024-06-01"
    assert stub.asked()[-1].query["realtime_start"] == "1776-07-04"
    assert told(part) == [row for row in told(whole) if row[0] >= "2024-06-01"]
    assert len(part) == 6


def test_what_was_not_known_yet_is_left_out(stub: Stub) -> None:
    serve_json(stub)
    bars = keyed(stub).bars(CFNAI, Timeframe.MONTHLY, 0, from_iso("2024-03-23T12:29:59Z"))
    assert told(bars) == [("2024-01-01", "2024-02-23T13:30:00Z", 0.11)]


def test_a_market_series_is_known_by_its_rule_and_asked_for_without_vintages(stub: Stub) -> None:
    today = "2024-12-01"
    serve(stub, (today, "2024-08-29", "-0.05"), (today, "2024-08-30", "0.01"), (today, "2024-09-02", "."))
    source = keyed(stub)
    bars = source.bars(SLOPE, Timeframe.DAILY, from_iso("2024-08-29"), NOW)
    assert told(bars) == [
        ("2024-08-29", "2024-08-30T13:00:00Z", -0.05),
        # Over the weekend and Labor Day.
        ("2024-08-30", "2024-09-03T13:00:00Z", 0.01),
    ]
    assert not {"realtime_start", "realtime_end"} & stub.asked()[0].query.keys()
    assert source.note(SLOPE) == "today's"


def test_the_volatility_index_goes_by_its_id_at_fred(stub: Stub) -> None:
    serve(stub, ("2024-12-01", "2024-08-30", "15.00"))
    bars = keyed(stub).bars(VIX, Timeframe.DAILY, from_iso("2024-08-30"), from_iso("2024-08-31"))
    assert told(bars) == [("2024-08-30", "2024-08-30T20:15:00Z", 15.0)]
    assert stub.asked()[0].query["series_id"] == "VIXCLS"


def test_the_survey_that_fred_has_no_more_is_unknown_unless_named(stub: Stub) -> None:
    serve(stub, ("2024-02-01", "2024-01-01", "49.1"))
    with pytest.raises(UnknownSymbol, match="fred PMI: FRED has no such series"):
        keyed(stub).bars(PMI, Timeframe.MONTHLY, 0, NOW)
    assert not stub.asked()
    keyed(stub, ids={"PMI": "IPMAN"}).bars(PMI, Timeframe.MONTHLY, 0, NOW)
    assert stub.asked()[0].query["series_id"] == "IPMAN"


@pytest.mark.parametrize("header", ["observation_date,T10Y2Y", "DATE,T10Y2Y"])
def test_without_a_key_todays_values_come_and_say_so(header: str, stub: Stub) -> None:
    serve_csv(stub, f"{header}\n2024-08-29,-0.05\n2024-08-30,\n2024-09-02,.\n2024-09-03,0.02\n")
    source = keyless(stub)
    bars = source.bars(SLOPE, Timeframe.DAILY, from_iso("2024-08-29"), NOW)
    assert told(bars) == [("2024-08-29", "2024-08-30T13:00:00Z", -0.05), ("2024-09-03", "2024-09-04T13:00:00Z", 0.02)]
    assert stub.asked()[0].query == {"id": "T10Y2Y", "cosd": "2024-08-29"}
    assert source.note(SLOPE) == source.note(CFNAI) == "today's"


def test_without_a_key_a_monthly_value_is_known_by_its_rule(stub: Stub) -> None:
    serve_csv(stub, "observation_date,CFNAI\r\n2024-01-01,0.1\r\n2024-02-01,0.2\r\n")
    bars = keyless(stub).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
    # 22 days after the last of January is a Thursday; after the last of February, a Friday.
    assert told(bars) == [("2024-01-01", "2024-02-22T13:30:00Z", 0.1), ("2024-02-01", "2024-03-22T12:30:00Z", 0.2)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "observation_date\n2024-01-01\n",
        "observation_date,DGS10\n2024-01-01,1\n",
        "observation_date,CFNAI\n2024-01-01,1,2\n",
        "observation_date,CFNAI\n2024-01-01\n",
        "observation_date,CFNAI\nJanuary,1\n",
        "observation_date,CFNAI\n,1\n",
        "observation_date,CFNAI\n2024-01-01,one\n",
    ],
)
def test_a_csv_of_another_shape_is_a_bad_answer(text: str, stub: Stub) -> None:
    serve_csv(stub, text)
    with pytest.raises(BadAnswer, match="fred CFNAI: "):
        keyless(stub).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)


ROW = {"realtime_start": "2024-02-23", "date": "2024-01-01", "value": "1"}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"observations": [ROW]},
        {"count": "1", "observations": [ROW]},
        {"count": 1, "observations": {}},
        {"count": 1, "observations": [1]},
        {"count": 1, "observations": [{"date": "2024-01-01", "value": "1"}]},
        {"count": 1, "observations": [{**ROW, "date": "soon"}]},
        {"count": 1, "observations": [{**ROW, "date": None}]},
        {"count": 1, "observations": [{**ROW, "value": None}]},
        {"count": 1, "observations": [{**ROW, "value": "much"}]},
        {"count": 1, "observations": [{**ROW, "realtime_start": ""}]},
        {"count": 1, "observations": [ROW, {**ROW, "date": "2024-02-01"}]},
        {"count": 2, "observations": []},
    ],
)
def test_json_of_another_shape_is_a_bad_answer(document: Any, stub: Stub) -> None:
    stub.route(JSON_PATH, lambda _: Reply(document))
    with pytest.raises(BadAnswer, match="fred CFNAI: "):
        keyed(stub).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)


def test_values_that_change_between_two_pages_are_a_bad_answer(stub: Stub) -> None:
    def growing(request: Request) -> Reply:
        reply = observations(request)
        more = 1 if request.query["offset"] != "0" else 0
        return Reply({**reply.content, "count": reply.content["count"] + more})

    stub.route(JSON_PATH, growing)
    with pytest.raises(BadAnswer, match="8 of 21 values, then 8 of 22"):
        keyed(stub, page_rows=8).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)


def test_a_series_that_fell_silent_is_said_and_a_quiet_month_is_not(stub: Stub) -> None:
    serve(stub)
    source = keyed(stub)
    assert len(source.bars(CFNAI, Timeframe.MONTHLY, NOW - 400 * DAY_NS, NOW)) == 0
    with pytest.raises(BadAnswer, match=r"no value from .*; look whether the series has ended"):
        source.bars(CFNAI, Timeframe.MONTHLY, NOW - 401 * DAY_NS, NOW)


def test_refused_vintages_are_told_in_freds_words(stub: Stub) -> None:
    message = "Bad Request.  This exceeds the maximum number of vintage dates allowed (2000)."
    stub.route(JSON_PATH, lambda _: Reply({"error_code": 400, "error_message": message}, 400))
    with pytest.raises(BadAnswer, match=r"HTTP 400, Bad Request. This exceeds the maximum number of vintage dates"):
        keyed(stub).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)


def test_a_series_needs_a_rule_and_its_own_timeframe(stub: Stub) -> None:
    unruled = Instrument(symbol="IPMAN", asset_class=AssetClass.MACRO, calendar="XNYS")
    with pytest.raises(DataError, match=r"no publication rule; add one to universe\.publication"):
        keyed(stub).bars(unruled, Timeframe.MONTHLY, 0, NOW)
    with pytest.raises(DataError, match=r"no daily values .* it has monthly ones"):
        keyed(stub).bars(CFNAI, Timeframe.DAILY, 0, NOW)
    assert not stub.asked()


def test_who_follows_start_after_gets_every_revision_and_nothing_twice_of_a_market_series(stub: Stub) -> None:
    source = keyed(stub)
    assert source.start_after(CFNAI, from_iso("2024-07-01")) == 0
    assert source.start_after(SLOPE, from_iso("2024-07-01")) == from_iso("2024-07-01") + 1


def test_a_series_has_no_corporate_actions(stub: Stub) -> None:
    assert len(keyed(stub).actions(CFNAI, 0, NOW)) == 0
    assert isinstance(keyed(stub), Annotated)


@pytest.mark.parametrize("fault", [None, *(fault for fault in Fault)])
def test_the_key_is_in_the_request_and_nowhere_else(
    fault: Fault | None, stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    serve_json(stub)
    if fault is not None:
        stub.fail_next(fault, 99)
    seen = ""
    try:
        keyed(stub, patience=replace(QUICK, attempts=1)).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
    except DataError as failure:
        frames = traceback.TracebackException.from_exception(failure, capture_locals=True)
        seen = "".join(frames.format()) + repr(failure)
    assert stub.asked()[0].query["api_key"] == KEY
    # The client does log its URL: without this line the test would prove nothing.
    assert JSON_PATH in caplog.text or fault in (Fault.RESET, Fault.STALLED, Fault.DRIP_HEAD)
    assert KEY not in caplog.text + seen


def test_a_refused_key_is_said_without_the_key(stub: Stub) -> None:
    serve_json(stub)
    stub.fail_next(Fault.WRONG_KEY)
    with pytest.raises(SourceRefused) as caught:
        keyed(stub).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
    assert str(caught.value) == (
        "fred CFNAI: Bad Request. The value for variable api_key (**********) is not registered.; "
        "check the service's key in the environment or .env (`tradeterm doctor`)"
    )


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stub behind FRED's own host names, and the proxy that leads there."""
    authority = Authority(tmp_path)
    hosts = ("api.stlouisfed.org", "fred.stlouisfed.org")
    with Stub(authority.server(*hosts)) as stub, ConnectProxy(dict.fromkeys(hosts, stub.port)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
        yield stub, proxy


def test_by_default_freds_own_hosts_are_asked_over_tls(production: Any) -> None:
    stub, proxy = production
    serve_json(stub)
    serve_csv(stub, "observation_date,CFNAI\n2024-01-01,0.1\n")
    line = Line("fred", QUICK, sleep=lambda _: None)
    with_key = Fred(SecretStr(KEY), ALL_RULES, line=line, now=lambda: NOW)
    without = Fred(None, ALL_RULES, line=line, now=lambda: NOW)
    assert len(with_key.bars(CFNAI, Timeframe.MONTHLY, 0, NOW)) == 21
    assert len(without.bars(CFNAI, Timeframe.MONTHLY, 0, NOW)) == 1
    assert [(request.headers["host"], request.path) for request in stub.asked()] == [
        ("api.stlouisfed.org", JSON_PATH),
        ("fred.stlouisfed.org", CSV_PATH),
    ]
    assert not proxy.denied


def test_a_host_that_the_proxy_does_not_know_is_denied_and_noted(production: Any) -> None:
    stub, proxy = production
    line = Line("fred", QUICK, sleep=lambda _: None)
    elsewhere = Fred(None, ALL_RULES, csv_url="https://example.org/fredgraph.csv", line=line, now=lambda: NOW)
    with pytest.raises(SourceDown, match="egress denied"):
        elsewhere.bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
    assert proxy.denied == ["example.org:443"] * QUICK.attempts
    assert not stub.asked()


def test_a_certificate_of_nobody_is_not_trusted(production: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    stub, _ = production
    line = Line("fred", QUICK, sleep=lambda _: None)
    with pytest.raises(SourceDown, match="CERTIFICATE_VERIFY_FAILED"):
        Fred(None, ALL_RULES, line=line, now=lambda: NOW).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
    assert not stub.asked()


def test_importing_the_source_imports_no_client() -> None:
    code = "import sys, tradeterm.data.sources.fred; sys.exit('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={"PATH": os.environ["PATH"]}, check=False)
    assert done.returncode == 0


def test_columns_have_the_types_that_are_stored(stub: Stub) -> None:
    serve_json(stub)
    bars = keyed(stub).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
    assert bars.ts.dtype == bars.known_at.dtype == np.int64
    for name in ("open", "high", "low"):
        assert np.array_equal(getattr(bars, name), bars.close)
    assert np.isnan(bars.volume).all()


def test_a_body_that_unpacks_without_measure_is_a_bad_answer(stub: Stub) -> None:
    packed = gzip.compress(b" " * 20_000_000)
    stub.route(JSON_PATH, lambda _: Reply(packed, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(BadAnswer, match="fred CFNAI: an answer of more than 1 MB"):
        keyed(stub, patience=replace(QUICK, answer_s=10.0)).bars(CFNAI, Timeframe.MONTHLY, 0, NOW)
