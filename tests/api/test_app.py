"""What the routes answer over stores whose contents are known."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from tradeterm.api.server import guarded
from tradeterm.core.ids import canonical_json
from tradeterm.core.time import DAY_NS, HOUR_NS, from_iso
from tradeterm.store.locks import fair_lock
from tradeterm.views import predictions

NOW = from_iso("2026-11-21T06:00:00Z")
ASOF = from_iso("2026-11-21")
TOKEN = "a-token-of-twenty-five-ch"
PATHS = ("/predict", "/history", "/metrics", "/health", "/metrics/prometheus")
NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class Asking:
    """Asks an application in this process, each time on a loop of its own."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def head(self, path: str) -> httpx.Response:
        return self.request("HEAD", path)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8710") as client:
                return await client.request(method, path, **options)

        return asyncio.run(asked())


def ask(desk: Any, *, token: str | None = None, now: int = NOW, **options: Any) -> Asking:
    secret = SecretStr(token) if token else None
    return Asking(guarded(desk.workspace, token=secret, clock=lambda: now, **options))


def samples(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def is_problem(answer: Any, status: int, told: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert list(body) == ["detail", "status", "title", "type"]
    assert body["status"] == status
    assert told in body["detail"]
    assert "\n" not in body["detail"]
    assert "Traceback" not in answer.text


# --- what is there


def test_the_newest_signals_say_their_run_model_and_instant(stocked: Any) -> None:
    found = ask(stocked).get("/predict").json()
    assert (found["asof"], found["partial"], found["finished"]) == ("2026-11-21T00:00:00Z", False, True)
    assert (found["made_up"], found["reason"]) == (True, None)
    first = found["signals"][0]
    assert (first["symbol"], first["model_version"], first["prob"]) == ("SPY", "Trend_v1@1.0.0", 0.5625)
    assert [item["prob"] for item in found["signals"]] == [0.5625, None, 0.5625]


def test_a_partial_and_an_unfinished_run_are_called_so(desk: Any) -> None:
    signal = desk.signal()
    desk.daily(signal, report=None, status={"refresh": "partial"})
    found = ask(desk).get("/predict").json()
    assert (found["partial"], found["finished"]) == (True, False)
    assert found["steps"] == [
        {"step": "refresh", "status": "partial"},
        {"step": "train", "status": "skipped"},
        {"step": "predict", "status": "done"},
    ]


def test_the_latest_instant_is_the_newest_whatever_was_recorded_last(desk: Any) -> None:
    desk.daily(desk.signal(symbol="NEW"))
    desk.daily(desk.signal(ASOF - DAY_NS, symbol="OLD"), asof_ns=ASOF - DAY_NS)
    assert [item["symbol"] for item in ask(desk).get("/predict").json()["signals"]] == ["NEW"]


def test_a_refused_signal_is_not_shown_as_tonight_s(desk: Any) -> None:
    stands, fine = desk.signal(), desk.signal(symbol="QQQ")
    outputs = {"refused": [stands.key], "withheld": ["GLD"], "keys": [stands.key, fine.key], "regime": "r0"}
    desk.daily(predict=outputs, status={"predict": "partial"})
    found = ask(desk).get("/predict").json()
    assert [item["symbol"] for item in found["signals"]] == ["QQQ"]
    assert (found["refused"], found["withheld"], found["partial"]) == ([stands.key], ["GLD"], True)


def test_a_night_without_signals_says_why(desk: Any) -> None:
    desk.daily(predict={"refused": [], "withheld": ["SPY"], "keys": [], "regime": "r0"})
    assert ask(desk).get("/predict").json()["reason"] == (
        "daily run d-sample-2026-11-21T00:00:00Z made no signal: bars of SPY were stale"
    )


def test_a_profile_shows_its_own_daily_runs_alone(desk: Any) -> None:
    desk.daily(desk.signal(symbol="PAPER"), profile="paper")
    desk.daily(desk.signal(ASOF + DAY_NS, symbol="SAMPLE"), asof_ns=ASOF + DAY_NS)
    seen = {
        profile: [item["symbol"] for item in ask(desk, profile=profile).get("/predict").json()["signals"]]
        for profile in (None, "paper", "live")
    }
    assert seen == {None: ["SAMPLE"], "paper": ["PAPER"], "live": []}


def test_pages_cover_the_history_once_and_stand_still_under_appends(desk: Any) -> None:
    for day in range(7):
        desk.signal(ASOF - day * DAY_NS)
    service, cursor, seen = ask(desk), None, []
    while True:
        page = service.get("/history", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["signal"]["seq"] for item in page["signals"]]
        desk.signal(ASOF + len(seen) * DAY_NS, symbol="LATER")
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_a_full_last_page_has_no_next(desk: Any) -> None:
    for day in range(4):
        desk.signal(ASOF - day * DAY_NS)
    assert ask(desk).get("/history?limit=4").json()["next"] is None
    assert ask(desk).get("/history?limit=3").json()["next"] == 2


def test_filters_reach_as_far_back_as_they_have_to(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "_CHUNK", 2)
    rare = desk.signal(symbol="RARE", model_version="Other_v2@1.0.0+ab12")
    for day in range(9):
        desk.signal(ASOF - day * DAY_NS)
    for query in ("symbol=RARE", "strategy=Other_v2", "symbol=RARE&strategy=Other_v2&limit=1"):
        found = ask(desk).get(f"/history?{query}").json()
        assert [item["signal"]["key"] for item in found["signals"]] == [rare.key], query
        assert found["next"] is None
    assert ask(desk).get("/history?symbol=NONE").json()["reason"] == (
        "no signal of symbol NONE is recorded yet; `tradeterm daily` records them"
    )


def test_an_outcome_stands_beside_its_signal(stocked: Any) -> None:
    found = ask(stocked).get("/history?symbol=QQQ").json()["signals"]
    assert [item["outcome"] is not None for item in found] == [False, True]
    assert found[1]["outcome"] | {"gross": None} == {
        "entry_at": "2026-11-01T01:00:00Z",
        "exit_at": "2026-11-15T00:00:00Z",
        "entry_price": 100.0,
        "exit_price": 101.0,
        "gross": None,
        "net": 0.01,
        "hit": True,
    }


def test_metrics_of_a_run_without_a_certificate_are_not_shown(desk: Any) -> None:
    desk.run("aaaa", certified=False)
    found = ask(desk).get("/metrics?run_id=aaaa").json()
    assert (found["certificate"], found["portfolio"], found["strategies"][0]["metrics"]) == (False, {}, {})
    assert "no look-ahead certificate that holds" in found["reason"]


def test_metrics_of_a_run_whose_folder_is_gone_say_so_and_are_not_kept(stocked: Any) -> None:
    shutil.rmtree(stocked.workspace.results / "runs")
    answer = ask(stocked).get("/metrics")
    assert answer.status_code == 200
    assert (answer.json()["portfolio"], answer.json()["readable"]) == ({}, False)
    assert "aa84e5948312" in answer.json()["reason"]
    assert "etag" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_a_fill_at_the_close_is_called_optimistic(desk: Any) -> None:
    desk.run("aaaa", fill="close")
    assert ask(desk).get("/metrics?run_id=aaaa").json()["optimistic"] is True


# --- health


def test_health_is_ok_after_a_whole_day(stocked: Any) -> None:
    found = ask(stocked).get("/health").json()
    assert (found["status"], found["reasons"], found["kill"], found["open_incidents"]) == ("ok", [], None, 0)
    assert (found["daily"]["age_hours"], found["daily"]["data_age_hours"], found["daily"]["state"]) == (6, 11, "done")


@pytest.mark.parametrize(("hours", "status"), [(48, "ok"), (49, "degraded")])
def test_health_degrades_past_two_days_without_a_daily_run(stocked: Any, hours: int, status: str) -> None:
    found = ask(stocked, now=ASOF + hours * HOUR_NS).get("/health").json()
    assert found["status"] == status
    assert found["reasons"] == ([] if hours == 48 else ["the last daily run, of 2026-11-21T00:00:00Z, is 49 h old"])


def test_health_tells_partial_unfinished_killed_and_incidents(desk: Any) -> None:
    bars = {"bars": [], "failed": [{"bars": "SPY 1h", "error": "gone"}], "stale": ["SPY h4", "SPY daily"]}
    daily_id = desk.daily(refresh=bars, status={"refresh": "partial"}, report=None)
    service = ask(desk)
    at_work = service.get("/health").json()
    assert (at_work["daily"]["state"], at_work["daily"]["data_last"]) == ("unfinished", None)
    # The recording clock stood at 00:05: at 01:05 a run that is still unfinished has died.
    assert at_work["reasons"] == [f"daily run {daily_id} did not finish; run the same `tradeterm daily` again"]
    assert ask(desk, now=NOW - 5 * HOUR_NS - HOUR_NS // 2).get("/health").json()["status"] == "ok"
    with desk.ledger() as ledger:
        ledger.append("step", f"{daily_id}:report", {"daily_id": daily_id, "step": "report", "status": "done"})
        ledger.append("incident", "i1", {"state": "open"})
        ledger.append("incident", "i2", {"state": "closed"})
    (desk.workspace.results / "KILL").write_text('{"at": "T", "by": "operator:cli", "reason": "test"}\n')
    found = service.get("/health").json()
    assert found["reasons"] == [
        f"daily run {daily_id} was partly done: 1 bar files came from no source, 2 were overdue",
        "kill latched at T by operator:cli: test",
    ]
    assert found["open_incidents"] == 1


# --- nothing there, and broken stores


@pytest.mark.parametrize("results", [True, False], ids=["empty", "no folder"])
def test_empty_stores_answer_with_empty_lists_and_a_reason(desk: Any, results: bool) -> None:
    if not results:
        (desk.workspace.results).rmdir()
    service = ask(desk)
    for path, key in (("/predict", "signals"), ("/history", "signals"), ("/metrics", "strategies")):
        answer = service.get(path)
        assert (answer.status_code, answer.json()[key]) == (200, [])
        assert (
            "run `tradeterm daily`" in answer.json()["reason"] or "`tradeterm daily` records" in answer.json()["reason"]
        )
        assert "etag" not in answer.headers, "nothing is recorded that a validator could rest on"
    assert service.get("/health").json()["status"] == "degraded"
    assert samples(service.get("/metrics/prometheus").text) == {
        "tradeterm_ledger_readable": 1.0,
        "tradeterm_ledger_rows": 0.0,
        "tradeterm_kill_latched": 0.0,
        "tradeterm_incidents_open": 0.0,
        "tradeterm_signals": 0.0,
        "tradeterm_outcomes": 0.0,
    }
    assert desk.workspace.results.exists() is results, "reading makes nothing"


def test_a_damaged_ledger_is_one_line_and_the_gauges_leave_out_what_is_unknown(desk: Any) -> None:
    (desk.workspace.results / "ledger.sqlite").write_bytes(b"this is no database" * 100)
    service = ask(desk)
    for path in ("/predict", "/history", "/metrics"):
        is_problem(service.get(path), 503, "ledger.sqlite: is damaged")
        is_problem(service.get(path, headers={"If-None-Match": '"1-x"'}), 503, "ledger.sqlite: is damaged")
    health = service.get("/health")
    assert health.status_code == 503
    assert (health.json()["status"], health.json()["ledger"], health.json()["open_incidents"]) == (
        "degraded",
        None,
        None,
    )
    gauges = service.get("/metrics/prometheus")
    assert gauges.status_code == 200
    assert samples(gauges.text) == {"tradeterm_ledger_readable": 0.0, "tradeterm_kill_latched": 0.0}


def test_a_bug_is_one_line_without_its_traceback(stocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise KeyError("a secret detail")

    monkeypatch.setattr(predictions, "build_newest", fails)
    answer = ask(stocked).get("/predict")
    is_problem(answer, 500, "unexpected KeyError; the log of this service has it in full")
    assert "secret detail" not in answer.text


# --- Prometheus


def test_gauges_are_of_the_newest_snapshot_and_run(stocked: Any) -> None:
    answer = ask(stocked).get("/metrics/prometheus")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(answer.text)
    book = " made_up=true profile=sample"
    assert found[f"tradeterm_nav{book}"] == 101_250.5
    assert found[f"tradeterm_drawdown_ratio{book}"] == 0.02
    assert f"tradeterm_day_change_ratio{book}" not in found, "there is no snapshot of the day before"
    assert found["tradeterm_daily_asof_timestamp_seconds"] == ASOF / 1e9
    assert found["tradeterm_data_lag_seconds"] == 11 * 3600
    assert [found[f"tradeterm_daily_state state={name}"] for name in ("done", "partial", "unfinished")] == [1, 0, 0]
    assert (found["tradeterm_signals"], found["tradeterm_outcomes"]) == (4, 1)
    assert found["tradeterm_kill_latched"] == 0
    (stocked.workspace.results / "KILL").touch()
    assert samples(ask(stocked).get("/metrics/prometheus").text)["tradeterm_kill_latched"] == 1


# --- validators


@pytest.mark.parametrize("path", ["/predict", "/history?limit=2", "/metrics"])
def test_an_answer_is_kept_until_something_is_recorded(stocked: Any, path: str) -> None:
    service = ask(stocked)
    first = service.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = service.get(path, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), held
    assert service.get(path, headers={"If-None-Match": '"other"'}).json() == first.json()
    stocked.signal(symbol="GLD")
    assert service.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_each_question_and_profile_has_its_own_validator(stocked: Any) -> None:
    service = ask(stocked)
    asked = [
        "/predict",
        "/history",
        "/history?limit=3",
        "/history?symbol=SPY",
        "/metrics",
        "/metrics?run_id=aa84e5948312",
    ]
    tags = [service.get(path).headers["etag"] for path in asked]
    tags.append(ask(stocked, profile="sample").get("/predict").headers["etag"])
    assert len(set(tags)) == len(tags)
    assert service.get("/history?limit=50").headers["etag"] == tags[1], "a default that is written out is the same"


def test_what_changes_with_the_clock_is_not_kept(stocked: Any) -> None:
    for path in ("/health", "/metrics/prometheus"):
        answer = ask(stocked).get(path)
        assert ("etag" in answer.headers, answer.headers["cache-control"]) == (False, "no-store")


def test_the_body_and_its_validator_are_of_one_state(stocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ask(stocked).get("/history")
    chosen = predictions._chosen

    def meanwhile(*words: Any) -> Any:
        monkeypatch.setattr(predictions, "_chosen", chosen)
        stocked.signal(symbol="GLD")
        return chosen(*words)

    monkeypatch.setattr(predictions, "_chosen", meanwhile)
    during = ask(stocked).get("/history")
    assert (during.json(), during.headers["etag"]) == (before.json(), before.headers["etag"])
    assert ask(stocked).get("/history").json()["signals"][0]["signal"]["symbol"] == "GLD"


# --- the gate


def test_a_head_is_a_get_without_its_body(stocked: Any) -> None:
    service = ask(stocked)
    for path in PATHS[:3]:
        head, get = service.head(path), service.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert dict(head.headers) == dict(get.headers)
    assert service.head("/nowhere").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_whatever_could_change_something_is_refused(stocked: Any, method: str) -> None:
    service = ask(stocked)
    for path in (*PATHS, "/openapi.json", "/nowhere"):
        answer = service.request(method, path)
        is_problem(answer, 405, "this service only reads")
        assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "sent", [None, "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer é"]
)
def test_every_path_wants_the_token(stocked: Any, sent: str | None) -> None:
    headers = {} if sent is None else {"Authorization": sent.encode()}
    service = ask(stocked, token=TOKEN)
    asked = [("GET", path) for path in (*PATHS, "/openapi.json", "/nowhere")]
    for method, path in [*asked, ("POST", "/predict"), ("HEAD", "/health")]:
        answer = service.request(method, path, headers=headers)
        assert answer.status_code == 401
        if method == "HEAD":
            continue
        is_problem(answer, 401, "the token is missing or wrong")
        assert answer.headers["www-authenticate"] == 'Bearer realm="tradeterm"'
        assert TOKEN not in answer.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_right_token_opens(stocked: Any, scheme: str) -> None:
    service = ask(stocked, token=TOKEN)
    for path in (*PATHS, "/openapi.json"):
        assert service.get(path, headers={"Authorization": f"{scheme} {TOKEN}"}).status_code == 200


def test_a_foreign_name_that_points_here_gets_nothing(stocked: Any) -> None:
    service = ask(stocked, names=NAMES)
    for name in (
        "evil.example",
        "evil.example:8710",
        "127.0.0.1.evil.example",
        "",
        "[::2]",
        "localhost@evil.example:1",
        "[",
        "é",
    ):
        is_problem(service.get("/predict", headers={"Host": name.encode()}), 400, "ask it by that name")
    for name in ("localhost", "LOCALHOST:1", "127.0.0.1:8710", "[::1]:8710"):
        assert service.get("/predict", headers={"Host": name}).status_code == 200, name


def test_no_other_origin_is_let_in(stocked: Any) -> None:
    answer = ask(stocked).get("/predict", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=0", "query limit='0': Input should be greater than or equal to 1"),
        ("limit=501", "less than or equal to 500"),
        ("limit=many", "valid integer"),
        ("limit=", "valid integer"),
        ("cursor=0", "greater than or equal to 1"),
        ("cursor=9223372036854775808", "less than or equal to"),
        ("symbol=", "at least 1 character"),
        (f"symbol={'x' * 201}", "at most 200 characters"),
        ("limt=5", "'limt' is no query parameter of /history; did you mean 'limit'?"),
        ("limit=5&limit=6", "query parameter 'limit' is there 2 times; give it once"),
    ],
)
def test_a_wrong_query_is_one_line(stocked: Any, query: str, told: str) -> None:
    is_problem(ask(stocked).get(f"/history?{query}"), 422, told)


def test_a_route_without_parameters_takes_none(stocked: Any) -> None:
    is_problem(
        ask(stocked).get("/predict?symbol=SPY"), 422, "'symbol' is no query parameter of /predict; it takes none"
    )


@pytest.mark.parametrize("path", ["/nowhere", "/history/", "/metrics/../secret", "/%00", "/docs"])
def test_an_unknown_path_is_one_line(stocked: Any, path: str) -> None:
    is_problem(ask(stocked).get(path), 404, "no such path")


@pytest.mark.parametrize("run_id", ["../../etc", "%00", "aa84", "💥", "' OR 1=1 --"])
def test_an_unknown_run_is_not_found(stocked: Any, run_id: str) -> None:
    is_problem(ask(stocked).get("/metrics", params={"run_id": run_id}), 404, "is recorded")


# --- nobody is held up


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file but the one in which SQLite notes who is reading."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".sqlite-shm"}


def test_reading_writes_nothing_and_waits_for_no_writer(stocked: Any) -> None:
    results = stocked.workspace.results
    with (
        fair_lock(results / "ledger.lock", "the ledger", timeout_s=0.0),
        closing(sqlite3.connect(results / "ledger.sqlite", isolation_level=None)) as writer,
    ):
        before = contents(results)
        writer.execute("BEGIN IMMEDIATE")
        service = ask(stocked)
        for path in PATHS:
            assert service.get(path).status_code == 200
        assert contents(results) == before


def test_json_is_canonical_so_that_equal_answers_have_equal_bytes(stocked: Any) -> None:
    text = ask(stocked).get("/history").text
    assert text == canonical_json(json.loads(text))
