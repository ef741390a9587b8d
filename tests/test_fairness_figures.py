"""Figures of fairness show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fakeorreal.fairness_figures import fairness_dots
from fakeorreal.plotting import COLOURS


@pytest.fixture
def table():
    rows = [
        ("language", "fr", 0, 10.0, 30),
        ("speaker", "ann", 0, 5.0, 40),
        ("speaker", "bob", 0, 50.0, 2000),
        ("generator", "lpc", 1, 20.0, 50),
    ]
    table = pd.DataFrame(rows, columns=["attribute", "value", "label", "rate", "n_clips"])
    return table.assign(rate_low=table["rate"] - 3, rate_high=table["rate"] + 5)


def test_dots_stand_at_their_rates_with_intervals_and_numbers(table):
    real, fake = fairness_dots(table).axes
    for ax, label, rates in ((real, 0, [50, 5, 10]), (fake, 1, [20])):
        (dots,) = (line for line in ax.lines if line.get_marker() == "o")
        np.testing.assert_allclose(dots.get_xdata(), rates)  # by speaker before language, the worst on top
        assert to_hex(dots.get_color()) == COLOURS[label]
        ends = [segment[:, 0].tolist() for segment in ax.containers[0][2][0].get_segments()]
        assert ends == [[rate - 3, rate + 5] for rate in rates]
    names = dict(zip(real.get_yticks(), (t.get_text() for t in real.get_yticklabels()), strict=True))
    assert [names[k] for k in sorted(names)] == ["by speaker", "bob", "ann", "by language", "fr"]
    assert [text.get_text() for text in real.texts] == ["n = 2,000", "n = 40", "n = 30"]
    assert real.get_ylim()[0] > real.get_ylim()[1] and real.get_xlim() == (0, 100)


def test_one_class_alone_has_one_panel(table):
    (real,) = fairness_dots(table[table["label"] == 0]).axes
    assert real.get_title() == "false alarms (real clips)"
