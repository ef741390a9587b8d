"""Pictures of source tracing. Each function returns the Figure it drew on and never shows it."""

import numpy as np
import seaborn as sns

from fakeorreal.metrics import det
from fakeorreal.plotting import COLOURS, axes_or_new, styled
from fakeorreal.source_tracing import ALL, MEAN, open_set_scores


@styled
def confusion_heat_map(confusion, title, *, ax=None):
    """Generators that made the clips (rows) and those that were named (columns): counts, coloured by share of the row.

    Args:
        confusion: from ``source_tracing.confusion_table``.
        title: of the picture.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 3.5 + 0.45 * len(confusion), 2.5 + 0.4 * len(confusion))
    share = 100 * confusion.div(confusion.sum(axis=1), axis=0)
    texts = confusion.astype(str).mask(confusion == 0, "")
    sns.heatmap(share, annot=texts, fmt="", vmin=0, vmax=100, cmap="Blues", linewidths=0.5, ax=ax,
                xticklabels=True, yticklabels=True, cbar_kws={"label": "of the row (%)"})  # fmt: skip
    ax.tick_params("x", rotation=90)
    ax.tick_params("y", rotation=0)
    ax.set(xlabel="named", ylabel="made by", title=title)
    return ax.figure


@styled
def open_set_roc(scores, opened, protocol=ALL, *, ax=None):
    """ROC of unknown against known, a thin line for each generator left out, the mean at equal false alarms thick.

    Args:
        scores: from ``source_tracing.score_sources``.
        opened: from ``source_tracing.open_set_table``, of these scores.
        protocol: one of its protocols that has an open set.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 6, 5.6)
    table = opened[opened["protocol"] == protocol].set_index("left_out")
    grid = np.linspace(0, 1, 1001)
    curves = []
    for name, (unknown, distances) in open_set_scores(scores, protocol).items():
        fpr, fnr = det(unknown, distances)
        ax.plot(100 * fpr, 100 * (1 - fnr), color="0.6", lw=0.8)
        curves.append(np.interp(grid, fpr, 1 - fnr))
        if name in (table.index[0], table.index[-2]):  # the hardest and the easiest
            k = np.argmax(1 - fnr - fpr)
            ax.annotate(name, (100 * fpr[k], 100 * (1 - fnr[k])), (6, -4), textcoords="offset points", va="top")
    mean = table.loc[MEAN]
    label = f"mean of {len(curves)}: AUC {mean['auc']:.2f} [{mean['auc_low']:.2f}, {mean['auc_high']:.2f}]"
    ax.plot(100 * grid, 100 * np.mean(curves, axis=0), color=COLOURS[1], lw=2.5, label=label)
    ax.plot([], [], color="0.6", lw=0.8, label="one generator left out")
    ax.plot([0, 100], [0, 100], "--", color="0.5", lw=1, label="chance")
    ax.set(xlim=(0, 100), ylim=(0, 100), aspect="equal", title=f"None of the known: {protocol}")
    ax.set(xlabel="known called unknown (%)", ylabel="unknown called unknown (%)")
    ax.legend(loc="lower right")
    return ax.figure
