"""Pictures of generators and of what finds them. Each function returns the Figure it drew on and never shows it."""

import numpy as np
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullLocator

from fakeorreal.figures import system_colours
from fakeorreal.fingerprints import BAND, HUMAN, locked_tones, spikes
from fakeorreal.plotting import COLOURS, Picture, axes_or_new, styled

_NAMED, _APART = 4, 0.3  # spikes of a panel that get their frequency written beside them; root kHz between them
_FROM_REAL_TO_FAKE = LinearSegmentedColormap.from_list("from real to fake", (COLOURS[0], "white", COLOURS[1]))
_CHANCE = 50  # per cent


def _colours(generators):
    """Real blue, other generators in their order in colours far from the vermillion of fake."""
    return {HUMAN: COLOURS[0], **system_colours([name for name in generators if name != HUMAN])}


@styled
def fingerprint_rows(fingerprints, locking):
    """A row of panels per generator: differences to real speech with their intervals, and tones locked to the file.

    Triangles mark spikes and locked tones, with the frequency of the greatest; what exceeds a panel is at its edge.
    Frequencies lie on a root scale, which shows hum and hiss alike.

    Args:
        fingerprints: from ``fingerprints.fingerprints``.
        locking: from ``fingerprints.phase_locking``.
    """
    generators = list(locking.strength.columns.drop(HUMAN))
    colours = _colours(generators)
    figure = Picture(4.6 * (len(fingerprints) + 1), 0.8 + 1.9 * len(generators))
    grid = figure.subplots(len(generators), len(fingerprints) + 1, squeeze=False, sharex=True, sharey="col")
    for axes, (name, fingerprint) in zip(grid.T, fingerprints.items(), strict=False):
        found = spikes(fingerprint)
        edge = max(6, 1.15 * np.nanquantile(np.abs([fingerprint.low, fingerprint.high]), 0.998))
        for ax, generator in zip(axes, generators, strict=True):
            low, high = fingerprint.low[generator], fingerprint.high[generator]
            ax.fill_between(low.index / 1000, low, high, color=colours[generator], alpha=0.3, lw=0)
            _curve(ax, fingerprint.difference[generator], colours[generator])
            ax.axhline(0, color="0.2", lw=1)
            _mark(ax, found[found["generator"] == generator], "difference", 0.93 * edge)
            ax.set(ylim=(-edge, edge), ylabel="dB to real")
        axes[0].set_title(name)
    tones = locked_tones(locking)
    for ax, generator in zip(grid[:, -1], generators, strict=True):
        _curve(ax, locking.strength[generator], colours[generator])
        ax.axhline(locking.limit[generator], color="0.2", lw=1, ls="--")
        _mark(ax, tones[tones["generator"] == generator], "strength", np.inf)
        ax.set(ylim=(0, 1.2 * max(locking.strength.to_numpy().max(), 4)), ylabel="strength")
    grid[0, -1].set_title("phase locked to the file; dashes: chance")
    for ax, generator in zip(grid[:, 0], generators, strict=True):
        ax.set_ylabel(f"{generator}\ndB to real")
    for ax in grid[-1]:
        highest = locking.strength.index[-1] / 1000
        ax.set_xscale("function", functions=(lambda khz: np.sqrt(np.abs(khz)), np.square))
        ax.set(xlabel="frequency (kHz, root scale)", xlim=(0, highest))
        ax.set_xticks([khz for khz in (0, 0.1, 0.5, 1, 2, 4, 8, 16) if khz <= highest])
        ax.xaxis.set_major_formatter(FuncFormatter("{:g}".format))
    return figure


def _curve(ax, values, colour):
    ax.plot(values.index / 1000, values, color=colour, lw=0.5)


def _mark(ax, found, column, edge):
    """A triangle at each row of ``spikes`` or ``locked_tones``, named where there is room, the greatest first."""
    size = found["height"].abs() if "height" in found else found[column]
    named = []
    for _, row in found.loc[size.sort_values(ascending=False).index].iterrows():
        khz, y = row["frequency"] / 1000, np.clip(row[column], -edge, edge)
        ax.plot(khz, y, "v" if row.get("height", 1) < 0 else "^", color="0.1", ms=5, clip_on=False)
        if len(named) < _NAMED and all(abs(np.sqrt(khz) - other) > _APART for other in named):
            named.append(np.sqrt(khz))
            right = khz > 0.7 * ax.lines[0].get_xdata()[-1]
            ax.annotate(
                f"{row['frequency']:.0f} Hz",
                (khz, y),
                (-6 if right else 6, 0),
                textcoords="offset points",
                ha="right" if right else "left",
                va="center",
                fontsize=8,
            )


