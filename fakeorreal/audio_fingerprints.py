"""Audio fingerprints: what stays of a clip through gain, codecs, noise, rooms and cutting, 32 bits every 16 ms.

A code holds the signs of how the cepstrum changes over 0.4 s, in the spirit of Haitsma and Kalker (ISMIR 2002). The
logarithm takes the gain out, the change takes the colour of the channel out, 300 to 3400 Hz pass every telephone. Two
clips are compared at the few offsets where a code of one is a code of the other but for its least certain bits, by the
share of equal bits over all that they have in common.
"""

from functools import lru_cache
from itertools import pairwise, product

import numpy as np
import pandas as pd
from scipy.fft import dct, rfft
from scipy.ndimage import correlate1d

from fakeorreal.audio import resample

VERSION = 1
"""Of the codes: another number, another cache."""

HOP = 0.016
"""Seconds from one code to the next."""

_RATE = 8000  # Hz
_STEP = round(HOP * _RATE)
_FRAME, _FFT = 512, 1024
_BANDS, _EDGES = 24, (300, 3400)  # bands on the mel scale, Hz
_FLOOR = 10**-2.0  # of the mean energy of a band: what is quieter does not count
_SPAN = 25  # frames over which a change is taken: 0.4 s
_BITS = 32
_DOUBTFUL = 6  # bits that may flip in the search
_AT_A_TIME = 2**12  # frames, about a minute
_LEAST_CHANGE = 1.0  # root mean square of a code's features: below, nothing happens

_SOUNDING = np.uint32(1 << 30)
_MOST_COMMON = 256  # a code that occurs more often tells nothing, and would cost time
_PROBES, _HITS, _CODES = 2**16, 2**18, 2**20  # handled at a time
_GLANCE, _GLANCE_ERRORS = 16, 0.42  # codes compared before all are, and the share of bits that may differ
_SHORTEST = 32  # codes that must be compared: half a second of sound
_LEAST_SCORE = 0.75  # share of equal bits; one voice that says the same again may come close
# The share of equal bits of unrelated speech, less a half, times the root of the number of codes, has a standard
# deviation of 0.27: nine of those keep 70,000 clips at 200 offsets each (5e11 chances) free of accidents.
_LEAST_EVIDENCE = 2.4


def fingerprint(y, *, sr):
    """Codes of a clip.

    Args:
        y: float32, shape (n,).
        sr: rate in Hz.

    Returns:
        uint32, shape (m, 2), one row per ``HOP`` that lies 0.2 s inside the clip: the code; and the places of its six
        least certain bits, 5 bits each, and whether there is sound (bit 30). m is 0 for less than 0.45 s and for
        digital silence.

    Source:
        Haitsma and Kalker, A highly robust audio fingerprinting system, ISMIR 2002, sections 4.2 and 5.2.
    """
    changes = _changes(resample(y, sr_from=sr, sr_to=_RATE))
    if not len(changes):
        return np.zeros((0, 2), np.uint32)
    codes = (changes > 0) @ (1 << np.arange(_BITS))
    order = np.argpartition(np.abs(changes), _DOUBTFUL, axis=1)
    doubtful = order[:, :_DOUBTFUL] @ (1 << 5 * np.arange(_DOUBTFUL))
    sounding = np.sqrt(np.mean(changes**2, axis=1)) > _LEAST_CHANGE
    return np.column_stack([codes, doubtful + sounding * _SOUNDING]).astype(np.uint32)


