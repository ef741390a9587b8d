"""Pictures of a detector, from saved scores and tables. Each function returns the Figure it drew on, never shows it."""

import numpy as np

from fakeorreal.calibration import ece, reliability
from fakeorreal.figures import det_plot
from fakeorreal.plotting import COLOURS, axes_or_new, styled

_NEUTRAL = "#029e73"  # neither real nor fake


def det_by_condition(scores, *, ax=None):
    """Detection error trade-off, a curve per test condition.

    Args:
        scores: scores table of one split.
        ax: axes to draw on; None for a new figure.
    """
    runs = scores.groupby("condition", sort=False)
    return det_plot({name: (run["label"], run["score"]) for name, run in runs}, ax=ax)


@styled
def reliability_diagram(scores_by_name, *, ax=None):
    """Probability of fake that a detector states against what came true, a point per bin of equally many clips.

    Args:
        scores_by_name: dict name -> (labels, calibrated scores), each shape (n,).
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 6, 5.6)
    ax.plot([0, 100], [0, 100], "--", color="0.5", lw=1, label="calibrated")
    for (name, pair), colour, marker in zip(
        scores_by_name.items(), ("#949494", _NEUTRAL, "#5b3a8c"), "osD", strict=False
    ):
        bins = reliability(*pair)
        label = f"{name}: ECE {100 * ece(*pair):.1f} %"
        ax.plot(100 * bins["probability"], 100 * bins["fake"], marker=marker, color=colour, lw=2, ms=7, label=label)
    ax.set(xlim=(-2, 102), ylim=(-2, 102), aspect="equal")
    ax.set(xlabel="stated probability of fake (%)", ylabel="share that is fake (%)", title="Reliability, equal priors")
    ax.legend(loc="upper left")
    return ax.figure


@styled
def family_dots(table, *, ax=None):
    """EER of each family of generators with its interval, the hardest on top; n at the right.

    Args:
        table: ``evaluation.family_table``.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 8, 1.3 + 0.36 * len(table))
    y = np.arange(len(table))[::-1]
    _dots(ax, y, table, "eer", color=COLOURS[1])
    notes = [f"{n_fake:,} from {n}" for n_fake, n in zip(table["n_fake"], table["n_sources"], strict=True)]
    _names(ax, y, table["family"], notes)
    ax.set(xlabel="EER against all real clips (%)\nwhiskers: 95 % bootstrap interval; right: fakes and their sources")
    return ax.figure


@styled
def source_dots(table, *, ax=None):
    """Each source by itself: the EER within it, or where it holds one class only, its errors at the threshold.

    Args:
        table: ``evaluation.source_table``.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 8, 1.6 + 0.36 * len(table))
    table = table.assign(both=table["eer"].notna(), value=table["eer"].fillna(table["wrong"]))
    table = table.sort_values(["both", "value", "source"], ascending=[False, False, True])
    y = np.arange(len(table))[::-1]
    for label, rows, column, marker, colour in (
        ("EER", table["both"], "eer", "o", _NEUTRAL),
        ("only real: wrong", table["n_fake"] == 0, "wrong", "s", COLOURS[0]),
        ("only fake: wrong", table["n_real"] == 0, "wrong", "s", COLOURS[1]),
    ):
        _dots(ax, y[rows], table[rows], column, color=colour, marker=marker, label=label)
    notes = [f"{n_real:,} + {n_fake:,}" for n_real, n_fake in zip(table["n_real"], table["n_fake"], strict=True)]
    _names(ax, y, table["source"], notes)
    ax.set(
        xlabel="EER within the source, or wrong at the threshold (%)\nwhiskers: 95 % interval; right: real + fake clips"
    )
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=5.5, ncols=3)
    return ax.figure


def _dots(ax, y, table, column, *, color, marker="o", label=None):
    """Points with whiskers from ``column_low`` to ``column_high``; a missing interval has none."""
    low, high = table[f"{column}_low"], table[f"{column}_high"]
    # centred on the interval: a bootstrap interval need not hold the estimate
    ax.errorbar((low + high) / 2, y, xerr=(high - low) / 2, fmt="none", color=color, capsize=3)
    ax.plot(table[column], y, marker, color=color, ms=7, clip_on=False, label=label)


def _names(ax, y, names, notes):
    for height, note in zip(y, notes, strict=True):
        ax.annotate(note, (1, height), (8, 0), ("axes fraction", "data"), textcoords="offset points", va="center")
    ax.set_yticks(y, names)
    ax.grid(False, axis="y")
    ax.set(xlim=(0, 100), ylim=(-0.7, len(y) - 0.3))
