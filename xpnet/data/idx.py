"""IDX, the file format of MNIST: a type, a shape and the items."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from typing import BinaryIO

import numpy as np

from ..calls import checked
from ..errors import file_path, told
from ..typing import Shape

_GZIP = b"\x1f\x8b"
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CHUNK_BYTES = 1 << 20


@checked
def read_idx(path: str | os.PathLike[str], *, mmap: bool = False) -> np.ndarray:
    """The array in an IDX file, compressed with gzip or not (its first bytes tell), in this machine's byte order.

    mmap: returns a `numpy.memmap` of an unpacked file, in the file's byte order, read where it is used.

    Format: two zero bytes, a byte for the type, one for the number of dimensions; each size, big-endian uint32; the
    items, big-endian, in C order, and nothing after them. ValueError, which names the file, for anything else.
    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    name = str(place := file_path("path", path))
    try:
        with (
            told(place, "read", "give the name of an IDX file, compressed with gzip or not"),
            place.open("rb") as file,
        ):
            if file.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
                return _plain(file, mmap)
            if mmap:
                raise ValueError(
                    "it is compressed with gzip, and only a plain file can be mapped: unpack it first"
                )
            with gzip.GzipFile(fileobj=file) as packed:
                return _packed(packed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        why = f"its gzip data are damaged or cut short ({error}): use another copy of it"
        raise ValueError(f"{name}: {why}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error.__cause__


def _header(file: BinaryIO | gzip.GzipFile) -> tuple[np.dtype, Shape]:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        types = ", ".join(f"{code:02x}" for code in _TYPES)
        raise ValueError(
            f"this is not an IDX file: it begins with {start.hex(' ') or 'nothing'}, wanted were 00 00, "
            f"a type ({types}) and a number of dimensions"
        )
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise ValueError(
            f"the file ends within the sizes of its {start[3]} dimensions: it is cut short, or not an IDX file"
        )
    return np.dtype(_TYPES[start[2]]), struct.unpack(f">{start[3]}I", sizes)


def _plain(file: BinaryIO, mapped: bool) -> np.ndarray:
    dtype, shape = _header(file)
    _check_length(os.fstat(file.fileno()).st_size - file.tell(), dtype, shape)
    if mapped:
        return _shaped(np.memmap(file, dtype, "r", file.tell(), (math.prod(shape),)), shape)
    return _shaped(_native(np.fromfile(file, dtype, math.prod(shape))), shape)


def _packed(file: gzip.GzipFile) -> np.ndarray:
    """Unpacks in chunks, up to the announced size: a header may announce terabytes, or gzip hold them."""
    dtype, shape = _header(file)
    end = math.prod(shape) * dtype.itemsize + 1  # one byte more reveals trailing data, or checks the CRC
    items = bytearray()
    while part := file.read(min(_CHUNK_BYTES, end - len(items))):
        items += part
    _check_length(len(items), dtype, shape)
    return _shaped(_native(np.frombuffer(items, dtype)), shape)


def _check_length(there: int, dtype: np.dtype, shape: Shape) -> None:
    announced = math.prod(shape) * dtype.itemsize
    header = f"the {announced} bytes that its header announces, {dtype.name} {shape}"
    if there < announced:
        raise ValueError(f"{there} are there of {header}: the file is cut short, use another copy of it")
    if there > announced:
        raise ValueError(f"more follows after {header}: the file is damaged, use another copy of it")


def _native(items: np.ndarray) -> np.ndarray:
    if items.dtype.isnative:
        return items
    return items.byteswap(inplace=True).view(items.dtype.newbyteorder("="))


def _shaped(items: np.ndarray, shape: Shape) -> np.ndarray:
    try:
        return items.reshape(shape)
    except ValueError as error:  # 0 or 1 items fit any number of dimensions, but arrays have a maximum
        raise ValueError(f"its header announces an impossible shape: {error}") from error
