"""IDX files: every type and rank is read, and whatever else a file may hold is refused in words."""

import gzip
import math
import re
import struct
import tracemalloc

import numpy as np
import pytest

from xpnet.data import read_idx

TYPES = {0x08: ("B", "uint8"), 0x09: ("b", "int8"), 0x0B: ("h", "int16"), 0x0C: ("i", "int32")}
TYPES |= {0x0D: ("f", "float32"), 0x0E: ("d", "float64")}
SHAPES = [(), (1,), (7,), (0,), (2, 3), (3, 0, 2), (2, 3, 4), (1, 2, 1, 2, 1)]
MEBIBYTE = 1 << 20


def idx(code, shape, items):
    """The bytes of an IDX file."""
    head = struct.pack(f">4B{len(shape)}I", 0, 0, code, len(shape), *shape)
    return head + struct.pack(f">{len(items)}{TYPES[code][0]}", *items)


PACK = {"plain": bytes, "gzip": gzip.compress}
SMALL = idx(0x0B, (2, 3), [1, -2, 300, -400, 5, 6])


@pytest.fixture
def put(tmp_path):
    """Writes bytes to a file, under a name that does not tell whether they are packed."""

    def write(content):
        path = tmp_path / "some file"
        path.write_bytes(content)
        return path

    return write


def refused(path, words=""):
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{words}"):
        read_idx(path)


# Files


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("code", TYPES, ids=hex)
def test_every_type_and_rank(put, code, shape, pack):
    low, count = 0 if code == 0x08 else -5, math.prod(shape)
    items = list(range(low, low + count))
    array = read_idx(put(PACK[pack](idx(code, shape, items))))
    assert array.dtype == TYPES[code][1]
    assert array.dtype.isnative
    assert array.shape == shape
    assert array.flags.writeable
    assert array.ravel().tolist() == items


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("code", TYPES, ids=hex)
def test_a_mapped_file_is_the_array_in_it(put, code, shape):
    path = put(idx(code, shape, list(range(math.prod(shape)))))
    array = read_idx(path, mmap=True)
    assert isinstance(array, np.memmap)
    assert array.dtype == np.dtype(TYPES[code][1]).newbyteorder(">")
    assert array.shape == shape
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, read_idx(path))


def test_files_that_cannot_be_mapped_are_refused(put):
    path = put(gzip.compress(SMALL))
    with pytest.raises(
        ValueError, match=f"^{re.escape(str(path))}: it is compressed with gzip.* unpack it first"
    ):
        read_idx(path, mmap=True)
    for content, words in (
        (SMALL[:-1], "cut short"),
        (SMALL + b"more", "more follows"),
        (b"<html>", "not an IDX"),
    ):
        with pytest.raises(ValueError, match=words):
            read_idx(put(content), mmap=True)


@pytest.mark.parametrize("code", [0x0B, 0x0C, 0x0D, 0x0E], ids=hex)
def test_a_large_value_keeps_its_bytes_in_order(put, code):
    assert read_idx(put(idx(code, (2,), [258, -31000]))).tolist() == [258, -31000]


def test_gzip_of_several_parts_is_one_file(put):
    """RFC 1952: members are joined, and zeros may pad the end."""
    whole = gzip.compress(SMALL[:9]) + gzip.compress(SMALL[9:]) + bytes(20)
    assert read_idx(put(whole)).tolist() == [[1, -2, 300], [-400, 5, 6]]


def test_more_than_one_part_is_read(put):
    """Files beyond the portion that is unpacked at once."""
    items = np.random.default_rng(0).integers(0, 256, (3, MEBIBYTE), dtype="uint8")
    content = idx(0x08, items.shape, ()) + items.tobytes()
    for pack in PACK.values():
        assert np.array_equal(read_idx(put(pack(content))), items)


