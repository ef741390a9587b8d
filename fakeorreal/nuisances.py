"""Nuisances: what a file, its name and its sound tell without any knowledge of how the speech was made.

Sound is measured at the file's own rate, before anything is resampled. Of a stretch longer than ``LONGEST`` only the
first and the last minute are held and measured, so that memory does not grow with the recording.
"""

import re
from collections import deque
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import soundfile as sf
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft
from scipy.signal.windows import hann
from tqdm import tqdm

from fakeorreal.audio import DECODING_ERRORS, to_mono
from fakeorreal.channels import frame_level
from fakeorreal.errors import FakeOrRealError
from fakeorreal.scale_out import keep_memory
from fakeorreal.streams import OPENED, open_stream

LONGEST = 120.0  # seconds
KEYS = ("clip", "label", "split", "group")
_CUT_OFFS_FROM = 2000  # Hz; below, the formants of speech fall as steeply
_CUT_OFF_WIDTH = 250  # Hz on each side of a cut-off that are compared


class Nuisance(NamedTuple):
    """One nuisance in words.

    Attributes:
        title: what it is.
        kind: ``file`` (its header), ``sound`` or ``name``.
        form: format of a value; "" for a nuisance that is no number, of which values are as good as labels.
        more, less: fakes with a high or a low value are …
        remedy: what makes both classes alike.
    """

    title: str
    kind: str
    form: str
    more: str
    less: str
    remedy: str


_STORE = "store both classes in one format"
_TRIM = "trim silence at the ends of both classes alike"
_LEVEL = "bring both classes to levels drawn from one range"
_FLOOR = "add the same background noise to both classes, and no digital silence to one alone"
_LOW = "send both classes through one high-pass filter"
_BAND = "resample both classes to the lowest rate among them, and send both through the same codecs and band limits"

NUISANCES = {
    "sample_rate": Nuisance("sample rate", "file", "", "", "", _BAND),
    "encoding": Nuisance("encoding and bit depth", "file", "", "", "", _STORE),
    "format": Nuisance("file format", "file", "", "", "", _STORE),
    "channels": Nuisance("number of channels", "file", "", "", "", "mix both classes to one channel"),
    "bits": Nuisance("bits in use", "sound", "{:.0f}", "finer in amplitude", "coarser in amplitude", _STORE),
    "duration": Nuisance("duration", "sound", "{:.2f} s", "longer", "shorter", "cut both classes to one length"),
    "clipping": Nuisance("clipping", "sound", "{:.3%}", "clipped more", "clipped less", _LEVEL),
    "dc": Nuisance("DC offset", "sound", "{:+.5f}", "shifted upwards", "shifted downwards", _LOW),
    "dc_size": Nuisance("size of the DC offset", "sound", "{:.5f}", "shifted further", "shifted less", _LOW),
    "silence_start": Nuisance("leading silence", "sound", "{:.2f} s", "later to start", "sooner to start", _TRIM),
    "silence_end": Nuisance(
        "trailing silence", "sound", "{:.2f} s", "silent for longer at the end", "cut closer", _TRIM
    ),
    "level": Nuisance("level", "sound", "{:.1f} dBFS", "louder", "quieter", _LEVEL),
    "peak": Nuisance("peak", "sound", "{:.1f} dBFS", "higher in their peaks", "lower in their peaks", _LEVEL),
    "noise_floor": Nuisance("noise floor", "sound", "{:.1f} dBFS", "noisier", "cleaner", _FLOOR),
    "exact_zeros": Nuisance("exact zeros", "sound", "{:.2%}", "zero more often", "zero less often", _FLOOR),
    "cut_off_depth": Nuisance("depth of the cut-off", "sound", "{:.1f} dB", "cut off more", "cut off less", _BAND),
    "cut_off": Nuisance("cut-off frequency", "sound", "{:.0f} Hz", "cut off higher", "cut off lower", _BAND),
    "rolloff": Nuisance("bandwidth", "sound", "{:.0f} Hz", "wider", "narrower", _BAND),
    "below_100": Nuisance("energy below 100 Hz", "sound", "{:.1f} dB", "stronger there", "weaker there", _LOW),
    "from_100_to_200": Nuisance(
        "energy from 100 to 200 Hz", "sound", "{:.1f} dB", "stronger there", "weaker there", _LOW
    ),
    "above_6k": Nuisance("energy above 6 kHz", "sound", "{:.1f} dB", "stronger there", "weaker there", _BAND),
    "above_7k": Nuisance("energy above 7 kHz", "sound", "{:.1f} dB", "stronger there", "weaker there", _BAND),
    "name": Nuisance("file name", "name", "", "", "", "name the files of both classes alike"),
}
"""All of them. Of two that tell equally much the first one counts: it is the simpler explanation."""

