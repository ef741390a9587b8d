"""Front ends: waveform (n,) float32 mono at a stated rate → array. The same code serves training and the detector.

A front end is a frozen dataclass with ``sr``, ``seconds`` (None: clips of any length), ``shape`` and ``config()``.
"""

from fakeorreal.features.cache import Features, extract
from fakeorreal.features.handcrafted import Handcrafted
from fakeorreal.features.mel import LogMel, MelPicture

__all__ = ["LogMel", "MelPicture", "Handcrafted", "extract", "Features"]
