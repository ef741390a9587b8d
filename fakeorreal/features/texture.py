"""Statistics of the fine structure of speech, which synthesis changes and the channel does not.

Nothing here looks at how loud a band is on average, which is what a microphone or an equaliser sets. What is measured
is how the logarithmic spectrum moves: how fast its detail changes from frame to frame, how peaked and how lop-sided it
is, how its energy sits inside a frame, and which ripples the long-term spectrum has. numpy and scipy.fft only.
"""

import dataclasses
from functools import lru_cache

import numpy as np
from scipy.fft import dct, rfft

from fakeorreal.audio import SAMPLE_RATE, fit_length
from fakeorreal.errors import FakeOrRealError

VERSION = 2
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

_FLOOR = 1e-6  # power added to every bin, relative to that of loud frames: digital silence is no cue
_AUDIBLE = 4.0  # times the floor that a band must reach in its louder fifth of frames
_LEAST = SAMPLE_RATE // 2  # samples
_ACTIVE = 1e-4  # frames within 40 dB of loud ones
_BANDS, _SUBBANDS, _COEFFICIENTS = 32, 7, 24
_RESOLUTIONS = ((512, 128, (1, 2, 3, 5)), (1024, 256, (1, 2, 4)), (256, 64, (1, 2, 4, 8)))
"""Window, hop and lags, in samples, samples and hops: 32, 64 and 16 ms."""