@styled
def attribution_maps(maps, *, sr, seconds):
    """Mean integrated gradients side by side, their sums over time at the right and over frequency on top.

    Args:
        maps: dict name, such as real, fake, both → ``MeanMap`` of signed attributions: bands of equal width from 0 to
            sr / 2, lowest first.
        sr: rate in Hz.
        seconds: length of a clip.
    """
    figure = Picture(1 + 4 * len(maps), 4.6)
    ratios = {"width_ratios": (3, 1.1) * len(maps), "height_ratios": (1, 3)}
    grid = figure.subplots(2, 2 * len(maps), gridspec_kw=ratios, squeeze=False)
    most = max(np.quantile(np.abs(m.mean), 0.998) for m in maps.values())
    limits = [1.1 * max(np.abs(getattr(m, name)).max() for m in maps.values()) for name in ("by_frame", "by_band")]
    for k, (name, m) in enumerate(maps.items()):
        (top, corner), (ax, side) = grid[:, 2 * k : 2 * k + 2]
        corner.set_axis_off()
        bands, frames = m.mean.shape
        image = ax.imshow(
            m.mean,
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, sr / 2000),
            cmap=_FROM_REAL_TO_FAKE,
            norm=Normalize(-most, most),
            interpolation="nearest",
        )
        ax.grid(False)
        ax.set(xlabel="time (s)", ylabel="" if k else "frequency (kHz)")
        times, khz = np.linspace(0, seconds, frames + 1), np.linspace(0, sr / 2000, bands + 1)
        for low, high, colour in ((-np.inf, 0, COLOURS[0]), (0, np.inf, COLOURS[1])):
            top.stairs(m.by_frame.clip(low, high), times, fill=True, color=colour)
            side.stairs(m.by_band.clip(low, high), khz, fill=True, color=colour, orientation="horizontal")
        top.set(xlim=(0, seconds), ylim=(-limits[0], limits[0]), title=f"{name}: sum {_signed(m.mean.sum(), '.2f')}")
        side.set(xlim=(-limits[1], limits[1]))
        for panel in (ax, side):
            panel.set_ylim(-0.01 * sr / 2000, 1.01 * sr / 2000)  # the lowest band is as thin as the frame
        for axis, limit in ((top.yaxis, limits[0]), (side.xaxis, limits[1])):
            ends = float(f"{0.7 * limit:.0e}") * np.array([-1, 1])
            axis.set_ticks(ends, [_signed(end, "g") for end in ends])
        for axis in (top.xaxis, side.yaxis):
            axis.set_ticklabels([])
    grid[0, 0].set_ylabel("logit")
    bar = figure.colorbar(image, ax=grid, label="logit of a cell; blue: speaks for real", pad=0.02)
    bar.formatter.set_powerlimits((-2, 3))
    return figure


def _signed(value, form):
    return f"{value:+{form}}".replace("-", "−")


@styled
def time_frequency(clips, *, sr, seconds):
    """The same stretch in several representations, a row per clip and a column per representation.

    Args:
        clips: list of (title, label, pictures), real first; pictures: dict name → level in dB, shape (bands, frames),
            bands of equal width from 0 to sr / 2, lowest first. A name is on one scale in all rows.
        sr: rate in Hz.
        seconds: length of a clip.
    """
    names = list(clips[0][2])
    figure = Picture(0.8 + 3.4 * len(names), 0.6 + 1.3 * len(clips))
    grid = figure.subplots(len(clips), len(names), squeeze=False, sharex=True, sharey=True)
    for axes, name in zip(grid.T, names, strict=True):
        levels = np.stack([pictures[name] for _, _, pictures in clips])
        low, high = np.quantile(levels, [0.02, 0.9995])  # the quietest cells are silence, far below all else
        for ax, (_, _, pictures) in zip(axes, clips, strict=True):
            extent = (0, seconds, 0, sr / 2000)
            image = ax.imshow(
                pictures[name], origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap="magma"
            )
            ax.grid(False)
        axes[0].set_title(name)
        axes[-1].set_xlabel("time (s)")
        figure.colorbar(image, ax=list(axes), label="level (dB)", pad=0.02, aspect=35)
    for ax, (title, label, _) in zip(grid[:, 0], clips, strict=True):
        ax.set_ylabel(f"{title}\n(kHz)", color=COLOURS[label])
    return figure


@styled
def energy_by_band(energy):
    """Mean level of every generator by band, and below how it differs from that of real speech.

    Args:
        energy: from ``fingerprints.mean_energy``.
    """
    colours = _colours(energy.mean)
    figure = Picture(8.5, 5.6)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1))
    khz = energy.mean.index / 1000
    for name, power in energy.mean.items():
        top.plot(khz, 10 * np.log10(power), "o-", ms=4, color=colours[name], lw=1.5, label=name)
    shifts = (np.arange(len(energy.difference.columns)) - (len(energy.difference.columns) - 1) / 2) * 0.12 * BAND / 1000
    for shift, (name, difference) in zip(shifts, energy.difference.items(), strict=True):
        low, high = energy.low[name], energy.high[name]
        bottom.errorbar(khz + shift, difference, (difference - low, high - difference), color=colours[name], fmt="o-",
                        ms=4, lw=1, capsize=2)  # fmt: skip
    bottom.axhline(0, color=COLOURS[0], lw=1.5)
    top.set_ylabel(f"mean level in {BAND} Hz (dBFS)")
    bottom.set(xlabel="frequency (kHz)", ylabel="dB to real")
    figure.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=min(len(colours), 5))
    return figure


