"""What a page shows of a recording: its envelope, its spectrogram as PNG, a compressed copy to listen to.

The waveform is passed through once, block by block, so that memory does not grow with its length.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from itertools import chain

import numpy as np
import soundfile as sf
from scipy.fft import rfft

from fakeorreal import audio, streams

COLUMNS = 1000  # points in time of envelope and spectrogram
RANGE = 80  # dB below the loudest point that are drawn
_FFT = 512
_SHADES = 64  # about as many as the eye tells apart, and small when compressed
INFERNO = "000004 1b0c42 4b0c6b 781c6d a52c60 cf4446 ed6925 fb9a06 f7d03c fcffa4"
GREY = "101216 d8dbe2"
"""From silent to loud, evenly spaced: Matplotlib's colours; and what other colours can be laid over."""


@dataclass(frozen=True)
class Media:
    """Drawings and copy of one recording.

    Attributes:
        envelope: int8, shape (columns, 2): lowest and highest sample of each column; 127 is full scale.
        spectrogram: PNG, one pixel a column, 256 high: half the rate at the top, 0 Hz at the bottom.
        audio: Ogg/Opus, or None where no copy was wanted.
    """

    envelope: np.ndarray
    spectrogram: bytes
    audio: bytes | None


def examine_file(file, seconds, *, copy):
    """``examine`` a file.

    Args:
        file: path.
        seconds: its length.
        copy: whether to make the copy to listen to.

    Raises:
        FakeOrRealError: a file that cannot be read.
    """
    stream = streams.open_stream(file)
    blocks = audio.resampled(map(audio.to_mono, stream), sr_from=stream.rate, sr_to=audio.SAMPLE_RATE)
    return examine(blocks, round(seconds * audio.SAMPLE_RATE), sr=audio.SAMPLE_RATE, copy=copy)


def examine(blocks, n, *, sr, copy, most=COLUMNS, colours=INFERNO):
    """Draw a waveform.

    Args:
        blocks: iterable of float32 waveforms, shape (any,): the recording, in order.
        n: their samples in all, 1 or more.
        sr: rate in Hz, one of those that Opus knows, such as 16000.
        copy: whether to make the copy to listen to.
        most: columns; there are fewer where one would be under 16 samples.
        colours: of the spectrogram, as for `png`.

    Returns:
        `Media`.
    """
    columns = max(1, min(most, n // 16))
    hop = max(1, min(n // columns, _FFT // 2))
    envelope = np.zeros((columns, 2), np.float32)
    opus = io.BytesIO()
    encoder = sf.SoundFile(opus, "w", sr, 1, format="OGG", subtype="OPUS") if copy else None

    def watched():
        start = 0
        for block in blocks:
            block = np.clip(block, -1, 1)
            column = _columns(np.arange(start, start + len(block)), n, columns)
            np.minimum.at(envelope[:, 0], column, block)
            np.maximum.at(envelope[:, 1], column, block)
            if encoder:
                encoder.write(block)
            start += len(block)
            yield block

    power, count = np.zeros((columns, _FFT // 2), np.float32), np.zeros((columns, 1), np.float32)
    window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    for first, frames in _frames(watched(), hop):
        column = _columns(hop * np.arange(first, first + len(frames)), n, columns)
        np.add.at(power, column, np.abs(rfft(frames * window)[:, :-1]) ** 2)
        np.add.at(count, column, 1)
    if encoder:
        encoder.close()
    return Media(
        envelope=np.rint(127 * envelope).astype(np.int8),
        spectrogram=png(_shades(power / np.maximum(count, 1)).T[::-1], colours),
        audio=opus.getvalue() if copy else None,
    )


def _columns(samples, n, columns):
    return np.minimum(samples * columns // n, columns - 1)


def _frames(blocks, hop):
    """Frames centred on samples 0, hop, 2 hop … as (number of the first, frames), a stretch at a time."""
    half = np.zeros(_FFT // 2, np.float32)
    waiting, first = np.zeros(0, np.float32), 0
    for block in chain([half], blocks, [half]):
        waiting = np.concatenate([waiting, block])
        count = (len(waiting) - _FFT) // hop + 1
        if count > 0:
            yield first, np.lib.stride_tricks.sliding_window_view(waiting, _FFT)[: count * hop : hop]
            first += count
            waiting = waiting[count * hop :]


def _shades(power):
    """Power to `_SHADES` steps of loudness over `RANGE` dB; silence is the darkest."""
    decibels = 10 * np.log10(np.maximum(power, 1e-20) / max(power.max(), 1e-10))
    return np.rint(np.clip(1 + decibels / RANGE, 0, 1) * (_SHADES - 1)).astype(np.uint8)


def png(shades, colours):
    """A PNG with a palette.

    Args:
        shades: uint8 of 0 to 63, shape (height, width), the top row first.
        colours: RGB or RGBA in hexadecimal, evenly spaced from shade 0 to 63.

    Returns:
        bytes.
    """
    anchors = np.array([list(bytes.fromhex(colour)) for colour in colours.split()])
    at = np.linspace(0, len(anchors) - 1, _SHADES)
    palette = np.stack([np.interp(at, range(len(anchors)), channel) for channel in anchors.T], axis=1)
    palette = np.rint(palette).astype(np.uint8)
    height, width = shades.shape
    rows = np.pad(shades, ((0, 0), (1, 0)))  # every row starts with its filter, 0 = none
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": palette[:, :3].tobytes(),
        b"tRNS": palette[:, 3:].tobytes(),
        b"IDAT": zlib.compress(rows.tobytes(), 9),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
        if data or kind == b"IEND"
    )
