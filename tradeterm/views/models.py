"""Fitted models: what was recorded of each, and which are in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.time import from_iso
from tradeterm.store.artifacts import ModelStore
from tradeterm.store.ledger import Ledger
from tradeterm.views.base import View, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradeterm.config.workspace import Workspace

__all__ = ["FoldRow", "ModelRow", "ModelView", "ModelsView", "build", "row_of", "show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model as it was recorded.

    known_from_ns : instant from which it may be used; status : accepted or candidate
    score : mean skill of its folds, above 0 is better than the share of gains alone; before : the one in use before it
    newest, rival : skill on the newest fold's test, and that of the one in use there
    samples, data_from_ns, data_to_ns : decisions that it was fitted on
    """

    strategy: str
    version: str
    model_hash: str
    known_from_ns: int
    status: str
    score: float | None
    before: str | None
    newest: float | None
    rival: float | None
    samples: int
    data_from_ns: int
    data_to_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRow:
    """One fold of the cross-validation; scores are None where no model could be fitted for it."""

    test_from_ns: int
    test_to_ns: int
    trained: int
    tested: int
    purged: int
    log_loss: float | None
    base: float | None
    skill: float | None
    brier: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsView(View):
    """Recorded models, the newest record first."""

    SCHEMA: ClassVar[str] = "tradeterm.models.v1"

    models: tuple[ModelRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView(View):
    """One stored model; ``manifest`` is all that was written of it, ``records`` are its facts."""

    SCHEMA: ClassVar[str] = "tradeterm.model_shown.v1"

    model_hash: str
    strategy: str
    score: float | None
    folds: tuple[FoldRow, ...]
    records: tuple[ModelRow, ...]
    manifest: dict[str, Any]


def row_of(fact: Mapping[str, Any]) -> ModelRow:
    """One recorded model."""
    return ModelRow(
        strategy=str(fact["strategy"]),
        version=str(fact["version"]),
        model_hash=str(fact["model_hash"]),
        known_from_ns=from_iso(fact["known_from"]),
        status=str(fact["status"]),
        score=number(fact["score"]),
        before=fact["before"],
        newest=number(fact["newest"]),
        rival=number(fact["rival"]),
        samples=int(fact["samples"]),
        data_from_ns=from_iso(fact["data_from"]),
        data_to_ns=from_iso(fact["data_to"]),
    )


def _recorded(workspace: Workspace) -> list[ModelRow]:
    with Ledger.reader(workspace.results) as ledger:
        return [row_of(fact.payload) for fact in reversed(ledger.facts("model"))]


def build(workspace: Workspace, *, newest: int = 50, strategy: str | None = None) -> ModelsView:
    """Read what is recorded.

    Raises
    ------
    StoreError
        When the ledger can't be read.
    """
    rows = [row for row in _recorded(workspace) if strategy is None or row.strategy == strategy]
    return ModelsView(models=tuple(rows[:newest]))


def show(workspace: Workspace, model_hash: str) -> ModelView:
    """Read one model; the beginning of its hash is enough where no other has it.

    Raises
    ------
    ModelNotFound
        When none or several begin so.
    """
    store = ModelStore(workspace.results)
    there = [each for each in store.hashes() if each.startswith(model_hash)]
    manifest = store.manifest(there[0] if len(there) == 1 and model_hash else model_hash)
    found = str(manifest["model_hash"])
    return ModelView(
        model_hash=found,
        strategy=f"{manifest['strategy']}@{manifest['version']}",
        score=number(manifest["score"]),
        folds=tuple(_fold(item) for item in manifest["cv"]),
        records=tuple(row for row in _recorded(workspace) if row.model_hash == found),
        manifest=manifest,
    )


def _fold(told: Mapping[str, Any]) -> FoldRow:
    return FoldRow(
        test_from_ns=from_iso(told["test_from"]),
        test_to_ns=from_iso(told["test_to"]),
        trained=int(told["trained"]),
        tested=int(told["tested"]),
        purged=int(told["purged"]),
        **{name: number(told[name]) for name in ("log_loss", "base", "skill", "brier", "accuracy")},
    )
