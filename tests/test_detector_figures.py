"""Figures of a detector: that they draw what the tables hold, in the right place and colour."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fakeorreal import calibration, detector_figures, metrics, plotting


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    return {name: (labels, gain * (rng.normal(size=400) + labels - 0.5)) for name, gain in (("one", 1), ("two", 4))}


@pytest.fixture
def families():
    return pd.DataFrame(
        {
            "family": ["codec", "GAN", "TTS"],
            "eer": [30.0, 20.0, 10.0],
            "eer_low": [25.0, np.nan, 11.0],  # a bootstrap interval need not hold the estimate
            "eer_high": [36.0, np.nan, 14.0],
            "n_fake": [100, 20, 1300],
            "n_sources": [2, 1, 5],
        }
    )


@pytest.fixture
def sources():
    return pd.DataFrame(
        {
            "source": ["crowd", "demo", "page", "tts"],
            "eer": [np.nan, 20.0, 30.0, np.nan],
            "eer_low": [np.nan, 10.0, 25.0, np.nan],
            "eer_high": [np.nan, 26.0, 33.0, np.nan],
            "wrong": [40.0, 1.0, 2.0, 5.0],
            "wrong_low": [35.0, 0.0, 1.0, 3.0],
            "wrong_high": [48.0, 3.0, 4.0, 9.0],
            "n_real": [1200, 5, 50, 0],
            "n_fake": [0, 30, 40, 7],
        }
    )


def texts(figure):
    figure.draw_without_rendering()
    return " | ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")) if t.get_text())


def whiskers(ax):
    """Ends of the drawn whiskers, by height."""
    segments = [s for collection in ax.collections for s in collection.get_segments()]
    return {round(s[0, 1]): tuple(s[:, 0]) for s in segments if s.size and np.isfinite(s).all()}


def dots(ax):
    """height -> (x, colour, marker) of every point."""
    return {
        round(y): (x, to_hex(line.get_color()), line.get_marker())
        for line in ax.lines
        for x, y in zip(*line.get_data(), strict=True)
        if line.get_marker() in ("o", "s")
    }


def test_det_has_a_curve_per_condition(pairs):
    runs = [
        pd.DataFrame({"label": labels, "score": scores, "condition": condition})
        for condition, (labels, scores) in zip(("clean", "opus-24k"), pairs.values(), strict=True)
    ]
    words = texts(detector_figures.det_by_condition(pd.concat(runs)))
    for condition, pair in zip(("clean", "opus-24k"), pairs.values(), strict=True):
        assert f"{condition}: EER {100 * metrics.eer(*pair):.1f} %" in words


def test_reliability_draws_the_bins_and_states_the_ece(pairs):
    figure = detector_figures.reliability_diagram(pairs)
    lines = figure.axes[0].lines[1:]  # the first is the diagonal
    for line, (name, pair) in zip(lines, pairs.items(), strict=True):
        bins = calibration.reliability(*pair)
        np.testing.assert_allclose(line.get_data(), (100 * bins["probability"], 100 * bins["fake"]))
        assert f"{name}: ECE {100 * calibration.ece(*pair):.1f} %" in texts(figure)
    assert calibration.ece(*pairs["two"]) > 2 * calibration.ece(*pairs["one"])


def test_families_are_dots_with_intervals_hardest_on_top(families):
    figure = detector_figures.family_dots(families)
    ax = figure.axes[0]
    orange = plotting.COLOURS[1]
    assert dots(ax) == {2: (30, orange, "o"), 1: (20, orange, "o"), 0: (10, orange, "o")}
    assert whiskers(ax) == {2: (25, 36), 0: (11, 14)}  # no interval, no whiskers
    names = {y: t.get_text() for y, t in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}
    assert names == {2: "codec", 1: "GAN", 0: "TTS"}
    assert "1,300 from 5" in texts(figure)


def test_sources_show_the_eer_or_the_errors_of_their_one_class(sources):
    figure = detector_figures.source_dots(sources)
    ax = figure.axes[0]
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names == ["page", "demo", "crowd", "tts"]  # both classes first, the worst on top
    real, fake = plotting.COLOURS
    assert dots(ax) == {
        3: (30, detector_figures._NEUTRAL, "o"), 2: (20, detector_figures._NEUTRAL, "o"),
        1: (40, real, "s"), 0: (5, fake, "s"),
    }  # fmt: skip
    assert whiskers(ax) == {3: (25, 33), 2: (10, 26), 1: (35, 48), 0: (3, 9)}
    words = texts(figure)
    assert "1,200 + 0" in words and "0 + 7" in words and "only fake: wrong" in words


def test_drawing_on_given_axes_returns_their_figure(pairs, families, sources):
    for draw in (
        lambda ax: detector_figures.reliability_diagram(pairs, ax=ax),
        lambda ax: detector_figures.family_dots(families, ax=ax),
        lambda ax: detector_figures.source_dots(sources, ax=ax),
    ):
        figure = Figure()
        assert draw(figure.subplots()) is figure and len(figure.axes) == 1
