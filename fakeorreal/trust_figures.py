"""Pictures of notebook 11, from its tables. Each function returns the Figure it drew on and never shows it."""

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from fakeorreal.audit import SHORTCUT_LIMIT
from fakeorreal.detector_figures import reliability_diagram
from fakeorreal.generator_figures import generator_matrix
from fakeorreal.ladders import LADDERS
from fakeorreal.plotting import Picture, axes_or_new, styled
from fakeorreal.robustness_figures import ladder_curves

DRAWN = ("custom_cnn", "dnn", "xgboost", "lcnn_lfcc", "dcnn_haar", "spy_cnn", "wild_cnn", "detector")
"""Systems in figures that would be unreadable with all of them: one of each kind."""

_CHANCE = 50  # per cent
_SERIES = ("#949494", "#029e73", "#5b3a8c")
_SPLITS = {"official": "official split", "sentence": "dealt by sentence", "clip": "dealt by clip"}
_MEANING = {"differ": "#029e73", "open": "#ece133", "no difference shown": "#d9d9d9"}


@styled
def shortcut_dots(table, *, ax=None):
    """AUC of the strongest nuisance and of all together, a pair of dots per version.

    Args:
        table: from ``trust_report.audit_table``.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 8, 1.8 + 0.7 * len(table))
    names = [f"{row.dataset}\n{row.strongest}" for row in table.itertuples()]
    pairs = {"strongest measure alone": "auc", "all together": "together"}
    _pairs(ax, names, [(label, *_three(table, column)) for label, column in pairs.items()])
    ax.axvline(0.5, color="0.2", lw=1)
    ax.axvline(SHORTCUT_LIMIT, color="0.2", lw=1, ls="--", label="limit of a fair corpus")
    ax.set(xlabel="AUC on testing; whiskers: 95 % intervals that hold for all nuisances at once", xlim=(0.3, 1.01))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4, ncols=3)
    return ax.figure


@styled
def split_pairs(table, *, ax=None):
    """EER of every system on the official split and on those that were dealt at random.

    Args:
        table: from ``trust_report.split_table``.
        ax: axes to draw on; None for a new figure.
    """
    splits = {name: rows.set_index("system") for name, rows in table.groupby("split_by", sort=False)}
    names = list(table["system"].unique())
    ax = axes_or_new(ax, 8, 1.8 + 0.6 * len(names))
    _pairs(ax, names, [(_SPLITS[name], *_three(rows.loc[names], "eer")) for name, rows in splits.items()])
    ax.set(xlabel="EER on testing (%); whiskers: 95 % interval", xlim=(0, None))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4, ncols=3)
    return ax.figure


@styled
def ladder_grid(table):
    """Every family of damage in a panel, see ``robustness_figures.ladder_curves``; one legend for all, no intervals.

    The systems are those of ``DRAWN``.

    Args:
        table: from ``robustness_report.ladder_table``.
    """
    table = table[table["system"].isin(DRAWN)]
    families = [family for family in LADDERS if family in set(table["family"])]
    columns = min(4, len(families))
    rows = -(-len(families) // columns)
    figure = Picture(3.9 * columns, 3.3 * rows + 0.8)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for ax in panels.flat[len(families) :]:
        ax.set_axis_off()
    handles = {}
    for ax, family in zip(panels.flat, families, strict=False):
        ladder_curves(table, family, ax=ax)
        legend = ax.get_legend()
        handles |= dict(zip([text.get_text() for text in legend.texts], legend.legend_handles, strict=True))
        legend.remove()
        for band in ax.collections:  # of all systems, they would cover each other
            band.remove()
        label = ax.get_ylabel()
        ax.set(title=family, ylabel="")
    figure.supylabel(label, fontsize=11)
    names = [name.partition(",")[0] for name in handles]
    figure.legend(handles.values(), names, loc="outside lower center", ncols=5, frameon=False)
    return figure


@styled
def corpus_matrices(table):
    """EER with its interval, trained on the row and tested on the column; frames: the same version.

    A panel per system, and one for the systems that were trained on one thing alone.

    Args:
        table: from ``trust_report.matrix_table``.
    """
    table = table.rename(columns={"tested_on": "generator"})
    several = table.groupby("system")["trained_on"].transform("nunique") > 1
    panels = dict(iter(table[several].groupby("system", sort=False)))
    if not several.all():  # one panel for all that was trained once
        once = table[~several]
        panels["trained elsewhere"] = once.assign(trained_on=once["system"])
    rows, width = -(-len(panels) // 2), 1 + (len(panels) > 1)
    tallest = max(part["trained_on"].nunique() for part in panels.values())
    figure = Picture(width * (2.2 + 1.25 * table["generator"].nunique()), rows * (1.2 + 0.65 * tallest))
    axes = figure.subplots(rows, width, squeeze=False).ravel()
    for ax, (title, part) in zip(axes, panels.items(), strict=False):
        generator_matrix(part, ax=ax)
        ax.collections[0].colorbar.remove()
        ax.set(title=title, ylabel="trained on" if part["trained_on"].isin(part["generator"]).any() else "")
    for ax in axes[len(panels) :]:
        ax.remove()
    return figure


@styled
def left_out_dots(table, *, ax=None):
    """EER on every generator and language by a fit that heard it and by one that did not, the hardest on top.

    Args:
        table: from ``trust_report.left_out_table``.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 8, 1.8 + 0.5 * len(table))
    names = [f"{row.value} ({row.n_fake:,} fakes)" for row in table.itertuples()]
    nothing = np.full(len(table), np.nan)
    heard = "heard in training", table["eer_heard"], nothing, nothing
    _pairs(ax, names, [heard, ("left out", *_three(table, "eer_unheard"))])
    first = (table["column"] == table["column"].iloc[0]).sum()
    if first < len(table):
        ax.axhline(len(table) - first - 0.5, color="0.2", lw=1)
    ax.axvline(_CHANCE, color="0.2", lw=1, ls="--", label="chance")
    ax.set(xlabel="EER (%); whiskers: 95 % interval", xlim=(0, None))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4, ncols=3)
    return ax.figure


