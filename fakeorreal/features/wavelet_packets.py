"""Wavelet packets, as arrays of NumPy or of a Keras graph alike."""

import dataclasses
from functools import lru_cache

import numpy as np
import pywt

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.batched import Batched
from fakeorreal.features.log_stft import LOG_OFFSET

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

BLOCK = 16  # samples, least; smaller makes more rows of a matrix product, larger more products with zero


def packets(y, wavelet, level, xp=np):
    """Wavelet packets in the order of their frequencies; the ends are reflected.

    A level filters all packets at once: they are cut into blocks, and one matrix product gives the low and the high
    half of every block, which needs the first samples of its neighbour as well.

    Args:
        y: waveforms, float32, shape (batch, n).
        wavelet: name of a discrete wavelet of PyWavelets.
        level: how often the band is halved.
        xp: the array functions, ``numpy`` or ``keras.ops``.

    Returns:
        float32, shape (batch, 2**level, T); a level turns n samples into ``(n + taps - 1) // 2``. A packet of one
        sample, which has nothing to reflect, is repeated.

    Raises:
        FakeOrRealError: unknown wavelet.

    Source: ``pywt.WaveletPacket(..., mode="reflect").get_level(level, "freq")``.
    """
    overlap = _overlap(wavelet)
    for _ in range(level):
        length = (y.shape[1] + overlap + 1) // 2
        block = max(min(BLOCK, 2 * length), overlap)
        blocks, before, after = _extension(y.shape[1], length, overlap, block)
        y = xp.concatenate([xp.take(y, before, axis=1), y, xp.take(y, after, axis=1)], axis=1)
        y = xp.reshape(y, (-1, blocks + 1, block))
        y = xp.concatenate([y[:, :-1], y[:, 1:, :overlap]], axis=2)
        y = xp.reshape(
            xp.matmul(xp.reshape(y, (-1, block + overlap)), _filters(wavelet, block)), (-1, blocks, 2, block // 2)
        )
        y = xp.reshape(xp.transpose(y, (2, 0, 1, 3)), (-1, blocks * block // 2))[:, :length]
    y = xp.take(xp.reshape(y, (2**level, -1, y.shape[1])), _by_frequency(level), axis=0)
    return xp.transpose(y, (1, 0, 2))


@lru_cache(maxsize=32)
def _overlap(wavelet):
    """How many samples of its neighbour a block needs."""
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise FakeOrRealError(
            f"`wavelet` must be a discrete wavelet, such as haar, sym5 or coif4. Received: {wavelet!r}. "
            "See pywt.wavelist(kind='discrete')."
        )
    return pywt.Wavelet(wavelet).dec_len - 2


@lru_cache(maxsize=64)
def _filters(wavelet, block):
    """The matrix that halves a block and what follows it, (block + overlap, block): low half first."""
    filters = np.array(pywt.Wavelet(wavelet).filter_bank[:2], np.float32)[:, ::-1]
    taps = filters.shape[1]
    matrix = np.zeros((block + taps - 2, 2, block // 2), np.float32)
    for k in range(block // 2):
        matrix[2 * k : 2 * k + taps, :, k] = filters.T
    return matrix.reshape(-1, block)


@lru_cache(maxsize=256)
def _extension(n, length, overlap, block):
    """How a level of ``n`` samples that gives ``length`` of them is cut.

    Returns:
        Whole blocks, and which samples to put before and after: as many as fill one block more.
    """
    blocks = -(-2 * length // block)
    index = np.pad(np.arange(n), (overlap, (blocks + 1) * block - overlap - n), mode="reflect")
    return blocks, index[:overlap], index[overlap + n :]


@lru_cache(maxsize=32)
def _by_frequency(level):
    """Where the packet of each frequency is, when the newest of ``level`` halvings is the highest bit of its place.

    The high half of a band comes out of the filters mirrored, hence the Gray code.
    """
    order = np.arange(2**level)
    return order.reshape((2,) * level).T.ravel()[order ^ (order >> 1)]


@dataclasses.dataclass(frozen=True)
class WaveletPackets(Batched):
    """Logarithm of the power of wavelet packets: 256 bands of equal width at level 8.

    Args:
        sr: rate of the waveform in Hz.
        wavelet: name of a discrete wavelet of PyWavelets: haar, db2, sym5, coif4 ...
        level: how often the band is halved.
        seconds: every clip is cut or repeated to this length.
        power: exponent of the magnitude.
        sign: add a channel with the sign of the coefficients, -1 or 1; that of 0 is 1.
        block_norm: divide each packet of a clip by its largest magnitude before.

    Output shape:
        ``(2**level, T, 1 + sign)`` float32, lowest frequency first; T as in `packets`.

    Raises:
        FakeOrRealError: unknown wavelet, level below 1; waveform empty, not mono, or not finite.

    Source: gan-police, ``wavelet_math.py``. Its block norm takes the largest magnitude of a whole batch, which makes
    a score depend on the clips beside it.
    """

    sr: int = SAMPLE_RATE
    wavelet: str = "sym5"
    level: int = 8
    seconds: float = 1.0
    power: float = 2.0
    sign: bool = False
    block_norm: bool = False

    def __post_init__(self):
        _overlap(self.wavelet)
        if self.level < 1:
            raise FakeOrRealError(f"`level` must be 1 or more. Received: level={self.level}. Published is 8.")

    @property
    def shape(self):
        overlap = _overlap(self.wavelet)
        n = round(self.seconds * self.sr)
        for _ in range(self.level):
            n = (n + overlap + 1) // 2
        return (2**self.level, n, 1 + self.sign)

    def transform(self, y, xp=np):
        """Waveforms to features, the arithmetic alone; see `Batched`."""
        coefficients = packets(y, self.wavelet, self.level, xp)
        magnitude = xp.abs(coefficients)
        if self.block_norm:
            magnitude = magnitude / xp.maximum(xp.max(magnitude, axis=2, keepdims=True), LOG_OFFSET)
        channels = [xp.log(magnitude**self.power + LOG_OFFSET)]
        if self.sign:
            channels.append(xp.sign(xp.sign(coefficients) + 0.5))
        return xp.stack(channels, axis=-1)

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}
