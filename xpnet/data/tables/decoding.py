"""Decoding of a text file: gzip, byte-order marks and encodings, and a sentence for a file that is no text."""

from __future__ import annotations

import codecs
import gzip
import os
import zlib

_GZIP = b"\x1f\x8b"
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b")) + b"\x7f"
_KNOWN = {
    b"PK\x03\x04": "a workbook or another zip archive: save the sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an old workbook: save the sheet as CSV",
    b"PAR1": "a Parquet file: read it with pandas.read_parquet",
    b"SQLite": "a database: export the table as CSV",
    b"\x93NUMPY": "an array of NumPy's: read it with numpy.load",
}


def read_text(path: str) -> tuple[bytes, str]:
    """(the file's text in UTF-8 without a byte-order mark, the encoding that it had); gzip is unpacked.

    The encodings are UTF-8, UTF-16, Windows' cp1252 and, for the five bytes that cp1252 lacks, latin-1. OSError for a
    folder or a missing file, ValueError for an empty file, a damaged one, or one that is no text.
    """
    content = _unpacked(path)
    if not content.strip():
        raise ValueError("the file is empty: names in the first line and rows below it were wanted")
    encoding = _encoding(content)
    mark = next((mark for mark in _MARKS if content.startswith(mark)), b"")
    content = content[len(mark) :]
    if encoding != "utf-8":
        try:
            content = content.decode(encoding).encode()
        except UnicodeError as error:
            raise ValueError(f"the file begins as {encoding} and is damaged: {error}") from error
    controls = len(content) - len(content.translate(None, _CONTROLS))
    if b"\0" in content or controls > len(content) / 100:
        known = next((what for start, what in _KNOWN.items() if content.startswith(start)), "")
        raise ValueError(
            f"the file is not text{', it looks like ' + known if known else ''}: a CSV was wanted"
        )
    return content, encoding


def _encoding(content: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    start = content[:4096]
    for half, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):  # ASCII's upper bytes are 0
        if start[half::2].count(0) > 0.4 * len(start) and not start[1 - half :: 2].count(0):
            return encoding
    for encoding in ("utf-8", "cp1252"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _unpacked(path: str) -> bytes:
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder: give the name of a file in it")
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {path}{_nearest(path)}")
    with open(path, "rb") as file:
        content = file.read()
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        why = f"its gzip data are damaged or cut short ({error}): use another copy of it"
        raise ValueError(why) from error


def _nearest(path: str) -> str:
    """The end of the sentence about a missing file: its folder is missing too, or the nearest names in it."""
    import difflib  # only an error needs it

    folder, name = os.path.split(path)
    folder = folder or os.curdir
    if not os.path.isdir(folder):
        return f", nor the folder {folder}"
    near = difflib.get_close_matches(name, os.listdir(folder), n=3, cutoff=0.5)
    return f": did you mean {' or '.join(near)}?" if near else f" in the folder {folder}"
