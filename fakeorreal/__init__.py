"""fakeorreal: a study package for audio-deepfake detection.

Names are imported on first use, so that ``import fakeorreal`` stays fast.
Labels everywhere: real = 0, fake = 1. A score is the logit of *fake*: higher means more likely fake.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "FakeOrRealError": "errors",
    "load_corpus": "corpora",
    "validate": "corpora",
    "LogMel": "features",
    "Handcrafted": "features",
    "SYSTEMS": "systems",
    "Study": "study",
    "load_detector": "detector",
    "Detector": "detector",
    "analyze": "analysis",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'fakeorreal' has no attribute {name!r}")
    return getattr(importlib.import_module(f"fakeorreal.{_HOMES[name]}"), name)


def __dir__():
    return __all__
