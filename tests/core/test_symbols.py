from __future__ import annotations

import pytest

from tradeterm.core.errors import UsageError
from tradeterm.core.market import checked_symbol


@pytest.mark.parametrize("symbol", ["SPY", "BTC/USDT", "BRK.B", "BRK-B", "^VIX", "T10Y2Y", "PHILLY_FED", "1INCH/USDT"])
def test_a_symbol_is_itself(symbol: str) -> None:
    assert checked_symbol(symbol) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "spy",
        "SPY ",
        "../../x",
        "..",
        "../X",
        "/ETC",
        "BTC/",
        "BTC//USDT",
        "A/B/C",
        ".X",
        "A/..",
        "SPÝ",
        "A\nB",
        "A\n",
    ],
)
def test_what_could_name_no_file_of_its_own_is_no_symbol(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_symbol(text)
    assert str(caught.value).startswith("symbol '")


def test_the_nearest_known_one_is_offered() -> None:
    with pytest.raises(UsageError, match="did you mean 'SPY'"):
        checked_symbol("spy", ["QQQ", "SPY"])
    with pytest.raises(UsageError, match="did you mean 'BTC/USDT'"):
        checked_symbol("btc/usdt", ["ETH/EUR", "BTC/USDT"])
