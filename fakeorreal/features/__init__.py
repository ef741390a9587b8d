"""Front ends: waveform (n,) float32 mono at a stated rate → array. The same code serves training and the detector.

A front end is a frozen dataclass with ``sr``, ``seconds`` (None: clips of any length), ``shape`` and ``config()``.
Names are imported on first use: the detector's front end needs none of the libraries of the others.
"""

import importlib

from fakeorreal.errors import FakeOrRealError

FRONT_ENDS = {
    "LogMel": "mel",
    "MelPicture": "mel",
    "Handcrafted": "handcrafted",
    "SpectralTexture": "texture",
    "LogSTFT": "log_stft",
    "WaveletPackets": "wavelet_packets",
    "LFCC": "lfcc",
    "Waveform": "waveform",
    "PowerSpectrogram": "power_spectrogram",
    "WildMel": "wild_mel",
    "FrameMel": "frame_mel",
}
_HOMES = {**FRONT_ENDS, "FrameFeatures": "frame_features", "extract": "cache", "Features": "cache"}
__all__ = ["build_front_end", *_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'fakeorreal.features' has no attribute {name!r}")
    return getattr(importlib.import_module(f"fakeorreal.features.{_HOMES[name]}"), name)


def __dir__():
    return __all__


def build_front_end(config):
    """The front end that gave ``config`` as its ``config()``.

    Raises:
        FakeOrRealError: unknown class, other fields or another version than this package has.
    """
    name = config.get("class")
    if name not in FRONT_ENDS:
        raise FakeOrRealError(f"`class` must be one of {', '.join(FRONT_ENDS)}. Received: {name!r}.")
    fields = {key: value for key, value in config.items() if key not in ("class", "version")}
    try:
        front_end = __getattr__(name)(**fields)
    except TypeError as error:
        raise FakeOrRealError(f"{name} has other fields than {', '.join(fields)}. Install their version.") from error
    if front_end.config() != config:
        raise FakeOrRealError(
            f"{name} is at version {front_end.config()['version']}. Received: {config.get('version')}. "
            "Install the version of fakeorreal that the weights were made with."
        )
    return front_end
