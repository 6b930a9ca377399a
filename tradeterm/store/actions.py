"""Corporate actions in Parquet files below ``data/actions/``, one per symbol, replaced whole.

A file says for which time the source was asked, so that a time without actions can be told from one that is unknown.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tradeterm.core.errors import BarsUnreadable
from tradeterm.core.ids import canonical_json
from tradeterm.core.market import Actions, file_stem
from tradeterm.store.atomic import replace_file
from tradeterm.store.bar_table import METADATA_KEY, as_numpy
from tradeterm.store.fingerprints import FingerprintIndex
from tradeterm.store.locks import file_lock

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    Kind = Literal["split", "dividend"]

__all__ = ["ActionMeta", "ActionRestatement", "ActionStore", "MergedActions"]

_FOLDER = "actions"
_KINDS: tuple[Kind, ...] = ("split", "dividend")
_LOCK_TIMEOUT_S = 30.0
# Un-splitting moves the last digits of a dividend whenever the source adjusts it anew; that is no other dividend.
_SAME = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMeta:
    """What a file says about its actions: the last source, and the time it was asked for, in ns UTC."""

    symbol: str
    source: str
    asked_from_ns: int
    asked_until_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRestatement:
    """A stored action that the source now tells differently; ``after`` is None where it no longer tells it."""

    ex_ns: int
    kind: Kind
    before: float
    after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedActions:
    """What is stored after a merge, how many actions are new, and which were told differently."""

    actions: Actions
    added: int
    restated: tuple[ActionRestatement, ...]


class ActionStore:
    """The action files of one ``data/`` folder; one object may serve several threads."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._index = FingerprintIndex(data_dir)

    def path(self, symbol: str) -> Path:
        """Where the actions of ``symbol`` are, or would be."""
        return self.data_dir / _relative(symbol)

    def exists(self, symbol: str) -> bool:
        """Whether a source was ever asked for the actions of ``symbol``."""
        return self.path(symbol).is_file()

    def read(self, symbol: str) -> Actions:
        """Return the stored actions, sorted by ``ex_ns``, splits before dividends; none where nothing is stored.

        Raises
        ------
        BarsUnreadable
            When the file is cut, altered, not Parquet or holds something else.
        """
        found = self._read(symbol)
        return _actions({}) if found is None else found[0]

    def meta(self, symbol: str) -> ActionMeta | None:
        """Return what the file says, None where there is none; raises as :meth:`read` does."""
        found = self._read(symbol)
        return None if found is None else found[1]

    def merge(self, symbol: str, new: Actions, *, source: str, start_ns: int, end_ns: int) -> MergedActions:
        """Put the actions with ``ex_ns`` in [start, end] that a source told over the stored ones.

        A new value stands. A stored action that is no longer told stays, as a source that leaves something out by
        mistake must not change every price before it; it is reported. Dividends of one date are added up, splits
        multiplied. The same answer again changes nothing.

        Raises
        ------
        StoreUnwritable
            When the disk is full or the folder can't be written; what was stored is as it was.
        LockHeld
            When another process writes this file for longer than 30 s.
        """
        path = self.path(symbol)
        lock = self.data_dir / ".locks" / f"{_FOLDER}_{path.name}.lock"
        with file_lock(lock, str(path), timeout_s=_LOCK_TIMEOUT_S):
            found = self._read(symbol)
            stored = _cells(found[0]) if found is not None else {}
            told = _cells(new)
            restated = _restatements(stored, told, start_ns, end_ns)
            changed = {(change.ex_ns, change.kind) for change in restated}
            kept = {key: value for key, value in told.items() if key not in stored or key in changed}
            merged = _actions(stored | kept)
            asked = (start_ns, end_ns) if found is None else _covered(found[1], start_ns, end_ns)
            meta = ActionMeta(symbol=symbol, source=source, asked_from_ns=asked[0], asked_until_ns=asked[1])
            if found is None or meta != found[1] or kept:
                self._write(symbol, merged, meta)
        added = sum(key not in stored for key in told)
        return MergedActions(actions=merged, added=added, restated=restated)

    def fingerprint(self, symbol: str) -> str:
        """Return a hash of the actions, whatever the bytes of their file; raises as :meth:`read` does."""
        relative = _relative(symbol)
        # Before reading: a file that is replaced meanwhile has another stamp, and what is put here is never used.
        stamp = self._index.stamp(relative)
        known = self._index.get(relative, stamp)
        if known is None:
            known = _content_hash(self.read(symbol))
            self._index.put(relative, stamp, known)
        return known

    def _read(self, symbol: str) -> tuple[Actions, ActionMeta] | None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path(symbol)
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                table = file.read(use_threads=False)
            return _from_table(table), _meta_of(table)
        except FileNotFoundError:
            return None
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as failure:
            reason = (str(failure) or type(failure).__name__).splitlines()[0].rstrip(".")
            raise BarsUnreadable(path, f"holds no corporate actions ({reason})") from failure

    def _write(self, symbol: str, actions: Actions, meta: ActionMeta) -> None:
        import pyarrow.parquet as pq

        table = _to_table(actions, meta)
        with replace_file(self.path(symbol), locked=True) as temporary:
            pq.write_table(table, temporary, compression="zstd", compression_level=3, write_page_checksum=True)
        relative = _relative(symbol)
        self._index.put(relative, self._index.stamp(relative), _content_hash(actions))


