"""Figures: that they draw what they are given, in the right place and colour, and save the same bytes."""

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy.stats import norm

from fakeorreal import corpus_figures, figures, metrics, plotting, tables


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def pairs(rng):
    labels = np.arange(300) % 2
    return {name: (labels, rng.normal(size=300) + d * labels) for name, d in (("dnn", 1), ("custom_cnn", 3))}


@pytest.fixture
def breakdown():
    return pd.DataFrame(
        {
            "language": ["de", "de", "en", "TOTAL", "TOTAL"],
            "label": [0, 1, 1, 0, 1],
            "accuracy": [60.0, 90.0, 75.0, 60.0, 80.0],
            "accuracy_low": [50.0, 85.0, 70.0, 50.0, 77.0],
            "accuracy_high": [69.0, 94.0, 80.0, 69.0, 83.0],
            "n_clips": [100, 100, 1200, 100, 1300],
        }
    )


def texts(figure):
    """Every word on a figure."""
    figure.draw_without_rendering()
    return " | ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")) if t.get_text())


def test_mel_frequencies_and_seconds_are_where_librosa_puts_them():
    import librosa

    tone = librosa.tone(1000, sr=16000, duration=2.0)
    log_mel = librosa.power_to_db(librosa.feature.melspectrogram(y=tone, sr=16000), ref=np.max)
    figure = corpus_figures.mel_examples([("tone", 0, log_mel, 16000, 512), ("tone", 1, log_mel, 16000, 512)])
    ax = figure.axes[0]
    ticks = {t.get_text(): y for t, y in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)}
    assert ticks["1000"] == pytest.approx(log_mel.mean(1).argmax(), abs=1)
    assert ax.get_xlim() == pytest.approx((0, 2.0), abs=512 / 16000)
    assert ax.get_title() == "real: tone" and to_hex(ax.title.get_color()) == plotting.COLOURS[0]
    assert len(figure.axes) == 3  # two pictures, one colour bar


def test_mel_examples_keep_rows_apart_when_one_is_shorter(rng):
    clips = [("x", label, rng.normal(size=(16, 20)), 16000, 256) for label in (0, 1, 1)]
    assert [ax.get_title() for ax in corpus_figures.mel_examples(clips).axes[:4]] == [
        "real: x",
        "",
        "fake: x",
        "fake: x",
    ]


def test_roc_draws_each_curve_with_its_auc(pairs):
    figure = figures.roc(pairs)
    assert f"dnn: AUC {metrics.auc(*pairs['dnn']):.3f}" in texts(figure)
    x, y = figure.axes[0].lines[0].get_data()
    fpr, fnr = metrics.det(*pairs["dnn"])
    np.testing.assert_allclose((x, y), (100 * fpr, 100 * (1 - fnr)))


def test_det_marks_the_eer_on_normal_deviate_axes(pairs):
    figure = figures.det_plot(pairs)
    (dot,) = figure.axes[0].lines[1].get_xdata()
    assert dot == pytest.approx(norm.ppf(metrics.eer(*pairs["dnn"])))
    assert f"EER {100 * metrics.eer(*pairs['dnn']):.1f} %" in texts(figure)


def test_det_stands_perfect_and_inverted_scores():
    figure = figures.det_plot({"perfect": ([0, 1], [0, 1]), "inverted": ([0, 1], [1, 0])})
    assert "EER 0.0 %" in texts(figure) and "EER 100.0 %" in texts(figure)
    assert all(np.isfinite(line.get_xdata()).all() for line in figure.axes[0].lines)


def test_confusion_matrices_show_counts_and_row_shares():
    figure = figures.confusion_matrices({f"system {i}": [[90, 10], [1, 1999]] for i in range(5)})
    words = [t.get_text() for t in figure.axes[0].texts]
    assert words == ["90\n90.0 %", "10\n10.0 %", "1\n0.1 %", "1,999\n100.0 %"]
    assert figure.axes[4].get_title() == "system 4" and not figure.axes[5].axison


def test_learning_curves_mark_the_published_epochs_and_average_seeds():
    rows = [
        (system, dataset, seed, epoch, 1 / epoch, 0.5 + 0.1 * seed, 2 / epoch, 0.5)
        for system in ("dnn", "custom_cnn")
        for dataset in ("for-rerec", "for-norm")
        for seed in (0, 1)
        for epoch in range(1, 31)
    ]
    columns = ["system", "dataset", "seed", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    figure = figures.learning_curves(pd.DataFrame(rows, columns=columns))
    loss, accuracy = figure.axes[0], figure.axes[2]
    assert [ax.get_title() for ax in figure.axes[:2]] == ["for-norm", "for-rerec"]
    assert [line.get_linestyle() for line in loss.lines] == ["--", "-", "--", "-", ":"]
    assert list(loss.lines[-1].get_xdata()) == [20, 20]  # 50 lies beyond the last epoch
    np.testing.assert_allclose(loss.lines[1].get_ydata(), 2 / np.arange(1, 31))
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), 55)


