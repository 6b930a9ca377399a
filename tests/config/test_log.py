from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from tradeterm.config.log import Log, configure, stream
from tradeterm.config.logfile import LogFolder, RotatingFile
from tradeterm.config.schema import LogSettings
from tradeterm.config.scrub import Scrubber
from tradeterm.config.secrets import Secrets, load_secrets
from tradeterm.config.workspace import Workspace

KEY, SECRET = "PKCANARY7+/x=", 'S3cr/et "quoted" \\ ü+&='
SETTINGS = LogSettings(level="DEBUG", rotation_mb=1.0, keep=2)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return load_secrets(tmp_path / ".env", {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET})


@pytest.fixture
def log(tmp_path: Path, secrets: Secrets) -> Iterator[Log]:
    configured = configure(Workspace(tmp_path), secrets, "run-1", proc="test", settings=SETTINGS)
    yield configured
    configured.close()


def lines(tmp_path: Path, name: str) -> list[dict[str, object]]:
    text = (tmp_path / "results" / "logs" / f"{name}.test.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def encodings() -> list[str]:
    pair = f"{KEY}:{SECRET}"
    return [
        KEY,
        SECRET,
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        base64.b64encode(pair.encode()).decode(),
        base64.urlsafe_b64encode(pair.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode(),
    ]


@pytest.mark.parametrize("form", encodings())
def test_no_encoding_of_a_secret_reaches_a_file(log: Log, tmp_path: Path, form: str) -> None:
    logger.info("sent {} away", form)
    logger.bind(header=form, nested={"deep": [form]}).warning("bound")
    logging.getLogger("ccxt.base.exchange").warning("request %s", form)
    try:
        raise RuntimeError(f"refused {form}")
    except RuntimeError:
        logger.exception("failed with {}", form)
    found = lines(tmp_path, "app")
    assert len(found) == 4
    assert "RuntimeError" in str(found[3]["exc"])
    raw = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "results/logs").glob("*.jsonl"))
    for other in (form, json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]):
        assert other not in raw
    assert "CANARY" not in raw
    assert "S3cr" not in raw


def test_tracebacks_show_no_local_variables(log: Log, tmp_path: Path) -> None:
    def connect(password_in_a_local: str) -> None:
        raise ValueError("no")

    try:
        connect("-".join(("unregistered", "canary")))
    except ValueError:
        logger.exception("failed")
    assert "ValueError: no" in str(lines(tmp_path, "errors")[0]["exc"])
    assert "unregistered-canary" not in (tmp_path / "results/logs/app.test.jsonl").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "https://api.example/x?api_key=HIDDEN&limit=5",
        "GET /fapi?timestamp=1&signature=HIDDEN",
        "{'X-MBX-APIKEY': 'HIDDEN', 'limit': 5}",
        '{"APCA-API-SECRET-KEY": "HIDDEN"}',
        '{\\"apiKey\\": \\"HIDDEN\\"}',
        "Authorization: Bearer HIDDEN",
        "authorization=Basic HIDDEN==",
        "listenKey: HIDDEN",
        "API-Sign:HIDDEN",
        "crumb=HIDDEN;",
        "url%3Fapi_key%3DHIDDEN",
    ],
)
def test_what_stands_behind_a_telling_name_is_masked(text: str) -> None:
    found = Scrubber()(text)
    assert "HIDDEN" not in found
    assert "[secret]" in found


def test_ordinary_text_is_left_alone() -> None:
    text = "SPY 2025-03-10T16:00Z: high 512.1 is below close 512.4; key metrics: sharpe 1.2"
    assert Scrubber(["abcdefgh"])(text) == text


@given(st.from_regex(r"[A-Za-z0-9+/_-]{16,40}", fullmatch=True), st.text(max_size=20), st.text(max_size=20))
def test_a_scrubbed_line_is_still_json_without_the_secret(secret: str, before: str, after: str) -> None:
    line = json.dumps({"msg": before + secret + after, "n": 1}, ensure_ascii=False)
    assert json.loads(Scrubber([secret])(line)) == {"msg": f"{before}[secret]{after}", "n": 1}


def test_lines_carry_what_a_search_needs(log: Log, tmp_path: Path) -> None:
    stream("trades", symbol="SPY").info("filled {}", 3)
    found = lines(tmp_path, "trades")[0]
    assert {
        "level": "INFO",
        "stream": "trades",
        "run_id": "run-1",
        "proc": "test",
        "msg": "filled 3",
        "symbol": "SPY",
    }.items() <= found.items()
    assert str(found["ts"]).endswith("Z")
    assert isinstance(found["pid"], int)


def test_errors_of_every_stream_are_in_errors_too(log: Log, tmp_path: Path) -> None:
    stream("orders").error("rejected")
    stream("orders").info("accepted")
    assert [line["msg"] for line in lines(tmp_path, "orders")] == ["rejected", "accepted"]
    assert [line["msg"] for line in lines(tmp_path, "errors")] == ["rejected"]


def test_people_see_warnings_in_one_line_without_secrets(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    logger.info("quiet")
    logger.warning("key {} was refused\nsecond line", KEY)
    captured = capsys.readouterr()
    assert captured.err == "warning: key [secret] was refused\n"
    assert captured.out == ""


def test_rotation_keeps_so_many_and_loses_no_line_of_them(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "app.x.jsonl", limit_bytes=100, keep=2)
    for number in range(40):
        file.write(f"line {number:04d}\n")
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.x.1.jsonl", "app.x.2.jsonl", "app.x.jsonl"]
    kept = [
        line
        for name in ("app.x.2.jsonl", "app.x.1.jsonl", "app.x.jsonl")
        for line in (tmp_path / name).read_text().splitlines()
    ]
    assert kept == [f"line {number:04d}" for number in range(40 - len(kept), 40)]
    assert len(kept) == 30, "ten lines of ten bytes in each of three files"


def test_a_name_is_used_by_one_process_at_a_time_and_again_after_it(tmp_path: Path) -> None:
    first = LogFolder(tmp_path, "daily", limit_bytes=1000, keep=1)
    code = (
        "import sys; from pathlib import Path; from tradeterm.config.logfile import LogFolder\n"
        "print(LogFolder(Path(sys.argv[1]), 'daily', limit_bytes=1000, keep=1).proc)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).parents[2]
    beside = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout.strip()
    assert (first.proc, beside) == ("daily", "daily-2")
    first.close()
    after = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout.strip()
    assert after == "daily"
