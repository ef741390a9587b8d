"""What generators leave behind on average, over 1-s frames of many utterances, against real speech.

Three fingerprints: the mean spectrum, the mean wavelet packets, and the tones whose phase is the same in every file.
Sums are streamed, one group (utterance) at a time, so that memory does not grow with the corpus. Intervals are over
groups: the frames of one are not independent, and a vocoded copy is compared with the recording it was made of.
"""

from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import pandas as pd
from scipy.ndimage import median_filter
from scipy.stats import t as student
from tqdm import tqdm

from fakeorreal import audio
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.wavelet_packets import packets
from fakeorreal.synthesis.pitch import F0_MAX, F0_MIN

HUMAN = "human"
"""The generator of real clips."""

PACKET_LEVEL = 14
BAND = 500  # Hz, of the mean energy
DOUBT = 0.05  # chance that an interval, or the search of a whole spectrum, is wrong anywhere
NEIGHBOURHOOD = 200  # Hz around a spike
SPIKE = 6.0  # robust standard deviations of the neighbourhood

_BATCH = 8  # frames held at a time; packets hold several times as much
_AUDIBLE = 20  # Hz
_PERIODS, _FADE = 3, 0.1  # s
_RMS, _PEAK = 10 ** (-30 / 20), 0.5  # of full scale
_PITCH_GROUPS, _PITCH_FRAMES = 200, 10
_VOICED = 10 ** (-20 / 20)  # of the loudest moment


class Fingerprint(NamedTuple):
    """Mean magnitudes of every generator, and how they differ from those of real speech.

    All are DataFrames indexed by ``frequency`` in Hz.

    Attributes:
        mean: a column per generator, ``human`` first.
        difference: dB to ``human``, a column per other generator.
        low: end of the interval of the difference, likewise.
        high: likewise. With 95 % no frequency at all lies outside by chance (Bonferroni; Student's t over groups).
    """

    mean: pd.DataFrame
    difference: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame


class PhaseLocking(NamedTuple):
    """How far the phase at the beginning of the file is the same in all utterances.

    Attributes:
        strength: DataFrame indexed by ``frequency`` in Hz, a column per generator: length of the sum of unit vectors,
            one per group, over the square root of their number. About 1 by chance; at most that square root.
        limit: Series by generator: with 95 % no frequency at all exceeds it by chance (Rayleigh test, Bonferroni).
    """

    strength: pd.DataFrame
    limit: pd.Series


def fingerprints(corpus, *, sr):
    """Mean magnitudes of the spectrum and of the level-14 Haar packets of every generator.

    The interval is linearised (delta method) from the sums of each group: what a bootstrap over groups would give, but
    without drawing. What a recording and its copies share, being in one group, cancels.

    Args:
        corpus: table of frames of 1 s (see ``fakeorreal.corpora``), of ``human`` and at least one other generator.
        sr: rate in Hz to read at.

    Returns:
        dict of Fingerprint: ``mean spectrum``, amplitudes of the bins of |rFFT| in full scale, and ``haar packets``,
        magnitudes of the coefficients in frequency order.

    Raises:
        FakeOrRealError: no real or no fake frames, fewer than 2 groups, a frame that is not 1 s or cannot be read, a
            generator that is silent at a frequency.

    Source: gan-police, ``fingerprints.py``, which takes the packets alike, but the spectrum of the averaged waveform:
    for what that finds, see ``phase_locking``.
    """
    bins = sr // 2 + 1

    def describe(frames):
        spectrum = np.abs(np.fft.rfft(frames)) * 2 / sr
        return np.concatenate([spectrum, np.abs(packets(frames, "haar", PACKET_LEVEL)).mean(axis=2)], axis=1)

    moments = _moments(corpus, sr, describe)
    centres = (np.arange(2**PACKET_LEVEL) + 0.5) * sr / 2 ** (PACKET_LEVEL + 1)
    return {
        "mean spectrum": _fingerprint(moments, slice(bins), np.arange(bins), 20),
        "haar packets": _fingerprint(moments, slice(bins, None), centres, 20),
    }


