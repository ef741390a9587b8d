"""Fake-or-Real (FoR): English speech, recorded from people or made by 7 text-to-speech systems.

==============  ============================================================================================
for-original    the sources as collected, WAV and MP3: more than 198,000 utterances (111,000 real, 87,000 fake)
for-norm        balanced, 16 kHz, mono, loudness-normalised, silence removed
for-2sec        for-norm cut to 2.000 s
for-rerec       for-2sec played through a loudspeaker and recorded again
for-combined    the three above together (Custom-CNN study); holds no file of its own
==============  ============================================================================================

The authors share four archives at https://bil.eecs.yorku.ca/share/ (``for-norm.tar.gz`` and so on, 1 to 8 GB); the
Kaggle copy ``mohammedabdeldayem/the-fake-or-real-dataset`` has them all (19 GB). Their layouts are read as they are.

Known trap: 90.7 % of the training fakes of for-2sec come from MP3 (``.mp3.`` in the name), none of the testing fakes
do; a random split therefore looks far better (99.9 %) than the official one (50 to 80 %). Use the official splits.
"""

import hashlib
import os
import re
from pathlib import Path

import pandas as pd

from fakeorreal.corpora.corpus import FAKE, LABELS, REAL, make_corpus
from fakeorreal.corpora.listing import read_listing
from fakeorreal.errors import FakeOrRealError

BIBTEX = """@inproceedings{reimao2019for,
  author    = {Reimao, Ricardo and Tzerpos, Vassilios},
  title     = {{FoR}: A Dataset for Synthetic Speech Detection},
  booktitle = {2019 International Conference on Speech Technology and Human-Computer Dialogue (SpeD)},
  year      = {2019},
  doi       = {10.1109/SPED.2019.8906599}
}"""

LICENSE_NOTE = (
    "The licence of Fake-or-Real is stated as GPLv3 by one third-party loader and as unknown by another: "
    "get the clips from their authors and never redistribute them."
)

PARTS = ("for-norm", "for-2sec", "for-rerec")
"""What for-combined is made of."""

DATASETS = (*PARTS, "for-combined")
"""What the study is run on, in the order of its tables."""

STORED = ("for-original", *PARTS)
"""The versions that have files of their own."""

VERSIONS = (*STORED, "for-combined")

PUBLISHED_COUNTS = pd.DataFrame(
    [
        ("for-norm", "training", 26941, 26927),
        ("for-norm", "validation", 5400, 5398),
        ("for-norm", "testing", 2264, 2370),
        ("for-2sec", "training", 6978, 6978),
        ("for-2sec", "validation", 1413, 1413),
        ("for-2sec", "testing", 544, 544),
        ("for-rerec", "training", 5104, 5104),
        ("for-rerec", "validation", 1101, 1143),
        ("for-rerec", "testing", 408, 408),
    ],
    columns=["version", "split", "real", "fake"],
)
"""Clips per class. Table 1 of the Custom-CNN study has for-2sec and for-rerec swapped; this is the right order.
for-original is not listed: its counts could not be verified."""

# Folder names found in the copies in circulation; compared in lower case.
_VERSION_NAMES = {
    "for-original": ("for-original",),
    "for-norm": ("for-norm",),
    "for-2sec": ("for-2sec", "for-2seconds"),
    "for-rerec": ("for-rerec", "for-rerecorded"),
}
_SPLIT_NAMES = {
    "training": ("training", "train"),
    "validation": ("validation", "val"),
    "testing": ("testing", "test"),
}
_CLASS_NAMES = {
    name: tuple(word for word, number in LABELS.items() if number == label)
    for name, label in (("real", REAL), ("fake", FAKE))
}
CLASSES = tuple(_CLASS_NAMES)
AUDIO_SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a")


def load(version, root=None):
    """Load one version of Fake-or-Real.

    In for-combined, a training clip is there twice: as it is, and as ``<clip>+aug`` whose ``channel`` names the
    augmentation to put it through. Validation and testing are never augmented.

    Groups come from the file ``manifest.csv`` of the data folder if there is one. Otherwise they are
    split, class and the number in the file name, so that the same number in for-norm, for-2sec and for-rerec is one
    utterance. Numbers are not global ids, so this is a heuristic, but it errs on the side of too few groups.

    Args:
        version: one of ``VERSIONS``.
        root: the folder that holds the versions, or the folder of this version; see `data_root`.

    Returns:
        Corpus DataFrame, see `fakeorreal.corpora.corpus.make_corpus`.

    Raises:
        FakeOrRealError: unknown version, no data, a split without one of its classes, a group in two splits.
    """
    if version not in VERSIONS:
        raise FakeOrRealError(f"`version` must be one of {', '.join(VERSIONS)}. Received: {version!r}.")
    root = data_root(root)
    if version != "for-combined":
        return make_corpus(_complete(version, root))
    rows = pd.concat([_complete(part, root) for part in PARTS], ignore_index=True)
    return make_corpus(pd.concat([rows.assign(channel=""), _augmented(rows)], ignore_index=True))


def data_root(root=None):
    """The folder that holds the data.

    Args:
        root: the folder; None for the environment variable FAKEORREAL_DATA, else ``data/prompts`` in the current
            folder or in the repository (the nearest folder upwards with a ``pyproject.toml`` and ``data/``).

    Returns:
        Absolute Path of an existing folder.

    Raises:
        FakeOrRealError: it is not there.
    """
    root = root or os.environ.get("FAKEORREAL_DATA")
    if root:
        wanted = [Path(root).expanduser()]
    else:
        here = Path.cwd()
        repository = (p for p in (here, *here.parents) if (p / "pyproject.toml").is_file() and (p / "data").is_dir())
        wanted = [p / "data" / "prompts" for p in dict.fromkeys((here, next(repository, here)))]
    for folder in wanted:
        if folder.is_dir():
            return Path(os.path.abspath(folder))
    raise FakeOrRealError(
        f"{' and '.join(map(str, wanted))}: no such folder. Run `fakeorreal build-prompts` for the embedded corpus, "
        "or set FAKEORREAL_DATA to the folder that holds the genuine Fake-or-Real."
    )


