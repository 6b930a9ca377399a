"""Themes: two of our own with one restrained palette each, and two that leave all colours to the terminal."""

from __future__ import annotations

from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

__all__ = ["DARK", "LIGHT", "ORDER", "TERMINAL_DARK", "TERMINAL_LIGHT"]

DARK = Theme(
    name="tradeterm",
    primary="#d9a15b",
    secondary="#7f9bb3",
    accent="#d9a15b",
    warning="#d8b45a",
    error="#dd6b63",
    success="#84b37a",
    foreground="#c8ced6",
    background="#0e1216",
    surface="#12171c",
    panel="#1b222a",
    dark=True,
    variables={
        "border": "#33404c",
        "border-blurred": "#33404c",
        "footer-key-foreground": "#d9a15b",
        "scrollbar": "#33404c",
        "scrollbar-hover": "#4a5a69",
        "scrollbar-active": "#d9a15b",
        "scrollbar-background": "#12171c",
        "scrollbar-background-hover": "#12171c",
        "scrollbar-background-active": "#12171c",
    },
)
LIGHT = Theme(
    name="tradeterm-light",
    primary="#9a5b12",
    secondary="#3f617d",
    accent="#9a5b12",
    warning="#8a6a00",
    error="#b3261e",
    success="#2f6b32",
    foreground="#20262c",
    background="#f7f5f0",
    surface="#fcfaf6",
    panel="#e9e5dc",
    dark=False,
    variables={
        "border": "#c2bbad",
        "border-blurred": "#c2bbad",
        "footer-key-foreground": "#9a5b12",
        "scrollbar": "#c2bbad",
        "scrollbar-hover": "#a79f8e",
        "scrollbar-active": "#9a5b12",
        "scrollbar-background": "#f1eee7",
        "scrollbar-background-hover": "#f1eee7",
        "scrollbar-background-active": "#f1eee7",
    },
)
ORDER = ("tradeterm", "tradeterm-light", "ansi-dark", "ansi-light")

# What `green`, `red` and `yellow` in cells look like under the two themes above.
TERMINAL_DARK = TerminalTheme(
    (14, 18, 22),
    (200, 206, 214),
    [
        (27, 34, 42),
        (221, 107, 99),
        (132, 179, 122),
        (216, 180, 90),
        (127, 155, 179),
        (176, 141, 176),
        (122, 173, 173),
        (200, 206, 214),
    ],
)
TERMINAL_LIGHT = TerminalTheme(
    (247, 245, 240),
    (32, 38, 44),
    [
        (32, 38, 44),
        (179, 38, 30),
        (47, 107, 50),
        (138, 106, 0),
        (63, 97, 125),
        (115, 69, 115),
        (30, 100, 100),
        (90, 96, 102),
    ],
)
