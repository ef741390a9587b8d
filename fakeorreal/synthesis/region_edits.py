"""Editing regions of a clip: taken out, made anew, as loud as before, the seams cross-faded.

As in FakeSound (Xie et al. 2024), where a key region is masked, inpainted and brought to full band; here by
methods that need no trained generator.
"""

import librosa
import numpy as np
from scipy.signal import fftconvolve, lfilter

from fakeorreal.audio import fit_length, resample
from fakeorreal.channels import at_bit_rate, to_length
from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.resynthesis import invert_mel, leave_images
from fakeorreal.synthesis.vocoders import copy_synthesis

SHORTEST = 0.05  # seconds of a region: what copy synthesis needs
_CONTEXT = 0.3  # seconds on each side of a region whose spectrum fills it
_LEAST = 0.2  # seconds that resynthesis needs
_ORDER = 18  # of linear prediction
_NOISE = 3.0  # dB below the region that denoising adds
_DRAWS = 8  # stretches of a donor, of which the loudest is taken


def mel_inversion(y, start, stop, *, sr, rng, donor=None):
    """The region from its magnitudes, as bands of mel or not, see `resynthesis.invert_mel`."""
    return _within(invert_mel, y, start, stop, sr=sr, rng=rng)


def imaging(y, start, stop, *, sr, rng, donor=None):
    """The region as imperfect upsampling leaves it, see `resynthesis.leave_images`."""
    return _within(leave_images, y, start, stop, sr=sr, rng=rng)


def noise_lpc(y, start, stop, *, sr, rng, donor=None):
    """Noise with the spectra of what lies before and after, one fading into the other, and the region's own level."""
    n, size = stop - start, round(_CONTEXT * sr)
    contexts = y[max(start - size, 0) : start], y[stop : stop + size]
    before, after = (_shaped_noise(c if len(c) >= SHORTEST * sr else y[start:stop], n, rng) for c in contexts)
    turn = np.linspace(0, np.pi / 2, n)
    window = np.hanning(round(0.05 * sr))
    contour = np.sqrt(np.maximum(fftconvolve(np.square(y[start:stop], dtype=float), window / window.sum(), "same"), 0))
    return contour * (np.cos(turn) * before + np.sin(turn) * after)


def splice(y, start, stop, *, sr, rng, donor=None):
    """A stretch of another clip."""
    if donor is None:
        raise FakeOrRealError("`donor` must be a clip to splice from. Received: None. Choose another method.")
    if not len(donor):
        raise FakeOrRealError("`donor` must hold samples. Received: 0. Leave it out.")
    n = stop - start
    donor = fit_length(donor, max(len(donor), n))
    stretches = [donor[k : k + n] for k in rng.integers(len(donor) - n + 1, size=_DRAWS)]
    return max(stretches, key=_rms)


def lpc_vocoder(y, start, stop, *, sr, rng, donor=None):
    """The region by linear prediction (Atal and Hanauer 1971)."""
    return copy_synthesis(y[start:stop], "lpc", sr=sr, seed=int(rng.integers(2**31)))


def cepstral_vocoder(y, start, stop, *, sr, rng, donor=None):
    """The region by a cepstral envelope and mixed excitation (Oppenheim 1969)."""
    return copy_synthesis(y[start:stop], "cepstral", sr=sr, seed=int(rng.integers(2**31)))


def harmonic_vocoder(y, start, stop, *, sr, rng, donor=None):
    """The region as sinusoids and noise (Serra and Smith 1990)."""
    return copy_synthesis(y[start:stop], "harmonic-noise", sr=sr, seed=int(rng.integers(2**31)))


def reversal(y, start, stop, *, sr, rng, donor=None):
    """The region backwards."""
    return y[start:stop][::-1]


def denoising(y, start, stop, *, sr, rng, donor=None):
    """White noise added, then taken out by spectral subtraction (Boll 1979), and with it all that is fainter.

    Subtraction alone would leave a clean recording as it is.
    """
    region = y[start:stop]
    noise = rng.standard_normal(len(region)) * _rms(region) * 10 ** (-_NOISE / 20)
    noisy, alone = (librosa.stft(x, n_fft=512, hop_length=128) for x in (region + noise, noise))
    floor = np.mean(np.abs(alone) ** 2, axis=1, keepdims=True)
    gain = np.sqrt(np.clip(1 - 5 * floor / np.maximum(np.abs(noisy) ** 2, 1e-12), 1e-3, 1))
    return librosa.istft(gain * noisy, n_fft=512, hop_length=128, length=len(region))


def stretching(y, start, stop, *, sr, rng, donor=None):
    """The region made slower or faster by a phase vocoder (Flanagan and Golden 1966), and back again."""
    rate = rng.uniform(1.1, 1.4) ** rng.choice([-1, 1])
    there = librosa.effects.time_stretch(y[start:stop], rate=rate, n_fft=512)
    return to_length(librosa.effects.time_stretch(there, rate=1 / rate, n_fft=512), stop - start)