def test_a_missing_file_and_a_folder_are_the_errors_of_python(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing here"):
        read_idx(tmp_path / "nothing here")
    with pytest.raises(OSError, match=re.escape(tmp_path.name)):
        read_idx(tmp_path)


# Refusals


@pytest.mark.parametrize("pack", PACK)
def test_any_other_byte_in_the_header_is_refused(put, pack):
    for place in range(12):
        for value in (1, 2, 3, 7, 8, 9, 11, 12, 13, 14, 65, 127, 128, 255):
            if value != SMALL[place]:
                refused(put(PACK[pack](SMALL[:place] + bytes([value]) + SMALL[place + 1 :])))


@pytest.mark.parametrize("length", range(len(SMALL)))
def test_a_file_cut_short_is_refused(put, length):
    words = "not an IDX file" if length < 4 else "ends within the sizes" if length < 12 else "cut short"
    refused(put(SMALL[:length]), words)
    refused(put(gzip.compress(SMALL[:length])), words)


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("more", [b"\0", b"more", bytes(5000)], ids=len)
def test_trailing_bytes_are_refused(put, pack, more):
    refused(put(PACK[pack](SMALL + more)), "more follows after the 12 bytes .* int16 \\(2, 3\\)")


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04 and more", b"\x93NUMPY\x01\0", b"<html>", bytes(64)],
    ids=lambda content: repr(content[:6]),
)
def test_a_foreign_file_is_refused(put, content):
    begins = content[:4].hex(" ") or "nothing"
    refused(
        put(content), f"not an IDX file: it begins with {begins}, wanted were 00 00, a type \\(08, 09, 0b"
    )
    refused(put(gzip.compress(content)), "not an IDX file")


@pytest.mark.parametrize(
    "content",
    [
        bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1),
        bytes([0, 0, 8, 200]) + struct.pack(">200I", *[1] * 200) + b"7",
    ],
    ids=["no items, impossible sizes", "200 dimensions"],
)
def test_a_shape_that_no_array_has_is_refused(put, content):
    for pack in PACK.values():
        refused(put(pack(content)), "impossible shape")


def test_gzip_cut_short_is_refused(put):
    packed = gzip.compress(SMALL)
    for length in range(len(packed)):
        refused(
            put(packed[:length]), "not an IDX file" if length < 2 else "gzip data are damaged or cut short"
        )


def test_gzip_with_any_byte_damaged_is_refused_or_says_the_same(put):
    """Its own header holds a time and a system that mean nothing; its CRC and its length mean all."""
    packed, right = gzip.compress(SMALL), read_idx(put(SMALL))
    refusals = {}
    for place, byte in enumerate(packed):
        for flip in (0x01, 0x80, 0xFF):
            path = put(packed[:place] + bytes([byte ^ flip]) + packed[place + 1 :])
            try:
                assert np.array_equal(read_idx(path), right)
            except ValueError as error:
                refusals[place, flip] = str(error)
    assert all(message.startswith(f"{path}: ") for message in refusals.values())
    assert {place for place, _ in refusals} >= {0, 1, 2, *range(len(packed) - 8, len(packed))}


def test_gzip_with_a_wrong_checksum_or_with_junk_behind_is_refused(put):
    packed = gzip.compress(SMALL)
    wrong = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    refused(put(wrong), "gzip data are damaged or cut short \\(CRC check failed")
    refused(put(packed + b"junk"), "gzip data are damaged")


def peak(call):
    """The most memory in use during a call, over what was in use before, bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("shape", [(2**32 - 1,), (2**32 - 1,) * 3, (60000, 28, 28), (2**32 - 1,) * 255])
def test_a_header_cannot_ask_for_memory(put, pack, shape):
    path = put(PACK[pack](idx(0x0E, shape, [1.0, 2.0])))
    assert peak(lambda: refused(path, "cut short")) < 3 * MEBIBYTE


@pytest.mark.parametrize("pack", PACK)
def test_data_behind_the_announced_end_are_not_unpacked(put, pack):
    path = put(PACK[pack](SMALL + bytes(20 * MEBIBYTE)))
    assert peak(lambda: refused(path, "more follows")) < 3 * MEBIBYTE


def test_unpacking_holds_the_data_little_more_than_once(put):
    path = put(gzip.compress(idx(0x08, (20 * MEBIBYTE,), ()) + bytes(20 * MEBIBYTE)))
    assert 20 * MEBIBYTE < peak(lambda: read_idx(path)) < 30 * MEBIBYTE
