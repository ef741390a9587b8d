"""Recordings of any folder: which there are, and the split of each."""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fakeorreal.corpora.corpus import FAKE, LABELS, REAL, SPLITS
from fakeorreal.corpora.for_dataset import subfolders
from fakeorreal.errors import FakeOrRealError
from fakeorreal.streams import AUDIO_SUFFIXES
from fakeorreal.wording import printable

FOLDERS = {REAL: "human", FAKE: "ai"}
RANGES = tuple(zip(SPLITS, (0.0, 0.70, 0.85), (0.70, 0.85, 1.0), strict=True))
"""Which part of [0, 1) makes a recording training, validation or testing."""

NAMES = {**LABELS, **{name: label for label, name in FOLDERS.items()}}
"""Names that a sub-folder of a class may have, in lower case."""

_HOW = (
    "Put the recordings into its sub-folders ai and human (or fake and real), at any depth below. "
    "`fakeorreal prepare --tree SRC` makes the two."
)


@dataclass(frozen=True)
class Recording:
    """A file of the source: its path, its name below the source (printable), label and SHA-256."""

    path: Path
    file: str
    label: int
    sha256: str = ""

    @property
    def name(self):
        """The same for the same name and content; safe in any file system and in a CSV."""
        stem = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", self.path.stem)).strip("._-")
        return f"{stem[:40] or 'recording'}-{self.sha256[:12]}"

    @property
    def source(self):
        """The folders between that of the class and the file."""
        return "/".join(self.file.split("/")[1:-1])


def make_tree(src):
    """Make the empty folder tree that `prepare` reads; what is there stays.

    Args:
        src: folder to make.

    Returns:
        the folders of the two classes, to be filled.
    """
    folders = [Path(src).expanduser() / name for name in FOLDERS.values()]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def find_recordings(src):
    """The recordings of a folder, told apart by its sub-folders.

    Args:
        src: folder with sub-folders ai, fake or spoof, and human, real or bonafide; in any case.

    Returns:
        list of `Recording` without their SHA-256, sorted by name; hidden files, what has no audio suffix, and pipes and
        devices left out.

    Raises:
        FakeOrRealError: no such folder, or a class without recordings.
        OSError: a folder that cannot be listed.
    """
    if not src.is_dir():
        raise FakeOrRealError(f"{src}: no such folder. {_HOW}")

    def refuse(error):
        raise error

    found = [
        Recording(Path(parent, name), _below(src, parent, name), NAMES[of_class.name.lower()])
        for of_class in subfolders(src, NAMES)
        for parent, _, names in os.walk(of_class, onerror=refuse)
        for name in names
        if name.lower().endswith(AUDIO_SUFFIXES) and not name.startswith(".") and _ends(Path(parent, name))
    ]
    counts = Counter(recording.label for recording in found)
    if len(counts) < len(FOLDERS):
        received = ", ".join(f"{counts[label]} {name}" for label, name in FOLDERS.items())
        raise FakeOrRealError(f"{src}: needs recordings of both classes. Received: {received}. {_HOW}")
    return sorted(found, key=lambda recording: recording.file)


def _ends(path):
    """Whether reading comes to an end, as not of pipes and devices; a link to nothing is for its reader to report."""
    return path.is_file() or not path.exists()


def _below(src, parent, name):
    return printable(Path(parent, name).relative_to(src).as_posix())


def draw_splits(digests, *, seed=0):
    """Training, validation or testing for each recording of a class, about 70, 15 and 15 %.

    The place of a recording in [0, 1) is a hash of the seed and its own, so that further recordings move none. One
    exception: of three recordings or more every split gets one; a split that would stay empty takes the recording
    nearest to its range from a split with two or more, and hands it back once it has one of its own.

    Args:
        digests: SHA-256 of the recordings, hexadecimal.
        seed: of the hash.

    Returns:
        dict from digest to split.
    """
    places = {digest: _place(f"{seed}:{digest}") for digest in sorted(digests)}
    splits = {digest: next(split for split, _, high in RANGES if place < high) for digest, place in places.items()}
    for split, low, high in RANGES if len(splits) >= len(RANGES) else ():
        counts = Counter(splits.values())
        if not counts[split]:
            spare = [digest for digest in splits if counts[splits[digest]] > 1]
            nearest = min(spare, key=lambda digest, middle=(low + high) / 2: abs(places[digest] - middle))
            splits[nearest] = split
    return splits


def _place(key):
    """A number in [0, 1) that depends on nothing but the text."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) / 2**48