def coding(y, start, stop, *, sr, rng, donor=None):
    """The region through a codec of few bits, as if it came from elsewhere."""
    codec = str(rng.choice(["mp3", "opus"]))
    return at_bit_rate(y[start:stop], sr=sr, codec=codec, bit_rate=1000 * int(rng.integers(8, 20, endpoint=True)))


EDITS = {
    "mel-inversion": mel_inversion,
    "imaging": imaging,
    "noise-lpc": noise_lpc,
    "splice": splice,
    "reversal": reversal,
    "denoising": denoising,
    "stretching": stretching,
    "coding": coding,
    "lpc-vocoder": lpc_vocoder,
    "cepstral-vocoder": cepstral_vocoder,
    "harmonic-vocoder": harmonic_vocoder,
}
"""Ways to make samples [start, stop) of a clip anew: (y, start, stop, *, sr, rng, donor) → shape (stop - start,)."""


def edit_region(y, regions, method, *, sr, rng, donor=None, extend=False, fade=0.02):
    """Make regions of a clip anew.

    Args:
        y: float32, shape (n,).
        regions: list of (start, end) in samples, half-open, not overlapping.
        method: a key of ``EDITS``.
        sr: rate in Hz.
        rng: numpy Generator.
        donor: clip to splice from, float32, shape (m,), at the same rate; the other methods need none.
        extend: whether the upper half of the band is made from the lower, too; see `extend_band`.
        fade: seconds before and after a region in which the clip turns into the new samples and back.

    Returns:
        float32, shape (n,): bit by bit ``y`` further than ``fade`` from any region.

    Raises:
        FakeOrRealError: unknown method, no donor to splice from, or a region outside the clip or below 50 ms.

    Source: Xie et al. 2024, "FakeSound: Deepfake General Audio Detection".
    """
    if method not in EDITS:
        raise FakeOrRealError(f"`method` must be one of {', '.join(EDITS)}. Received: {method!r}.")
    out = np.array(y, np.float32)
    ramp = round(fade * sr)
    for start, stop in regions:
        if start < 0 or stop > len(y) or stop - start < SHORTEST * sr:
            raise FakeOrRealError(
                f"a region must lie in the clip and last at least {SHORTEST * 1000:g} ms. Received: samples {start} to "
                f"{stop} of {len(y)} at {sr} Hz."
            )
        first, last = max(start - ramp, 0), min(stop + ramp, len(y))
        old = out[first:last]
        new = np.asarray(EDITS[method](out, first, last, sr=sr, rng=rng, donor=donor), np.float32)
        if extend:
            new = extend_band(new, old, sr=sr)
        inner = slice(start - first, stop - first)
        new = new * (_rms(old[inner]) / max(_rms(new[inner]), 1e-9))
        rise = np.arange(1, start - first + 1) / (ramp + 1)
        fall = np.arange(last - stop, 0, -1) / (ramp + 1)
        head, tail = slice(0, start - first), slice(stop - first, last - first)
        new[head] = _cross_fade(old[head], new[head], rise)
        new[tail] = _cross_fade(old[tail], new[tail], fall)
        out[first:last] = new
    return out


def extend_band(y, reference, *, sr):
    """Replace the upper half of the band by the mirrored lower half, as strong as the upper half of a reference.

    Args:
        y: float32, shape (n,).
        reference: float32, shape (n,).
        sr: rate of both in Hz.

    Returns:
        float32, shape (n,).

    Source: Makhoul and Berouti 1979, "High-frequency regeneration in speech coding systems", spectral folding.
    """
    low = _lower_half(y, sr)
    image = low * np.resize(np.float32([1, -1]), len(low))
    image -= _lower_half(image, sr)
    high = reference - _lower_half(reference, sr)
    return low + image * (_rms(high) / max(_rms(image), 1e-9))


def _within(make, y, start, stop, *, sr, rng):
    """The region of what is made of it and, where it is short, of what lies around it."""
    around = max(0, round(_LEAST * sr) - (stop - start))
    first = max(0, min(start - around // 2, len(y) - (stop - start) - around))
    made = make(y[first : max(stop, first + stop - start + around)], sr=sr, rng=rng)
    return made[start - first : stop - first]


def _lower_half(y, sr):
    return to_length(resample(resample(y, sr_from=sr, sr_to=sr / 2), sr_from=sr / 2, sr_to=sr), len(y))


def _shaped_noise(context, n, rng):
    """Noise of unit power with the spectrum of a context, shape (n,)."""
    context = context + (1e-3 * _rms(context) + 1e-6) * rng.standard_normal(len(context))  # silence has no predictor
    noise = lfilter([1.0], librosa.lpc(context, order=_ORDER), rng.standard_normal(n))
    return noise / _rms(noise)


def _cross_fade(old, new, weight):
    """Linear where the two are alike, of equal power where they have nothing in common."""
    likeness = old @ new / max(np.sqrt((old @ old) * (new @ new)), 1e-12) if len(old) else 0.0
    power = weight**2 + (1 - weight) ** 2 + 2 * np.clip(likeness, 0, 1) * weight * (1 - weight)
    return (weight * new + (1 - weight) * old) / np.sqrt(power)


def _rms(y):
    return float(np.sqrt(np.mean(np.square(y, dtype=np.float64))))
