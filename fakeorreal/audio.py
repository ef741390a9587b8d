"""Audio in and out: decode, resample, cut into windows, bring to a length, write.

Everything inside the package is float32, mono, in [-1, 1], at a stated rate. ``read`` holds a stretch of a file at
once; ``fakeorreal.streams`` hands out whole files block by block.
"""

import io
import os
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import write_atomically

SAMPLE_RATE = 16000
"""Hz; the rate of the Fake-or-Real versions and of everything trained here."""

MOST_HELD = 2**26
"""Samples, of all channels, that `read` holds at once: 70 minutes at 16 kHz, a quarter of a gigabyte."""

RATES = (4000, 768_000)
"""Hz; beyond is a broken header, for which the resampler would ask for any memory."""

MAX_CHANNELS = 64

DECODING_ERRORS = (sf.SoundFileError, TypeError, ValueError)  # the last two: headerless .raw, no length stated


def resample(y, *, sr_from, sr_to):
    """Band-limited resampling (soxr, high quality).

    Args:
        y: waveform, float32, shape (n,).
        sr_from: rate of ``y`` in Hz.
        sr_to: wanted rate in Hz.

    Returns:
        float32, shape (round(n * sr_to / sr_from),) give or take one sample.
    """
    if sr_from == sr_to:
        return np.asarray(y, np.float32)
    return soxr.resample(np.asarray(y, np.float32), sr_from, sr_to)


def read(path, *, sr, start=0.0, end=None):
    """Decode a stretch of a WAV, FLAC, OGG, Opus or MP3 file.

    Args:
        path: file to read.
        sr: wanted rate in Hz; the file is resampled to it.
        start: first second to read.
        end: last second, or None or NaN (as in a corpus) for the end of the file.

    Returns:
        float32 mono, shape (n,): the mean of the channels.

    Raises:
        FakeOrRealError: missing, undecodable, empty or non-finite audio; absurd rate or number of channels; a negative
            start; more than ``MOST_HELD``.
    """
    path = Path(path)
    if start < 0:
        raise FakeOrRealError(f"`start` must be 0 s or later. Received for {path}: {start:g}.")
    to_end = end is None or np.isnan(end)
    check_is_file(path)
    try:
        with sf.SoundFile(path) as f:
            rate = f.samplerate
            check_form(path, rate, f.channels)
            first = min(round(start * rate), f.frames)
            last = f.frames if to_end else first + max(round((end - start) * rate), 0)
            # A seek in an MP3 silences up to the next quarter second, whose frames lean on earlier ones: read from 0.
            origin = 0 if f.format == "MP3" else first
            if (last - origin) * f.channels > MOST_HELD and f.frames < 2**62:  # a FLAC from a pipe fails below
                raise FakeOrRealError(
                    f"{path}: {(last - origin) / rate:.0f} s are more than can be held at once. Cut it into clips."
                )
            if origin:
                f.seek(origin)
            # libsndfile makes floats of samples one by one, NumPy the same numbers in half the time
            whole = f.subtype == "PCM_16"
            block = f.read(last - origin, "int16" if whole else "float32", always_2d=True)[first - origin :]
    except FakeOrRealError:
        raise
    except DECODING_ERRORS as error:
        raise undecodable(path, error) from error
    if whole:
        block = block * np.float32(2**-15)
    else:
        check_finite(path, block)
    y = resample(to_mono(block), sr_from=rate, sr_to=sr)
    if not len(y):
        until = "its end" if to_end else f"{end:g} s"
        raise FakeOrRealError(f"{path}: holds no samples between {start:g} s and {until}. Leave it out.")
    return y


def to_mono(block):
    """The mean of the channels: (n, channels) → (n,)."""
    if block.shape[1] == 1:
        return block[:, 0]
    return sum(block.T) / block.shape[1]  # many times as fast as block.mean(axis=1)


def resampled(blocks, *, sr_from, sr_to):
    """``resample``, block by block.

    Args:
        blocks: iterable of float32, shape (n,).
        sr_from: their rate in Hz.
        sr_to: wanted rate in Hz.

    Yields:
        float32, shape (m,); m may be 0.
    """
    if sr_from == sr_to:
        yield from blocks
        return
    stream = soxr.ResampleStream(sr_from, sr_to, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def windows(blocks, *, length, hop, least):
    """Cut blocks into windows that begin every ``hop`` samples.

    The last window ends where the audio ends, over its neighbour, unless fewer than ``least`` samples remain after
    the neighbour: those are dropped. Audio shorter than a window is one window by itself.

    Args:
        blocks: iterable of float32, shape (n,).
        length: samples in a window.
        hop: samples between beginnings, at most ``length``.
        least: fewest samples worth a window of their own.

    Yields:
        (first, end, window): samples [first, end) of the audio, and float32 of shape (end - first,).
    """
    held, origin, first = np.zeros(0, np.float32), 0, 0  # `held` begins at sample `origin`
    for block in blocks:
        held = np.concatenate([held, block])
        while first + length <= origin + len(held):
            yield first, first + length, held[first - origin :][:length]
            first += hop
        passed = max(0, min(first - origin, len(held) - length))  # the last window may begin before `first`
        held, origin = held[passed:], origin + passed
    total = origin + len(held)
    if total and not first:
        yield 0, total, held
    elif first and total - (first - hop + length) >= least:
        yield total - length, total, held[-length:]


def fit_length(y, n):
    """Bring a waveform to exactly ``n`` samples: cut at the end, or repeat from the start.

    Repeating, as the AASIST recipe does, leaves no silence that would tell a short clip from a long one.
    """
    if not len(y):
        raise FakeOrRealError("a waveform of 0 samples cannot be brought to a length. Leave the clip out.")
    return np.resize(y, n)


def write(path, y, *, sr):
    """Write 16-bit PCM WAV, whole or not at all.

    Args:
        path: file to write; folders are made.
        y: waveform, shape (n,); what lies beyond [-1, 1] is clipped.
        sr: rate in Hz.

    Raises:
        FakeOrRealError: samples that are not finite numbers.
    """
    path = Path(path)
    if not np.isfinite(y).all():
        raise FakeOrRealError(f"{path}: samples that are not finite numbers cannot be written. Check the processing.")
    wav = io.BytesIO()
    sf.write(wav, np.asarray(y, np.float32), sr, format="WAV", subtype="PCM_16")
    write_atomically(path, wav.getvalue())


def check_is_file(path):
    if not os.path.isfile(path):  # for a name that is too long, too
        raise FakeOrRealError(f"{path}: no such file. Check the path.")


def check_form(name, rate, channels):
    if not RATES[0] <= rate <= RATES[1] or not 1 <= channels <= MAX_CHANNELS:
        raise FakeOrRealError(
            f"{name}: must have {RATES[0]} to {RATES[1]} Hz and 1 to {MAX_CHANNELS} channels. "
            f"Received: {rate} Hz and {channels} channels. Check how it was made."
        )


def check_finite(name, y):
    if not np.isfinite(y).all():
        raise FakeOrRealError(f"{name}: holds samples that are not finite numbers. Export the recording again.")


def undecodable(path, error):
    reason = str(getattr(error, "error_string", error)).rstrip(".")  # of libsndfile without its prefix
    return FakeOrRealError(f"{path}: cannot be decoded ({reason}). Convert it to WAV, FLAC, OGG or MP3.")
