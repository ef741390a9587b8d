"""Pictures of the localisation study. Each function returns the Figure it drew on and never shows it."""

import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy.special import expit

from fakeorreal.frame_regions import HOP
from fakeorreal.plotting import COLOURS, Picture, styled

_TRUTH, _OURS, _GREYS = "0.25", (COLOURS[1], COLOURS[0]), ("0.55", "0.78")
_TITLES = {"test_set": "test set", "method": "how it was made", "length": "length", "edges": "edges"}


@styled
def learning(history):
    """Loss of frames and clips, and their AUC on validation, after every epoch; dots mark the network that is scored.

    Lines are means over seeds, bands their range.

    Args:
        history: from ``LocalisationStudy.curves``.
    """
    figure = Picture(10, 4)
    left, right = figure.subplots(1, 2)
    best = history.loc[history.groupby("seed")["val_loss"].idxmin()]
    lines = (
        (left, "loss", "training", COLOURS[0], "--"),
        (left, "val_loss", "validation", COLOURS[0], "-"),
        (right, "val_frame_auc", "frames of 20 ms", COLOURS[0], "-"),
        (right, "val_clip_auc", "clips", COLOURS[1], "-"),
    )
    for ax, measure, label, colour, style in lines:
        curve = history.groupby("epoch")[measure].agg(["mean", "min", "max"])
        ax.plot(curve.index, curve["mean"], style, color=colour, lw=1.8, label=label)
        ax.fill_between(curve.index, curve["min"], curve["max"], color=colour, alpha=0.15, lw=0)
        if measure != "loss":
            ax.plot(best["epoch"], best[measure], "o", color=colour, mec="white", ms=8)
    right.axhline(0.5, color="0.2", lw=1, ls=":", label="knows nothing")
    left.set(ylabel="loss: 0.9 of frames, 0.1 of clips", ylim=(0, None))
    right.set(ylabel="AUC on validation", ylim=(min(0.4, history[["val_frame_auc", "val_clip_auc"]].min().min()), 1))
    for ax in (left, right):
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend()
    return figure


@styled
def f1_bars(table):
    """F1 of segments of 1 s and of frames of 20 ms on every test set, beside the baselines.

    Args:
        table: from ``localisation_report.localisation_table``.
    """
    figure = Picture(10, 4.2)
    systems, sets = (list(table[name].unique()) for name in ("system", "test_set"))
    colours = dict(zip(systems, (*_OURS, *_GREYS), strict=True))
    width = 0.8 / len(systems)
    for ax, (measure, title) in zip(
        figure.subplots(1, 2, sharey=True),
        {"f1_1s": "segments of 1 s", "f1_20ms": "frames of 20 ms"}.items(),
        strict=True,
    ):
        for k, system in enumerate(systems):
            rows = table[table["system"] == system].set_index("test_set").loc[sets]
            x = np.arange(len(sets)) + (k - (len(systems) - 1) / 2) * width
            low, high = rows[f"{measure}_low"], rows[f"{measure}_high"]
            ax.bar(x, rows[measure], width, color=colours[system], label=system)
            ax.errorbar(x, (low + high) / 2, (high - low) / 2, fmt="none", color="black", capsize=3, lw=1)
        ax.set_xticks(range(len(sets)), sets)
        ax.set(title=title, ylim=(0, 100))
        ax.grid(False, axis="x")
    figure.axes[0].set_ylabel("F1 of fake (%); whiskers: 95 % interval")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(systems))
    return figure


@styled
def found_by(table):
    """Share of regions that each localiser finds, by set, method, length and edges.

    Args:
        table: from ``localisation_report.region_table``.
    """
    kinds, systems = (list(table[name].unique()) for name in ("by", "system"))
    counts = [table.loc[table["by"] == by, "value"].nunique() for by in kinds]
    figure = Picture(9, 0.9 * len(kinds) + 0.42 * sum(counts))
    for ax, by in zip(
        figure.subplots(len(kinds), 1, sharex=True, height_ratios=counts, squeeze=False)[:, 0], kinds, strict=True
    ):
        for k, system in enumerate(systems):
            rows = table[(table["by"] == by) & (table["system"] == system)]
            y = np.arange(len(rows))[::-1] + 0.15 - 0.3 * k
            low, high = rows["hit_low"], rows["hit_high"]
            ax.errorbar((low + high) / 2, y, xerr=(high - low) / 2, fmt="none", color=_OURS[k], capsize=3)
            ax.plot(rows["hit"], y, "o", color=_OURS[k], ms=7, label=system)
        heights = np.arange(len(rows))[::-1]
        for height, n in zip(heights, rows["n_regions"], strict=True):
            place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
            ax.annotate(f"n = {n}", (1, height), (8, 0), fontsize=10, **place)
        ax.set_yticks(heights, rows["value"])
        ax.set(xlim=(-2, 102), ylim=(-0.6, len(rows) - 0.4))
        ax.set_title(_TITLES[by], loc="left")
        ax.grid(False, axis="y")
    ax.set_xlabel("regions of which half or more is found (%); whiskers: 95 % Wilson interval")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=len(systems))
    return figure


@styled
def examples(clips, threshold):
    """Clips with their mel spectrogram, the probability of fake of their frames, the truth, and what was found.

    Args:
        clips: list of (title, rows of ``FrameMel``, scores of frames, true spans, found spans), spans of shape (n, 2)
            in seconds.
        threshold: score from which on a frame is called fake.
    """
    figure = Picture(11, 4.4 * -(-len(clips) // 2))
    panels = figure.subfigures(-(-len(clips) // 2), 2, squeeze=False)
    for panel, (title, picture, scores, true, found) in zip(panels.flat, clips, strict=False):
        sound, values, bars = panel.subplots(3, 1, sharex=True, height_ratios=(2.4, 1.2, 0.7))
        seconds = len(picture) / 100
        sound.imshow(picture.T, origin="lower", aspect="auto", extent=(0, seconds, 0, picture.shape[1]), cmap="magma")
        sound.set(title=title, ylabel="mel band")
        values.plot((np.arange(len(scores)) + 0.5) * HOP, 100 * expit(scores), color=COLOURS[1], lw=1)
        values.axhline(100 * expit(threshold), color="0.3", ls="--", lw=1)
        values.set(ylabel="fake (%)", ylim=(0, 100), xlim=(0, seconds))
        for height, spans, colour in ((1, true, _TRUTH), (0, found, COLOURS[1])):
            bars.broken_barh([(start, end - start) for start, end in spans], (height + 0.15, 0.7), facecolors=colour)
        bars.set(ylim=(0, 2), yticks=(0.5, 1.5), xlabel="time (s)")
        bars.set_yticklabels(("found", "truth"))
        for ax in (sound, bars):
            ax.grid(False)
    return figure
