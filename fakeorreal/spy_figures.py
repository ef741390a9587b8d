"""Pictures of CNN against transformer. Each function returns the Figure it drew on and never shows it."""

import numpy as np
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from fakeorreal.figures import system_colours
from fakeorreal.plotting import COLOURS, NAMES, Picture, axes_or_new, styled

_CHANCE = 50  # per cent
_LOG = {"log_loss": "log-loss (nats)", "mcc": "MCC", "auc": "AUC"}
_FROM_REAL_TO_FAKE = LinearSegmentedColormap.from_list("from real to fake", (COLOURS[0], "white", COLOURS[1]))


@styled
def training_log(history):
    """A column per system: log-loss, MCC and AUC after every epoch on training and validation, and the learning rate.

    Lines are means over seeds, bands their range; the dots mark the network that is scored, of the lowest validation
    loss.

    Args:
        history: from ``SpyStudy.curves``.
    """
    systems = list(history["system"].unique())
    colours = system_colours(systems)
    figure = Picture(1.2 + 3.2 * len(systems), 8.6)
    grid = figure.subplots(len(_LOG) + 1, len(systems), squeeze=False, sharex=True, sharey="row")
    for axes, system in zip(grid.T, systems, strict=True):
        log = history[history["system"] == system]
        best = log.loc[log.groupby("seed")["val_loss"].idxmin()]
        for ax, (measure, label) in zip(axes, _LOG.items(), strict=False):
            for split, line in (("train", "--"), ("val", "-")):
                curve = log.groupby("epoch")[f"{split}_{measure}"].agg(["mean", "min", "max"])
                ax.plot(curve.index, curve["mean"], line, color=colours[system], lw=1.8)
                ax.fill_between(curve.index, curve["min"], curve["max"], color=colours[system], alpha=0.15, lw=0)
            ax.plot(best["epoch"], best[f"val_{measure}"], "o", color=colours[system], mec="white", ms=8)
            ax.axhline({"log_loss": np.log(2), "mcc": 0, "auc": 0.5}[measure], color="0.4", lw=1, ls=":")
            axes[0].set_title(system)
            grid[list(_LOG).index(measure), 0].set_ylabel(label)
        for _, run in log.groupby("seed"):
            axes[-1].step(run["epoch"], run["learning_rate"], where="mid", color=colours[system], lw=1.8)
        axes[-1].set(xlabel="epoch", yscale="log", ylim=(history["learning_rate"].min() / 3, None))
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    grid[-1, 0].set_ylabel("learning rate")
    lines = [Line2D([], [], color="0.3", ls=ls, label=label) for label, ls in (("training", "--"), ("validation", "-"))]
    lines.append(Line2D([], [], color="0.3", marker="o", ls="", label="scored"))
    lines.append(Line2D([], [], color="0.4", ls=":", label="knows nothing"))
    figure.legend(handles=lines, loc="outside lower center", ncols=4)
    return figure


@styled
def learning_by_hours(table):
    """EER and AUC against the hours of training audio, a line per system.

    Args:
        table: from ``spy_report.learning_table``.
    """
    systems = list(table["system"].unique())
    colours = system_colours(systems)
    figure = Picture(10, 4.6)
    left, right = figure.subplots(1, 2)
    for k, system in enumerate(systems):
        rows = table[table["system"] == system]
        x = rows["hours"] * 1.02 ** (2 * k - len(systems) + 1)  # whiskers side by side
        low, high = rows["eer_low"], rows["eer_high"]
        # centred on the interval: a bootstrap interval need not hold the estimate
        left.errorbar(x, (low + high) / 2, (high - low) / 2, fmt="none", color=colours[system], capsize=3)
        for ax, column in ((left, "eer"), (right, "auc")):
            ax.plot(x, rows[column], "osD"[k % 3] + "-", color=colours[system], ms=7, lw=1.5, label=system)
    first, last = table["hours"].min() / 1.2, 1.2 * table["hours"].max()
    hours = [h for power in range(-4, 5) for h in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if first <= h <= last]
    for ax, chance in ((left, _CHANCE), (right, 0.5)):
        ax.axhline(chance, color="0.2", lw=1, ls="--", label="chance")
        ax.set_xscale("log")
        ax.set_xticks(hours, [f"{h:.2g}" for h in hours])
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("hours of training audio, each class")
    left.set(ylabel="EER on testing (%); whiskers: 95 % interval", ylim=(0, max(60, table["eer_high"].max() + 3)))
    right.set(ylabel="AUC on testing", ylim=(min(0.4, table["auc"].min() - 0.03), 1))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=len(systems) + 1)
    return figure


