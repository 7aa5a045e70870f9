"""Tables are written as files: what a CSV is like in the world is the subject."""

import pytest


@pytest.fixture
def write(tmp_path):
    """A file with this content, text or bytes; its path."""

    def written(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written
