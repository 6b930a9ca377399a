"""What one decision is shown: made when it is asked for, once, and not to be changed."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tradeterm.engine.context import Context


def shown(**given: Any) -> Context:
    plain = {"time_ns": 1, "symbols": ("SPY",), "panel": "bars", "features": {}, "regime": "calm", "budget": 0.5}
    return Context(**{**plain, "held": {}, **given})


def test_panel_and_regime_are_made_when_they_are_asked_for_and_once() -> None:
    asked: list[str] = []

    def made(name: str) -> Any:
        return lambda: asked.append(name) or name

    context = shown(panel=made("panel"), regime=made("regime"))
    assert asked == []
    assert (cast("str", context.panel), cast("str", context.panel)) == ("panel", "panel")
    assert cast("str", context.regime) == "regime"
    assert asked == ["panel", "regime"]


def test_what_is_given_is_shown_as_it_is() -> None:
    context = shown()
    assert (context.time_ns, context.symbols, context.budget) == (1, ("SPY",), 0.5)
    assert (cast("str", context.panel), cast("str", context.regime)) == ("bars", "calm")


@pytest.mark.parametrize("name", ["budget", "panel", "held", "another"])
def test_a_strategy_cannot_change_what_it_was_shown(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(shown(), name, None)