BANDS = {"below_100": (25, 100), "from_100_to_200": (100, 200), "above_6k": (6000, np.inf), "above_7k": (7000, np.inf)}
"""Hz; energies relative to all above 25 Hz, so that an offset is not counted twice."""


def measure(corpus, *, n_jobs=-1, progress=True):
    """Nuisances of every clip.

    Args:
        corpus: table of clips.
        n_jobs: threads.
        progress: show a bar, counted in clips, on standard error.

    Returns:
        (measures, failed): DataFrames in the order of the corpus: ``clip, label, split, group`` and a column for each
        of ``NUISANCES``; and ``clip, reason`` of those that cannot be read.
    """

    def one(row):
        keep_memory()
        key = {name: getattr(row, name) for name in KEYS}
        try:
            return key | measure_stretch(row.path, start=row.start, end=row.end)
        except FakeOrRealError as error:
            return {"clip": row.clip, "reason": str(error)}

    jobs = joblib.Parallel(n_jobs, prefer="threads", return_as="generator")(
        map(joblib.delayed(one), corpus.itertuples())
    )
    rows = list(tqdm(jobs, total=len(corpus), desc="nuisances", unit="clip", disable=not progress))
    measures = pd.DataFrame([row for row in rows if "reason" not in row], columns=[*KEYS, *NUISANCES])
    return measures, pd.DataFrame([row for row in rows if "reason" in row], columns=["clip", "reason"])


def measure_stretch(path, *, start=0.0, end=np.nan):
    """Nuisances of a stretch of a file.

    Args:
        path: file.
        start: first second.
        end: last second; NaN for the end of the file.

    Returns:
        dict with the keys of ``NUISANCES``; rate, encoding, format and channels as text; ``name`` without folders.

    Raises:
        FakeOrRealError: as `streams.open_stream`; a stretch without samples.
    """
    stream = open_stream(path)
    first = round(start * stream.rate)
    length = np.inf if np.isnan(end) else max(round((end - start) * stream.rate), 0)
    n, block = _held(stream, first, length, most=round(LONGEST * stream.rate))
    if not n:
        raise FakeOrRealError(f"{path}: holds no samples from {start:g} s on. Leave it out.")
    form, encoding = _header(path)
    return {
        "sample_rate": f"{stream.rate} Hz",
        "encoding": encoding,
        "format": form,
        "channels": str(stream.channels),
        "name": Path(path).name,
        **sound_measures(block, sr=stream.rate),
        "duration": n / stream.rate,
    }


def sound_measures(block, *, sr):
    """Nuisances of a sound.

    Args:
        block: float32, shape (n, channels).
        sr: rate in Hz.

    Returns:
        dict: duration (s), level (dBFS RMS), peak (dBFS), clipping (share of samples within 0.1 % of full scale), dc
        (mean), dc_size, exact_zeros (share of samples), bits (that are used of 24), noise_floor (dBFS, 5th percentile
        of 20-ms frames), rolloff (Hz below which 99 % of the energy lies), cut_off (Hz above 2 kHz where the spectrum
        falls most steeply), cut_off_depth (dB by which it falls there, over 250 Hz), silence_start and silence_end (s
        until a frame is within 30 dB of the 95th percentile), and the ``BANDS`` in dB.
    """
    y = to_mono(block)
    level = frame_level(np.pad(y, (0, max(0, round(0.02 * sr) - len(y)))), sr=sr)
    loud = np.flatnonzero(level >= np.percentile(level, 95) - 30)
    energy = np.cumsum(np.abs(np.fft.rfft(y)) ** 2)
    mean = float(np.mean(y, dtype=np.float64))
    hz, power = _spectrum(y, sr)
    audible = power[hz >= 25].sum() + 1e-20
    cut_off, depth = _cut_off(hz, power)
    return {
        "duration": len(y) / sr,
        "level": 10 * np.log10(np.mean(np.square(y, dtype=np.float64)) + 1e-12),
        "peak": 20 * np.log10(np.abs(block).max() + 1e-6),
        "clipping": float(np.mean(np.abs(block) >= 0.999)),
        "dc": mean,
        "dc_size": abs(mean),
        "exact_zeros": float(np.mean(y == 0)),
        "bits": _bits(block),
        "noise_floor": np.percentile(level, 5),
        "rolloff": np.searchsorted(energy, 0.99 * energy[-1]) * sr / len(y),
        "cut_off": cut_off,
        "cut_off_depth": depth,
        "silence_start": loud[0] * 0.02,
        "silence_end": (len(level) - 1 - loud[-1]) * 0.02,
        **{
            name: 10 * np.log10(power[(hz >= low) & (hz < high)].sum() / audible + 1e-10)
            for name, (low, high) in BANDS.items()
        },
    }


