"""``docs/model_changelog.md`` of a workspace: an entry per accepted model, written once and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradeterm.store.atomic import write_bytes_atomic
from tradeterm.store.locks import file_lock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["HEAD", "entry", "write_entry"]

HEAD = """# Models

Written by the program: each model that was accepted, in the order in which it was, and what changed against the one
before it. What the words mean stands in the manifest of the model, `results/models/<hash>/manifest.json`.
"""


def entry(fact: Mapping[str, Any], now: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """Text of one entry.

    fact : as it is recorded; now, before : manifests, None for the first model of a strategy
    """
    rows = [("", "before", "now"), ("---", "---", "---")]
    rows += [(name, _shown(_at(before, *path)), _shown(_at(now, *path))) for name, path in _ALWAYS]
    for section in ("params", "training"):
        old, new = _section(before, section), _section(now, section)
        for key in sorted(old.keys() | new.keys()):
            if before is not None and old.get(key) != new.get(key):
                rows.append((f"{section}.{key}", _shown(old.get(key)), _shown(new.get(key))))
    for number, fold in enumerate(now["cv"], 1):
        earlier = before["cv"] if before is not None else ()
        was = earlier[number - 1]["skill"] if number <= len(earlier) else None
        rows.append((f"skill of fold {number}", _shown(was), _shown(fold["skill"])))
    rows.append(("skill on the newest fold's test", _shown(fact["rival"]), _shown(fact["newest"])))
    lines = [heading(fact), "", f"In use from {fact['known_from']}. {_compared(now, before)}", ""]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


_ALWAYS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("model", ("model_hash",)),
    ("version", ("version",)),
    ("decisions", ("data", "samples")),
    ("from", ("data", "from")),
    ("to", ("data", "to")),
    ("data", ("data", "fingerprint")),
    ("score (mean skill)", ("score",)),
)


def heading(fact: Mapping[str, Any]) -> str:
    """Heading of a fact's entry; no other entry has it."""
    return f"## {fact['known_from'][:10]} {fact['strategy']}@{fact['version']}+{fact['model_hash']}"


def _compared(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    if before is None:
        return "The first model of this strategy."
    told = ["parameters are the same" if now["params"] == before["params"] else "parameters changed"]
    told.append("features are the same" if now["features"] == before["features"] else _features(now, before))
    return f"Against the one before, {' and '.join(told)}."


def _features(now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    new = [name for name in now["features"] if name not in before["features"]]
    gone = [name for name in before["features"] if name not in now["features"]]
    return f"features changed (new: {', '.join(new) or 'none'}; gone: {', '.join(gone) or 'none'})"


def _section(manifest: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    return {} if manifest is None else manifest[name]


def _at(manifest: Mapping[str, Any] | None, *path: str) -> Any:
    found: Any = manifest
    for key in path:
        found = None if found is None else found[key]
    return found


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:+.6f}" if isinstance(value, float) else str(value)


def write_entry(root: Path, fact: Mapping[str, Any], text: str) -> Path:
    """Put an entry at the end of the workspace's model changelog, unless it is there; returns the file."""
    path = root / "docs" / "model_changelog.md"
    with file_lock(root / "results" / "model_changelog.lock", str(path), timeout_s=10.0):
        there = path.read_text(encoding="utf-8") if path.exists() else HEAD
        if heading(fact) not in there.splitlines():
            write_bytes_atomic(path, f"{there.rstrip()}\n\n{text}".encode())
    return path
