"""Questions in SQL over bars, runs and ledger: DuckDB in memory, which reads and never writes.

Only the views that a query names are filled; the others are there, with their columns, and empty.
"""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tradeterm.core.errors import UsageError
from tradeterm.core.time import iso, to_ns
from tradeterm.store.bars import BarStore
from tradeterm.store.ledger import Ledger
from tradeterm.store.runs import RunStore
from tradeterm.store.sql_views import VIEWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa

    from tradeterm.store.chain import Row
    from tradeterm.store.sql_views import View

__all__ = ["query", "views"]

_GLOB = re.compile(r"[*?\[]")
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    # Extensions would be fetched from the network.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Else a large sort would leave a folder where the command was run.
    "temp_directory": "",
}


def views() -> dict[str, str]:
    """Return the description of each view by its name."""
    return {name: view.description for name, view in VIEWS.items()}


def query(data_dir: Path, results_dir: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one SELECT (also WITH, FROM, DESCRIBE): the column names and the rows.

    Values are those of JSON: instants are ISO text in UTC, as in every payload; NaN stays NaN.

    Raises
    ------
    UsageError
        When the statement is wrong, reads a file of its own, or is no SELECT.
    """
    import duckdb

    with closing(duckdb.connect(":memory:", config=_SETTINGS)) as connection:
        try:
            statement = _checked(connection, sql)
            _build(connection, data_dir, results_dir, _named(sql))
            described = connection.execute(statement).description or []
            if any(_zoned(kind) for _, kind, *_ in described):
                connection.execute(_without_zones(statement, [kind for _, kind, *_ in described]))
            rows = [tuple(_json_value(value) for value in row) for row in connection.fetchall()]
            return [name for name, *_ in described], rows
        except (duckdb.Error, ValueError, OverflowError) as failure:
            raise UsageError(f"sql: {_line(failure)}") from failure


def _checked(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise UsageError(f"sql: {len(statements)} statements were given; give one SELECT")
    kind = statements[0].type.name
    if kind != "SELECT":
        raise UsageError(f"sql: a {kind} statement was refused; only SELECT, WITH, FROM and DESCRIBE are answered")
    return str(statements[0].query).strip().rstrip(";")


def _zoned(kind: Any) -> bool:
    return str(kind) in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")


def _without_zones(statement: str, kinds: Sequence[Any]) -> str:
    """Read columns with a time zone as UTC: DuckDB hands them to Python through pytz only, which we don't bring."""
    columns = [
        f"CAST(#{place} AS TIMESTAMPTZ)::TIMESTAMP" if _zoned(kind) else f"#{place}"
        for place, kind in enumerate(kinds, start=1)
    ]
    # The line break ends a comment that the statement may end with. S608: it is the user's own statement.
    return f"SELECT {', '.join(columns)} FROM ({statement}\n)"  # noqa: S608


def _named(sql: str) -> set[str]:
    """Views whose names occur as words: what is named in a string or comment is filled in vain, which is no harm."""
    return {word for word in re.findall(r"\w+", sql.lower()) if word in VIEWS}


def _build(connection: duckdb.DuckDBPyConnection, data_dir: Path, results_dir: Path, named: set[str]) -> None:
    allowed: list[str] = []
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA stored")
    _load_facts(connection, results_dir, [VIEWS[name] for name in named])
    for name, view in VIEWS.items():
        if name not in named:
            body = _empty(view)
        elif view.source == "facts":
            body = _over_facts(view)
        elif view.source == "metrics":
            body = _over_metrics(connection, results_dir)
        else:
            paths = _bar_paths(data_dir) if view.source == "bars" else _run_paths(results_dir, view.file)
            body = _over_files(connection, name, view, paths)
            allowed += [form for path, _ in paths for form in (str(path), _pattern(path))]
        connection.execute(f"CREATE VIEW {name} AS {body}")
    _lock_down(connection, allowed)


def _lock_down(connection: duckdb.DuckDBPyConnection, allowed: Sequence[str]) -> None:
    """From here on only the files behind the views can be read, none can be written, and no setting be changed.

    Without external access a table that is not there can't name a variable of this program either.
    """
    connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, allowed))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _load_facts(connection: duckdb.DuckDBPyConnection, results_dir: Path, wanted: Sequence[View]) -> None:
    import pyarrow as pa

    over_facts = [view for view in wanted if view.source == "facts"]
    kinds = sorted({kind for view in over_facts for kind in view.kinds})
    rows: list[Row] = []
    if over_facts:
        with Ledger.reader(results_dir) as ledger:
            rows = ledger.rows(None if any(not view.kinds for view in over_facts) else kinds)
    table = {
        "seq": pa.array([row.seq for row in rows], pa.int64()),
        "recorded_at": pa.array([row.recorded_at // 1000 for row in rows], pa.timestamp("us")),
        **{
            name: pa.array([getattr(row, name) for row in rows], pa.string())
            for name in ("kind", "key", "payload", "hash")
        },
    }
    _store(connection, "facts", pa.table(table))


def _store(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("incoming", table)
    connection.execute(f"CREATE TABLE stored.{name} AS FROM incoming")
    connection.unregister("incoming")


def _empty(view: View) -> str:
    return f"SELECT {', '.join(column.empty for column in view.columns)} WHERE false"


def _over_facts(view: View) -> str:
    kinds = ", ".join(_quoted(kind) for kind in view.kinds)
    where = f" WHERE kind IN ({kinds})" if kinds else ""
    columns = ", ".join(column.from_fact for column in view.columns)
    return f"SELECT {columns} FROM stored.facts{where} ORDER BY seq"  # noqa: S608 (all from VIEWS)


def _over_metrics(connection: duckdb.DuckDBPyConnection, results_dir: Path) -> str:
    import pyarrow as pa

    found: list[tuple[str, str, str, float | None]] = []
    runs = RunStore(results_dir)
    for run_id in _run_ids(results_dir):
        said = runs.document(run_id, "metrics")
        for scope, values in {"portfolio": said.get("portfolio", {}), **said.get("strategies", {})}.items():
            found += [
                (run_id, scope, name, None if value is None else float(value))
                for name, value in values.items()
                if value is None or isinstance(value, int | float)
            ]
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    types = (pa.string(), pa.string(), pa.string(), pa.float64())
    names = [column.name for column in VIEWS["metrics"].columns]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    _store(connection, "metrics", pa.table(arrays, names=names))
    return "SELECT * FROM stored.metrics"


def _run_ids(results_dir: Path) -> list[str]:
    """Runs that the ledger knows and whose folder is there, in the order of recording."""
    stored = set(RunStore(results_dir).ids())
    with Ledger.reader(results_dir) as ledger:
        return [row.key for row in ledger.rows(["run"]) if row.key in stored]


def _run_paths(results_dir: Path, file: str) -> list[tuple[Path, tuple[str, ...]]]:
    runs = RunStore(results_dir)
    paths = [(runs.path(run_id).resolve() / f"{file}.parquet", (run_id,)) for run_id in _run_ids(results_dir)]
    return [(path, labels) for path, labels in paths if path.is_file()]


def _bar_paths(data_dir: Path) -> list[tuple[Path, tuple[str, ...]]]:
    store = BarStore(data_dir)
    keys = store.keys()
    return [(store.path(key).resolve(), (key.symbol, key.asset_class, key.timeframe)) for key in keys]


def _over_files(
    connection: duckdb.DuckDBPyConnection, name: str, view: View, paths: list[tuple[Path, tuple[str, ...]]]
) -> str:
    """Select over Parquet files whose first columns, the labels, come from where each file is."""
    import pyarrow as pa

    if not paths:
        return _empty(view)
    labels, columns = view.columns[: len(paths[0][1])], view.columns[len(paths[0][1]) :]
    table = {column.name: [each[index] for _, each in paths] for index, column in enumerate(labels)}
    _store(connection, f"{name}_files", pa.table({"of_file": [str(path) for path, _ in paths], **table}))
    names = ", ".join(_quoted(_pattern(path)) for path, _ in paths)
    files = f"read_parquet([{names}], union_by_name = true, filename = 'in_file')"
    there = {row[0] for row in connection.execute(f"DESCRIBE FROM {files}").fetchall()}
    selected = [column.name for column in labels]
    selected += [column.from_file if column.origin in there else column.empty for column in columns]
    # S608: columns and names are from VIEWS, paths are quoted.
    return f"SELECT {', '.join(selected)} FROM {files} JOIN stored.{name}_files ON of_file = in_file"  # noqa: S608


def _pattern(path: Path) -> str:
    """The pattern that only this path matches: DuckDB takes file names for patterns."""
    return _GLOB.sub(r"[\g<0>]", str(path))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _line(failure: Exception) -> str:
    """DuckDB's message without the statement it quotes below."""
    text = str(failure).split("\n\nLINE ")[0]
    return " ".join(text.split()) or type(failure).__name__


def _json_value(value: Any) -> Any:
    match value:
        case datetime():
            return iso(to_ns(value if value.tzinfo else value.replace(tzinfo=UTC)))
        case date() | time():
            return value.isoformat()
        case Decimal():
            return float(value)
        case bytes():
            return value.hex()
        case UUID() | timedelta():
            return str(value)
        case dict():
            return {str(key): _json_value(each) for key, each in value.items()}
        case list() | tuple():
            return [_json_value(each) for each in value]
    return value
