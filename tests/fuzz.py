"""Bad input, made from one seed: files that are broken, that lie, or that are no sound at all, and hostile archives.

A case is ``(kind, name, data)``: what is wrong, a file name of its own, and bytes.
"""

import gzip
import io
import struct
import tarfile
import zipfile
from functools import cache

import av
import numpy as np
import soundfile as sf

SEED = 440
SR = 16000
SECONDS = 1.5
LIBSNDFILE = {
    "wav": {"format": "WAV"},
    "rf64": {"format": "RF64"},
    "24.wav": {"format": "WAV", "subtype": "PCM_24"},
    "float.wav": {"format": "WAV", "subtype": "FLOAT"},
    "aiff": {"format": "AIFF"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
}
FFMPEG = {"m4a": ("mp4", "aac"), "aac": ("adts", "aac"), "webm": ("webm", "libopus"), "alac.m4a": ("mp4", "alac")}
SUFFIXES = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "webm", "mp4", "oga")
DEEP = 100_000
"""Brackets within brackets."""


def voice(rng, seconds=SECONDS, sr=SR):
    """Noise in syllables, which counts as speech; shape (n,)."""
    t = np.arange(round(seconds * sr)) / sr
    return 0.2 * rng.standard_normal(len(t)).clip(-3, 3) * np.abs(np.sin(2 * np.pi * 2 * t))


def encoded(y, sr=SR, **form):
    data = io.BytesIO()
    sf.write(data, y, sr, **form)
    return data.getvalue()


