"""What happens to any clip on its way: codecs, band limits, levels, silence, rooms, noise.

The same functions give both classes of the embedded corpus one channel, simulate re-recording, augment training and
make the conditions under which a detector is tested.
Waveforms are float32 mono of shape (n,); lengths are kept unless a function says otherwise.
"""

import hashlib
import io
from fractions import Fraction

import av
import numpy as np
import soundfile as sf
from scipy.signal import butter, fftconvolve, firwin2, lfilter, sosfiltfilt, welch

from fakeorreal.audio import resample
from fakeorreal.errors import FakeOrRealError

SPEECH_LEVEL = -26.0  # dBFS RMS, the nominal active speech level of ITU-T P.56 practice
_G722_DELAY = 22  # samples at 16 kHz: the two quadrature mirror filters
_BLOCK = 2**18  # samples that libsndfile gets at once: two minutes of Vorbis would be more than its stack holds
_CODECS = {  # encoder of FFmpeg, the sample format it wants, its options, decoder, samples of delay that this leaves in
    "mp3": ("libmp3lame", "fltp", {}, "mp3float", 0),
    "opus": ("libopus", "flt", {"vbr": "off"}, "opus", 0),
    "aac": ("aac", "fltp", {}, "aac", 1024),
}


def seeded(key):
    """A random generator that depends on nothing but the text ``key``."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little"))


def g722(y):
    """Encode and decode with ITU-T G.722 (64 kbit/s, two ADPCM bands) at 16 kHz; the codec's delay is taken out."""
    padded = np.pad(np.asarray(y, np.float32), (0, _G722_DELAY + 320))
    padded = padded[: len(padded) // 2 * 2]
    _, packets = _encode("g722", _to_int16(padded), "s16", sr=16000)
    return decode_g722(b"".join(map(bytes, packets)))[_G722_DELAY : _G722_DELAY + len(y)]


def decode_g722(data):
    """Decode raw G.722 bytes to float32 at 16 kHz, shape (2 * len(data),)."""
    with av.open(io.BytesIO(data), format="g722") as container:
        blocks = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    if not blocks:
        raise FakeOrRealError(f"{len(data)} bytes hold no G.722 audio. Check the file.")
    return np.concatenate(blocks).astype(np.float32) / 32768


def mp3(y, *, sr):
    """Encode and decode as MPEG layer III at libsndfile's default quality; the length is kept."""
    return to_length(_through_file(y, sr=sr, format="MP3"), len(y))


def vorbis(y, *, sr, quality):
    """Encode and decode as Vorbis at a quality from 0 to 10, which sets the bit rate; the length is kept."""
    return _through_file(y, sr=sr, format="OGG", subtype="VORBIS", compression_level=1 - quality / 10)


def at_bit_rate(y, *, sr, codec, bit_rate):
    """Encode at a constant bit rate and decode; the length is kept and the codec's delay taken out.

    Args:
        y: float32, shape (n,).
        sr: rate in Hz: 16000, or another that the codec knows.
        codec: ``mp3`` (MPEG layer III, LAME), ``opus`` (libopus) or ``aac`` (AAC-LC, FFmpeg's own, which comes near
            the bit rate only).
        bit_rate: bit/s; at 16 kHz MP3 has 8000 to 160000 and takes the nearest, and AAC uses some 70000 at most.

    Returns:
        float32, shape (n,).
    """
    name, sample_format, options, decoder_name, delay = _CODECS[codec]
    samples = np.clip(np.asarray(y, np.float32), -1, 1)
    encoder, packets = _encode(name, samples, sample_format, sr=sr, bit_rate=bit_rate, options=options)
    decoder = av.CodecContext.create(decoder_name, "r")
    decoder.extradata = encoder.extradata  # the header of Opus; None for MP3
    # The first packet of MP3 and the header of Opus state the delay, and the decoder leaves it out.
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    decoded = np.concatenate([frame.to_ndarray()[0] for frame in frames])[delay:]
    out = resample(decoded, sr_from=frames[0].sample_rate, sr_to=sr)  # Opus always comes out at 48 kHz
    return np.clip(to_length(out, len(y)), -1, 1)


def mu_law(y):
    """Round every sample as ITU-T G.711 mu-law does, to one of 255 values."""
    return _through_file(y, sr=8000, format="AU", subtype="ULAW")  # the rate stands in its header only


def band_limit(y, *, sr, low, high):
    """Zero-phase Butterworth band-pass of order 8 from ``low`` to ``high`` Hz; removes DC."""
    edges = [low, min(high, 0.49 * sr)]
    return _zero_phase(butter(4, edges, "bandpass", fs=sr, output="sos"), y)


def low_pass(y, *, sr, frequency):
    """Zero-phase Butterworth low-pass, 6 dB down at ``frequency`` Hz and 96 dB an octave above."""
    return _zero_phase(butter(8, min(frequency, 0.49 * sr), "lowpass", fs=sr, output="sos"), y)


def high_pass(y, *, sr, frequency):
    """Zero-phase Butterworth high-pass, 6 dB down at ``frequency`` Hz and 96 dB an octave below; removes DC."""
    return _zero_phase(butter(8, frequency, "highpass", fs=sr, output="sos"), y)


def through_rate(y, *, sr, rate):
    """To another rate in Hz and back: what remains is below half of it. Length is kept."""
    return to_length(resample(resample(y, sr_from=sr, sr_to=rate), sr_from=rate, sr_to=sr), len(y))


def telephone(y, *, sr):
    """Down to 8 kHz and back: what remains is below 4 kHz. Length is kept."""
    return through_rate(y, sr=sr, rate=8000)


def telephone_call(y, *, sr):
    """A call over the fixed network: 8 kHz, 300 to 3400 Hz, G.711 mu-law. Length is kept."""
    sent = band_limit(resample(y, sr_from=sr, sr_to=8000), sr=8000, low=300, high=3400)
    return to_length(resample(mu_law(sent), sr_from=8000, sr_to=sr), len(y))


def match_spectrum(y, reference, *, sr):
    """Filter a clip so that its long-term average spectrum has the broad shape of another's.

    As if both had gone through one microphone and equaliser. The correction is smoothed over an octave, limited to
    15 dB and applied by a linear-phase filter of 255 taps, so that it cannot reach the fine structure of a voice.

    Args:
        y: float32, shape (n,).
        reference: float32, shape (m,).
        sr: rate of both in Hz.

    Returns:
        float32, shape (n,).
    """
    centres = 100 * 2 ** np.arange(0, np.log2(sr / 200), 1 / 3)
    bands = []
    for signal in (y, reference):
        frequencies, density = welch(signal, sr, nperseg=min(1024, len(signal)))
        weight = np.exp(-0.5 * (np.log2(np.maximum(frequencies, 1) / centres[:, None]) / 0.4) ** 2)
        bands.append(10 * np.log10(weight @ density / weight.sum(axis=1) + 1e-12))
    gain = np.clip(bands[1] - bands[0], -15, 15)
    gain = np.r_[gain[0], gain, gain[-1]]
    taps = firwin2(255, np.r_[0, centres, sr / 2], 10 ** (gain / 20), fs=sr)
    return fftconvolve(y, taps, "same").astype(np.float32)


def set_level(y, *, dbfs=SPEECH_LEVEL):
    """Remove the mean and scale to an RMS level; scaled down further where peaks would clip."""
    y = np.asarray(y, np.float32) - np.mean(y, dtype=np.float64).astype(np.float32)
    rms = np.sqrt(np.mean(np.square(y), dtype=np.float64))
    if rms == 0:
        return y
    y = y * np.float32(10 ** (dbfs / 20) / rms)
    return y * np.float32(min(1.0, 0.99 / np.abs(y).max()))


def amplify(y, *, gain):
    """Louder by ``gain`` dB, or softer, and stored in 16 bits: what is too loud is clipped, what is soft coarse."""
    return _to_int16(np.asarray(y, np.float32) * 10 ** (gain / 20)).astype(np.float32) / 32768


def clip_peaks(y, *, depth):
    """Cut flat whatever is less than ``depth`` dB below the highest peak."""
    limit = np.abs(y).max() * 10 ** (-depth / 20)
    return np.clip(np.asarray(y, np.float32), -limit, limit)


def change_speed(y, *, sr, factor):
    """Play faster, and higher, by ``factor``: shape (about n / factor,)."""
    return resample(y, sr_from=sr, sr_to=round(sr / factor))


def frame_level(y, *, sr, seconds=0.02):
    """RMS level in dBFS of frames that follow each other without overlap, shape (n // (seconds * sr),)."""
    step = round(seconds * sr)
    blocks = np.asarray(y[: len(y) // step * step], float).reshape(-1, step)
    return 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-12)


def remove_silence(y, *, sr, below=35.0, keep=0.1):
    """Shorten pauses and trim the ends, as the '_silence' step of for-norm does.

    Args:
        y: float32, shape (n,).
        sr: rate in Hz.
        below: dB below the 95th percentile of frame levels that count as silence.
        keep: seconds of silence left on each side of speech; the ends of the clip keep none.

    Returns:
        float32, at most n samples; empty where nothing is louder than the threshold.
    """
    step = round(0.02 * sr)
    level = frame_level(y, sr=sr)
    if not len(level) or level.max() < -90:
        return np.zeros(0, np.float32)
    speech = level > np.percentile(level, 95) - below
    margin = round(keep / 0.02)
    kept = np.convolve(speech, np.ones(2 * margin + 1))[margin:-margin] > 0
    first, last = np.flatnonzero(speech)[[0, -1]]
    kept[:first] = kept[last + 1 :] = False
    return np.asarray(y[: len(level) * step], np.float32)[np.repeat(kept, step)]


def coloured_noise(n, *, tilt, rng):
    """Unit-power Gaussian noise whose spectrum falls by ``tilt`` dB per octave, shape (n,)."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    octaves = np.log2(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum * 10 ** (-tilt * octaves / 20), n)
    return (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)


def add_noise(y, *, snr, tilt, rng):
    """Add coloured noise at a signal-to-noise ratio in dB (over the whole clip)."""
    rms = np.sqrt(np.mean(np.square(y), dtype=np.float64))
    return (y + coloured_noise(len(y), tilt=tilt, rng=rng) * rms * 10 ** (-snr / 20)).astype(np.float32)


def room_response(*, sr, reverberation_time, distance, rng):
    """A synthetic room impulse response: direct sound, then exponentially decaying noise (Polack 1988).

    Args:
        sr: rate in Hz.
        reverberation_time: T60 in seconds.
        distance: metres from source to microphone; the reverberant part keeps its level, the direct part falls.
        rng: numpy Generator.

    Returns:
        float32, shape (round(reverberation_time * sr),), unit energy, direct sound at sample 0.
    """
    n = round(reverberation_time * sr)
    t = np.arange(n) / sr
    tail = rng.standard_normal(n) * 10 ** (-3 * t / reverberation_time)
    tail = lfilter([0.6], [1, -0.4], tail)  # walls and air absorb high frequencies
    tail[: round(0.003 * sr)] = 0  # the first reflection comes later than the direct sound
    response = tail / np.sqrt(np.sum(tail**2)) * min(distance / 2.0, 1.5)
    response[0] += 1.0
    return (response / np.sqrt(np.sum(response**2))).astype(np.float32)


def apply_room(y, *, sr, rng):
    """Put a clip into a random room; the length is kept."""
    room = room_response(sr=sr, reverberation_time=rng.uniform(0.1, 0.6), distance=rng.uniform(0.3, 2.0), rng=rng)
    return in_room(y, room)


def in_room(y, response):
    """What is heard in a room of a given impulse response; the length is kept."""
    return fftconvolve(y, response)[: len(y)].astype(np.float32)


def rerecord(y, *, sr, rng):
    """Play through a small loudspeaker, across a room, into a microphone with noise: the for-rerec chain."""
    level = 20 * np.log10(np.sqrt(np.mean(np.square(y), dtype=np.float64)) + 1e-9)
    played = band_limit(y, sr=sr, low=rng.uniform(120, 250), high=rng.uniform(5500, 7000))
    drive = rng.uniform(1.0, 3.0) / max(np.abs(played).max(), 1e-6)
    played = np.tanh(drive * played) / drive
    room = room_response(sr=sr, reverberation_time=rng.uniform(0.15, 0.45), distance=rng.uniform(0.3, 1.5), rng=rng)
    heard = in_room(played, room)
    microphone = lfilter([1.0, rng.uniform(-0.4, 0.4)], [1.0], heard)
    noisy = add_noise(microphone, snr=rng.uniform(20, 35), tilt=rng.uniform(3, 6), rng=rng)
    return set_level(noisy, dbfs=max(level, -60.0))


def _encode(codec, samples, sample_format, *, sr, bit_rate=None, options=None):
    """The encoder, and the packets it makes of samples in the format it wants, shape (n,)."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.sample_rate, encoder.layout, encoder.format = sr, "mono", sample_format
    encoder.time_base = Fraction(1, sr)
    if bit_rate:
        encoder.bit_rate = bit_rate
    encoder.options = options or {}
    frame = av.AudioFrame.from_ndarray(samples[None], format=sample_format, layout="mono")
    frame.sample_rate, frame.pts = sr, 0
    return encoder, [*encoder.encode(frame), *encoder.encode(None)]


def _through_file(y, *, sr, **kind):
    """Written to a file of a kind, as ``soundfile.SoundFile`` takes it, and read again."""
    buffer, samples = io.BytesIO(), np.clip(y, -1, 1)
    with sf.SoundFile(buffer, "w", sr, 1, **kind) as file:
        for first in range(0, len(samples), _BLOCK):
            file.write(samples[first : first + _BLOCK])
    buffer.seek(0)
    return sf.read(buffer, dtype="float32")[0]


def _zero_phase(sections, y):
    return sosfiltfilt(sections, y, padlen=min(len(y) - 1, 1000)).astype(np.float32)


def to_length(y, n):
    """Cut, or filled up with zeros, to n samples."""
    return np.pad(y, (0, max(n - len(y), 0)))[:n]


def _to_int16(y):
    return np.clip(np.round(np.asarray(y) * 32768), -32768, 32767).astype(np.int16)
