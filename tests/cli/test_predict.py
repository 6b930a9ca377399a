"""``predict`` at the command line: one signal per strategy and symbol, once and for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from desks import Bench, copied

from tradeterm.cli.commands.init import write_workspace
from tradeterm.cli.diagnostics import run

Call = Callable[..., tuple[int, str, str]]
ASOF = ("--asof", "2024-05-30")
# What the shipped strategies may hold.
EXPECTED = {
    ("CryptoMomentumModel_v1", "BTC/USDT"),
    ("CryptoMomentumModel_v1", "ETH/USDT"),
    ("EquityTrendModel_v1", "SPY"),
    ("EquityTrendModel_v1", "QQQ"),
    ("IndexMeanReversionModel_v1", "SPY"),
    ("IndexMeanReversionModel_v1", "QQQ"),
}


@pytest.fixture
def tradeterm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    for name in ("TRADETERM_WORKSPACE", "TRADETERM_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    # The folder that tests/conftest.py has chosen holds; the command must not point numba at the home directory.
    monkeypatch.setattr("tradeterm.config.kernels.use_kernel_cache", lambda: None)

    def called(*words: str) -> tuple[int, str, str]:
        code = run(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def test_there_is_one_signal_per_strategy_and_symbol_and_asking_again_adds_none(
    tradeterm: Call, stocked_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied(stocked_bench, tmp_path / "workspace").root)
    code, out, err = tradeterm("predict", *ASOF, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["schema"], told["sample"], told["asof"]) == ("tradeterm.predict.v1", True, "2024-05-31T00:00:00Z")
    assert {(row["strategy"], row["symbol"]) for row in told["signals"]} == EXPECTED
    assert len(told["signals"]) == len(EXPECTED)
    assert (told["withheld"], told["refused"]) == ([], [])

    code, out, _ = tradeterm("predict", *ASOF)
    assert (code, "SAMPLE" in out, out.count("@1.")) == (0, True, len(EXPECTED))
    listed = json.loads(tradeterm("signals", "list", "--json")[1])
    assert listed["total"] == len(EXPECTED)
    # What the whole day's run predicts at this instant is the same answer.
    assert tradeterm("daily", *ASOF, "--steps", "predict")[0] == 0
    assert json.loads(tradeterm("signals", "list", "--json")[1])["signals"] == listed["signals"]


def test_without_bars_it_ends_in_one_line(tradeterm: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    code, out, err = tradeterm("predict", *ASOF)
    assert code != 0
    assert out == ""
    assert "tradeterm data update" in err