@styled
def reliability_grid(pairs):
    """Reliability diagram of every system, as it comes and after temperature scaling.

    Args:
        pairs: from ``trust_report.reliability_pairs``.
    """
    columns = min(4, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Picture(3.9 * columns, 4.1 * rows)
    panels = figure.subplots(rows, columns, squeeze=False)
    for ax in panels.flat[len(pairs) :]:
        ax.set_axis_off()
    for ax, (system, curves) in zip(panels.flat, pairs.items(), strict=False):
        reliability_diagram(curves, ax=ax)
        ax.set_title(system)
        ax.legend(fontsize=8, loc="lower right")
    return figure


@styled
def meaning_matrix(table, *, ax=None):
    """Which differences between systems mean something: the EER of the row less that of the column, in points.

    Args:
        table: from ``significance.compare``.
        ax: axes to draw on; None for a new figure.
    """
    eer = {**dict(zip(table["worse"], table["eer_worse"], strict=True)),
           **dict(zip(table["better"], table["eer_better"], strict=True))}  # fmt: skip
    names = sorted(eer, key=eer.get)
    ax = axes_or_new(ax, 3 + 0.95 * len(names), 2 + 0.55 * len(names))
    codes = np.full((len(names), len(names)), np.nan)
    for row in table.itertuples():
        # the worse one in the row; where both are equal, the later one
        x, y = sorted((names.index(row.better), names.index(row.worse)))
        codes[y, x] = list(_MEANING).index(row.meaning)
        ax.text(x, y, f"{row.difference:+.1f}", ha="center", va="center", fontsize=10)
    ax.imshow(codes, cmap=ListedColormap(list(_MEANING.values())), vmin=-0.5, vmax=len(_MEANING) - 0.5, aspect="auto")
    ax.set_xticks(range(len(names)), [f"{name}\n{eer[name]:.1f} %" for name in names], rotation=30, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.grid(False)
    ax.set(xlabel="better system and its EER", ylabel="worse system", title="Difference of EER, points")
    ax.legend(handles=[Patch(color=colour, label=name) for name, colour in _MEANING.items()], loc="upper right")
    return ax.figure


def _pairs(ax, names, series):
    """Dots with whiskers, a row per name and a dot per series (label, value, low, high)."""
    y = np.arange(len(names))[::-1]
    for k, (label, value, low, high) in enumerate(series):
        at = y + 0.12 * (len(series) - 1 - 2 * k)
        # centred on the interval: a bootstrap interval need not hold the estimate
        ax.errorbar((low + high) / 2, at, xerr=(high - low) / 2, fmt="none", color=_SERIES[k], capsize=3)
        ax.plot(value, at, "osD"[k], color=_SERIES[k], ms=8, label=label, clip_on=False)
    ax.set_yticks(y, names)
    ax.grid(False, axis="y")
    ax.set(ylim=(-0.6, len(names) - 0.4))


def _three(table, column):
    return table[column], table[f"{column}_low"], table[f"{column}_high"]
