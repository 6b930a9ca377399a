"""Strategy files of a workspace: found, hashed, loaded by path."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
import threading
import traceback
from dataclasses import dataclass, replace
from importlib.abc import InspectLoader
from typing import TYPE_CHECKING

from tradeterm.core.errors import StrategyBroken, StrategyNotFound
from tradeterm.strategy_api import Strategy

if TYPE_CHECKING:
    from pathlib import Path
    from types import CodeType, ModuleType

__all__ = ["Found", "anew", "discover", "load"]

# Another thread must not be handed a module that is half loaded.
_LOADING = threading.Lock()
_SEMVER = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One strategy of a file, or a file that gives none.

    name, version : what the class says; the file's stem and "" when it did not load
    content_hash : SHA-256 of the file's bytes, hex
    cls : the class; None when ``error`` says, in one line, why it can't be used
    """

    name: str
    version: str
    path: Path
    content_hash: str
    cls: type[Strategy] | None
    error: str | None


def discover(folder: Path) -> list[Found]:
    """Return the strategies in ``folder``'s ``*.py`` files (not ``_*.py``), by name.

    A file that does not load is one entry with its error; the others are not affected. A name that occurs twice is an
    error of every strategy that has it.
    """
    found = [each for path in sorted(folder.glob("*.py")) if not path.name.startswith("_") for each in _in_file(path)]
    return sorted((_unique(each, found) for each in found), key=lambda each: (each.name, each.path))


def load(name: str, folder: Path) -> Found:
    """Return the strategy of that name, ready for use.

    Raises
    ------
    StrategyNotFound
        When no file has it.
    StrategyBroken
        When its file does not load, or two strategies have the name.
    """
    found = discover(folder)
    for each in found:
        if each.name == name:
            if each.error is not None:
                raise StrategyBroken(each.path, each.error)
            return each
    raise StrategyNotFound(name, folder, [each.name for each in found])


def anew(found: Found) -> type[Strategy]:
    """Run the file of a loaded strategy once more and return its class, which shares no memory with the first one.

    Raises
    ------
    StrategyBroken
        When the file is no longer the one that was loaded.
    """
    try:
        source = found.path.read_bytes()
    except OSError as failure:
        raise StrategyBroken(found.path, f"can't be read again ({failure.strerror or failure})") from failure
    digest = hashlib.sha256(source).hexdigest()
    if digest != found.content_hash:
        raise StrategyBroken(found.path, "changed while it was in use; run again")
    with _LOADING:
        module = _module(found.path, source, digest, again=True)
    own: list[type[Strategy]] = [each for each in vars(module).values() if _defined_in(each, module)]
    return next(each for each in own if each.name == found.name)


class _BytesLoader(InspectLoader):
    """Runs exactly the bytes that were hashed: no cached bytecode, which goes by mtime and size, comes between."""

    def __init__(self, path: Path, source: bytes) -> None:
        self._path, self._source = path, source

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._source)

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._source, str(self._path))


def _in_file(path: Path) -> list[Found]:
    blank = Found(name=path.stem, version="", path=path, content_hash="", cls=None, error=None)
    try:
        source = path.read_bytes()
    except OSError as failure:
        return [replace(blank, error=f"can't be read ({failure.strerror or failure})")]
    blank = replace(blank, content_hash=hashlib.sha256(source).hexdigest())
    try:
        with _LOADING:
            module = _module(path, source, blank.content_hash)
    # A user's file may raise anything at all while it loads; it is reported, and the other files go on.
    except (Exception, SystemExit) as failure:
        return [replace(blank, error=_reason(path, failure))]
    own = [each for each in vars(module).values() if _defined_in(each, module)]
    ready = [each for each in own if not inspect.isabstract(each)]
    if not ready:
        lacks = [f"{each.__name__} lacks {', '.join(sorted(each.__abstractmethods__))}" for each in own]
        return [replace(blank, error="; ".join(lacks) or "defines no subclass of Strategy")]
    return [_described(each, blank) for each in dict.fromkeys(ready)]


def _module(path: Path, source: bytes, digest: str, *, again: bool = False) -> ModuleType:
    """Load by a name of its own, never by ``sys.path``; the same bytes at the same place are the same module.

    again : run the file once more beside the module that it has
    """
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    # No dot in it: pickle imports a class's module by name, and a parent package would have to exist.
    name = f"tradeterm_strategy_{re.sub(r'[^0-9A-Za-z]', '_', path.stem)}_{place}_{digest[:12]}"
    if again:
        name += "_again"
    elif name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_loader(name, _BytesLoader(path, source), origin=str(path))
    if spec is None:
        raise ImportError(f"no module can be made of {path}")
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    # dataclasses and pickle look their class's module up here.
    sys.modules[name] = module
    try:
        _BytesLoader(path, source).exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _defined_in(value: object, module: ModuleType) -> bool:
    return isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module.__name__


def _described(cls: type[Strategy], blank: Found) -> Found:
    name, version = getattr(cls, "name", None), getattr(cls, "version", None)
    error = None
    if not isinstance(name, str) or not name:
        error, name = f"class {cls.__name__}: name was {name!r}; it must be a text", cls.__name__
    elif not isinstance(version, str) or not _SEMVER.fullmatch(version):
        error, version = f"{name}: version was {version!r}; it must be a semantic version, as 1.2.0", ""
    else:
        error = _wrong_shape(cls, name)
    version = version if isinstance(version, str) else ""
    return replace(blank, name=name, version=version, cls=None if error else cls, error=error)


def _wrong_shape(cls: type[Strategy], name: str) -> str | None:
    universe = getattr(cls, "universe", None)
    if not isinstance(universe, tuple) or not universe or not all(isinstance(symbol, str) for symbol in universe):
        return f"{name}: universe was {universe!r}; it must be a tuple of symbols, as ('SPY', 'BTC/USDT')"
    if cls.timeframe not in ("h4", "daily"):
        return f"{name}: timeframe was {cls.timeframe!r}; it must be 'h4' or 'daily'"
    return None


def _unique(each: Found, found: list[Found]) -> Found:
    others = [other for other in found if other.name == each.name and other is not each]
    if each.cls is None or not any(other.cls is not None for other in others):
        return each
    where = ", ".join(sorted({other.path.name for other in others if other.cls is not None}))
    return replace(each, cls=None, error=f"the name '{each.name}' occurs again in {where}; names must differ")


def _reason(path: Path, failure: BaseException) -> str:
    """One line with the line number in the user's own file, where it has one."""
    said = str(failure).splitlines()[0] if str(failure) else "no message"
    if isinstance(failure, SyntaxError):
        return f"line {failure.lineno}: {failure.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(failure.__traceback__) if frame.filename == str(path)]
    return f"{f'line {lines[-1]}: ' if lines else ''}{type(failure).__name__}: {said}"
