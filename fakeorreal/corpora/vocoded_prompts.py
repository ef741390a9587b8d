"""The embedded counterpart of WaveFake: prompts, and each of them again by every vocoder, in the layout of WaveFake.

``A_human`` holds recordings of the packages that `fakeorreal.corpora.prompts` names, ``B_griffin-lim`` and so on the
same utterances after copy synthesis. All of them pass the chain of `fakeorreal.corpora.prompts_build` but for two
steps: the room tone is 20 dB fainter, so that it covers less of what a vocoder leaves, and no equaliser smooths it. An
utterance is equally long in every folder, to the sample: at least a second of speech, at most five. Testing has
speakers and languages of its own.
"""

import hashlib
import json
import string
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from fakeorreal import audio, channels
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.corpora import prompts, prompts_build
from fakeorreal.corpora.corpus import SPLITS
from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.vocoders import VOCODERS

BUILD_VERSION = 1  # raise when what is built changes, and the sound of prompts_build does not
NOISE = 45.0  # dB below the speech
LONGEST = 5.0  # seconds of a recording that are used
FOLDERS = tuple(f"{letter}_{name}" for letter, name in zip(string.ascii_uppercase, ("human", *VOCODERS), strict=False))


def build(root, *, utterances, n_jobs=-1, progress=True):
    """Build the corpus, or what is missing of it. Needs no speech engine.

    Args:
        root: folder of the corpus, such as ``data/vocoded-prompts``; packages go to ``downloads`` beside it.
        utterances: how many of training, validation and testing; the few with less than a second of speech are then
            left out, see ``left_out.txt``.
        n_jobs: processes.
        progress: whether to show a progress bar.

    Returns:
        path of ``utterances.csv``; it is written last, so it exists only beside a complete corpus.

    Raises:
        FakeOrRealError: packages that cannot be had, or fewer utterances than wanted.
    """
    root = Path(root)
    listed, marker = root / "utterances.csv", root / "build.json"
    share = prompts.fetch_packages(root.parent / "downloads" / "debian")
    chosen = choose(prompts.plan(share), utterances)
    state = {
        "build": [BUILD_VERSION, prompts_build.BUILD_VERSION],
        "plan": _digest("\n".join(f"{s.stem} {s.group} {s.split} {s.path.relative_to(share)}" for s in chosen)),
        "folders": list(FOLDERS),
        "soxr": version("soxr"),
    }
    if marker.is_file() and json.loads(marker.read_text()) != state:
        prompts_build.clear(root, (listed.name, "left_out.txt", "licences", *FOLDERS))
    if listed.is_file():
        return listed
    root.mkdir(parents=True, exist_ok=True)
    prompts_build.write_text(marker, json.dumps(state))
    prompts_build.copy_licences(share, root / "licences")

    with prompts_build.processes(n_jobs) as pool:
        jobs = [(sentence, root) for sentence in chosen]
        faults = dict(prompts_build.run_jobs(pool, _render, jobs, "copy synthesis", progress))
    left_out = [f"{s.stem}: {faults[s.stem]}\n" for s in chosen if faults[s.stem]]
    prompts_build.write_text(root / "left_out.txt", "".join(left_out))
    rows = pd.DataFrame([_row(s) for s in chosen if not faults[s.stem]])
    prompts_build.write_text(listed, rows.to_csv(index=False, lineterminator="\n"))
    if progress:
        prompts_build.say_left_out(left_out, f"{len(chosen)} utterances", root)
    return listed


def choose(sentences, utterances):
    """The sentences of the corpus: the speakers of a split in turns, each in an order that depends on names only.

    Args:
        sentences: list of ``Sentence``.
        utterances: how many of training, validation and testing.

    Returns:
        list of ``Sentence``, sorted by stem.

    Raises:
        FakeOrRealError: not three numbers of at least 1, or more than there are.
    """
    if len(utterances) != len(SPLITS) or min(utterances) < 1:
        raise FakeOrRealError(
            f"`utterances` must be how many of {', '.join(SPLITS)}, at least 1 each. Received: {utterances!r}."
        )
    chosen = []
    for split, wanted in zip(SPLITS, utterances, strict=True):
        found = sorted((s for s in sentences if s.split == split), key=lambda s: _digest(s.stem))
        if len(found) < wanted:
            raise FakeOrRealError(
                f"the prompts hold {len(found)} utterances of {split}. Received: {wanted}. Take fewer."
            )
        spoken, turns = Counter(), []
        for sentence in found:
            spoken[sentence.source.speaker] += 1
            turns.append(spoken[sentence.source.speaker])
        in_turns = sorted(zip(turns, found, strict=True), key=lambda pair: pair[0])
        chosen += [sentence for _, sentence in in_turns[:wanted]]
    return sorted(chosen, key=lambda s: s.stem)


def _render(sentence, root):
    """Write an utterance in all its versions: (stem, why it was left out or None)."""
    paths = [root / folder / f"{sentence.stem}.wav" for folder in FOLDERS]
    if not all(path.is_file() for path in paths):
        try:
            human = prompts_build.read_recording(sentence.path)[: round(LONGEST * SAMPLE_RATE)]
            fakes = [prompts_build.vocode(sentence, human, vocoder) for vocoder in VOCODERS]
            clips, n = prompts_build.through_one_channel(sentence, human, fakes)
        except FakeOrRealError as error:
            return sentence.stem, str(error)
        for path, y in zip(paths, clips, strict=True):
            audio.write(path, _finish(y[:n], sentence.stem), sr=SAMPLE_RATE)
    return sentence.stem, None


def _finish(y, key):
    """Level, faint noise, codec, level. The noise, the same for all, hides what lies below hearing: traces in bands
    that the channel has emptied would tell the fakes by themselves."""
    y = channels.add_noise(channels.set_level(y), snr=NOISE, tilt=0, rng=channels.seeded(key))
    return channels.set_level(channels.g722(y))


def _row(sentence):
    return {
        "utterance": sentence.stem,
        "split": sentence.split,
        "speaker": sentence.source.speaker,
        "language": sentence.source.language,
        "group": sentence.group,
        "package": sentence.source.package,
        "licence": sentence.source.licence,
        "attribution": sentence.source.attribution,
    }


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()
