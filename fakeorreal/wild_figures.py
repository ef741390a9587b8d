"""Pictures of speakers never heard. Each function returns the Figure it drew on and never shows it."""

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from fakeorreal.figures import system_colours
from fakeorreal.plotting import COLOURS, NAMES, Picture, axes_or_new, styled

_CHANCE = 50  # per cent


@styled
def clip_lengths(clips, seconds, table):
    """How long the testing clips of each class last, and the EER by how much of a clip is heard.

    Args:
        clips: table of clips with ``clip`` and ``label``.
        seconds: from ``WildStudy.seconds``.
        table: from ``wild_report.length_table``.
    """
    figure = Picture(10, 4.7)
    left, right = figure.subplots(1, 2)
    lasts = clips["clip"].map(seconds)
    ends = [2.0**k for k in range(int(np.floor(np.log2(lasts.min()))), int(np.ceil(np.log2(lasts.max()))) + 1)]
    for label in (0, 1):
        x = np.sort(lasts[clips["label"] == label])
        left.step(x, 100 * np.arange(1, len(x) + 1) / len(x), where="post", color=COLOURS[label], lw=2 - 0.6 * label,
                  ls="-" if label == 0 else "--", label=f"{NAMES[label]}, n = {len(x):,}")  # fmt: skip
    left.set_xscale("log")
    left.set_xticks(ends, [f"{end:g}" for end in ends])
    left.xaxis.set_minor_locator(NullLocator())
    left.set(xlabel="duration (s)", ylabel="clips that last no longer (%)", ylim=(0, 102))
    left.legend(loc="lower right")
    heard = table.dropna(subset="heard")
    systems = list(heard["system"].unique())
    colours = system_colours(systems)
    for k, system in enumerate(systems):
        rows = heard[heard["system"] == system]
        x = rows["heard"] + 0.05 * (2 * k - len(systems) + 1)  # whiskers side by side
        low, high = rows["eer_low"], rows["eer_high"]
        right.errorbar(x, (low + high) / 2, (high - low) / 2, fmt="none", color=colours[system], capsize=3)
        right.plot(x, rows["eer"], "osD"[k % 3] + "-", color=colours[system], ms=7, lw=1.5, label=system)
    right.axhline(_CHANCE, color="0.2", lw=1, ls="--", label="chance")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set(xlabel="seconds heard of each clip", ylabel="EER on testing (%); whiskers: 95 % interval")
    right.set_ylim(0, max(60, heard["eer_high"].max() + 3) if len(heard) else 60)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=len(systems) + 1)
    return figure


@styled
def speaker_dots(table, *, ax=None):
    """EER of every speaker who was held out, with its interval; a ring for the speaker's own voice; mean ± SD.

    Args:
        table: from ``wild_report.speaker_table``.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 8, 2 + 0.42 * len(table))
    colour = system_colours(["any"])["any"]
    y = np.arange(len(table))[::-1]
    low, high = table["eer_low"], table["eer_high"]
    if len(table) > 1:
        mean, sd = table["eer"].mean(), table["eer"].std()
        ax.axvspan(mean - sd, mean + sd, color="0.5", alpha=0.15, lw=0)
        ax.axvline(mean, color="0.4", lw=1.5, label="mean; band: ± SD over speakers")
    ax.errorbar((low + high) / 2, y, xerr=(high - low) / 2, fmt="none", color=colour, capsize=4)
    ax.plot(table["eer"], y, "o", color=colour, ms=9, label="all fakes of the speaker's sentences")
    ax.plot(table["eer_own"], y, "o", mfc="none", mec="black", mew=1.5, ms=12, label="fakes of that voice alone")
    ax.axvline(_CHANCE, color="0.2", lw=1, ls="--", label="chance")
    for height, n in zip(y, table["n_clips"], strict=True):
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 10}
        ax.annotate(f"n = {n:,}", (1, height), (8, 0), **place)
    ax.set_yticks(y, table["speaker"])
    ax.grid(False, axis="y")
    right = max(60, high.max() + 2, table["eer_own"].max() + 2) if len(table) else 60
    ax.set(xlim=(0, right), ylim=(-0.6, max(len(table), 1) - 0.4))
    ax.set(xlabel="EER on the speaker who was held out (%); whiskers: 95 % interval")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=3.5, ncols=2)
    return ax.figure
