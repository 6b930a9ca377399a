"""Bytes of a file to text or Parquet: unpacked, decoded, told apart by their first bytes and not by their name."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from typing import TYPE_CHECKING

from tradeterm.core.errors import NotBars

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PARQUET", "content_of", "text_of"]

PARQUET = b"PAR1"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
# A gzip of a few kilobytes can hold more than a machine has memory.
_MOST_BYTES = 1 << 30
_MOST_SHOWN = 3
_LOOKED_AT = 200
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def content_of(path: Path) -> bytes:
    """Bytes of a file, unpacked where it is a gzip file or a zip file of one file.

    Raises
    ------
    NotBars
        When it is absent, unreadable, damaged, or holds several files.
    """
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise NotBars(path, f"can't be read ({failure.strerror})", "give a file") from failure
    except ValueError as failure:
        raise NotBars(path, f"is no name of a file ({failure})", "give a file") from failure
    if content.startswith(_ZIP):
        content = _unzipped(path, content)
    if content.startswith(_GZIP):
        content = _gunzipped(path, content)
    return content


def text_of(path: Path, content: bytes) -> str:
    """Text in UTF-8 (with or without its mark), UTF-16 with its mark, or else Windows-1252.

    Raises
    ------
    NotBars
        When it is none of these.
    """
    if content.startswith(_UTF16):
        try:
            text = content.decode("utf-16")
        except UnicodeDecodeError:
            text = "\0"
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            # Only names and notes can have such letters: header, times and numbers are the same in both.
            text = content.decode("cp1252", errors="replace")
    head = text[:_LOOKED_AT]
    if "\0" in text or 2 * sum(map(str.isascii, head)) < len(head):
        raise NotBars(path, "is neither text nor Parquet")
    return text


def _unzipped(path: Path, content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [item for item in archive.infolist() if not item.is_dir() and "__MACOSX" not in item.filename]
            if any(item.filename == "[Content_Types].xml" for item in names):
                raise NotBars(path, "is a spreadsheet", "save the sheet as CSV and import that")
            if len(names) != 1:
                shown = [item.filename for item in names[:_MOST_SHOWN]] + ["..."] * (len(names) > _MOST_SHOWN)
                raise NotBars(path, f"is a zip of {len(names)} files ({', '.join(shown)})", "unpack it and import one")
            with archive.open(names[0]) as file:
                return _bounded(path, file.read(_MOST_BYTES + 1))
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ) as failure:
        raise NotBars(path, f"is a damaged or locked zip file ({failure})", "get it again") from failure


def _gunzipped(path: Path, content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            return _bounded(path, file.read(_MOST_BYTES + 1))
    except (OSError, EOFError, zlib.error) as failure:
        raise NotBars(path, f"is a damaged gzip file ({failure})", "get it again") from failure


def _bounded(path: Path, content: bytes) -> bytes:
    if len(content) > _MOST_BYTES:
        raise NotBars(path, "holds more than 1 GiB", "split it and import the parts")
    return content