def test_accuracy_bars_are_sorted_coloured_and_labelled(breakdown):
    figure = figures.accuracy_bars(breakdown, "By language")
    ax = figure.axes[0]
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names == ["TOTAL (real)", "TOTAL (fake)", "de (real)", "en", "de (fake)"]
    assert [bar.get_width() for bar in ax.patches] == [60, 80, 60, 75, 90]
    assert [to_hex(bar.get_facecolor()) for bar in ax.patches] == [plotting.COLOURS[i] for i in (0, 1, 0, 1, 1)]
    whiskers = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert whiskers == [[50, 69], [77, 83], [50, 69], [70, 80], [85, 94]]
    assert "n = 1,200" in texts(figure)


def test_score_histogram_counts_every_clip(pairs):
    ax = figures.score_histogram(*pairs["dnn"], 0.5).axes[0]
    assert sum(bar.get_height() for bar in ax.patches) == 300
    assert list(ax.lines[0].get_xdata()) == [0.5, 0.5]
    figures.score_histogram([0, 1], [2.0, 2.0], 2.0).draw_without_rendering()  # saturated


def test_benchmark_bars_put_literature_on_its_own_bar_only():
    table = pd.DataFrame(
        [("custom_cnn", "for-norm", 20, 70.0, 1.0), ("custom_cnn", "for-norm", 50, 80.0, np.nan),
         ("custom_cnn_published", "for-norm", 20, 75.0, 1.0), ("custom_cnn", "for-2sec", 5, 65.0, 1.0),
         ("trees", "for-norm", np.nan, 90.0, np.nan)],
        columns=["system", "dataset", "epochs", "accuracy", "accuracy_sd"],
    )  # fmt: skip
    figure = figures.benchmark_bars(table, tables.LITERATURE)
    ax = figure.axes[0]
    heights = [bar.get_height() for bar in ax.patches]
    assert sorted(h for h in heights if h == h) == [65, 70, 75, 80, 90]
    centres = {bar.get_height(): bar.get_x() + bar.get_width() / 2 for bar in ax.patches}
    (markers,) = [line for line in ax.lines if line.get_marker() == "D"]
    expected = [(centres[70.0], 93.86), (centres[80.0], 96.32), (centres[75.0], 93.86)]
    np.testing.assert_allclose(markers.get_xydata(), expected)  # none for 5 epochs on for-2sec, nor for trees
    assert "other data, other protocol" in texts(figure) and "custom_cnn, 50 epochs" in texts(figure)


def test_model_diagram_states_every_layer_and_the_total():
    layers = [(f"Conv2D {i}", "8×8×4", 1000) for i in range(9)] + [("Flatten", "256", 0), ("Dense 1", "1", 257)]
    figure = figures.model_diagram(layers, title="Small")
    words = texts(figure)
    assert "Small: 9,257 parameters" in words and words.count("8×8×4") == 9 and "Dense\n1" in words
    boxes = figure.axes[0].patches
    assert len(boxes) == 11 and boxes[8].get_x() == boxes[0].get_x() and boxes[8].get_y() < boxes[0].get_y()


def test_drawing_on_given_axes_returns_their_figure(pairs, breakdown):
    for draw in (
        lambda ax: figures.roc(pairs, ax=ax),
        lambda ax: figures.det_plot(pairs, ax=ax),
        lambda ax: figures.accuracy_bars(breakdown, "x", ax=ax),
        lambda ax: figures.score_histogram(*pairs["dnn"], 0, ax=ax),
        lambda ax: figures.model_diagram([("Dense", "1", 2)], ax=ax),
    ):
        figure = Figure()
        assert draw(figure.subplots()) is figure and len(figure.axes) == 1


def test_saved_figures_are_the_same_bytes_twice_without_date_or_software(pairs, tmp_path):
    for folder in ("a", "b"):
        plotting.save_figure(figures.roc(pairs), "roc", tmp_path / folder)
    data = (tmp_path / "a" / "roc.png").read_bytes()
    assert data == (tmp_path / "b" / "roc.png").read_bytes()
    assert b"Software" not in data and b"tEXt" not in data and b"tIME" not in data
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["roc.png"]
    assert matplotlib.image.imread(tmp_path / "a" / "roc.png").shape == (728, 780, 4)


def test_jupyter_can_show_a_figure(pairs):
    assert figures.roc(pairs)._repr_png_().startswith(b"\x89PNG")
