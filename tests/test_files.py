"""Files are written whole or not at all."""

import pytest

from fakeorreal.files import write_atomically


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "f"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "text, not bytes")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
