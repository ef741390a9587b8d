"""How many planted copies `fakeorreal.duplicates` finds, what it takes for one wrongly, how long it takes.

Recordings of the embedded corpus are changed in every way that copies are, and hidden among each other and the same
sentences from speech engines. Seventy thousand fingerprints are then searched, as many as Fake-or-Real has clips.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from fakeorreal import audio, channels
from fakeorreal.audio_fingerprints import HOP, fingerprint, near_pairs
from fakeorreal.corpora import for_dataset
from fakeorreal.corpora.corpus import REAL, make_corpus
from fakeorreal.duplicates import find_duplicates
from fakeorreal.machine import machine
from fakeorreal.synthesis.vocoders import VOCODERS, copy_synthesis
from fakeorreal.tables import save_table

SR = audio.SAMPLE_RATE
SHORTEST, LONGEST = 2.5, 5.0  # seconds of a recording
FULL = {"recordings": 300, "fingerprints": 70_000}
QUICK = {"recordings": 10, "fingerprints": 1000}
CODES = round(2.5 / HOP)  # of each fingerprint that is only searched
VOTERS = 7
ENGINE = "the same sentence from a speech engine"


def _later(y, rng):
    return np.concatenate([1e-4 * rng.standard_normal(round(0.37 * SR)), y])


def _middle(y, rng):
    return y[(len(y) - 2 * SR) // 2 :][: 2 * SR]


def _rerecorded(y, rng):
    return channels.rerecord(y, sr=SR, rng=rng)


CHANGES = {
    "gain -12 dB": lambda y, rng: y / 4,
    "0.37 s later": _later,
    "2 s from the middle": _middle,
    "MP3 64 kbit/s": lambda y, rng: channels.at_bit_rate(y, sr=SR, codec="mp3", bit_rate=64000),
    "Opus 24 kbit/s": lambda y, rng: channels.at_bit_rate(y, sr=SR, codec="opus", bit_rate=24000),
    "G.722": lambda y, rng: channels.g722(y),
    "telephone": lambda y, rng: channels.telephone_call(y, sr=SR),
    "re-recorded": _rerecorded,
    "re-recorded, 2 s from the middle": lambda y, rng: _middle(_rerecorded(y, rng), rng),
    "noise 20 dB": lambda y, rng: channels.add_noise(y, snr=20, tilt=3, rng=rng),
    "noise 10 dB": lambda y, rng: channels.add_noise(y, snr=10, tilt=3, rng=rng),
    "1 % faster": lambda y, rng: audio.resample(y, sr_from=round(1.01 * SR), sr_to=SR),
    "2 % slower": lambda y, rng: audio.resample(y, sr_from=round(0.98 * SR), sr_to=SR),
} | {
    f"copy synthesis, {name}": lambda y, rng, name=name: copy_synthesis(y, name, sr=SR, seed=int(rng.integers(2**31)))
    for name in VOCODERS
}


def plant(folder, recordings):
    """Corpus of as many recordings, their copies, and the same sentences from speech engines.

    Args:
        folder: for the sound.
        recordings: how many.

    Returns:
        Corpus DataFrame: ``generator`` says what was done to a clip, the group is the recording.
    """
    prompts = for_dataset.load("for-norm")
    human = prompts[prompts["label"] == REAL].sample(frac=1, random_state=0).drop_duplicates("group")
    rows = []
    for clip in human.itertuples():
        y = audio.read(clip.path, sr=SR, end=LONGEST)
        if len(y) < SHORTEST * SR:
            continue
        sounds = [("", y)]
        sounds += [(name, change(y, channels.seeded(f"{name}:{clip.clip}"))) for name, change in CHANGES.items()]
        engines = prompts[(prompts["group"] == clip.group) & (prompts["label"] != REAL)]
        engines = engines[~engines["generator"].isin(VOCODERS)]
        sounds += [(ENGINE, audio.read(path, sr=SR, end=LONGEST)) for path in engines["path"]]
        for name, sound in sounds:
            path = folder / f"{clip.group.replace('/', '-')}-{len(rows)}.wav"
            audio.write(path, sound, sr=SR)
            rows.append({"clip": path.name, "path": str(path), "label": REAL, "group": clip.group, "generator": name})
        if sum(row["generator"] == "" for row in rows) == recordings:
            break
    return make_corpus(pd.DataFrame(rows).assign(split="testing"))


def recall(corpus, pairs):
    """One row per change: copies found, right among all that was taken for a copy, and how alike they are.

    Args:
        corpus: of `plant`.
        pairs: ``Duplicates.pairs``.

    Returns:
        DataFrame: ``change, n, recall, precision`` (per cent), ``least, median`` (share of equal bits).
    """
    known = corpus.set_index("clip")
    ends = [known.loc[pairs[side], ["generator", "group"]].reset_index(drop=True) for side in ("clip_a", "clip_b")]
    rows = []
    for change in (*CHANGES, ENGINE):
        between = sum((a["generator"] == "") & (b["generator"] == change) for a, b in (ends, ends[::-1])) > 0
        right = pairs[between & (ends[0]["group"] == ends[1]["group"])]
        n = int((corpus["generator"] == change).sum())
        rows.append(
            {
                "change": change,
                "n": n,
                "recall": 100 * len(right) / n,
                "precision": 100 * len(right) / between.sum() if between.any() else np.nan,
                "least": right["score"].min(),
                "median": right["score"].median(),
            }
        )
    return pd.DataFrame(rows)


def crowd(clips, n):
    """Fingerprints as those of speech, of which no two are alike: every bit is what most of seven others have there.

    Args:
        clips: list of paths of speech.
        n: how many.

    Returns:
        list of fingerprints of 2.5 s.
    """
    rng = np.random.default_rng(0)
    voters = np.concatenate([fingerprint(audio.read(path, sr=SR), sr=SR) for path in clips])
    sounding = voters[voters[:, 1] >> 30 > 0]
    bits = np.unpackbits(np.ascontiguousarray(sounding[:, 0]).view(np.uint8).reshape(-1, 4), axis=1)
    out = []
    for _ in range(n):
        places = rng.integers(len(bits) - CODES, size=VOTERS)
        most = sum(bits[k : k + CODES] for k in places) > VOTERS // 2
        codes = np.packbits(most, axis=1).view(np.uint32)[:, 0]
        out.append(np.column_stack([codes, sounding[places[0] :][:CODES, 1]]))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="to see that it runs; writes no table")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    speed = []

    def row(what, value, unit):
        print(f"{what}: {value:.3g} {unit}", flush=True)
        speed.append({"what": what, "value": value, "unit": unit})

    with tempfile.TemporaryDirectory() as folder:
        corpus = plant(Path(folder), size["recordings"])
        originals = corpus[corpus["generator"] == ""]
        start = time.process_time()
        find_duplicates(originals, folder=Path(folder) / "fingerprints", n_jobs=1)
        seconds = (time.process_time() - start) / len(originals)
        what = f"WAV files of {corpus_seconds(originals):.1f} s on average, to hash and fingerprint"
        row(f"{what}, per 1,000", 1000 * seconds, "s")
        row(f"{what}, 70,000 at this rate", 70_000 * seconds / 60, "min")
        found = find_duplicates(corpus, folder=Path(folder) / "fingerprints", n_jobs=1)
        table = recall(corpus, found.pairs)
        print(table.to_string(index=False), flush=True)
        others = crowd(originals["path"], size["fingerprints"])

    start = time.process_time()
    accidents = near_pairs(others)
    what = f"{len(others):,} fingerprints of {CODES * HOP:.1f} s, index and search"
    row(what, time.process_time() - start, "s")
    row(f"{what}, pairs found where there are none", len(accidents), "pairs")
    row("peak memory of all this", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, "MB")
    if options.quick:
        return
    caption = (
        f"Copies planted among {size['recordings']} recordings of {SHORTEST} to {LONGEST} s of the embedded corpus "
    )
    caption += f"and {(corpus['generator'] == ENGINE).sum()} renditions of their sentences by speech engines. Recall: "
    caption += "copies found; precision: of what was taken for such a copy; least and median share of equal bits. "
    save_table(table, "duplicates", options.out, caption + f"Machine: {machine('numpy')}.")
    caption = f"Seconds of processor time on one core. Machine: {machine('numpy', 'scipy', 'soundfile')}."
    save_table(pd.DataFrame(speed), "duplicates_speed", options.out, caption)


def corpus_seconds(corpus):
    """Mean length of the files of 16 bit, in seconds."""
    return np.mean([(Path(path).stat().st_size - 44) / 2 / SR for path in corpus["path"]])


if __name__ == "__main__":
    main()
