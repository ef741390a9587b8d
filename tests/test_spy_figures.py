"""Figures of CNN against transformer show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fakeorreal import plotting, spy_figures


def colour_of(line):
    return to_hex(line.get_color())


@pytest.fixture
def history():
    """Two systems, two seeds, three epochs; the second epoch has the lowest loss, the third a tenth of the rate."""
    rows = []
    for s, system in enumerate(("cnn", "vit")):
        for seed in (0, 1):
            for epoch in (1, 2, 3):
                row = {"system": system, "seed": seed, "epoch": epoch, "learning_rate": 1e-3 if epoch < 3 else 1e-4}
                for split, off in (("train", 0), ("val", 0.1)):
                    log_loss = 0.7 - 0.1 * (epoch == 2) + 0.02 * seed + off + s / 10
                    row |= {f"{split}_loss": log_loss, f"{split}_log_loss": log_loss}
                    row |= {f"{split}_mcc": 0.2 * epoch - off + seed / 10, f"{split}_auc": 0.5 + 0.1 * epoch - off}
                rows.append(row)
    return pd.DataFrame(rows)


def test_training_log_shows_both_splits_the_scored_epoch_and_the_rate(history):
    figure = spy_figures.training_log(history)
    axes = np.array(figure.axes).reshape(4, 2)
    assert [ax.get_title() for ax in axes[0]] == ["cnn", "vit"]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["log-loss (nats)", "MCC", "AUC", "learning rate"]
    for column, system in zip(axes.T, ("cnn", "vit"), strict=True):
        log = history[history["system"] == system]
        for ax, measure in zip(column, ("log_loss", "mcc", "auc"), strict=False):
            training, validation, scored, *_ = ax.lines
            for line, split in ((training, "train"), (validation, "val")):
                np.testing.assert_allclose(line.get_ydata(), log.groupby("epoch")[f"{split}_{measure}"].mean())
            assert (training.get_linestyle(), validation.get_linestyle()) == ("--", "-")
            np.testing.assert_array_equal(scored.get_xdata(), [2, 2])
            np.testing.assert_allclose(scored.get_ydata(), log.loc[log["epoch"] == 2, f"val_{measure}"])
            band = ax.collections[1].get_paths()[0].get_extents()
            assert band.ymax == pytest.approx(log[f"val_{measure}"].max())
        assert len({colour_of(ax.lines[0]) for ax in column}) == 1
        rate = column[-1].lines[0]
        np.testing.assert_allclose(rate.get_ydata(), [1e-3, 1e-3, 1e-4])
        assert rate.get_drawstyle() == "steps-mid" and column[-1].get_yscale() == "log"
    assert colour_of(axes[0, 0].lines[0]) != colour_of(axes[0, 1].lines[0])
    assert "validation" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_learning_by_hours_marks_every_amount_and_chance():
    table = pd.DataFrame(
        [(s, h, 40.0 - 100 * h, 30.0, 50.0, 0.6 + h) for s in ("cnn", "vit") for h in (0.02, 0.04, 0.08)],
        columns=["system", "hours", "eer", "eer_low", "eer_high", "auc"],
    )
    figure = spy_figures.learning_by_hours(table)
    left, right = figure.axes
    for ax, column, chance in ((left, "eer", 50), (right, "auc", 0.5)):
        lines = [line for line in ax.lines if line.get_label() in ("cnn", "vit")]
        for line, system in zip(lines, ("cnn", "vit"), strict=True):
            rows = table[table["system"] == system]
            np.testing.assert_allclose(line.get_ydata(), rows[column])
            np.testing.assert_allclose(line.get_xdata(), rows["hours"], rtol=0.03)
        assert [line.get_ydata()[0] for line in ax.lines if line.get_label() == "chance"] == [chance]
        assert ax.get_xscale() == "log"
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.02", "0.05"]
    ends = [segment[:, 1].tolist() for segment in left.containers[0][2][0].get_segments()]
    np.testing.assert_allclose(ends, 3 * [[30, 50]])


def test_condition_matrix_has_a_panel_per_system():
    names = [(s, c, lang) for s in ("vit", "cnn") for c in ("clean", "room", "mp3") for lang in ("all", "fr")]
    table = pd.DataFrame(names, columns=["system", "condition", "language"]).assign(eer=np.arange(12.0) * 4)
    figure = spy_figures.condition_matrix(table)
    for ax, system in zip(figure.axes, ("vit", "cnn"), strict=False):
        assert ax.get_title() == system
        rows = table[table["system"] == system]
        np.testing.assert_allclose(ax.collections[0].get_array(), rows["eer"].to_numpy().reshape(3, 2))
        assert ax.collections[0].get_clim() == (0, 50)
        assert [t.get_text() for t in ax.texts] == [f"{eer:.1f}" for eer in rows["eer"]]
        assert [t.get_text() for t in ax.get_xticklabels()] == ["all", "fr"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["clean", "room", "mp3"]


def test_a_language_that_a_condition_lacks_is_left_white():
    table = pd.DataFrame(
        {"system": "cnn", "condition": ["clean", "clean", "mp3"], "language": ["all", "fr", "all"], "eer": [1.0, 2, 3]}
    )
    assert [t.get_text() for t in spy_figures.condition_matrix(table).axes[0].texts] == ["1.0", "2.0", "3.0"]


def test_split_dots_state_what_training_had_heard():
    table = pd.DataFrame(
        {
            "scheme": ["chunk", "recording"],
            "eer": [10.0, 30.0],
            "eer_low": [5.0, 20.0],
            "eer_high": [18.0, 70.0],
            "seen_recording": [95.2, 0.0],
            "seen_speaker": [100.0, 80.0],
        }
    )
    figure = Figure()
    ax = figure.subplots()
    assert spy_figures.split_dots(table, ax=ax) is figure
    assert [t.get_text() for t in ax.get_yticklabels()] == ["by chunk", "by recording"]
    points = next(line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_data(), [[10, 30], [1, 0]])
    ends = [segment[:, 0].tolist() for segment in ax.containers[0][2][0].get_segments()]
    assert ends == [[5, 18], [20, 70]] and ax.get_xlim() == (0, 72)
    assert [t.get_text() for t in ax.texts] == [
        "95 % of recordings,\n100 % of speakers heard",
        "0 % of recordings,\n80 % of speakers heard",
    ]


def test_where_they_look_scales_shares_and_logits(rng):
    clips = []
    for generator, label in (("human", 0), ("lpc", 1)):
        share, logit = rng.uniform(0, 0.01, (32, 3)), rng.normal(size=(32, 3))
        maps = {"attention": (share, "share"), "lost": (logit, "logit")}
        clips.append((generator, label, rng.uniform(-80, 0, (1025, 94)), maps))
    figure = spy_figures.where_they_look(clips, sr=16000, seconds=3.0)
    axes = np.array(figure.axes[:6]).reshape(2, 3)
    assert [ax.get_title() for ax in axes[0]] == ["spectrogram", "attention", "lost"]
    for row, (generator, label, levels, maps) in zip(axes, clips, strict=True):
        assert row[0].get_ylabel().startswith(f"{plotting.NAMES[label]}: {generator}")
        assert to_hex(row[0].yaxis.label.get_color()) == plotting.COLOURS[label]
        for ax, values in zip(row, (levels, *(found for found, _ in maps.values())), strict=True):
            np.testing.assert_array_equal(ax.images[0].get_array(), values)
            assert ax.images[0].get_extent() == [0, 3.0, 0, 8] and ax.images[0].origin == "lower"
        assert row[1].images[0].norm.vmin == 0
        low, high = row[2].images[0].get_clim()
        assert -low == high == np.abs(maps["lost"][0]).max()
    ends = axes[0, 2].images[0].cmap([0.0, 1.0])
    assert [to_hex(colour) for colour in ends] == list(plotting.COLOURS)
