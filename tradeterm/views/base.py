"""What every read model is: a frozen tree of plain values that says its own layout and turns into JSON."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tradeterm.core.time import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["View", "hours_since", "number", "plain"]

_HOUR_NS = 3_600_000_000_000


class View:
    """Root of one pane's tree; two views are equal when they show the same."""

    __slots__ = ()

    SCHEMA: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """Return plain values under ``schema``; instants as ISO text, their names without ``_ns``."""
        return {"schema": self.SCHEMA, **_tree(self)}


def plain(value: Any) -> Any:
    """Turn dataclasses, tuples and non-finite numbers into what JSON has."""
    if is_dataclass(value):
        return _tree(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return number(value) if isinstance(value, float) else value


def number(value: Any) -> float | None:
    """Return a finite number as a float; None for whatever else was stored."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def hours_since(then_ns: int, now_ns: int) -> int:
    """Whole hours from ``then_ns`` to ``now_ns``, not below 0: whole, so that a view changes hourly at most."""
    return max(0, (now_ns - then_ns) // _HOUR_NS)


def _instants(found: Any) -> Any:
    if isinstance(found, tuple):
        return [iso(each) for each in found]
    return None if found is None else iso(found)


def _tree(value: Any) -> dict[str, Any]:
    return dict(_items(value))


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    for field in fields(value):
        found = getattr(value, field.name)
        if field.name.endswith("_ns"):
            yield field.name.removesuffix("_ns"), _instants(found)
        else:
            yield field.name, plain(found)
