"""WaveFake and what has its layout: one folder of human speech, one folder per vocoder, the same utterances in each.

=======================  =========================================================================================
LJSpeech                 human: 13,100 clips of one English speaker, about 24 hours
JSUT                     human: the 5,000 clips of its part basic5000, one Japanese speaker
WaveFake                 117,985 generated clips, about 196 hours, ten sets: MelGAN, large, multi-band and full-band
                         MelGAN, HiFi-GAN, WaveGlow, Parallel WaveGAN of LJSpeech; two vocoders of JSUT; one
                         text-to-speech pipeline (Conformer)
the extension            Avocodo, BigVGAN and large BigVGAN of LJSpeech (Gasenzer and Wolter 2023)
`vocoded_prompts`        the embedded counterpart: five folders
=======================  =========================================================================================

The layout is that of the published detectors: ``A_ljspeech``, ``B_melgan``, ``C_hifigan`` … ``N_jsutpwg``.

Known trap: the archive of WaveFake holds the clips of the text-to-speech pipeline twice, once more in its sub-folder
``generated``. `count_clips` finds it.
"""

import os
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf

from fakeorreal.corpora.corpus import FAKE, REAL, SPLITS, make_corpus
from fakeorreal.corpora.for_dataset import AUDIO_SUFFIXES
from fakeorreal.corpora.listing import read_listing
from fakeorreal.errors import FakeOrRealError

BIBTEX = """@inproceedings{frank2021wavefake,
  author    = {Frank, Joel and Sch{\\"o}nherr, Lea},
  title     = {{WaveFake}: A Data Set to Facilitate Audio Deepfake Detection},
  booktitle = {Thirty-fifth Conference on Neural Information Processing Systems, Datasets and Benchmarks Track},
  year      = {2021}
}

@misc{gasenzer2023towards,
  author        = {Gasenzer, Konstantin and Wolter, Moritz},
  title         = {Towards Generalizing Deep-Audio Fake Detection Networks},
  year          = {2023},
  eprint        = {2305.13033},
  archivePrefix = {arXiv}
}"""

KNOWN_COUNTS = {
    **dict.fromkeys(("ljspeech", "melgan", "hifigan", "mbmelgan", "fbmelgan", "waveglow", "pwg", "lmelgan"), 13_100),
    **dict.fromkeys(("jsutmbmelgan", "jsutpwg"), 5_000),
    "conformer": 16_283,
}
"""Clips per folder, by its name without the letter. Those of WaveFake were counted in copies of its archive; together
they are two fewer than stated. The extension is not listed: its counts could not be verified."""

_LETTERED = re.compile(r"([A-Za-z]{1,3})_(.+)")  # four letters and more: the archive's own ljspeech_…, jsut_…
_ENDING = re.compile(r"(\.wav)?[_-](gen|generated|generated_e2e|synthesis)$", re.IGNORECASE)
_READERS = 16  # threads: opening a file on a slow disk is waiting
_LONGEST = 2**40  # samples; some headers leave the number open, which libsndfile reports as an enormous one


def load_wavefake(root, *, seconds=1.0, seed=0):
    """Load the frames of a folder laid out like WaveFake.

    Its sub-folders are ``<one to three letters>_<name>``. Those with the first letters are human, all others fake, and
    the name is the generator. Audio may lie at any depth. A clip is cut into frames that follow each other without
    overlap, and the rest is dropped, so that clips shorter than a frame have none.

    An utterance is the name of a file without suffix and without the endings that vocoders add (``_gen``,
    ``_generated``, ``_generated_e2e``, ``_synthesis``). It is the group: an utterance is in the same split in every
    folder. By utterance, 70 % are training, 10 % validation and 20 % testing, drawn with the seed.

    The file ``utterances.csv`` in the folder, where it is there, states instead of all this the ``split`` of each
    ``utterance``, and whichever of ``speaker``, ``language`` and ``group`` are known.

    Args:
        root: the folder.
        seconds: length of a frame.
        seed: of the splits.

    Returns:
        Corpus DataFrame, see `fakeorreal.corpora.corpus.make_corpus`, one row per frame: clip
        ``B_melgan/LJ001-0001_gen.wav/0``, path, start, end.

    Raises:
        FakeOrRealError: no such folder; fewer than two kinds of lettered folder; one without audio; no file as long as
            a frame; a fake named like a human clip with an unknown ending; an ``utterances.csv`` that lacks a column
            or an utterance, names one twice, or is not yet written; a group in two splits.
    """
    if not 0 < seconds < np.inf:
        raise FakeOrRealError(f"`seconds` must be more than 0 and finite. Received: {seconds!r}.")
    root = _existing(root)
    listed = root / "utterances.csv"
    if (root / "build.json").is_file() and not listed.is_file():
        raise FakeOrRealError(f"{root}: is half built. Run its build again to finish.")
    clips = _readable(_scan(root), root)
    if listed.is_file():
        clips = _as_stated(clips, listed)
    else:
        _check_endings(clips)
        clips["split"], clips["group"] = _draw_splits(clips["utterance"], seed), clips["utterance"]
    return make_corpus(_frames(clips, seconds, root))


