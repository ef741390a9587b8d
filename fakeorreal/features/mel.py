"""The log-mel spectrogram: as an array (the default) and as the picture of the published study."""

import dataclasses
import threading
from functools import lru_cache

import librosa
import numpy as np
from scipy.sparse import csr_array

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.features.waveform import prepare

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

N_FFT, HOP, N_MELS, TOP_DB = 2048, 512, 128, 80.0
LINE = 16  # numbers of a line of the processor's cache
BLOCK = 2**16  # samples transformed at a time; arrays much larger come from the system page by page, which takes longer


@lru_cache(maxsize=8)
def _mel_filters(sr, n_fft, n_mels):
    """librosa's mel filters, shape (n_mels, 1 + n_fft // 2).

    Sparse, because 98 % of them is zero; and a sparse product adds in one order whatever the number of threads.
    """
    return csr_array(librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels))


def mel_bands(magnitude, *, sr, n_fft, n_mels):
    """Power in mel bands, float32, shape (n_mels, frames), of `magnitudes`."""
    power = np.square(magnitude.T, order="C")  # in the order in which the product needs it
    return _mel_filters(sr, n_fft, n_mels) @ power


def magnitudes(y, n_fft, hop_length):
    """``np.abs(librosa.stft(y)).T`` to the bit, in two thirds of the time.

    The Fourier transform is in double precision: at 80 dB below the loudest point single precision would show.

    Args:
        y: waveform, float32, shape (n,).
        n_fft: window in samples.
        hop_length: step in samples.

    Returns:
        float32, shape (frames, 1 + n_fft // 2).
    """
    margin = n_fft // 2
    padded = np.empty(len(y) + 2 * margin)
    padded[:margin] = padded[margin + len(y) :] = 0
    padded[margin : margin + len(y)] = y
    shape, step = (1 + (len(padded) - n_fft) // hop_length, n_fft), padded.itemsize
    frames = np.lib.stride_tricks.as_strided(padded, shape, (hop_length * step, step), writeable=False)
    # a line more in every row: 4 kB from row to row would have a column share one corner of the cache
    out = np.empty((len(frames), 1 + margin + LINE), np.float32)[:, : 1 + margin]
    step = max(BLOCK // n_fft, 1)
    windowed, spectrum = np.empty((step, n_fft)), np.empty((step, 1 + margin), complex)
    for k in range(0, len(frames), step):
        n = len(frames[k : k + step])
        np.multiply(frames[k : k + n], _window(n_fft), out=windowed[:n])
        np.fft.rfft(windowed[:n], out=spectrum[:n])
        np.abs(spectrum[:n].astype(np.complex64), out=out[k : k + n])
    return out


@lru_cache(maxsize=8)
def _window(n_fft):
    return librosa.filters.get_window("hann", n_fft)


def _log_mel(y, sr, n_fft, hop_length, n_mels, top_db):
    power = mel_bands(magnitudes(y, n_fft, hop_length), sr=sr, n_fft=n_fft, n_mels=n_mels)
    return librosa.power_to_db(power, ref=np.max, top_db=top_db)


@dataclasses.dataclass(frozen=True)
class LogMel:
    """Log-mel spectrogram in dB below the loudest point of the clip; the corrected input of the Custom-CNN.

    Args:
        sr: rate of the waveform in Hz.
        n_fft: window in samples.
        hop_length: step in samples.
        n_mels: mel bands.
        seconds: every clip is cut or repeated to this length.
        top_db: what lies further below the loudest point is raised to it.

    Output shape:
        ``(n_mels, frames, 1)`` float32 in [-top_db, 0] dB, ``frames = 1 + round(seconds * sr) // hop_length``.

    Raises:
        FakeOrRealError: on a waveform that is empty, not mono, or not finite.

    Source: ``librosa.feature.melspectrogram`` and ``power_to_db(ref=np.max)``, as in the FoR Custom-CNN study.
    """

    sr: int = SAMPLE_RATE
    n_fft: int = N_FFT
    hop_length: int = HOP
    n_mels: int = N_MELS
    seconds: float = 2.0
    top_db: float = TOP_DB

    @property
    def shape(self):
        return (self.n_mels, 1 + round(self.seconds * self.sr) // self.hop_length, 1)

    def __call__(self, y):
        y = prepare(y, sr=self.sr, seconds=self.seconds)
        return _log_mel(y, self.sr, self.n_fft, self.hop_length, self.n_mels, self.top_db)[..., None]

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}


SIZE = 224  # pixels of the published network input
INCHES, DPI = (10, 4), 100  # the saved figure: 1000×400 pixels

# ImageDataGenerator's default 'nearest' resizing takes the pixel under the middle of each new one.
_ROWS, _COLUMNS = (((np.arange(SIZE) + 0.5) * inches * DPI / SIZE).astype(int)[:, None] for inches in INCHES[::-1])
_PIXELS = (_ROWS, _COLUMNS.T)

_drawing = threading.Lock()  # the figures below are reused


@lru_cache(maxsize=16)
def _figure(sr, frames, low, high):
    """The published figure without its spectrogram: what depends on duration and dB range only.

    Returns:
        The canvas, its saved pixels, the mesh that takes the spectrogram, and all that is drawn on top, in order.
    """
    import librosa.display  # here, for it takes matplotlib along
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    blank = np.full((N_MELS, frames), high, np.float32)
    blank[0, 0] = low
    with matplotlib.style.context("default"):  # whatever the notebook has set
        figure = Figure(figsize=INCHES, dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        ax = figure.add_subplot()
        mesh = librosa.display.specshow(blank, sr=sr, x_axis="time", y_axis="mel", ax=ax)
        figure.colorbar(mesh, ax=ax, format="%+2.0f dB")
        figure.tight_layout()
        on_top = (mesh, *ax.spines.values())
        for artist in on_top:
            artist.set_animated(True)
        canvas.draw()
    return canvas, canvas.copy_from_bbox(figure.bbox), mesh, on_top


@dataclasses.dataclass(frozen=True)
class MelPicture:
    """The published input of the Custom-CNN, to the letter: a picture of the log-mel with axes and colour bar.

    A matplotlib figure of 10×4 inches of the whole clip, resized to 224×224. The duration of the clip can be read
    from its time axis, which is one reason why :class:`LogMel` is the default.

    Drawing takes about 0.1 s; clips that share duration and dB range share all but the spectrogram, which takes a
    tenth of that and gives the same pixels.

    Args:
        sr: rate of the waveform in Hz.

    Output shape:
        ``(224, 224, 3)`` float32 RGB in [0, 1].

    Raises:
        FakeOrRealError: on a waveform that is empty, not mono, or not finite.

    Source: FoR Custom-CNN study, ``main.ipynb``.
    """

    sr: int = SAMPLE_RATE
    seconds = None
    shape = (SIZE, SIZE, 3)

    def __call__(self, y):
        decibels = _log_mel(prepare(y, sr=self.sr, seconds=None), self.sr, N_FFT, HOP, N_MELS, TOP_DB)
        with _drawing:
            canvas, background, mesh, on_top = _figure(
                self.sr, decibels.shape[1], float(decibels.min()), float(decibels.max())
            )
            canvas.restore_region(background)
            mesh.set_array(decibels)
            for artist in on_top:
                artist.axes.draw_artist(artist)
            picture = np.asarray(canvas.buffer_rgba())[_PIXELS][..., :3]
        return picture.astype(np.float32) / 255

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}
