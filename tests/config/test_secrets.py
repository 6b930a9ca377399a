from __future__ import annotations

from pathlib import Path

import pytest

from tradeterm.config.secrets import Secrets, load_secrets

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_environment_wins_over_the_file_and_empty_means_absent(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("ALPACA_API_KEY=from-file\nFRED_API_KEY='fred key'\nKRAKEN_API_KEY=\nOTHER=1\n")
    secrets = load_secrets(file, {"ALPACA_API_KEY": "from-env", "BINANCE_API_KEY": "", "HOME": "/x"})
    assert secrets.alpaca_api_key is not None
    assert secrets.alpaca_api_key.get_secret_value() == "from-env"
    assert secrets.fred_api_key is not None
    assert secrets.fred_api_key.get_secret_value() == "fred key"
    assert secrets.present() == {
        "ALPACA_API_KEY": True,
        "ALPACA_SECRET_KEY": False,
        "BINANCE_API_KEY": False,
        "BINANCE_SECRET_KEY": False,
        "KRAKEN_API_KEY": False,
        "KRAKEN_SECRET_KEY": False,
        "FRED_API_KEY": True,
        "TRADETERM_API_TOKEN": False,
    }


def test_the_process_environment_is_not_read_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRED_API_KEY", "of-this-process")
    assert load_secrets(tmp_path / ".env", {}).fred_api_key is None


def test_no_text_form_shows_a_secret(tmp_path: Path) -> None:
    secrets = load_secrets(tmp_path / ".env", {"ALPACA_API_KEY": "canary-1", "ALPACA_SECRET_KEY": "canary-2"})
    for text in (repr(secrets), str(secrets), f"{secrets}", secrets.model_dump_json(), str(secrets.model_dump())):
        assert "canary" not in text
    assert secrets.values() == ("canary-1", "canary-2")
    assert secrets.pairs() == (("canary-1", "canary-2"),)


def test_the_example_names_every_secret_and_sets_none(tmp_path: Path) -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    assert sorted(lines) == sorted(f"{name.upper()}=" for name in Secrets.model_fields)
