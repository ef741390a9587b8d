"""What a recording holds besides the question of real or fake: speech, silence, clipping, bandwidth, music.

Clipping is counted in the file's own samples. All else is measured at 16 kHz on frames of 20 ms, second by second;
50 levels a second, a sum of spectra and one yes or no are kept. ``warnings`` turns the measures into sentences.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fakeorreal.audio import SAMPLE_RATE

FRAME = 320  # samples at 16 kHz: 20 ms
_TAPER = np.hanning(FRAME).astype(np.float32)
_BIN = SAMPLE_RATE / FRAME  # Hz
_VOICE = slice(4, 77)  # bins: 200 to 3,800 Hz, where any telephone carries speech

_FULL_SCALE, _RUN = 0.999, 3
_SILENT, _FAR_BELOW = -60.0, 40.0  # dBFS; dB below the loud frames
_ABOVE_NOISE, _BELOW_LOUD = 7.0, 30.0  # dB
_DEPTH = 50.0  # dB

_TONE_FFT, _TONE_HOP = 2048, 512  # bins of 7.8 Hz, frames every 32 ms
_TONES = slice(38, 513)  # bins: 300 to 4,000 Hz; below, voices too hold a pitch
_TONE_HEIGHT, _TONE_AROUND = 10 ** (8 / 20), 15  # over the mean magnitude of so many bins to each side
_TONE_DEPTH = 10 ** (-40 / 20)  # of the loudest bin; side lobes of a single tone lie below
_TONE_FRAMES = 8  # a quarter of a second
_TONE_SHARE, _TONE_COUNT = 0.25, 1.5


class Clipping:
    """Share of samples that lie in runs of at least 3 beyond 99.9 % of full scale.

    A wave that was not clipped touches full scale at its highest peak only. All channels count; a run that the border
    of two blocks cuts is counted short by at most two samples a side.
    """

    def __init__(self):
        self._clipped = self._total = 0

    def watch(self, blocks):
        """Hand on blocks (n, channels) at the file's own rate, counting."""
        for block in blocks:
            self._total += block.size
            full = np.abs(block) >= _FULL_SCALE
            if full.any() and len(full) >= _RUN:
                starts = sliding_window_view(full, _RUN, axis=0).all(axis=-1)
                self._clipped += int(_spread(starts, _RUN).sum())
            yield block

    @property
    def share(self):
        return self._clipped / max(self._total, 1)


