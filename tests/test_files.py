"""Files are written whole or not at all."""

import errno
import os

import pytest

from fakeorreal.files import drafted, drafted_folder, make_folder, write_atomically


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


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", source)

    write_atomically(tmp_path / "f", b"old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError) as caught:
        write_atomically(tmp_path / "f", b"new")
    assert str(caught.value) == (
        f"{tmp_path}/f: cannot be written (No space left on device). Free some space, or name another folder."
    )
    assert caught.value.errno == errno.ENOSPC
    assert (tmp_path / "f").read_bytes() == b"old" and list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_what_goes_wrong_within_a_draft_keeps_its_own_words(tmp_path):
    with pytest.raises(OSError, match="the source is gone"), drafted(tmp_path / "f"):
        raise OSError("the source is gone")
    assert not list(tmp_path.iterdir())


def test_a_folder_below_a_file_is_told_by_name(tmp_path):
    (tmp_path / "f").write_text("1")
    for folder in (tmp_path / "f", tmp_path / "f" / "g"):
        with pytest.raises(OSError, match=f"{folder}: cannot be written"):
            make_folder(folder)
    with pytest.raises(OSError, match="f/g: cannot be written"), drafted_folder(tmp_path / "f" / "g" / "h"):
        pass