@styled
def condition_matrix(table):
    """EER by language (columns) and channel (rows), a panel per system.

    Args:
        table: from ``spy_report.condition_table``.
    """
    systems, rows, columns = (list(table[name].unique()) for name in ("system", "condition", "language"))
    figure = Picture(2.2 + (0.6 + 0.85 * len(columns)) * len(systems), 1.4 + 0.55 * len(rows))
    grid = figure.subplots(1, len(systems), squeeze=False, sharey=True)[0]
    for ax, system in zip(grid, systems, strict=True):
        value = table[table["system"] == system].pivot(index="condition", columns="language", values="eer")
        sns.heatmap(value.loc[rows, columns], vmin=0, vmax=_CHANCE, cmap="rocket_r", linewidths=1, annot=True,
                    fmt=".1f", annot_kws={"fontsize": 10}, cbar=False, ax=ax)  # fmt: skip
        ax.set(title=system, xlabel="language", ylabel="")
        ax.tick_params("y", rotation=0)
    figure.colorbar(grid[-1].collections[0], ax=list(grid), label="EER (%); 50 is chance", pad=0.02)
    return figure


@styled
def split_dots(table, *, ax=None):
    """EER by what was split, with its interval, and what training had heard of testing at the right.

    Args:
        table: from ``spy_report.lesson_table``.
        ax: axes to draw on; None for a new figure.
    """
    ax = axes_or_new(ax, 8, 1.6 + 0.6 * len(table))
    colour = system_colours(["any"])["any"]
    y = np.arange(len(table))[::-1]
    low, high = table["eer_low"], table["eer_high"]
    ax.errorbar((low + high) / 2, y, xerr=(high - low) / 2, fmt="none", color=colour, capsize=4)
    ax.plot(table["eer"], y, "o", color=colour, ms=9)
    for height, row in zip(y, table.itertuples(), strict=True):
        note = f"{row.seen_recording:.0f} % of recordings,\n{row.seen_speaker:.0f} % of speakers heard"
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 10}
        ax.annotate(note, (1, height), (8, 0), **place)
    ax.axvline(_CHANCE, color="0.2", lw=1, ls="--")
    ax.set_yticks(y, [f"by {scheme}" for scheme in table["scheme"]])
    ax.grid(False, axis="y")
    ax.set(xlim=(0, max(60, high.max() + 2)), ylim=(-0.6, len(table) - 0.4))
    ax.set(xlabel="EER on testing (%)\nwhiskers: 95 % bootstrap interval; dashes: chance")
    return ax.figure


@styled
def where_they_look(clips, *, sr, seconds):
    """A row per clip: its spectrogram, then its maps. Logits are orange where what lies there speaks for fake.

    Args:
        clips: from ``SpyStudy.maps``.
        sr: rate in Hz.
        seconds: length of a clip.
    """
    names = list(clips[0][3])
    figure = Picture(1 + 3.3 * (1 + len(names)), 0.9 + 2.6 * len(clips))
    grid = figure.subplots(len(clips), 1 + len(names), squeeze=False, sharex=True, sharey=True)
    look = {"origin": "lower", "aspect": "auto", "extent": (0, seconds, 0, sr / 2000), "interpolation": "nearest"}
    for axes, (generator, label, levels, maps) in zip(grid, clips, strict=True):
        image = axes[0].imshow(levels, cmap="magma", **look)
        axes[0].set_ylabel(f"{NAMES[label]}: {generator}\n(kHz)", color=COLOURS[label])
        figure.colorbar(image, ax=axes[0], label="dB", pad=0.02)
        for ax, (values, unit) in zip(axes[1:], maps.values(), strict=True):
            most = np.abs(values).max()
            signed = {"cmap": _FROM_REAL_TO_FAKE, "norm": Normalize(-most, most)}
            scale = signed if unit == "logit" else {"cmap": "Greys", "vmin": 0}
            image = ax.imshow(values, **scale, **look)
            figure.colorbar(image, ax=ax, label=unit, pad=0.02)
    for ax, title in zip(grid[0], ("spectrogram", *names), strict=True):
        ax.set_title(title)
    for ax in grid.flat:
        ax.grid(False)
    for ax in grid[-1]:
        ax.set_xlabel("time (s)")
    return figure
