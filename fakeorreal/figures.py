"""Pictures from saved scores and tables. Each function returns the Figure it drew on and never shows it."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch
from matplotlib.ticker import MaxNLocator
from scipy.stats import norm

from fakeorreal.metrics import auc, det, eer
from fakeorreal.plotting import COLOURS, NAMES, Picture, axes_or_new, styled
from fakeorreal.tables import LITERATURE_NOTE, ordered_datasets


def system_colours(systems):
    """Colours for systems, none of them close to those of real and fake."""
    palette = ("#029e73", "#cc78bc", "#ca9161", "#949494", "#56b4e9", "#ece133", "#fbafe4", "#5b3a8c", "#1a1a1a")
    return {system: palette[i % len(palette)] for i, system in enumerate(systems)}


@styled
def roc(scores_by_name, *, ax=None):
    """ROC curves.

    Args:
        scores_by_name: dict name -> (labels, scores), each shape (n,).
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 6, 5.6)
    colours = system_colours(scores_by_name)
    for name, (labels, scores) in scores_by_name.items():
        fpr, fnr = det(labels, scores)
        label = f"{name}: AUC {auc(labels, scores):.3f}"
        ax.plot(100 * fpr, 100 * (1 - fnr), color=colours[name], lw=2, label=label, clip_on=False)
    ax.plot([0, 100], [0, 100], "--", color="0.5", lw=1, label="chance")
    ax.set(xlim=(0, 100), ylim=(0, 100), aspect="equal")
    ax.set(xlabel="real called fake (%)", ylabel="fake called fake (%)", title="ROC")
    ax.legend(loc="lower right")
    return ax.figure