def by_ffmpeg(y, form, codec, sr=48000):
    data = io.BytesIO()
    with av.open(data, "w", format=form) as container:
        track = container.add_stream(codec, rate=sr, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.asarray(y, np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate = SR
        convert = av.AudioResampler(format=track.format, layout="mono", rate=sr)
        for part in [*convert.resample(frame), *convert.resample(None), None]:
            container.mux(track.encode(part))
    return data.getvalue()


def carriers(rng):
    """Sound files with nothing wrong: suffix → bytes."""
    y = voice(rng)
    return {
        **{suffix: encoded(y, **form) for suffix, form in LIBSNDFILE.items()},
        "mp3": encoded(y, format="MP3"),
        **{suffix: by_ffmpeg(y, *form) for suffix, form in FFMPEG.items()},
    }


@cache
def audio_cases(seed=SEED):
    """The cases that `fakeorreal predict` is set on in one go."""
    return tuple(_audio_cases(seed))


def _audio_cases(seed):
    rng = np.random.default_rng(seed)
    sound = carriers(rng)
    for suffix, data in sound.items():
        yield "whole", f"whole.{_name(suffix)}", data
        for n in (1, 3, 4, 11, 37, 44, 100, *(len(data) * k // 8 for k in (1, 3, 5, 7)), len(data) - 1):
            yield "cut", f"cut-{n}.{_name(suffix)}", data[:n]
        for part, end in (("header", min(200, len(data))), ("body", len(data))):
            for k in range(6):
                yield f"flipped {part}", f"flipped-{part}-{k}.{_name(suffix)}", _flipped(data, rng, end, 1 + k)
    for k, (suffix, data) in enumerate(sound.items()):
        other = SUFFIXES[(k + 3) % len(SUFFIXES)]
        yield "wrong suffix", f"{suffix.replace('.', '-')}-as.{other}", data
    for name, data in _no_sound(rng).items():
        for suffix in ("wav", "mp3", "flac"):
            yield "no sound", f"{name}.{suffix}", data
    yield from (("samples", name, data) for name, data in _samples(rng).items())
    yield from (("header", f"{name}.wav", data) for name, data in _headers(sound["wav"]).items())
    yield from (("container", name, data) for name, data in _containers(rng, sound).items())


def _name(suffix):
    """A suffix that a folder is searched for; the one of the carrier stays in the name."""
    return suffix if suffix.rpartition(".")[2] in SUFFIXES else f"{suffix}.wav"


def _flipped(data, rng, end, bits):
    flipped = np.frombuffer(data, np.uint8).copy()
    np.bitwise_xor.at(flipped, rng.integers(0, end, bits), 1 << rng.integers(0, 8, bits).astype(np.uint8))
    return flipped.tobytes()


def _no_sound(rng):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.wav", encoded(voice(rng), format="WAV"))
    return {
        "empty": b"",
        "text": b"These are words, not sound.\n" * 50,
        "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n",
        "zip": packed.getvalue(),
        "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89" + bytes(100),
        "gif": b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;",
        "pdf": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" + bytes(500),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(500),
        "json": b'{"error": "not found"}',
        "zeros": bytes(5000),
        "ones": b"\xff" * 5000,
        "random": rng.bytes(5000),
        "gzip": gzip.compress(bytes(5000)),
        "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n",
        "concat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        "magic": b"RIFF",
        "flac-magic": b"fLaC" + bytes(200),
        "ogg-magic": b"OggS" + bytes(200),
        "webm-magic": b"\x1aE\xdf\xa3" + bytes(200),
        "mp4-magic": b"\0\0\0\x18ftypM4A \0\0\0\0" + bytes(200),
    }


def _samples(rng):
    y = voice(rng)
    floats = {"format": "WAV", "subtype": "FLOAT"}

    def with_value(value, at):
        changed = y.copy()
        changed[at] = value
        return encoded(changed, **floats)

    return {
        "nan.wav": with_value(np.nan, 5),
        "nan-last.wav": with_value(np.nan, -1),
        "all-nan.wav": with_value(np.nan, slice(None)),
        "inf.wav": with_value(np.inf, 5),
        "minus-inf.wav": with_value(-np.inf, -1),
        "huge.wav": with_value(3e38, 5),
        "double.wav": encoded(np.where(np.arange(len(y)) == 5, 1e300, y), format="WAV", subtype="DOUBLE"),
        "denormal.wav": encoded(1e-40 * y, **floats),
        "tiny.wav": encoded(1e-12 * y, **floats),
        "integers.wav": encoded(32767 * y, **floats),
        "silence.wav": encoded(0 * y, format="WAV"),
        "dc.wav": encoded(0 * y + 0.5, format="WAV"),
        "clipped.wav": encoded(np.sign(y), format="WAV"),
        "no-samples.wav": encoded(y[:0], format="WAV"),
        "no-samples.flac": encoded(y[:0], format="FLAC"),
        "no-samples.ogg": encoded(y[:0], format="OGG"),
        "one-sample.wav": encoded(y[:1], format="WAV"),
        "one-sample.flac": encoded(y[:1], format="FLAC"),
        "one-sample.mp3": encoded(y[:1], format="MP3"),
        "short.wav": encoded(y[: round(0.49 * SR)], format="WAV"),
        "8-channels-192-kHz.wav": encoded(np.tile(voice(rng, sr=192_000), (8, 1)).T, 192_000, format="WAV"),
        "8-channels-192-kHz.flac": encoded(np.tile(voice(rng, sr=192_000), (8, 1)).T, 192_000, format="FLAC"),
        "opposite-channels.wav": encoded(np.stack([y, -y], axis=1), format="WAV"),
    }


def _headers(wav):
    """A WAV whose header says what cannot be."""

    def stated(at, form, value):
        return wav[:at] + struct.pack(form, value) + wav[at + struct.calcsize(form) :]

    cases = {
        f"{field}-{value}": stated(at, form, value)
        for field, at, form, values in (
            ("riff-size", 4, "<I", (0, 1, 2**31, 2**32 - 1)),
            ("fmt-size", 16, "<I", (0, 1, 15, 17, 40, 2**31, 2**32 - 1)),
            ("codec", 20, "<H", (0, 2, 6, 7, 17, 49, 85, 0xFFFE, 0xFFFF)),
            ("channels", 22, "<H", (0, 2, 3, 64, 65, 1000, 65535)),
            ("rate", 24, "<I", (0, 1, 10, 2**31, 2**31 - 1, 2**32 - 1)),
            ("byte-rate", 28, "<I", (0, 2**32 - 1)),
            ("block-align", 32, "<H", (0, 1, 3, 65535)),
            ("bits", 34, "<H", (0, 1, 7, 12, 24, 32, 64, 65535)),
            ("data-size", 40, "<I", (0, 1, 2**31, 2**32 - 2**12, 2**32 - 1)),
        )
        for value in values
    }
    ten_hours = 36_000 * 2 * SR
    return cases | {
        "ten-hours-of-nothing": wav[:4] + struct.pack("<I", ten_hours + 36) + wav[8:40] + struct.pack("<I", ten_hours),
        "ten-hours-of-a-second": stated(40, "<I", ten_hours)[: 44 + 2 * SR],
        "many-chunks": wav[:36] + b"".join(b"junk\0\0\0\0" for _ in range(20_000)) + wav[36:],
        "chunk-beyond-the-end": wav[:36] + b"junk\xff\xff\xff\x7f" + wav[36:],
        "two-of-data": wav + wav[36:],
    }


def _containers(rng, sound):
    mp3, ogg = sound["mp3"], sound["ogg"]
    other = encoded(voice(rng, sr=8000), 8000, format="OGG")
    return {
        "tag-of-256-MB.mp3": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + mp3,
        "tag-of-2-MB.mp3": b"ID3\x04\0\0\0\x7f\x7f\x7f" + bytes(2**21 - 1) + mp3,
        "tag-of-lies.mp3": b"ID3\x04\0\0\xff\xff\xff\xff" + mp3,
        "tag-of-frames.mp3": b"ID3\x04\0\0\0\0\x10\0APIC\x7f\x7f\x7f\x7f\0\0" + bytes(2034) + mp3,
        "tags.mp3": b"ID3\x04\0\0\0\0\0\0" * 5000 + mp3,
        "only-a-tag.mp3": b"ID3\x04\0\0\0\0\x10\0" + bytes(2048),
        "half-a-tag.mp3": b"ID3\x04\0",
        "chained.ogg": ogg + ogg,
        "chained-rates.ogg": ogg + other,
        "chained-opus.opus": sound["opus"] + sound["opus"],
        "chained-kinds.ogg": ogg + sound["opus"],
        "two.flac": sound["flac"] + sound["flac"],
        "two.mp3": mp3 + mp3,
        "wav-in.mp3": b"ID3\x04\0\0\0\0\0\0" + sound["wav"],
        "latin-title.m4a": sound["m4a"].replace(b"Lavf", b"L\xe4\xff\xfe"),
        "longest.flac": _flac_stating(sound["flac"], 2**36 - 1),
        "no-length.flac": _flac_stating(sound["flac"], 0),
        "samples-2-32.m4a": _sample_table(sound["alac.m4a"], 2**32 - 1),
        "samples-10-8.m4a": _sample_table(sound["alac.m4a"], 10**8),
    }


def _flac_stating(flac, samples):
    data = bytearray(flac)
    data[21] = data[21] & 0xF0 | samples >> 32
    data[22:26] = struct.pack(">I", samples % 2**32)
    return bytes(data)


def later(ogg, samples):
    """The same Ogg file, its times so many samples later."""
    pages = [b"OggS" + page for page in ogg.split(b"OggS")[1:]]
    for k, page in enumerate(pages):
        time = int.from_bytes(page[6:14], "little")
        page = page[:6] + (time + samples * (time > 0)).to_bytes(8, "little") + page[14:22] + bytes(4) + page[26:]
        pages[k] = page[:22] + _crc(page, 32, 0x04C11DB7)[::-1] + page[26:]
    return b"".join(pages)


def _sample_table(m4a, samples):
    """A movie that states so many samples of one byte each, all in one chunk."""
    data = bytearray(m4a)
    sizes, chunks = data.index(b"stsz"), data.index(b"stsc")
    data[sizes + 8 : sizes + 16] = struct.pack(">II", 1, samples)
    data[chunks + 8 : chunks + 24] = struct.pack(">IIII", 1, 1, samples, 1)
    return bytes(data)


def constant_flac(values, block=65_535):
    """A FLAC of 16 kHz, mono, 16 bit, of blocks of one value each: 4 seconds in 14 bytes."""
    samples = len(values) * block
    info = struct.pack(">HH6x", block, block) + struct.pack(">Q", SR << 44 | 15 << 36 | samples) + bytes(16)
    frames = (_flac_frame(number, value, block) for number, value in enumerate(values))
    return b"fLaC\x80\0\0\x22" + info + b"".join(frames)


def _flac_frame(number, value, block):
    coded = chr(number).encode("utf-8", "surrogatepass")
    header = b"\xff\xf8\x75\x08" + coded + struct.pack(">H", block - 1)
    header += _crc(header, 8, 0x07)
    frame = header + b"\0" + struct.pack(">h", value)
    return frame + _crc(frame, 16, 0x8005)


def _crc(data, bits, polynomial):
    value, top = 0, 1 << bits
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value <<= 1
            value ^= (top | polynomial) * (value >> bits)
    return value.to_bytes(bits // 8)


@cache
def array_cases():
    """Hostile ``.npz``: name → bytes."""
    good = npy("(50, 8)", bytes(50 * 8 * 4))
    members = {
        "shape of 10^12": npy("(1000000000000, 8)"),
        "shape of 10^9": npy("(1000000000, 8)"),
        "shape beyond integers": npy("(100000000000000000000, 8)"),
        "negative shape": npy("(-1, 8)", bytes(64)),
        "objects": npy("(4, 8)", bytes(256), descr="'O'"),
        "an expression": npy('(__import__("os").abort(), 8)'),
        "brackets": npy("(1, 8)", descr="[" * 900 + "'<f4'" + "]" * 900),
        "a long header": npy("(" * DEEP + ")" * DEEP),
        "an open bracket": npy("(50, 8"),
        "cut off": good[:-10],
        "half a header": good[:20],
        "version 9": b"\x93NUMPY\x09\0" + good[8:],
        "no array": b"hello",
        "nothing": b"",
    }
    cases = {name: zipped("features.npy", data) for name, data in members.items()}
    whole = zipped("features.npy", good)
    central = whole.rindex(b"PK\1\2")
    return cases | {
        "encrypted": _changed(whole, {6: 1, central + 8: 1}),
        "unknown compression": _changed(whole, {8: 97, central + 10: 97}),
        "broken LZMA": _changed(zipped("features.npy", good, method=zipfile.ZIP_LZMA), {80: 0xFF, 90: 0xFF}),
        "300 MB of zeros": zipped("features.npy", npy("(75000, 1000)", bytes(300_000_000))),
        "no archive": good,
        "a pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x02os\x8c\x05abort\x93)R.",
        "empty": b"",
    }


def flipped_arrays(n, seed=SEED):
    """Yields ``.npz`` files with one to four bits turned over, every fifth of them cut."""
    rng = np.random.default_rng(seed)
    whole = zipped("features.npy", npy("(50, 8)", rng.standard_normal(400).astype("<f4").tobytes()))
    for k in range(n):
        data = _flipped(whole, rng, len(whole), 1 + k % 4)
        yield data[: rng.integers(len(data))] if k % 5 == 0 else data


def npy(shape, data=b"", *, descr="'<f4'"):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x02\0" + struct.pack("<I", len(header)) + header + data


def _changed(data, changes):
    data = bytearray(data)
    for at, value in changes.items():
        data[at] = value
    return bytes(data)


def zipped(name, data, *, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method, compresslevel=1) as archive:
        archive.writestr(name, data)
    return packed.getvalue()


def debian_packages(outside):
    """Hostile Debian packages: name → bytes. All want to write to, or link to, the folder ``outside``."""
    link, hard, device, pipe = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE
    members = {
        "parent": [("../../../evil", {})],
        "parent-within": [("./usr/../../../../evil", {})],
        "absolute": [(f"{outside}/evil", {})],
        "through-a-link": [("./d", {"type": link, "linkname": str(outside)}), ("./d/evil", {})],
        "through-a-near-link": [("./d", {"type": link, "linkname": "../../.."}), ("./d/evil", {})],
        "over-a-link": [("./x", {"type": link, "linkname": f"{outside}/evil"}), ("./x", {})],
        "hard-link": [("./h", {"type": hard, "linkname": f"{outside}/kept"}), ("./h", {})],
        "device": [("./zero.wav", {"type": device, "devmajor": 1, "devminor": 5})],
        "pipe": [("./pipe.wav", {"type": pipe})],
    }
    return {name: _deb(files) for name, files in members.items()}


def _deb(files):
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _tar([("./control", {})], b"Package: x\nVersion: 1\nArchitecture: all\nDescription: x\n"),
        "data.tar.gz": _tar(files, b"evil"),
    }
    archive = b"!<arch>\n"
    for name, data in parts.items():
        archive += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n"[: len(data) % 2]
        )
    return archive


def _tar(files, content):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, facts in files:
            member = tarfile.TarInfo(name)
            for key, value in facts.items():
                setattr(member, key, value)
            member.size = 0 if facts else len(content)
            archive.addfile(member, io.BytesIO(content))
    return data.getvalue()
