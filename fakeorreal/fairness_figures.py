"""Pictures of fairness. Each function returns the Figure it drew on and never shows it."""

import numpy as np

from fakeorreal.fairness import ATTRIBUTES, ERRORS
from fakeorreal.plotting import COLOURS, NAMES, Picture, styled


@styled
def fairness_dots(table):
    """False alarms and misses by attribute: a dot and its Wilson interval for each value, the worst on top, n beside.

    Args:
        table: from ``fairness.fairness_table``; not empty.
    """
    parts = {label: _placed(part) for label, part in table.groupby("label", sort=True)}
    lowest = max(part["place"].max() for part in parts.values())
    figure = Picture(6.5 * len(parts), 2.2 + 0.3 * lowest)
    axes = figure.subplots(1, len(parts), squeeze=False)
    for ax, (label, part) in zip(axes[0], parts.items(), strict=True):
        low, high = part["rate_low"], part["rate_high"]
        ax.errorbar((low + high) / 2, part["place"], xerr=(high - low) / 2, fmt="none", color="0.4", capsize=3)
        ax.plot(part["rate"], part["place"], "o", color=COLOURS[label], ms=7, clip_on=False)
        heads = part.groupby("attribute", sort=False)["place"].min() - 1
        ax.set_yticks([*part["place"], *heads], [*part["value"], *(f"by {name}" for name in heads.index)])
        for text in ax.get_yticklabels()[len(part) :]:
            text.set_fontweight("bold")
        for row in part.itertuples():
            place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
            ax.annotate(f"n = {row.n_clips:,}", (1, row.place), (6, 0), **place)
        ax.grid(False, axis="y")
        ax.set(xlim=(0, 100), ylim=(lowest + 0.7, -0.7))
        ax.set(title=f"{ERRORS[label]} ({NAMES[label]} clips)", xlabel="errors (%); whiskers: Wilson 95 % interval")
    return figure


def _placed(part):
    """The rows in the order of drawing, with the height of each; one line above every attribute is for its name."""
    order = part["attribute"].map(ATTRIBUTES.index)
    part = part.assign(order=order).sort_values(["order", "rate", "value"], ascending=[True, False, True])
    heads = part["order"].ne(part["order"].shift()).cumsum()
    return part.assign(place=np.arange(len(part)) + heads)
