"""An analysis with what a test wants in it, made by no detector."""

import numpy as np
from detector_double import make_prediction

from fakeorreal.analysis import Analysis, Segment, clip_scores, per_second
from fakeorreal.detector_gradients import Gradients

STATISTICS = ("how fast", "how <b>abruptly</b>")


def make_segment(start=2.0, end=4.0, score=1.5, *, gradients="map", seed=0):
    """A segment whose occlusion is highest (0.75) at 2-3 kHz in column 4 and lowest (-0.25) at 7-8 kHz in column 0."""
    rng = np.random.default_rng(seed)
    occlusion = np.zeros((8, 8), np.float32)
    occlusion[2, 4], occlusion[7, 0] = 0.75, -0.25
    samples = (0.1 * rng.standard_normal(round(16000 * (end - start)))).astype(np.float32)
    return Segment(start, end, score, samples, occlusion, make_gradients(gradients, score))


def make_gradients(kind, score=1.5):
    """``map``: all of it in band 3, column 5 of 16 × 8; ``measures``: 2 statistics; None: none."""
    if kind is None:
        return None
    values = np.zeros((16, 8) if kind == "map" else (2, 8), np.float32)
    if kind == "map":
        values[3, 5] = score + 1
        return Gradients(values, (), "LogSTFT", -1.0, 0.004)
    values[0, 1], values[1, 6] = score + 3, -2
    return Gradients(values, STATISTICS, "SpectralTexture", -1.0, 0.004)


def make_analysis(file="a.wav", *, gradients="map", missing="", **changes):
    """An analysis of 6 s in three windows, two of which are looked at."""
    p = make_prediction(file, 2.0, **changes)
    segments = tuple(make_segment(*window, gradients=gradients, seed=k) for k, window in enumerate(p.windows[:2]))
    return Analysis(p, per_second(p.windows), clip_scores(p), segments, missing)