@styled
def pitch_boxes(table, *, ax=None):
    """Pitch of utterances by generator: quartiles, and a point each; the median at the right.

    Args:
        table: from ``fingerprints.pitch``.
        ax: axes to draw on; None for a new figure.
    """
    groups = dict(iter(table.groupby("generator", sort=False)["pitch"]))
    ax = axes_or_new(ax, 7.5, 1.2 + 0.55 * len(groups))
    rng, colours = np.random.default_rng(0), _colours(groups)
    for y, (name, pitch) in enumerate(groups.items()):
        ax.scatter(pitch, y + rng.uniform(-0.22, 0.22, len(pitch)), s=9, color=colours[name], alpha=0.5, lw=0)
        ax.boxplot(
            [pitch],
            positions=[y],
            orientation="horizontal",
            whis=(5, 95),
            widths=0.6,
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": (colours[name], 0.35), "edgecolor": "0.3"},
            medianprops={"color": "0.1", "lw": 1.5},
        )
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
        ax.annotate(f"{pitch.median():.0f} Hz", (1, y), (8, 0), **place)
    ax.set_yticks(range(len(groups)), groups)
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks([70, 100, 150, 200, 300, 400], [70, 100, 150, 200, 300, 400])
    ax.set(xlabel="median pitch of an utterance (Hz); whiskers: 5 to 95 %", ylabel="")
    return ax.figure


@styled
def generator_matrix(table, *, ax=None):
    """EER of one system, trained on the generator of the row and tested on that of the column; frames: the same.

    Args:
        table: rows of one system of ``generator_report.by_generator``.
        ax: axes to draw on; None for a new figure.
    """
    value, low, high = (
        table.pivot(index="trained_on", columns="generator", values=v) for v in ("eer", "eer_low", "eer_high")
    )
    rows, columns = list(table["trained_on"].unique()), list(table["generator"].unique())
    ax = axes_or_new(ax, 2.6 + 1.15 * len(columns), 1.4 + 0.8 * len(rows))
    sns.heatmap(value.loc[rows, columns], vmin=0, vmax=_CHANCE, cmap="rocket_r", linewidths=1, ax=ax,
                cbar_kws={"label": "EER (%); 50 is chance"})  # fmt: skip
    for y, trained_on in enumerate(rows):
        for x, generator in enumerate(columns):
            eer = value.loc[trained_on, generator]
            colour = "white" if eer > _CHANCE / 2 else "black"
            interval = f"{low.loc[trained_on, generator]:.1f} – {high.loc[trained_on, generator]:.1f}"
            ax.text(x + 0.5, y + 0.42, f"{eer:.1f}", ha="center", va="center", color=colour, fontsize=12)
            ax.text(x + 0.5, y + 0.75, interval, ha="center", va="center", color=colour, fontsize=8)
            if trained_on == generator:
                ax.add_patch(Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, fill=False, ec="#029e73", lw=3))
    ax.set(xlabel="tested on", ylabel="trained on")
    ax.tick_params("x", rotation=0)
    ax.tick_params("y", rotation=0)
    return ax.figure


@styled
def unseen_generators(table, *, ax=None):
    """EER on each generator that training did not hold, the hardest on top; a point with its interval per system.

    Args:
        table: rows of one training generator of ``generator_report.by_generator``.
        ax: axes to draw on; None for a new figure.
    """
    table = table[~table["seen"]]
    generators = table.groupby("generator")["eer"].mean().sort_values(kind="stable").index
    systems = list(table["system"].unique())
    colours = system_colours(systems)
    ax = axes_or_new(ax, 8, 1.6 + (0.25 + 0.17 * len(systems)) * len(generators))
    for k, system in enumerate(systems):
        rows = table[table["system"] == system].set_index("generator").reindex(generators)
        y = np.arange(len(generators)) + 0.7 * ((len(systems) - 1) / 2 - k) / len(systems)
        low, high = rows["eer_low"], rows["eer_high"]
        # centred on the interval: a bootstrap interval need not hold the estimate
        ax.errorbar((low + high) / 2, y, xerr=(high - low) / 2, fmt="none", color=colours[system], capsize=3)
        ax.plot(rows["eer"], y, "osD^vP*Xh"[k % 9], color=colours[system], ms=7, label=system, clip_on=False)
    ax.axvline(_CHANCE, color="0.2", lw=1, ls="--")
    for y in np.arange(len(generators) - 1) + 0.5:
        ax.axhline(y, color="0.85", lw=1)
    ax.set_yticks(range(len(generators)), generators)
    ax.grid(False, axis="y")
    ax.set(ylim=(-0.6, len(generators) - 0.4), xlim=(0, 1.05 * max(_CHANCE, table["eer_high"].max())))
    ax.set(xlabel="EER (%) on generators that training did not hold\nwhiskers: 95 % bootstrap interval; dashes: chance")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=5.5, ncols=min(len(systems), 4))
    return ax.figure
