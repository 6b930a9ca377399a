"""Shapes of the answers for OpenAPI, made from the read models themselves: there is no second list of fields."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

if TYPE_CHECKING:
    from tradeterm.views.base import View

__all__ = ["shape_of"]


def shape_of(view: type[View]) -> type[BaseModel]:
    """Model of what ``view.to_json()`` returns."""
    return _model(view, {"schema_": (Literal[view.SCHEMA], Field(alias="schema", description="Name of this layout."))})


def _model(kind: type[Any], first: dict[str, Any]) -> type[BaseModel]:
    hints = get_type_hints(kind)
    wanted = dict(first)
    for item in fields(kind):
        instant = item.name.endswith("_ns")
        wanted[item.name.removesuffix("_ns")] = (
            _instant(hints[item.name]) if instant else _type(hints[item.name]),
            ...,
        )
    made: type[BaseModel] = create_model(
        kind.__name__, __config__=ConfigDict(extra="forbid"), __doc__=kind.__doc__, **wanted
    )
    return made


def _instant(annotation: Any) -> Any:
    return datetime | None if type(None) in get_args(annotation) else datetime


@cache
def _part(kind: type[Any]) -> type[BaseModel]:
    return _model(kind, {})


def _type(annotation: Any) -> Any:
    origin, inner = get_origin(annotation), get_args(annotation)
    if is_dataclass(annotation):
        return _part(annotation)  # type: ignore[arg-type]  # a class here, never an instance
    if origin is tuple:
        return list[_type(inner[0])]  # type: ignore[misc]  # a type made at run time
    if origin in (Union, types.UnionType):
        return Union[tuple(_type(part) for part in inner)]  # noqa: UP007  (made at run time)
    return annotation