def _relative(symbol: str) -> str:
    return f"{_FOLDER}/{file_stem(symbol)}.parquet"


def _cells(actions: Actions) -> dict[tuple[int, Kind], float]:
    """One value per date and kind."""
    cells: dict[tuple[int, Kind], float] = {}
    for ex_ns, kind, value in zip(actions.ex_ns.tolist(), actions.kind, actions.value.tolist(), strict=True):
        before = cells.get((ex_ns, kind))
        if before is None:
            cells[ex_ns, kind] = value
        else:
            cells[ex_ns, kind] = before * value if kind == "split" else before + value
    return cells


def _actions(cells: dict[tuple[int, Kind], float]) -> Actions:
    order = sorted(cells, key=lambda key: (key[0], _KINDS.index(key[1])))
    return Actions(
        ex_ns=np.array([ex_ns for ex_ns, _ in order], dtype=np.int64),
        kind=tuple(kind for _, kind in order),
        value=np.array([cells[key] for key in order], dtype=np.float64),
    )


def _restatements(
    stored: dict[tuple[int, Kind], float], told: dict[tuple[int, Kind], float], start_ns: int, end_ns: int
) -> tuple[ActionRestatement, ...]:
    found = []
    for (ex_ns, kind), before in stored.items():
        after = told.get((ex_ns, kind))
        asked = start_ns <= ex_ns <= end_ns
        if (after is None and asked) or (after is not None and abs(after - before) > _SAME * abs(before)):
            found.append(ActionRestatement(ex_ns=ex_ns, kind=kind, before=before, after=after))
    return tuple(found)


def _covered(meta: ActionMeta, start_ns: int, end_ns: int) -> tuple[int, int]:
    """Time that was asked for without a hole: both ranges where they touch, else the newer one alone."""
    if start_ns > meta.asked_until_ns + 1 or end_ns < meta.asked_from_ns - 1:
        return start_ns, end_ns
    return min(start_ns, meta.asked_from_ns), max(end_ns, meta.asked_until_ns)


def _content_hash(actions: Actions) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for values in (actions.ex_ns, actions.value):
        digest.update(f"{values.dtype.str}:{len(values)};".encode())
        digest.update(values.tobytes())
    digest.update(",".join(actions.kind).encode())
    return digest.hexdigest()


def _to_table(actions: Actions, meta: ActionMeta) -> pa.Table:
    import pyarrow as pa

    columns = {
        "ex": pa.array(actions.ex_ns, pa.timestamp("ns", tz="UTC")),
        "kind": pa.array(actions.kind, pa.string()),
        "value": pa.array(actions.value, pa.float64()),
    }
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: canonical_json(asdict(meta)).encode()})


def _from_table(table: pa.Table) -> Actions:
    import pyarrow as pa

    column = table.column("ex")
    if not pa.types.is_timestamp(column.type) or column.null_count:
        raise ValueError("column ex holds no instants")
    ex_ns = as_numpy(column.cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()))
    kind = tuple(table.column("kind").to_pylist())
    if not set(kind) <= set(_KINDS):
        raise ValueError("column kind holds something else than split and dividend")
    value = as_numpy(table.column("value").cast(pa.float64()))
    if not (np.isfinite(value) & (value > 0)).all() or (np.diff(ex_ns) < 0).any():
        raise ValueError("values are not above 0, or not in order")
    return Actions(ex_ns=ex_ns, kind=kind, value=value)


def _meta_of(table: pa.Table) -> ActionMeta:
    return ActionMeta(**json.loads(table.schema.metadata[METADATA_KEY]))
