"""Files that are damaged, foreign or made to mislead: each is a ModelFileError, whatever is in them."""

import copy
import hashlib
import json
import re

import numpy as np
import pytest

import xpnet as xn
from xpnet import io

A = np.arange(3, dtype="<f4")
ENTRY = {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}
META = {"format": "xpnet 1", "xpnet": "{}"}


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "m"
    io.write(path, {"a": A, "b": np.array(True)}, {"n": 1.5, "t": "x"})
    return path


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(xn.ModelFileError, match=re.escape(str(path))):
        io.read(path)


def file(header, data=b"", *, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def sealed(header, data=b""):
    """A file with the right checksum: the digest, as the format defines it, of the header without it and the data."""
    header = copy.deepcopy(header)
    canonical = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    header["__metadata__"]["sha256"] = hashlib.sha256(canonical + data).hexdigest()
    return file(header, data)


def test_a_sealed_file_is_read(tmp_path):
    (tmp_path / "m").write_bytes(sealed({"a": ENTRY, "__metadata__": META}, A.tobytes()))
    arrays, config = io.read(tmp_path / "m")
    np.testing.assert_array_equal(arrays["a"], A)
    assert config == {}


def test_cut_short_anywhere(small, tmp_path):
    content = small.read_bytes()
    for length in range(len(content)):
        refused(tmp_path / "cut", content[:length])


def test_something_added(small, tmp_path):
    content = small.read_bytes()
    for more in (b"\0", b" ", content):
        refused(tmp_path / "long", content + more)


@pytest.mark.parametrize("bit", range(8))
def test_one_bit_flipped_anywhere(small, tmp_path, bit):
    content = bytearray(small.read_bytes())
    for place in range(len(content)):
        content[place] ^= 1 << bit
        refused(tmp_path / "flipped", bytes(content))
        content[place] ^= 1 << bit


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a zip file, such as a pickle in PyTorch's",
        file(b"{}", length=2**63),
        file(b"{}", length=2**64 - 1),
        file(b"{}", length=10**8),
        file(b""),
        file(b"not JSON"),
        file(b"\xff\xfe"),
        file(b'{"a": 1'),
        file(b"[1, 2]"),
        file(b"null"),
        file(b"NaN"),
        file(b"1" * 5000),
        file({}),
        file({"a": ENTRY}, A.tobytes()),
        file({"a": ENTRY, "__metadata__": {"format": "pt"}}, A.tobytes()),
        file({"__metadata__": 5}),
        file({"__metadata__": ["xpnet"]}),
        file({"__metadata__": META}),
        file({"__metadata__": {**META, "sha256": "0" * 64}}),
        file({"__metadata__": {**META, "sha256": None}}),
        file({"__metadata__": {**META, "sha256": ["a"]}}),
        file(b'{"a": 1, "a": 2, "__metadata__": {"xpnet": "{}"}}'),
    ],
)
def test_other_files_are_refused(tmp_path, content):
    refused(tmp_path / "m", content)


@pytest.mark.parametrize("depth", [10, 100, 300, 900, 3000, 10**5])
def test_json_nested_deep(tmp_path, depth):
    deep = "[" * depth + "]" * depth
    refused(tmp_path / "m", file(f'{{"__metadata__": {{"xpnet": "", "a": {deep}}}}}'.encode()))
    refused(tmp_path / "m", file(deep.encode()))


@pytest.mark.parametrize(
    "metadata",
    [
        {**META, "format": "xpnet 2"},
        {**META, "format": None},
        {"xpnet": "{}"},
        {**META, "xpnet": "not JSON"},
        {**META, "xpnet": ""},
        {**META, "xpnet": 5},
        {**META, "xpnet": None},
        {**META, "xpnet": "[" * 10**5},
        {**META, "xpnet": "1" * 5000},
    ],
)
def test_a_right_checksum_over_wrong_metadata(tmp_path, metadata):
    refused(tmp_path / "m", sealed({"__metadata__": metadata}))


@pytest.mark.parametrize(
    "changed",
    [
        {"dtype": "F16"},
        {"dtype": "f4"},
        {"dtype": None},
        {"dtype": ["F32"]},
        {"dtype": "I64"},
        {"dtype": "BOOL"},
        {"shape": [4]},
        {"shape": [2]},
        {"shape": [-3]},
        {"shape": [-1, -3]},
        {"shape": [3.0]},
        {"shape": ["3"]},
        {"shape": "3"},
        {"shape": 3},
        {"shape": None},
        {"shape": {"3": 3}},
        {"shape": [True, 3]},
        {"shape": [2**40, 2**40]},
        {"shape": [2**63, 2]},
        {"shape": [1] * 100 + [3]},
        {"data_offsets": [0, 11]},
        {"data_offsets": [0, 13]},
        {"data_offsets": [1, 13]},
        {"data_offsets": [12, 0]},
        {"data_offsets": [-12, 0]},
        {"data_offsets": [0, 10**40]},
        {"data_offsets": [0.0, 12.0]},
        {"data_offsets": [0]},
        {"data_offsets": [0, 6, 12]},
        {"data_offsets": "09"},
        {"data_offsets": None},
    ],
)
def test_a_wrong_entry(tmp_path, changed):
    refused(tmp_path / "m", sealed({"a": {**ENTRY, **changed}, "__metadata__": META}, A.tobytes()))


@pytest.mark.parametrize("shape", [[0, 2**63], [0, 10**30], [0, 2**62, 2**62], [0] * 100])
def test_no_elements_in_an_impossible_shape(tmp_path, shape):
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
    refused(tmp_path / "m", sealed({"a": entry, "__metadata__": META}))


@pytest.mark.parametrize("entry", [None, 5, [], "F32", {}, {"dtype": "F32"}])
def test_an_entry_that_is_no_object(tmp_path, entry):
    refused(tmp_path / "m", sealed({"a": entry, "__metadata__": META}))


@pytest.mark.parametrize(
    "spans", [([0, 12], [0, 12]), ([0, 12], [8, 20]), ([4, 16], [16, 28]), ([0, 12], [16, 28])]
)
def test_arrays_that_overlap_or_leave_holes(tmp_path, spans):
    entries = {name: {**ENTRY, "data_offsets": span} for name, span in zip("ab", spans, strict=True)}
    refused(tmp_path / "m", sealed({**entries, "__metadata__": META}, bytes(28)))


def test_a_name_that_stands_twice_under_a_right_checksum(tmp_path):
    once = sealed({"a": ENTRY, "__metadata__": META}, A.tobytes())
    text = once[8:].partition(b'{"a":')[2]
    length = int.from_bytes(once[:8], "little")
    entry = json.dumps(ENTRY).encode()
    twice = b'{"a": ' + entry + b', "a":' + text
    content = (length + len(twice) - len(once) + 8).to_bytes(8, "little") + twice
    assert json.loads(content[8 : -len(A.tobytes())]) == json.loads(once[8 : -len(A.tobytes())])
    refused(tmp_path / "m", content)


def test_a_missing_file_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        io.read(tmp_path / "none")
