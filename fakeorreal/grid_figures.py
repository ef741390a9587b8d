"""Pictures of grid searches. Each function returns the Figure it drew on and never shows it."""

import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from fakeorreal.plotting import Picture, styled

_MEASURES = {"val_loss": ("validation loss (nats)", np.log(2)), "eer": ("EER on validation (%)", 50)}
"""Label, and what knowing nothing gives."""

_WIDE = 5  # times the lowest loss from which on the axis is logarithmic


@styled
def by_channels(table, measure="val_loss"):
    """A measure by the channels of the network: a panel per learning rate, a line per batch, a ring around the lowest.

    Lines are means over seeds, bars their range. Of several marks the last is shown.

    Args:
        table: from ``grid.run_grid``, with the settings ``options.channels``, ``learning_rate`` and ``batch``.
        measure: ``val_loss`` or ``eer``.
    """
    label, chance = _MEASURES[measure]
    table = table[table["epochs"] == table["epochs"].max()]
    runs = table.groupby(["learning_rate", "batch", "options.channels"])[measure].agg(["mean", "min", "max"])
    rates, batches, channels = (sorted(level) for level in runs.index.levels)
    colours = dict(zip(batches, sns.color_palette("viridis_r", len(batches)), strict=True))
    figure = Picture(1.4 + 2.9 * len(rates), 4.2)
    for ax, rate in zip(figure.subplots(1, len(rates), squeeze=False, sharey=True)[0], rates, strict=True):
        for k, (batch, rows) in enumerate(runs.loc[rate].groupby("batch")):
            x = rows.index.get_level_values("options.channels") * 1.03 ** (2 * k - len(batches) + 1)  # side by side
            spread = [rows["mean"] - rows["min"], rows["max"] - rows["mean"]]
            ax.errorbar(x, rows["mean"], spread, fmt="o-", color=colours[batch], ms=5, lw=1.5, elinewidth=1)
            if (rate, batch) == runs["mean"].idxmin()[:2]:
                lowest = rows["mean"].argmin()
                ax.plot(x[lowest], rows["mean"].iloc[lowest], "o", ms=13, mfc="none", mec="black", mew=1.5)
        ax.axhline(chance, color="0.2", lw=1, ls="--")
        ax.set_xscale("log")
        ax.set_xticks(channels, [f"{c}" for c in channels])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set(title=f"learning rate {rate:g}", xlabel="channels")
    first = figure.axes[0]
    first.set_ylabel(label)
    if measure == "eer":
        first.set_ylim(0, max(60, runs["max"].max() + 3))
    elif runs["max"].max() > _WIDE * runs["min"].min():
        first.set_yscale("log")
        first.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        first.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        first.yaxis.set_minor_locator(NullLocator())
    lines = [Line2D([], [], color=colours[batch], marker="o", lw=1.5, label=f"batch {batch}") for batch in batches]
    lines.append(Line2D([], [], marker="o", ms=13, mfc="none", mec="black", mew=1.5, ls="", label="lowest"))
    lines.append(Line2D([], [], color="0.2", lw=1, ls="--", label="knows nothing"))
    figure.legend(handles=lines, loc="outside lower center", ncols=4)
    return figure