@styled
def det_plot(scores_by_name, *, ax=None):
    """Detection error trade-off on normal-deviate axes, a dot at each EER.

    Args:
        scores_by_name: dict name -> (labels, scores), each shape (n,).
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 6, 5.6)
    rates = {name: eer(*pair) for name, pair in scores_by_name.items()}
    low, high = 0.001, 0.6 if max(rates.values()) < 0.4 else 0.99
    colours = system_colours(scores_by_name)
    for name, pair in scores_by_name.items():
        fpr, fnr = (norm.ppf(np.clip(error, low, high)) for error in det(*pair))
        ax.plot(fpr, fnr, color=colours[name], lw=2, label=f"{name}: EER {100 * rates[name]:.1f} %")
        dot = norm.ppf(np.clip(rates[name], low, high))
        ax.plot(dot, dot, "o", color=colours[name], ms=8, mec="white", clip_on=False, zorder=3)
    limits = norm.ppf([low, high])
    ax.plot(limits, limits, ":", color="0.5", lw=1)
    ticks = np.array([0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99])
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    names = [f"{100 * tick:g}" for tick in ticks]
    ax.set_xticks(norm.ppf(ticks), names)
    ax.set_yticks(norm.ppf(ticks), names)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel="real called fake (%)", ylabel="fake called real (%)", title="Detection error trade-off")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4, ncols=2)
    return ax.figure


@styled
def confusion_matrices(items):
    """Small multiples of confusion matrices: counts, and the per cent of each row.

    Args:
        items: dict name -> [[tn, fp], [fn, tp]]; rows are the truth, columns the decision, real before fake.
    """
    columns = min(len(items), 4)
    rows = -(-len(items) // columns)
    figure = Picture(0.6 + 2.6 * columns, 0.5 + 2.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for ax in grid.flat[len(items) :]:
        ax.set_axis_off()
    for i, (ax, (name, counts)) in enumerate(zip(grid.flat, items.items(), strict=False)):
        counts = np.asarray(counts)
        share = 100 * counts / counts.sum(1, keepdims=True)
        texts = [[f"{n:,}\n{p:.1f} %" for n, p in zip(*pair, strict=True)] for pair in zip(counts, share, strict=True)]
        sns.heatmap(
            share,
            annot=np.array(texts),
            fmt="",
            vmin=0,
            vmax=100,
            cmap="Blues",
            cbar=False,
            square=True,
            linewidths=1,
            xticklabels=NAMES,
            yticklabels=NAMES,
            ax=ax,
        )
        ax.set(title=name, xlabel="decision", ylabel="truth" if i % columns == 0 else "")
    return figure


@styled
def learning_curves(history):
    """Loss and accuracy by epoch, a column of panels per data set; the mean over seeds and its range.

    Args:
        history: DataFrame with ``system, dataset, seed, epoch, loss, accuracy, val_loss, val_accuracy``;
            epochs count from 1, accuracies are fractions.
    """
    datasets, systems = ordered_datasets(history["dataset"]), sorted(history["system"].unique())
    colours = system_colours(systems)
    figure = Picture(2.2 + 2.3 * len(datasets), 6.2)
    grid = figure.subplots(2, len(datasets), squeeze=False, sharex=True, sharey="row")
    for axes, dataset in zip(grid.T, datasets, strict=True):
        for ax, (quantity, scale) in zip(axes, (("loss", 1), ("accuracy", 100)), strict=True):
            for system in systems:
                runs = history[(history["dataset"] == dataset) & (history["system"] == system)].groupby("epoch")
                for column, line in ((quantity, "--"), (f"val_{quantity}", "-")):
                    curve = scale * runs[column].agg(["mean", "min", "max"])
                    ax.plot(curve.index, curve["mean"], line, color=colours[system], lw=1.8)
                    ax.fill_between(curve.index, curve["min"], curve["max"], color=colours[system], alpha=0.15, lw=0)
            for epoch in (20, 50):
                if epoch <= history["epoch"].max():
                    ax.axvline(epoch, color="0.4", lw=1, ls=":")
        axes[0].set_title(dataset)
        axes[1].set_xlabel("epoch")
    grid[0, 0].set_ylabel("loss")
    grid[1, 0].set_ylabel("accuracy (%)")
    lines = [Line2D([], [], color=colours[system], lw=2, label=system) for system in systems]
    lines += [
        Line2D([], [], color="0.3", ls=ls, label=label) for label, ls in (("training", "--"), ("validation", "-"))
    ]
    figure.legend(handles=lines, loc="outside lower center", ncols=min(len(lines), 2 * len(datasets)))
    return figure


@styled
def accuracy_bars(breakdown, title, *, ax=None):
    """Accuracy of each value of a column with its Wilson interval, best on top, totals below; n at the right.

    Args:
        breakdown: table of ``metrics.breakdown``; its first column names the bars.
        title: of the picture.
        ax: axes to draw on; None for a new figure.
    """
    by = breakdown.columns[0]
    table = breakdown.assign(total=breakdown[by] == "TOTAL")
    table = table.sort_values(["total", "accuracy", by, "label"], ascending=[False, True, False, False])
    ax = axes_or_new(ax, 7.5, 1.3 + 0.36 * len(table))
    height = np.arange(len(table)) + 0.5 * ~table["total"]  # a gap between the totals and the rest
    errors = [table["accuracy"] - table["accuracy_low"], table["accuracy_high"] - table["accuracy"]]
    ax.barh(
        height,
        table["accuracy"],
        xerr=errors,
        color=[COLOURS[label] for label in table["label"]],
        error_kw={"ecolor": "0.2", "capsize": 3},
    )
    ax.axvline(50, color="0.2", lw=1, ls="--")
    for y, n in zip(height, table["n_clips"], strict=True):
        ax.annotate(f"n = {n:,}", (1, y), (6, 0), ("axes fraction", "data"), textcoords="offset points", va="center")
    twice = breakdown[by].duplicated(keep=False)
    names = [
        f"{name} ({NAMES[label]})" if both else name
        for name, label, both in zip(table[by], table["label"], twice[table.index], strict=True)
    ]
    ax.set_yticks(height, names)
    ax.grid(False, axis="y")
    ax.set(xlim=(0, 100), ylim=(-0.7, height.max() + 0.7))
    ax.set(xlabel="accuracy (%); whiskers: Wilson 95 % interval", title=title)
    ax.legend(handles=_label_patches(), loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4.5, ncols=2)
    return ax.figure


def _label_patches():
    return [Patch(color=colour, label=name) for name, colour in zip(NAMES, COLOURS, strict=True)]


@styled
def score_histogram(labels, scores, threshold, *, ax=None):
    """Histograms of the scores of real and fake clips, with the threshold.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: logits of fake, shape (n,).
        threshold: logit; fake is called at or above it.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 7, 4)
    labels, scores = np.asarray(labels), np.asarray(scores)
    edges = np.linspace(scores.min(), scores.max(), 41) if np.ptp(scores) else 1
    for label in (0, 1):
        sns.histplot(x=scores[labels == label], bins=edges, color=COLOURS[label], alpha=0.55, label=NAMES[label], ax=ax)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.axvline(threshold, color="0.1", lw=1.5, ls="--", label=f"threshold {threshold:.2f}")
    ax.set(xlabel="score (logit of fake)", ylabel="clips")
    ax.legend()
    return ax.figure


