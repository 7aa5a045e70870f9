"""The file format: safetensors, written whole or not at all, and checked when read.

8 bytes, the header's length as little-endian uint64; the header, JSON: `{name: {"dtype", "shape",
"data_offsets"}, ..., "__metadata__": {...}}`; the arrays' bytes. The metadata holds "xpnet", the
configuration as JSON, and "sha256", the digest of the header without that entry and of the data.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from typing import Any

import numpy as np

from ..calls import checked
from ..errors import ModelFileError, file_path, shown, told
from .whole import AS_IT_WAS, write_whole

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "I64": "<i8",
    "I32": "<i4",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}
_MAX_HEADER_BYTES = 100_000_000
_FOREIGN = {
    b"PK\x03\x04": "a zip archive, such as torch.save and numpy.savez write",
    b"\x93NUMPY": "an array that numpy.save wrote",
    b"\x89HDF": "an HDF5 file, such as Keras writes",
    b"\x80\x04\x95": "a pickle",
    b"\x80\x05\x95": "a pickle",
}
"""The first bytes of other libraries' files."""


@checked
def write(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], config: dict[str, Any]) -> None:
    """Writes host arrays and a configuration to a file, which is replaced whole or left as it was.

    OSError where the file cannot be written; an old file then stays intact. TypeError or ValueError for a bad path.
    """
    place = file_path("path", path)
    header: dict[str, Any] = {}
    chunks, offset = [], 0
    for name, array in sorted(arrays.items()):
        dtype = np.dtype(array.dtype).newbyteorder("<")
        if dtype not in _NAMES:
            raise TypeError(
                f"array {name!r} of dtype {array.dtype} cannot be saved: known are {sorted(_DTYPES)}"
            )
        data = np.ascontiguousarray(array, dtype=dtype).tobytes()
        span = [offset, offset + len(data)]
        header[name] = {"dtype": _NAMES[dtype], "shape": list(array.shape), "data_offsets": span}
        chunks.append(data)
        offset = span[1]
    header["__metadata__"] = {"format": "xpnet 1", "xpnet": json.dumps(config)}  # a history may hold inf
    header["__metadata__"]["sha256"] = _digest(header, chunks)
    text = _canonical(header)
    text += b" " * (-len(text) % 8)  # so that the data starts aligned
    with told(place, "written", AS_IT_WAS):
        if place.exists() and not (place.is_file() or place.is_dir()):
            raise OSError(
                f"path {str(place)!r} is a device or a pipe, which a model cannot replace: give a file's name"
            )
    write_whole(place, [len(text).to_bytes(8, "little"), text, *chunks])


@checked
def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the configuration of a file; ModelFileError unless it is whole and unchanged."""
    place = file_path("path", path)
    with told(place, "read", "give the name of a file that model.save wrote"):
        content = place.read_bytes()
    try:
        return _parse(content)
    except ModelFileError as error:
        raise ModelFileError(f"{place}: {error}") from error.__cause__


def _parse(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    length = int.from_bytes(content[:8], "little")
    for begins, what in _FOREIGN.items():
        if content.startswith(begins):
            raise ModelFileError(f"this is {what}, and not an xpnet model: give a file that model.save wrote")
    if len(content) < 8 or length > min(len(content) - 8, _MAX_HEADER_BYTES):
        raise ModelFileError("this is not a model file, or only the beginning of one: use another copy of it")
    try:
        header = json.loads(content[8 : 8 + length].decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ModelFileError("this is not a model file: its header is not JSON") from error
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or "xpnet" not in metadata:
        raise ModelFileError("this is not an xpnet model: it may be another library's safetensors file")
    data = content[8 + length :]
    wanted = metadata.pop("sha256", None)
    if wanted != _digest(header, [data]):
        raise ModelFileError("the file is damaged: its checksum does not fit; use another copy of it")
    if metadata.get("format") != "xpnet 1":
        raise ModelFileError(
            f"the file's format is {shown(metadata.get('format'))}, this version of xpnet reads 'xpnet 1': "
            "load it with the version that wrote it"
        )
    del header["__metadata__"]
    try:
        config = json.loads(metadata["xpnet"])
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelFileError("the file's configuration is not JSON") from error
    return _arrays(header, data), config


def _arrays(header: dict[str, Any], data: bytes) -> dict[str, np.ndarray]:
    arrays, end = {}, 0
    for name, entry in header.items():
        try:
            dtype = np.dtype(_DTYPES[entry["dtype"]])
            shape = tuple(entry["shape"])
            start, stop = entry["data_offsets"]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the entry of array {name!r} is malformed") from error
        sizes = (*shape, start, stop)
        if not all(type(size) is int and size >= 0 for size in sizes) or start != end or stop > len(data):
            raise ModelFileError(f"the entry of array {name!r} points outside the data")
        if stop - start != math.prod(shape) * dtype.itemsize:
            raise ModelFileError(f"array {name!r} {shape} does not fill its {stop - start} bytes")
        native = np.frombuffer(data, dtype, offset=start, count=math.prod(shape))
        try:
            arrays[name] = native.astype(dtype.newbyteorder("=")).reshape(shape)
        except ValueError as error:  # 0 elements fit any shape, but arrays have a maximum of dimensions
            raise ModelFileError(f"array {name!r} has an impossible shape: {error}") from error
        end = stop
    if end != len(data):
        raise ModelFileError("the file holds more data than its arrays")
    return arrays


def _digest(header: dict[str, Any], chunks: list[bytes]) -> str:
    digest = hashlib.sha256(_canonical(header))
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _canonical(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found
