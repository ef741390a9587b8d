"""Figures of notebook 11 show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fakeorreal import plotting, trust_figures


def dots(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


@pytest.fixture
def audited():
    columns = ["dataset", "strongest", "auc", "auc_low", "auc_high", "together", "together_low", "together_high"]
    rows = [("for-norm", "peak", 0.7, 0.6, 0.8, 0.8, 0.75, 0.9), ("for-2sec", "level", 0.6, 0.5, 0.7, 0.6, 0.5, 0.7)]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def splits():
    rows = [
        (s, by, e, e - 2, e + 3)
        for s in ("cnn", "dnn")
        for by, e in (("official", 20.0), ("sentence", 9.0), ("clip", 5.0))
    ]
    return pd.DataFrame(rows, columns=["system", "split_by", "eer", "eer_low", "eer_high"])


@pytest.fixture
def ladders():
    rows = [
        (system, family, value, condition, 10.0, 8.0, 13.0, 85.0)
        for system in ("custom_cnn", "svm", "dnn")  # svm is not among those that are drawn
        for family, value, condition in (
            *(
                ("mp3", 16, "mp3-16k"),
                ("mp3", "clean", "clean"),
                ("noise", 0, "noise-0dB"),
                ("noise", "clean", "clean"),
            ),
        )
    ]
    columns = ["system", "family", "value", "condition", "eer", "eer_low", "eer_high", "balanced_accuracy"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def matrix():
    rows = [("cnn", one, other, 10.0, 8.0, 12.0) for one in ("a", "b") for other in ("a", "b", "c")]
    rows += [("detector", "its own corpora", other, 30.0, 25.0, 36.0) for other in ("a", "b", "c")]
    return pd.DataFrame(rows, columns=["system", "trained_on", "tested_on", "eer", "eer_low", "eer_high"])


@pytest.fixture
def left_out():
    columns = ["column", "value", "eer_heard", "eer_unheard", "eer_unheard_low", "eer_unheard_high", "n_fake"]
    rows = [("generator", "lpc", 10.0, 30.0, 25.0, 36.0, 90), ("language", "fr", 12.0, 14.0, 10.0, 17.0, 1200)]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def pairs():
    rows = [("a", "b", 5.0, 9.0, 4.0, "differ"), ("a", "c", 5.0, 12.0, 7.0, "open")]
    rows.append(("b", "c", 9.0, 12.0, 3.0, "no difference shown"))
    return pd.DataFrame(rows, columns=["better", "worse", "eer_better", "eer_worse", "difference", "meaning"])


@pytest.fixture
def reliability():
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    scores = rng.normal(size=80) + 2 * labels - 1
    return {"cnn": {"as it comes": (labels, 3 * scores), "temperature": (labels, 2 * scores)},
            "dnn": {"as it comes": (labels, scores)}}  # fmt: skip


def test_shortcuts_have_a_pair_of_dots_per_version_and_the_limit(audited):
    (ax,) = trust_figures.shortcut_dots(audited).axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["for-norm\npeak", "for-2sec\nlevel"]
    lines = dots(ax)
    assert lines["strongest measure alone"].get_xdata().tolist() == [0.7, 0.6]
    assert lines["all together"].get_xdata().tolist() == [0.8, 0.6]
    assert set(lines["limit of a fair corpus"].get_xdata()) == {0.65}


def test_splits_are_side_by_side(splits):
    (ax,) = trust_figures.split_pairs(splits).axes
    lines = dots(ax)
    assert lines["official split"].get_xdata().tolist() == [20, 20]
    assert lines["dealt by clip"].get_xdata().tolist() == [5, 5]
    ends = [segment[:, 0].tolist() for segment in ax.containers[0][2][0].get_segments()]
    np.testing.assert_allclose(ends, [[18, 23], [18, 23]])


def test_every_family_has_a_panel_and_all_share_one_legend(ladders):
    figure = trust_figures.ladder_grid(ladders)
    assert [ax.get_title() for ax in figure.axes] == ["mp3", "noise"]
    assert all(ax.get_legend() is None for ax in figure.axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ["custom_cnn", "dnn", "EER", "balanced accuracy"]
    assert not any(ax.get_ylabel() or len(ax.collections) for ax in figure.axes)
    assert figure.get_supylabel().startswith("EER and balanced accuracy (%)")


def test_every_system_has_a_matrix_and_what_it_was_trained_on_a_frame(matrix):
    figure = trust_figures.corpus_matrices(matrix)
    assert [ax.get_title() for ax in figure.axes] == ["cnn", "trained elsewhere"]
    cnn, detector = figure.axes
    assert [text.get_text() for text in cnn.texts[:2]] == ["10.0", "8.0 – 12.0"] and len(cnn.texts) == 12
    assert (len(cnn.patches), len(detector.patches)) == (2, 0)
    assert detector.get_xlabel() == "tested on"


def test_what_was_left_out_is_beside_what_was_heard(left_out):
    (ax,) = trust_figures.left_out_dots(left_out).axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["lpc (90 fakes)", "fr (1,200 fakes)"]
    lines = dots(ax)
    assert lines["heard in training"].get_xdata().tolist() == [10, 12]
    assert lines["left out"].get_xdata().tolist() == [30, 14] and set(lines["chance"].get_xdata()) == {50}


def test_every_system_has_a_reliability_diagram(reliability):
    figure = trust_figures.reliability_grid(reliability)
    assert [ax.get_title() for ax in figure.axes] == ["cnn", "dnn"]
    assert [len(dots(ax)) for ax in figure.axes] == [3, 2]  # and the diagonal


def test_the_matrix_of_meanings_has_the_better_system_in_the_column(pairs):
    (ax,) = trust_figures.meaning_matrix(pairs).axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert {(*text.get_position(), text.get_text()) for text in ax.texts} == {
        (0, 1, "+4.0"),
        (0, 2, "+7.0"),
        (1, 2, "+3.0"),
    }
    codes = ax.images[0].get_array()
    assert (codes[1, 0], codes[2, 0], codes[2, 1]) == (0, 1, 2) and np.isnan(np.asarray(codes)[0]).all()
    names = {text.get_text(): to_hex(patch.get_facecolor())
             for text, patch in zip(ax.get_legend().texts, ax.get_legend().legend_handles, strict=True)}  # fmt: skip
    assert list(names) == ["differ", "open", "no difference shown"]


def test_drawing_on_given_axes_and_to_png(audited, splits, left_out, pairs, tmp_path):
    drawn = {
        trust_figures.shortcut_dots: audited,
        trust_figures.split_pairs: splits,
        trust_figures.left_out_dots: left_out,
        trust_figures.meaning_matrix: pairs,
    }
    for draw, table in drawn.items():
        ax = Figure().subplots()
        assert draw(table, ax=ax) is ax.figure
        plotting.save_figure(draw(table), draw.__name__, tmp_path)
        assert (tmp_path / f"{draw.__name__}.png").read_bytes().startswith(b"\x89PNG")
