"""Writing files so that no half-written one is ever seen, and so that an error says which could not be written."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def drafted(path):
    """The name of a file to write, which becomes ``path`` at the end; where writing fails, nothing is left."""
    with naming(path):
        handle, draft = tempfile.mkstemp(dir=Path(path).parent, suffix=".part")
    os.close(handle)
    try:
        yield draft
        with naming(path):
            os.chmod(draft, 0o644)
            os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)


@contextlib.contextmanager
def drafted_folder(folder):
    """A folder to fill, which becomes ``folder`` at the end; where filling fails, nothing is left."""
    folder = Path(folder)
    make_folder(folder.parent)
    with naming(folder):
        draft = Path(tempfile.mkdtemp(dir=folder.parent, suffix=".part"))
    try:
        yield draft
        with naming(folder):
            draft.chmod(0o755)
            os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_atomically(path, data):
    """Write bytes under a temporary name, then rename; folders are made.

    Raises:
        OSError: the disk is full, the folder may not be written to …, in a sentence.
    """
    path = Path(path)
    make_folder(path.parent)
    with drafted(path) as draft, naming(path):
        Path(draft).write_bytes(data)


def make_folder(folder):
    """Make a folder and those it lies in, where they are not there.

    Raises:
        OSError: as `write_atomically`.
    """
    with naming(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def naming(path):
    """Errors of the system name the file that was to be written, not a draft or nothing at all."""
    try:
        yield
    except OSError as error:
        named = OSError(f"{path}: cannot be written ({error.strerror}). Free some space, or name another folder.")
        named.errno = error.errno
        raise named from error
