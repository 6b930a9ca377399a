"""``tradeterm regime``: labels against judged states, and history, as a person and a program see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradeterm.cli.commands.init import write_workspace
from tradeterm.cli.diagnostics import run
from tradeterm.core.time import from_iso
from tradeterm.store.ledger import Ledger

Run = Callable[..., tuple[int, str, str]]

BOOK = ("--profile", "paper", "--experiment", "real-bars")
VIX = {"03-04": 14, "03-05": 14, "03-06": 20, "03-07": 30, "03-08": 30, "03-11": 20}
LABELS = """axis,first,last,state,event
volatility,2024-03-04,2024-03-06,LOW,calm
volatility,2024-03-07,2024-03-15,HIGH,"a shock, and its echo"
"""


@pytest.fixture
def tradeterm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    write_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("TRADETERM_WORKSPACE", "TRADETERM_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    def called(*words: str) -> tuple[int, str, str]:
        code = run(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def document(tradeterm: Run, *words: str) -> dict[str, Any]:
    code, out, err = tradeterm(*words, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.fixture
def labels(tmp_path: Path, tradeterm: Run) -> Path:
    """A week of the VIX, the SPY that could stand in for it, and labels that go on after the data end."""
    (tmp_path / "vix.csv").write_text("ts,value\n" + "".join(f"2024-{day},{value}\n" for day, value in VIX.items()))
    (tmp_path / "spy.csv").write_text("ts,open,high,low,close,volume\n2024-03-04,500,501,499,500,1000\n")
    for name in ("VIX", "SPY"):
        code, _, err = tradeterm(
            "data", "import", f"{name.lower()}.csv", "--symbol", name, "--timeframe", "daily", *BOOK
        )
        assert code == 0, err
    path = tmp_path / "labels.csv"
    path.write_text(LABELS)
    return path


def test_labels_are_compared_day_by_day_with_what_was_known_when_the_day_was_over(tradeterm: Run, labels: Path) -> None:
    found = document(tradeterm, "regime", "agree", "labels.csv", *BOOK)
    (axis,) = found["axes"]
    # The VIX of 12 March was due at 16:15: on 12 and 13 March the last known NORMAL stands, after 48 h nothing does.
    assert (axis["axis"], axis["inputs"], axis["calendar"]) == ("volatility", ["VIX", "SPY"], "XNYS")
    assert (axis["first"], axis["last"], axis["days"]) == ("2024-03-04", "2024-03-15", 10)
    assert (axis["compared"], axis["late"], axis["agreed"], axis["agreement"]) == (8, 2, 4, 0.5)
    assert [(row["label"], row["judged"], row["unjudged"], row["agreement"]) for row in axis["matrix"]] == [
        ("LOW", [2, 1, 0], 0, 2 / 3),
        ("NORMAL", [0, 0, 0], 0, None),
        ("HIGH", [0, 3, 2], 2, 0.4),
    ]
    told = [(item["first"], item["last"], item["days"], item["judged"]) for item in axis["disagreements"]]
    assert told == [("2024-03-06", "2024-03-06", 1, "NORMAL"), ("2024-03-11", "2024-03-13", 3, "NORMAL")]
    assert [item["line"] for item in axis["disagreements"]] == [2, 3]
    assert axis["disagreements"][1]["event"] == "a shock, and its echo"
    (gap,) = axis["unjudged"]
    assert gap == {"first": "2024-03-14", "last": "2024-03-15", "days": 2}


def test_hysteresis_and_the_hours_until_unknown_come_from_the_configuration(tradeterm: Run, labels: Path) -> None:
    lines = "regime_budgets.thresholds"
    sets = ("--set", f"{lines}.hysteresis.volatility=2", "--set", f"{lines}.stale_hours=24")
    (axis,) = document(tradeterm, "regime", "agree", "labels.csv", *BOOK, *sets)["axes"]
    # 14 14 20 30 30 20: the single 20s and the first 30 change nothing; 12 March is 4 h late, 13 March 28 h.
    assert [(span["from"][:10], span["state"]) for span in axis["judged_spans"]] == [
        ("2024-03-04", "LOW"),
        ("2024-03-08", "HIGH"),
        ("2024-03-13", None),
    ]
    assert (axis["compared"], axis["late"], axis["agreed"]) == (7, 1, 6)


def test_a_person_sees_strips_matrix_and_the_longest_disagreements(
    tradeterm: Run, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "33")  # leaves two cells for each of 12 days
    code, out, err = tradeterm("regime", "agree", "labels.csv", *BOOK)
    assert (code, err) == (0, "")
    assert "volatility: 50.00% of 8 days agree, 2 of them on a last known state" in out
    assert "! 2024-03-14 to 2024-03-15: no state was known, 2 days can't be compared" in out
    assert "labels  ▁▁▁▁▁▁██████████████████\njudged  ▁▁▁▁▄▄████████▄▄▄▄▄▄····\n" in out
    assert "▁ LOW   ▄ NORMAL   █ HIGH   · unknown" in out
    assert "HIGH      0       3     2           2  40.00%" in out
    longest, other = out.index("2024-03-11  2024-03-13"), out.index("2024-03-06  2024-03-06")
    assert longest < other
    _, out, _ = tradeterm("regime", "agree", "labels.csv", "--all", *BOOK)
    assert out.index("2024-03-06  2024-03-06") < out.index("2024-03-11  2024-03-13")


def test_labels_that_cannot_be_compared_are_refused_in_one_line(tradeterm: Run, labels: Path) -> None:
    def refused(text: str, *more: str) -> str:
        labels.write_text(text)
        code, out, err = tradeterm("regime", "agree", "labels.csv", *BOOK, *more)
        assert (code != 0, out, err.count("\n")) == (True, "", 1)
        return err

    assert "labels.csv:3: volatility 2024-03-06" in refused(LABELS.replace("2024-03-07", "2024-03-06"))
    assert "crypto has no state 'UP'" in refused("axis,first,last,state\ncrypto,2020-01-01,2020-02-01,UP\n")
    assert "BTC/USDT: no bars stored" in refused("axis,first,last,state\ncrypto,2020-01-01,2020-02-01,RISK_ON\n")
    assert "--axis: no axis 'volatile'; did you mean 'volatility'?" in refused(LABELS, "--axis", "volatile")
    assert "labels.csv: no period of crypto" in refused(LABELS, "--axis", "crypto")
    assert "nothing is configured to judge this axis on; set universe.roles.crypto" in refused(
        "axis,first,last,state\ncrypto,2020-01-01,2020-02-01,RISK_ON\n", "--set", "universe.roles.crypto=null"
    )


def test_days_without_a_state_are_told_as_one_gap_across_the_periods_that_they_lie_in(
    tradeterm: Run, labels: Path
) -> None:
    more = "volatility,2024-03-16,2024-03-18,LOW,\nvolatility,2024-03-20,2024-03-20,HIGH,\n"
    labels.write_text(LABELS + more)
    (axis,) = document(tradeterm, "regime", "agree", "labels.csv", *BOOK)["axes"]
    # 18 March follows 15 March, the session before; 19 March has no label and isn't counted.
    assert axis["unjudged"] == [
        {"first": "2024-03-14", "last": "2024-03-18", "days": 3},
        {"first": "2024-03-20", "last": "2024-03-20", "days": 1},
    ]


def test_labels_on_days_without_a_session_are_said(tradeterm: Run, labels: Path) -> None:
    labels.write_text("axis,first,last,state\nvolatility,2024-03-09,2024-03-10,LOW\n")
    _, out, _ = tradeterm("regime", "agree", "labels.csv", *BOOK)
    assert "volatility: - of 0 days agree" in out
    assert "! no session lies in its labelled periods" in out


def test_history_is_drawn_over_its_time_and_listed(
    tradeterm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asof, day = "2024-03-01T00:00:00Z", "d0"
    key = f"{asof}|r0|c0|{day}"
    axes = {"equity": {"state": "BEAR", "status": "fresh"}, "crypto": {"state": "RISK_ON", "status": "fresh"}}
    with Ledger(tmp_path / "results", clock=lambda: from_iso(asof)) as ledger:
        ledger.append("regime_state", key, {"asof": asof, "axes": axes})
        for ts, before, after in (("2022-03-02", "UNKNOWN", "BULL"), ("2023-03-02", "BULL", "BEAR")):
            change = {"axis": "equity", "ts": f"{ts}T00:00:00Z", "from": before, "to": after, "value": 1.5}
            ledger.append("regime", f"equity|{ts}", change | {"judged_by": "r0"})
        ledger.append("daily", day, {"asof": asof, "profile": "sample"})
        step = {"daily_id": day, "step": "predict", "status": "done", "outputs": {"regime": key}}
        ledger.append("step", f"{day}:predict", step)
    monkeypatch.setenv("COLUMNS", "33")  # 24 cells beside the names
    code, out, err = tradeterm("regime", "history")
    assert (code, err) == (0, "")
    # 2022-03-02 to 2024-03-01: 730 days, half of them BULL; 2023 begins after 305 of them, 2024 after 670
    assert out.splitlines()[:4] == [
        "2022-03-02 to 2024-03-01",
        "equity  " + 12 * "█" + 12 * "▁",
        "crypto  " + 24 * "█",
        "        '22        '23",
    ]
    assert "▁ BEAR   ▄ NEUTRAL   █ BULL   · unknown" in out
    assert "2023-03-02T00:00:00Z  equity  BULL     BEAR    1.5" in out
    code, out, err = tradeterm("regime", "history", "--axis", "equities")
    assert (code, out) == (2, "")
    assert "--axis: no axis 'equities'; did you mean 'equity'?" in err
