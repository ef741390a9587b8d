"""Pictures of how systems bear damage. Each function returns the Figure it drew on and never shows it."""

import numpy as np
from matplotlib.lines import Line2D

from fakeorreal.evaluation import CLEAN
from fakeorreal.figures import system_colours
from fakeorreal.ladders import LADDERS
from fakeorreal.plotting import axes_or_new, styled

_CHANCE = 50  # per cent


@styled
def ladder_curves(table, family, *, ax=None):
    """EER with its interval (solid) and balanced accuracy (dashed) over the rungs of a ladder, a colour per system.

    Rungs stand at equal distances, whatever lies between their values; a dotted line marks the clean clips.

    Args:
        table: from ``robustness_report.ladder_table``.
        family: key of ``ladders.LADDERS``.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 7.5, 5.2)
    colours = system_colours(table["system"].unique())  # of all families, so that a system keeps its colour
    rows = table[table["family"] == family]
    rungs = [(value, name or CLEAN) for value, name in LADDERS[family].rungs]
    rungs = [(value, name) for value, name in rungs if name in set(rows["condition"])]
    place = {name: k for k, (_, name) in enumerate(rungs)}
    for system, curve in rows.groupby("system", sort=False):
        x, colour = curve["condition"].map(place), colours[system]
        ax.fill_between(x, curve["eer_low"], curve["eer_high"], color=colour, alpha=0.15, lw=0)
        ax.plot(x, curve["eer"], "o-", color=colour, lw=2, ms=6)
        ax.plot(x, curve["balanced_accuracy"], "s--", color=colour, lw=1.5, ms=4.5)
    ax.axhline(_CHANCE, color="0.2", lw=1)
    ax.axvline(place[CLEAN], color="0.2", lw=1, ls=":")
    ax.set_xticks(np.arange(len(rungs)), [_word(value) for value, _ in rungs])
    ax.set(xlabel=LADDERS[family].axis, ylabel="EER and balanced accuracy (%); 50 is chance", ylim=(0, 100))
    lines = [Line2D([], [], color=colours[system], lw=3, label=system) for system in rows["system"].unique()]
    lines.append(Line2D([], [], color="0.3", marker="o", label="EER, 95 % interval"))
    lines.append(Line2D([], [], color="0.3", marker="s", ls="--", label="balanced accuracy"))
    ax.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False)
    return ax.figure


def _word(value):
    return value if isinstance(value, str) else f"{value:g}".replace("-", "−")
