"""Pictures of a corpus and its features. Each function returns the Figure it drew on and never shows it."""

import librosa
import numpy as np
import seaborn as sns

from fakeorreal.plotting import COLOURS, NAMES, Picture, axes_or_new, styled


@styled
def mel_examples(clips):
    """Log-mel spectrograms, real above fake, on one dB scale.

    Args:
        clips: list of (title, label, log_mel, sr, hop_length); log_mel in dB, shape (n_mels, frames), of a Slaney mel
            scale from 0 to sr / 2 Hz, librosa's default; sr in Hz; hop_length in samples.
    """
    rows = [row for row in ([c for c in clips if c[1] == label] for label in (0, 1)) if row]
    columns = max(map(len, rows))
    figure = Picture(1.2 + 3.1 * columns, 0.6 + 2.4 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    low, high = min(c[2].min() for c in clips), max(c[2].max() for c in clips)
    for axes, row in zip(grid, rows, strict=True):
        for ax in axes[len(row) :]:
            ax.set_axis_off()
        for ax, (title, label, log_mel, sr, hop_length) in zip(axes, row, strict=False):
            n_mels, frames = log_mel.shape
            extent = (0, frames * hop_length / sr, -0.5, n_mels - 0.5)
            picture = ax.imshow(
                log_mel, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap="magma"
            )
            ticks = [hz for hz in (500, 1000, 2000, 4000, 8000) if hz < sr / 2]
            ax.set_yticks(_mel_bin(ticks, sr, n_mels), ticks)
            ax.set_title(f"{NAMES[label]}: {title}", color=COLOURS[label])
            ax.grid(False)
        axes[0].set_ylabel("frequency (Hz)")
    for ax in grid[-1]:
        ax.set_xlabel("time (s)")
    figure.colorbar(picture, ax=grid, label="level (dB)", pad=0.02)
    return figure


def _mel_bin(hz, sr, n_mels):
    """Where frequencies lie on an axis of mel filter numbers: n_mels filters between n_mels + 2 even mel steps."""
    return librosa.hz_to_mel(np.asarray(hz)) / librosa.hz_to_mel(sr / 2) * (n_mels + 1) - 1


@styled
def picture(pixels, title):
    """A picture as a network gets it: float, shape (height, width, 3), in [0, 1]."""
    ax = axes_or_new(None, 5, 5)
    ax.imshow(pixels, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title)
    return ax.figure


@styled
def mean_spectra(real, fake, *, sr):
    """Average mel spectra of both classes, and their difference below.

    Args:
        real: level in dB, shape (n_mels,), of a Slaney mel scale from 0 to sr / 2.
        fake: likewise.
        sr: rate in Hz.
    """
    hz = librosa.mel_frequencies(len(real) + 2, fmax=sr / 2)[1:-1]
    figure = Picture(8, 5)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for level, name, colour in zip((real, fake), NAMES, COLOURS, strict=True):
        top.plot(hz, level, color=colour, lw=2, label=name)
    bottom.plot(hz, fake - real, color="0.2", lw=2)
    bottom.axhline(0, color="0.5", lw=1, ls="--")
    top.set_ylabel("mean level (dB)")
    bottom.set(xlabel="frequency (Hz)", ylabel="fake − real (dB)", xlim=(0, sr / 2))
    top.legend()
    return figure


@styled
def feature_distributions(values, labels, names):
    """Histograms of single features, real and fake.

    Args:
        values: shape (n, len(names)).
        labels: 0 real, 1 fake, shape (n,).
        names: feature names, a panel each.
    """
    columns = 3
    rows = -(-len(names) // columns)
    figure = Picture(3.6 * columns, 2.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in grid[len(names) :]:
        ax.set_axis_off()
    for ax, name, column in zip(grid, names, np.asarray(values).T, strict=False):
        edges = np.histogram_bin_edges(column, 40)
        for label in (0, 1):
            sns.histplot(x=column[labels == label], bins=edges, stat="density", alpha=0.5, color=COLOURS[label], ax=ax)
        ax.set(title=name.replace("_", " "), xlabel="", ylabel="")
        ax.set_yticks([])
    handles = [ax.patches[0], ax.patches[-1]]
    figure.legend(handles, NAMES, loc="outside lower center", ncols=2)
    return figure


@styled
def shortcut_bars(shortcuts, limit):
    """AUC of trivial measures as distance from chance, a panel per data set.

    Args:
        shortcuts: DataFrame with ``measure`` and one AUC column per data set.
        limit: AUC that all measures together must not exceed.
    """
    datasets = [column for column in shortcuts if column != "measure"]
    figure = Picture(3.4 * len(datasets) + 1, 3.6)
    grid = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    names = [name.replace("_", " ") for name in shortcuts["measure"]]
    for ax, dataset in zip(grid, datasets, strict=True):
        colours = ["#949494" if name != "all together" else "#029e73" for name in names]
        ax.barh(names, shortcuts[dataset] - 0.5, left=0.5, color=colours)
        ax.axvline(0.5, color="0.2", lw=1)
        ax.axvline(limit, color="0.2", lw=1, ls="--")
        ax.set(xlim=(0.3, 0.8), xlabel="AUC on testing", title=dataset)
    grid[0].invert_yaxis()
    return figure
