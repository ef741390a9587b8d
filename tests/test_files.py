"""Files are written whole or not at all."""

import pytest

from fakeorreal.files import drafted_folder, write_atomically


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "f"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "text, not bytes")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_it_is_complete(tmp_path):
    folder = tmp_path / "a" / "b"
    with drafted_folder(folder) as draft:
        (draft / "f").write_text("1")
        assert not folder.exists()
    assert (folder / "f").read_text() == "1" and list(folder.parent.iterdir()) == [folder]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), drafted_folder(tmp_path / "b") as draft:
        (draft / "f").write_text(str(1 / 0))
    assert not list(tmp_path.iterdir())