class Content:
    """What a 16-kHz waveform of at least one frame holds, measured while its blocks pass by.

    The properties may be read once ``watch`` has come to its end.
    """

    def __init__(self):
        self._levels, self._musical = [], []
        self._spectrum = np.zeros(FRAME // 2 + 1)

    def watch(self, blocks):
        """Hand on blocks (n,), measuring."""
        held = np.zeros(0, np.float32)
        for block in blocks:
            yield block
            held = np.concatenate([held, block])
            whole = len(held) // SAMPLE_RATE * SAMPLE_RATE
            for second in held[:whole].reshape(-1, SAMPLE_RATE):
                self._measure(second)
                self._musical.append(is_musical(second))
            held = held[whole:]
        self._measure(held)

    def _measure(self, y):
        frames = y[: len(y) // FRAME * FRAME].reshape(-1, FRAME)
        frames = (frames - frames.mean(axis=1, keepdims=True)) * _TAPER  # rounding would lift an offset above silence
        power = np.abs(np.fft.rfft(frames)) ** 2
        self._spectrum += power.sum(axis=0)
        mean_square = 2 * power[:, _VOICE].sum(axis=1) / (FRAME * np.sum(_TAPER**2))
        self._levels.append(10 * np.log10(mean_square + 1e-12))

    @property
    def levels(self):
        """dBFS of each 20-ms frame between 200 and 3,800 Hz, shape (frames,)."""
        return np.concatenate(self._levels)

    @property
    def speech(self):
        """bool, shape (frames,): where speech may be.

        A frame counts when at least three of the five around it are within 30 dB of the loud frames (the level that
        half a second, or a twentieth of a short recording, reaches), above -60 dBFS, and 7 dB above the background
        (the level that all but a twentieth exceed). Steady noise never leaves its own background, so none is speech;
        of speech in 5 dB of noise about half is still found. A barking dog counts.
        """
        levels = self.levels
        floor = max(_loud(levels) - _BELOW_LOUD, _SILENT, np.percentile(levels, 5) + _ABOVE_NOISE)
        return np.convolve(levels > floor, np.ones(5), "same") >= 3

    @property
    def silence(self):
        """Share of frames below -60 dBFS or 40 dB below the loud ones."""
        levels = self.levels
        return float(np.mean(levels < max(_SILENT, _loud(levels) - _FAR_BELOW)))

    @property
    def bandwidth(self):
        """Hz: the highest frequency at which the mean power spectrum is within 50 dB of its maximum above 200 Hz.

        Speech once sampled at 8 kHz ends below 4,000 Hz whatever its rate now; other speech as a rule passes 5,500 Hz.
        """
        audible = self._spectrum > 10 ** (-_DEPTH / 10) * self._spectrum[_VOICE.start :].max()
        return float(np.flatnonzero(audible)[-1] * _BIN) if audible.any() else 0.0

    @property
    def music(self):
        """Whether at least three seconds, and half of all, are musical."""
        return sum(self._musical) >= max(3, len(self._musical) / 2)


def is_musical(y):
    """Whether tones that hold their pitch carry a second of audio: instruments and singing do, speech glides.

    A tone is a peak of the spectrum between 300 and 4,000 Hz, 8 dB above its surroundings and at most 40 dB below the
    strongest, that stays within a bin (8 Hz) from frame to frame for a quarter of a second. Musical: a quarter of the
    power there belongs to such tones, and on average more than 1.5 of them sound at once. Drums alone, and music
    softer than the voice over it, are not found; a car horn is.

    Args:
        y: float32 at 16 kHz, shape (16000,).
    """
    frames = sliding_window_view(y, _TONE_FFT)[::_TONE_HOP] * np.hanning(_TONE_FFT).astype(np.float32)
    magnitude = np.abs(np.fft.rfft(frames))[:, _TONES.start - 1 : _TONES.stop + 1]
    middle = magnitude[:, 1:-1]
    peaks = (middle > magnitude[:, :-2]) & (middle >= magnitude[:, 2:])
    near = np.pad(middle, ((0, 0), (_TONE_AROUND + 1, _TONE_AROUND)), mode="reflect").cumsum(axis=1)
    width = 2 * _TONE_AROUND + 1
    peaks &= middle * width > _TONE_HEIGHT * (near[:, width:] - near[:, :-width])
    peaks &= middle > _TONE_DEPTH * middle.max(axis=1, keepdims=True)
    peaks[:, 1:-1] |= peaks[:, :-2] | peaks[:, 2:]
    starts = sliding_window_view(peaks, _TONE_FRAMES, axis=0).all(axis=-1)
    tones = np.diff(starts.astype(np.int8), axis=1, prepend=0) == 1
    power = middle**2
    share = power[_spread(starts, _TONE_FRAMES)].sum() / max(power.sum(), 1e-12)
    return bool(share >= _TONE_SHARE and tones.sum(axis=1).mean() >= _TONE_COUNT)


def _spread(starts, length):
    """From where runs of ``length`` rows start to all the rows they cover, shape (n + length - 1, …)."""
    covered = np.zeros((len(starts) + length - 1, *starts.shape[1:]), bool)
    for k in range(length):
        covered[k : k + len(starts)] |= starts
    return covered


def _loud(levels):
    return np.sort(levels)[-min(25, -(-len(levels) // 20))]


def warnings(clipping, content):
    """Sentences for what makes a verdict less certain.

    Args:
        clipping: `Clipping`, watched to the end.
        content: `Content`, watched to the end.

    Returns:
        tuple of str.
    """
    spoken = content.speech.sum() * FRAME / SAMPLE_RATE
    found = (
        (clipping.share >= 1e-3, f"{100 * clipping.share:.1f} % of the samples are clipped; distortion can mislead."),
        (spoken < 1, f"Under 1 s of speech ({spoken:.1f} s): little to judge by."),
        (content.silence > 0.5, f"Mostly silence ({100 * content.silence:.0f} %)."),
        (
            content.bandwidth <= 4100,
            f"Nothing above {content.bandwidth:.0f} Hz, as on a telephone or at a rate of 8 kHz: traces of synthesis "
            "that lie higher are lost.",
        ),
        (content.music, "Sounds like music or singing; the detector knows speech."),
    )
    return tuple(sentence for holds, sentence in found if holds)