def _changes(y):
    """How the cepstrum changes around each frame, shape (frames, 32)."""
    if len(y) < _FRAME + (_SPAN - 1) * _STEP or not y.any():
        return np.zeros((0, _BITS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(y, _FRAME)[::_STEP]
    energy = np.concatenate([_energy(frames[k : k + _AT_A_TIME]) for k in range(0, len(frames), _AT_A_TIME)])
    cepstrum = dct(np.log(energy / (energy.mean(axis=0) + 1e-20) + _FLOOR), axis=1, norm="ortho")[:, : _BITS // 2]
    inner = slice(_SPAN // 2, -(_SPAN // 2))
    return np.hstack([correlate1d(cepstrum, kernel, axis=0)[inner] for kernel in _kernels()])


def _energy(frames):
    """Energy in the bands, shape (frames, _BANDS)."""
    return np.abs(rfft(frames * np.hanning(_FRAME).astype(np.float32), _FFT)) ** 2 @ _bands().T


@lru_cache
def _bands():
    """Triangles on the mel scale, shape (_BANDS, _FFT // 2 + 1)."""
    low, high = 2595 * np.log10(1 + np.array(_EDGES) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)[:, None]
    f = np.arange(_FFT // 2 + 1) * _RATE / _FFT
    widths = np.diff(edges, axis=0)
    sides = (f - edges[:-2]) / widths[:-1], (edges[2:] - f) / widths[1:]
    return np.maximum(0, np.minimum(*sides)).astype(np.float32)


@lru_cache
def _kernels():
    """Rise, and bulge, under a bell: both without a mean, shape (2, _SPAN)."""
    t = (np.arange(_SPAN) - _SPAN // 2) / _SPAN
    bell = np.cos(np.pi * t) ** 2
    bulge = np.cos(2 * np.pi * t) * bell
    kernels = np.stack([np.sin(2 * np.pi * t) * bell, bulge - bell * bulge.sum() / bell.sum()])
    return (kernels / np.linalg.norm(kernels, axis=1, keepdims=True)).astype(np.float32)


def near_pairs(fingerprints):
    """Pairs of clips that hold one and the same recording, however it was cut, coded or recorded again.

    A clip is found in a longer one; what they share must hold half a second of sound at the very least, and the more
    they differ the more. Of a crowd of some hundred copies with the same codes nothing is found. A practised speaker
    who says the same once more may reach a score of 0.8, a speech engine anything: listen before you call it a copy.

    Time grows with the number of clips, and a small part of it, the codes that are alike by chance, with its square.
    Memory is 36 bytes per code, 2.3 kB per second of audio, and 100 MB or so that do not grow.

    Args:
        fingerprints: list of what ``fingerprint`` gave.

    Returns:
        DataFrame with one row per pair, a before b: ``a, b`` (places in the list), ``offset`` (seconds into a at which
        b begins, negative where b begins first), ``score`` (share of equal bits where both have sound).
    """
    columns = ["a", "b", "offset", "score", "evidence"]
    index = _Index(fingerprints)
    found = [index.compare(candidates) for candidates in index.candidates()] if len(index.order) else []
    pairs = pd.DataFrame(np.concatenate([np.zeros((0, 5)), *found]), columns=columns)
    pairs = pairs.sort_values("evidence", kind="stable").drop_duplicates(["a", "b"], keep="last")
    pairs = pairs.sort_values(["a", "b"], ignore_index=True).astype({"a": int, "b": int})
    return pairs.assign(offset=pairs["offset"] * HOP).drop(columns="evidence")


class _Index:
    """The codes of all clips in a row, and those that have sound in order of their value."""

    def __init__(self, fingerprints):
        self.lengths = np.array([len(f) for f in fingerprints], np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.codes, self.marks = np.ascontiguousarray(np.concatenate([np.zeros((0, 2), np.uint32), *fingerprints]).T)
        self.clips = np.repeat(np.arange(len(fingerprints), dtype=np.int32), self.lengths)
        self.sounding = np.flatnonzero(self.marks & _SOUNDING).astype(np.int32)
        self.order = self.sounding[np.argsort(self.codes[self.sounding], kind="stable")]
        self.distinct, counts = np.unique(self.codes[self.order], return_counts=True)
        self.firsts = np.r_[0, np.cumsum(counts)].astype(np.int32)

    def candidates(self):
        """Yields clips a, clips b, offsets in codes, each int64 of shape (n,): where codes are all but equal."""
        longest = int(self.lengths.max())
        for one, other in self._hits():
            swap = self.clips[one] > self.clips[other]
            one, other = np.where(swap, other, one), np.where(swap, one, other)
            a, b = self.clips[one].astype(np.int64), self.clips[other].astype(np.int64)
            offset = (one - self.starts[a]) - (other - self.starts[b])
            apart = a != b
            keys = np.unique(((a * len(self.lengths) + b) * 2 * longest + offset + longest)[apart])
            pairs, offsets = np.divmod(keys, 2 * longest)
            yield *np.divmod(pairs, len(self.lengths)), offsets - longest

    def _hits(self):
        """Yields places of codes and of codes equal to them but for doubtful bits, at most about ``_HITS``."""
        subsets = np.array(list(product((0, 1), repeat=_DOUBTFUL)), np.uint32)
        step = _PROBES // len(subsets)
        for k in range(0, len(self.sounding), step):
            places = self.sounding[k : k + step]
            flips = np.uint32(1) << (self.marks[places, None] >> np.arange(0, 5 * _DOUBTFUL, 5, dtype=np.uint32) & 31)
            probes = self.codes[places, None] ^ (flips @ subsets.T)
            probes = probes.astype(np.uint64) << 32 | np.arange(len(places), dtype=np.uint64)[:, None]
            probes = np.sort(probes.ravel())  # for neighbours are found in the same part of memory
            values = (probes >> 32).astype(np.uint32)
            at = np.searchsorted(self.distinct[:-1], values)
            counts = self.firsts[at + 1] - self.firsts[at]
            known = (self.distinct[at] == values) & (counts <= _MOST_COMMON)
            at, counts, asked = at[known], counts[known], places[(probes[known] & 0xFFFFFFFF).astype(np.int64)]
            for part in _parts(counts, _HITS):
                yield asked[part].repeat(counts[part]), self.order[_ranges(self.firsts[at[part]], counts[part])]

    def compare(self, candidates):
        """Of candidates those that match: (a, b, offset, share of equal bits, evidence), shape (n, 5)."""
        a, b, offset = candidates
        low = np.maximum(0, offset)
        length = np.minimum(self.lengths[a], self.lengths[b] + offset) - low
        in_a, in_b = self.starts[a] + low, self.starts[b] + low - offset
        glances = length[:, None] * np.arange(1, 2 * _GLANCE, 2) // (2 * _GLANCE)
        wrong, heard = self._wrong(in_a[:, None] + glances, in_b[:, None] + glances)
        likely = (length >= _SHORTEST) & (wrong.sum(axis=1) <= _GLANCE_ERRORS * _BITS * heard.sum(axis=1))
        rows = [np.zeros((0, 5))]
        for part in _parts(length[likely], _CODES):
            kept = np.flatnonzero(likely)[part]
            n = length[kept]
            wrong, heard = self._wrong(_ranges(in_a[kept], n), _ranges(in_b[kept], n))
            wrong, heard = (np.add.reduceat(x, np.cumsum(n) - n, dtype=np.int64) for x in (wrong, heard))
            score = 1 - wrong / (_BITS * np.maximum(heard, 1))
            evidence = (score - 0.5) * np.sqrt(heard)
            same = (heard >= _SHORTEST) & (score >= _LEAST_SCORE) & (evidence >= _LEAST_EVIDENCE)
            rows.append(np.column_stack([a[kept], b[kept], offset[kept], score, evidence])[same])
        return np.concatenate(rows)

    def _wrong(self, one, other):
        """Bits that differ between codes at places, and whether both have sound: where not, none count."""
        heard = (self.marks[one] & self.marks[other] & _SOUNDING) > 0
        return np.bitwise_count(self.codes[one] ^ self.codes[other]) * heard, heard


def _parts(sizes, most):
    """Slices of sizes that add up to about ``most`` each."""
    ends = np.cumsum(sizes)
    cuts = np.searchsorted(ends, np.arange(most, ends[-1], most)) if len(ends) else []
    edges = np.unique([0, *cuts, len(sizes)])
    return [slice(low, high) for low, high in pairwise(edges)]


def _ranges(starts, counts):
    """start, start + 1 … of each start, as many as its count says, in one array."""
    return np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
