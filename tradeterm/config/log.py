"""JSON logs: one scrubbed line per event, one file per stream and process.

The journal and the ledger are the record of truth; the log is for people who look for a cause. Lines carry ``ts``,
``level``, ``stream``, ``run_id``, ``proc``, ``pid``, ``msg`` and whatever was bound. stderr shows warnings in words.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

from loguru import logger

from tradeterm.config.logfile import LogFolder
from tradeterm.config.scrub import Scrubber

if TYPE_CHECKING:
    from loguru import Message, Record

    from tradeterm.config.schema import LogSettings
    from tradeterm.config.secrets import Secrets
    from tradeterm.config.workspace import Workspace

__all__ = ["STREAMS", "Log", "Stream", "configure", "only_stderr", "stream"]

Stream = Literal["app", "trades", "orders", "performance", "errors"]
STREAMS: tuple[Stream, ...] = ("app", "trades", "orders", "performance", "errors")

_LONGEST_TRACEBACK = 8_000
_DEFAULT_LIMIT_MB, _DEFAULT_KEEP = 10.0, 5
# Libraries that print whole requests when they are let below INFO: the second line of defence behind the scrubber.
_QUIET = ("ccxt", "urllib3", "websockets", "httpx", "httpcore", "alpaca", "yfinance", "numba", "asyncio")


class Log:
    """The configured logs of this process; close it to flush the files and give up their names."""

    def __init__(self, folder: LogFolder, scrub: Scrubber) -> None:
        self._folder, self._scrub = folder, scrub

    @property
    def proc(self) -> str:
        """Name in this process's file names."""
        return self._folder.proc

    def write(self, message: Message) -> None:
        """Sink of the front end: scrub the finished line, then append it to its streams."""
        record = message.record
        line = self._scrub(json.dumps(self._fields(record), default=str, ensure_ascii=False)) + "\n"
        name = str(record["extra"].get("stream", "app"))
        self._folder.write(name if name in STREAMS else "app", line)
        if record["level"].no >= logging.ERROR and name != "errors":
            self._folder.write("errors", line)

    def show(self, message: Message) -> None:
        """Sink for people: one line on stderr; what is bound as ``quiet`` they are told otherwise."""
        record = message.record
        if record["extra"].get("quiet"):
            return
        text = self._scrub(record["message"]).splitlines()
        sys.stderr.write(f"{record['level'].name.lower()}: {text[0] if text else ''}\n")

    def close(self) -> None:
        """Stop logging to these files."""
        logger.remove()
        logging.getLogger().handlers.clear()
        self._folder.close()

    def _fields(self, record: Record) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "ts": record["time"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record["level"].name,
            "stream": record["extra"].get("stream", "app"),
            "run_id": record["extra"].get("run_id"),
            "proc": self._folder.proc,
            "pid": os.getpid(),
            "where": f"{record['name']}:{record['line']}",
            "msg": record["message"],
        }
        bound = {name: value for name, value in record["extra"].items() if name != "quiet"}
        fields.update({name: value for name, value in bound.items() if name not in fields})
        if record["exception"] is not None:
            failure = record["exception"]
            text = "".join(traceback.format_exception(failure.type, failure.value, failure.traceback))
            fields["exc"] = text[-_LONGEST_TRACEBACK:]
        return fields


class _Forward(logging.Handler):
    """Hands records of the standard library's logging to the front end."""

    def emit(self, record: logging.LogRecord) -> None:
        level: str | int = record.levelname if record.levelname in _LEVELS else record.levelno
        logger.opt(exception=record.exc_info).bind(lib=record.name).log(level, "{}", record.getMessage())


_LEVELS = frozenset(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))


def configure(
    workspace: Workspace,
    secrets: Secrets | None,
    run_id: str | None,
    *,
    proc: str = "cli",
    settings: LogSettings | None = None,
    stderr_level: str = "WARNING",
) -> Log:
    """Send this process's logs to the workspace, scrubbed of ``secrets``.

    proc : what the process is (daily, session, guard): it names the files
    """
    scrub = Scrubber(secrets.values(), secrets.pairs()) if secrets is not None else Scrubber()
    limit_mb = settings.rotation_mb if settings is not None else _DEFAULT_LIMIT_MB
    keep = settings.keep if settings is not None else _DEFAULT_KEEP
    log = Log(LogFolder(workspace.logs, proc, limit_bytes=int(limit_mb * 1e6), keep=keep), scrub)
    logger.remove()
    logger.configure(extra={"run_id": run_id})
    # diagnose would print the values of local variables, keys among them, into tracebacks.
    level = settings.level if settings is not None else "INFO"
    logger.add(log.write, level=level, diagnose=False, backtrace=False, format="{message}")
    logger.add(log.show, level=stderr_level, diagnose=False, backtrace=False, format="{message}")
    logging.basicConfig(handlers=[_Forward()], level=logging.INFO, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO)
    return log


def only_stderr(secrets: Secrets, *, stderr_level: str = "WARNING") -> None:
    """Log to stderr alone: for a process that only reads, in a workspace that can't be written."""
    scrub = Scrubber(secrets.values(), secrets.pairs())
    logger.remove()

    def show(message: Message) -> None:
        sys.stderr.write(scrub(str(message)))

    logger.add(
        show,
        level=stderr_level,
        diagnose=False,
        backtrace=False,
        format="{level}: {message}",
    )
    logging.basicConfig(handlers=[_Forward()], level=logging.INFO, force=True)


def stream(name: Stream, **bound: Any) -> Any:
    """Logger of one stream: ``stream("trades", symbol="SPY").info("filled")``."""
    return logger.bind(stream=name, **bound)
