"""One recording of any length to 16 kHz mono FLAC, and where its 3-s clips lie. Memory does not grow with the length.

Source: AI-SPY (``ibiggy9/Ai-SPY-Deepfake-Detection-Model``), ``data/convert_and_divide.py``: 16 kHz, MP3 of 48 kbit/s,
clips of 3 s. There the last clip of a recording is short and padded with zeros later on; here it is whole.
"""

from fractions import Fraction

import av
import numpy as np
import soundfile as sf

from fakeorreal import audio
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import drafted
from fakeorreal.streams import open_stream

SECONDS = 3.0
"""Length of a clip."""

SHORTEST = 1.0
"""Seconds that a recording needs."""

LEAST_REST = 1.5
"""Seconds after the last whole clip that earn one more, which ends with the recording."""

BIT_RATE = 48_000
"""bit/s of the MP3 that both classes may be sent through."""

_SLACK = round(1e-3 * SAMPLE_RATE)  # samples: lengths that resampling or an encoder rounded


def convert(path, target, *, mp3=False):
    """Convert a recording, and find its clips.

    A clip begins every 3 s. What remains after the last one makes one more if it lasts 1.5 s: the last 3 s of the
    recording. A recording of 1 to 3 s is one clip. Clips of digital silence (one value throughout) are not listed.

    Args:
        path: recording, as `streams.open_stream` takes it.
        target: FLAC to write: 16 kHz, mono (the mean of the channels), 16 bit; whole or not at all.
        mp3: whether to send it through `through_mp3`.

    Returns:
        dict: ``samples`` in the FLAC, ``clips`` as a list of [first, end) in samples, ``silent`` clips left out.

    Raises:
        FakeOrRealError: the recording cannot be read to its end, or holds nothing.
        OSError: the FLAC cannot be written.
    """
    stream = open_stream(path)
    blocks = audio.resampled(map(audio.to_mono, stream), sr_from=stream.rate, sr_to=SAMPLE_RATE)
    if mp3:
        blocks = through_mp3(blocks)
    step, least = round(SECONDS * SAMPLE_RATE), round(LEAST_REST * SAMPLE_RATE) - _SLACK
    with drafted(target) as draft:
        try:
            with sf.SoundFile(draft, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
                windows = audio.windows(_written(blocks, file), length=step, hop=step, least=least)
                spans = [(first, end, _is_silent(y)) for first, end, y in windows]
                samples = file.frames
            if not samples:
                raise FakeOrRealError(f"{path}: holds no samples. Record it again.")
            complete = sf.info(draft).frames == samples
        except sf.SoundFileError as error:  # of writing: those of reading have become FakeOrRealError
            raise OSError(f"{target}: cannot be written. Check the disk.") from error
        if not complete:
            raise OSError(f"{target}: was not written to its end. Check the disk.")
    if samples < SHORTEST * SAMPLE_RATE - _SLACK:
        spans = []
    clips = [[first, end] for first, end, silent in spans if not silent]
    return {"samples": samples, "clips": clips, "silent": len(spans) - len(clips)}


def through_mp3(blocks):
    """Encode as MPEG layer III at ``BIT_RATE`` and decode, block by block; the codec's delay is taken out.

    Args:
        blocks: iterable of float32 at 16 kHz, shape (n,).

    Yields:
        float32, shape (m,); together as many samples as came in.
    """
    encoder = av.CodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "fltp"
    encoder.time_base, encoder.bit_rate = Fraction(1, SAMPLE_RATE), BIT_RATE
    decoder = av.CodecContext.create("mp3float", "r")
    samples = 0
    for block in filter(len, blocks):
        frame = av.AudioFrame.from_ndarray(np.clip(block, -1, 1)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, samples
        samples += len(block)
        yield from _decoded(decoder, encoder.encode(frame))
    if samples:
        yield from _decoded(decoder, [*encoder.encode(None), None])


def _decoded(decoder, packets):
    """The first packet states the delay, and the decoder leaves it out; None makes it hand out the rest."""
    for packet in packets:
        for frame in decoder.decode(packet):
            yield frame.to_ndarray()[0]


def _written(blocks, file):
    """The blocks, each written before it is passed on."""
    for block in blocks:
        file.write(block)
        yield block


def _is_silent(y):
    return np.ptp(np.rint(32768 * y)) == 0  # as 16-bit integers
