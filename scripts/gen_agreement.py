"""Write the tables of docs/regimes.md from `tradeterm regime agree LABELS --json`, read from stdin.

The text around the tables stays; a test of the real bars compares them.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "regimes.md"
BEGIN, END = "<!-- {axis}: begin -->\n", "<!-- {axis}: end -->\n"


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    for axis in json.load(sys.stdin)["axes"]:
        begin, end = (mark.format(axis=axis["axis"]) for mark in (BEGIN, END))
        before, rest = page.split(begin)
        page = before + begin + tables(axis) + end + rest.split(end)[1]
    PAGE.write_text(page, encoding="utf-8")
    return 0


def tables(axis: dict[str, Any]) -> str:
    """Share, matrix and every disagreement of one axis, in Markdown."""
    lines = [f"**{percent(axis['agreement'])}** of {axis['compared']:,} days agree."]
    for gap in axis["unjudged"]:
        lines.append(f"Not comparable, as no state was known: {gap['days']} days, {gap['first']} to {gap['last']}.")
    states = axis["states"]
    lines += ["", f"| label \\ judged | {' | '.join(states)} | agree |", "|---|" + "---:|" * (len(states) + 1)]
    for row in axis["matrix"]:
        counts = " | ".join(f"{count:,}" for count in row["judged"])
        lines.append(f"| {row['label']} | {counts} | {percent(row['agreement'])} |")
    count, days = len(axis["disagreements"]), axis["compared"] - axis["agreed"]
    lines += ["", f"{count} disagreements of {days:,} days together:", ""]
    lines += ["| label | its event | judged otherwise (days) |", "|---|---|---|"]
    for _, found in groupby(axis["disagreements"], key=lambda item: item["line"]):
        stretches = list(found)
        told = "; ".join(f"{stretch(item)} {item['judged']} ({item['days']})" for item in stretches)
        lines.append(f"| {stretches[0]['label']} | {stretches[0]['event']} | {told} |")
    return "\n".join(lines) + "\n"


def stretch(item: dict[str, Any]) -> str:
    if item["first"] == item["last"]:
        return str(item["first"])
    same = item["first"][:4] == item["last"][:4]
    return f"{item['first']} to {item['last'][5:] if same else item['last']}"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}".replace("%", " %")


if __name__ == "__main__":
    raise SystemExit(main())