def name_tokens(name):
    """Letters, lengths of numbers and separators of a file name, and how it begins.

    ``file12.mp3.wav`` → ``{"file…", "file", "2 digits", ".", "mp3" …}``; a single digit after letters belongs to them.
    """
    parts = re.findall(r"[^\W\d_]+(?:\d(?!\d))?|\d+|[\W_]", name.lower())
    tokens = [f"{len(part)} digits" if part.isdigit() else part for part in parts]
    return {f"{tokens[0]}…", *tokens} if tokens else set()


def _held(stream, first, length, most):
    """Samples in a stretch, and about the first and last ``most`` / 2 of them, shape (n, channels)."""
    n = passed = 0
    head, tail = [], deque()  # of blocks
    in_head = in_tail = 0  # samples
    for block in stream:
        block, passed = block[max(first - passed, 0) :], passed + len(block)
        block = block[: int(min(length - n, len(block)))]
        n += len(block)
        if in_head < most // 2:
            head.append(block[: most // 2 - in_head])
            in_head += len(head[-1])
            block = block[len(head[-1]) :]
        if len(block):
            tail.append(block)
            in_tail += len(block)
        while tail and in_tail - len(tail[0]) >= most // 2:
            in_tail -= len(tail.popleft())
        if n >= length:
            break
    return n, np.concatenate([*head, *tail]) if n else None


def _header(path):
    """Format and encoding that a file states."""
    try:
        info = sf.info(path)
        return info.format, info.subtype
    except DECODING_ERRORS:
        import av  # has just decoded the file

        with open(path, "rb") as f, av.open(f, **OPENED) as container:
            return container.format.name, container.streams.audio[0].codec_context.name


def _bits(block):
    """Fewest bits of 24 that hold all samples; 0 for silence."""
    steps = int(np.bitwise_or.reduce((block * 2**23).astype(np.int64), axis=None))
    return 25 - (steps & -steps).bit_length() if steps else 0


def _spectrum(y, sr):
    """Hz, and mean power of 64-ms frames without their offsets."""
    step = round(0.064 * sr)
    frames = sliding_window_view(np.pad(y, (0, max(0, step - len(y)))), step)[:: step // 2]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * hann(step, sym=False).astype(np.float32)
    return np.arange(step // 2 + 1) * sr / step, np.mean(np.abs(rfft(frames)) ** 2, axis=0, dtype=float) / step**2


def _cut_off(hz, power):
    """Hz and dB of the steepest fall of a spectrum; half the rate and 0 where there is no room for one."""
    width = round(_CUT_OFF_WIDTH / hz[1])
    total = np.cumsum(np.r_[0, 10 * np.log10(power + 1e-16)])
    mean = (total[width:] - total[:-width]) / width  # of bins k to k + width
    falls = mean[:-width] - mean[width:]  # at bin k + width
    falls[hz[width : width + len(falls)] < _CUT_OFFS_FROM] = -np.inf
    if not len(falls) or falls.max() == -np.inf:
        return float(hz[-1]), 0.0
    k = int(np.argmax(falls))
    return float(hz[k + width]), float(falls[k])
