"""Figures of the localisation study show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fakeorreal import localisation_figures
from fakeorreal.plotting import Picture


def test_learning_shows_means_over_seeds_and_the_epoch_that_is_scored():
    columns = ["epoch", "seed", "loss", "val_loss", "val_frame_auc", "val_clip_auc"]
    rows = [
        (1, 0, 0.6, 0.5, 0.6, 0.5),
        (2, 0, 0.4, 0.3, 0.8, 0.7),
        (1, 1, 0.8, 0.3, 0.7, 0.5),
        (2, 1, 0.6, 0.5, 0.9, 0.9),
    ]
    figure = localisation_figures.learning(pd.DataFrame(rows, columns=columns))
    left, right = figure.axes
    lines = {line.get_label(): list(line.get_ydata()) for line in (*left.lines, *right.lines)}
    assert isinstance(figure, Picture)
    assert lines["training"] == pytest.approx([0.7, 0.5]) and lines["validation"] == pytest.approx([0.4, 0.4])
    assert lines["frames of 20 ms"] == pytest.approx([0.65, 0.85])
    dots = [list(line.get_xdata()) for line in left.lines if line.get_marker() == "o"]
    assert dots == [[2, 1]]


def test_bars_are_f1_beside_the_baselines():
    systems = ("localizer", "shipped localiser", "everything fake", "energy threshold")
    sets = ("easy", "zeroshot")
    table = pd.DataFrame([{"test_set": one, "system": system} for one in sets for system in systems])
    for k, name in enumerate(("f1_1s", "f1_20ms")):
        table[name] = np.arange(8) * 10 + k
        table[f"{name}_low"], table[f"{name}_high"] = table[name] - 4, table[name] + 6
    figure = localisation_figures.f1_bars(table)
    for k, ax in enumerate(figure.axes):
        heights = [[bar.get_height() for bar in bars] for bars in ax.containers if hasattr(bars, "patches")]
        assert heights == [[10 * j + k, 10 * j + 40 + k] for j in range(4)]
        assert [label.get_text() for label in ax.get_xticklabels()] == list(sets)
    whiskers = figure.axes[0].collections[0].get_segments()
    assert [tuple(line[:, 1]) for line in whiskers] == [(-4, 6), (36, 46)]


def test_dots_are_regions_found():
    rows = [("a", "test_set", "easy", 50.0, 30.0, 70.0, 9), ("a", "length", "below 0.5 s", 0.0, 0.0, 25.0, 4)]
    rows.append(("a", "length", "2 s and longer", 90.0, 70.0, 99.0, 7))
    rows += [("b", *row[1:3], row[3] + 10, *row[4:]) for row in rows]
    columns = ["system", "by", "value", "hit", "hit_low", "hit_high", "n_regions"]
    first, second = localisation_figures.found_by(pd.DataFrame(rows, columns=columns)).axes
    dots = {line.get_label(): list(line.get_xdata()) for line in second.lines if line.get_marker() == "o"}
    assert dots == {"a": [0, 90], "b": [10, 100]}
    assert [label.get_text() for label in second.get_yticklabels()] == ["below 0.5 s", "2 s and longer"]
    assert sorted(text.get_text() for text in (*first.texts, *second.texts)) == ["n = 4", "n = 7", "n = 9"]


def test_examples_show_truth_and_what_was_found():
    picture, scores = np.zeros((400, 8), "float32"), np.linspace(-3, 3, 200)
    clips = [
        (f"clip {k}", picture, scores, np.array([[1.0, 2.0]]), np.array([[1.5, 2.5], [3.0, 3.5]])) for k in range(3)
    ]
    figure = localisation_figures.examples(clips, 1.0)
    assert len(figure.axes) == 9
    for k in range(3):
        sound, values, bars = figure.axes[3 * k : 3 * k + 3]
        assert sound.get_title() == f"clip {k}" and sound.get_xlim() == (0, 4)
        np.testing.assert_allclose(values.lines[0].get_ydata(), 100 * expit(scores))
        assert values.lines[1].get_ydata()[0] == pytest.approx(100 * expit(1.0))
        spans = [
            [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in row.get_paths()]
            for row in bars.collections
        ]
        assert spans == [[(1, 2)], [(1.5, 2.5), (3, 3.5)]]
        assert [label.get_text() for label in bars.get_yticklabels()] == ["found", "truth"]


def test_a_clip_of_which_nothing_was_found_can_be_drawn():
    clip = ("nothing", np.zeros((100, 8)), np.zeros(50), np.array([[0.1, 0.2]]), np.empty((0, 2)))
    assert len(localisation_figures.examples([clip], 0.0).axes) == 3
