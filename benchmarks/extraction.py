"""How fast files become cached features, against a plain loop of librosa over the same files in one process.

The plain loop decodes a file, computes, and saves one array per clip; `extract` hashes the files as well, checks that
they can be read and keeps what it needs to go on after an interruption. Both have worked before they are timed.
"""

import argparse
import itertools
import os
import tempfile
from pathlib import Path

SR = 16000
SECONDS = 2
FULL = {"rounds": 5, "clips": 2000}
QUICK = {"rounds": 1, "clips": 10}
LOOP, TRANSFORMS = "librosa, a plain loop", "its Fourier transforms alone, one process"
BARS = {"LogMel": 6, "Handcrafted": 4}


def write_clips(folder, clips):
    """Write WAV files of two seconds of speech-like sound, 16 bit; returns their corpus."""
    import pandas as pd
    import soundfile as sf
    from detector_speed import SECONDS as LONG
    from detector_speed import speech

    from fakeorreal.corpora.corpus import make_corpus

    each = LONG // SECONDS
    for seed in range(-(-clips // each)):
        for k, y in enumerate(speech(SR, seed).reshape(each, -1)):
            sf.write(folder / f"{seed * each + k:05d}.wav", y, SR)
    paths = sorted(folder.glob("*.wav"))[:clips]
    rows = [{"clip": p.name, "path": str(p), "label": k % 2, "group": p.name} for k, p in enumerate(paths)]
    return make_corpus(pd.DataFrame(rows).assign(split="training"))


def log_mel(y):
    import librosa
    import numpy as np

    return librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR), ref=np.max)[..., None]


def handcrafted(y):
    import librosa
    import numpy as np

    mfcc = librosa.feature.mfcc(y=y, sr=SR)
    deltas = [librosa.feature.delta(mfcc, order=order, mode="nearest") for order in (1, 2)]
    contrast = librosa.feature.spectral_contrast(y=y, sr=SR)
    rows = np.concatenate([mfcc, *deltas, contrast, librosa.feature.zero_crossing_rate(y)])
    return np.concatenate([rows.mean(axis=1), rows.std(axis=1)])


def plain_loop(corpus, compute, folder):
    """One array per clip, written to a folder."""
    import librosa
    import numpy as np

    for k, path in enumerate(corpus["path"]):
        y, _ = librosa.load(path, sr=SR)
        np.save(folder / f"{k}.npy", compute(y))


def transforms(frames, clips):
    """As many Fourier transforms as the clips have frames, of an array that is there already."""
    import numpy as np

    spectrum = np.empty((len(frames), 1 + frames.shape[1] // 2), complex)
    for _ in range(clips):
        np.fft.rfft(frames, out=spectrum)


def rows(front_end, compute, corpus, folder, rounds):
    """Rows of the table for a front end; SystemExit where it disagrees with librosa by more than 1e-4."""
    import numpy as np
    from turns import compare, take_turns

    from fakeorreal.features import extract
    from fakeorreal.features.mel import HOP, N_FFT

    numbers = itertools.count()

    def fresh(name):
        place = folder / f"{type(front_end).__name__}-{name}{next(numbers)}"
        place.mkdir()
        return place

    frames = np.random.default_rng(0).standard_normal((1 + SECONDS * SR // HOP, N_FFT))
    ours = f"extract, {type(front_end).__name__}, 2 processes"
    functions = {
        LOOP: lambda: plain_loop(corpus, compute, fresh("loop")),
        ours: lambda: extract(corpus, front_end, fresh("cache"), n_jobs=2, progress=False),
        TRANSFORMS: lambda: transforms(frames, len(corpus)),
    }
    few = corpus.head(8)
    plain_loop(few, compute, fresh("loop"))  # compiles what librosa compiles
    extract(few, front_end, fresh("cache"), n_jobs=2, progress=False)  # starts the processes
    taken = take_turns(functions, rounds)
    found = extract(corpus, front_end, fresh("cache"), n_jobs=2, progress=False).rows(np.arange(len(corpus)))
    expected = fresh("loop")
    plain_loop(corpus, compute, expected)
    theirs = np.stack([np.load(expected / f"{k}.npy") for k in range(len(corpus))])
    worst = np.abs(found - theirs).max()
    print(f"{ours}: at most {worst:.2g} from librosa")
    if worst > 1e-4:
        raise SystemExit(f"{ours} differs from librosa by {worst:.2g}.")
    for row in compare(taken, LOOP, len(corpus)):
        bar = BARS[type(front_end).__name__] if row["computed by"] == ours else None
        met = "" if bar is None else "yes" if row["times as fast"] >= bar else "no"
        yield {"front end": type(front_end).__name__, **row, "largest difference": worst, "bar": bar, "met": met}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/extraction_speed.csv", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it runs; writes no table")
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one process, one core
    import pandas as pd

    from fakeorreal.features import Handcrafted, LogMel
    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    size = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "clips").mkdir()
        corpus = write_clips(folder / "clips", size["clips"])
        table = pd.DataFrame(
            [
                row
                for front_end, compute in ((LogMel(), log_mel), (Handcrafted(), handcrafted))
                for row in rows(front_end, compute, corpus, folder, size["rounds"])
            ]
        )
    if options.quick:
        return
    caption = f"From {size['clips']:,} WAV files of {SECONDS} s at {SR:,} Hz to features on disk: medians of "
    caption += f"{size['rounds']} rounds in which all take turns. Machine: {machine('librosa', 'numpy', 'soundfile')}."
    save_table(table, options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
