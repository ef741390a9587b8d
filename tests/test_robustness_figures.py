"""Figures of the ladders show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fakeorreal import robustness_figures


@pytest.fixture
def table():
    """Two systems on three rungs of ``noise``, and one of them on ``speed``."""
    rungs = [("noise", -5, "noise-minus-5dB"), ("noise", 15, "noise-15dB"), ("noise", "clean", "clean")]
    rungs = [("weak", *rung) for rung in rungs] + [("strong", *rung) for rung in rungs]
    rungs += [("strong", "speed", 0.8, "speed-0.8"), ("strong", "speed", "clean", "clean")]
    rungs += [("strong", "speed", 1.25, "speed-1.25")]
    table = pd.DataFrame(rungs, columns=["system", "family", "value", "condition"])
    table["eer"] = 45.0 - 4 * np.arange(len(table))
    return table.assign(eer_low=table["eer"] - 3, eer_high=table["eer"] + 5, balanced_accuracy=99 - table["eer"])


def test_ladder_curves_show_errors_intervals_and_accuracies(table):
    figure = Figure()
    ax = figure.subplots()
    assert robustness_figures.ladder_curves(table, "noise", ax=ax) is figure
    curves = [line for line in ax.lines if line.get_marker() in "os"]
    for k, system in enumerate(("weak", "strong")):
        rows = table[(table["system"] == system) & (table["family"] == "noise")]
        error, accuracy = curves[2 * k : 2 * k + 2]
        for line, column, style in ((error, "eer", "-"), (accuracy, "balanced_accuracy", "--")):
            np.testing.assert_allclose(line.get_xydata(), np.column_stack([range(3), rows[column]]))
            assert line.get_linestyle() == style
        assert to_hex(error.get_color()) == to_hex(accuracy.get_color())
        band = ax.collections[k].get_paths()[0].get_extents()
        assert (band.ymin, band.ymax) == (rows["eer_low"].min(), rows["eer_high"].max())
    assert to_hex(curves[0].get_color()) != to_hex(curves[2].get_color())
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["−5", "15", "clean"]
    assert ax.get_xlabel() == "ratio of signal to noise (dB)" and ax.get_ylim() == (0, 100)
    assert [text.get_text() for text in ax.get_legend().get_texts()][:2] == ["weak", "strong"]


def test_clean_clips_stand_where_the_ladder_has_them_and_a_system_keeps_its_colour(table):
    noise, speed = (robustness_figures.ladder_curves(table, family).axes[0] for family in ("noise", "speed"))
    for ax, place in ((noise, 2), (speed, 1)):
        (clean,) = (line for line in ax.lines if line.get_linestyle() == ":")
        assert set(clean.get_xdata()) == {place}
    assert [tick.get_text() for tick in speed.get_xticklabels()] == ["0.8", "clean", "1.25"]
    strong = [line for line in noise.lines if line.get_marker() == "o"][1]
    assert to_hex(speed.lines[0].get_color()) == to_hex(strong.get_color())
