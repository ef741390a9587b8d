"""How much of what notebook 11 asks a profile runs."""

from dataclasses import dataclass

from fakeorreal.ladders import RUNGS

MILD_AND_HARD = (
    *("mp3-64k", "mp3-16k", "opus-24k", "opus-6k", "vorbis-q4", "vorbis-q0", "aac-48k", "aac-16k"),
    *("g722", "telephone", "lowpass-6000", "lowpass-2000", "highpass-200", "highpass-1000"),
    *("noise-20dB", "noise-0dB", "room-0.3s", "room-1.5s", "resampled-12000", "resampled-4000"),
    *("gain-minus-30dB", "gain-12dB", "clipped-3dB", "clipped-18dB", "first-2s", "first-0.5s"),
    *("speed-1.05", "speed-1.25"),
)
"""Two rungs of every family."""

RETRAINED = ("dnn", "xgboost", "custom_cnn")
"""What is trained anew on clips dealt at random; the slowest last."""

HARD = "noise-0dB"
"""The condition under which thresholds are looked at besides the clean clips."""


@dataclass(frozen=True)
class Amount:
    """How much a profile asks; None for all.

    Attributes:
        damaged: clips of each class on the ladders.
        rungs: of the ladders.
        retrained: systems that are trained on clips dealt at random.
        crossed: clips of each class and version in the matrix.
        audited: clips of each class of training and of testing.
        compared: utterances of a version whose clips are compared with each other.
        traced: fakes whose generator is asked for.
    """

    damaged: int | None
    rungs: tuple
    retrained: tuple
    crossed: int | None
    audited: int | None
    compared: int | None
    traced: int | None


AMOUNTS = {
    "smoke": Amount(3, ("telephone", "noise-20dB", HARD), RETRAINED, 4, 6, 6, 40),
    "demo": Amount(30, MILD_AND_HARD, RETRAINED[:2], 80, 100, 200, 500),
    "full": Amount(None, tuple(RUNGS), RETRAINED, None, None, None, None),
}
