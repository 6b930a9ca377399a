from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from tradeterm.config.load import load_settings
from tradeterm.config.marks import Face, Result, Section, mark_of, relevant
from tradeterm.config.schema import Config
from tradeterm.config.workspace import Workspace
from tradeterm.core.errors import ConfigError

REPOSITORY = Workspace(Path(__file__).parents[2])


def settings(*sets: str) -> Any:
    return load_settings(REPOSITORY, sets=sets, env={})


def sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in sections(part)]


def every_section(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    seen.add(model)
    for field in model.model_fields.values():
        for inner in sections(field.annotation):
            if inner not in seen:
                every_section(inner, seen)
    return seen


def test_every_leaf_is_marked_and_no_section_is() -> None:
    models = every_section(Config, set())
    assert len(models) > 25
    for model in models:
        for name, field in model.model_fields.items():
            leaf = not sections(field.annotation)
            assert (mark_of(model, name) is not None) == leaf, f"{model.__name__}.{name}"


@pytest.mark.parametrize(
    "change",
    [
        "system.capital=5",
        "system.costs.equity.fee_bp=7",
        "system.limits.classes.crypto=0.1",
        "universe.instruments.SPY.lot=10",
        "universe.publication.PMI.lag_days=3",
        "models.strategies.0.params={ma: 150}",
        "regime_budgets.thresholds.macro.series.PMI.expansion=51",
        "regime_budgets.rules=[]",
    ],
)
def test_hash_follows_what_results_depend_on(change: str) -> None:
    assert settings(change).config_hash != settings().config_hash


@pytest.mark.parametrize("change", ["system.log.level=DEBUG", "system.log.keep=9", "lifecycle.live.min_sharpe=2"])
def test_hash_ignores_faces(change: str) -> None:
    assert settings(change).config_hash == settings().config_hash


def test_hash_is_of_values_not_of_their_spelling_or_place() -> None:
    assert settings("system.capital=100000.0", "system.fill=next_open").config_hash == settings().config_hash


def test_hash_of_parts_covers_those_parts_alone() -> None:
    plain, dearer = settings(), settings("system.costs.crypto.fee_bp=50")
    assert plain.hash_of("system.costs") != dearer.hash_of("system.costs")
    assert plain.hash_of("universe", "system.timeframe") == dearer.hash_of("universe", "system.timeframe")
    assert plain.hash_of("models.strategies.0") != plain.hash_of("models.strategies.1")
    with pytest.raises(ConfigError, match=r"'system\.cost' is no key"):
        plain.hash_of("system.cost")


def test_relevant_drops_marked_faces_wherever_they_are() -> None:
    class Inner(Section):
        kept: Result[int]
        dropped: Face[int]

    class Outer(Section):
        items: Annotated[tuple[Inner, ...], "several"]
        named: dict[str, Inner]
        absent: Result[int | None]
        shown: Face[str]

    inner = Inner(kept=1, dropped=2)
    outer = Outer(items=(inner, inner), named={"a": inner}, absent=None, shown="x")
    assert relevant(outer) == {"items": [{"kept": 1}, {"kept": 1}], "named": {"a": {"kept": 1}}, "absent": None}
    assert get_origin(Result[int]) is Annotated
