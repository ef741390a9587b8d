"""Writing files so that no half-written one is ever seen."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def drafted(path):
    """The name of a file to write, which becomes ``path`` at the end; where writing fails, nothing is left."""
    handle, draft = tempfile.mkstemp(dir=Path(path).parent, suffix=".part")
    os.close(handle)
    try:
        yield draft
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)


@contextlib.contextmanager
def drafted_folder(folder):
    """A folder to fill, which becomes ``folder`` at the end; where filling fails, nothing is left."""
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, suffix=".part"))
    try:
        yield draft
        draft.chmod(0o755)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_atomically(path, data):
    """Write bytes under a temporary name, then rename; folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with drafted(path) as draft:
        Path(draft).write_bytes(data)