def count_clips(root):
    """How many clips each lettered folder holds, and how many it should.

    Args:
        root: folder, as for `load_wavefake`.

    Returns:
        DataFrame ``folder, label, generator, clips, expected``; ``expected`` is NaN where no count is known.

    Raises:
        FakeOrRealError: no such folder; fewer than two kinds of lettered folder; one without audio.
    """
    files = _scan(_existing(root))
    counts = files.groupby(["folder", "label", "generator"], as_index=False).agg(clips=("clip", "size"))
    names = counts["folder"].str.replace(_LETTERED, r"\2", regex=True).str.lower()
    return counts.assign(expected=names.map(KNOWN_COUNTS))


def _existing(root):
    root = Path(os.path.abspath(Path(root).expanduser()))
    if not root.is_dir():
        raise FakeOrRealError(f"{root}: no such folder. Check the path.")
    return root


def _scan(root):
    """The audio files of the lettered folders: folder, label, generator, clip, path, utterance."""
    folders = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and _LETTERED.fullmatch(entry.name))
    letters = {folder: folder.partition("_")[0].upper() for folder in folders}
    if len(set(letters.values())) < 2:
        raise FakeOrRealError(
            f"{root}: needs a folder of human speech and one of fakes, such as A_ljspeech and B_melgan. "
            f"Received: {', '.join(folders) or 'none with up to three letters before its name'}. Rename or link them."
        )
    rows = []
    for folder in folders:
        human = letters[folder] == min(letters.values())
        name = folder.partition("_")[2]
        found = [Path(parent, file) for parent, _, files in os.walk(root / folder) for file in files if _is_audio(file)]
        if not found:
            raise FakeOrRealError(f"{root / folder}: holds no audio. Fill the folder or move it away.")
        rows += [
            {
                "folder": folder,
                "label": REAL if human else FAKE,
                "generator": "human" if human else name,
                "clip": path.relative_to(root).as_posix(),
                "path": str(path),
                "utterance": _ENDING.sub("", path.stem),
            }
            for path in found
        ]
    return pd.DataFrame(rows).sort_values("clip", ignore_index=True)


def _is_audio(name):
    return name.lower().endswith(AUDIO_SUFFIXES) and not name.startswith(".")


def _readable(files, root):
    """The files whose header can be read, with their ``samples`` and ``rate`` in Hz."""
    with ThreadPoolExecutor(_READERS) as pool:
        headers = np.array(list(pool.map(_header, files["path"])))
    files = files.assign(samples=headers[:, 0], rate=headers[:, 1])
    bad = files.loc[files["rate"] == 0, "clip"]
    if len(bad):
        named = ", ".join(bad[:10]) + (" …" if len(bad) > 10 else "")
        warnings.warn(
            f"{root}: {len(bad)} of {len(files)} files have no readable header and are left out: {named}.",
            stacklevel=3,
        )
    return files[files["rate"] > 0].copy()


def _header(path):
    """(samples, rate in Hz) of a file; (0, 0) where that cannot be told."""
    try:
        info = sf.info(path)
    except (sf.SoundFileError, OSError):
        return 0, 0
    return (info.frames, info.samplerate) if info.frames < _LONGEST else (0, 0)


def _as_stated(clips, listed):
    """The clips with split, group, speaker and language of ``utterances.csv``."""
    table = read_listing(listed, ("utterance", "split"), unique="utterance")
    unlisted = clips.loc[~clips["utterance"].isin(table["utterance"]), "utterance"]
    if len(unlisted):
        raise FakeOrRealError(
            f"{listed}: does not list {unlisted.nunique()} utterances, the first is {unlisted.iloc[0]}. Add them."
        )
    table = table.reindex(columns=["utterance", "split", "group", "speaker", "language"], fill_value="")
    table[["speaker", "language"]] = table[["speaker", "language"]].replace("", "unknown")
    table["group"] = table["group"].where(table["group"] != "", table["utterance"])
    return clips.merge(table, on="utterance", validate="many_to_one")


def _check_endings(clips):
    """Raise for a fake that is a human clip with an ending this loader does not know: their splits could differ."""
    human = set(clips.loc[clips["label"] == REAL, "utterance"])
    for utterance in sorted(set(clips["utterance"]) - human):
        for cut in re.finditer(r"[_.-]", utterance):
            if utterance[: cut.start()] in human:
                raise FakeOrRealError(
                    f"{utterance} looks like {utterance[: cut.start()]} with an ending that is not known. "
                    f"Name both alike, or state the splits in utterances.csv."
                )


def _draw_splits(utterances, seed):
    """The split of each clip: one draw per utterance, in sorted order."""
    names = np.unique(utterances)
    rank = np.random.default_rng(seed).permutation(len(names))
    split = np.searchsorted([len(names) * 7 // 10, len(names) * 8 // 10], rank, side="right")
    return utterances.map(dict(zip(names, np.array(SPLITS)[split], strict=True)))


def _frames(clips, seconds, root):
    """One row per frame."""
    length = (seconds * clips["rate"]).round().astype(int)
    count = clips["samples"] // length
    if not count.any():
        raise FakeOrRealError(
            f"{root}: none of {len(clips)} clips is as long as a frame of {seconds:g} s. Ask for shorter ones."
        )
    rows = clips.assign(step=length / clips["rate"]).loc[clips.index.repeat(count)]
    number = rows.groupby(level=0).cumcount()
    clip = rows["clip"] + "/" + number.astype(str)
    return rows.assign(clip=clip, start=number * rows["step"], end=(number + 1) * rows["step"])