@styled
def benchmark_bars(table, literature, *, ax=None):
    """Accuracy by data set and system; published figures as hollow markers on the bar they belong to.

    Args:
        table: ``tables.benchmark_table``; whiskers are its SD over seeds.
        literature: ``tables.LITERATURE``; a row is drawn where system, data set and epochs are those of a bar, the
            suffix ``_published`` of a system aside.
        ax: axes to draw on; None for a new figure.
    """
    datasets = ordered_datasets(table["dataset"])
    bars = table[["system", "epochs"]].drop_duplicates().sort_values(["system", "epochs"])
    bars = list(bars.itertuples(index=False))
    colours = system_colours(dict.fromkeys(bar.system for bar in bars))
    ax = axes_or_new(ax, min(5 + 0.25 * len(bars) * len(datasets), 11), 5.2)
    width = 0.84 / len(bars)
    published = []
    for i, bar in enumerate(bars):
        kind = _same_epochs(table[table["system"] == bar.system], bar.epochs).set_index("dataset").reindex(datasets)
        x = np.arange(len(datasets)) + (i - (len(bars) - 1) / 2) * width
        most = table.loc[table["system"] == bar.system, "epochs"].max()
        ax.bar(
            x,
            kind["accuracy"],
            0.92 * width,
            yerr=kind["accuracy_sd"].fillna(0),
            color=colours[bar.system],
            alpha=0.55 if bar.epochs < most else 1,  # fewer epochs: paler
            error_kw={"ecolor": "0.2", "elinewidth": 1.2},
            label=bar.system if pd.isna(bar.epochs) else f"{bar.system}, {bar.epochs:g} epochs",
        )
        known = _same_epochs(literature[literature["system"] == bar.system.removesuffix("_published")], bar.epochs)
        known = known[known["dataset"].isin(kind.index[kind["accuracy"].notna()])]
        published += [(x[datasets.index(name)], y) for name, y in zip(known["dataset"], known["accuracy"], strict=True)]
    if published:
        ax.plot(*zip(*published, strict=True), "D", ms=7, mfc="none", mec="black", mew=1.5, label=LITERATURE_NOTE)
    ax.axhline(50, color="0.2", lw=1, ls="--")
    ax.set_xticks(range(len(datasets)), datasets)
    ax.set(ylim=(0, 100), ylabel="test accuracy (%)")
    ax.grid(False, axis="x")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=2.5, ncols=2)
    return ax.figure


def _same_epochs(rows, epochs):
    return rows[rows["epochs"].isna() if pd.isna(epochs) else rows["epochs"] == epochs]


_PER_ROW = 8
_LAYERS = {  # word in the name of a layer: fill, height
    "input": ("#dddddd", 1.5),
    "conv": ("#56b4e9", 1.5),
    "pool": ("#f0e442", 1.1),
    "flatten": ("#dddddd", 0.9),
    "drop": ("#ffffff", 0.9),
    "norm": ("#ffffff", 0.9),
    "dense": ("#029e73", 1.1),
}


@styled
def model_diagram(layers, *, title="Network", ax=None):
    """Block diagram: a box per layer with its output shape, parameters below, rows of 8 read left to right.

    Args:
        layers: list of (name, output shape as text, parameters); the name decides the colour and height.
        title: set before the total of the parameters.
        ax: axes to draw on; None for a new figure.
    """
    rows = -(-len(layers) // _PER_ROW)
    columns = min(len(layers), _PER_ROW)
    ax = axes_or_new(ax, max(1.35 * columns, 5), 0.7 + 2 * rows)
    for i, (name, shape, parameters) in enumerate(layers):
        row, x = divmod(i, _PER_ROW)
        y = -2.4 * row
        fill, height = next((look for word, look in _LAYERS.items() if word in name.lower()), ("#cc78bc", 1.1))
        box = FancyBboxPatch((x - 0.39, y - height / 2), 0.78, height, boxstyle="round,pad=0,rounding_size=0.06")
        box.set(facecolor=fill, edgecolor="0.25", alpha=0.85)
        ax.add_patch(box)
        ax.text(x, y, f"{name.replace(' ', chr(10))}\n\n{shape}", ha="center", va="center", fontsize=9.5)
        ax.text(x, y - 0.95, f"{parameters:,}" if parameters else "–", ha="center", va="center", fontsize=9.5)
        if i == 0:
            continue
        tail = x - 0.61
        if x == 0:  # from the end of the row above, between the rows, to the start of this one
            tail, turn = -0.5, _PER_ROW - 0.5
            path = [(turn - 0.11, y + 2.4), (turn, y + 2.4), (turn, y + 1.2), (tail, y + 1.2), (tail, y)]
            ax.plot(*zip(*path, strict=True), color="0.25", lw=1)
        arrow = {"arrowstyle": "->", "color": "0.25", "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (x - 0.39, y), (tail, y), arrowprops=arrow)
    ax.set(xlim=(-0.55, columns - 0.45), ylim=(-2.4 * rows + 1.2, 0.95))
    ax.set_axis_off()
    ax.set_title(f"{title}: {sum(layer[2] for layer in layers):,} parameters")
    return ax.figure
