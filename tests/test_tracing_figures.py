"""Figures of source tracing show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score, roc_curve

from fakeorreal import tracing_figures
from fakeorreal.source_tracing import ALL, MEAN, open_set_table


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    generator = np.repeat(["lpc", "vocos", "world"], 30)
    without = {f"without_{name}": rng.normal(k * (generator == name), 1) for k, name in enumerate(np.unique(generator))}
    return pd.DataFrame({"protocol": ALL, "group": np.tile(np.arange(30), 3), "generator": generator, **without})


def test_confusion_heat_map_reads_from_maker_to_name():
    confusion = pd.DataFrame([[3, 1], [0, 6]], ["lpc", "vocos"], ["lpc", "vocos"])
    ax = tracing_figures.confusion_heat_map(confusion, "title").axes[0]
    np.testing.assert_allclose(ax.collections[0].get_array(), [[75, 25], [0, 100]])
    assert [t.get_text() for t in ax.texts] == ["3", "1", "", "6"]
    assert [t.get_text() for t in ax.get_yticklabels()] == [t.get_text() for t in ax.get_xticklabels()]
    assert (ax.get_title(), ax.get_ylabel(), ax.get_xlabel()) == ("title", "made by", "named")


def test_open_set_roc_shows_every_generator_and_the_mean(scores):
    opened = open_set_table(scores)
    ax = tracing_figures.open_set_roc(scores, opened).axes[0]
    thin = [line for line in ax.lines if line.get_linewidth() == 0.8 and len(line.get_xdata())]
    assert len(thin) == 3
    for line, name in zip(thin, ("lpc", "vocos", "world"), strict=True):
        fpr, tpr, _ = roc_curve(scores["generator"] == name, scores[f"without_{name}"], drop_intermediate=False)
        np.testing.assert_allclose(line.get_xydata(), 100 * np.column_stack([fpr, tpr]))
    (mean,) = (line for line in ax.lines if line.get_linewidth() == 2.5)
    x, y = mean.get_xydata().T / 100
    aucs = [roc_auc_score(scores["generator"] == n, scores[f"without_{n}"]) for n in ("lpc", "vocos", "world")]
    assert np.trapezoid(y, x) == pytest.approx(np.mean(aucs), abs=0.01)
    row = opened.set_index("left_out").loc[MEAN]
    assert mean.get_label() == f"mean of 3: AUC {row['auc']:.2f} [{row['auc_low']:.2f}, {row['auc_high']:.2f}]"
    assert [t.get_text() for t in ax.texts] == ["lpc", "world"]  # the hardest and the easiest


def test_drawing_on_given_axes_returns_their_figure(scores):
    figure = Figure()
    assert tracing_figures.open_set_roc(scores, open_set_table(scores), ax=figure.subplots()) is figure
