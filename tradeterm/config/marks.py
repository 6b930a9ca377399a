"""Every leaf of the schema says whether results depend on it; the configuration hash covers those that do."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Face", "Mark", "Result", "Section", "mark_of", "relevant"]

T = TypeVar("T")


class Mark(Enum):
    """Whether a field changes results, or only how they are kept and shown."""

    RESULT = "result"
    FACE = "face"


Result = Annotated[T, Mark.RESULT]
Face = Annotated[T, Mark.FACE]


class Section(BaseModel):
    """Base of every part of the configuration: frozen, strict, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def mark_of(section: type[BaseModel] | BaseModel, field: str) -> Mark | None:
    """Return the mark of a field, None where it holds further sections (or was forgotten)."""
    model = section if isinstance(section, type) else type(section)
    return next((item for item in model.model_fields[field].metadata if isinstance(item, Mark)), None)


def relevant(value: Any) -> Any:
    """Plain tree of the result-relevant leaves below ``value``; None where none is."""
    if isinstance(value, BaseModel):
        return _section(value)
    if isinstance(value, dict):
        return {key: relevant(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [relevant(item) for item in value]
    return value


def _section(section: BaseModel) -> dict[str, Any] | None:
    fields = type(section).model_fields
    kept = {name: relevant(getattr(section, name)) for name in fields if mark_of(section, name) is not Mark.FACE}
    return {name: item for name, item in kept.items() if item is not None or mark_of(section, name) is not None} or None
