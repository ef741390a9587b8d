"""Whole files and arrays, block by block: memory does not grow with their length, and what is cut off is noticed.

libsndfile decodes WAV, AIFF, FLAC, OGG and Opus; FFmpeg (PyAV) the rest. MP3 is among the rest because libsndfile
takes the length of one without a Xing header from the bit rate of its first frame, and drops what lies beyond.
"""

import os
import re
from pathlib import Path

import numpy as np
import soundfile as sf

from fakeorreal.audio import DECODING_ERRORS, RATES, check_finite, check_form, check_is_file, undecodable
from fakeorreal.errors import FakeOrRealError

AUDIO_SUFFIXES = (".aac", ".flac", ".m4a", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".wav", ".webm")
"""Of the files that a folder is searched for."""

LOUDEST = 256  # times full scale; decoders overshoot by a little, integers that were not scaled by 32,768
_FRAMES = 2**15  # samples of each channel in a block
_SHORT_OF = 0.5  # seconds that a file may lack of the length it states: encoders pad
_LIBSNDFILE = (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS")  # first bytes of what it decodes
_FFMPEG = "aac,amr,asf,flac,matroska,mov,mp3"  # no playlists, which would open other files
_BAD_PACKETS = 1 / 20  # that may be passed over: tags and dropouts
OPENED = {"options": {"format_whitelist": _FFMPEG}, "metadata_errors": "replace"}  # titles in any encoding
_FIRST_PAGE = 5  # seconds that the first page of an Ogg file may last
_LONG, _THIN = 600, 64  # seconds; bytes of each that any speech exceeds: silence of hours fits into a few kilobytes


class Stream:
    """Audio that arrives block by block, so that memory does not grow with its length.

    Iterating gives, once, float32 blocks of shape (n, channels) at ``rate``.

    Attributes:
        name: the path, or "the array".
        rate: Hz.
        channels: of the file or array.
        seconds: handed out so far.

    Raises:
        FakeOrRealError: absurd rate or number of channels; while iterating, samples not finite or far beyond [-1, 1].
    """

    def __init__(self, name, rate, channels, blocks):
        check_form(name, rate, channels)
        self.name, self.rate, self.channels = name, rate, channels
        self._blocks = blocks
        self._samples = 0

    @property
    def seconds(self):
        return self._samples / self.rate

    def __iter__(self):
        for block in self._blocks:
            check_finite(self.name, block)
            if np.abs(block).max() > LOUDEST:
                raise FakeOrRealError(
                    f"{self.name}: samples must lie in [-1, 1]. Received: {np.abs(block).max():g}. Scale them."
                )
            self._samples += len(block)
            yield block


def open_stream(path):
    """Start decoding a file: WAV, AIFF, FLAC, OGG, Opus, MP3, M4A, AAC or WebM, told apart by content, not by name.

    Args:
        path: file to decode, to its end.

    Returns:
        Stream.

    Raises:
        FakeOrRealError: missing, unreadable or undecodable file; hours in a few kilobytes; while iterating, a file that
            breaks off or ends more than half a second before the length it states.
    """
    path = Path(path)
    check_is_file(path)
    try:
        with path.open("rb") as f:
            magic = f.read(4)
    except OSError as error:
        raise FakeOrRealError(f"{path}: cannot be opened ({error.strerror}). Check its permissions.") from error
    if not magic:
        raise FakeOrRealError(f"{path}: is empty (0 bytes). Copy or export it again.")
    decoded = _by_libsndfile(path) if magic in _LIBSNDFILE else _by_ffmpeg(path)
    try:
        rate, channels, stated = next(decoded)
    except FakeOrRealError:
        raise
    except DECODING_ERRORS as error:
        raise undecodable(path, error) from error
    return Stream(str(path), rate, channels, _to_the_end(path, rate, stated, decoded))


def stream_array(y, *, sr):
    """Hand out an array as ``open_stream`` does a file.

    Args:
        y: floating-point waveform in [-1, 1], shape (n,) or (n, channels).
        sr: rate in Hz.

    Returns:
        Stream.

    Raises:
        FakeOrRealError: no rate, integers, wrong shape.
    """
    y = np.asarray(y)
    if sr is None:
        raise FakeOrRealError("`sr` must be the rate of the array in Hz. Received: None.")
    if not np.issubdtype(y.dtype, np.floating) or y.ndim not in (1, 2):
        raise FakeOrRealError(
            "the array must hold floating-point samples in [-1, 1], shape (n,) or (n, channels). "
            f"Received: {y.dtype}, shape {y.shape}. Divide integers by their full scale; transpose (channels, n)."
        )
    y = y[:, None] if y.ndim == 1 else y
    blocks = (np.asarray(y[k : k + _FRAMES], np.float32) for k in range(0, len(y), _FRAMES))
    return Stream("the array", sr, y.shape[1], blocks)


def _to_the_end(path, rate, stated, blocks):
    """Hand on blocks, and see to it that as much comes as the file states."""
    n = 0
    try:
        for block in blocks:
            n += len(block)
            _check_substance(path, n / rate)
            yield block
    except FakeOrRealError:
        raise
    except DECODING_ERRORS as error:
        raise FakeOrRealError(f"{path}: is damaged or cut off after {n / rate:.1f} s. Copy it again.") from error
    if stated is not None and n < stated - _SHORT_OF * rate:
        raise FakeOrRealError(
            f"{path}: is cut off: it states {stated / rate:.1f} s and holds {n / rate:.1f} s. Copy it again."
        )


def _check_substance(path, seconds):
    size = path.stat().st_size
    if seconds > _LONG and size < _THIN * seconds:
        raise FakeOrRealError(
            f"{path}: {seconds:.0f} s in {size} bytes are silence but for moments, so there is nothing to judge. "
            "Cut out the part that holds speech."
        )


def _by_libsndfile(path):
    """Yields (rate, channels, samples stated or None), then blocks (n, channels)."""
    with path.open("rb") as file, sf.SoundFile(_handle(path, file), closefd=False) as f:
        if f.frames > 2**62:  # a FLAC written to a pipe; soundfile seeks after every block, which fails there
            yield from _by_ffmpeg(path)
            return
        _check_substance(path, f.frames / max(f.samplerate, RATES[0]))
        stated = _stated_by_ogg(path, f) if f.format == "OGG" else _stated_by_libsndfile(f)
        yield f.samplerate, f.channels, stated
        while len(block := f.read(_FRAMES, dtype="float32", always_2d=True)):
            yield block


def _handle(path, file):
    """What libsndfile opens: not a name, which it needs in UTF-8 and takes formats from, unless under Windows."""
    return path if os.name == "nt" else file.fileno()


def _stated_by_libsndfile(f):
    """Samples that the header states; libsndfile lowers them to what is there, and leaves a note in its log."""
    note = re.search(r"^ *(?:data|SSND|Riff size) : (\d+) \(should be (\d+)\)", f.extra_info, re.MULTILINE)
    stated, there = map(int, note.groups()) if note else (1, 1)
    endless = stated % 2**31 > 2**31 - 2**16  # what is stated by who writes to a pipe
    return f.frames if endless or not there else f.frames * stated // there


def _stated_by_ogg(path, f):
    """Samples up to the time in the last page; None where the first is that of a broadcast already on.

    libsndfile passes over damaged pages, and decodes but the first of several recordings.
    """
    times, at, size = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(27)
            if len(head) == 27 and not head.startswith(b"OggS"):
                break  # a tag at the end, or damage
            if len(head) < 27 or (at := at + 27 + head[26] + sum(file.read(head[26]))) > size:
                raise FakeOrRealError(f"{path}: is cut off in its last page. Copy it again.")
            if head[5] & 2 and times:
                raise ValueError("several recordings, one after another")
            times.append(int.from_bytes(head[6:14], "little", signed=True))
    rate = 48_000 if f.subtype == "OPUS" else f.samplerate
    heard = [time for time in times if time > 0]
    return max(heard) * f.samplerate // rate if heard and heard[0] <= _FIRST_PAGE * rate else None


def _by_ffmpeg(path):
    """As ``_by_libsndfile``."""
    try:
        import av  # here, for few files need it
    except ImportError as error:
        raise ValueError("all but WAV, AIFF, FLAC, OGG and Opus needs PyAV; run: pip install av") from error
    try:
        with path.open("rb") as f, av.open(f, **OPENED) as container:
            if not container.streams.audio:
                raise ValueError("no audio in it")
            rate = None
            to_blocks = av.AudioResampler(format="fltp", frame_size=_FRAMES)
            for frame in _frames(container):
                if rate is None:
                    rate, channels = frame.sample_rate, frame.layout.nb_channels
                    yield rate, channels, _stated_by_ffmpeg(path, container, rate)
                if (rate, channels) != (frame.sample_rate, frame.layout.nb_channels):
                    raise ValueError("rate or channels change on the way")
                yield from (block.to_ndarray().T for block in to_blocks.resample(frame))
            if rate is None:
                raise ValueError("no sound in it")
            yield from (block.to_ndarray().T for block in to_blocks.resample(None))
    except av.FFmpegError as error:
        raise ValueError(error.strerror) from error


def _frames(container):
    """Frames of the first audio track; packets that are none, such as a tag at the end of an MP3, are passed over."""
    import av

    packets = bad = 0
    for packet in container.demux(audio=0):
        packets += 1
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            bad += 1
    if bad > _BAD_PACKETS * packets:
        raise ValueError(f"{bad} of {packets} packets are damaged")


def _stated_by_ffmpeg(path, container, rate):
    """Samples that the header states; None where FFmpeg estimates them from the bit rate, as of a bare AAC stream."""
    stream = container.streams.audio[0]
    if container.format.name == "mp3":
        frames = _stated_mpeg_frames(path)
        return frames and frames * (1152 if rate >= 32000 else 576)
    if container.format.name.startswith("mov") and stream.duration:
        return int(stream.duration * stream.time_base * rate)
    if container.format.name.startswith("matroska") and container.duration and len(container.streams) == 1:
        return container.duration * rate // 1_000_000
    return None


def _stated_mpeg_frames(path):
    """Frames that the Xing or Info header in the first frame of an MP3 states, or None."""
    with path.open("rb") as f:
        tag = f.read(10)
        f.seek(10 + int("".join(f"{byte:07b}" for byte in tag[6:]), 2) if tag.startswith(b"ID3") else 0)
        found = re.search(rb"(?:Xing|Info)\0\0\0(.)(....)", f.read(1024), re.DOTALL)
    return int.from_bytes(found[2]) if found and found[1][0] & 1 else None
