"""Writing files so that no half-written one is ever seen."""

import contextlib
import os
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


def write_atomically(path, data):
    """Write bytes under a temporary name, then rename; folders are made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with drafted(path) as draft:
        Path(draft).write_bytes(data)