def find_version(version, root):
    """The folder that holds the splits of a stored version, or None.

    Raises:
        FakeOrRealError: there are two such folders.
    """
    names = _VERSION_NAMES[version]
    outer = [root] if root.name.lower() in names else subfolders(root, names)
    inner = [folder for parent in outer for folder in subfolders(parent, names)]
    splits = [name for group in _SPLIT_NAMES.values() for name in group]
    found = [folder for folder in (*outer, *inner) if subfolders(folder, splits)]
    if len(found) > 1:
        raise FakeOrRealError(f"{version} is there twice, in {found[0]} and {found[1]}. Move one of them away.")
    return found[0] if found else None


def scan(version, root):
    """The clips of a stored version as they lie on disk, complete or not.

    Args:
        version: one of ``STORED``.
        root: Path from `data_root`.

    Returns:
        DataFrame ``clip, path, label, split, group, speaker, generator, language``; no row if nothing is there.
    """
    folder = find_version(version, root)
    files = []
    for split, split_names in _SPLIT_NAMES.items() if folder else ():
        for split_folder in subfolders(folder, split_names):
            for label, class_names in _CLASS_NAMES.items():
                for class_folder in subfolders(split_folder, class_names):
                    files += [
                        (f"{version}/{split}/{label}/{f.name}", f.path, label, split) for f in _clips(class_folder)
                    ]
    rows = pd.DataFrame(files, columns=["clip", "path", "label", "split"])
    rows["group"] = [_group(clip) for clip in rows["clip"]]
    rows["speaker"] = rows["language"] = "unknown"
    rows["generator"] = rows["label"].map({"real": "human", "fake": "unknown"})
    manifest = read_manifest(version, root)
    if manifest is not None:
        known = manifest.set_index("clip").reindex(rows["clip"])
        for column in known.columns.intersection(["group", "speaker", "generator", "language"]):
            stated = known[column].to_numpy()
            rows[column] = rows[column].where(pd.isna(stated) | (stated == ""), stated)
    return rows


def read_manifest(version, root):
    """The table ``manifest.csv`` beside the version folders, all columns text, or None if there is none.

    Raises:
        FakeOrRealError: it has no column ``clip``, lists a clip twice, or is not yet written by `prompts_build`.
    """
    while root.name.lower() in _VERSION_NAMES[version]:
        root = root.parent
    path = root / "manifest.csv"
    if not path.is_file():
        if (root / "build.json").is_file():
            raise FakeOrRealError(
                f"{root}: the embedded corpus is half built. Run `fakeorreal build-prompts` to finish."
            )
        return None
    return read_listing(path, ["clip"], unique="clip")


def _complete(version, root):
    """`scan`, or an error when a class of a split is not there."""
    folder = find_version(version, root)
    if folder is None:
        raise FakeOrRealError(
            f"{root}: holds no {version} (a folder {' or '.join(_VERSION_NAMES[version])} with training, validation "
            "and testing). Run `fakeorreal build-prompts`, or set FAKEORREAL_DATA to the genuine Fake-or-Real."
        )
    rows = scan(version, root)
    there = set(zip(rows["split"], rows["label"], strict=True))
    for split in _SPLIT_NAMES:
        for label in CLASSES:
            if (split, label) not in there:
                raise FakeOrRealError(
                    f"{folder}: {version}/{split}/{label} is missing or holds no audio (archives with an empty folder "
                    "are in circulation). Run `fakeorreal validate` to see what is there and fetch the rest."
                )
    return rows


def _augmented(rows):
    """A second row for every training clip, with an augmentation drawn from the clip's name."""
    from fakeorreal.named_channels import AUGMENTATIONS  # needs codecs: not for those who load a single version

    rows = rows[rows["split"] == "training"]
    digests = [hashlib.sha256(clip.encode()).digest() for clip in rows["clip"]]
    channels = [AUGMENTATIONS[int.from_bytes(digest) % len(AUGMENTATIONS)] for digest in digests]
    return rows.assign(clip=rows["clip"] + "+aug", channel=channels)


def _group(clip):
    """``training/real/1234`` from ``for-norm/training/real/file1234.wav_16k.wav_norm.wav_mono.wav_silence.wav``.

    The names of for-rerec were not seen: the number after "file" or "recording" counts, else the name itself.
    """
    _, split, label, name = clip.split("/")
    number = re.search(r"(?:file|recording)[ _-]*(\d+)", name, re.IGNORECASE)
    source = (
        number[1] if number else re.split(r"\.(?:wav|mp3|flac|ogg|opus|m4a)", name, maxsplit=1, flags=re.IGNORECASE)[0]
    )
    return f"{split}/{label}/{source}"


def subfolders(folder, names):
    """Subfolders with one of the names, in any case, on any file system; sorted."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.name.lower() in names and entry.is_dir())


def _clips(folder):
    """Entries of the audio files in a folder, hidden ones left out."""
    with os.scandir(folder) as entries:
        return [
            entry
            for entry in entries
            if entry.name.lower().endswith(AUDIO_SUFFIXES) and not entry.name.startswith(".") and entry.is_file()
        ]
