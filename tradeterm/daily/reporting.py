"""The report of a daily run: one document of plain values, and the same as a page, both from what the steps left."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tradeterm.core.ids import canonical_json
from tradeterm.core.time import DAY_NS, iso, iso_date
from tradeterm.daily.night import Ended
from tradeterm.engine.learning import LearnedStrategy
from tradeterm.research.orders import next_orders
from tradeterm.research.page import render_page
from tradeterm.research.regimes import regime_hash
from tradeterm.store.atomic import write_bytes_atomic
from tradeterm.store.runs import RunStore

if TYPE_CHECKING:
    from tradeterm.daily.night import Night

__all__ = ["write_report"]

# Outcomes are looked for among the newest signals: horizons are days, not months.
_LOOKED_AT = 2_000
_LISTED = 200
# And the day before among the newest daily runs: a ledger of years is not read for it.
_DAYS = 400


def write_report(night: Night) -> Ended:
    """Write the page of this run and its document."""
    folder = f"results/reports/{iso_date(night.asof_ns - 1)}"
    page, document = f"{folder}/{night.daily_id}.md", f"{folder}/{night.daily_id}.json"
    told = json.loads(canonical_json(_document(night)))
    root = night.settings.workspace.root
    text = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False)
    write_bytes_atomic(root / document, f"{text}\n".encode())
    write_bytes_atomic(root / page, render_page(told).encode())
    steps = [name for name in night.chosen if name != "report"]
    return Ended("done", {"path": page, "document": document}, {"steps": steps})


def _document(night: Night) -> dict[str, Any]:
    """Every part of the report; None where the step behind it takes no part in this run."""
    predicted, snapshot = night.outputs("predict"), night.outputs("snapshot")
    book = None
    if snapshot is not None:
        book = RunStore(night.settings.workspace.results).document(snapshot["run_id"], "book")
    return {
        "schema": "tradeterm.report.v1",
        "daily_id": night.daily_id,
        "asof": iso(night.asof_ns),
        "profile": night.settings.profile,
        "made_up": night.settings.made_up,
        "models": _models(night),
        "signals": None if predicted is None else [night.fact("signal", key) for key in predicted["keys"]],
        "matured": _matured(night),
        "regime": None if predicted is None else night.fact("regime_state", predicted["regime"]),
        "regime_changes": _changes(night),
        "book": book,
        "orders": None if book is None else [asdict(item) for item in next_orders(book, night.settings.config.system)],
        "snapshot": snapshot,
        "before": None if snapshot is None else _before(night),
        "problems": _problems(night),
        "drift": (night.outputs("realise") or {}).get("drift", []),
    }


def _models(night: Night) -> list[dict[str, Any]]:
    trained = night.outputs("train") or {}
    used = {item.name: f"+{item.used.model.model_hash}" for item in night.book.learned if item.used is not None}
    return [
        {
            "strategy": item["name"],
            "model_version": f"{item['name']}@{item['version']}{used.get(item['name'], '')}",
            "version": item["version"],
            "content_hash": item["content_hash"],
            "budget": item["budget"],
            "learned": isinstance(member.strategy, LearnedStrategy),
            "due": trained.get("due", {}).get(item["name"]) or trained.get("untrained", {}).get(item["name"]),
            "trained": item["name"] in trained.get("trained", ()),
        }
        for item, member in zip(night.desk.identity(), night.desk.spec.members, strict=True)
    ]


def _matured(night: Night) -> list[dict[str, Any]]:
    """Signals whose outcome became known in the last day, with it; in the order of their decisions."""
    since, until = iso(night.asof_ns - DAY_NS), iso(night.asof_ns)
    found = []
    for fact in reversed(night.ledger.greatest("outcome", _LOOKED_AT, below=f"{until}~")):
        known = str(fact.payload.get("known_at", ""))
        if since < known <= until:
            found.append({"signal": night.fact("signal", fact.key), "outcome": fact.payload})
    return found[-_LISTED:]


def _changes(night: Night) -> list[dict[str, Any]]:
    """Changes of regime in the last day, judged as now."""
    since, until, judged_by = iso(night.asof_ns - DAY_NS), iso(night.asof_ns), regime_hash(night.settings)
    changes = [fact.payload for fact in night.ledger.facts("regime") if fact.payload.get("judged_by") == judged_by]
    return [item for item in changes if since < str(item["ts"]) <= until]


def _before(night: Night) -> dict[str, Any] | None:
    """Snapshot of the newest daily run before this instant under the same profile; None without one."""
    runs = [
        fact
        for fact in night.ledger.facts("daily", newest=_DAYS)
        if fact.payload.get("profile") == night.settings.profile
        and "replayed_from" not in fact.payload
        and str(fact.payload["asof"]) < iso(night.asof_ns)
    ]
    for fact in sorted(runs, key=lambda item: (str(item.payload["asof"]), item.seq), reverse=True):
        step = night.ledger.get("step", f"{fact.key}:snapshot")
        if step is not None:
            kept = step.payload["outputs"]
            same = {"config_hash", "strategies"}
            changed = sorted(name for name in same if fact.payload.get(name) != night.identity[name])
            return {"asof": fact.payload["asof"], "changed": changed, **kept}
    return None


def _problems(night: Night) -> list[str]:
    """What a person should look at, a line each."""
    refreshed, judged = night.outputs("refresh") or {}, night.outputs("validate") or {}
    predicted = night.outputs("predict") or {}
    lines = [f"{item['bars']}: {item['error']}" for item in refreshed.get("failed", ())]
    lines += [f"{bars}: bars are overdue" for bars in refreshed.get("stale", ())]
    lines += [f"{item['bars']}: {item['source']} failed: {item['error']}" for item in refreshed.get("tries", ())]
    lines += list(judged.get("errors", ()))
    more = int(judged.get("error", 0)) - len(judged.get("errors", ()))
    lines += [f"and {more} more bars that can't be right: tradeterm data validate"] if more > 0 else []
    lines += list(judged.get("recent_warnings", ()))
    lines += [f"{symbol}: no signal, its bars are stale" for symbol in predicted.get("withheld", ())]
    return lines + [f"signal refused, another answer stands: {key}" for key in predicted.get("refused", ())]
