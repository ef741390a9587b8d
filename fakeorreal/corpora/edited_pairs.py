"""A clip and its edited twin, and the sets that such pairs make: in the layout of FakeSound.

Both clips of a pair have the level of the source and pass one final chain, with the same noise: what lies outside the
regions differs by no more than the codec spreads. Every set has sources of its own.

===================  =====================================================================================
audio                the clips: 16-bit WAV at 16 kHz, mono, ``<key>-real.wav`` and ``<key>-fake.wav``
meta_data            train, validation, easy, hard and zeroshot, for `load_fakesound`; 1 is fake
parts                what is done already, so that the next run goes on from there
===================  =====================================================================================
"""

import json
from dataclasses import dataclass

import numpy as np

from fakeorreal import audio, channels
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.corpora.fakesound import write_metadata
from fakeorreal.corpora.prompts_build import write_text
from fakeorreal.synthesis.key_regions import choose
from fakeorreal.synthesis.region_edits import EDITS, edit_region

BUILD_VERSION = 2  # raise when the sound of a pair changes
SECONDS = 10.0  # of the longest clip
FADE = 0.02  # seconds of a seam, outside the region
NOISE = 45.0  # dB below the nominal level of a clip
EXTENDED = 0.3  # share of the fakes whose regions have their upper band made, too
UNSEEN = "harmonic-vocoder"
"""The method of the zero-shot set: a vocoder, as two of the others are, but of sinusoids, which no other has."""

SEEN = tuple(method for method in EDITS if method != UNSEEN)


@dataclass(frozen=True)
class Rule:
    """How the fakes of a set are made: by which methods, and fewest and most regions and seconds of one."""

    methods: tuple = SEEN
    regions: tuple = (1, 2)
    seconds: tuple = (1.0, 4.0)


SETS = {
    "train": Rule(),
    "validation": Rule(),
    "easy": Rule(),
    "hard": Rule(regions=(1, 3), seconds=(0.1, 5.0)),
    "zeroshot": Rule(methods=(UNSEEN,), regions=(1, 3), seconds=(0.1, 5.0)),
}


def make_pair(y, *, key, subset, source, turn, root, donor=None, channel=None, notes=None):
    """Write a clip and its edited twin; what is there already is left as it is.

    Args:
        y: the clip, float32, shape (n,), at 16 kHz.
        key: name of the pair, which seeds all that is random in it; safe in a file name.
        subset: a key of ``SETS``.
        source: recording that the clip comes from.
        turn: number of the pair in its set: the methods of the set take turns.
        root: folder of the corpus.
        donor: another clip of the same set, to splice from; without one, splicing is passed over.
        channel: function float32 (n,) → (n,), the channel that the source has been through and the new samples have
            not, so that they pass it, too; None where it is not known.
        notes: dict of further keys for both rows.

    Returns:
        the rows of the real and of the fake clip, for `write_sets`.

    Raises:
        FakeOrRealError: the clip is too quiet or too short for a region.
    """
    part = root / "parts" / f"{key}.json"
    if part.is_file():
        return json.loads(part.read_text())
    rule, rng = SETS[subset], channels.seeded(key)
    methods = [method for method in rule.methods if method != "splice" or donor is not None]
    method, extended = methods[turn % len(methods)], bool(rng.random() < EXTENDED)
    real = channels.set_level(y)
    count = int(rng.integers(rule.regions[0], rule.regions[1], endpoint=True))
    regions = choose(real, sr=SAMPLE_RATE, rng=rng, count=count, seconds=rule.seconds)
    fake = edit_region(real, regions, method, sr=SAMPLE_RATE, rng=rng, donor=donor, extend=extended, fade=FADE)
    if channel is not None:
        fake = np.where(fake == real, fake, channel(fake))
    common = {"source": source, "split": subset, **(notes or {})}
    stretches = [[start / SAMPLE_RATE, end / SAMPLE_RATE] for start, end in regions]
    rows = []
    for word, clip, said in (
        ("real", real, {"label": 0, "onset_offset": []}),
        ("fake", fake, {"label": 1, "onset_offset": stretches, "method": method, "extended": extended}),
    ):
        name = f"{key}-{word}"
        audio.write(root / "audio" / f"{name}.wav", final_chain(clip, key), sr=SAMPLE_RATE)
        rows.append({"audio_id": name, **said, "filepath": f"audio/{name}.wav", **common})
    write_text(part, json.dumps(rows))
    return rows


def final_chain(y, key):
    """Codec and faint noise, the same for real and fake; the level is that of the source already.

    Args:
        y: float32, shape (n,), at 16 kHz.
        key: name of the pair, which seeds the noise.

    Returns:
        float32, shape (n,).
    """
    noise = channels.coloured_noise(len(y), tilt=0, rng=channels.seeded(f"{key}/noise"))
    return channels.g722(y) + noise * np.float32(10 ** ((channels.SPEECH_LEVEL - NOISE) / 20))


def write_sets(root, rows):
    """Write the five listings.

    Args:
        root: folder of the corpus.
        rows: rows of `make_pair`.
    """
    for subset in SETS:
        listed = sorted((row for row in rows if row["split"] == subset), key=lambda row: row["audio_id"])
        write_metadata(root / "meta_data" / f"{subset}.json", listed)
