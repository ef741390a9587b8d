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

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

_FLOOR = 1e-6  # power added to every bin, relative to that of loud frames: digital silence is no cue
_AUDIBLE = 4.0  # times the floor that a band must reach in its louder fifth of frames
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
        seconds: every waveform is cut or repeated to this length.

    Output shape:
        ``(measures, 2)`` float32: value and 1 where it is valid, 0 elsewhere.

    Raises:
        FakeOrRealError: the waveform is empty.

    Source: our own. Sub-band cepstra follow Sahidullah 2015 (Interspeech, "A comparison of features for synthetic
    speech detection"), which found dynamic cepstra to tell more than static ones.
    """

    seconds: float = 2.5

    sr = SAMPLE_RATE

    @property
    def shape(self):
        return (_measures(round(self.seconds * self.sr)), 2)

    def __call__(self, y):
        y = fit_length(y, round(self.seconds * self.sr))
        y = y - y.mean()
        y = y / max(np.sqrt((y**2).mean()), 1e-9)
        spectra = [_LogSpectrum(y, n_fft, hop) for n_fft, hop, _ in _RESOLUTIONS]
        audible = _audible_bands(spectra[0])
        groups = [
            group
            for spectrum, (*_, lags) in zip(spectra, _RESOLUTIONS, strict=True)
            for group in _cepstral(spectrum, lags, audible)
        ]
        groups += [*_band_statistics(spectra[0], audible), *_ripples(y, audible), *_short_time(y, audible)]
        values = np.concatenate([np.broadcast_to(value, ok.shape).ravel() for value, ok in groups])
        valid = np.concatenate([ok.ravel() for _, ok in groups])
        return np.stack([np.where(valid, values, 0), valid], axis=1).astype(np.float32)

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}


class _LogSpectrum:
    """Complex bins, power and log power ``(frames, bins)`` without 0 Hz, and which frames are active."""

    def __init__(self, y, n_fft, hop):
        self.bins = rfft(_frames(y, n_fft, hop), axis=1)[:, 1:]
        power = self.bins.real**2 + self.bins.imag**2
        level = power.mean(axis=1)
        self.loud = max(np.percentile(level, 95), 1e-12)
        self.active = level > _ACTIVE * self.loud
        if self.active.sum() < 20:
            self.active[:] = True
        self.power = power + _FLOOR * self.loud
        self.log = np.log(self.power)


def _frames(y, length, hop):
    return np.lib.stride_tricks.sliding_window_view(y, length)[::hop] * _window(length)


@lru_cache(maxsize=8)
def _window(length):
    return (np.sin(np.pi * np.arange(length) / length) ** 2).astype(np.float32)


def _audible_bands(spectrum):
    """Which of the 32 bands hold sound, a margin of one band below and above dead ones taken off; shape (32,)."""
    bands = spectrum.power.reshape(len(spectrum.power), _BANDS, -1).mean(axis=2)[spectrum.active]
    alive = np.percentile(bands, 80, axis=0) > _AUDIBLE * _FLOOR * spectrum.loud
    around = np.pad(alive, 1, mode="edge")
    return around[:-2] & alive & around[2:]


def _cepstral(spectrum, lags, audible):
    """Spread of the cepstra of each sub-band, of their differences, and their peakedness; yields (value, valid)."""
    width = spectrum.log.shape[1] // 4
    basis = _cosines(width)
    step = (width - 1) // _COEFFICIENTS
    for k in range(_SUBBANDS):
        start = k * width // 2
        cepstra = np.ascontiguousarray(spectrum.log[:, start : start + width]) @ basis
        ok = audible[4 * k : 4 * k + 8].all()
        active = cepstra[spectrum.active]
        spread = _spread(active)
        measures = [np.log(spread)]
        measures += [np.log(_spread(_differences(cepstra, spectrum.active, lag)) / spread) for lag in lags]
        measures.append(np.log(np.abs(active - active.mean(axis=0)).mean(axis=0) / spread + 1e-3))
        means = np.stack(measures)[:, : _COEFFICIENTS * step].reshape(len(measures), _COEFFICIENTS, step).mean(axis=2)
        yield means, np.full(means.shape, ok)


@lru_cache(maxsize=4)
def _cosines(width):
    """The orthonormal DCT-II as a matrix, without its constant; shape (width, width - 1)."""
    return np.ascontiguousarray(dct(np.eye(width), norm="ortho", axis=1)[:, 1:].astype(np.float32))


def _differences(x, active, lag):
    """Differences between frames that are both active, or between all where hardly any are."""
    both = active[lag:] & active[:-lag]
    change = x[lag:] - x[:-lag]
    return change[both] if both.sum() > 5 else change


def _spread(x):
    return x.std(axis=0) + 1e-3


def _band_statistics(spectrum, audible):
    """Measures of 32 bands of 250 Hz; yields (value, valid)."""
    count = len(spectrum.log)
    power = spectrum.power.reshape(count, _BANDS, -1).mean(axis=2)
    level = np.log(power)
    active = level[spectrum.active]
    centred = active - active.mean(axis=0)
    spread = _spread(active)
    yield (centred**3).mean(axis=0) / spread**3, audible
    for lag in (1, 2, 4, 8):
        yield np.log(_spread(_differences(level, spectrum.active, lag)) / spread), audible

    still = np.where(spectrum.active[:, None], level - active.mean(axis=0), 0)
    modulation = np.abs(rfft(still, axis=0)) ** 2
    edges = np.unique(np.geomspace(2, len(modulation), 11).astype(int))[:-1]
    share = np.add.reduceat(modulation, edges, axis=0) / (modulation.sum(axis=0) + 1e-9)
    yield np.log(share + 1e-5), np.broadcast_to(audible, share.shape)

    # The phase from bin to bin says where in the window the energy lies: its cosine, weighted by power.
    step = -(spectrum.bins[:, 1:] * spectrum.bins[:, :-1].conj()).real
    step /= np.sqrt(spectrum.power[:, 1:] * spectrum.power[:, :-1])
    weighted = np.pad(step, ((0, 0), (0, 1))) * spectrum.power
    delay = weighted.reshape(count, _BANDS, -1).mean(axis=2)[spectrum.active] / power[spectrum.active]
    yield delay.mean(axis=0), audible
    yield np.log(_spread(delay)), audible

    flatness = spectrum.log.reshape(count, _BANDS, -1).mean(axis=2) - level
    yield np.log(_spread(flatness[spectrum.active])), audible


def _ripples(y, audible):
    """Regular ripples of the long-term spectrum below and above 4 kHz, and their depth; yields (value, valid)."""
    spectrum = _LogSpectrum(y, 2048, 512)
    mean = np.log(spectrum.power[spectrum.active].mean(axis=0))
    fine = mean - np.convolve(mean, np.full(41, 1 / 41), "same")
    for half, (low, high) in enumerate(((24, 480), (480, 1000))):
        part = fine[low:high]
        ripple = np.abs(rfft(part * np.hanning(len(part))))
        ripple = ripple[: len(ripple) // 10 * 10].reshape(-1, 10).max(axis=1)
        ok = audible[16 * half : 16 * half + 15].all()
        yield np.log(np.r_[ripple, part.std()] + 1e-3), np.full(len(ripple) + 1, ok)


def _short_time(y, audible):
    """Movement of spectra of 4 ms every 1 ms, in 31 bands of 250 Hz; yields (value, valid)."""
    spectrum = _LogSpectrum(y, 64, 16)
    log, ok = spectrum.log[:, 1:], audible[1:]
    for lag in (1, 5):
        yield np.log(_spread(_differences(log, spectrum.active, lag))), ok
    active = log[spectrum.active]
    centred = (active - active.mean(axis=0)) / _spread(active)
    yield (centred[:, 8:] * centred[:, :-8]).mean(axis=0), ok[8:] & ok[:-8]
    yield (centred**3).mean(axis=0), ok


@lru_cache(maxsize=4)
def _measures(n):
    """How many measures there are; noise of the length tells."""
    y = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    return len(SpectralTexture(n / SAMPLE_RATE)(y))
