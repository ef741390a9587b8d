"""Figures of grid searches show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fakeorreal import grid_figures, plotting

RATES, BATCHES, CHANNELS = (1e-4, 1e-3), (8, 32, 128), (1, 4, 16)


@pytest.fixture
def table():
    """A grid of two marks and two seeds; its order is not that of the settings."""
    rows = []
    for rate in RATES[::-1]:
        for batch in BATCHES[::-1]:
            for channels in CHANNELS:
                for seed in (0, 1):
                    loss = 0.6 + 100 * rate / batch + 0.01 * channels + 0.02 * seed
                    run = {"options.channels": channels, "learning_rate": rate, "batch": batch, "seed": seed}
                    rows.append({**run, "epochs": 2, "epochs_run": 2, "val_loss": 0.1, "eer": 1.0, "auc": 0.5})
                    rows.append({**run, "epochs": 20, "epochs_run": 7, "val_loss": loss, "eer": 50 * loss, "auc": 0.5})
    return pd.DataFrame(rows)


def parts(ax):
    """(points of every batch, ends of their bars, the ring if there is one, the dashes) of a panel."""
    lines = [container[0] for container in ax.containers]
    ends = [container[2][0].get_segments() for container in ax.containers]
    rings = [line.get_xydata()[0] for line in ax.lines if line.get_markersize() == 13]
    return lines, ends, rings, [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"]


@pytest.mark.parametrize(("measure", "chance"), [("val_loss", np.log(2)), ("eer", 50)])
def test_a_panel_per_rate_and_a_line_per_batch_through_the_means(table, measure, chance):
    figure = grid_figures.by_channels(table, measure)
    assert [ax.get_title() for ax in figure.axes] == ["learning rate 0.0001", "learning rate 0.001"]
    colours = []
    for ax, rate in zip(figure.axes, RATES, strict=True):
        lines, ends, _, dashes = parts(ax)
        for line, bars, batch in zip(lines, ends, BATCHES, strict=True):
            rows = table[(table["learning_rate"] == rate) & (table["batch"] == batch) & (table["epochs"] == 20)]
            runs = rows.groupby("options.channels")[measure]
            np.testing.assert_allclose(line.get_ydata(orig=False), runs.mean())
            np.testing.assert_allclose(line.get_xdata(orig=False), CHANNELS, rtol=0.1)
            np.testing.assert_allclose([bar[:, 1] for bar in bars], runs.agg(["min", "max"]))
        assert dashes == [pytest.approx(chance)]
        assert ax.get_xscale() == "log"
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "4", "16"]
        colours.append([to_hex(line.get_color()) for line in lines])
    assert colours[0] == colours[1] and len({*colours[0]}) == 3
    assert not {*colours[0]} & {*plotting.COLOURS}


def test_the_lowest_mean_has_a_ring_and_no_other(table):
    left, right = (parts(ax)[2] for ax in grid_figures.by_channels(table).axes)
    assert not right
    x, y = left[0]
    assert y == pytest.approx(0.6 + 100 * 1e-4 / 128 + 0.01 + 0.01) and x == pytest.approx(1, rel=0.1)
    diverged = table.assign(val_loss=table["val_loss"].where(table["learning_rate"] == 1e-3))
    assert [len(parts(ax)[2]) for ax in grid_figures.by_channels(diverged).axes] == [0, 1]


def test_words(table):
    for measure, label in (("val_loss", "validation loss (nats)"), ("eer", "EER on validation (%)")):
        figure = grid_figures.by_channels(table, measure)
        assert figure.axes[0].get_ylabel() == label
        assert {ax.get_xlabel() for ax in figure.axes} == {"channels"}
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["batch 8", "batch 32", "batch 128", "lowest", "knows nothing"]


@pytest.mark.parametrize(("worst", "scale"), [(0.9, "linear"), (11.0, "log")])
def test_losses_far_apart_are_on_a_logarithmic_axis(table, worst, scale):
    table.loc[table.index[-1], "val_loss"] = worst
    ax = grid_figures.by_channels(table).axes[0]
    assert ax.get_yscale() == scale
    if scale == "log":
        ax.figure.draw_without_rendering()
        low, high = ax.get_ylim()
        shown = [t.get_text() for t in ax.get_yticklabels() if low <= t.get_position()[1] <= high]
        assert shown == ["1", "2", "5", "10"]


def test_error_rates_begin_at_zero(table):
    assert grid_figures.by_channels(table, "eer").axes[0].get_ylim() == (0, 60)


def test_a_grid_that_is_not_finished_is_drawn(table):
    figure = grid_figures.by_channels(table[table["learning_rate"] == 1e-3][:16])
    lines = parts(figure.axes[0])[0]
    assert len(figure.axes) == 1 and [len(line.get_xdata()) for line in lines] == [1, 3]
