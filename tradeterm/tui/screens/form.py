"""A few fields that become the words of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.widgets import Input, Label, Static

from tradeterm.tui.screens.modal import Modal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widget import Widget

__all__ = ["Field", "FormScreen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: its name, what it starts with, and a hint shown while it is empty."""

    name: str
    value: str = ""
    hint: str = ""
    required: bool = False


class FormScreen(Modal[dict[str, str] | None]):
    """Answers with the texts of its fields, or None when it was closed."""

    def __init__(self, title: str, fields: tuple[Field, ...], note: str) -> None:
        super().__init__(classes="form")
        self._title = title
        self._fields = fields
        self._note = note

    def heading(self) -> str:
        """Return what is asked for."""
        return self._title

    def content(self) -> Iterable[Widget]:
        """Yield the fields."""
        for field in self._fields:
            yield Horizontal(
                Label(field.name, markup=False),
                Input(value=field.value, placeholder=field.hint, id=f"field-{field.name}", compact=True),
                classes="field",
            )
        yield Static(self._note, classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, or go to the first required field that is empty."""
        found = {field.name: self.query_one(f"#field-{field.name}", Input) for field in self._fields}
        for field in self._fields:
            if field.required and not found[field.name].value.strip():
                found[field.name].focus()
                self.query_one(".hint", Static).update(f"{field.name} is needed")
                return
        self.dismiss({name: each.value.strip() for name, each in found.items()})