def mean_energy(corpus, *, sr):
    """Mean power of every generator in bands of 500 Hz; the highest also holds what remains up to sr / 2.

    Args, Raises: as ``fingerprints``.

    Returns:
        Fingerprint, indexed by the centre of the band; ``mean`` is the mean square of the band, in full scale.
    """
    edges = np.arange(0, sr // 2 // BAND * BAND, BAND)

    def describe(frames):
        power = np.abs(np.fft.rfft(frames)) ** 2 * 2 / sr**2
        power[:, [0, -1]] /= 2  # these bins have no twin at a negative frequency
        return np.add.reduceat(power, edges, axis=1)

    return _fingerprint(_moments(corpus, sr, describe), slice(None), edges + BAND / 2, 10)


def spikes(fingerprint):
    """The frequencies at which a generator stands out from its neighbourhood, on the scale of the difference in dB.

    A spike is more than 6 robust standard deviations (1.4826 times the median absolute one, of 200 Hz around) from the
    median of these 200 Hz, and further from it than the interval is wide, so that no single utterance makes one.
    Neighbouring frequencies are one spike.

    Args:
        fingerprint: a ``Fingerprint``.

    Returns:
        DataFrame ``generator, frequency`` (of the peak), ``low, high`` (Hz, ends of the spike), ``difference`` (dB to
        real), ``height`` (dB to the neighbourhood; negative for a notch), ``z``.
    """
    frequency = fingerprint.difference.index.to_numpy()
    width = 2 * round(NEIGHBOURHOOD / (frequency[1] - frequency[0]) / 2) + 1
    rows = []
    for generator, difference in fingerprint.difference.items():
        difference = difference.to_numpy()
        height = difference - median_filter(difference, width)
        z = height / (1.4826 * median_filter(np.abs(height), width) + 1e-9)
        reach = (fingerprint.high[generator] - fingerprint.low[generator]).to_numpy() / 2
        rows += [
            (generator, frequency[k], frequency[first], frequency[last], difference[k], height[k], z[k])
            for first, last, k in _runs((np.abs(z) > SPIKE) & (np.abs(height) > reach), np.abs(height))
        ]
    return pd.DataFrame(rows, columns=["generator", "frequency", "low", "high", "difference", "height", "z"])


def phase_locking(corpus, *, sr):
    """Tones that begin with the same phase in every file, as frames laid on a fixed grid leave them.

    The first frame of each file in the corpus is taken; where its utterance begins in speech differs, but the grid of
    a vocoder begins with the file. Of the published fingerprint, the spectrum of the averaged waveform, this keeps the
    phases alone, for which chance is known whatever the levels.

    Args, Raises: as ``fingerprints``; silence and single generators are allowed.

    Returns:
        PhaseLocking.

    Source: gan-police, ``fingerprints.py``; Rayleigh test: Zar, Biostatistical Analysis.
    """
    first = corpus.sort_values("start", kind="stable").drop_duplicates("path")
    sums, counts = {}, {}
    for found in _by_group(first, sr, np.fft.rfft):
        for generator, (_, total) in found.items():
            unit = total / np.maximum(np.abs(total), np.finfo(float).tiny)
            sums[generator] = sums.get(generator, 0) + unit
            counts[generator] = counts.get(generator, 0) + 1
    order = _in_order(sums)
    strength = pd.DataFrame({name: np.abs(sums[name]) / np.sqrt(counts[name]) for name in order})
    strength.iloc[[0, -1]] /= np.sqrt(2)  # their phase is 0 or pi, which agree more easily
    limit = pd.Series({name: _rayleigh_limit(counts[name], len(strength)) for name in order})
    return PhaseLocking(strength.rename_axis("frequency"), limit)


def locked_tones(locking):
    """The frequencies that exceed the limit of a ``PhaseLocking``; neighbouring ones are one tone.

    Returns:
        DataFrame ``generator, frequency`` (of the strongest), ``low, high`` (Hz, ends), ``strength``.
    """
    frequency = locking.strength.index.to_numpy()
    rows = [
        (generator, frequency[k], frequency[first], frequency[last], strength[k])
        for generator, strength in ((name, column.to_numpy()) for name, column in locking.strength.items())
        for first, last, k in _runs(strength > locking.limit[generator], strength)
    ]
    return pd.DataFrame(rows, columns=["generator", "frequency", "low", "high", "strength"])


def write_audible(fingerprint, folder, *, sr, seed=0):
    """Write what each generator has more of than real speech, as a sound: ``<generator>.wav``.

    The spectrum is the mean of the generator less that of real speech where the interval says it is more, from 20 Hz
    up. Three periods of 1 s follow each other, so that its tones stay tones, at their frequencies to the hertz. The
    phases are random, for equal phases would pile everything up in one click a second. The level is -30 dBFS (RMS), or
    less where peaks would pass 0.5, with fades of 0.1 s.

    Args:
        fingerprint: the ``mean spectrum`` of ``fingerprints``.
        folder: where to write; made if missing.
        sr: rate in Hz of the corpus it was made of.
        seed: of the phases, the same for every generator.

    Returns:
        dict generator → Path; a generator that adds nothing beyond chance has no file.

    Source: gan-police, ``fingerprints.py``, which writes the inverse transform of the averaged *waveform*.
    """
    phases = np.exp(2j * np.pi * np.random.default_rng(seed).random(len(fingerprint.mean)))
    ramp = np.minimum(1, (np.arange(_PERIODS * sr) + 0.5) / (_FADE * sr))
    fade = np.sin(np.pi / 2 * ramp * ramp[::-1]) ** 2
    written = {}
    for generator in fingerprint.difference:
        more = (fingerprint.mean[generator] - fingerprint.mean[HUMAN]).to_numpy()
        heard = (fingerprint.low[generator] > 0).to_numpy() & (fingerprint.mean.index >= _AUDIBLE)
        if heard.any():
            y = np.tile(np.fft.irfft(np.where(heard, more, 0) * phases, sr), _PERIODS)
            y *= fade * min(_RMS / np.sqrt(np.mean(y**2)), _PEAK / np.abs(y).max())
            written[generator] = Path(folder) / f"{generator}.wav"
            audio.write(written[generator], y, sr=sr)
    return written


def pitch(corpus, *, sr, seed=0):
    """The pitch of utterances: median of YIN between 70 and 400 Hz over the loud moments.

    YIN names a pitch where there is none as well; moments more than 20 dB below the loudest of a frame of 1 s, mostly
    pauses and unvoiced sounds, are left out.

    Args:
        corpus: as for ``fingerprints``; of each generator, the first 10 frames of 200 groups are taken.
        sr: rate in Hz to read at.
        seed: draws the groups, the same for every generator.

    Returns:
        DataFrame ``generator, group, pitch`` (Hz), ``human`` first.

    Source: gan-police, which shows medians of ``librosa.yin``; de Cheveigné and Kawahara 2002.
    """
    groups = np.unique(corpus["group"])
    drawn = np.random.default_rng(seed).permutation(groups)[:_PITCH_GROUPS]
    length, hop = 4 * sr // int(F0_MIN), sr // 100
    rows = []
    for (group, generator), frames in corpus[corpus["group"].isin(drawn)].groupby(["group", "generator"], sort=True):
        found = []
        for y in _read(frames.sort_values("clip").head(_PITCH_FRAMES), sr):
            f0 = librosa.yin(y, fmin=F0_MIN, fmax=F0_MAX, sr=sr, frame_length=length, hop_length=hop)
            level = librosa.feature.rms(y=y, frame_length=length, hop_length=hop)[0]
            found.append(f0[level > _VOICED * level.max()])
        found = np.concatenate(found)
        if len(found):
            rows.append((generator, group, np.median(found)))
    table = pd.DataFrame(rows, columns=["generator", "group", "pitch"])
    order = _in_order(table["generator"].unique())
    return table.sort_values("generator", key=lambda names: names.map(order.index), kind="stable", ignore_index=True)


def _rayleigh_limit(n, tests):
    """What the strength of n unit vectors exceeds by chance in one of some tests, with ``DOUBT`` in all."""
    q = np.log(tests / DOUBT)  # Zar: log p = sqrt(1 + 4 n + 4 n (n - strength ** 2)) - (1 + 2 n)
    return np.sqrt(q * (2 + 4 * n - q) / (4 * n)) if q < 1 + 2 * n else np.inf


def _in_order(generators):
    return sorted(generators, key=lambda name: (name != HUMAN, name))


def _runs(mask, size):
    """(first, last, index of the greatest size) of every run of True."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return [(a, b - 1, a + int(np.argmax(size[a:b]))) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _read(rows, sr):
    """The frames of some rows, float32, shape (sr,) each."""
    for row in rows.itertuples():
        y = audio.read(row.path, sr=sr, start=row.start, end=row.end)
        if len(y) != sr:
            raise FakeOrRealError(f"{row.clip}: must be a frame of 1 s. Received: {len(y) / sr:g} s. Cut frames first.")
        yield y


def _by_group(corpus, sr, describe):
    """Yield, group by group, generator → (number of frames, sum of what ``describe`` makes of them)."""
    for _, group in tqdm(corpus.groupby("group", sort=True), desc="fingerprints", unit="utterance"):
        found = {}
        for generator, rows in group.groupby("generator", sort=True):
            batches = (rows.iloc[k : k + _BATCH] for k in range(0, len(rows), _BATCH))
            found[generator] = len(rows), sum(describe(np.stack(list(_read(b, sr)))).sum(axis=0) for b in batches)
        yield found


def _moments(corpus, sr, describe):
    """Per fake generator: number of groups, sums over groups, and sums of products.

    Of a group count (sum, count) of the generator and of real speech: 4 rows, and 4 × 4 products, of every value that
    ``describe`` gives.
    """
    generators = set(corpus["generator"])
    if HUMAN not in generators or len(generators) < 2:
        raise FakeOrRealError(
            f"a corpus needs frames of {HUMAN!r} and of another generator. Received: {', '.join(sorted(generators))}."
        )
    moments = {name: [0, 0.0, 0.0] for name in _in_order(generators)[1:]}
    for found in _by_group(corpus, sr, describe):
        for name, moment in moments.items():
            if name in found or HUMAN in found:
                parts = [part for key in (name, HUMAN) for part in found.get(key, (0, 0.0))[::-1]]
                rows = np.stack(np.broadcast_arrays(*parts)).astype(float)
                for k, value in enumerate((1, rows, rows[:, None] * rows)):
                    moment[k] = moment[k] + value
    return moments


def _fingerprint(moments, part, frequency, decibel):
    """The fingerprint of the values in a slice; ``decibel`` is 20 for magnitudes and 10 for power."""
    scale = decibel / np.log(10)
    mean, difference, reach = {}, {}, {}
    for name, (groups, sums, products) in moments.items():
        if groups < 2:
            raise FakeOrRealError(f"intervals need at least 2 groups. Received: {groups} of {name!r}. Take more.")
        total, count, real_total, real_count = sums[:, part]
        mean[HUMAN], mean[name] = real_total / real_count, total / count
        for who in (HUMAN, name):
            if not mean[who].all():
                hz = frequency[np.argmin(mean[who])]
                raise FakeOrRealError(f"{who!r} holds nothing at {hz:g} Hz. Leave digital silence out.")
        difference[name] = scale * np.log(mean[name] / mean[HUMAN])
        # what a group adds to the logarithm of the ratio of means, to first order, is its row of sums times these
        slope = np.stack([1 / total, -1 / count, -1 / real_total, 1 / real_count])
        variance = np.einsum("ib,ijb,jb->b", slope, products[..., part], slope) * groups / (groups - 1)
        reach[name] = scale * student.ppf(1 - DOUBT / 2 / len(slope[0]), groups - 1) * np.sqrt(variance.clip(0))
    tables = (mean, difference, *({k: difference[k] + sign * reach[k] for k in reach} for sign in (-1, 1)))
    return Fingerprint(*(pd.DataFrame(t, pd.Index(frequency, name="frequency")) for t in tables))
