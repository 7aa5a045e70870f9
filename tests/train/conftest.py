"""Files that are mapped, and all of them large."""

import numpy as np
import pytest

from xpnet.train import batches, lazy, memmap


@pytest.fixture
def small_parts(monkeypatch):
    """Two batches of 8 in a part, three chunks in a prediction, and every file is a large one."""
    monkeypatch.setattr(batches, "READ_ELEMENTS", 2 * 8 * 4)
    monkeypatch.setattr(lazy, "CHUNK_SAMPLES", 30)
    monkeypatch.setattr(memmap, "LARGE_FILE_SHARE", 0)


@pytest.fixture
def mapped(tmp_path):
    """Puts an array into a file, and maps it."""

    def put(array, name="x"):
        np.save(tmp_path / f"{name}.npy", array)
        return np.load(tmp_path / f"{name}.npy", mmap_mode="r")

    return put
