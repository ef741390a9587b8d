"""How fast the detector is and how much memory it takes, beside the same work through librosa and Keras.

Every figure is of a process of its own from its start to its end, on sound that is synthesised from fixed seeds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import lfilter

FORMANTS = ((700, 110), (1220, 120), (2600, 170), (3500, 250), (4500, 350), (6000, 600))  # centre and width in Hz
SECONDS = 10
FORMATS = {"WAV": 16000, "MP3": 44100}  # and Hz
FULL = {"runs": 5, "files": 200, "minutes": 120}
QUICK = {"runs": 1, "files": 2, "minutes": 1}
BASELINE = Path(__file__).with_name("librosa_keras.py")


def speech(sr, seed):
    """Ten seconds of speech-like sound: a gliding pulse train through formants, in syllables, over a little noise.

    Args:
        sr: rate in Hz.
        seed: of melody, syllables and noise.

    Returns:
        float32, shape (SECONDS * sr,), peak 0.5.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(SECONDS * sr) / sr
    pitch = rng.uniform(90, 220) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(1, 3) * t))
    y = np.diff(np.floor(np.cumsum(pitch) / sr), prepend=0.0) + 0.02 * rng.standard_normal(len(t))
    for centre, width in FORMANTS:
        radius = np.exp(-np.pi * width / sr)
        y = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * centre / sr), radius**2], y)
    y *= 0.03 + np.abs(np.sin(2 * np.pi * rng.uniform(1.5, 2.5) * t))
    y += 1e-3 * np.abs(y).max() * rng.standard_normal(len(t))
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


def write_folder(folder, suffix, files):
    """Write mono files of ten seconds, 16-bit WAV or MP3, at the rate of `FORMATS`; returns the folder."""
    folder.mkdir()
    for seed in range(files):
        sf.write(folder / f"{seed:04d}.{suffix.lower()}", speech(FORMATS[suffix], seed), FORMATS[suffix], format=suffix)
    return folder


def write_long(path, minutes):
    """Write a stereo MP3 of 44.1 kHz and 128 kbit/s, ten seconds over and over; returns the path."""
    block = np.column_stack([speech(44100, seed) for seed in (0, 1)])
    # libsndfile counts from 320 kbit/s at 0 down to 32 kbit/s at 1
    with sf.SoundFile(path, "w", 44100, 2, format="MP3", bitrate_mode="CONSTANT", compression_level=2 / 3) as f:
        for _ in range(minutes * 60 // SECONDS):
            f.write(block)
    return path


def timed(*arguments):
    """Run Python with arguments, its output thrown away.

    Returns:
        (seconds, peak resident memory in MB). Linux starts the latter at the peak of this process, which therefore
        imports little before it has measured.

    Raises:
        SystemExit: it failed.
    """
    command, quiet = [sys.executable, *map(str, arguments)], os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=quiet)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}. See above.")
    return seconds, usage.ru_maxrss * 1024 / 1e6


def row(what, value, unit, *, at_most=None, at_least=None):
    """A row of the table, printed as soon as it is known; a bar that is missed is told, not raised."""
    bar, met = "", ""
    if at_most is not None:
        bar, met = f"at most {at_most:g}", "yes" if value <= at_most else "no"
    if at_least is not None:
        bar, met = f"at least {at_least:g}", "yes" if value >= at_least else "no"
    print(f"{what}: {value:.3g} {unit}{f' ({bar}: {met})' if bar else ''}", flush=True)
    return {"what": what, "value": value, "unit": unit, "bar": bar, "met": met}


def measure(folder, detector, *, runs, files, minutes):
    """All rows of the table.

    Args:
        folder: empty, for the sound.
        detector: folder of the frozen detector.
        runs: of a single file.
        files: in a folder.
        minutes: of the long file.

    Yields:
        dict what, value, unit, bar, met.
    """
    predict = ("-m", "fakeorreal", "predict", "--detector", detector)
    for suffix in FORMATS:
        sound = write_folder(folder / suffix, suffix, files)
        single = sound / f"0000.{suffix.lower()}"
        timed(*predict, "--json", single)  # warms the disk
        seconds, peaks = zip(*(timed(*predict, "--json", single) for _ in range(runs)), strict=True)
        what = f"process start to JSON, one {SECONDS}-s {suffix}"
        yield row(f"{what}, best of {runs}", min(seconds), "s", at_most=1.0)
        yield row(f"{what}, median of {runs}", statistics.median(seconds), "s", at_most=1.0)
        yield row(f"{what}, peak memory", max(peaks), "MB", at_most=350)

        what = f"folder of {files} {suffix} files of {SECONDS} s"
        ours, peak = timed(*predict, "--csv", folder / f"{suffix}.csv", sound)
        theirs, _ = timed(BASELINE, sound, detector)
        yield row(what, SECONDS * files / ours, "times real time", at_least=200)
        yield row(f"{what}, peak memory", peak, "MB")
        yield row(f"{what}, librosa.load + Keras", SECONDS * files / theirs, "times real time")
        yield row(f"{what}, against librosa.load + Keras", theirs / ours, "times as fast")

    seconds, peak = timed(*predict, "--json", write_long(folder / "long.mp3", minutes))
    what = f"one MP3 of {minutes} minutes, stereo, 44.1 kHz, 128 kbit/s"
    yield row(what, seconds, "s")
    yield row(f"{what}, speed", 60 * minutes / seconds, "times real time")
    yield row(f"{what}, peak memory", peak, "MB", at_most=500)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results/detector_speed.csv", help="default: %(default)s")
    parser.add_argument("--detector", type=Path, help="default: the one that comes with the package")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs; writes no table")
    options = parser.parse_args()
    import fakeorreal

    detector = options.detector or Path(fakeorreal.__file__).with_name("weights")
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measure(Path(folder), detector, **(QUICK if options.quick else FULL)))
    if options.quick:
        return
    import pandas as pd

    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    frozen = fakeorreal.load_detector(detector)
    caption = f"Speed and memory of detector {frozen.name} {frozen.version} ({frozen.hash}). Every figure is of a "
    caption += "process of its own, its start, decoding and resampling included; the folders and the long file are run "
    caption += f"once. Machine: {machine('onnxruntime', 'keras', 'librosa')}."
    save_table(pd.DataFrame(rows), options.out.stem, options.out.parent, caption)


if __name__ == "__main__":
    main()