@dataclasses.dataclass(frozen=True)
class SpectralTexture:
    """Statistics of log-spectral detail over the active frames of a window.

    Four groups: the spread of sub-band cepstra and of their differences at several lags, at three resolutions
    (sub-bands of 2 kHz that overlap by half); skewness, modulation spectrum, group delay, flatness and differences of
    32 bands; ripples of the long-term spectrum (imaging and checkerboard artefacts); and the movement of 4-ms spectra
    inside a pitch period.

    A measure of a band that holds no sound (band-limited recordings) is marked as not valid and is 0.

    Args:
        seconds: longer waveforms are cut to this length. Shorter ones are measured as they are, for repeating them
            would leave seams; only those below half a second are repeated to that.

    Output shape:
        ``(measures, 2)`` float32: value and 1 where it is valid, 0 elsewhere.

    Raises:
        FakeOrRealError: the waveform is empty, not mono, or not finite.

    Source: our own. Sub-band cepstra follow Sahidullah 2015 (Interspeech, "A comparison of features for synthetic
    speech detection"), which found dynamic cepstra to tell more than static ones.
    """

    seconds: float = 2.5

    sr = SAMPLE_RATE

    @property
    def shape(self):
        return (_measures(round(self.seconds * self.sr)), 2)

    def __call__(self, y):
        if y.ndim != 1 or not np.isfinite(y).all():
            raise FakeOrRealError(
                f"`y` must be a finite mono waveform of shape (n,). Received: shape {y.shape}. "
                "Read the file with fakeorreal.audio.read."
            )
        n = round(self.seconds * self.sr)
        y = fit_length(y, min(max(len(y), _LEAST), n))
        y = y - y.mean()
        y = y / max(np.sqrt((y**2).mean()), 1e-9)
        (n_fft, hop, lags), *others = _RESOLUTIONS
        spectrum = _LogSpectrum(y, n_fft, hop)
        audible = _audible_bands(spectrum)
        groups, bands = (
            [*_cepstral(spectrum, lags, audible)],
            [*_band_statistics(spectrum, audible, 1 + (n - n_fft) // hop)],
        )
        del spectrum  # one at a time: fresh memory takes longer than the arithmetic
        for n_fft, hop, lags in others:
            groups += _cepstral(_LogSpectrum(y, n_fft, hop), lags, audible)
        groups += [*bands, *_ripples(y, audible), *_short_time(y, audible)]
        values = np.concatenate([np.broadcast_to(value, ok.shape).ravel() for value, ok in groups])
        valid = np.concatenate([ok.ravel() for _, ok in groups])
        return np.stack([np.where(valid, values, 0), valid], axis=1).astype(np.float32)

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}


class _LogSpectrum:
    """Complex bins, power and log power ``(frames, bins)`` without 0 Hz, and which frames are active."""

    def __init__(self, y, n_fft, hop):
        self.bins = rfft(_frames(y, n_fft, hop), axis=1, overwrite_x=True)[:, 1:]
        self.power = np.abs(self.bins)
        self.power *= self.power
        level = self.power.mean(axis=1)
        self.loud = max(_percentile(level, 95), 1e-12)
        self.active = level > _ACTIVE * self.loud
        if self.active.sum() < 20:
            self.active[:] = True
        self.power += _FLOOR * self.loud
        self.log = np.log(self.power)

    def weights(self, lag=0):
        """Weights that average over frames that are active, as is the one ``lag`` before, or over all if few are."""
        both = self.active[lag:] & self.active[: len(self.active) - lag]
        if both.sum() <= 5:
            both[:] = True
        return both / both.sum(dtype=np.float32)


def _frames(y, length, hop):
    return np.lib.stride_tricks.sliding_window_view(y, length)[::hop] * _window(length)


@lru_cache(maxsize=8)
def _window(length):
    return (np.sin(np.pi * np.arange(length) / length) ** 2).astype(np.float32)


def _percentile(x, percent):
    """As np.percentile over the first axis, without its overhead."""
    x = np.sort(x, axis=0)
    position = np.float32(len(x) - 1) * np.float32(percent / 100)
    k = min(int(position), len(x) - 2)
    return x[k] + (x[k + 1] - x[k]) * (position - k)


def _band_means(x):
    """Means over 32 bands of equal width; (frames, bins) -> (frames, 32)."""
    width = x.shape[1] // _BANDS
    return (x.reshape(-1, width) @ np.full(width, 1 / width, np.float32)).reshape(-1, _BANDS)


def _audible_bands(spectrum):
    """Which of the 32 bands hold sound, a margin of one band below and above dead ones taken off; shape (32,)."""
    bands = _band_means(spectrum.power)[spectrum.active]
    alive = _percentile(bands, 80) > _AUDIBLE * _FLOOR * spectrum.loud
    around = np.pad(alive, 1, mode="edge")
    return around[:-2] & alive & around[2:]


def _cepstral(spectrum, lags, audible):
    """Spread of the cepstra of each sub-band, of their differences, and their peakedness; yields (value, valid)."""
    count, width = len(spectrum.log), spectrum.log.shape[1] // 4
    basis = _cosines(width)
    bands = np.lib.stride_tricks.sliding_window_view(spectrum.log, width, axis=1)[:, :: width // 2]
    cepstra = np.empty((count, _SUBBANDS, basis.shape[1]), np.float32)  # all sub-bands side by side: one pass a measure
    np.matmul(bands.swapaxes(0, 1), basis, out=cepstra.swapaxes(0, 1))
    cepstra = cepstra.reshape(count, -1)
    weights = spectrum.weights()
    cepstra -= weights @ cepstra
    spread = _spread(cepstra, weights)
    measures = [spread]
    measures += [_change(cepstra, spectrum, lag) / spread for lag in lags]
    measures.append(weights @ np.abs(cepstra) / spread + 1e-3)
    means = np.log(np.stack(measures)).reshape(len(measures), _SUBBANDS, _COEFFICIENTS, -1).mean(axis=3)
    for k in range(_SUBBANDS):
        yield means[:, k], np.full(means[:, k].shape, audible[4 * k : 4 * k + 8].all())


@lru_cache(maxsize=4)
def _cosines(width):
    """The orthonormal DCT-II as a matrix, without its constant, as far as it is used; (width, a multiple of 24)."""
    used = (width - 1) // _COEFFICIENTS * _COEFFICIENTS
    return np.ascontiguousarray(dct(np.eye(width), norm="ortho", axis=1)[:, 1 : 1 + used].astype(np.float32))


def _change(x, spectrum, lag):
    """Spread of the differences of (frames, columns) at a lag between frames that are both active."""
    return _spread(x[lag:] - x[:-lag], spectrum.weights(lag))


def _spread(x, weights):
    """Standard deviation over frames, kept above 0; (frames, columns) -> (columns,)."""
    return np.sqrt(weights @ (x - weights @ x) ** 2) + 1e-3


def _band_statistics(spectrum, audible, full):
    """Measures of 32 bands of 250 Hz, of a window that has ``full`` frames when it is whole; yields (value, valid)."""
    weights = spectrum.weights()
    power = _band_means(spectrum.power)
    level = np.log(power)
    centred = level - weights @ level
    spread = _spread(centred, weights)
    yield weights @ (centred * centred * centred) / spread**3, audible
    for lag in (1, 2, 4, 8):
        yield np.log(_change(level, spectrum, lag) / spread), audible

    modulation = np.abs(rfft(np.where(spectrum.active[:, None], centred, 0), full, axis=0)) ** 2
    edges = np.unique(np.geomspace(2, len(modulation), 11).astype(int))[:-1]
    share = np.add.reduceat(modulation, edges, axis=0) / (modulation.sum(axis=0) + 1e-9)
    yield np.log(share + 1e-5), np.broadcast_to(audible, share.shape)

    # The phase from bin to bin says where in the window the energy lies: its cosine, weighted by power.
    real, imag = spectrum.bins.real, spectrum.bins.imag
    step = np.zeros_like(spectrum.power)
    step[:, :-1] = real[:, 1:] * real[:, :-1]
    step[:, :-1] += imag[:, 1:] * imag[:, :-1]
    step[:, :-1] *= np.sqrt(spectrum.power[:, :-1] / spectrum.power[:, 1:])
    delay = -_band_means(step) / power
    yield weights @ delay, audible
    yield np.log(_spread(delay, weights)), audible

    flatness = _band_means(spectrum.log) - level
    yield np.log(_spread(flatness, weights)), audible


def _ripples(y, audible):
    """Regular ripples of the long-term spectrum below and above 4 kHz, and their depth; yields (value, valid)."""
    spectrum = _LogSpectrum(y, 2048, 512)
    mean = np.log(spectrum.weights() @ spectrum.power)
    fine = mean - np.convolve(mean, np.full(41, 1 / 41, np.float32), "same")
    for half, (low, high) in enumerate(((24, 480), (480, 1000))):
        part = fine[low:high]
        ripple = np.abs(rfft(part * np.hanning(len(part)).astype(np.float32)))
        ripple = ripple[: len(ripple) // 10 * 10].reshape(-1, 10).max(axis=1)
        ok = audible[16 * half : 16 * half + 15].all()
        yield np.log(np.r_[ripple, part.std()] + 1e-3), np.full(len(ripple) + 1, ok)


def _short_time(y, audible):
    """Movement of spectra of 4 ms every 1 ms, in 31 bands of 250 Hz; yields (value, valid)."""
    spectrum = _LogSpectrum(y, 64, 16)
    ok = audible[1:]
    for lag in (1, 5):
        yield np.log(_change(spectrum.log, spectrum, lag))[1:], ok
    weights = spectrum.weights()
    centred = spectrum.log - weights @ spectrum.log
    centred /= _spread(centred, weights)
    yield weights @ (centred[:, 9:] * centred[:, 1:-8]), ok[8:] & ok[:-8]
    yield (weights @ (centred * centred * centred))[1:], ok


@lru_cache(maxsize=4)
def _measures(n):
    """How many measures there are; noise of the length tells."""
    y = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    return len(SpectralTexture(n / SAMPLE_RATE)(y))
